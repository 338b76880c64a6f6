//! The executor and its loop, on ports in memory.

mod behind;
mod helping;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::command::{Command, CommandId, Outcome, Refusal, Shortage};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::input::Input;
use folkmoot_core::limits::{OP_BYTES_MAX, RULES_VERSION};
use folkmoot_core::signed::{SignedOp, Unsigned};
use folkmoot_core::snapshot;
use folkmoot_core::statement::HeadSummary;
use folkmoot_core::wire::Gossip;

use super::*;
use crate::net::{NetCommand, NetGone};
use crate::perform::Performer;
use crate::ports::memory::{MemoryLog, MemoryNet};
use crate::ports::testing::{
    Bench, Keys, Outcomes, create_group, found, member, outside, stored_ops,
};
use crate::ports::{Bodies, Net, Signer as _, SystemClock};

fn accepted(outcome: &Outcome) -> (NamespaceId, OpId) {
    let Outcome::Accepted { namespace, op, .. } = outcome else { panic!("{outcome:?}") };
    (*namespace, *op)
}

#[test]
fn a_command_is_answered_once_and_is_durable_then() {
    let mut bench = Bench::new();
    bench.start();
    bench.issue(found(1));
    assert_eq!(bench.outcomes.all(), []);
    bench.commit().unwrap();
    let outcomes = bench.outcomes.all();
    assert_eq!(outcomes.len(), 1);
    let (namespace, op) = accepted(&outcomes[0].1);
    let stored = bench.executor.state().stored(&op).unwrap();
    assert!(bench.log.body(&stored).is_ok());
    assert!(bench.executor.state().durable.namespaces.contains_key(&namespace));
    for _ in 0..3 {
        bench.take(Input::Wake);
        bench.commit().unwrap();
    }
    assert_eq!(bench.outcomes.all().len(), 1);
}

#[test]
fn while_the_disk_is_nearly_full_a_command_is_refused_and_nothing_is_signed() {
    let mut bench = Bench::new();
    bench.start();
    let namespace = bench.found(1);
    drop(bench.net.take());
    let shortage = Shortage { free_bytes: 5, reserve_bytes: 6 };
    bench.log.with(|rows| rows.shortage = Some(shortage));
    let rows_before = bench.log.with(|rows| rows.records.len());
    bench.issue(create_group(namespace));
    bench.issue(create_group(namespace));
    bench.issue(found(2));
    bench.commit().unwrap();
    let outcomes = bench.outcomes.all();
    let refused = Outcome::Refused(Refusal::NoRoom(shortage));
    assert_eq!(outcomes.len(), 4);
    assert!(outcomes.iter().skip(1).all(|(_, outcome)| *outcome == refused), "{outcomes:?}");
    assert_eq!(bench.net.take(), []);
    assert_eq!(bench.log.with(|rows| rows.records.len()), rows_before);
    // With space again the chain goes on where it was.
    bench.log.with(|rows| rows.shortage = None);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    accepted(&bench.outcomes.all()[4].1);
}

/// Registers so many contexts at once, all with the same past: each becomes a head.
fn fan_out(bench: &mut Bench, namespace: NamespaceId, count: u8) {
    let space = &bench.executor.state().durable.namespaces[&namespace].space;
    let payload = |application| Payload {
        rules: RULES_VERSION,
        namespace,
        group: namespace.root(),
        signer: member(1),
        nonce: 2,
        parents: Bounded::new(space.heads()).unwrap(),
        state_hash: space.group_root(&namespace.root()),
        body: Body::ContextRegistered { application: [application; 32] },
    };
    let sign = |payload| {
        let op = Unsigned::new(payload).unwrap();
        let own = Keys::of(1).sign(&member(1), &op.id().0).unwrap();
        op.seal(&own).unwrap()
    };
    let ops = (0..count).map(|number| sign(payload(number))).collect();
    bench.take(Input::OpsImported { command: CommandId(u64::MAX), namespace, ops });
    while bench.executor.wakeup().is_step_due(bench.clock.now().mono) {
        bench.take(Input::Wake);
    }
    bench.commit().unwrap();
}

#[test]
fn gov_21_heads_that_cannot_be_joined_do_not_keep_a_command_waiting() {
    let mut bench = Bench::new();
    bench.start();
    let namespace = bench.found(1);
    let shortage = Shortage { free_bytes: 5, reserve_bytes: 6 };
    bench.log.with(|rows| rows.shortage = Some(shortage));
    // So many that the owner's node would anchor them, and join the heads for that.
    fan_out(&mut bench, namespace, 65);
    let heads =
        |bench: &Bench| bench.executor.state().durable.namespaces[&namespace].space.heads().len();
    assert_eq!(heads(&bench), 65);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    assert_eq!(bench.outcomes.all()[1].1, Outcome::Refused(Refusal::NoRoom(shortage)));
    bench.log.with(|rows| rows.shortage = None);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    accepted(&bench.outcomes.all()[2].1);
    assert_eq!(heads(&bench), 1);
}

