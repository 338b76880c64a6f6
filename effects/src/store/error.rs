//! What can go wrong with the store, and which exit code says so.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{BATCH_BYTES_MAX, FORMAT, Seq};

/// A failure of the store. Each message ends with what to do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The lock file of the log is gone, so that nothing tells whether another process has it.
    #[error(
        "the lock file {} is gone, and with it the knowledge whether another process uses the \
         log; see that none does, create the file again (empty), and start", path.display()
    )]
    NoLock {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the folder.
    #[error(
        "the data folder {} is in use by another process; stop that one (`moot down`), or choose \
         another folder with --home", path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder has files in it and is none of ours.
    #[error(
        "{} is not a Folkmoot data folder, nothing in it was changed ({why}); choose an empty or \
         new folder with --home", path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What gave it away.
        why: String,
    },
    /// Another version of the program has written the folder.
    #[error(
        "the data folder {} has format {found}, this program reads format {FORMAT} only, nothing \
         in it was changed; start the program that wrote it, or choose a new folder with --home",
        path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format of the folder.
        found: u32,
    },
    /// The data is not what was written.
    #[error(
        "the log is damaged: {what}; keep the data folder as it is, and repair it from other \
         members into a new one"
    )]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The disk is full.
    #[error("could not {what}: the disk is full; free some space and start again")]
    Full {
        /// What was tried.
        what: String,
    },
    /// The operating system refused.
    #[error("could not {what}: {source}; check the disk and the permissions, then start again")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The database has stopped, because of an earlier failure in one of its threads.
    #[error("could not {what}: {why}; check the disk and its free space, then start again")]
    Stopped {
        /// What was tried.
        what: String,
        /// What the database says.
        why: String,
    },
    /// An earlier write has failed; what is on the disk is unknown until the next start.
    #[error("an earlier write failed, nothing more is written; start again")]
    Poisoned,
    /// The store behind a [`super::Reader`] is closed.
    #[error("the store is closed; the node is stopping")]
    Closed,
    /// The batch is larger than the store takes. Nothing was written.
    #[error("a batch of {bytes} bytes is over the limit of {BATCH_BYTES_MAX}; write it in parts")]
    TooLarge {
        /// Payload of the batch.
        bytes: u64,
    },
    /// A snapshot was to be saved for a record that is not in the log, or not at the end of a row
    /// of it. Nothing was written.
    #[error("no batch ends with record {seq}; save a snapshot for the last record of one")]
    NotInLog {
        /// The number of the record.
        seq: Seq,
    },
}

/// The kinds of failure that the exit code of the process tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreClass {
    /// Data that is damaged, foreign, or of another version: starting again does not help.
    Damaged,
    /// Another process has the data, or may have it.
    InUse,
    /// The storage failed: full, read-only, or a sync error.
    Failed,
}

impl StoreClass {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Damaged => 8,
            Self::InUse => 9,
            Self::Failed => 10,
        }
    }
}

impl StoreError {
    /// The kind of failure.
    pub fn class(&self) -> StoreClass {
        match self {
            Self::Foreign { .. } | Self::Format { .. } | Self::Damaged { .. } => {
                StoreClass::Damaged
            }
            Self::InUse { .. } | Self::NoLock { .. } => StoreClass::InUse,
            Self::Full { .. }
            | Self::Io { .. }
            | Self::Stopped { .. }
            | Self::Poisoned
            | Self::Closed
            | Self::TooLarge { .. }
            | Self::NotInLog { .. } => StoreClass::Failed,
        }
    }

    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    pub(super) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::Full { what };
        }
        Self::Io { what, source }
    }

    /// An error of the operating system about one file.
    pub(super) fn file(verb: &str, path: &Path, source: io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()), source)
    }
}

/// Translates what fjall says to a write. Nothing is known about the data then.
pub(super) fn on_write(what: &str, error: fjall::Error) -> StoreError {
    match io_error(error) {
        Ok(source) => StoreError::io(what, source),
        Err(other) => StoreError::Stopped { what: what.into(), why: other.to_string() },
    }
}

/// Translates what fjall says to opening or reading: bytes that it cannot read are damage.
pub(super) fn on_read(what: &str, error: fjall::Error) -> StoreError {
    match io_error(error) {
        Ok(source) if is_about_content(&source) => {
            StoreError::damaged(format!("could not {what}: {source}"))
        }
        Ok(source) => StoreError::io(what, source),
        Err(other) if matches!(other, fjall::Error::Poisoned) => {
            StoreError::Stopped { what: what.into(), why: other.to_string() }
        }
        Err(other) => StoreError::damaged(format!("could not {what}: {other}")),
    }
}

/// The error of the operating system that an error of fjall wraps, or the error itself.
fn io_error(error: fjall::Error) -> Result<io::Error, fjall::Error> {
    if let fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) = error {
        return Ok(source);
    }
    Err(error)
}

/// Whether the files are not as they should be, and not the disk or the permissions.
fn is_about_content(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
    )
}
