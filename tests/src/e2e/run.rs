//! One run of the program: exit code and output, within a time.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{PATIENCE, POLL};

/// What a run of the program gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none where a signal ended it.
    pub exit: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A failure as the program tells it with `--json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code, which is also in the answer.
    pub exit: i32,
    /// The stable code.
    pub code: String,
    /// The message.
    pub message: String,
    /// The hint, or nothing.
    pub hint: String,
}

impl Ran {
    /// The data of an answer that was asked for with `--json`.
    ///
    /// # Panics
    ///
    /// When the run failed.
    pub fn data(&self) -> Value {
        let reply: Value = serde_json::from_str(&self.out).unwrap_or_default();
        assert!(self.exit == Some(0) && reply["ok"] == true, "the command failed: {self:?}");
        reply["data"].clone()
    }

    /// The failure in an answer that was asked for with `--json`.
    ///
    /// # Panics
    ///
    /// When the run did not fail, or its exit code is another than the answer says.
    pub fn refusal(&self) -> Refusal {
        let reply: Value = serde_json::from_str(&self.out).unwrap_or_default();
        let word = |name: &str| reply["error"][name].as_str().unwrap_or_default().to_owned();
        let exit = self.exit.unwrap_or_default();
        assert!(reply["ok"] == false && exit != 0, "not a failure: {self:?}");
        assert_eq!(reply["error"]["exit"], exit, "{self:?}");
        Refusal { exit, code: word("code"), message: word("message"), hint: word("hint") }
    }
}

/// Runs a command to its end.
///
/// # Panics
///
/// When it cannot be started, or is not done within `within`.
pub fn run_within(command: Command, within: Duration) -> Ran {
    Running::new(command).end(within)
}

/// A run of the program that goes on. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running {
    command: Command,
    child: Child,
    // Files take any amount without being read meanwhile.
    out: File,
    err: File,
}

impl Running {
    /// Starts a command.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn new(mut command: Command) -> Self {
        let out = tempfile::tempfile().expect("a temporary file");
        let err = tempfile::tempfile().expect("a temporary file");
        let piped = |file: &File| Stdio::from(file.try_clone().expect("a second handle"));
        command.stdin(Stdio::null()).stdout(piped(&out)).stderr(piped(&err));
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { command, child, out, err }
    }

    /// Whether it has ended.
    ///
    /// # Panics
    ///
    /// When the system does not know it.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_some()
    }

    /// What it wrote to standard error up to now.
    ///
    /// # Panics
    ///
    /// When that cannot be read.
    pub fn err(&self) -> String {
        let mut bytes = vec![0; 64 * 1024];
        // The handles share one position, at which the program goes on to write: it is left alone.
        let count = self.err.read_at(&mut bytes, 0).expect("a file of our own");
        String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end within `within`.
    pub fn end(mut self, within: Duration) -> Ran {
        let Some(status) = wait(&mut self.child, within) else {
            panic!("{:?} was not done within {} s", self.command, within.as_secs());
        };
        Ran { exit: status.code(), out: read(&mut self.out), err: read(&mut self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Mostly it has ended by itself.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Waits for the end of a process; none where it runs longer.
pub(super) fn wait(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(POLL / 4);
    }
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("a file of our own");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Kills the node of a data folder, started by somebody else, and waits until it is gone. Does
/// nothing where none runs.
///
/// # Panics
///
/// When it does not go.
pub fn end_node_of(home: &Path) {
    let deadline = Instant::now() + PATIENCE;
    // The lock tells whether a node runs: a process id alone may be somebody else's by now.
    while File::open(home.join("lock")).is_ok_and(|lock| lock.try_lock_shared().is_err()) {
        let pid = fs::read_to_string(home.join("moot.pid")).ok();
        let pid = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().ok()?));
        // It may have gone by itself meanwhile.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        assert!(Instant::now() < deadline, "the node in {} does not end", home.display());
        std::thread::sleep(POLL);
    }
}
