//! The store as its caller sees it. How records are put into rows is in `rows`, what a failing disk
//! does to the store in `damage`.

mod damage;
mod rows;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::chain::Stamp;
use super::*;
use crate::ports::testing::claimed;
use crate::ports::{Log as _, StoreLog};

const BOOT: BootId = [7; 16];

fn open_with(path: &Path, boot: BootId) -> Result<(Store, Opened), StoreError> {
    Store::open(claimed(path)?, boot)
}

fn open(path: &Path) -> (Store, Opened) {
    open_with(path, BOOT).unwrap()
}

fn record(seq: Seq) -> Vec<u8> {
    format!("record {seq} {}", "x".repeat(usize::try_from(60 + seq % 50).unwrap())).into_bytes()
}

/// Appends records in batches of three.
fn fill(store: &mut Store, batches: u64) {
    for _ in 0..batches {
        let first = store.head().seq + 1;
        let records: Vec<Vec<u8>> = (first..first + 3).map(record).collect();
        assert_eq!(store.append(&records).unwrap(), first + 2);
    }
}

/// All records, each compared with what `fill` writes; their number.
fn read_all(store: &Store) -> Result<u64, StoreError> {
    let mut count = 0;
    for read in store.records_from(1)? {
        let (seq, bytes) = read?;
        count += 1;
        assert_eq!((seq, bytes), (count, record(count)));
        assert_eq!(store.reader().record(seq)?, record(seq));
    }
    Ok(count)
}

#[test]
fn reopening_gives_what_was_appended() {
    let dir = TempDir::new().unwrap();
    let (mut store, opened) = open(dir.path());
    assert!(opened.created && !opened.clean);
    assert_eq!((opened.head, opened.torn_bytes), (Head::EMPTY, 0));
    fill(&mut store, 4);
    let head = store.head();
    let batches = [1, 4, 7, 10].map(|first| (first..first + 3).map(record).collect::<Vec<_>>());
    let before = Stamp { head: Head::EMPTY, boot: BOOT };
    let written = batches.iter().fold(before, |stamp, records| rows::only_row(stamp, records).0);
    assert_eq!(head, written.head);
    store.close().unwrap();

    let (mut store, opened) = open_with(dir.path(), [8; 16]).unwrap();
    let expected = Opened { head, created: false, clean: true, torn_bytes: 0, last_boot: BOOT };
    assert_eq!(opened, expected);
    assert_eq!(read_all(&store).unwrap(), 12);
    fill(&mut store, 1);
    drop(store);

    let (store, opened) = open(dir.path());
    assert!(!opened.clean, "a store that was dropped did not end cleanly");
    assert_eq!((opened.head.seq, opened.last_boot), (15, [8; 16]));
    assert_eq!(read_all(&store).unwrap(), 15);
    let error = store.reader().record(16).unwrap_err();
    assert!(error.to_string().contains("record 16 is gone"), "{error}");
}

#[test]
fn records_can_be_read_from_anywhere() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    assert_eq!(store.records_from(1).unwrap().count(), 0);
    fill(&mut store, 2);
    for (from, count) in [(0, 6), (1, 6), (4, 3), (6, 1), (7, 0), (100, 0), (u64::MAX, 0)] {
        let records = store.records_from(from).unwrap().map(Result::unwrap);
        let expected: Vec<_> = (7 - count..7).map(|seq| (seq, record(seq))).collect();
        assert_eq!(records.collect::<Vec<_>>(), expected, "from {from}");
    }
}

/// No table overlaps another: fjall moves them to its last level, and merges none.
#[test]
fn tables_are_moved_and_never_merged() {
    const TABLES: usize = 8;
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    for _ in 0..TABLES {
        fill(&mut store, 1);
        store.shared.log.rotate_memtable_and_wait().unwrap();
    }
    let log = &store.shared.log;
    let patience = Instant::now() + Duration::from_secs(20);
    while log.l0_table_count() > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((log.l0_table_count(), log.table_count()), (0, TABLES));
    assert_eq!(read_all(&store).unwrap(), 3 * TABLES as u64);
}

