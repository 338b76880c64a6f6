//! Reading: records with their chain, and blobs.

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use fjall::{Database, Keyspace, Slice};

use super::chain::{HEAD_KEY, Head, Seq, Stamp, decode_row, record_key};
use super::error::on_read;
use super::{BlobKey, Home, StoreError, snapshot};

/// The open database. Fields are dropped in this order: the lock goes last.
pub(super) struct Shared {
    pub(super) log: Keyspace,
    pub(super) blob: Keyspace,
    pub(super) db: Database,
    pub(super) home: Home,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Shared {
    /// The head row; `None` in a log that was never written to.
    pub(super) fn head_row(&self) -> Result<Option<Stamp>, StoreError> {
        let row = self.log.get(HEAD_KEY).map_err(|source| on_read("read the head row", source))?;
        let decode = |row: Slice| {
            Stamp::decode(&row).ok_or_else(|| StoreError::damaged("the head row is malformed"))
        };
        row.map(decode).transpose()
    }

    /// The running hash up to a record, as stored with it.
    pub(super) fn head_at(&self, seq: Seq) -> Result<Option<Head>, StoreError> {
        if seq == 0 {
            return Ok(Some(Head::EMPTY));
        }
        let row = self.log.get(record_key(seq));
        let row = row.map_err(|source| on_read(&format!("read record {seq}"), source))?;
        row.map(|row| Ok(Head { seq, hash: *parse(seq, &row)?.0 })).transpose()
    }

    /// The record with the highest number, whatever the head row says.
    pub(super) fn last_record(&self) -> Result<Option<Head>, StoreError> {
        let last = self.log.range(&record_key(0)[..]..HEAD_KEY).next_back();
        let Some(guard) = last else { return Ok(None) };
        let (key, row) =
            guard.into_inner().map_err(|source| on_read("read the last record", source))?;
        let seq = parse_key(&key)?;
        Ok(Some(Head { seq, hash: *parse(seq, &row)?.0 }))
    }

    pub(super) fn blob(&self, key: &BlobKey) -> Result<Option<Vec<u8>>, StoreError> {
        let blob = self.blob.get(key).map_err(|source| on_read("read a blob", source))?;
        Ok(blob.map(|blob| blob.to_vec()))
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

    /// The blob under a key.
    ///
    /// # Errors
    ///
    /// `Closed`; `Damaged` or `Io` when the database cannot read it.
    pub fn blob(&self, key: &BlobKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared()?.blob(key)
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
        let end = shared.head_row()?.map_or(Head::EMPTY, |row| row.head);
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
        let at = at.ok_or_else(|| StoreError::damaged(format!("record {before} is gone")))?;
        let rows = shared.log.range(record_key(at.seq + 1)..record_key(end.seq + 1));
        Ok(Self { rows, at, end, _shared: shared })
    }

    /// The next record; the caller knows that there is one.
    fn read(&mut self) -> Result<(Head, Vec<u8>), StoreError> {
        let seq = self.at.seq + 1;
        let gone = || StoreError::damaged(format!("record {seq} is gone"));
        let guard = self.rows.next().ok_or_else(gone)?;
        let row = guard.into_inner();
        let (key, row) = row.map_err(|source| on_read(&format!("read record {seq}"), source))?;
        if parse_key(&key)? != seq {
            return Err(gone());
        }
        let (hash, record) = parse(seq, &row)?;
        let head = self.at.then(record);
        if head.hash != *hash || (seq == self.end.seq && head != self.end) {
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

fn parse(seq: Seq, row: &[u8]) -> Result<(&[u8; 32], &[u8]), StoreError> {
    decode_row(row).ok_or_else(|| StoreError::damaged(format!("record {seq} is malformed")))
}

fn parse_key(key: &[u8]) -> Result<Seq, StoreError> {
    let key = key.try_into().map_err(|_| StoreError::damaged("a record has a malformed key"))?;
    Ok(u64::from_be_bytes(key))
}
