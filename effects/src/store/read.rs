//! Reading: single records, or all with their chain.

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use fjall::{Database, Guard, Keyspace, Slice};

use super::chain::{Head, Seq, Stamp};
use super::error::on_read;
use super::segment::{Segment, row_key, unseal};
use super::{Home, StoreError, snapshot};

/// The open database. Fields are dropped in this order: the lock goes last.
pub(super) struct Shared {
    pub(super) log: Keyspace,
    pub(super) db: Database,
    pub(super) home: Home,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Shared {
    /// The end of the log, and the run that wrote it; `None` in a log without records.
    pub(super) fn last(&self) -> Result<Option<Stamp>, StoreError> {
        let Some(guard) = self.log.iter().next_back() else { return Ok(None) };
        let (last, row) = open_row(guard, "read the last row")?;
        Ok(Some(stamp(last, &row)?))
    }

    /// The running hash up to the last record of a row, as stored there; `None` for any other.
    pub(super) fn head_at(&self, seq: Seq) -> Result<Option<Head>, StoreError> {
        if seq == 0 {
            return Ok(Some(Head::EMPTY));
        }
        let row = self.log.get(row_key(seq)).map_err(|source| on_read(&reading(seq), source))?;
        row.map(|row| Ok(stamp(seq, &row)?.head)).transpose()
    }

    /// The end of the row before the one that a record should stand in.
    fn head_before(&self, seq: Seq) -> Result<Head, StoreError> {
        let Some(guard) = self.log.range(..row_key(seq)).next_back() else {
            return Ok(Head::EMPTY);
        };
        let (last, row) = open_row(guard, &reading(seq))?;
        Ok(stamp(last, &row)?.head)
    }

    /// The row that a record stands in.
    fn segment_of(&self, seq: Seq) -> Result<Segment, StoreError> {
        let guard = self.log.range(row_key(seq)..).next().ok_or_else(|| gone(seq))?;
        open_segment(guard, seq)
    }
}

/// A handle for threads that only read; cheap to clone.
///
/// It does not keep the store open: after [`super::Store::close`] each call says
/// [`StoreError::Closed`].
#[derive(Clone, Debug)]
pub struct Reader(Weak<Shared>);

impl Reader {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// One record, whose place in the chain is not checked: whoever reads it knows what it is.
    ///
    /// # Errors
    ///
    /// `Closed`; `Damaged` when it is not there, or the database cannot read it; `Io`.
    pub fn record(&self, seq: Seq) -> Result<Vec<u8>, StoreError> {
        self.lookup().record(seq).map(<[u8]>::to_vec)
    }

    /// For reading records of which many stand next to each other.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { reader: self, row: None }
    }

    /// The records from `seq` (the first is 1) to the end that the log has now, each checked.
    ///
    /// # Errors
    ///
    /// `Closed`; `Damaged` or `Io` when the row before that of `seq` cannot be read. The iterator
    /// gives [`StoreError::Damaged`] at a hole or a row that is not the one that was written, and
    /// ends.
    pub fn records_from(&self, seq: Seq) -> Result<Records, StoreError> {
        let shared = self.shared()?;
        let end = shared.last()?.map_or(Head::EMPTY, |last| last.head);
        Records::new(shared, seq, end)
    }

    /// Saves the state that the log up to `seq`, the last record of a batch, folds to. Removes all
    /// but the newest two.
    ///
    /// One call at a time. It blocks for as long as `write` and a sync of the file take.
    ///
    /// # Errors
    ///
    /// `Closed`, `NotInLog` when no batch ends with `seq`, `Full` or `Io`. The log and the
    /// other snapshots are not affected.
    pub fn save_snapshot(
        &self,
        seq: Seq,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let shared = self.shared()?;
        snapshot::save(&shared, seq, write)
    }

    fn shared(&self) -> Result<Arc<Shared>, StoreError> {
        self.0.upgrade().ok_or(StoreError::Closed)
    }
}

