//! From the log to the state, at a start.

use std::path::Path;
use std::thread;

use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::record::{self, RecordError};
use folkmoot_core::snapshot::{self, SnapshotError};
use folkmoot_core::state::{Durable, State, Volatile};
use thiserror::Error;

use crate::store::{BootId, Head, Home, Opened, Seq, Snapshot, Store, StoreError};

/// What the log folds to.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The state; what a crash may take is empty.
    pub state: State,
    /// The last record that is in it.
    pub head: Seq,
    /// The record up to which a snapshot saved the work; 0 for none.
    pub snapshot_seq: Seq,
}

/// Why the state could not be had.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is whole, and yet no event.
    #[error(
        "record {seq} of the log is not an event: {source}; keep the data folder as it is, and \
         start the version of the program that wrote it"
    )]
    Record {
        /// Number of the record.
        seq: Seq,
        /// Why.
        source: RecordError,
    },
}

/// Opens the log in a claimed folder and recovers the state.
///
/// Both take long when the history is long, and neither needs the other until the end: the newest
/// snapshot is read while the log is opened. What is read counts only if the log says that it was
/// there once.
///
/// # Errors
///
/// As [`Store::open`] and [`recover`].
pub fn open(home: Home, boot: BootId) -> Result<(Store, Opened, Recovered), RecoverError> {
    let dir = home.path().to_path_buf();
    let (opened, early) = thread::scope(|scope| {
        let thread = thread::Builder::new().name("folkmoot-recover".to_owned());
        let early = thread.spawn_scoped(scope, || read_early(&dir)).ok();
        let opened = Store::open(home, boot);
        (opened, early.and_then(|early| early.join().ok().flatten()))
    });
    let (store, opened) = opened?;
    let recovered = match early {
        Some((head, durable)) if store.holds(head)? => {
            fold(durable, head.seq, store.records_from(head.seq + 1)?)?
        }
        Some(_) | None => recover(&store)?,
    };
    Ok((store, opened, recovered))
}

fn read_early(dir: &Path) -> Option<(Head, Durable)> {
    let (head, body) = Store::peek_snapshot(dir)?;
    Some((head, load(head.seq, &body).ok()?))
}

/// Loads the newest snapshot that serves, and folds the records behind it.
///
/// # Errors
///
/// [`RecoverError`] when the log cannot be read or understood. A snapshot that does not serve is
/// only worth a warning.
pub fn recover(store: &Store) -> Result<Recovered, RecoverError> {
    let loaded = store.load_snapshot()?;
    for skipped in &loaded.skipped {
        tracing::warn!(path = %skipped.path.display(), why = skipped.why, "snapshot passed over");
    }
    recover_from(loaded.snapshot, |seq| store.records_from(seq))
}

/// Folds the records behind a snapshot, wherever they are; `records` gives those from a number on.
///
/// # Errors
///
/// As [`recover`].
pub fn recover_from<R>(
    snapshot: Option<Snapshot>,
    records: impl FnOnce(Seq) -> Result<R, StoreError>,
) -> Result<Recovered, RecoverError>
where
    R: Iterator<Item = Result<(Seq, Vec<u8>), StoreError>>,
{
    let (durable, snapshot_seq) = snapshot.and_then(read).unwrap_or_default();
    fold(durable, snapshot_seq, records(snapshot_seq + 1)?)
}

fn fold(
    mut durable: Durable,
    snapshot_seq: Seq,
    records: impl Iterator<Item = Result<(Seq, Vec<u8>), StoreError>>,
) -> Result<Recovered, RecoverError> {
    let mut head = snapshot_seq;
    for record in records {
        let (seq, bytes) = record?;
        evolve(&mut durable, &decode(seq, &bytes)?);
        head = seq;
    }
    durable.settle();
    let state = State { durable, volatile: Volatile::default() };
    Ok(Recovered { state, head, snapshot_seq })
}

/// Reads one record.
pub(crate) fn decode(seq: Seq, bytes: &[u8]) -> Result<Event, RecoverError> {
    record::decode(bytes).map_err(|source| RecoverError::Record { seq, source })
}

fn read(snapshot: Snapshot) -> Option<(Durable, Seq)> {
    let Snapshot { seq, body } = snapshot;
    match load(seq, &body) {
        Ok(durable) => Some((durable, seq)),
        Err(error) => {
            tracing::warn!(seq, %error, "snapshot of no use: the whole log is folded");
            None
        }
    }
}

