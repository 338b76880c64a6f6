//! Export and import of a namespace: every op, in an order in which parents come first.
//!
//! # The file
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `folkmoot ops v1` and a line feed |
//! | 32 | id of the namespace |
//! | for each op: 4 + n | length n, little endian; the signed op as it travels |
//! | 4 | zero: no more ops |
//! | 32 | digest of all bytes before, domain `folkmoot checksum v1` |
//!
//! A page of the import API is such a file of at most [`PAGE_BYTES_MAX`].

use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::id::NamespaceId;
use folkmoot_core::limits::OP_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::errors::{Class, Failure};
use crate::render::{Page, Show, Tone};

/// Largest body of a request, in bytes.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Largest file that is read.
pub const FILE_BYTES_MAX: u64 = 4 << 30;

/// How every file begins.
pub const MAGIC: &[u8; 16] = b"folkmoot ops v1\n";
const HEAD_BYTES: usize = 16 + 32;
const TAIL_BYTES: usize = 4 + 32;
/// Signature and lengths around a payload of the largest size.
const SIGNED_BYTES_MAX: usize = OP_BYTES_MAX + 128;

/// The ops of one namespace, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpsFile {
    /// The namespace.
    pub namespace: NamespaceId,
    /// Each op as it travels, parents first.
    pub ops: Vec<Vec<u8>>,
}

fn damaged(what: &str) -> Failure {
    Failure::new(Class::Damaged, "export-damaged", format!("this is no whole export: {what}"))
        .hint("export it again and copy it anew")
}

impl OpsFile {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.namespace.0);
        for op in &self.ops {
            Self::append(&mut bytes, op);
        }
        bytes.extend_from_slice(&[0; 4]);
        let check = digest(Domain::Checksum, &bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// Appends one op.
    pub fn append(bytes: &mut Vec<u8>, op: &[u8]) {
        // No signed op comes near the largest length.
        bytes.extend_from_slice(&u32::try_from(op.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(op);
    }

    /// Reads a file, and checks that it is whole. The ops are not looked at.
    ///
    /// # Errors
    ///
    /// Which part of it is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as one"))?;
        let (signed, check) =
            bytes.split_last_chunk::<32>().ok_or_else(|| damaged("its end is missing"))?;
        if digest(Domain::Checksum, signed) != *check {
            return Err(damaged("its checksum is wrong, a part is missing or was changed"));
        }
        let (namespace, mut rest) =
            rest.split_first_chunk::<32>().ok_or_else(|| damaged("its end is missing"))?;
        let mut ops = Vec::new();
        loop {
            let (length, after) =
                rest.split_first_chunk::<4>().ok_or_else(|| damaged("an op is cut off"))?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length == 0 {
                let is_end = after.len() == 32;
                let file = Self { namespace: NamespaceId(*namespace), ops };
                return if is_end { Ok(file) } else { Err(damaged("something follows its end")) };
            }
            let fits = length <= SIGNED_BYTES_MAX;
            let split = if fits { after.split_at_checked(length) } else { None };
            let (op, after) = split.ok_or_else(|| damaged("an op is cut off, or too long"))?;
            ops.push(op.to_vec());
            rest = after;
        }
    }

    /// The same ops in files that each fit a request.
    pub fn into_pages(self) -> Vec<Self> {
        let mut pages = Vec::new();
        let mut page = Self { namespace: self.namespace, ops: Vec::new() };
        let mut bytes = HEAD_BYTES + TAIL_BYTES;
        for op in self.ops {
            if bytes + 4 + op.len() > PAGE_BYTES_MAX && !page.ops.is_empty() {
                pages.push(std::mem::replace(
                    &mut page,
                    Self { namespace: self.namespace, ops: Vec::new() },
                ));
                bytes = HEAD_BYTES + TAIL_BYTES;
            }
            bytes += 4 + op.len();
            page.ops.push(op);
        }
        if !page.ops.is_empty() {
            pages.push(page);
        }
        pages
    }
}

/// An export that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReply {
    /// The namespace.
    pub namespace: String,
    /// The file.
    pub file: String,
    /// Ops in it.
    pub ops: u64,
    /// Its size.
    pub bytes: u64,
}