/// Reads single records, and keeps the row of the last one: the next one mostly stands in it too.
#[derive(Debug)]
pub struct Lookup<'a> {
    reader: &'a Reader,
    row: Option<Segment>,
}

impl Lookup<'_> {
    /// One record; see [`Reader::record`].
    ///
    /// # Errors
    ///
    /// As [`Reader::record`].
    pub fn record(&mut self, seq: Seq) -> Result<&[u8], StoreError> {
        let shared = self.reader.shared()?;
        let held = self.row.take().filter(|row| row.record(seq).is_some());
        let row = self.row.insert(held.map_or_else(|| shared.segment_of(seq), Ok)?);
        row.record(seq).ok_or_else(|| gone(seq))
    }
}

/// Records in order, each with its number. Keeps the store open while it lives.
pub struct Records {
    rows: fjall::Iter,
    /// The next record.
    seq: Seq,
    /// The row that was read last, and the end of the one before where none was.
    row: Option<Segment>,
    at: Head,
    end: Head,
    /// After `rows`, which reads from it.
    _shared: Arc<Shared>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("seq", &self.seq)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(shared: Arc<Shared>, seq: Seq, end: Head) -> Result<Self, StoreError> {
        let seq = seq.max(1);
        let at = if seq <= end.seq { shared.head_before(seq)? } else { end };
        let rows = shared.log.range(row_key(at.seq + 1)..row_key(end.seq + 1));
        Ok(Self { rows, seq, row: None, at, end, _shared: shared })
    }

    /// The next record; the caller knows that there is one.
    fn read(&mut self) -> Result<Vec<u8>, StoreError> {
        if self.at.seq < self.seq {
            let row = self.next_row()?;
            self.at = row.head();
            self.row = Some(row);
        }
        let record = self.row.as_ref().and_then(|row| row.record(self.seq));
        record.map(<[u8]>::to_vec).ok_or_else(|| gone(self.seq))
    }

    fn next_row(&mut self) -> Result<Segment, StoreError> {
        let next = self.at.seq + 1;
        let row = open_segment(self.rows.next().ok_or_else(|| gone(next))?, next)?;
        if row.first() > next {
            return Err(gone(next));
        }
        let head = row.head();
        if !row.follows(self.at) || (head.seq == self.end.seq && head != self.end) {
            let what = format!("records {next} to {} are not those that were written", head.seq);
            return Err(StoreError::damaged(what));
        }
        Ok(row)
    }
}

impl Iterator for Records {
    type Item = Result<(Seq, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let seq = self.seq;
        if seq > self.end.seq {
            return None;
        }
        let read = self.read();
        // Nothing comes after an error.
        self.seq = if read.is_ok() { seq + 1 } else { self.end.seq + 1 };
        Some(read.map(|record| (seq, record)))
    }
}

fn reading(seq: Seq) -> String {
    format!("read record {seq}")
}

fn gone(seq: Seq) -> StoreError {
    StoreError::damaged(format!("record {seq} is gone"))
}

fn malformed(last: Seq) -> StoreError {
    StoreError::damaged(format!("the row that ends with record {last} is malformed"))
}

/// A row, and the record that it ends with.
fn open_row(guard: Guard, what: &str) -> Result<(Seq, Slice), StoreError> {
    let (key, row) = guard.into_inner().map_err(|source| on_read(what, source))?;
    let key = <[u8; 8]>::try_from(&*key);
    let key = key.map_err(|_| StoreError::damaged("a row has a malformed key"))?;
    Ok((u64::from_be_bytes(key), row))
}

/// A row that is read for the sake of a record.
fn open_segment(guard: Guard, seq: Seq) -> Result<Segment, StoreError> {
    let (last, row) = open_row(guard, &reading(seq))?;
    Segment::parse(last, row).ok_or_else(|| malformed(last))
}

fn stamp(last: Seq, row: &[u8]) -> Result<Stamp, StoreError> {
    unseal(last, row).map(|(_, stamp)| stamp).ok_or_else(|| malformed(last))
}
