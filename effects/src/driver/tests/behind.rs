//! Runs that are written while others are stepped, on a log that answers when it is told to.

use std::collections::VecDeque;
use std::sync::Mutex;

use folkmoot_core::time::MonoMillis;

use super::*;
use crate::ports::{Appending, Log, locked};
use crate::store::{Seq, Snapshot};

/// A log in memory whose disk waits for a word.
#[derive(Clone, Default)]
struct SlowLog {
    memory: MemoryLog,
    orders: Arc<Mutex<VecDeque<Order>>>,
}

type Order = (Vec<Vec<u8>>, SyncSender<Result<Seq, StoreError>>);

impl SlowLog {
    /// Whether something is being written.
    fn is_writing(&self) -> bool {
        !locked(&self.orders).is_empty()
    }

    /// Ends what is being written.
    fn answer(&self) {
        let (records, answer) = locked(&self.orders).pop_front().expect("something is written");
        answer.send(self.memory.clone().append(&records)).unwrap();
    }
}

impl Log for SlowLog {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        assert!(!self.is_writing(), "one write at a time");
        self.memory.append(records)
    }

    fn begin_append(&mut self, records: Vec<Vec<u8>>) -> Appending {
        assert!(!self.is_writing(), "one write at a time");
        let (answer, appending) = Appending::coming();
        locked(&self.orders).push_back((records, answer));
        appending
    }

    fn mark(&mut self, now: MonoMillis) -> Result<bool, StoreError> {
        assert!(!self.is_writing(), "one write at a time");
        self.memory.mark(now)
    }

    fn shortage(&self) -> Option<Shortage> {
        None
    }

    fn save_snapshot(&mut self, snapshot: Snapshot) {
        assert!(!self.is_writing(), "only of what is on the disk");
        self.memory.save_snapshot(snapshot);
    }

    fn close(self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError> {
        Box::new(self.memory).close(last)
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        self.memory.bodies()
    }
}

/// An executor on such a log, in which a namespace was founded.
fn slow(snapshot_every: u64) -> (Bench, SlowLog, NamespaceId) {
    let mut bench = Bench::new();
    let log = SlowLog::default();
    let outside = outside(&log, Arc::new(bench.net.clone()));
    let performer = Performer::new(outside);
    let port = Box::new(log.clone());
    let config = ExecutorConfig { log: port, performer, recorder: None, snapshot_every };
    bench.executor = Executor::new(Recovered::default(), config);
    bench.start();
    let namespace = bench.found(1);
    drop(bench.net.take());
    (bench, log, namespace)
}

fn published(bench: &Bench) -> usize {
    let is_op = |command: &NetCommand| {
        let NetCommand::Publish { bytes, .. } = command else { return false };
        matches!(Gossip::decode(bytes), Ok(Gossip::Op(_)))
    };
    bench.net.take().iter().filter(|command| is_op(command)).count()
}

fn commit_behind(bench: &mut Bench) {
    bench.executor.commit_behind(bench.clock.now()).unwrap();
}

#[test]
fn a_run_that_is_being_written_is_not_seen_while_others_are_stepped() {
    let (mut bench, log, namespace) = slow(SNAPSHOT_EVERY);
    bench.issue(create_group(namespace));
    commit_behind(&mut bench);
    for _ in 0..3 {
        bench.issue(create_group(namespace));
    }
    assert!(log.is_writing());
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (1, 0));
    log.answer();
    // The next step finds it done; what it brings itself is not yet.
    bench.issue(create_group(namespace));
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (2, 1));
    bench.commit().unwrap();
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (6, 4));
    assert_eq!(stored_ops(&log.memory).len(), 6);
}

#[test]
fn a_second_run_waits_for_the_first() {
    let (mut bench, log, namespace) = slow(SNAPSHOT_EVERY);
    bench.issue(create_group(namespace));
    commit_behind(&mut bench);
    bench.issue(create_group(namespace));
    let (waiting, disk) = (log.clone(), log.clone());
    let slow_disk = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        disk.answer();
    });
    commit_behind(&mut bench);
    slow_disk.join().unwrap();
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (2, 1));
    assert!(waiting.is_writing());
    waiting.answer();
    bench.commit().unwrap();
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (3, 1));
}

#[test]
fn a_write_that_fails_behind_performs_nothing() {
    let (mut bench, log, namespace) = slow(SNAPSHOT_EVERY);
    bench.issue(create_group(namespace));
    commit_behind(&mut bench);
    bench.issue(create_group(namespace));
    log.memory.with(|rows| rows.is_full = true);
    log.answer();
    assert!(matches!(bench.commit(), Err(StoreError::Full { .. })));
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (1, 0));
}

#[test]
fn a_disk_whose_thread_is_gone_is_a_failed_write() {
    let (mut bench, log, namespace) = slow(SNAPSHOT_EVERY);
    bench.issue(create_group(namespace));
    commit_behind(&mut bench);
    locked(&log.orders).clear();
    assert!(matches!(bench.commit(), Err(StoreError::Poisoned)));
    assert_eq!((bench.outcomes.all().len(), published(&bench)), (1, 0));
}

#[test]
fn a_mark_and_a_snapshot_wait_for_what_is_being_written() {
    let (mut bench, log, namespace) = slow(1);
    bench.issue(create_group(namespace));
    commit_behind(&mut bench);
    let disk = log.clone();
    let slow_disk = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        disk.answer();
    });
    bench.upkeep();
    slow_disk.join().unwrap();
    let rows = log.memory.with(|rows| rows.clone());
    assert_eq!(rows.snapshot.map(|snapshot| snapshot.seq), Some(rows.records.len() as u64));
    assert_eq!(rows.mark_count, 1);
}