impl Show for ExportReply {
    fn show(&self, page: &mut Page) {
        let text = format!("wrote {} ops, {} bytes, to {}", self.ops, self.bytes, self.file);
        page.line(&text);
    }
}

/// What became of imported ops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReply {
    /// The namespace.
    pub namespace: String,
    /// Ops that were new.
    pub new: u64,
    /// Ops that were here already.
    pub known: u64,
    /// Ops that wait for parents.
    pub pending: u64,
    /// Ops that were refused.
    pub refused: u64,
    /// Why the first of them was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ImportReply {
    /// Adds the report of another page.
    pub fn add(&mut self, page: Self) {
        self.new += page.new;
        self.known += page.known;
        self.refused += page.refused;
        // What waited after one page may have come with the next: the last number counts.
        self.pending = page.pending;
        self.reason = self.reason.take().or(page.reason);
    }

    /// The report; a failure where every op was refused.
    ///
    /// # Errors
    ///
    /// `import-refused`, with the reason of the first refusal.
    pub fn or_refusal(self) -> Result<Self, Failure> {
        let Self { new, known, pending, refused, .. } = self;
        if refused == 0 || new + known + pending > 0 {
            return Ok(self);
        }
        let reason = self.reason.as_deref().unwrap_or("no reason was given");
        let message = format!("all {refused} ops of the file were refused: {reason}");
        let hint = format!("they are of namespace {}; compare `moot ns list`", self.namespace);
        Err(Failure::new(Class::Failed, "import-refused", message).hint(hint))
    }
}

impl Show for ImportReply {
    fn show(&self, page: &mut Page) {
        let Self { new, known, pending, refused, .. } = self;
        page.line(&format!("{new} new, {known} known, {pending} pending, {refused} refused"));
        if let Some(reason) = &self.reason {
            page.put(Tone::Bad, &format!("first refusal: {reason}")).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(count: usize, bytes: usize) -> OpsFile {
        let op = |at: usize| vec![u8::try_from(at % 251).unwrap_or(0); bytes];
        OpsFile { namespace: NamespaceId([3; 32]), ops: (0..count).map(op).collect() }
    }

    #[test]
    fn a_file_round_trips_and_every_changed_byte_is_noticed() {
        let bytes = file(3, 5).encode();
        assert_eq!(OpsFile::decode(&bytes), Ok(file(3, 5)));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(OpsFile::decode(&changed).is_err(), "byte {at}");
            assert!(OpsFile::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(OpsFile::decode(&[bytes, vec![0]].concat()).is_err());
        assert_eq!(OpsFile::decode(&file(0, 0).encode()), Ok(file(0, 0)));
    }

    #[test]
    fn an_import_fails_only_where_nothing_was_taken() {
        let refused = ImportReply { refused: 2, reason: Some("why".into()), ..Default::default() };
        let failure = refused.clone().or_refusal().unwrap_err();
        assert_eq!((failure.class, failure.code.as_str()), (Class::Failed, "import-refused"));
        assert_eq!(failure.message, "all 2 ops of the file were refused: why");
        assert!(ImportReply::default().or_refusal().is_ok(), "an empty file");
        for taken in [
            ImportReply { new: 1, ..refused.clone() },
            ImportReply { known: 1, ..refused.clone() },
            ImportReply { pending: 1, ..refused },
        ] {
            assert_eq!(taken.clone().or_refusal(), Ok(taken));
        }
    }

    #[test]
    fn pages_fit_a_request_and_hold_every_op_once() {
        let whole = file(100, 60_000);
        let pages = whole.clone().into_pages();
        assert!(pages.len() > 5);
        assert!(pages.iter().all(|page| page.encode().len() <= PAGE_BYTES_MAX));
        let ops: Vec<_> = pages.into_iter().flat_map(|page| page.ops).collect();
        assert_eq!(ops, whole.ops);
        assert!(file(0, 0).into_pages().is_empty());
    }
}
