//! Files of a data folder.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Every file below a folder with its bytes, by its path from there.
///
/// # Panics
///
/// When the folder cannot be read.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder_now) = open.pop() {
        for entry in fs::read_dir(&folder_now).expect("a readable folder") {
            let entry = entry.expect("a readable folder");
            let kind = entry.file_type().expect("the type of a file");
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                let name = entry.path().strip_prefix(folder).expect("below it").to_path_buf();
                found.insert(name, fs::read(entry.path()).expect("a readable file"));
            }
        }
    }
    found
}

/// Writes a file with mode 0600, whatever was there.
///
/// # Panics
///
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("a writable file");
}
