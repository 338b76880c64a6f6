//! What a failing disk, a lost file or a stranger does: refused, and never a shorter history.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;

use super::*;

/// Every file under a folder by its path.
fn files_in(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(
                    path.strip_prefix(dir).unwrap().to_path_buf(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}

pub(super) fn copy_to_new(dir: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for (path, bytes) in files_in(dir) {
        let path = copy.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    copy
}

pub(super) fn journal(dir: &Path) -> PathBuf {
    dir.join("log/0.jnl")
}

fn expect_damaged(dir: &Path) -> String {
    let error = open_with(dir, BOOT).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(error.class().exit_code(), 8);
    error.to_string()
}

pub(super) fn expect_damaged_and_untouched(dir: &Path) -> String {
    let before = files_in(dir);
    let error = expect_damaged(dir);
    assert!(files_in(dir) == before, "the folder has changed: {error}");
    error
}

/// A folder as it is after the death of a process that was writing its fourth batch, of twelve
/// records, and what its journal ended with before and after that batch.
pub(super) struct Crashed {
    pub(super) dir: TempDir,
    /// The folder before the fourth batch.
    earlier: TempDir,
    last: std::ops::Range<usize>,
}

pub(super) fn crashed() -> Crashed {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 3);
    store.mark(0).unwrap();
    let earlier = copy_to_new(dir.path());
    fill(&mut store, 1);
    let journal_bytes = |dir: &Path| fs::read(journal(dir)).unwrap().len();
    let last = journal_bytes(earlier.path())..journal_bytes(dir.path());
    assert!(last.len() > 200, "the last batch is in the journal");
    drop(store);
    Crashed { dir, earlier, last }
}

/// After a power cut `acked` is as old as the disk happens to have it.
fn make_acked_old(crashed: &Crashed, dir: &Path) {
    fs::copy(crashed.earlier.path().join("acked"), dir.join("acked")).unwrap();
}

#[test]
fn a_torn_batch_that_was_not_answered_is_dropped() {
    let crashed = crashed();
    for cut in crashed.last.clone().step_by(7) {
        for is_preallocated in [false, true] {
            let copy = copy_to_new(crashed.dir.path());
            make_acked_old(&crashed, copy.path());
            let file = OpenOptions::new().write(true).open(journal(copy.path())).unwrap();
            file.set_len(cut as u64).unwrap();
            file.set_len(if is_preallocated { 1 << 20 } else { cut as u64 }).unwrap();
            let (mut store, opened) = open(copy.path());
            assert_eq!(opened.head.seq, 9, "cut at {cut}");
            assert!(opened.torn_bytes <= (cut - crashed.last.start) as u64);
            assert!(opened.torn_bytes > 0 || cut == crashed.last.start);
            fill(&mut store, 1);
            drop(store);
            assert_eq!(read_all(&open(copy.path()).0).unwrap(), 12);
        }
    }
}

#[test]
fn a_torn_batch_that_was_answered_is_damage() {
    let crashed = crashed();
    for cut in crashed.last.clone().step_by(23) {
        let copy = copy_to_new(crashed.dir.path());
        let file = OpenOptions::new().write(true).open(journal(copy.path())).unwrap();
        file.set_len(cut as u64).unwrap();
        expect_damaged_and_untouched(copy.path());
    }
}

/// With `acked` as a killed process leaves it, and as a power cut may.
#[test]
fn a_flipped_byte_in_the_last_batch_never_shortens_the_history() {
    let crashed = crashed();
    let (mut same_count, mut refused_count) = (0, 0);
    let mut try_flip = |at: usize, mask: u8, is_acked_old: bool| {
        let copy = copy_to_new(crashed.dir.path());
        if is_acked_old {
            make_acked_old(&crashed, copy.path());
        }
        let mut bytes = fs::read(journal(copy.path())).unwrap();
        bytes[at] ^= mask;
        fs::write(journal(copy.path()), bytes).unwrap();
        match open_with(copy.path(), BOOT) {
            Ok((store, _)) => {
                assert_eq!(read_all(&store).unwrap(), 12, "byte {at} mask {mask:#x}");
                same_count += 1;
            }
            Err(error) => {
                assert_eq!(error.class(), StoreClass::Damaged, "byte {at}: {error}");
                refused_count += 1;
            }
        }
    };
    for at in crashed.last.clone() {
        try_flip(at, [0x01, 0x80, 0xff, 0x10][at % 4], false);
    }
    // The boot id and the end are how a batch is known to be whole when `acked` is no help.
    let end = crashed.last.end - 29;
    for at in (crashed.last.start..end).step_by(5) {
        try_flip(at, 0x40, true);
    }
    // And anywhere before: the watermark covers it.
    for at in (0..crashed.last.start).step_by(37) {
        try_flip(at, 0xff, true);
    }
    println!("{same_count} flips changed nothing, {refused_count} were refused");
    assert!(refused_count > 300);
}

#[test]
fn a_log_behind_the_watermark_is_refused_untouched() {
    let crashed = crashed();
    for mark in ["acked", "watermark"] {
        // An older image of the log under a newer mark.
        let copy = copy_to_new(crashed.earlier.path());
        let (store, _) = open(crashed.dir.path());
        store.close().unwrap();
        fs::copy(crashed.dir.path().join(mark), copy.path().join(mark)).unwrap();
        let error = expect_damaged_and_untouched(copy.path());
        assert!(error.contains("ends at record 9, but record 12 was durable"), "{error}");
    }
}

#[test]
fn another_log_of_the_same_length_is_refused() {
    let crashed = crashed();
    let other = TempDir::new().unwrap();
    let (mut store, _) = open(other.path());
    store.append(&vec![b"something else".to_vec(); 12]).unwrap();
    store.close().unwrap();
    fs::copy(other.path().join("watermark"), crashed.dir.path().join("watermark")).unwrap();
    fs::remove_file(crashed.dir.path().join("acked")).unwrap();
    let error = expect_damaged(crashed.dir.path());
    assert!(error.contains("record 12 is not the one that was durable"), "{error}");
}

/// A change in a folder.
type Edit = fn(&Path);

#[test]
fn a_lost_or_damaged_file_is_refused_untouched() {
    let crashed = crashed();
    let edits: [(&str, Edit); 8] = [
        ("watermark is wrong", |dir| {
            let mut bytes = fs::read(dir.join("watermark")).unwrap();
            bytes[40] ^= 1;
            fs::write(dir.join("watermark"), bytes).unwrap();
        }),
        ("log is gone", |dir| fs::remove_dir_all(dir.join("log")).unwrap()),
        ("journal in", |dir| fs::remove_file(journal(dir)).unwrap()),
        ("journal in", |dir| fs::copy(journal(dir), dir.join("log/2.jnl")).map(|_| ()).unwrap()),
        ("version file", |dir| fs::remove_file(dir.join("log/version")).unwrap()),
        ("current is gone", |dir| fs::remove_file(dir.join("log/keyspaces/1/current")).unwrap()),
        ("unknown file", |dir| fs::write(dir.join("log/keyspaces/readme"), "").unwrap()),
        ("unknown file", |dir| fs::write(dir.join("log/one.jnl"), "").unwrap()),
    ];
    for (expected, edit) in edits {
        let copy = copy_to_new(crashed.dir.path());
        edit(copy.path());
        let error = expect_damaged_and_untouched(copy.path());
        assert!(error.contains(expected), "{error}");
    }
    for mark in ["watermark", "acked"] {
        fs::remove_file(crashed.dir.path().join(mark)).unwrap();
        let error = expect_damaged_and_untouched(crashed.dir.path());
        assert!(error.contains("watermark is gone"), "{error}");
    }
    // With both gone, and nothing that reads, it would pass for a log that is new.
    let mut bytes = fs::read(journal(crashed.dir.path())).unwrap();
    bytes[0] ^= 1;
    fs::write(journal(crashed.dir.path()), bytes).unwrap();
    let error = expect_damaged_and_untouched(crashed.dir.path());
    assert!(error.contains("cannot be read from byte 0 on"), "{error}");
}

/// The only batch of a journal, its end gone: it looks unfinished, and only the tables can tell.
#[test]
fn a_batch_that_turns_out_to_be_missing_is_kept_aside() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 1);
    drop(store);
    let mut bytes = fs::read(journal(dir.path())).unwrap();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(journal(dir.path()), &bytes).unwrap();
    for _ in 0..2 {
        let error = expect_damaged(dir.path());
        assert!(error.contains("ends at record 0, but record 3 was durable"), "{error}");
        assert_eq!(fs::read(dir.path().join("unfinished")).unwrap(), bytes);
    }
}

