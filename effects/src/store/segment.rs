//! The rows of the log: each holds a run of records that stand next to each other, a segment.
//!
//! ```text
//! key    number of the last record, u64 big endian
//! value  of each record: length u32 little endian, bytes; running hash 32, run that wrote it 16
//! ```
//!
//! Rows that follow each other leave no record out, so that the number of a first one is known from
//! the row before it as well as from its own.

use std::fmt;
use std::ops::Range;

use fjall::Slice;

use super::chain::{Head, Seq, Stamp};

/// The most bytes of records, with their lengths, in a row that holds more than one.
pub(super) const SEGMENT_BYTES: usize = 16 * 1024;

/// Bytes of the key of a row.
pub(super) const KEY_BYTES: usize = 8;

/// Bytes of a row behind its records.
pub(super) const SEAL_BYTES: usize = 32 + 16;

/// Bytes before each record.
const LENGTH_BYTES: usize = 4;

/// The key of the row that ends with a record: big endian, so that the order of keys is the order
/// of records. Keys only grow, and there are no others: what was written once is never merged with
/// anything.
pub(super) fn row_key(last: Seq) -> [u8; KEY_BYTES] {
    last.to_be_bytes()
}

/// Cuts the records of a batch into rows.
pub(super) struct Rows<'a> {
    records: &'a [Vec<u8>],
    stamp: Stamp,
}

impl<'a> Rows<'a> {
    /// The rows of records that come after `after`, by the same run.
    pub(super) fn new(after: Stamp, records: &'a [Vec<u8>]) -> Self {
        Self { records, stamp: after }
    }
}

impl Iterator for Rows<'_> {
    /// A row, and the record and run that it ends with.
    type Item = (Stamp, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let (count, body_bytes) = first_row(self.records);
        let (records, rest) = self.records.split_at_checked(count).filter(|_| count > 0)?;
        let mut row = Vec::with_capacity(body_bytes + SEAL_BYTES);
        for record in records {
            // A batch is far smaller than what would not fit.
            let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
            row.extend_from_slice(&length.to_le_bytes());
            row.extend_from_slice(record);
        }
        self.stamp.head = self.stamp.head.then(records.len() as u64, &row);
        row.extend_from_slice(&self.stamp.head.hash);
        row.extend_from_slice(&self.stamp.boot);
        self.records = rest;
        Some((self.stamp, row))
    }
}

/// How many of the records go into one row, and their bytes in it.
fn first_row(records: &[Vec<u8>]) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for record in records {
        let grown = bytes + LENGTH_BYTES + record.len();
        if count > 0 && grown > SEGMENT_BYTES {
            break;
        }
        (count, bytes) = (count + 1, grown);
    }
    (count, bytes)
}

/// Takes the end off a row: its records, and the last of them with the run that wrote it. Of the
/// records, any part may be missing.
pub(super) fn unseal(last: Seq, row: &[u8]) -> Option<(&[u8], Stamp)> {
    let (rest, boot) = row.split_last_chunk()?;
    let (body, hash) = rest.split_last_chunk()?;
    Some((body, Stamp { head: Head { seq: last, hash: *hash }, boot: *boot }))
}

/// The row of a first record.
pub(crate) fn example(record: &[u8]) -> Vec<u8> {
    let start = Stamp { head: Head::EMPTY, boot: [1; 16] };
    Rows::new(start, &[record.to_vec()]).next().map_or_else(Vec::new, |(_, row)| row)
}

/// A row, written again as it was read.
pub(crate) fn reread(row: &[u8]) -> Option<Vec<u8>> {
    let (_, Stamp { head, boot }) = unseal(Seq::MAX, row)?;
    let segment = Segment::parse(Seq::MAX, row.into())?;
    let mut again = Vec::new();
    for seq in segment.first()..=Seq::MAX {
        let record = segment.record(seq)?;
        again.extend_from_slice(&u32::try_from(record.len()).ok()?.to_le_bytes());
        again.extend_from_slice(record);
    }
    again.extend_from_slice(&head.hash);
    again.extend_from_slice(&boot);
    Some(again)
}

/// A row that was read, with the places of its records.
pub(super) struct Segment {
    row: Slice,
    /// Where the records stand in the row; at least one.
    places: Vec<Range<usize>>,
    /// Bytes of the row before its seal.
    body_bytes: usize,
    head: Head,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}..={})", self.first(), self.head.seq)
    }
}

impl Segment {
    /// Takes a row apart; `None` unless its records fill it exactly. The running hash is for
    /// [`Segment::follows`] to check.
    pub(super) fn parse(last: Seq, row: Slice) -> Option<Self> {
        let (body, Stamp { head, .. }) = unseal(last, &row)?;
        let body_bytes = body.len();
        let mut places = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let start = body_bytes - behind.len();
            (_, rest) = behind.split_at_checked(length)?;
            places.push(start..start + length);
        }
        let is_counted = (1..=last).contains(&(places.len() as u64));
        is_counted.then_some(Self { row, places, body_bytes, head })
    }

    /// Its last record.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// The number of its first record.
    pub(super) fn first(&self) -> Seq {
        self.head.seq - self.places.len() as u64 + 1
    }

    /// Whether it is what was written right after a record.
    pub(super) fn follows(&self, before: Head) -> bool {
        let body = self.row.get(..self.body_bytes).unwrap_or_default();
        before.seq + 1 == self.first() && before.then(self.places.len() as u64, body) == self.head
    }

    /// One of its records; `None` where it stands in another row.
    pub(super) fn record(&self, seq: Seq) -> Option<&[u8]> {
        let at = usize::try_from(seq.checked_sub(self.first())?).ok()?;
        self.row.get(self.places.get(at)?.clone())
    }
}
