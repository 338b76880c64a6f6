//! A node without a terminal: the program starts itself once more, and hands over what the other
//! says when it is ready or has failed.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::Ready;
use crate::envelope;
use crate::errors::{Class, Failure};
use crate::home::{self, LOG};

/// Set for the process without a terminal.
const DETACHED: &str = "MOOT_DETACHED";

/// Whether this process is the one without a terminal.
pub fn is_detached() -> bool {
    std::env::var_os(DETACHED).is_some()
}

/// Leaves the terminal for good: its end does not end this process.
pub fn settle_detached() {
    // Fails only for the leader of a group, which a started process is not.
    let _ = rustix::process::setsid();
}

/// Starts this command again without a terminal, and waits until that node is ready or has failed.
///
/// # Errors
///
/// Its failure, or that it said nothing within `within`.
pub fn detach(home: &Path, within: Duration) -> Result<Ready, Failure> {
    home::prepare(home)?;
    let log = home.join(LOG);
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&log);
    let errors = opened.map_err(|source| Failure::file("open", &log, &source))?;
    let hint = format!("look at {}", log.display());
    let cannot = |error: std::io::Error| {
        Failure::new(Class::Failed, "detach", format!("cannot start a process: {error}"))
    };
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .args(std::env::args_os().skip(1))
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(cannot)?;
    let Some(output) = child.stdout.take() else {
        return Err(Failure::new(Class::Failed, "detach", "the process has no output"));
    };
    let (said, heard) = sync_channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Fails only when nobody waits any more.
        let _ = said.send(read.map(|_| line));
    });
    match heard.recv_timeout(within) {
        Ok(Ok(line)) if !line.is_empty() => envelope::open(line.as_bytes()),
        Ok(_) => {
            let status = child.wait().map_err(cannot)?;
            let message = format!("the node ended before it was ready ({status})");
            Err(Failure::new(Class::Failed, "detach", message).hint(hint))
        }
        Err(_) => {
            let message = format!("the node (process {}) is not ready yet", child.id());
            Err(Failure::new(Class::Timeout, "timeout", message).hint(hint))
        }
    }
}
