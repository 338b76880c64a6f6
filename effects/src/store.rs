//! The durable log of the node, and the only code that names fjall.
//!
//! The store knows nothing of governance: a record is bytes. It promises four things.
//!
//! 1. **What [`Store::append`] has answered is on the disk.** One batch is one atomic write with a
//!    full sync, and no other function writes to the database.
//! 2. **A history never gets shorter in silence.** Every row of records carries the running hash of
//!    the log up to its end; two small files beside the database say how far the log had come. A
//!    log that is behind them is refused as [`StoreError::Damaged`]. So is one with a hole or
//!    another byte behind the watermark; before it, this is found where the log is read.
//! 3. **An error leaves no doubt about what to do.** After a failed write nobody knows what is on
//!    the disk, so the store is poisoned for good and the process ends; the next start looks.
//! 4. **One process.** The folder is locked before anything in it is touched.
//!
//! # The folder
//!
//! | name | what | written |
//! |---|---|---|
//! | `lock` | the lock of [`Home`]; always empty | once |
//! | `folkmoot` | identity and format of the folder | once |
//! | `log/` | the fjall database; a row holds some records in order | each append, synced |
//! | `watermark` | how far the log had come | each second and at the end, synced |
//! | `acked` | the same, for the last append | each append, not synced |
//! | `snapshots/` | disposable states, the newest two | by the caller |
//! | `unfinished` | the last batch that a crash cut short, for the curious | at a start |
//!
//! # Why two marks
//!
//! The batch is synced before either mark is written, so each of them, whatever survives, is a
//! lower bound of what the log must hold. `watermark` survives a power cut and is at most a second
//! old. `acked` costs no sync: it survives the death of the process, not of the machine, and makes
//! the bound exact whenever the machine did not fail.
//!
//! # What is changed on the disk when the store refuses
//!
//! fjall cuts its journal at the first entry that it cannot read, also in the middle. The journal
//! is therefore looked at by `inspect` before fjall is called. A log refused there has not been
//! touched. Damage that shows only later (in a table, or a checksum of fjall's) is refused after
//! housekeeping that loses nothing: an unfinished batch is in a file of its own, records may have
//! moved from a journal into a table, preallocated zeros may be cut.

mod chain;
mod engine;
mod error;
mod files;
mod home;
mod inspect;
mod marks;
mod read;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use chain::Stamp;
use engine::Tables;
use marks::{Mark, Marks};
use read::Shared;
use segment::{Rows, row_key};

pub use chain::{BootId, Head, Seq};
pub use error::{StoreClass, StoreError};
pub use home::{FORMAT, Home};
pub(crate) use marks::{example as example_mark, reread as reread_mark};
pub use read::{Lookup, Reader, Records};
pub(crate) use segment::{example as example_row, reread as reread_row};
pub(crate) use snapshot::read_from as read_snapshot;
pub use snapshot::{LoadedSnapshot, SkippedSnapshot, Snapshot};

/// The most bytes of records in one batch. A batch must fit a journal of fjall with room to spare.
pub const BATCH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The shortest time between two unforced watermarks, in milliseconds.
pub const MARK_INTERVAL_MS: u64 = 1_000;

/// What [`Store::open`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The end of the log.
    pub head: Head,
    /// Whether the log was created by this call.
    pub created: bool,
    /// Whether the last run ended with [`Store::close`].
    pub clean: bool,
    /// Bytes of a batch that was being written when the last run died. It had not been answered,
    /// and is gone.
    pub torn_bytes: u64,
    /// The run that wrote last.
    pub last_boot: BootId,
}

/// The one writer of the log.
///
/// Calls block until the disk has answered: keep the store on a thread of its own.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    tables: Tables,
    marks: Marks,
    head: Head,
    boot: BootId,
    poisoned: bool,
}