/// Each is ordered once, and no more wait in memory than are allowed to.
#[test]
fn a_table_is_ordered_when_its_rows_are_there() {
    const BATCHES: u64 = 25;
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    for seq in 1..=BATCHES {
        assert_eq!(store.append(&[vec![7; 1 << 20]]).unwrap(), seq);
        assert!(store.shared.log.sealed_memtable_count() <= engine::SEALED_MAX);
    }
    store.shared.log.rotate_memtable_and_wait().unwrap();
    // Two that wait may be written as one.
    let (least, most) = (BATCHES / 8, BATCHES / 4 + 1);
    let count = store.shared.log.table_count() as u64;
    assert!((least..=most).contains(&count), "{count} tables");
    drop(store);
    assert_eq!(open(dir.path()).1.head.seq, BATCHES);
}

/// What waits for a table to be written does not wait for ever.
#[test]
fn a_table_that_cannot_be_written_stops_the_store() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fs::remove_dir_all(dir.path().join("log/keyspaces/1/tables")).unwrap();
    let mut batches = (0..100).map(|_| store.append(&[vec![7; 1 << 20]]));
    let error = batches.find_map(Result::err).unwrap();
    assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
    assert_eq!(error.class().exit_code(), 10);
    drop(batches);
    assert!(matches!(store.append(&[vec![1]]), Err(StoreError::Poisoned)));
}

#[test]
fn the_disk_of_the_log_says_how_much_is_left() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(dir.path());
    let free = store.free_bytes().unwrap();
    assert!(free > 0);
    let log = StoreLog::new(store);
    let log = log.with_reserve(u64::MAX);
    let shortage = log.shortage().unwrap();
    assert_eq!(shortage.reserve_bytes, u64::MAX);
    assert_eq!(log.with_reserve(1).shortage(), None);
}

#[test]
fn an_empty_batch_and_one_too_large_write_nothing() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    assert_eq!(store.append(&[]).unwrap(), 0);
    let size = usize::try_from(BATCH_BYTES_MAX).unwrap() + 1;
    assert!(matches!(store.append(&[vec![0; size]]), Err(StoreError::TooLarge { .. })));
    fill(&mut store, 1);
    assert_eq!(store.append(&[]).unwrap(), 3);
    drop(store);
    assert_eq!(read_all(&open(dir.path()).0).unwrap(), 3);
}

/// The bytes on the disk must not change by accident: golden values.
#[test]
fn formats_are_as_written_down() {
    let before = Stamp { head: Head { seq: 4, hash: [9; 32] }, boot: BOOT };
    let (stamp, row) = rows::only_row(before, &[b"first".to_vec(), vec![]]);
    let body = [&[5, 0, 0, 0][..], b"first", &[0, 0, 0, 0]].concat();
    let hashed = [&body[..], &[9; 32], &6_u64.to_be_bytes()].concat();
    let hash = blake3::keyed_hash(b"folkmoot log v2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &hashed);
    assert_eq!(row, [&body[..], hash.as_bytes(), &BOOT].concat());
    assert_eq!(stamp, Stamp { head: Head { seq: 6, hash: hash.into() }, boot: BOOT });
    assert_eq!(segment::unseal(6, &row), Some((&body[..], stamp)));
    assert_eq!(Stamp::decode(&stamp.encode()), Some(stamp));
    let dir = TempDir::new().unwrap();
    open(dir.path()).0.close().unwrap();
    let text = fs::read_to_string(dir.path().join("folkmoot")).unwrap();
    assert_eq!(text, "folkmoot data folder, format 3\n");
    let mark = fs::read(dir.path().join("watermark")).unwrap();
    assert_eq!(
        blake3::hash(&mark).to_hex().as_str(),
        "c95f0f0f56d15cef1903bf92d3f7c799eebd0e734f7b64b47c425ca774490139"
    );
}

#[test]
fn a_reader_serves_other_threads_and_does_not_keep_the_folder() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    let reader = store.reader();
    fill(&mut store, 2);
    let thread = std::thread::spawn({
        let reader = reader.clone();
        move || {
            let records = reader.records_from(4).unwrap().map(Result::unwrap).count();
            (reader.record(3).unwrap(), records)
        }
    });
    assert_eq!(thread.join().unwrap(), (record(3), 3));
    store.close().unwrap();
    assert!(matches!(reader.record(3), Err(StoreError::Closed)));
    assert_eq!(open(dir.path()).1.head.seq, 6);
}

