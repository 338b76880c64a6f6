//! Snapshots: states that the log folds to, kept to start faster. Losing them costs time only.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::chain::{Head, Seq};
use super::read::Shared;
use super::{StoreError, files};

const DIR: &str = "snapshots";
const EXTENSION: &str = "snapshot";
/// How many are kept: one may be damaged.
const KEPT_COUNT: usize = 2;

/// First bytes of a snapshot, and the domain of its checksum.
const MAGIC: &[u8; 32] = b"folkmoot snapshot v1\0\0\0\0\0\0\0\0\0\0\0\0";
/// Magic, number and running hash of the record, BLAKE3 of these two and the body.
const HEADER_BYTES: usize = 32 + 8 + 32 + 32;

/// A state, and the record up to which it was folded.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that is in the state.
    pub seq: Seq,
    /// What the caller wrote.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({}, {} bytes)", self.seq, self.body.len())
    }
}

/// A snapshot that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedSnapshot {
    /// The file.
    pub path: PathBuf,
    /// Why it is of no use.
    pub why: String,
}

/// The answer of [`super::Store::load_snapshot`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedSnapshot {
    /// The newest one that fits the log; `None` means to fold the log from its beginning.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that do not; worth a warning.
    pub skipped: Vec<SkippedSnapshot>,
}

/// Saves a snapshot, then removes all but the newest ones.
pub(super) fn save(
    shared: &Shared,
    seq: Seq,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    let head = shared.head_at(seq)?.ok_or(StoreError::NotInLog { seq })?;
    let dir = shared.home.path().join(DIR);
    fs::create_dir_all(&dir).map_err(|source| StoreError::file("create", &dir, source))?;
    let path = dir.join(format!("{seq:020}.{EXTENSION}"));
    let temp = files::temp_path(&path);
    write_file(&temp, head, write).map_err(|source| {
        // Best effort: it is in the way of nothing but space, and the next call removes it.
        drop(fs::remove_file(&temp));
        StoreError::file("write", &temp, source)
    })?;
    files::rename_synced(&temp, &path)?;
    prune(&dir, shared.last()?.map_or(0, |last| last.head.seq))
}

/// Reads the newest snapshot, if it is whole, from a log that is not open yet.
pub(super) fn peek(dir: &Path) -> Option<(Head, Vec<u8>)> {
    let dir = dir.join(DIR);
    let (_, newest) = newest_first(&dir).ok()?.into_iter().next()?;
    read_file(&newest).ok()
}

/// Loads the newest snapshot that is whole and belongs to this log.
pub(super) fn load(shared: &Shared) -> Result<LoadedSnapshot, StoreError> {
    let mut loaded = LoadedSnapshot::default();
    let dir = shared.home.path().join(DIR);
    if !dir.exists() {
        return Ok(loaded);
    }
    for (_, path) in newest_first(&dir)? {
        let why = match read_file(&path) {
            Ok((head, body)) => {
                if shared.head_at(head.seq)? == Some(head) {
                    loaded.snapshot = Some(Snapshot { seq: head.seq, body });
                    return Ok(loaded);
                }
                format!("record {} of the log is missing or another one", head.seq)
            }
            Err(error) => error.to_string(),
        };
        loaded.skipped.push(SkippedSnapshot { path, why });
    }
    Ok(loaded)
}

fn write_file(
    path: &Path,
    head: Head,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&[0; HEADER_BYTES])?;
    let mut body = HashingWriter { file, hasher: hasher(head) };
    write(&mut body)?;
    let HashingWriter { mut file, hasher } = body;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(MAGIC)?;
    file.write_all(&head.seq.to_be_bytes())?;
    file.write_all(&head.hash)?;
    file.write_all(hasher.finalize().as_bytes())?;
    file.into_inner()?.sync_all()
}

fn read_file(path: &Path) -> io::Result<(Head, Vec<u8>)> {
    read_from(File::open(path)?)
}

/// Reads a whole file.
pub(crate) fn read_from(mut file: impl Read) -> io::Result<(Head, Vec<u8>)> {
    let malformed = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let (mut magic, mut seq, mut hash, mut checksum) = ([0; 32], [0; 8], [0; 32], [0; 32]);
    for part in [&mut magic[..], &mut seq, &mut hash, &mut checksum] {
        file.read_exact(part)?;
    }
    if magic != *MAGIC {
        return Err(malformed("not a snapshot of a known format"));
    }
    let mut body = Vec::new();
    file.read_to_end(&mut body)?;
    let head = Head { seq: u64::from_be_bytes(seq), hash };
    if hasher(head).update(&body).finalize() != checksum {
        return Err(malformed("the checksum is wrong"));
    }
    Ok((head, body))
}

fn hasher(head: Head) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_keyed(MAGIC);
    hasher.update(&head.seq.to_be_bytes()).update(&head.hash);
    hasher
}

/// Removes what is not among the newest ones up to the end of the log.
fn prune(dir: &Path, last: Seq) -> Result<(), StoreError> {
    let snapshots = newest_first(dir)?;
    let kept = snapshots.iter().filter(|(seq, _)| *seq <= last).take(KEPT_COUNT);
    let kept: Vec<&PathBuf> = kept.map(|(_, path)| path).collect();
    for path in files::list(dir)?.iter().filter(|path| !kept.contains(path)) {
        fs::remove_file(path).map_err(|source| StoreError::file("remove", path, source))?;
    }
    Ok(())
}

/// The snapshots by the record that their names say, newest first.
fn newest_first(dir: &Path) -> Result<Vec<(Seq, PathBuf)>, StoreError> {
    let named = |path: PathBuf| {
        let seq = path.file_stem()?.to_str()?.parse().ok()?;
        (path.extension()? == EXTENSION).then_some((seq, path))
    };
    let mut snapshots: Vec<_> = files::list(dir)?.into_iter().filter_map(named).collect();
    snapshots.sort();
    snapshots.reverse();
    Ok(snapshots)
}

/// Passes bytes on and hashes them.
struct HashingWriter {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