impl Store {
    /// Opens the log in a claimed folder and checks it; creates it in a new folder.
    ///
    /// `boot` names this run of the process; it goes into every batch. The check reads the tail
    /// since the last watermark; [`Store::records_from`] checks whatever else it reads.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when the log is not what the marks say it was, `InUse` when a
    /// [`Records`] of an earlier store of this process still lives, `Full` and `Io` when the disk
    /// does not serve.
    pub fn open(home: Home, boot: BootId) -> Result<(Self, Opened), StoreError> {
        let dir = home.path().to_path_buf();
        let watermark = marks::read_watermark(&dir)?;
        let known = [watermark, marks::read_acked(&dir)].into_iter().flatten();
        let known = known.map(|mark| mark.stamp.head).max_by_key(|head| head.seq);
        let created = engine::create_if_absent(&dir, known.is_some())?;
        let known = known.unwrap_or(Head::EMPTY);

        let last_run = watermark.map(|mark| mark.stamp.boot);
        let inspected = inspect::inspect(&engine::log_dir(&dir), last_run)?;
        if let Some(found) = inspected.head {
            require_reached(found, known)?;
            require_marked(found, watermark)?;
        }
        if let Some(torn) = &inspected.torn {
            torn.move_out(&dir)?;
        }

        let shared = Arc::new(engine::open(home)?);
        let last = shared.last()?.unwrap_or(Stamp { head: Head::EMPTY, boot });
        let head = last.head;
        require_last(head, inspected.head)?;
        require_reached(head, known)?;
        require_marked(head, watermark)?;
        require_at(&shared, known)?;
        // fjall may have skipped it; see `inspect`.
        require_at(&shared, inspected.first.unwrap_or(Head::EMPTY))?;
        let checked = watermark.map_or(0, |mark| mark.stamp.head.seq);
        for record in Records::new(Arc::clone(&shared), checked + 1, head)? {
            record?;
        }

        let marks = Marks::claim(&dir, Stamp { head, boot })?;
        let opened = Opened {
            head,
            created,
            clean: watermark.is_some_and(|mark| mark.clean && mark.stamp.head == head),
            torn_bytes: inspected.torn.map_or(0, |torn| torn.len()),
            last_boot: last.boot,
        };
        let tables = Tables::new(&shared);
        Ok((Self { shared, tables, marks, head, boot, poisoned: false }, opened))
    }