/// fjall takes a batch with a low order for one that is in a table already.
#[test]
fn a_flipped_bit_in_the_order_of_the_first_batch_is_found_below_the_watermark() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 5);
    store.shared.log.rotate_memtable_and_wait().unwrap();
    drop(store);
    fs::write(journal(dir.path()), "").unwrap();
    let (mut store, opened) = open(dir.path());
    assert_eq!(opened.head.seq, 15);
    fill(&mut store, 3);
    store.mark(0).unwrap();
    drop(store);
    let whole = fs::read(journal(dir.path())).unwrap();
    let mut skipped_count = 0;
    for bit in 0..64 {
        let mut bytes = whole.clone();
        bytes[5 + bit / 8] ^= 1 << (bit % 8);
        let copy = copy_to_new(dir.path());
        fs::write(journal(copy.path()), bytes).unwrap();
        match open_with(copy.path(), BOOT) {
            Ok((store, _)) => assert_eq!(read_all(&store).unwrap(), 24, "bit {bit}"),
            Err(error) => {
                assert_eq!(error.class(), StoreClass::Damaged, "bit {bit}: {error}");
                skipped_count += u32::from(error.to_string().contains("record 18 is not the one"));
            }
        }
    }
    assert!(skipped_count > 0);
}

#[test]
fn a_flipped_byte_in_a_table_is_never_read_as_something_else() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 300);
    store.shared.log.rotate_memtable_and_wait().unwrap();
    store.close().unwrap();
    let tables = fs::read_dir(dir.path().join("log/keyspaces/1/tables")).unwrap();
    let table = tables.map(|entry| entry.unwrap().path()).next().unwrap();
    let table = table.strip_prefix(dir.path()).unwrap();
    let size = fs::read(dir.path().join(table)).unwrap().len();
    let mut refused_count = 0;
    for at in (0..size).step_by(size / 60) {
        let copy = copy_to_new(dir.path());
        let mut bytes = fs::read(copy.path().join(table)).unwrap();
        bytes[at] ^= 0x20;
        fs::write(copy.path().join(table), bytes).unwrap();
        match open_with(copy.path(), BOOT).and_then(|(store, _)| read_all(&store)) {
            Ok(count) => assert_eq!(count, 900, "byte {at}"),
            Err(error) => {
                assert_eq!(error.class(), StoreClass::Damaged, "byte {at}: {error}");
                refused_count += 1;
            }
        }
    }
    assert!(refused_count > 30, "{refused_count}");
}

