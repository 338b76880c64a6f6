//! Small files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Puts `bytes` under `name`: an observer, also after a power cut, sees the old file or the new.
pub(super) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = dir.join(name);
    let temp = temp_path(&path);
    write_synced(&temp, bytes).map_err(|source| StoreError::file("write", &temp, source))?;
    rename_synced(&temp, &path)
}

/// The name under which a file is prepared.
pub(super) fn temp_path(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// Moves a file or folder to its place, durably.
pub(super) fn rename_synced(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|source| StoreError::file("rename into place", to, source))?;
    let parent = to.parent().unwrap_or(Path::new("."));
    sync_dir(parent)
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| StoreError::file("sync the folder", dir, source))
}

/// The bytes of a file, or `None` if there is none.
pub(super) fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::file("read", path, source)),
    }
}

/// The paths in a folder, in order.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>());
    let mut paths = entries.map_err(|source| StoreError::file("list", dir, source))?;
    paths.sort();
    Ok(paths)
}

/// Bytes that are left on the file system of a folder for whoever is not its superuser.
pub(super) fn free_bytes(dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir);
    let found = found.inspect_err(|error| tracing::debug!(%error, "free space is not known"));
    found.ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
