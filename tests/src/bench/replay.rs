//! A recording is replayed, beside the run that made it.
//!
//! That run is one of a node that hears of one op after the other: each is decoded, its signature
//! checked, stepped, recorded and written to a log on the disk. A replay checks that the same comes
//! of each step, and performs nothing.

use super::Options;
use super::disk;
use super::history::{History, wire};
use super::measure::{Clock, Measured, repeat, time};
use super::node::{PEER, time_of};
use super::report::{Goal, Report, Row};
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::input::MessageId;
use folkmoot_core::key::Signers;
use folkmoot_core::receive;
use folkmoot_core::wire::{Gossip, OpBytes};
use folkmoot_effects::recorder::{Recorder, RecorderLimits};
use folkmoot_effects::replay::replay;
use std::path::Path;
use tempfile::TempDir;

/// Who signs what is heard.
const SIGNERS: usize = 16;
/// Inputs that share a sync.
const RUN_INPUTS: usize = 256;

/// What a node hears.
struct Heard {
    namespace: NamespaceId,
    messages: Vec<Vec<u8>>,
}

impl Heard {
    fn of(op_count: usize) -> Self {
        let mut history = History::of(SIGNERS);
        history.write(op_count);
        let ops = wire(&history.ops).into_iter().filter_map(OpBytes::new);
        let messages = ops.map(|op| Gossip::Op(op).encode()).collect();
        Self { namespace: history.namespace(), messages }
    }

    /// The run of a node, with all that a run takes.
    fn record(&self, home: &Path, recording: &Path) {
        let limits = RecorderLimits { files_max: usize::MAX, ..RecorderLimits::default() };
        let recorder = Recorder::open(recording, limits, [2; 16]);
        let recorder = recorder.expect("a recording can be begun");
        let (namespace, nobody) = (self.namespace, MemberId([0xdd; 32]));
        let mut executor = disk::begin_recording(home, namespace, nobody, recorder);
        let mut signers = Signers::default();
        let mut heard = (0..).map(MessageId).zip(&self.messages);
        for _ in self.messages.chunks(RUN_INPUTS) {
            let mut now = time_of(0);
            for (number, message) in heard.by_ref().take(RUN_INPUTS) {
                let input = receive::gossip(&mut signers, number, PEER, namespace, message);
                now = time_of(number.0);
                executor.take(now, input).expect("the disk serves");
            }
            executor.commit(now).expect("the disk serves");
            executor.upkeep(now).expect("the disk serves");
        }
        let known = executor.state().durable.namespaces.get(&namespace).expect("it was opened");
        assert_eq!(known.space.graph().len() as usize, self.messages.len(), "all is stored");
        executor.stop().expect("the disk serves");
    }

    fn round(&self, measured: &mut Measured) {
        let (home, recording) = (TempDir::new(), TempDir::new());
        let home = home.expect("a folder can be had");
        let recording = recording.expect("a folder can be had");
        let count = self.messages.len();
        let run = time(Clock::Cpu, || self.record(home.path(), recording.path()));
        measured.yardstick.add(run, count);
        let mut report = None;
        let again = time(Clock::Cpu, || {
            report = Some(replay(recording.path(), None, &mut |_| ()).expect("it can be read"));
        });
        measured.ours.add(again, count);
        let report = report.expect("it was replayed");
        assert!(report.is_same() && report.torn.is_empty(), "{report:?}");
        assert!(report.step_count >= count as u64, "{report:?}");
    }
}

/// Recordings of a hundred thousand and of a million inputs.
pub(super) fn run(options: Options, report: &mut Report) {
    for size in options.sizes(&[100_000, 1_000_000], &[300]) {
        let heard = Heard::of(size);
        let measured: Measured = repeat(options, |measured| heard.round(measured));
        report.row(&Row::new("replay", size, &measured, Goal::RatioAtMost(0.5)));
    }
}
