//! Replays a recording: the same inputs from the same state must give the same outputs, to the
//! bit. Performs no effects.

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use folkmoot_core::input::Input;
use folkmoot_core::snapshot::{self, SnapshotError};
use folkmoot_core::state::State;
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::Now;
use thiserror::Error;

use crate::driver::input_name;
use crate::recorder::format::{self, FileReader, FormatError, Header, Next, Recorded};

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

/// Where a replay stood when it ended.
#[derive(Debug)]
pub struct Stop {
    /// Number of the last step.
    pub sequence: u64,
    /// When that was.
    pub now: Now,
    /// The state after it.
    pub state: State,
}

/// Why a recording cannot be replayed. Nothing of it was.
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
    /// A file is something else.
    #[error("{} is not a recording; name a .rec file, or a folder of them", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file is of another version of the format.
    #[error("{} is a recording of format {found}, and this version reads {} only; replay it with \
        the version of the program that recorded it", path.display(), format::version())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// A file was changed since it was written.
    #[error("{} is damaged at byte {at}: what stands there does not fit its checksum, and more \
        follows; take another copy of it, or replay the other files of its folder one by one",
        path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first block begins that was changed.
        at: u64,
    },
    /// A file holds what this version does not know.
    #[error("{} holds at byte {at} what this version does not know; replay it with the version of \
        the program that recorded it", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Where the first such block begins.
        at: u64,
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

impl ReplayError {
    fn of(path: &Path, error: FormatError) -> Self {
        let path = path.to_path_buf();
        match error {
            FormatError::Io(source) => Self::Io { path, source },
            FormatError::Foreign => Self::Foreign { path },
            FormatError::Version(found) => Self::Version { path, found },
            FormatError::Damaged(at) => Self::Damaged { path, at },
            FormatError::Unknown(at) => Self::Unknown { path, at },
        }
    }
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
    replay_to(path, until, each).map(|(report, _)| report)
}

/// As [`replay`], and gives what the replay came to; `None` where there was no step.
///
/// # Errors
///
/// As [`replay`].
pub fn replay_to(
    path: &Path,
    until: Option<u64>,
    each: &mut dyn FnMut(Step<'_>),
) -> Result<(ReplayReport, Option<Stop>), ReplayError> {
    let files = files_of(path)?;
    // All is read once before anything runs: a fault far behind shows at once, and not after a
    // replay that looked well.
    for file in &files {
        check(file)?;
    }
    let report = ReplayReport::default();
    let mut replay = Replay { until, each, report, end: None };
    for file in files {
        if !replay.file(&file)? {
            break;
        }
    }
    let stop = replay.end.and_then(|End { last, state, .. }| {
        last.map(|(sequence, now)| Stop { sequence, now, state })
    });
    Ok((replay.report, stop))
}

/// Reads a whole file, and runs nothing of it.
fn check(path: &Path) -> Result<(), ReplayError> {
    let unreadable = |error| ReplayError::of(path, error);
    let opened = FileReader::open(path).map_err(unreadable)?;
    let Next::Whole((mut reader, _, state)) = opened else { return Ok(()) };
    load(path, &state)?;
    while let Next::Whole(_) = reader.next().map_err(unreadable)? {}
    Ok(())
}

fn load(path: &Path, state: &[u8]) -> Result<State, ReplayError> {
    let error = |source| ReplayError::State { path: path.to_path_buf(), source };
    snapshot::load(state).map_err(error)
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
    /// Where the last file ended of which a step was replayed.
    end: Option<End>,
}

/// The end of a file that was replayed.
struct End {
    run: [u8; 16],
    next: u64,
    state: State,
    /// Number and time of the last step.
    last: Option<(u64, Now)>,
    /// Whether steps may be missing behind it.
    is_torn: bool,
}

impl Replay<'_> {
    /// Replays a file; false when that is the end.
    fn file(&mut self, path: &Path) -> Result<bool, ReplayError> {
        let next = self.end.as_ref().map_or(0, |end| end.next);
        if self.until.is_some_and(|until| next > until) {
            return Ok(false);
        }
        self.report.file_count += 1;
        let unreadable = |error| ReplayError::of(path, error);
        let (reader, header, bytes) = match FileReader::open(path).map_err(unreadable)? {
            Next::Whole(file) => file,
            Next::End => return Ok(true),
            Next::Torn { at, bytes } => {
                self.torn(path, at, bytes);
                return Ok(true);
            }
        };
        let state = load(path, &bytes)?;
        if !self.is_continued(&header, &bytes) {
            self.report.discontinuity = Some(path.to_path_buf());
            return Ok(false);
        }
        let Header { program, run, first } = header;
        if self.report.programs.last() != Some(&program) {
            self.report.programs.push(program);
        }
        let mut end = End { run, next: first, state, last: None, is_torn: false };
        let goes_on = self.frames(path, reader, &mut end)?;
        if end.last.is_some() {
            self.end = Some(end);
        }
        Ok(goes_on)
    }

    /// Replays the frames of a file; false when that is the end.
    fn frames<R: Read>(
        &mut self,
        path: &Path,
        mut reader: FileReader<R>,
        end: &mut End,
    ) -> Result<bool, ReplayError> {
        loop {
            match reader.next().map_err(|error| ReplayError::of(path, error))? {
                Next::Whole(frame) => {
                    if self.until.is_some_and(|until| frame.sequence > until) {
                        return Ok(false);
                    }
                    end.next = frame.sequence + 1;
                    end.last = Some((frame.sequence, frame.now));
                    if !self.step(&mut end.state, frame) {
                        return Ok(false);
                    }
                }
                Next::End => return Ok(true),
                Next::Torn { at, bytes } => {
                    end.is_torn = true;
                    self.torn(path, at, bytes);
                    return Ok(true);
                }
            }
        }
    }

    /// Whether a file begins where the one before ended, if it should.
    fn is_continued(&mut self, header: &Header, bytes: &[u8]) -> bool {
        let Some(End { run, next, state, is_torn, .. }) = &mut self.end else { return true };
        if *is_torn || *run != header.run || *next != header.first {
            return true;
        }
        // The recorder made the state forget them before it wrote this one.
        state.forget_caches();
        snapshot::save(state) == bytes
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
