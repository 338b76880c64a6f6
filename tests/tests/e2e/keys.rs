//! The key folder (attack 54): nothing starts with a key that others can read or have put there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use folkmoot_tests::e2e::{Node, contents, write_private};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{founder, stage};

/// Sets the permission bits.
fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The key files: of the transport, and of the one identity.
fn key_files(node: &Node) -> [PathBuf; 2] {
    let keys = node.home().join("keys");
    let mut paths = fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path());
    let is_key = |path: &PathBuf| path.extension().is_some_and(|end| end == "key");
    let identity = paths.find(|path| is_key(path) && path.file_stem().unwrap() != "node");
    [keys.join("node.key"), identity.unwrap()]
}

/// The node refuses to start, for this reason and naming this path, and leaves the key folder as
/// it is.
fn refuses(node: &mut Node, code: &str, exit: i32, path: &Path) {
    let keys = node.home().join("keys");
    let before = contents(&keys);
    let refusal = node.try_start().unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.exit), (code, exit), "{refusal:?}");
    assert!(refusal.message.contains(path.to_str().unwrap()), "{refusal:?}");
    assert!(contents(&keys) == before, "the key folder has changed");
}

#[test]
fn attack_54_a_key_that_others_may_read_is_not_used() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.down();
    let keys = anna.home().join("keys");
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o7777, 0o700);
    for key in key_files(&anna) {
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
        for bits in [0o644, 0o640, 0o604, 0o620] {
            mode(&key, bits);
            refuses(&mut anna, "key-open-to-others", 1, &key);
        }
        mode(&key, 0o600);
    }
    mode(&keys, 0o755);
    refuses(&mut anna, "key-open-to-others", 1, &keys);
    assert_eq!(anna.refusal(&["id", "show"]).code, "key-open-to-others");
    assert_eq!(anna.refusal(&["id", "new"]).code, "key-open-to-others");
    mode(&keys, 0o700);
    anna.start();
}

#[test]
fn attack_54_what_is_no_key_file_is_not_read() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.down();
    for key in key_files(&anna) {
        let content = fs::read(&key).unwrap();
        let elsewhere = stage.path().join("elsewhere.key");
        fs::rename(&key, &elsewhere).unwrap();

        symlink(&elsewhere, &key).unwrap();
        refuses(&mut anna, "key-symlink", 1, &key);
        fs::remove_file(&key).unwrap();

        // Opened without care, a pipe without a writer would keep the start waiting for ever.
        mknodat(CWD, &key, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        refuses(&mut anna, "key-wrong-type", 1, &key);
        fs::remove_file(&key).unwrap();

        fs::create_dir(&key).unwrap();
        refuses(&mut anna, "key-wrong-type", 1, &key);
        fs::remove_dir(&key).unwrap();

        let mut damaged = content.clone();
        damaged[20] ^= 1;
        for bytes in [&damaged[..], &content[..20], b""] {
            write_private(&key, bytes);
            refuses(&mut anna, "key-damaged", 8, &key);
        }
        write_private(&key, &content);
        anna.start();
        anna.down();
    }
}

#[test]
fn attack_54_a_key_is_not_another_members() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let mut bob = founder(&stage, "bob");
    anna.down();
    bob.down();
    let [_, mine] = key_files(&anna);
    let [_, other] = key_files(&bob);
    write_private(&mine, &fs::read(other).unwrap());
    refuses(&mut anna, "key-damaged", 8, &mine);
}

#[test]
fn without_the_key_the_node_reads_and_does_not_write() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    anna.down();
    let [_, key] = key_files(&anna);
    let elsewhere = stage.path().join("elsewhere.key");
    fs::rename(&key, &elsewhere).unwrap();
    anna.start();
    assert_eq!(anna.data(&["tree"])["groups"][0]["name"], "Acme");
    let refusal = anna.refusal(&["group", "create", "Garden"]);
    assert_eq!((refusal.code.as_str(), refusal.exit), ("no-key", 1), "{refusal:?}");
    fs::rename(&elsewhere, &key).unwrap();
    anna.data(&["group", "create", "Garden"]);
}
