//! The running hash of the log, and the rows that carry it.

use std::fmt;

/// The number of a record: the first is 1, there are no gaps. Zero stands for the empty log.
pub type Seq = u64;

/// Names one run of a process. Drawn at random by the caller, and told to nobody: the end of a
/// batch is known by it.
pub type BootId = [u8; 16];

/// Bytes of an encoded [`Stamp`].
pub(super) const STAMP_BYTES: usize = 8 + 32 + 16;

/// The domain of the running hash: a name, padded to a key.
const DOMAIN: &[u8; 32] = b"folkmoot log v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A place in the log: a record and everything before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the record.
    pub seq: Seq,
    /// The running hash over all records up to this one, in order.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of a log without records.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };

    /// The head after one more record.
    pub(super) fn then(self, record: &[u8]) -> Self {
        let seq = self.seq + 1;
        let mut hasher = blake3::Hasher::new_keyed(DOMAIN);
        hasher.update(&self.hash).update(&seq.to_be_bytes()).update(record);
        Self { seq, hash: hasher.finalize().into() }
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} ", self.seq)?;
        self.hash.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A head, and the run of the process that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) head: Head,
    pub(super) boot: BootId,
}

impl Stamp {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.head.seq.to_be_bytes()[..], &self.head.hash, &self.boot].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let boot = rest.try_into().ok()?;
        Some(Self { head: Head { seq: u64::from_be_bytes(*seq), hash: *hash }, boot })
    }
}

/// Bytes of the key of a record.
pub(super) const KEY_BYTES: usize = 8;

/// Bytes of a row behind its record.
pub(super) const SEAL_BYTES: usize = 32 + 16;

/// The key of a record: big endian, so that the order of keys is the order of records. Keys only
/// grow, and there are no others: what was written once is never merged with anything.
pub(super) fn record_key(seq: Seq) -> [u8; KEY_BYTES] {
    seq.to_be_bytes()
}

/// The row of a record: its bytes, the running hash that it ends with, and the run that wrote it.
pub(super) fn encode_row(stamp: Stamp, record: &[u8]) -> Vec<u8> {
    [record, &stamp.head.hash, &stamp.boot].concat()
}

/// The row of a first record.
pub(crate) fn example(record: &[u8]) -> Vec<u8> {
    encode_row(Stamp { head: Head::EMPTY.then(record), boot: [1; 16] }, record)
}

/// A row, written again as it was read.
pub(crate) fn reread(row: &[u8]) -> Option<Vec<u8>> {
    decode_row(0, row).map(|(record, stamp)| encode_row(stamp, record))
}

/// Takes the row of a record apart. Of its beginning, any part may be missing.
pub(super) fn decode_row(seq: Seq, row: &[u8]) -> Option<(&[u8], Stamp)> {
    let (rest, boot) = row.split_last_chunk()?;
    let (record, hash) = rest.split_last_chunk()?;
    Some((record, Stamp { head: Head { seq, hash: *hash }, boot: *boot }))
}
