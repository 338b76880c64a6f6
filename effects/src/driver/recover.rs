//! From the log to the state, at a start.

use std::path::Path;
use std::thread;

use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::id::OpId;
use folkmoot_core::record::{self, RecordError};
use folkmoot_core::snapshot;
use folkmoot_core::state::{Durable, State, Volatile};
use thiserror::Error;

use crate::ports::Bodies;
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
            fold(durable, head.seq, store.records_from(head.seq + 1)?, &store.reader())?
        }
        Some(_) | None => recover(&store)?,
    };
    Ok((store, opened, recovered))
}

fn read_early(dir: &Path) -> Option<(Head, Durable)> {
    let (head, body) = Store::peek_snapshot(dir)?;
    Some((head, snapshot::load(&body).ok()?.durable))
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
    recover_from(loaded.snapshot, |seq| store.records_from(seq), &store.reader())
}

/// Folds the records behind a snapshot, wherever they are; `records` gives those from a number on.
///
/// # Errors
///
/// As [`recover`].
pub fn recover_from<R>(
    snapshot: Option<Snapshot>,
    records: impl FnOnce(Seq) -> Result<R, StoreError>,
    bodies: &dyn Bodies,
) -> Result<Recovered, RecoverError>
where
    R: Iterator<Item = Result<(Seq, Vec<u8>), StoreError>>,
{
    let (durable, snapshot_seq) = snapshot.and_then(read).unwrap_or_default();
    fold(durable, snapshot_seq, records(snapshot_seq + 1)?, bodies)
}

fn fold(
    mut durable: Durable,
    snapshot_seq: Seq,
    records: impl Iterator<Item = Result<(Seq, Vec<u8>), StoreError>>,
    bodies: &dyn Bodies,
) -> Result<Recovered, RecoverError> {
    let mut head = snapshot_seq;
    for record in records {
        let (seq, bytes) = record?;
        evolve(&mut durable, &decode(bodies, seq, &bytes)?);
        head = seq;
    }
    durable.settle();
    let state = State { durable, volatile: Volatile::default() };
    Ok(Recovered { state, head, snapshot_seq })
}

/// Reads one record, with the body of its op.
pub(crate) fn decode(bodies: &dyn Bodies, seq: Seq, bytes: &[u8]) -> Result<Event, RecoverError> {
    let mut failed = None;
    let body = |op: &OpId| {
        bodies.body(op).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    };
    let event = record::decode(bytes, body);
    match failed {
        Some(error) => Err(error.into()),
        None => event.map_err(|source| RecoverError::Record { seq, source }),
    }
}

fn read(snapshot: Snapshot) -> Option<(Durable, Seq)> {
    let Snapshot { seq, body } = snapshot;
    match snapshot::load(&body) {
        Ok(state) => Some((state.durable, seq)),
        Err(error) => {
            tracing::warn!(seq, %error, "snapshot of another version: the whole log is folded");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::ports::testing::{Bench, create_group};
    use crate::store::Batch;

    fn open(home: &Path) -> Store {
        Store::open(Home::claim(home, &[]).unwrap(), [4; 16]).unwrap().0
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
        let claimed = Home::claim(home.path(), &[]).unwrap();
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
        let home = Home::claim(home.path(), &[]).unwrap();
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
    fn a_record_that_is_no_event_is_named() {
        let home = TempDir::new().unwrap();
        write(home.path(), 1, 1_000);
        let mut store = open(home.path());
        let next = store.head().seq + 1;
        store.append(&Batch { records: vec![vec![1, 250]], blobs: vec![] }).unwrap();
        let error = recover(&store).unwrap_err();
        assert!(matches!(error, RecoverError::Record { seq, .. } if seq == next), "{error}");
    }
}
