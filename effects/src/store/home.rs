//! The data folder: whose it is, which format it has, and that nobody else uses it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::{StoreError, files};

/// The format of the data folder that this program reads and writes. Format 1 kept ops apart from
/// the log, format 2 each record in a row of its own.
pub const FORMAT: u32 = 3;

const LOCK: &str = "lock";
const IDENTITY: &str = "folkmoot";
const IDENTITY_PREFIX: &str = "folkmoot data folder, format ";

/// Names that say nothing about whose folder it is: what a start that was cut short leaves, and
/// what a fresh file system has.
const NEUTRAL: [&str; 3] = [LOCK, "folkmoot.tmp", "lost+found"];

/// A data folder that belongs to this process until it is dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// The operating system releases the lock with the file, also when the process is killed.
    _lock: File,
}

impl Home {
    /// Takes the folder for this process; creates it, with mode 0700, if there is none.
    ///
    /// `may_exist` names files that a user may have put there before the first start.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] at once when another process has it, [`StoreError::Foreign`] when it
    /// has other files in it and no identity, [`StoreError::Format`] when another version of the
    /// program has written it, and `Full` or `Io`.
    pub fn claim(path: &Path, may_exist: &[&str]) -> Result<Self, StoreError> {
        create_private(path).map_err(|source| StoreError::file("create", path, source))?;
        // Asked before the lock: a folder that is not ours does not get a lock file either.
        let is_new = !has_identity(path)?;
        if is_new {
            require_neutral(path, may_exist)?;
        }
        let lock = lock(path)?;
        if is_new && !has_identity(path)? {
            let identity = format!("{IDENTITY_PREFIX}{FORMAT}\n");
            files::replace(path, IDENTITY, identity.as_bytes())?;
        }
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = path.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
    let file = file.map_err(|source| StoreError::file("open", &lock_path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(StoreError::file("lock", &lock_path, source)),
    }
}

/// Whether the folder names itself ours, in the format that we know.
fn has_identity(path: &Path) -> Result<bool, StoreError> {
    let Some(bytes) = files::read_if_exists(&path.join(IDENTITY))? else { return Ok(false) };
    let format = String::from_utf8(bytes).ok().and_then(|text| {
        let number = text.strip_prefix(IDENTITY_PREFIX)?.strip_suffix('\n')?;
        number.parse::<u32>().ok()
    });
    match format {
        Some(FORMAT) => Ok(true),
        Some(found) => Err(StoreError::Format { path: path.to_path_buf(), found }),
        None => {
            let why = format!("its file {IDENTITY} has no known content");
            Err(StoreError::Foreign { path: path.to_path_buf(), why })
        }
    }
}

fn require_neutral(path: &Path, may_exist: &[&str]) -> Result<(), StoreError> {
    let entries = fs::read_dir(path).map_err(|source| StoreError::file("list", path, source))?;
    for entry in entries {
        let name = entry.map_err(|source| StoreError::file("list", path, source))?.file_name();
        if !NEUTRAL.iter().chain(may_exist).any(|known| name == **known) {
            let why = format!("it has {} in it and no file {IDENTITY}", name.display());
            return Err(StoreError::Foreign { path: path.to_path_buf(), why });
        }
    }
    Ok(())
}
