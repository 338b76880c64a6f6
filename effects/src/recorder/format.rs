//! The files of a recording: a magic, a header block, then a block per step.
//!
//! A block is its length, a checksum and its bytes. What follows the last whole block of a file is
//! torn: a crash took the rest. A block that is all there and does not fit its checksum, with more
//! behind it, is no work of a crash: the file is damaged.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::str;

use folkmoot_core::codec;
use folkmoot_core::input::Input;
use folkmoot_core::step::Output;
use folkmoot_core::time::Now;

/// First bytes of a file, and the domain of its checksums.
pub(crate) const FILE_MAGIC: &[u8; 32] = b"folkmoot recording v2\0\0\0\0\0\0\0\0\0\0\0";

/// The program that writes.
pub(crate) const PROGRAM: &str = concat!("folkmoot ", env!("CARGO_PKG_VERSION"));

/// What the magic of every version begins with.
const FAMILY: &[u8] = b"folkmoot recording ";

const EXTENSION: &str = "rec";
const CHECKSUM_BYTES: usize = 16;
const PREFIX_BYTES: usize = 4 + CHECKSUM_BYTES;

/// What a file says of itself, before the state that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The program that wrote it.
    pub(crate) program: String,
    /// The run of that program.
    pub(crate) run: [u8; 16],
    /// Number of the first frame.
    pub(crate) first: u64,
}

impl Header {
    /// The block of a header and a state.
    pub(super) fn encode(&self, state: &[u8]) -> Vec<u8> {
        let mut body = codec::encode(&(self.program.as_str(), self.run, self.first));
        codec::encode_into(&state, &mut body);
        block(&body)
    }

    fn decode(bytes: &[u8]) -> Option<(Self, Vec<u8>)> {
        let (program, run, first, state) = codec::decode_own(bytes).ok()?;
        Some((Self { program, run, first }, state))
    }
}

/// A frame before its step is done: its block, of which the first bytes are still to come.
pub struct Frame(Vec<u8>);

impl Frame {
    /// Begins a frame in `room`, whatever that holds.
    pub(super) fn new(mut room: Vec<u8>, sequence: u64, now: Now, input: &Input) -> Self {
        room.clear();
        room.resize(PREFIX_BYTES, 0);
        codec::encode_into(&(sequence, now, input), &mut room);
        Self(room)
    }

    /// The block of a whole frame.
    pub(super) fn finish(mut self, output: &Output) -> Vec<u8> {
        let digest = output.digest_behind(&mut self.0);
        self.0.extend(digest);
        let (prefix, body) = self.0.split_at_mut(PREFIX_BYTES);
        prefix.copy_from_slice(&prefix_of(body));
        self.0
    }
}

/// One recorded step.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) sequence: u64,
    pub(crate) now: Now,
    pub(crate) input: Input,
    pub(crate) digest: [u8; 32],
}

impl Recorded {
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (sequence, now, input, digest) = codec::decode_own(bytes).ok()?;
        Some(Self { sequence, now, input, digest })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        codec::encode(&(self.sequence, self.now, &self.input, self.digest))
    }
}

pub(crate) fn block(body: &[u8]) -> Vec<u8> {
    [&prefix_of(body), body].concat()
}

/// What stands before the body of a block: its length and its checksum.
fn prefix_of(body: &[u8]) -> [u8; PREFIX_BYTES] {
    // A body of 4 GiB would be a state of 4 GiB; its checksum will not fit, and it reads as torn.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut prefix = [0; PREFIX_BYTES];
    prefix.iter_mut().zip(length.into_iter().chain(checksum(body))).for_each(|(at, b)| *at = b);
    prefix
}

fn checksum(body: &[u8]) -> impl Iterator<Item = u8> {
    let hash: [u8; 32] = blake3::keyed_hash(FILE_MAGIC, body).into();
    hash.into_iter().take(CHECKSUM_BYTES)
}

/// What comes next in a file.
#[derive(Debug)]
pub(crate) enum Next<T> {
    /// A whole block.
    Whole(T),
    /// The end of the file.
    End,
    /// Bytes that are no whole block: from this one on, so many.
    Torn {
        /// Where they begin.
        at: u64,
        /// How many they are.
        bytes: u64,
    },
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) enum FormatError {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is not a recording.
    Foreign,
    /// It is one of this other version of the format.
    Version(String),
    /// The block at this byte was changed since it was written.
    Damaged(u64),
    /// The block at this byte is as it was written, and of no use to this version.
    Unknown(u64),
}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file of a recording.
#[derive(Debug)]
pub(crate) struct FileReader<R> {
    reader: R,
    at: u64,
    end: u64,
}