#[test]
fn a_failed_append_performs_nothing() {
    let mut bench = Bench::new();
    bench.start();
    let namespace = bench.found(1);
    drop(bench.net.take());
    bench.log.with(|rows| rows.is_full = true);
    let rows_before = bench.log.with(|rows| rows.records.len());
    bench.issue(create_group(namespace));
    bench.issue(found(2));
    bench.issue(create_group(NamespaceId([9; 32])));
    assert!(matches!(bench.commit(), Err(StoreError::Full { .. })));
    assert_eq!(bench.net.take(), []);
    assert_eq!(bench.outcomes.all().len(), 1, "not even a refusal");
    assert_eq!(bench.log.with(|rows| rows.records.len()), rows_before);
}

fn appends_and_ops(bench: &Bench) -> (u64, usize) {
    (bench.log.with(|rows| rows.append_count), stored_ops(&bench.log).len())
}

#[test]
fn steps_of_one_run_share_one_append() {
    let mut bench = Bench::new();
    bench.start();
    let owners = [1, 2, 3];
    for owner in owners {
        bench.issue(found(owner));
    }
    bench.commit().unwrap();
    assert_eq!(bench.outcomes.all().len(), owners.len());
    assert_eq!(appends_and_ops(&bench), (1, owners.len()));
}

#[test]
fn commands_that_wait_for_one_chain_share_an_append_up_to_the_size_of_a_run() {
    let mut bench = Bench::new();
    bench.start();
    let namespace = bench.found(1);
    for _ in 0..40 {
        bench.issue(create_group(namespace));
    }
    bench.commit().unwrap();
    assert_eq!(appends_and_ops(&bench), (2, 41));
    for _ in 0..=RUN_MAX {
        bench.issue(create_group(namespace));
    }
    bench.commit().unwrap();
    // The reducer may have written anchors of its own between them.
    let (appends, ops) = appends_and_ops(&bench);
    assert!(appends == 4 && ops >= 42 + RUN_MAX, "{appends} appends of {ops} ops");
    assert_eq!(bench.outcomes.all().len(), 42 + RUN_MAX);
}

#[test]
fn a_run_without_events_appends_nothing() {
    let mut bench = Bench::new();
    bench.start();
    bench.issue(create_group(NamespaceId([9; 32])));
    bench.commit().unwrap();
    assert_eq!(bench.outcomes.all().len(), 1);
    assert_eq!(bench.log.with(|rows| rows.append_count), 0);
}

/// A network that looks into the log before it sends.
struct Suspicious {
    log: MemoryLog,
    net: MemoryNet,
}

impl Net for Suspicious {
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        if let NetCommand::Publish { bytes, .. } = &command {
            // A beacon names heads, which are ops.
            let heads: Vec<OpId> = match Gossip::decode(bytes).unwrap() {
                Gossip::Op(op) => {
                    let signed: SignedOp = codec::decode(&op, OP_BYTES_MAX).unwrap();
                    vec![signed.id()]
                }
                Gossip::Beacon(beacon) => match beacon.statement.heads {
                    HeadSummary::All(heads) => heads.into_vec(),
                    HeadSummary::Many { .. } => panic!("too many heads"),
                },
                other @ (Gossip::Probe { .. } | Gossip::Again { .. }) => {
                    panic!("not said by a founder who is alone: {other:?}")
                }
            };
            let durable = stored_ops(&self.log);
            assert!(heads.iter().all(|head| durable.contains(head)), "not durable");
        }
        self.net.send(command)
    }
}

#[test]
fn nothing_is_published_before_it_is_durable() {
    let (log, net) = (MemoryLog::default(), MemoryNet::default());
    let spy = Suspicious { log: log.clone(), net: net.clone() };
    let config = ExecutorConfig {
        log: Box::new(log.clone()),
        performer: Performer::new(outside(&log, Arc::new(spy))),
        recorder: None,
        snapshot_every: SNAPSHOT_EVERY,
    };
    let mut bench = Bench::new();
    bench.executor = Executor::new(Recovered::default(), config);
    bench.start();
    let namespace = bench.found(1);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    let published = |command: &NetCommand| matches!(command, NetCommand::Publish { .. });
    assert!(net.take().iter().filter(|command| published(command)).count() >= 1);
}

#[test]
fn marks_follow_appends_within_a_second() {
    let mut bench = Bench::new();
    bench.start();
    assert_eq!(bench.executor.wakeup().upkeep, None);
    bench.found(1);
    let due = bench.executor.wakeup().upkeep.unwrap();
    assert_eq!(due, bench.clock.now().mono.plus(UPKEEP_MS));
    bench.executor.upkeep(bench.clock.now()).unwrap();
    assert_eq!(bench.log.with(|rows| rows.mark_count), 0);
    bench.clock.advance(UPKEEP_MS);
    bench.executor.upkeep(bench.clock.now()).unwrap();
    assert_eq!(bench.log.with(|rows| rows.mark_count), 1);
    assert_eq!(bench.executor.wakeup().upkeep, None);
}

