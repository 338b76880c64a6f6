//! The two files that say how far the log has come.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::chain::{Head, STAMP_BYTES, Stamp};
use super::{MARK_INTERVAL_MS, StoreError, files};

const WATERMARK: &str = "watermark";
const ACKED: &str = "acked";

/// First bytes of both files, and the domain of their checksum.
const MAGIC: &[u8; 32] = b"folkmoot mark v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// One statement about the log: it has this record, written by that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) stamp: Stamp,
    /// Whether the run ended with it.
    pub(super) clean: bool,
}

impl Mark {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.stamp.encode());
        bytes.push(u8::from(self.clean));
        let checksum = blake3::keyed_hash(MAGIC, &bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (stamp, rest) = bytes.strip_prefix(MAGIC)?.split_at_checked(STAMP_BYTES)?;
        let clean = match rest.first()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let mark = Self { stamp: Stamp::decode(stamp)?, clean };
        (mark.encode() == bytes).then_some(mark)
    }
}

/// The mark of a record.
pub(crate) fn example(head: Head) -> Vec<u8> {
    Mark { stamp: Stamp { head, boot: [1; 16] }, clean: true }.encode()
}

/// A mark, written again as it was read.
pub(crate) fn reread(bytes: &[u8]) -> Option<Vec<u8>> {
    Mark::decode(bytes).map(|mark| mark.encode())
}

/// The mark that survives a power cut; `None` in a new folder.
pub(super) fn read_watermark(dir: &Path) -> Result<Option<Mark>, StoreError> {
    let Some(bytes) = files::read_if_exists(&dir.join(WATERMARK))? else { return Ok(None) };
    // It is replaced by a rename and thus never half written: this is damage, not a crash.
    let mark = Mark::decode(&bytes)
        .ok_or_else(|| StoreError::damaged("the checksum of the file watermark is wrong"))?;
    Ok(Some(mark))
}

/// The mark of the last append. It is written in place without a sync, so that it may be torn;
/// a mark that cannot be read makes the bound weaker, not wrong.
pub(super) fn read_acked(dir: &Path) -> Option<Mark> {
    let bytes = files::read_if_exists(&dir.join(ACKED)).ok()??;
    Mark::decode(&bytes)
}

/// The writer of both marks.
#[derive(Debug)]
pub(super) struct Marks {
    dir: PathBuf,
    acked: File,
    marked: Head,
    marked_at_ms: Option<u64>,
}

impl Marks {
    /// Puts this run's name on both marks.
    pub(super) fn claim(dir: &Path, stamp: Stamp) -> Result<Self, StoreError> {
        let path = dir.join(ACKED);
        let acked = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let acked = acked.map_err(|source| StoreError::file("open", &path, source))?;
        let mut marks =
            Self { dir: dir.to_path_buf(), acked, marked: stamp.head, marked_at_ms: None };
        marks.acked(stamp)?;
        marks.write(Mark { stamp, clean: false })?;
        Ok(marks)
    }

    /// Notes an append whose batch is synced.
    pub(super) fn acked(&mut self, stamp: Stamp) -> Result<(), StoreError> {
        let bytes = Mark { stamp, clean: false }.encode();
        let written =
            self.acked.seek(SeekFrom::Start(0)).and_then(|_| self.acked.write_all(&bytes));
        written.map_err(|source| StoreError::io("write the file acked", source))
    }

    /// Whether the watermark is behind, and old enough.
    pub(super) fn is_due(&self, head: Head, now_ms: u64) -> bool {
        let is_old = |at_ms| now_ms.saturating_sub(at_ms) >= MARK_INTERVAL_MS;
        head != self.marked && self.marked_at_ms.is_none_or(is_old)
    }

    /// Remembers when the watermark was written, in the caller's time.
    pub(super) fn marked_at(&mut self, now_ms: u64) {
        self.marked_at_ms = Some(now_ms);
    }

    /// Writes the watermark, unless another process has: a lock file that was deleted, or one on
    /// a network file system, does not keep strangers out.
    pub(super) fn mark(&mut self, stamp: Stamp, clean: bool) -> Result<(), StoreError> {
        let current = read_watermark(&self.dir)?;
        if current.is_none_or(|mark| mark.stamp.boot != stamp.boot) {
            return Err(StoreError::InUse { path: self.dir.clone() });
        }
        self.write(Mark { stamp, clean })
    }

    fn write(&mut self, mark: Mark) -> Result<(), StoreError> {
        files::replace(&self.dir, WATERMARK, &mark.encode())?;
        self.marked = mark.stamp.head;
        Ok(())
    }
}
