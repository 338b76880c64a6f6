//! The running hash of the log, and the run that wrote it.

use std::fmt;

/// The number of a record: the first is 1, there are no gaps. Zero stands for the empty log.
pub type Seq = u64;

/// Names one run of a process. Drawn at random by the caller, and told to nobody: the end of a
/// batch is known by it.
pub type BootId = [u8; 16];

/// Bytes of an encoded [`Stamp`].
pub(super) const STAMP_BYTES: usize = 8 + 32 + 16;

/// The domain of the running hash: a name, padded to a key.
const DOMAIN: &[u8; 32] = b"folkmoot log v2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

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

    /// The head after one more row: of so many records, and with these bytes before its hash.
    ///
    /// What is hashed begins with them: BLAKE3 takes a long piece at once, and what stood before
    /// it would cut it up.
    pub(super) fn then(self, records: u64, body: &[u8]) -> Self {
        let seq = self.seq + records;
        let mut hasher = blake3::Hasher::new_keyed(DOMAIN);
        hasher.update(body).update(&self.hash).update(&seq.to_be_bytes());
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