#[test]
fn a_snapshot_is_kept_every_so_many_events_and_at_the_end() {
    let mut bench = Bench::with(None, 4);
    bench.start();
    let namespace = bench.found(1);
    let kept = |bench: &Bench| bench.log.with(|rows| rows.snapshot.as_ref().map(|s| s.seq));
    assert_eq!(kept(&bench), None);
    for _ in 0..2 {
        bench.issue(create_group(namespace));
        bench.commit().unwrap();
    }
    bench.upkeep();
    assert_eq!(kept(&bench), Some(4));
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    let state = snapshot::save(bench.executor.state());
    bench.executor.stop().unwrap();
    let rows = bench.log.with(|rows| rows.clone());
    assert!(rows.is_closed);
    let last = rows.snapshot.unwrap();
    assert_eq!((last.seq, last.body), (rows.records.len() as u64, state));
}

/// A driver, and what tells it.
fn driver(log: &MemoryLog) -> (Driver, SyncSender<Message>) {
    let (inbox, messages) = sync_channel(8);
    let outside = outside(log, Arc::new(MemoryNet::default()));
    let config = ExecutorConfig {
        log: Box::new(log.clone()),
        performer: Performer::new(outside),
        recorder: None,
        snapshot_every: SNAPSHOT_EVERY,
    };
    let executor = Executor::new(Recovered::default(), config);
    (Driver::new(executor, messages, Arc::new(SystemClock::new())), inbox)
}

/// The whole loop on its thread.
struct Running {
    inbox: SyncSender<Message>,
    log: MemoryLog,
    outcomes: Outcomes,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    fn start() -> Self {
        let log = MemoryLog::default();
        let (driver, inbox) = driver(&log);
        let thread =
            thread::spawn(move || driver.run([7; 32], PeerKey::default(), Settings::default()));
        Self { inbox, log, outcomes: Outcomes::default(), thread }
    }

    fn command(&self, number: usize, wish: Command) {
        let reply = self.outcomes.reply(number);
        self.inbox.send(Message::Command { wish, reply }).unwrap();
    }

    /// Waits until so many commands have ended.
    fn wait(&self, count: usize) -> Vec<(usize, Outcome)> {
        for _ in 0..2_000 {
            let outcomes = self.outcomes.all();
            if outcomes.len() >= count {
                return outcomes;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{count} outcomes expected, {:?} came", self.outcomes.all());
    }

    fn stop(self) -> Result<(), StoreError> {
        // A driver that has failed has closed its inbox.
        let _ = self.inbox.send(Message::Stop);
        self.thread.join().unwrap()
    }
}

#[test]
fn the_loop_carries_out_commands_and_stops_when_told_to() {
    let running = Running::start();
    running.command(0, found(1));
    let (namespace, _) = accepted(&running.wait(1)[0].1);
    let count = 40;
    for number in 1..=count {
        running.command(number, create_group(namespace));
    }
    let outcomes = running.wait(count + 1);
    let numbers: Vec<usize> = outcomes.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..=count).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|(_, outcome)| accepted(outcome).0 == namespace));
    let log = running.log.clone();
    running.stop().unwrap();
    assert!(log.with(|rows| rows.is_closed));
    assert_eq!(stored_ops(&log).len(), count + 1);
}

#[test]
fn a_question_sees_what_is_durable_and_nothing_else() {
    let running = Running::start();
    running.command(0, found(1));
    let (answer, answers) = sync_channel(64);
    for _ in 0..64 {
        let (answer, log) = (answer.clone(), running.log.clone());
        let query = move |state: &State| {
            let known = state.durable.namespaces.values();
            let ops: u64 = known.map(|known| u64::from(known.space.graph().len())).sum();
            answer.send((ops, stored_ops(&log).len() as u64)).unwrap();
        };
        running.inbox.send(Message::Query(Box::new(query))).unwrap();
    }
    for (seen, durable) in answers.iter().take(64) {
        assert_eq!(seen, durable);
    }
    running.wait(1);
    running.stop().unwrap();
}

#[test]
fn a_failed_append_ends_the_loop_and_leaves_no_reply() {
    let running = Running::start();
    running.log.with(|rows| rows.is_full = true);
    running.command(0, found(1));
    let outcomes = running.outcomes.clone();
    let Running { thread, .. } = running;
    assert!(matches!(thread.join().unwrap(), Err(StoreError::Full { .. })));
    assert_eq!(outcomes.all(), []);
}

#[test]
fn a_restart_after_every_append_gives_the_state_of_then() {
    let mut bench = Bench::with(None, 3);
    bench.start();
    let namespace = bench.found(1);
    for number in 0..10 {
        bench.issue(if number == 5 { found(2) } else { create_group(namespace) });
        bench.commit().unwrap();
        bench.upkeep();
        let recovered = bench.log.recover().unwrap();
        assert_eq!(recovered.head, bench.log.with(|rows| rows.records.len() as u64));
        let known = |state: &State| -> Vec<_> {
            let mut durable = state.durable.clone();
            let known = durable.namespaces.iter_mut().map(|(namespace, known)| {
                known.space.settle(&mut u32::MAX.clone());
                (*namespace, known.space.heads(), known.space.view().state_root())
            });
            known.collect()
        };
        assert_eq!(known(&recovered.state), known(bench.executor.state()));
    }
    assert!(bench.log.recover().unwrap().snapshot_seq > 0);
}
