//! A look at the files of the database before fjall opens, and perhaps cuts, them.
//!
//! fjall reads its journal up to the first entry that makes no sense, cuts the file there and
//! opens: right for a batch that was being written when the power went, and a silent loss of
//! everything after it if a byte has flipped in the middle. Here the same entries are read, and
//! nothing is changed. The two cases can be told apart: since each batch is synced before the
//! next one is begun, at most one batch is unfinished, it is the last one, and its end is missing.
//! Whatever comes after the last whole batch and has the end of a batch in it is damage. That end
//! is known by the boot id that each row ends with; a peer whose bytes are in the log does not know
//! it, and cannot make a torn batch look like damage. A power cut can: pages that are not synced
//! may reach the disk in any order, and where the last page of a batch is there and another is not,
//! a batch that nobody was answered for is called damage. It looks as an answered one does in
//! which that page was lost, and of these two only the first may be dropped.
//!
//! Checksums are left to fjall, which refuses a batch when one is wrong. What fjall would not
//! refuse but crash on, or take for an empty keyspace, is looked for too. The order of a batch has
//! no checksum, and fjall skips a batch whose order says that it is in a table already. Orders only
//! grow, so that a wrong one can do this to the first batch only: that its records are there is
//! checked when the log is open.
//!
//! A journal (version 3) is a sequence of batches, numbers little endian:
//!
//! ```text
//! start  1, number of items u32, order u64
//! item   2, type u8, compression u8, keyspace u64, key length u16, value length u32, stored
//!        length u32, key, value
//! end    3, checksum u64, "FJL" 3
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::iter;
use std::path::{Path, PathBuf};

use super::chain::{Head, Stamp};
use super::segment::{KEY_BYTES, SEAL_BYTES, unseal};
use super::{BATCH_BYTES_MAX, BootId, StoreError, files};

/// Where the last unfinished batch is kept, beside the database.
const UNFINISHED: &str = "unfinished";
/// The content of fjall's version marker, and the last bytes of each batch.
const MAGIC: [u8; 4] = *b"FJL\x03";
const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
/// fjall's counter of batches never gets here; beyond, it stops with a panic.
const ORDER_MAX: u64 = 1 << 48;
/// Bytes of a start entry, of an item before its key, and of an end entry.
const START_BYTES: usize = 1 + 4 + 8;
const ITEM_BYTES: usize = 1 + 1 + 1 + 8 + 2 + 4 + 4;
const END_BYTES: usize = 1 + 8 + MAGIC.len();
/// The most bytes of a batch in a journal, with room for the headers of its items.
const TORN_BYTES_MAX: u64 = 2 * BATCH_BYTES_MAX;
const BUFFER_BYTES: usize = 256 * 1024;

/// What the journals say.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    /// The last record of the first whole batch, if the journals have any.
    pub(super) first: Option<Head>,
    /// The last record of the last whole batch.
    pub(super) head: Option<Head>,
    /// The batch after it that was not finished.
    pub(super) torn: Option<Torn>,
    /// fjall's number of the last whole batch.
    order: Option<u64>,
}

/// The part of a batch that was written when the process or the machine died.
#[derive(Debug)]
pub(super) struct Torn {
    journal: PathBuf,
    at: u64,
    bytes: Vec<u8>,
}

impl Torn {
    /// Bytes that were written.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Moves it from the journal to a file of its own, so that fjall sees whole batches only: it
    /// would take a length that is half there at its word. To be called when the log was found to
    /// hold all that was answered. When only the tables can tell, the bytes are not gone either.
    pub(super) fn move_out(&self, dir: &Path) -> Result<(), StoreError> {
        files::replace(dir, UNFINISHED, &self.bytes)?;
        let file = File::options().write(true).open(&self.journal);
        let cut = file.and_then(|file| file.set_len(self.at).and_then(|()| file.sync_all()));
        cut.map_err(|source| StoreError::file("cut", &self.journal, source))
    }
}

/// Reads the journals of a database; changes nothing. `boot` is the run that wrote last; a run
/// makes itself known before it writes, so that where none is, there is nothing unfinished either.
pub(super) fn inspect(dir: &Path, boot: Option<BootId>) -> Result<Inspected, StoreError> {
    let version = files::read_if_exists(&dir.join("version"))?;
    if version.as_deref() != Some(&MAGIC) {
        return Err(StoreError::damaged("the version file of the database is not the known one"));
    }
    check_trees(&dir.join("keyspaces"))?;
    let mut inspected = Inspected::default();
    for path in journals(dir)? {
        let rest = Journal::open(&path).and_then(|mut journal| journal.read(&mut inspected));
        let (at, tail) = rest.map_err(|source| StoreError::file("read", &path, source))?;
        let is_damage = inspected.torn.is_some()
            || tail.len() as u64 > TORN_BYTES_MAX
            || boot.map_or(!tail.is_empty(), |boot| has_batch_end(&tail, boot));
        if is_damage {
            let what = format!("{} cannot be read from byte {at} on", path.display());
            return Err(StoreError::damaged(what));
        }
        if !tail.is_empty() {
            inspected.torn = Some(Torn { journal: path, at, bytes: tail });
        }
    }
    Ok(inspected)
}

