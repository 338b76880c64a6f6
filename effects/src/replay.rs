//! Replays a recording: the same inputs from the same state must give the same outputs, to the
//! bit. Performs no effects.

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use folkmoot_core::input::Input;
use folkmoot_core::snapshot::{self, SnapshotError};
use folkmoot_core::state::State;
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::Now;
use thiserror::Error;

use crate::driver::input_name;
use crate::recorder::format::{self, FileReader, Header, Next, Recorded};

/// One replayed step.
#[derive(Debug)]
pub struct Step<'a> {
    /// Number of the step.
    pub sequence: u64,
    /// When it was.
    pub now: Now,
    /// What happened.
    pub input: &'a Input,
    /// What comes of it.
    pub output: &'a Output,
    /// The state afterwards.
    pub state: &'a State,
    /// Whether the same came of it when it was recorded.
    pub is_same: bool,
}

/// The first step of which something else came than when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Number of the step.
    pub sequence: u64,
    /// Name of its input.
    pub input: &'static str,
    /// Digest of the output as recorded.
    pub expected: [u8; 32],
    /// Digest of the output now.
    pub got: [u8; 32],
}

/// The end of a file that cannot be read: a crash takes what was not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// The first byte that cannot be read.
    pub at: u64,
    /// How many they are.
    pub bytes: u64,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Files read.
    pub file_count: u64,
    /// Steps replayed.
    pub step_count: u64,
    /// Number of the first and of the last step.
    pub range: Option<(u64, u64)>,
    /// The programs that recorded, in order, each once in a row.
    pub programs: Vec<String>,
    /// The first difference, where there is one; the replay ends there.
    pub divergence: Option<Divergence>,
    /// The first file that begins with another state than the steps before it lead to; the replay
    /// ends there.
    pub discontinuity: Option<PathBuf>,
    /// Ends of files that cannot be read.
    pub torn: Vec<Torn>,
}

impl ReplayReport {
    /// Whether everything that could be read came out the same.
    pub fn is_same(&self) -> bool {
        self.divergence.is_none() && self.discontinuity.is_none()
    }
}

/// Why a recording cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("could not read the recording {}: {source}; check the path and its permissions",
        path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to replay.
    #[error("there is no recording in {}; name a folder with .rec files, or one such file",
        path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file begins with a state that this version cannot read.
    #[error("the state at the beginning of {} is of no use: {source}; replay it with the version \
        of the program that recorded it", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SnapshotError,
    },
}

/// Replays one file, or the files of a folder in order, up to and with step `until`.
///
/// `each` sees every step, also the one that differs, which is the last.
///
/// # Errors
///
/// [`ReplayError`] when nothing can be replayed. A difference is no error; it is in the report.
pub fn replay(
    path: &Path,
    until: Option<u64>,
    each: &mut dyn FnMut(Step<'_>),
) -> Result<ReplayReport, ReplayError> {
    let mut replay = Replay { until, each, report: ReplayReport::default(), before: None };
    for file in files_of(path)? {
        if !replay.file(&file)? {
            break;
        }
    }
    Ok(replay.report)
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, ReplayError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let files = format::files(path).map_err(|source| on_io(path, source))?;
    if files.is_empty() {
        return Err(ReplayError::Empty { path: path.to_path_buf() });
    }
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

fn on_io(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Io { path: path.to_path_buf(), source }
}

struct Replay<'a> {
    until: Option<u64>,
    each: &'a mut dyn FnMut(Step<'_>),
    report: ReplayReport,
    /// Where the file before ended, unless its end is torn.
    before: Option<End>,
}

/// The end of a file that was replayed.
struct End {
    run: [u8; 16],
    next: u64,
    state: State,
}

impl Replay<'_> {
    /// Replays a file; false when that is the end.
    fn file(&mut self, path: &Path) -> Result<bool, ReplayError> {
        self.report.file_count += 1;
        let (mut reader, header, bytes) = match FileReader::open(path) {
            Ok(Next::Whole(file)) => file,
            Ok(Next::End) => return Ok(true),
            Ok(Next::Torn { at, bytes }) => {
                self.torn(path, at, bytes);
                return Ok(true);
            }
            Err(source) => return Err(on_io(path, source)),
        };
        let state = snapshot::load(&bytes)
            .map_err(|source| ReplayError::State { path: path.to_path_buf(), source })?;
        if !self.is_continued(&header, &bytes) {
            self.report.discontinuity = Some(path.to_path_buf());
            return Ok(false);
        }
        let Header { program, run, first } = header;
        if self.report.programs.last() != Some(&program) {
            self.report.programs.push(program);
        }
        let mut end = End { run, next: first, state };
        loop {
            match reader.next().map_err(|source| on_io(path, source))? {
                Next::Whole(frame) => {
                    if self.until.is_some_and(|until| frame.sequence > until) {
                        return Ok(false);
                    }
                    end.next = frame.sequence + 1;
                    if !self.step(&mut end.state, frame) {
                        return Ok(false);
                    }
                }
                Next::End => {
                    self.before = Some(end);
                    return Ok(true);
                }
                Next::Torn { at, bytes } => {
                    self.torn(path, at, bytes);
                    return Ok(true);
                }
            }
        }
    }

    /// Whether a file begins where the one before ended, if it should.
    fn is_continued(&mut self, header: &Header, bytes: &[u8]) -> bool {
        let Some(End { run, next, mut state }) = self.before.take() else { return true };
        if run != header.run || next != header.first {
            return true;
        }
        // The recorder made the state forget them before it wrote this one.
        state.forget_caches();
        snapshot::save(&state) == bytes
    }

    /// Replays a step; false when another output comes of it.
    fn step(&mut self, state: &mut State, frame: Recorded) -> bool {
        let Recorded { sequence, now, input, digest: expected } = frame;
        let output = step(state, now, input.clone());
        let got = output.digest();
        let is_same = got == expected;
        self.report.step_count += 1;
        let first = self.report.range.map_or(sequence, |(first, _)| first);
        self.report.range = Some((first, sequence));
        if !is_same {
            let input = input_name(&input);
            self.report.divergence = Some(Divergence { sequence, input, expected, got });
        }
        (self.each)(Step { sequence, now, input: &input, output: &output, state, is_same });
        is_same
    }

    fn torn(&mut self, path: &Path, at: u64, bytes: u64) {
        self.report.torn.push(Torn { path: path.to_path_buf(), at, bytes });
    }
}
