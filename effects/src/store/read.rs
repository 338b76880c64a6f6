//! Reading: one record, or all with their chain.

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use fjall::{Database, Keyspace, Slice};

use super::chain::{Head, Seq, Stamp, decode_row, record_key};
use super::error::on_read;
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
        let (key, row) =
            guard.into_inner().map_err(|source| on_read("read the last record", source))?;
        Ok(Some(parse(parse_key(&key)?, &row)?.1))
    }

    /// The running hash up to a record, as stored with it.
    pub(super) fn head_at(&self, seq: Seq) -> Result<Option<Head>, StoreError> {
        if seq == 0 {
            return Ok(Some(Head::EMPTY));
        }
        self.row(seq)?.map(|row| Ok(parse(seq, &row)?.1.head)).transpose()
    }

    pub(super) fn record(&self, seq: Seq) -> Result<Vec<u8>, StoreError> {
        let row = self.row(seq)?.ok_or_else(|| gone(seq))?;
        Ok(parse(seq, &row)?.0.to_vec())
    }

    fn row(&self, seq: Seq) -> Result<Option<Slice>, StoreError> {
        let row = self.log.get(record_key(seq));
        row.map_err(|source| on_read(&format!("read record {seq}"), source))
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
        self.shared()?.record(seq)
    }

    /// The records from `seq` (the first is 1) to the end that the log has now, each checked.
    ///
    /// # Errors
    ///
    /// `Closed`; `Damaged` or `Io` when the record before `seq` cannot be read. The iterator
    /// gives [`StoreError::Damaged`] at a hole or a record that is not the one that was written,
    /// and ends.
    pub fn records_from(&self, seq: Seq) -> Result<Records, StoreError> {
        let shared = self.shared()?;
        let end = shared.last()?.map_or(Head::EMPTY, |last| last.head);
        Records::new(shared, seq, end)
    }

    /// Saves the state that the log up to `seq` folds to, and removes all but the newest two.
    ///
    /// One call at a time. It blocks for as long as `write` and a sync of the file take.
    ///
    /// # Errors
    ///
    /// `Closed`, `NotInLog` when the log does not reach to `seq`, `Full` or `Io`. The log and the
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

/// Records in order, each with its number. Keeps the store open while it lives.
pub struct Records {
    rows: fjall::Iter,
    at: Head,
    end: Head,
    /// After `rows`, which reads from it.
    _shared: Arc<Shared>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("at", &self.at)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(shared: Arc<Shared>, seq: Seq, end: Head) -> Result<Self, StoreError> {
        let before = seq.saturating_sub(1);
        let at = if before < end.seq { shared.head_at(before)? } else { Some(end) };
        let at = at.ok_or_else(|| gone(before))?;
        let rows = shared.log.range(record_key(at.seq + 1)..record_key(end.seq + 1));
        Ok(Self { rows, at, end, _shared: shared })
    }

    /// The next record; the caller knows that there is one.
    fn read(&mut self) -> Result<(Head, Vec<u8>), StoreError> {
        let seq = self.at.seq + 1;
        let guard = self.rows.next().ok_or_else(|| gone(seq))?;
        let row = guard.into_inner();
        let (key, row) = row.map_err(|source| on_read(&format!("read record {seq}"), source))?;
        if parse_key(&key)? != seq {
            return Err(gone(seq));
        }
        let (record, stamp) = parse(seq, &row)?;
        let head = self.at.then(record);
        if head != stamp.head || (seq == self.end.seq && head != self.end) {
            let what = format!("record {seq} is not the one that was written");
            return Err(StoreError::damaged(what));
        }
        Ok((head, record.to_vec()))
    }
}

impl Iterator for Records {
    type Item = Result<(Seq, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at.seq >= self.end.seq {
            return None;
        }
        Some(match self.read() {
            Ok((head, record)) => {
                self.at = head;
                Ok((head.seq, record))
            }
            Err(error) => {
                self.at = self.end;
                Err(error)
            }
        })
    }
}

fn gone(seq: Seq) -> StoreError {
    StoreError::damaged(format!("record {seq} is gone"))
}

fn parse(seq: Seq, row: &[u8]) -> Result<(&[u8], Stamp), StoreError> {
    decode_row(seq, row).ok_or_else(|| StoreError::damaged(format!("record {seq} is malformed")))
}

fn parse_key(key: &[u8]) -> Result<Seq, StoreError> {
    let key = key.try_into().map_err(|_| StoreError::damaged("a record has a malformed key"))?;
    Ok(u64::from_be_bytes(key))
}