/// The journals in order. fjall removes the oldest first, so that there is no gap.
fn journals(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut journals = Vec::new();
    for path in files::list(dir)? {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jnl")) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse::<u64>().ok());
            let number = number.ok_or_else(|| unknown(&path))?;
            journals.push((number, path));
        }
    }
    journals.sort();
    let has_gap = journals.iter().zip(journals.iter().skip(1)).any(|(a, b)| a.0 + 1 != b.0);
    if has_gap || journals.is_empty() {
        return Err(StoreError::damaged(format!("a journal in {} is gone", dir.display())));
    }
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// fjall deletes the folder of a tree that has lost its pointer to the current version.
fn check_trees(dir: &Path) -> Result<(), StoreError> {
    if matches!(dir.try_exists(), Ok(false)) {
        return Err(StoreError::damaged(format!("the folder {} is gone", dir.display())));
    }
    for path in files::list(dir)? {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.and_then(|name| name.parse::<u64>().ok()).is_none() {
            return Err(unknown(&path));
        }
        if !fs::exists(path.join("current")).is_ok_and(|exists| exists) {
            return Err(StoreError::damaged(format!("{}/current is gone", path.display())));
        }
    }
    Ok(())
}

fn unknown(path: &Path) -> StoreError {
    StoreError::damaged(format!("there is an unknown file {}", path.display()))
}

/// A journal that is being read.
struct Journal {
    reader: BufReader<File>,
    /// Bytes that are left.
    left: u64,
}

impl Journal {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        Ok(Self { reader: BufReader::with_capacity(BUFFER_BYTES, file), left })
    }

    /// Reads all whole batches; gives what follows them, and where.
    fn read(&mut self, inspected: &mut Inspected) -> io::Result<(u64, Vec<u8>)> {
        loop {
            let at = self.reader.stream_position()?;
            let left = self.left;
            let batch = self.batch()?.filter(|batch| {
                batch.order < ORDER_MAX && inspected.order.is_none_or(|order| order < batch.order)
            });
            let Some(batch) = batch else {
                self.reader.seek(SeekFrom::Start(at))?;
                return Ok((at, read_tail(&mut self.reader.by_ref().take(left))?));
            };
            inspected.order = Some(batch.order);
            inspected.first.get_or_insert(batch.head);
            inspected.head = Some(batch.head);
        }
    }

    /// Reads one batch; `None` if there is no whole one.
    fn batch(&mut self) -> io::Result<Option<BatchSeen>> {
        let Some([TAG_START, start @ ..]) = self.take::<START_BYTES>()? else { return Ok(None) };
        let [c0, c1, c2, c3, order @ ..] = start;
        let mut last = None;
        for _ in 0..u32::from_le_bytes([c0, c1, c2, c3]) {
            last = self.item()?;
            if last.is_none() {
                return Ok(None);
            }
        }
        let Some([TAG_END, end @ ..]) = self.take::<END_BYTES>()? else { return Ok(None) };
        let [.., m0, m1, m2, m3] = end;
        let order = u64::from_le_bytes(order);
        let is_ended = [m0, m1, m2, m3] == MAGIC;
        Ok(last.filter(|_| is_ended).map(|Stamp { head, .. }| BatchSeen { order, head }))
    }

    /// Reads one item, which is a row of records; `None` if there is no whole one.
    fn item(&mut self) -> io::Result<Option<Stamp>> {
        // Type 0 is a value, compression 0 is none.
        let Some([TAG_ITEM, 0, 0, rest @ ..]) = self.take::<ITEM_BYTES>()? else {
            return Ok(None);
        };
        let [.., k0, k1, v0, v1, v2, v3, s0, s1, s2, s3] = rest;
        let is_row = usize::from(u16::from_le_bytes([k0, k1])) == KEY_BYTES;
        if [v0, v1, v2, v3] != [s0, s1, s2, s3] || !is_row {
            return Ok(None);
        }
        let Some(key) = self.take::<KEY_BYTES>()? else { return Ok(None) };
        let row_bytes = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
        let Some(body_bytes) = row_bytes.checked_sub(SEAL_BYTES as u64) else { return Ok(None) };
        if row_bytes > self.left {
            return Ok(None);
        }
        self.skip(body_bytes)?;
        let end = self.take::<SEAL_BYTES>()?;
        let last = u64::from_be_bytes(key);
        Ok(end.and_then(|end| Some(unseal(last, &end)?.1)))
    }

    /// The next bytes; `None` if fewer are left.
    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(left) = self.left.checked_sub(N as u64) else { return Ok(None) };
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.left = left;
        Ok(Some(bytes))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.reader.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))?;
        self.left = self.left.saturating_sub(bytes);
        Ok(())
    }
}

/// A whole batch.
struct BatchSeen {
    order: u64,
    head: Head,
}

/// The bytes that follow the last whole batch, without the zeros that fjall preallocates. Reads
/// no further when they are more than a batch can have.
fn read_tail(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    let mut zeros: u64 = 0;
    let mut chunk = vec![0; BUFFER_BYTES];
    while tail.len() as u64 <= TORN_BYTES_MAX {
        let count = reader.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if written > 0 {
            let gap = zeros.min(TORN_BYTES_MAX + 1 - tail.len() as u64);
            tail.extend(iter::repeat_n(0, usize::try_from(gap).unwrap_or(usize::MAX)));
            tail.extend(bytes.iter().take(written));
            zeros = 0;
        }
        zeros += (count - written) as u64;
    }
    Ok(tail)
}

/// Whether there is the end of a row of this run, followed by an end entry.
fn has_batch_end(tail: &[u8], boot: BootId) -> bool {
    let mut places = tail.windows(boot.len() + END_BYTES);
    places.any(|bytes| bytes.starts_with(&boot) && bytes.ends_with(&MAGIC))
}
