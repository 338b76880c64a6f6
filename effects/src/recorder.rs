//! The flight recorder: stamped inputs and a digest of each output, to be replayed later.
//!
//! A recording is a ring of files. Each begins with the whole state, so that it can be replayed
//! without the ones before it. What was stepped is handed to the operating system before anything
//! of it can be observed, so that it outlives a kill of the process. Nothing is synced: a crash of
//! the machine may take the last seconds, and a file may end in the middle of a frame. A recorder
//! that fails stops recording; it never stops the node.

pub(crate) mod format;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use folkmoot_core::input::Input;
use folkmoot_core::step::Output;
use folkmoot_core::time::Now;

use format::{FILE_MAGIC, Frame, Header, PROGRAM};

/// Most bytes that are kept as room for the next frame.
const ROOM_MAX: usize = 1024 * 1024;

/// How much a recorder keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderLimits {
    /// Files in the ring. Default: 8.
    pub files_max: usize,
    /// Bytes of frames in one file; a state that is larger than this stretches it to its own size.
    /// Default: 16 MiB.
    pub file_bytes_max: u64,
}

impl Default for RecorderLimits {
    fn default() -> Self {
        Self { files_max: 8, file_bytes_max: 16 * 1024 * 1024 }
    }
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    dir: PathBuf,
    limits: RecorderLimits,
    run: [u8; 16],
    /// Number of the next file.
    next_file: u64,
    /// Number of the next frame.
    next_frame: u64,
    file: Option<Part>,
    /// Room for the next frame.
    room: Vec<u8>,
    is_working: bool,
}

/// The file that is being written.
#[derive(Debug)]
struct Part {
    writer: BufWriter<File>,
    /// Bytes of frames that still fit.
    left: u64,
}

impl Recorder {
    /// Goes on with the ring in `dir`, which is created if there is none. `run` names this run of
    /// the process.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created or listed.
    pub fn open(dir: &Path, limits: RecorderLimits, run: [u8; 16]) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(dir)?;
        let files = format::files(dir)?;
        let next_file = files.last().map_or(0, |(number, _)| number + 1);
        let next_frame = files.iter().rev().find_map(|(_, path)| format::end_of(path)).unwrap_or(0);
        let dir = dir.to_path_buf();
        let (file, room) = (None, Vec::new());
        Ok(Self { dir, limits, run, next_file, next_frame, file, room, is_working: true })
    }

    /// Whether it records. Once it has failed it does not.
    pub fn is_working(&self) -> bool {
        self.is_working
    }

    /// Whether the next frame needs a new file, and so [`Recorder::begin_file`] first.
    pub fn wants_file(&self) -> bool {
        self.file.as_ref().is_none_or(|part| part.left == 0)
    }

    /// Begins a file with the state as it is now, and removes the oldest one when there are too
    /// many.
    pub fn begin_file(&mut self, state: &[u8]) {
        let begun = self.try_begin(state);
        self.file = self.or_stop(begun);
    }

    /// The first half of a frame; to be written when the step is done.
    pub fn frame(&mut self, now: Now, input: &Input) -> Frame {
        let sequence = self.next_frame;
        self.next_frame += 1;
        Frame::new(std::mem::take(&mut self.room), sequence, now, input)
    }

    /// Writes a frame with the digest of what came of it.
    pub fn finish(&mut self, frame: Frame, output: &Output) {
        let Some(part) = &mut self.file else { return };
        let bytes = frame.finish(output);
        part.left = part.left.saturating_sub(bytes.len() as u64);
        let written = part.writer.write_all(&bytes);
        if bytes.capacity() <= ROOM_MAX {
            self.room = bytes;
        }
        self.or_stop(written);
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) {
        let flushed = self.file.as_mut().map_or(Ok(()), |part| part.writer.flush());
        self.or_stop(flushed);
    }

    fn try_begin(&mut self, state: &[u8]) -> io::Result<Part> {
        if let Some(mut part) = self.file.take() {
            part.writer.flush()?;
        }
        self.make_room()?;
        let path = self.dir.join(format::file_name(self.next_file));
        self.next_file += 1;
        let mut writer =
            BufWriter::new(OpenOptions::new().write(true).create_new(true).open(path)?);
        writer.write_all(FILE_MAGIC)?;
        let first = self.next_frame;
        let header = Header { program: PROGRAM.to_owned(), run: self.run, first };
        writer.write_all(&header.encode(state))?;
        Ok(Part { writer, left: self.limits.file_bytes_max.max(state.len() as u64) })
    }

    fn make_room(&self) -> io::Result<()> {
        let files = format::files(&self.dir)?;
        let excess = (files.len() + 1).saturating_sub(self.limits.files_max.max(1));
        files.iter().take(excess).try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn or_stop<T>(&mut self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let dir = self.dir.display();
                tracing::warn!(%error, %dir, "recording stopped; the node goes on without it");
                self.is_working = false;
                self.file = None;
                None
            }
        }
    }
}
