//! How records are put into rows, and what becomes of a row that is not as it was written.

use std::fs::OpenOptions;

use fjall::Slice;

use super::damage::{copy_to_new, crashed, expect_damaged_and_untouched, journal};
use super::*;
use crate::store::segment::{SEAL_BYTES, SEGMENT_BYTES, Segment};

/// The row of records that fit one, written after others.
pub(super) fn only_row(before: Stamp, records: &[Vec<u8>]) -> (Stamp, Vec<u8>) {
    let mut rows = Rows::new(before, records);
    let row = rows.next().unwrap();
    assert!(rows.next().is_none(), "one row");
    row
}

/// A record of so many bytes, which differ from record to record.
fn sized(seq: Seq, bytes: usize) -> Vec<u8> {
    let mut record = seq.to_le_bytes().to_vec();
    record.resize(bytes, u8::try_from(seq).unwrap());
    record
}

/// The keys of all rows.
fn keys(store: &Store) -> Vec<Seq> {
    let keys = store.shared.log.iter().map(|guard| guard.key().unwrap());
    keys.map(|key| Seq::from_be_bytes((*key).try_into().unwrap())).collect()
}

/// Two that fill a row to the byte, one byte more, one longer than a row, and empty ones.
fn odd_sizes() -> Vec<Vec<u8>> {
    let half = SEGMENT_BYTES / 2 - 4;
    let sizes = [half, half, half, half + 1, 3 * SEGMENT_BYTES, 8, SEGMENT_BYTES - 4, 8, 8];
    let mut records: Vec<_> = (1..).zip(sizes).map(|(seq, bytes)| sized(seq, bytes)).collect();
    records.extend([vec![], vec![]]);
    records
}

#[test]
fn a_batch_is_cut_into_rows_of_so_many_bytes() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    let records = odd_sizes();
    store.append(&records).unwrap();
    store.append(&[vec![]]).unwrap();
    assert_eq!(keys(&store), [2, 3, 4, 5, 6, 7, 11, 12]);
    assert_eq!(store.head().seq, 12);
    drop(store);

    let (store, opened) = open(dir.path());
    assert_eq!(opened.head.seq, 12);
    let mut expected: Vec<_> = (1..).zip(records).collect();
    expected.push((12, vec![]));
    for from in 0..=13 {
        let read: Vec<_> = store.records_from(from).unwrap().map(Result::unwrap).collect();
        let first = usize::try_from(from.saturating_sub(1)).unwrap();
        assert_eq!(read, expected.get(first..).unwrap_or_default(), "from {from}");
    }
    let reader = store.reader();
    let (mut up, mut down) = (reader.lookup(), reader.lookup());
    for (seq, record) in &expected {
        assert_eq!(&reader.record(*seq).unwrap(), record);
        assert_eq!(up.record(*seq).unwrap(), record);
    }
    for (seq, record) in expected.iter().rev() {
        assert_eq!(down.record(*seq).unwrap(), record);
    }
    for seq in [0, 13, u64::MAX] {
        let error = up.record(seq).unwrap_err().to_string();
        assert!(error.contains(&format!("record {seq} is gone")), "{error}");
    }
    assert_eq!(up.record(7).unwrap(), expected[6].1, "an error does not spoil the next");
}

/// Only the end of a row has a running hash that a snapshot could be held against.
#[test]
fn a_snapshot_inside_of_a_row_is_refused() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 2);
    for seq in [1, 2, 4, 5, 7] {
        let error = store.save_snapshot(seq, |_| Ok(())).unwrap_err();
        assert!(matches!(error, StoreError::NotInLog { seq: at } if at == seq), "{error}");
    }
    store.save_snapshot(3, |_| Ok(())).unwrap();
    assert_eq!(store.load_snapshot().unwrap().snapshot.unwrap().seq, 3);
}

#[test]
fn a_closed_store_is_not_read_from_a_row_that_is_held() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 1);
    let reader = store.reader();
    let mut lookup = reader.lookup();
    assert_eq!(lookup.record(1).unwrap(), record(1));
    store.close().unwrap();
    assert!(matches!(lookup.record(2), Err(StoreError::Closed)));
}

