//! How the database is created, opened and tuned.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fjall::config::{CompressionPolicy, FilterPolicy, PartitioningPolicy};
use fjall::{CompressionType, Database, KeyspaceCreateOptions, PersistMode};

use super::error::{on_read, on_write};
use super::read::Shared;
use super::{Home, StoreError, files};

/// The one keyspace. Its keys only grow, so that tables never overlap and are not merged: fjall
/// moves each of them to its last level as it is.
const LOG: &str = "log";

/// The file that fjall locks, in the folder of the database.
const LOCK: &str = "lock";

/// Written rows that become one table.
const TABLE_BYTES: u64 = 4 * 1024 * 1024;
/// Tables that may wait to be written, in memory, while rows for the next one come in. Together
/// with [`CACHE_BYTES`] this bounds the memory of the store: one more of [`TABLE_BYTES`], and what
/// the last batch was over. fjall halts the writer at four, for ever if its worker has died.
pub(super) const SEALED_MAX: usize = 2;
/// How often the writer looks whether there is room for the next table.
const ROOM_POLL: Duration = Duration::from_millis(5);
/// Cache of table blocks.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// The least that fjall allows for journals that wait for their rows to reach a table.
const JOURNALS_BYTES: u64 = 64 * 1024 * 1024;
/// Table files kept open.
const OPEN_FILES_MAX: usize = 64;
/// Of every write. The default of fjall reaches the page cache only.
pub(super) const DURABLE: PersistMode = PersistMode::SyncAll;
/// With more, the first worker of fjall 3 puts each order to compact back into the queue and takes
/// it out again, for as long as another worker is busy: a core that gets nothing done.
const WORKER_THREADS: usize = 1;

/// The folder of the database inside a data folder.
pub(super) fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}

/// Creates an empty database unless there is one; says whether it did.
///
/// A kill inside fjall's own creation leaves a folder that it never opens again. The database is
/// created aside, complete with its keyspace, and renamed; what such a kill leaves is removed.
///
/// `is_known` says that a log was here before: a missing one is then not a new one.
pub(super) fn create_if_absent(dir: &Path, is_known: bool) -> Result<bool, StoreError> {
    let path = log_dir(dir);
    let found = path.try_exists().map_err(|source| StoreError::file("look for", &path, source))?;
    if found {
        return require_unused(dir).map(|()| false);
    }
    if is_known {
        return Err(StoreError::damaged(format!("the folder {} is gone", path.display())));
    }
    let aside = dir.join("log.new");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(|source| StoreError::file("remove", &aside, source))?;
    }
    let failed = |source| on_read("create the log", source);
    let database = open_database(&aside).map_err(failed)?;
    let keyspace = database.keyspace(LOG, keyspace_options).map_err(failed)?;
    drop((keyspace, database));
    files::sync_dir(&aside)?;
    files::rename_synced(&aside, &path)?;
    Ok(true)
}

/// Asks for the lock of the database and gives it back: [`open`] takes it. Whoever has it may be
/// writing to the journals that are to be looked at.
///
/// Where its file is gone it is not made again. A running process would keep a lock that nobody
/// can see, and two would write.
fn require_unused(dir: &Path) -> Result<(), StoreError> {
    let path = log_dir(dir).join(LOCK);
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::NoLock { path });
        }
        Err(source) => return Err(StoreError::file("open", &path, source)),
    };
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: dir.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(StoreError::file("lock", &path, source)),
    }
}

/// Opens the database. To be called after [`super::inspect::inspect`].
pub(super) fn open(home: Home) -> Result<Shared, StoreError> {
    let path = log_dir(home.path());
    let db = open_database(&path).map_err(|source| {
        if matches!(source, fjall::Error::Locked) {
            return StoreError::InUse { path: home.path().to_path_buf() };
        }
        on_read("open the log", source)
    })?;
    // fjall would make an empty one for a missing one.
    if !db.keyspace_exists(LOG) {
        return Err(StoreError::damaged(format!("the keyspace {LOG} is gone")));
    }
    let log = db.keyspace(LOG, keyspace_options);
    let log = log.map_err(|source| on_read("open a keyspace", source))?;
    Ok(Shared { log, db, home })
}

fn open_database(path: &Path) -> fjall::Result<Database> {
    Database::builder(path)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNALS_BYTES)
        .max_cached_files(Some(OPEN_FILES_MAX))
        .worker_threads(WORKER_THREADS)
        // Hashes and signatures do not shrink, and `inspect` reads plain entries only.
        .journal_compression(CompressionType::None)
        .open()
}

/// Kept by fjall with the keyspace: a change here does not reach existing folders.
fn keyspace_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        // Out of reach: `Tables` orders them.
        .max_memtable_size(u64::MAX)
        .data_block_compression_policy(CompressionPolicy::disabled())
        // The index of a table in pieces: whole, those of many tables are more than the cache
        // holds, and each read of an op would load and check all of one.
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        // Tables do not overlap: a filter would say what their first and last keys say.
        .filter_policy(FilterPolicy::disabled())
}

/// Orders the tables, each of them once.
///
/// fjall would do it by itself, at every commit from the moment that the memory for a table is
/// full until its worker comes to it. While the worker writes a table, these orders pile up, the
/// memory grows, and nothing stops the writer. The queue that they are in ends at a thousand, and
/// the worker, which puts something into it as well, then waits for itself.
#[derive(Debug)]
pub(super) struct Tables {
    /// Bytes of rows since the last order.
    unsealed_bytes: u64,
}

impl Tables {
    /// Counts on from what the journals have put back into memory.
    pub(super) fn new(shared: &Shared) -> Self {
        Self { unsealed_bytes: shared.db.write_buffer_size() }
    }

    /// Orders a table when its rows are there. Waits while too many are not written yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stopped`] when they will not be written, as the worker of fjall has died.
    pub(super) fn make_room(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let is_due = self.unsealed_bytes >= TABLE_BYTES;
        let sealed_max = SEALED_MAX - usize::from(is_due);
        let failed = |source| on_write("order a table", source);
        while shared.log.sealed_memtable_count() > sealed_max {
            // Everything is synced already. The answer counts: whether the database has stopped.
            shared.db.persist(DURABLE).map_err(failed)?;
            thread::sleep(ROOM_POLL);
        }
        if is_due {
            shared.log.rotate_memtable().map_err(failed)?;
            self.unsealed_bytes = 0;
        }
        Ok(())
    }

    /// Counts a row that is about to be written.
    pub(super) fn count(&mut self, row: &[u8]) {
        self.unsealed_bytes += row.len() as u64;
    }
}
