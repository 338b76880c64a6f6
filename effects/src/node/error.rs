//! Why a node did not start, or ended.

use std::io;
use std::path::PathBuf;

use folkmoot_core::record::RecordError;
use thiserror::Error;

use crate::driver::RecoverError;
use crate::net::{NetError, NetGone};
use crate::store::{StoreClass, StoreError};

/// Why a node did not start, or ended.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The data folder cannot be used, or the log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be folded.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// There is nothing to look at.
    #[error("there is no log in {}; name the data folder of a node with --home", path.display())]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// The network could not be started.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The network ended by itself.
    #[error(transparent)]
    NetEnded(#[from] NetGone),
    /// A thread could not be had.
    #[error("could not start the thread {part}: {source}; free some memory, or raise its limit")]
    Thread {
        /// What for.
        part: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("could not draw random bytes: {0}; check the operating system")]
    Random(String),
    /// A part of the node failed: a bug.
    #[error("the part {0} of the node failed; report this with the log of the process")]
    Panicked(&'static str),
    /// A part of the node ended by itself: a bug.
    #[error("the part {0} of the node ended by itself; report this with the log of the process")]
    Ended(&'static str),
}

/// The kinds of failure that the exit code of the process tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitClass {
    /// Data that is damaged, foreign, or of another version: starting again does not help.
    Damaged,
    /// Another process has the data.
    InUse,
    /// The storage failed: full, read-only, or a sync error.
    Storage,
    /// Anything else.
    Other,
}

impl ExitClass {
    /// The exit code of the process.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Damaged => 8,
            Self::InUse => 9,
            Self::Storage => 10,
            Self::Other => 1,
        }
    }
}

impl NodeError {
    /// Whether another version of the program wrote the data, which may be whole.
    pub fn is_other_format(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Format { .. })
                | Self::Recover(
                    RecoverError::Store(StoreError::Format { .. })
                        | RecoverError::Record { source: RecordError::Schema(_), .. }
                )
        )
    }

    /// The kind of failure.
    pub fn class(&self) -> ExitClass {
        match self {
            Self::Store(error) | Self::Recover(RecoverError::Store(error)) => match error.class() {
                StoreClass::Damaged => ExitClass::Damaged,
                StoreClass::InUse => ExitClass::InUse,
                StoreClass::Failed => ExitClass::Storage,
            },
            Self::Recover(RecoverError::Record { .. }) => ExitClass::Damaged,
            Self::NoLog { .. }
            | Self::Net(_)
            | Self::NetEnded(_)
            | Self::Thread { .. }
            | Self::Random(_)
            | Self::Panicked(_)
            | Self::Ended(_) => ExitClass::Other,
        }
    }
}
