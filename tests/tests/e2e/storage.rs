//! Damage and a disk that is full or cannot be written: what was answered is never lost in silence.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use folkmoot_tests::e2e::{Node, Stage, contents, text};
use serde_json::Value;

use super::{founder, stage};

/// Has a node write some ops; gives heads and root.
fn govern(node: &Node) -> Value {
    for count in 0..6_u32 {
        node.data(&["group", "create", &format!("group {count}")]);
    }
    node.summit()
}

/// Flips one bit of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn attack_49_a_flipped_bit_in_the_journal_is_refused_and_nothing_is_changed() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let summit = govern(&anna);
    anna.down();
    let journal = anna.home().join("log/0.jnl");
    let length = fs::read(&journal).unwrap().len();
    let before = contents(anna.home());
    for at in (0..length).step_by(length / 40) {
        flip(&journal, at);
        let damaged = contents(anna.home());
        let refusal = anna.try_start().unwrap_err();
        assert_eq!((refusal.exit, refusal.code.as_str()), (8, "data-damaged"), "byte {at}");
        assert!(refusal.message.contains("keep the data folder as it is"), "{refusal:?}");
        assert_eq!(anna.refusal(&["verify"]).exit, 8, "byte {at}");
        require_same(&contents(anna.home()), &damaged, at);
        flip(&journal, at);
    }
    require_same(&contents(anna.home()), &before, length);
    anna.start();
    assert_eq!(anna.summit(), summit);
}

fn require_same<K: Ord + std::fmt::Debug>(
    now: &std::collections::BTreeMap<K, Vec<u8>>,
    before: &std::collections::BTreeMap<K, Vec<u8>>,
    at: usize,
) {
    let changed: Vec<_> =
        before.iter().filter(|(path, bytes)| now.get(path) != Some(bytes)).map(|x| x.0).collect();
    let added: Vec<_> = now.keys().filter(|path| !before.contains_key(path)).collect();
    assert!(changed.is_empty() && added.is_empty(), "byte {at}: {changed:?} {added:?}");
}

#[test]
fn attack_49_no_flipped_bit_anywhere_makes_the_history_shorter() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let summit = govern(&anna);
    anna.down();
    let whole = contents(anna.home());
    let is_ours = |path: &&PathBuf| !path.starts_with("keys") && !path.starts_with("recording");
    let (mut refused, mut opened) = (0, 0);
    for name in whole.keys().filter(is_ours) {
        let length = whole[name].len();
        for at in [0, length / 2, length.saturating_sub(1)] {
            if length == 0 {
                continue;
            }
            flip(&anna.home().join(name), at);
            if let Err(refusal) = anna.try_start() {
                assert_eq!(refusal.exit, 8, "{name:?}, byte {at}: {refusal:?}");
                refused += 1;
            } else {
                assert_eq!(anna.summit(), summit, "{name:?}, byte {at}");
                anna.kill();
                opened += 1;
            }
            restore(anna.home(), &whole);
        }
    }
    // A snapshot is disposable: without it the log is read. A log or a mark is not.
    assert!(refused >= 9 && opened >= 3, "{refused} refused, {opened} opened");
}

/// Makes the folder what it was, but for keys and recordings.
fn restore(home: &Path, whole: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    for name in contents(home).keys().filter(|name| !whole.contains_key(*name)) {
        fs::remove_file(home.join(name)).unwrap();
    }
    for (name, bytes) in whole {
        if fs::read(home.join(name)).ok().as_ref() != Some(bytes) {
            folkmoot_tests::e2e::write_private(&home.join(name), bytes);
        }
    }
}

#[test]
fn attack_49_files_that_are_gone_are_missed() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let summit = govern(&anna);
    anna.down();
    let aside = stage.path().join("aside");
    for name in ["log", "log/0.jnl", "log/version", "log/keyspaces"] {
        fs::rename(anna.home().join(name), &aside).unwrap();
        let refusal = anna.try_start().unwrap_err();
        assert_eq!((refusal.exit, refusal.code.as_str()), (8, "data-damaged"), "{name}");
        if anna.home().join(name).is_dir() {
            fs::remove_dir_all(anna.home().join(name)).unwrap();
        }
        fs::rename(&aside, anna.home().join(name)).unwrap();
    }
    anna.start();
    assert_eq!(anna.summit(), summit);
}