/// Why a snapshot that is whole is of no use.
#[derive(Debug, Error)]
enum Useless {
    #[error(transparent)]
    Unread(#[from] SnapshotError),
    #[error("it holds {0} records")]
    Count(u64),
}

/// Reads the snapshot that was saved at a record. It finds ops by the records that it counted.
fn load(seq: Seq, body: &[u8]) -> Result<Durable, Useless> {
    let durable = snapshot::load(body)?.durable;
    if durable.records == seq { Ok(durable) } else { Err(Useless::Count(durable.records)) }
}

#[cfg(test)]
mod tests {
    use folkmoot_core::governance::table::Ix;
    use folkmoot_core::record::Stored;
    use folkmoot_core::signed::verify;
    use tempfile::TempDir;

    use super::*;
    use crate::ports::Bodies as _;
    use crate::ports::testing::{Bench, claimed, create_group};

    fn open(home: &Path) -> Store {
        Store::open(claimed(home).unwrap(), [4; 16]).unwrap().0
    }

    /// Writes a log of a genesis and so many groups; gives the digest of what is durable.
    fn write(home: &Path, groups: usize, snapshot_every: u64) -> blake3::Hash {
        let mut bench = Bench::on(home, snapshot_every);
        bench.start();
        let namespace = bench.found(1);
        for _ in 0..groups {
            bench.issue(create_group(namespace));
            bench.commit().unwrap();
        }
        let state = durable_digest(bench.executor.state());
        bench.executor.stop().unwrap();
        state
    }

    /// A digest of the durable state, with what is left to be evaluated done.
    fn durable_digest(state: &State) -> blake3::Hash {
        let mut durable = state.durable.clone();
        for known in durable.namespaces.values_mut() {
            known.space.settle(&mut u32::MAX.clone());
        }
        blake3::hash(&snapshot::save(&State { durable, volatile: Volatile::default() }))
    }

    #[test]
    fn the_folded_log_is_the_state_with_a_snapshot_or_without() {
        let home = TempDir::new().unwrap();
        let expected = write(home.path(), 20, 1_000);
        let store = open(home.path());
        let head = store.head().seq;
        let clean = recover(&store).unwrap();
        assert_eq!((clean.head, clean.snapshot_seq), (head, head));
        assert_eq!(durable_digest(&clean.state), expected);
        drop(store);

        std::fs::remove_dir_all(home.path().join("snapshots")).unwrap();
        let folded = recover(&open(home.path())).unwrap();
        assert_eq!((folded.head, folded.snapshot_seq), (head, 0));
        assert_eq!(durable_digest(&folded.state), expected);
    }

    #[test]
    fn records_behind_a_snapshot_are_folded_into_it() {
        let home = TempDir::new().unwrap();
        write(home.path(), 5, 1_000);
        let mut bench = Bench::on(home.path(), 1_000);
        bench.start();
        let namespace = *bench.executor.state().durable.namespaces.keys().next().unwrap();
        bench.issue(create_group(namespace));
        bench.commit().unwrap();
        let expected = durable_digest(bench.executor.state());
        // Dropped as by a crash: no snapshot, no last mark.
        drop(bench);
        let recovered = recover(&open(home.path())).unwrap();
        assert!(recovered.snapshot_seq > 0 && recovered.head > recovered.snapshot_seq);
        assert_eq!(durable_digest(&recovered.state), expected);
    }

    #[test]
    fn what_is_read_while_the_log_opens_is_what_is_read_after() {
        let home = TempDir::new().unwrap();
        let digest = write(home.path(), 12, 8);
        let claimed = claimed(home.path()).unwrap();
        let (store, _, recovered) = super::open(claimed, [5; 16]).unwrap();
        assert!(recovered.snapshot_seq > 0 && recovered.head == store.head().seq);
        assert_eq!(durable_digest(&recovered.state), digest);
    }