impl FileReader<BufReader<File>> {
    /// Opens a file and reads its header and state; `Torn` where they are not whole.
    pub(crate) fn open(path: &Path) -> Result<Next<(Self, Header, Vec<u8>)>, FormatError> {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        Self::begin(BufReader::new(file), end)
    }
}

impl<R: Read> FileReader<R> {
    /// Reads header and state of a file of `end` bytes; `Torn` where they are not whole.
    pub(crate) fn begin(reader: R, end: u64) -> Result<Next<(Self, Header, Vec<u8>)>, FormatError> {
        let mut reader = Self { reader, at: 0, end };
        let torn = Next::Torn { at: 0, bytes: end };
        let mut magic = [0; FILE_MAGIC.len()];
        if !reader.read(&mut magic)? {
            return Ok(torn);
        }
        if magic != *FILE_MAGIC {
            return Err(version_of(&magic).map_or(FormatError::Foreign, FormatError::Version));
        }
        let at = reader.at;
        let Next::Whole(body) = reader.block()? else { return Ok(torn) };
        let (header, state) = Header::decode(&body).ok_or(FormatError::Unknown(at))?;
        Ok(Next::Whole((reader, header, state)))
    }

    /// Reads the next frame.
    pub(crate) fn next(&mut self) -> Result<Next<Recorded>, FormatError> {
        let at = self.at;
        Ok(match self.block()? {
            Next::Whole(body) => {
                Next::Whole(Recorded::decode(&body).ok_or(FormatError::Unknown(at))?)
            }
            Next::End => Next::End,
            Next::Torn { at, bytes } => Next::Torn { at, bytes },
        })
    }

    fn block(&mut self) -> Result<Next<Vec<u8>>, FormatError> {
        let at = self.at;
        if at == self.end {
            return Ok(Next::End);
        }
        let torn = Next::Torn { at, bytes: self.end.saturating_sub(at) };
        let (mut length, mut expected) = ([0; 4], [0; CHECKSUM_BYTES]);
        if !self.read(&mut length)? || !self.read(&mut expected)? {
            return Ok(torn);
        }
        let length = u32::from_le_bytes(length);
        // A crash of the machine may leave zeros, and no block is empty.
        if length == 0 || u64::from(length) > self.end.saturating_sub(self.at) {
            return Ok(torn);
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        if !self.read(&mut body)? {
            return Ok(torn);
        }
        if checksum(&body).eq(expected) {
            return Ok(Next::Whole(body));
        }
        if self.at == self.end { Ok(torn) } else { Err(FormatError::Damaged(at)) }
    }

    /// Fills `bytes`; false where the file ends before.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        match self.reader.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The version of the format that is written and read here.
pub(crate) fn version() -> String {
    version_of(FILE_MAGIC).unwrap_or_default()
}

/// The version that the magic of a recording names; `None` for other files.
fn version_of(magic: &[u8]) -> Option<String> {
    let version = magic.strip_prefix(FAMILY)?.split(|byte| *byte == 0).next()?;
    let version = str::from_utf8(version).ok()?;
    let is_plain = !version.is_empty() && version.chars().all(|letter| letter.is_ascii_graphic());
    is_plain.then(|| version.to_owned())
}

/// The name of a file in the ring.
pub(super) fn file_name(number: u64) -> String {
    format!("{number:010}.{EXTENSION}")
}

/// The files of a ring by number, oldest first.
pub(crate) fn files(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The number behind the last whole frame of a file, so that numbers go on over runs; `None` for a
/// file of which nothing can be read.
pub(super) fn end_of(path: &Path) -> Option<u64> {
    let Ok(Next::Whole((mut reader, header, _))) = FileReader::open(path) else { return None };
    let mut end = header.first;
    while let Ok(Next::Whole(frame)) = reader.next() {
        end = frame.sequence + 1;
    }
    Some(end)
}

/// A file of a recording in which the digest of one frame is another.
#[cfg(test)]
pub(crate) fn with_other_digest(file: &[u8], frame: usize) -> Vec<u8> {
    let (magic, mut rest) = file.split_at(FILE_MAGIC.len());
    let mut changed = magic.to_vec();
    for at in 0.. {
        let Some((length, after)) = rest.split_first_chunk() else { break };
        let end = CHECKSUM_BYTES + u32::from_le_bytes(*length) as usize;
        let mut body = after[CHECKSUM_BYTES..end].to_vec();
        // The header is the first block.
        if at == frame + 1 {
            *body.last_mut().unwrap() ^= 1;
        }
        changed.extend(block(&body));
        rest = &after[end..];
    }
    changed
}