#[test]
fn the_watermark_follows_at_most_once_a_second() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    let marked = |dir: &Path| marks::read_watermark(dir).unwrap().unwrap().stamp.head.seq;
    assert!(!store.mark(0).unwrap(), "nothing to mark");
    fill(&mut store, 1);
    assert!(store.mark(0).unwrap());
    fill(&mut store, 1);
    assert!(!store.mark(999).unwrap());
    assert_eq!(marked(dir.path()), 3);
    assert!(store.mark(1_000).unwrap());
    assert_eq!(marked(dir.path()), 6);
    fill(&mut store, 1);
    assert_eq!(marks::read_acked(dir.path()).unwrap().stamp.head.seq, 9);
    store.mark_now().unwrap();
    assert_eq!(marked(dir.path()), 9);
    fill(&mut store, 1);
    store.close().unwrap();
    assert_eq!(marked(dir.path()), 12);
}

#[test]
fn a_second_store_is_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let (store, _) = open(dir.path());
    let error = Home::claim(dir.path(), &[]).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert_eq!(error.class().exit_code(), 9);
    drop(store);
    open(dir.path());
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("thesis.tex"), "years of work").unwrap();
    let error = Home::claim(dir.path(), &["config.toml"]).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(error.class().exit_code(), 8);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no lock file either");

    fs::rename(dir.path().join("thesis.tex"), dir.path().join("config.toml")).unwrap();
    drop(Home::claim(dir.path(), &["config.toml"]).unwrap());
    fs::write(dir.path().join("folkmoot"), "folk music\n").unwrap();
    let error = Home::claim(dir.path(), &[]).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn another_format_is_no_damage_and_left_alone() {
    for other in [1, 2, FORMAT + 1] {
        let dir = TempDir::new().unwrap();
        open(dir.path()).0.close().unwrap();
        let identity = format!("folkmoot data folder, format {other}\n");
        fs::write(dir.path().join("folkmoot"), identity).unwrap();
        let error = open_with(dir.path(), BOOT).unwrap_err();
        assert!(matches!(error, StoreError::Format { found, .. } if found == other), "{error}");
        assert!(error.to_string().contains("start the program that wrote it"), "{error}");
        assert_eq!(error.class().exit_code(), 8);
    }
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let home = Home::claim(&dir.path().join("a/b"), &[]).unwrap();
    assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn snapshots_are_kept_two_deep() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    assert_eq!(store.load_snapshot().unwrap(), LoadedSnapshot::default());
    for seq in [3, 6, 9] {
        fill(&mut store, 1);
        store.save_snapshot(seq, |body| write!(body, "state {seq}")).unwrap();
    }
    let loaded = store.load_snapshot().unwrap();
    let expected = Snapshot { seq: 9, body: b"state 9".to_vec() };
    assert_eq!((loaded.snapshot, loaded.skipped), (Some(expected), vec![]));
    assert_eq!(fs::read_dir(dir.path().join("snapshots")).unwrap().count(), 2);
    let error = store.save_snapshot(10, |_| Ok(())).unwrap_err();
    assert!(matches!(error, StoreError::NotInLog { seq: 10 }), "{error}");
    let error = store.reader().save_snapshot(9, |_| Err(std::io::Error::other("no"))).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(store.load_snapshot().unwrap().snapshot.unwrap().seq, 9);
}

/// The child of the next test: appends for ever, and says what was answered.
#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os("FOLKMOOT_STORE_CHILD") else { return };
    let (mut store, _) = open(Path::new(&path));
    loop {
        fill(&mut store, 1);
        println!("acked {}", store.head().seq);
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_answered() {
    let dir = TempDir::new().unwrap();
    let mut expected = 0;
    for lines in [0, 1, 5, 20, 60] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::child_that_is_killed", "--nocapture"])
            .env("FOLKMOOT_STORE_CHILD", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let acked = output.lines().map_while(Result::ok).filter_map(|line| {
            let (_, seq) = line.split_once("acked ")?;
            seq.parse::<u64>().ok()
        });
        expected = acked.take(lines).last().unwrap_or(expected);
        child.kill().unwrap();
        child.wait().unwrap();

        let (store, opened) = open(dir.path());
        assert!(opened.head.seq >= expected && !opened.clean, "{opened:?} after {expected}");
        assert_eq!(opened.head.seq % 3, 0, "a batch is there whole or not at all");
        assert_eq!(read_all(&store).unwrap(), opened.head.seq);
        expected = opened.head.seq;
    }
    assert!(expected > 0);
}