    /// Makes records durable, all of them or none, and gives the number of the last one of the log.
    ///
    /// This is the only function that writes to the database. No records write nothing.
    ///
    /// # Errors
    ///
    /// After any error but [`StoreError::TooLarge`] it is unknown whether the batch is in the log;
    /// the store refuses every later write with [`StoreError::Poisoned`], and the process should
    /// end.
    pub fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        self.require_sound()?;
        if records.is_empty() {
            return Ok(self.head.seq);
        }
        let bytes = records.iter().map(|record| record.len() as u64).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(StoreError::TooLarge { bytes });
        }
        let result = self.write(records);
        self.poison_on_error(result)
    }

    /// Writes the watermark if the log has grown and the last one is a second old; says whether.
    ///
    /// `now_ms` is monotonic time in milliseconds, from any origin. To be called at least once a
    /// second while records are appended.
    ///
    /// # Errors
    ///
    /// Poisons the store, as [`Store::append`] does. [`StoreError::InUse`] says that another
    /// process has written to the folder in spite of the lock.
    pub fn mark(&mut self, now_ms: u64) -> Result<bool, StoreError> {
        self.require_sound()?;
        if !self.marks.is_due(self.head, now_ms) {
            return Ok(false);
        }
        self.mark_now()?;
        self.marks.marked_at(now_ms);
        Ok(true)
    }

    /// Writes the watermark, however fresh the last one is.
    ///
    /// # Errors
    ///
    /// As [`Store::mark`].
    pub fn mark_now(&mut self) -> Result<(), StoreError> {
        self.require_sound()?;
        let result = self.marks.mark(self.stamp(), false);
        self.poison_on_error(result)
    }

    /// Ends a clean run: everything is on the disk already, the watermark says so.
    ///
    /// The folder is free when the last [`Records`] is dropped too. A store that is dropped
    /// instead behaves at the next start as after a crash, and loses nothing either.
    ///
    /// # Errors
    ///
    /// As [`Store::mark`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.require_sound()?;
        self.marks.mark(self.stamp(), true)
    }

    /// The end of the log.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The records from `seq` (the first is 1) to the end of the log, each checked.
    ///
    /// # Errors
    ///
    /// As [`Reader::records_from`].
    pub fn records_from(&self, seq: Seq) -> Result<Records, StoreError> {
        Records::new(Arc::clone(&self.shared), seq, self.head)
    }

    /// Bytes that the disk has left for this user; `None` where the system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        files::free_bytes(self.shared.home.path())
    }

    /// A handle for other threads. It does not keep the folder in use.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.shared)
    }

    /// Saves the state that the log up to `seq`, the last record of a batch, folds to. Removes all
    /// but the newest two.
    ///
    /// # Errors
    ///
    /// As [`Reader::save_snapshot`]. The log is not affected.
    pub fn save_snapshot(
        &self,
        seq: Seq,
        write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> Result<(), StoreError> {
        snapshot::save(&self.shared, seq, write)
    }

    /// The newest snapshot that fits the log.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read. A snapshot that cannot be read or does not fit is no
    /// error; it is named in the answer.
    pub fn load_snapshot(&self) -> Result<LoadedSnapshot, StoreError> {
        snapshot::load(&self.shared)
    }

    /// Reads the newest snapshot in a data folder while the log is still being opened. Whether it
    /// belongs to the log is for [`Store::holds`] to say; where there is none that can be read,
    /// [`Store::load_snapshot`] says why and finds an older one.
    pub fn peek_snapshot(dir: &Path) -> Option<(Head, Vec<u8>)> {
        snapshot::peek(dir)
    }

    /// Whether a batch ended with this record and this running hash once.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn holds(&self, head: Head) -> Result<bool, StoreError> {
        Ok(self.shared.head_at(head.seq)? == Some(head))
    }

    fn write(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        self.tables.make_room(&self.shared)?;
        // That it is durable is the promise of `append`.
        let mut batch = self.shared.db.batch().durability(Some(engine::DURABLE));
        let mut stamp = self.stamp();
        for (end, row) in Rows::new(stamp, records) {
            self.tables.count(&row);
            batch.insert(&self.shared.log, row_key(end.head.seq), row);
            stamp = end;
        }
        batch.commit().map_err(|source| error::on_write("append a batch to the log", source))?;
        self.head = stamp.head;
        self.marks.acked(stamp)?;
        Ok(self.head.seq)
    }

    fn stamp(&self) -> Stamp {
        Stamp { head: self.head, boot: self.boot }
    }

    fn require_sound(&self) -> Result<(), StoreError> {
        if self.poisoned { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    fn poison_on_error<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.poisoned |= result.is_err();
        result
    }
}

/// Refuses a log that ends before a record which was durable once.
fn require_reached(found: Head, known: Head) -> Result<(), StoreError> {
    if found.seq >= known.seq {
        return Ok(());
    }
    Err(StoreError::damaged(format!(
        "the log ends at record {}, but record {} was durable",
        found.seq, known.seq
    )))
}

/// Refuses a log with records and no watermark: it is written before the first of them.
fn require_marked(found: Head, watermark: Option<Mark>) -> Result<(), StoreError> {
    if watermark.is_some() || found == Head::EMPTY {
        return Ok(());
    }
    Err(StoreError::damaged("the log has records and the file watermark is gone"))
}

/// Refuses a log in which a record that was durable once is missing or another one.
fn require_at(shared: &Shared, known: Head) -> Result<(), StoreError> {
    if shared.head_at(known.seq)? == Some(known) {
        return Ok(());
    }
    Err(StoreError::damaged(format!("record {} is not the one that was durable", known.seq)))
}

/// Refuses a log that does not end as its journal does.
fn require_last(head: Head, in_journal: Option<Head>) -> Result<(), StoreError> {
    if in_journal.is_none_or(|found| found == head) {
        return Ok(());
    }
    let what = format!("record {} at its end is not the last one of the journal", head.seq);
    Err(StoreError::damaged(what))
}