/// Whatever byte of a row changes, and wherever it is cut, it does not follow the one before it.
#[test]
fn a_row_with_another_byte_or_length_is_refused() {
    let before = Stamp { head: Head { seq: 4, hash: [9; 32] }, boot: BOOT };
    let (stamp, row) = only_row(before, &[record(5), vec![], record(7)]);
    let follows = |last: Seq, row: &[u8]| {
        Segment::parse(last, Slice::from(row)).is_some_and(|row| row.follows(before.head))
    };
    assert!(follows(7, &row) && stamp.head.seq == 7);
    for at in 0..row.len() - BOOT.len() {
        for bit in 0..8 {
            let mut other = row.clone();
            other[at] ^= 1 << bit;
            assert!(!follows(7, &other), "byte {at} bit {bit}");
        }
    }
    for cut in 0..row.len() {
        assert!(!follows(7, &row[..cut]), "cut at {cut}");
        assert!(!follows(7, &row[cut + 1..]), "begun at {cut}");
    }
    for last in [0, 1, 2, 3, 6, 8, u64::MAX] {
        assert!(!follows(last, &row), "as row {last}");
    }
    assert!(Segment::parse(5, Slice::from(&[0; SEAL_BYTES][..])).is_none(), "no record");
}

/// A batch of many rows is there whole or not at all.
#[test]
fn a_torn_batch_of_many_rows_is_dropped_whole() {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path());
    fill(&mut store, 1);
    let earlier = copy_to_new(dir.path());
    let from = fs::read(journal(dir.path())).unwrap().len();
    store.append(&odd_sizes()).unwrap();
    let to = fs::read(journal(dir.path())).unwrap().len();
    assert!(to - from > 5 * SEGMENT_BYTES);
    drop(store);
    for cut in (from..to).step_by(7_919) {
        let copy = copy_to_new(dir.path());
        let file = OpenOptions::new().write(true).open(journal(copy.path())).unwrap();
        file.set_len(cut as u64).unwrap();
        // It was answered, as `acked` says.
        expect_damaged_and_untouched(copy.path());
        fs::copy(earlier.path().join("acked"), copy.path().join("acked")).unwrap();
        let (store, opened) = open(copy.path());
        assert_eq!(opened.head.seq, 3, "cut at {cut}");
        assert_eq!(read_all(&store).unwrap(), 3);
    }
    assert_eq!(open(dir.path()).1.head.seq, 14);
}

/// Changes rows behind the store's back; the checksums of fjall do not help then.
fn edit_rows(dir: &Path, edit: impl Fn(&fjall::Keyspace)) {
    let db = fjall::Database::builder(dir.join("log"))
        .journal_compression(fjall::CompressionType::None)
        .open()
        .unwrap();
    let log = db.keyspace("log", fjall::KeyspaceCreateOptions::default).unwrap();
    edit(&log);
    log.rotate_memtable_and_wait().unwrap();
    drop((log, db));
    // These writes are no batches of the store. All rows are in tables now.
    fs::write(journal(dir), "").unwrap();
}

/// The rows of `crashed` end with the records 3, 6, 9 and 12; the watermark is at 9.
#[test]
fn a_hole_or_a_changed_row_is_found_where_it_is_read() {
    let crashed = crashed();
    for last in [3, 6, 9, 12_u64] {
        let key = row_key(last);
        let row = |log: &fjall::Keyspace| log.get(key).unwrap().unwrap().to_vec();
        let flip = |log: &fjall::Keyspace, at: usize| {
            let mut row = row(log);
            row[at] ^= 1;
            log.insert(key, row).unwrap();
        };
        let body: usize = (last - 2..=last).map(|seq| 4 + record(seq).len()).sum();
        let first = 4 + record(last - 2).len();
        let edits: [&dyn Fn(&fjall::Keyspace); 8] = [
            &|log| log.remove(key).unwrap(),
            &|log| log.insert(key, [0; SEAL_BYTES - 1]).unwrap(),
            &|log| flip(log, body - 1),
            &|log| flip(log, body),
            // The length of a record, and a record that is missing, or there once more.
            &|log| flip(log, 0),
            &|log| log.insert(key, &row(log)[first..]).unwrap(),
            &|log| log.insert(key, [&row(log)[..first], &row(log)].concat()).unwrap(),
            &|log| {
                let row = row(log);
                log.remove(key).unwrap();
                log.insert(row_key(last - 1), row).unwrap();
            },
        ];
        for (at, edit) in edits.into_iter().enumerate() {
            let copy = copy_to_new(crashed.dir.path());
            edit_rows(copy.path(), edit);
            match open_with(copy.path(), BOOT) {
                // The tail behind the watermark is read by `open` itself.
                Ok((store, _)) => {
                    assert!(last <= 9, "row {last}, edit {at}");
                    let error = read_all(&store).unwrap_err();
                    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
                    let behind = store.records_from(last + 4).unwrap().map(Result::unwrap);
                    assert_eq!(behind.count() as u64, 9_u64.saturating_sub(last));
                }
                Err(error) => {
                    assert!(last >= 9, "{error}");
                    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
                }
            }
        }
    }
}
