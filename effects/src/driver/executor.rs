//! Steps, commits and performs; without a thread or a clock of its own, so that a simulated world
//! drives the same code.

use std::mem;

use folkmoot_core::command::CommandId;
use folkmoot_core::effect::Effect;
use folkmoot_core::event::Event;
use folkmoot_core::input::Input;
use folkmoot_core::record;
use folkmoot_core::snapshot;
use folkmoot_core::state::State;
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};

use super::RUN_MAX;
use super::describe::input_name;
use super::recover::Recovered;
use crate::perform::{Performer, Reply};
use crate::ports::{Appending, Log};
use crate::recorder::Recorder;
use crate::store::{Seq, Snapshot, StoreError};
use crate::wakeup::Wakeup;

/// A run is committed when its batch has this many bytes, whatever else waits. With the largest
/// step behind it, a batch stays below what the store takes.
pub const RUN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A run of so many bytes is worth a sync of its own.
const RUN_BYTES_LARGE: usize = 64 * 1024;

/// The shortest distance between two snapshots in events, unless configured.
pub const SNAPSHOT_EVERY: u64 = 4_096;

/// How many times longer than the distance to the next snapshot the history is, when it is long.
const SNAPSHOT_PART: u64 = 16;

/// How long a mark may be owed, in milliseconds.
pub const UPKEEP_MS: u64 = 1_000;

/// How an [`Executor`] is set up.
pub struct ExecutorConfig {
    /// The log, at the end of what was recovered.
    pub log: Box<dyn Log>,
    /// What effects are performed on.
    pub performer: Performer,
    /// Where inputs are recorded.
    pub recorder: Option<Recorder>,
    /// The shortest distance between two snapshots in events.
    pub snapshot_every: u64,
}

/// The state, its log, and what its effects are performed on.
pub struct Executor {
    state: State,
    log: Box<dyn Log>,
    performer: Performer,
    recorder: Option<Recorder>,
    run: Run,
    /// The run before, on its way to the disk.
    writing: Option<Writing>,
    wakeup: Wakeup,
    step_count: u64,
    /// The last record that is in the state, and on the disk.
    head: Seq,
    snapshots: Snapshots,
}

/// What was stepped and is not durable yet.
#[derive(Default)]
struct Run {
    /// Records of the events.
    batch: Vec<Vec<u8>>,
    bytes: usize,
    effects: Vec<(UnixMillis, Effect)>,
    /// The drafts among the effects.
    drafts: Vec<(UnixMillis, Effect)>,
}

impl Run {
    fn join(&mut self, at: UnixMillis, events: &[Event], effects: Vec<Effect>) {
        for effect in effects {
            let is_draft = matches!(effect, Effect::Sign { .. });
            let list = if is_draft { &mut self.drafts } else { &mut self.effects };
            list.push((at, effect));
        }
        for event in events {
            let record = record::encode(event);
            self.bytes += record.len();
            self.batch.push(record);
        }
    }
}

/// A run whose events are on their way to the disk.
struct Writing {
    appending: Appending,
    /// The last record of the log when they are there.
    head: Seq,
    /// What may be observed then.
    effects: Vec<(UnixMillis, Effect)>,
}

/// When the state is kept to start from.
struct Snapshots {
    every: u64,
    last: Seq,
}

impl Snapshots {
    /// A snapshot costs time in proportion to the whole history; so may the distance between two,
    /// and the share of the work that they take stays the same. It is also the share of the
    /// history that a start after a kill folds at most.
    fn is_due(&self, head: Seq) -> bool {
        head.saturating_sub(self.last) >= self.every.max(self.last / SNAPSHOT_PART)
    }
}

impl Executor {
    /// An executor on a recovered state.
    pub fn new(recovered: Recovered, config: ExecutorConfig) -> Self {
        let Recovered { state, head, snapshot_seq, .. } = recovered;
        let ExecutorConfig { log, performer, recorder, snapshot_every } = config;
        Self {
            state,
            log,
            performer,
            recorder,
            run: Run::default(),
            writing: None,
            wakeup: Wakeup::default(),
            step_count: 0,
            head,
            snapshots: Snapshots { every: snapshot_every, last: snapshot_seq },
        }
    }

    /// The state. Only what was committed may be shown to anybody.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When to look up although nothing came.
    pub fn wakeup(&self) -> Wakeup {
        self.wakeup
    }

    /// Names a command, and keeps its way back until its one reply.
    pub fn expect(&mut self, reply: Reply) -> CommandId {
        self.performer.expect(reply)
    }

    /// Steps one input. What comes of it waits for [`Executor::commit`], which this calls itself
    /// when the batch has grown large.
    ///
    /// # Errors
    ///
    /// As [`Executor::commit`].
    pub fn take(&mut self, now: Now, input: Input) -> Result<(), StoreError> {
        if self.writing.as_mut().is_some_and(|writing| writing.appending.is_done()) {
            self.finish()?;
        }
        self.join(now, input);
        if self.run.bytes >= RUN_BYTES_MAX {
            return self.commit(now);
        }
        // What a large step orders must not wait for all that is stepped beside it.
        let is_large = self.run.bytes >= RUN_BYTES_LARGE;
        if is_large && self.writing.is_none() { self.commit_behind(now) } else { Ok(()) }
    }

    fn join(&mut self, now: Now, input: Input) {
        let name = input_name(&input);
        let output = self.step(now, input);
        let Output { events, effects, wake_at } = output;
        tracing::debug!(
            step = self.step_count,
            input = name,
            events = events.len(),
            effects = effects.len(),
            "step"
        );
        self.step_count += 1;
        self.wakeup.step = wake_at;
        self.run.join(now.unix, &events, effects);
    }