#[test]
fn what_a_kill_during_the_first_start_leaves_is_no_obstacle() {
    // fjall's own creation, cut short: a journal and no version marker.
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("log.new/keyspaces")).unwrap();
    fs::write(dir.path().join("log.new/0.jnl"), "").unwrap();
    fs::write(dir.path().join("folkmoot"), "folkmoot data folder, format 3\n").unwrap();
    assert!(open(dir.path()).1.created);
    // Cut short before the identity was in place.
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("lock"), "").unwrap();
    fs::write(dir.path().join("folkmoot.tmp"), "folkmoot da").unwrap();
    assert!(open(dir.path()).1.created);
    // Cut short before the first watermark.
    fs::remove_file(dir.path().join("watermark")).unwrap();
    fs::remove_file(dir.path().join("acked")).unwrap();
    let (mut store, opened) = open(dir.path());
    assert!(!opened.created);
    fill(&mut store, 1);
}

#[test]
fn a_damaged_snapshot_gives_way_to_the_one_before() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 2);
    store.save_snapshot(3, |body| body.write_all(b"three")).unwrap();
    store.save_snapshot(6, |body| body.write_all(b"six")).unwrap();
    let path = dir.path().join("snapshots/00000000000000000006.snapshot");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&path, bytes).unwrap();
        let loaded = store.load_snapshot().unwrap();
        assert_eq!(loaded.snapshot.unwrap().body, b"three");
        assert_eq!(loaded.skipped.len(), 1);
        assert_eq!(loaded.skipped[0].path, path);
    }
    // One of another log, one of a record that the log does not have, and one that was not
    // finished.
    let other = TempDir::new().unwrap();
    let (mut other_store, _) = open(other.path());
    other_store.append(&vec![vec![1]; 7]).unwrap();
    other_store.append(&vec![vec![1]; 2]).unwrap();
    store.append(&[vec![7]]).unwrap();
    for seq in [7, 9] {
        other_store.save_snapshot(seq, |_| Ok(())).unwrap();
        let name = format!("snapshots/{seq:020}.snapshot");
        fs::copy(other.path().join(&name), dir.path().join(&name)).unwrap();
    }
    fs::write(&path, &whole[..50]).unwrap();
    fs::write(dir.path().join("snapshots/00000000000000000007.tmp"), "").unwrap();
    let loaded = store.load_snapshot().unwrap();
    assert_eq!((loaded.snapshot.unwrap().seq, loaded.skipped.len()), (3, 3));
    store.save_snapshot(6, |body| body.write_all(b"six")).unwrap();
    assert_eq!(fs::read_dir(dir.path().join("snapshots")).unwrap().count(), 2);
    assert_eq!(store.load_snapshot().unwrap().snapshot.unwrap().body, b"six");
}