/// A small file system of its own; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts it, or says why that cannot be done here.
    fn mount(stage: &Stage, name: &str) -> Option<Self> {
        let path = stage.path().join(name);
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]).arg(&path);
        match mount.output() {
            Ok(done) if done.status.success() => Some(Self(path)),
            Ok(done) => {
                let why = String::from_utf8_lossy(&done.stderr).into_owned();
                println!("skipped: a small file system cannot be mounted: {}", why.trim());
                None
            }
            Err(why) => {
                println!("skipped: a small file system cannot be mounted: {why}");
                None
            }
        }
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", how]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }

    /// Fills it up but for so many bytes.
    fn fill(&self, but: u64) -> PathBuf {
        let path = self.0.join("keys/filler");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(but)).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a node that is killed later may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A founder who signs as long as the disk takes it.
fn unreserved(stage: &Stage) -> Node {
    let mut anna = stage.node("anna");
    fs::write(anna.home().join("config.toml"), "reserve_mib = 0\n").unwrap();
    anna.start().data(&["ns", "create", "Acme"]);
    anna
}

#[test]
fn attack_47_while_the_disk_is_nearly_full_nothing_is_signed_and_the_node_stays() {
    let stage = stage();
    let Some(_disk) = Disk::mount(&stage, "anna") else { return };
    let mut anna = unreserved(&stage);
    let summit = anna.summit();
    anna.down();
    // The whole disk is smaller than what is kept unless one says otherwise.
    fs::remove_file(anna.home().join("config.toml")).unwrap();
    anna.start();
    for words in [&["group", "create", "Garden"][..], &["invite"], &["ns", "create", "Globex"]] {
        let refusal = anna.refusal(words);
        assert_eq!((refusal.exit, refusal.code.as_str()), (10, "disk-nearly-full"), "{words:?}");
    }
    assert_eq!(anna.summit(), summit);
    anna.down();
    anna.data(&["verify"]);
    drop(anna);
}

#[test]
fn attack_47_a_full_disk_ends_the_node_and_loses_nothing() {
    let stage = stage();
    let Some(disk) = Disk::mount(&stage, "anna") else { return };
    let mut anna = unreserved(&stage);
    let mut answered = Vec::new();
    for room in [64, 32, 16, 8, 4, 0] {
        let filler = disk.fill(room * 1024);
        let lost = loop {
            let ran =
                anna.run(&["group", "create", &format!("group {}", answered.len()), "--json"]);
            if ran.exit != Some(0) {
                break ran;
            }
            answered.push(text(&ran.data(), "/ops/0"));
            answered.push(text(&ran.data(), "/ops/1"));
        };
        // The command is not told that it was done; the node does not go on.
        assert!([3, 10].contains(&lost.refusal().exit), "{lost:?}");
        assert_eq!(anna.wait().code(), Some(10), "{}", anna.log());
        assert!(anna.log().contains("disk is full"), "{}", anna.log());
        // As long as there is no space it says so, and never that the data is damaged.
        if let Err(refusal) = anna.try_start() {
            assert_eq!(refusal.exit, 10, "{refusal:?}");
        } else {
            anna.kill();
        }
        fs::remove_file(filler).unwrap();
        anna.start();
        for op in &answered {
            assert!(anna.has_effect(op), "answered, and gone: {op}");
        }
    }
    assert!(answered.len() >= 10, "{}", answered.len());
    anna.down();
    anna.data(&["verify"]);
    drop(anna);
}

#[test]
fn a_disk_that_cannot_be_written_is_told_apart_from_damage() {
    let stage = stage();
    let Some(disk) = Disk::mount(&stage, "anna") else { return };
    let mut anna = unreserved(&stage);
    let summit = govern(&anna);
    anna.down();
    disk.remount("remount,ro");
    let refusal = anna.try_start().unwrap_err();
    assert_eq!(refusal.exit, 10, "{refusal:?}");
    let detached = folkmoot_tests::e2e::run_within(
        anna.up(&["--detach", "--json"]),
        folkmoot_tests::e2e::PATIENCE,
    );
    assert_eq!(detached.refusal().exit, 10, "{detached:?}");
    disk.remount("remount,rw");
    anna.start();
    assert_eq!(anna.summit(), summit);
    drop(anna);
}