    /// Makes the events of all steps so far durable, with one sync, then performs their effects in
    /// order.
    ///
    /// What they want signed is signed before, and belongs to the run. A signature alone is not
    /// observable: it leaves the process with an op that is durable, or not at all. So commands
    /// that wait for one chain share a sync too.
    ///
    /// # Errors
    ///
    /// When the log fails; nothing was performed then, and nothing may be any more.
    pub fn commit(&mut self, now: Now) -> Result<(), StoreError> {
        self.finish()?;
        loop {
            let Run { batch, effects, .. } = self.end_run(now);
            if !batch.is_empty() {
                self.head = self.log.append(&batch)?;
                debug_assert_eq!(self.head, self.state.durable.records, "a record for each event");
            }
            self.perform(effects);
            if self.run.drafts.is_empty() {
                return Ok(());
            }
        }
    }

    /// As [`Executor::commit`], for as long as there is more to step: what came of the steps so far
    /// is written while others are made, and performed once it is durable. At most one run is under
    /// way; this waits for the one before.
    ///
    /// # Errors
    ///
    /// As [`Executor::commit`].
    pub fn commit_behind(&mut self, now: Now) -> Result<(), StoreError> {
        self.finish()?;
        // What is left to sign belongs to the next run.
        let Run { batch, effects, .. } = self.end_run(now);
        if batch.is_empty() {
            self.perform(effects);
            return Ok(());
        }
        let head = self.state.durable.records;
        self.writing = Some(Writing { appending: self.log.begin_append(batch), head, effects });
        Ok(())
    }

    /// Waits until the run before is durable, and performs its effects.
    fn finish(&mut self) -> Result<(), StoreError> {
        let Some(Writing { appending, head, effects }) = self.writing.take() else { return Ok(()) };
        self.head = appending.wait()?;
        debug_assert_eq!(self.head, head, "a record for each event");
        self.perform(effects);
        Ok(())
    }

    /// Takes what is ready to be written. Drafts that it had no room for begin the next run.
    fn end_run(&mut self, now: Now) -> Run {
        self.sign(now);
        // First: what can be observed is recorded, whenever the process is killed.
        if let Some(recorder) = &mut self.recorder {
            recorder.flush();
        }
        let drafts = mem::take(&mut self.run.drafts);
        let run = mem::replace(&mut self.run, Run { drafts, ..Run::default() });
        if !run.batch.is_empty() {
            self.owe_upkeep(now.mono);
        }
        run
    }

    fn perform(&mut self, effects: Vec<(UnixMillis, Effect)>) {
        for (at, effect) in effects {
            self.performer.perform(at, effect);
        }
    }

    /// Signs drafts and steps the answers, while the run is small enough. While the disk is nearly
    /// full nothing is signed, and whoever wanted it is told.
    fn sign(&mut self, now: Now) {
        if self.run.drafts.is_empty() {
            return;
        }
        let shortage = self.log.shortage();
        let mut left = RUN_MAX;
        while left > 0 && self.run.bytes < RUN_BYTES_MAX && !self.run.drafts.is_empty() {
            for (at, draft) in mem::take(&mut self.run.drafts) {
                match shortage {
                    None => self.performer.perform(at, draft),
                    Some(shortage) => self.performer.decline(&draft, shortage),
                }
            }
            for answer in self.performer.take_answers() {
                self.join(now, answer);
                left = left.saturating_sub(1);
            }
        }
    }

    /// Marks the log and keeps the state, where that is due; to be called after a commit.
    ///
    /// # Errors
    ///
    /// When the log fails.
    pub fn upkeep(&mut self, now: Now) -> Result<(), StoreError> {
        if !self.wakeup.is_upkeep_due(now.mono) {
            return Ok(());
        }
        self.wakeup.upkeep = None;
        self.finish()?;
        self.log.mark(now.mono)?;
        if self.snapshots.is_due(self.head) {
            self.keep_snapshot(now);
        }
        Ok(())
    }

    /// Ends in order. To be called after a commit.
    ///
    /// # Errors
    ///
    /// When the last mark of the log could not be written.
    pub fn stop(self) -> Result<(), StoreError> {
        let is_new = self.head > self.snapshots.last && self.state.is_settled();
        let last = is_new.then(|| Snapshot { seq: self.head, body: snapshot::save(&self.state) });
        self.log.close(last)
    }

    fn step(&mut self, now: Now, input: Input) -> Output {
        let Some(recorder) = self.recorder.as_mut().filter(|recorder| recorder.is_working()) else {
            return step(&mut self.state, now, input);
        };
        if recorder.wants_file() && self.state.is_settled() {
            self.state.forget_caches();
            recorder.begin_file(&snapshot::save(&self.state));
        }
        let frame = recorder.frame(now, &input);
        let output = step(&mut self.state, now, input);
        recorder.finish(frame, &output);
        output
    }

    fn owe_upkeep(&mut self, now: MonoMillis) {
        self.wakeup.upkeep.get_or_insert(now.plus(UPKEEP_MS));
    }

    /// Not before the state is settled: what is left of a step cannot be saved.
    fn keep_snapshot(&mut self, now: Now) {
        if !self.state.is_settled() {
            return self.owe_upkeep(now.mono);
        }
        self.snapshots.last = self.head;
        self.log.save_snapshot(Snapshot { seq: self.head, body: snapshot::save(&self.state) });
    }
}
