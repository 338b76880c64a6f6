//! The data folder: where it is, and what is in it beside the log.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config;
use crate::errors::{Class, Failure};
use crate::keys::KEYS;
use crate::port::PORT;

/// The socket of the local API.
pub const SOCKET: &str = "moot.sock";
/// The log of a detached node.
pub const LOG: &str = "moot.log";
/// The process id of the node, for people; nothing reads it.
pub const PID: &str = "moot.pid";
/// The lock of the data folder, kept by a running node.
pub const LOCK: &str = "lock";
/// The file that says whose folder it is.
const IDENTITY: &str = "folkmoot";

/// Names that may be in a folder before the node first starts in it.
pub const KNOWN: [&str; 7] = [KEYS, config::FILE, "recording", SOCKET, LOG, PID, PORT];
/// What a start that was cut short leaves, and what a fresh file system has.
const NEUTRAL: [&str; 3] = [LOCK, "folkmoot.tmp", "lost+found"];

/// The folder that was named, or the default one of this user, as an absolute path.
///
/// # Errors
///
/// When neither a folder is named nor a home directory known.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let standard = || {
        let data = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let data = data.or_else(|| Some(set("HOME")?.join(".local/share")));
        data.map(|data| data.join("folkmoot"))
    };
    let path = named.map(Path::to_path_buf).or_else(standard);
    let path = path.ok_or_else(|| {
        Failure::usage("there is no data folder: HOME is not set").hint("name one with --home")
    })?;
    std::path::absolute(&path).map_err(|source| Failure::file("find", &path, &source))
}

/// Creates the folder for this user alone; refuses one that is somebody else's before anything in
/// it is touched.
///
/// # Errors
///
/// `foreign-folder`, or what the file system says.
pub fn prepare(home: &Path) -> Result<(), Failure> {
    let created = DirBuilder::new().mode(0o700).recursive(true).create(home);
    created.map_err(|source| Failure::file("create", home, &source))?;
    if home.join(IDENTITY).exists() {
        return Ok(());
    }
    let entries = fs::read_dir(home).map_err(|source| Failure::file("list", home, &source))?;
    for entry in entries {
        let name = entry.map_err(|source| Failure::file("list", home, &source))?.file_name();
        if !KNOWN.iter().chain(&NEUTRAL).any(|known| name == **known) {
            let message = format!(
                "{} is not a Folkmoot data folder, it has {} in it; nothing in it was changed",
                home.display(),
                name.display()
            );
            return Err(Failure::new(Class::Damaged, "foreign-folder", message)
                .hint("choose an empty or new folder with --home"));
        }
    }
    Ok(())
}

/// Takes the folder, which is known to be ours, from the eyes of others.
///
/// # Errors
///
/// What the file system says.
pub fn make_private(home: &Path) -> Result<(), Failure> {
    let set = fs::set_permissions(home, Permissions::from_mode(0o700));
    set.map_err(|source| Failure::file("set the permissions of", home, &source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.txt"), "").unwrap();
        assert_eq!(prepare(home.path()).unwrap_err().code, "foreign-folder");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_folder_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let home = parent.path().join("a/b");
        prepare(&home).unwrap();
        assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir(home.join(KEYS)).unwrap();
        prepare(&home).unwrap();
    }
}
