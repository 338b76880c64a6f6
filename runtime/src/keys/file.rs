//! Files and folders that only their owner may use.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::KeyError;

/// No file of the key folder is longer, in bytes.
const FILE_BYTES_MAX: u64 = 1024;

/// Creates a folder for this user alone, or checks that it is one.
pub(super) fn private_dir(path: &Path) -> Result<(), KeyError> {
    let create = DirBuilder::new().mode(0o700).recursive(true).create(path);
    create.map_err(|source| io_error("create", path, source))?;
    let found = fs::symlink_metadata(path).map_err(|source| io_error("look at", path, source))?;
    if !found.is_dir() {
        return Err(wrong_type(path, &found, "a folder"));
    }
    require_private(path, &found, 0o700)
}

/// The names in a folder, in order.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, KeyError> {
    let names = fs::read_dir(dir).and_then(|entries| {
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<Vec<_>>>()
    });
    let mut names = names.map_err(|source| io_error("list", dir, source))?;
    names.sort();
    Ok(names)
}

/// The text of a file that only this user may read, or `None` if there is none.
pub(super) fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>, KeyError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("look at", path, source)),
    };
    if !found.is_file() {
        return Err(wrong_type(path, &found, "a file"));
    }
    // Neither follows a link nor waits at a pipe that was put there in between.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|source| io_error("open", path, source))?;
    let opened = file.metadata().map_err(|source| io_error("look at", path, source))?;
    if !opened.is_file() {
        return Err(wrong_type(path, &opened, "a file"));
    }
    require_private(path, &opened, 0o600)?;
    let mut text = Zeroizing::new(String::with_capacity(256));
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|source| io_error("read", path, source))?;
    Ok(Some(text))
}

/// Writes a new file that only this user may read; it is there whole or not at all.
pub(super) fn create_private(path: &Path, text: &str) -> Result<(), KeyError> {
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &temporary, error));
        }
        Ok(()) | Err(_) => {}
    }
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
    let written = written.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| io_error("write", &temporary, source))?;
    // Unlike a rename, a link never replaces what is there.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(|source| io_error("remove", &temporary, source))?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists { path: path.to_path_buf() });
        }
        Err(source) => return Err(io_error("create", path, source)),
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| io_error("sync the folder", dir, source))
}

fn require_private(path: &Path, found: &Metadata, wanted: u32) -> Result<(), KeyError> {
    let mode = found.mode() & 0o7777;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyError::OtherOwner { path: path.to_path_buf(), owner: found.uid() });
    }
    if mode & 0o077 != 0 {
        return Err(KeyError::OpenToOthers { path: path.to_path_buf(), mode, wanted });
    }
    Ok(())
}

fn wrong_type(path: &Path, found: &Metadata, wanted: &'static str) -> KeyError {
    let path = path.to_path_buf();
    if found.is_symlink() {
        KeyError::Symlink { path }
    } else {
        KeyError::WrongType { path, wanted }
    }
}

fn io_error(verb: &'static str, path: &Path, source: io::Error) -> KeyError {
    KeyError::Io { verb, path: path.to_path_buf(), source }
}