#[test]
fn a_stranger_who_got_past_the_lock_is_noticed() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 1);
    Marks::claim(dir.path(), Stamp { head: store.head(), boot: [9; 16] }).unwrap();
    assert!(matches!(store.mark(0), Err(StoreError::InUse { .. })));
    assert_poisoned(store);
}

fn assert_poisoned(mut store: Store) {
    assert!(matches!(store.append(&[vec![1]]), Err(StoreError::Poisoned)));
    assert!(matches!(store.mark(10_000), Err(StoreError::Poisoned)));
    assert!(matches!(store.close(), Err(StoreError::Poisoned)));
}

/// A file system of 16 MiB, if this process may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_stops_the_store_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: mounting a small tmpfs needs the right to mount");
        return;
    };
    let path = disk.0.path().join("home");
    let (mut store, _) = open(&path);
    let error = loop {
        if let Err(error) = store.append(&vec![vec![5; 100_000]; 3]) {
            break error;
        }
    };
    assert_eq!(error.class().exit_code(), 10, "{error}");
    assert!(matches!(error, StoreError::Full { .. } | StoreError::Stopped { .. }), "{error}");
    let acked = store.head().seq;
    assert!(acked > 30);
    assert_poisoned(store);

    // Space comes back; the batch that failed may be there, what was answered is.
    let remounted =
        Command::new("mount").args(["-o", "remount,size=64m"]).arg(disk.0.path()).status().unwrap();
    assert!(remounted.success());
    let (mut store, opened) = open(&path);
    assert!(opened.head.seq == acked || opened.head.seq == acked + 3, "{opened:?}, acked {acked}");
    assert_eq!(store.records_from(1).unwrap().map(Result::unwrap).count() as u64, opened.head.seq);
    store.append(&[vec![6]]).unwrap();
    store.close().unwrap();
}

#[test]
fn a_lock_file_that_is_gone_is_named_and_nothing_else_is_blamed() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 2);
    let lock = dir.path().join("log/lock");
    fs::remove_file(&lock).unwrap();
    // While the one that held it still runs, and after it.
    fs::remove_file(dir.path().join("lock")).unwrap();
    let refused = |dir: &Path| {
        let error = open_with(dir, BOOT).unwrap_err();
        assert!(matches!(error, StoreError::NoLock { .. }), "{error}");
        assert!(error.to_string().contains("log/lock"), "{error}");
        assert_eq!(error.class().exit_code(), 9);
    };
    refused(dir.path());
    fill(&mut store, 1);
    store.close().unwrap();
    refused(dir.path());
    fs::write(&lock, []).unwrap();
    assert_eq!(read_all(&open(dir.path()).0).unwrap(), 9);
}