    #[test]
    fn a_snapshot_of_another_log_is_not_believed() {
        let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let digest = write(home.path(), 12, 8);
        write(other.path(), 13, 1_000);
        std::fs::remove_dir_all(home.path().join("snapshots")).unwrap();
        std::fs::rename(other.path().join("snapshots"), home.path().join("snapshots")).unwrap();
        let home = claimed(home.path()).unwrap();
        let (_, _, recovered) = super::open(home, [5; 16]).unwrap();
        assert_eq!(recovered.snapshot_seq, 0);
        assert_eq!(durable_digest(&recovered.state), digest);
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_costs_time_only() {
        let home = TempDir::new().unwrap();
        let expected = write(home.path(), 5, 1_000);
        let store = open(home.path());
        store.save_snapshot(store.head().seq, |file| file.write_all(&[99; 10])).unwrap();
        let recovered = recover(&store).unwrap();
        assert_eq!(recovered.snapshot_seq, 0);
        assert_eq!(durable_digest(&recovered.state), expected);
    }

    #[test]
    fn an_op_is_found_by_its_record_after_a_restart_with_a_snapshot_or_without() {
        let home = TempDir::new().unwrap();
        write(home.path(), 20, 1_000);
        for is_snapshot_there in [true, false] {
            if !is_snapshot_there {
                std::fs::remove_dir_all(home.path().join("snapshots")).unwrap();
            }
            let store = open(home.path());
            let recovered = recover(&store).unwrap();
            assert_eq!(recovered.snapshot_seq > 0, is_snapshot_there);
            let durable = &recovered.state.durable;
            assert_eq!(durable.records, store.head().seq);
            let (namespace, known) = durable.namespaces.first_key_value().unwrap();
            let graph = known.space.graph();
            assert_eq!(graph.len(), 21);
            for at in 0..graph.len() {
                let stored = graph.stored(Ix(at));
                let bytes = store.reader().body(&stored).unwrap();
                assert_eq!(verify(&bytes, *namespace).unwrap().id, stored.op);
                let other = Stored { record: stored.record % durable.records + 1, ..stored };
                let error = store.reader().body(&other).unwrap_err();
                assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
            }
            // Together, in the order of the log and out of it, and past one that is not there.
            let mut ops: Vec<_> = (0..graph.len()).map(|at| graph.stored(Ix(at))).collect();
            ops.extend([ops[3], Stored { record: durable.records + 1, ..ops[3] }, ops[20], ops[0]]);
            let reader = store.reader();
            let read: Vec<_> = reader.each(&ops).map(Result::ok).collect();
            let expected = ops.iter().map(|stored| reader.body(stored).ok()).collect::<Vec<_>>();
            assert_eq!(read, expected);
            assert_eq!(read.iter().filter(|body| body.is_none()).count(), 1);
        }
    }

    #[test]
    fn a_snapshot_that_counts_other_records_is_not_believed() {
        let home = TempDir::new().unwrap();
        let expected = write(home.path(), 5, 1_000);
        let store = open(home.path());
        let state = snapshot::save(&recover(&store).unwrap().state);
        std::fs::remove_dir_all(home.path().join("snapshots")).unwrap();
        let save = |seq| store.save_snapshot(seq, |file| file.write_all(&state));
        assert!((1..store.head().seq).rev().any(|seq| save(seq).is_ok()), "an earlier batch");
        let late = recover(&store).unwrap();
        drop(store);
        let (_store, _, early) = super::open(claimed(home.path()).unwrap(), [5; 16]).unwrap();
        for recovered in [late, early] {
            assert_eq!(recovered.snapshot_seq, 0);
            assert_eq!(durable_digest(&recovered.state), expected);
        }
    }

    #[test]
    fn a_record_of_another_schema_is_named() {
        let home = TempDir::new().unwrap();
        write(home.path(), 1, 1_000);
        let mut store = open(home.path());
        store.append(&[vec![record::SCHEMA - 1, 0]]).unwrap();
        let error = recover(&store).unwrap_err().to_string();
        assert!(error.contains("start the version of the program that wrote it"), "{error}");
        assert!(error.contains(&format!("schema {}", record::SCHEMA - 1)), "{error}");
    }

    #[test]
    fn a_record_that_is_no_event_is_named() {
        let home = TempDir::new().unwrap();
        write(home.path(), 1, 1_000);
        let mut store = open(home.path());
        let next = store.head().seq + 1;
        store.append(&[vec![record::SCHEMA, 250]]).unwrap();
        let error = recover(&store).unwrap_err();
        assert!(matches!(error, RecoverError::Record { seq, .. } if seq == next), "{error}");
    }
}
