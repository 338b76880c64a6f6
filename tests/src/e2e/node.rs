//! A node as a child process.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::run::{Ran, Refusal, end_node_of, run_within, wait};
use super::{PATIENCE, Seat, free_port, text, until};

/// A temporary folder with nodes in it.
#[derive(Debug)]
pub struct Stage {
    program: PathBuf,
    folder: TempDir,
}

impl Stage {
    /// An empty one. `program` is the one under test.
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("moot-").tempdir();
        Self { program: program.into(), folder: folder.expect("a temporary folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A node that is not running yet, on TCP.
    pub fn node(&self, name: &str) -> Node {
        Node::new(&self.program, &self.path().join(name), Transport::Tcp)
    }

    /// A node that is not running yet, on QUIC alone.
    pub fn quic_node(&self, name: &str) -> Node {
        Node::new(&self.program, &self.path().join(name), Transport::Quic)
    }

    /// A node that is not running yet, on a seat of a [`super::Ground`].
    pub fn node_on(&self, seat: Seat, name: &str, transport: Transport) -> Node {
        let mut node = Node::new(&self.program, &self.path().join(name), transport);
        node.listen = node.listen.replace("127.0.0.1", &seat.ip.to_string());
        node.seat = Some(seat);
        node
    }

    /// Everything that the nodes wrote to standard output and standard error, and what commands to
    /// them did: the files beside the data folders.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    pub fn said(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.path()).expect("a readable folder");
        let paths = entries.map(|entry| entry.expect("a readable folder").path());
        let files = paths.filter(|path| path.is_file());
        files.map(|path| (path.clone(), fs::read(path).expect("a readable file"))).collect()
    }
}

/// How a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP alone.
    Tcp,
    /// QUIC alone.
    Quic,
}

/// A node: its data folder, and its process while it runs. It keeps its port when it is started
/// again. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Node {
    program: PathBuf,
    home: PathBuf,
    listen: String,
    seat: Option<Seat>,
    flags: Vec<String>,
    child: Option<Child>,
    ready: Value,
}

impl Node {
    /// A node that is not running yet.
    pub fn new(program: &Path, home: &Path, transport: Transport) -> Self {
        let port = free_port();
        let listen = match transport {
            Transport::Tcp => format!("/ip4/127.0.0.1/tcp/{port}"),
            Transport::Quic => format!("/ip4/127.0.0.1/udp/{port}/quic-v1"),
        };
        Self {
            program: program.to_path_buf(),
            home: home.to_path_buf(),
            listen,
            seat: None,
            flags: Vec::new(),
            child: None,
            ready: Value::Null,
        }
    }

    /// Adds flags of `moot up` for the next start.
    pub fn flags(&mut self, flags: &[&str]) {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
    }

    /// Its data folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The program, with the data folder and nothing of this process's configuration.
    pub fn command(&self, words: &[&str]) -> Command {
        self.complete(Command::new(&self.program), words)
    }

    fn complete(&self, mut command: Command, words: &[&str]) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MOOT_") {
                command.env_remove(name);
            }
        }
        command.arg("--home").arg(&self.home).args(words);
        command
    }

    /// `moot up` with all flags of this node.
    pub fn up(&self, words: &[&str]) -> Command {
        let program = match &self.seat {
            None => Command::new(&self.program),
            // It becomes the program: there is no process between.
            Some(seat) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &seat.space]).arg(&self.program);
                command
            }
        };
        let words_of_up = ["up", "--listen", &self.listen, "--mdns", "false"];
        let mut command = self.complete(program, &words_of_up);
        command.args(&self.flags).args(words);
        command
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(&mut self) -> &mut Self {
        let started = self.try_start();
        assert!(started.is_ok(), "the node in {} did not start: {started:?}", self.home.display());
        self
    }

    /// Starts it, and waits until it is ready or has told why it cannot start.
    ///
    /// # Errors
    ///
    /// Why it did not start.
    ///
    /// # Panics
    ///
    /// When it runs already, or neither happens in time.
    pub fn try_start(&mut self) -> Result<(), Refusal> {
        self.launch();
        let line = until("the node says that it is ready", || {
            let said = fs::read_to_string(self.beside("ready")).unwrap_or_default();
            said.ends_with('\n').then_some(said).ok_or("it says nothing")
        });
        let reply: Value = serde_json::from_str(&line).expect("an answer in JSON");
        if reply["ok"] == true {
            self.ready = reply["data"].clone();
            return Ok(());
        }
        let exit = self.wait().code();
        Err(Ran { exit, out: line, err: String::new() }.refusal())
    }

    /// Starts its process, and does not wait for anything.
    ///
    /// # Panics
    ///
    /// When it runs already, or there is no such program.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the node in {} runs already", self.home.display());
        let ready = File::create(self.beside("ready")).expect("a file beside the data folder");
        let mut command = self.up(&["--json"]);
        command.stdin(Stdio::null()).stdout(ready).stderr(self.append("log"));
        self.child = Some(command.spawn().expect("the program under test"));
    }

    /// Its transport key.
    pub fn peer(&self) -> String {
        text(&self.ready, "/peer")
    }

    /// Where it can be reached.
    pub fn address(&self) -> String {
        text(&self.ready, "/addresses/0")
    }

    /// What it wrote to standard error in all its runs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.beside("log")).unwrap_or_default()
    }

    /// Runs a command at it.
    ///
    /// # Panics
    ///
    /// When the command hangs.
    pub fn run(&self, words: &[&str]) -> Ran {
        let ran = run_within(self.command(words), PATIENCE);
        let said = format!("$ moot {}\n{}{}", words.join(" "), ran.out, ran.err);
        self.append("said").write_all(said.as_bytes()).expect("a file beside the data folder");
        ran
    }

    /// Runs a command that has to succeed; gives its data.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn data(&self, words: &[&str]) -> Value {
        self.run(&[words, &["--json"]].concat()).data()
    }

    /// Runs a command that has to fail; gives the failure.
    ///
    /// # Panics
    ///
    /// When it succeeds.
    pub fn refusal(&self, words: &[&str]) -> Refusal {
        self.run(&[words, &["--json"]].concat()).refusal()
    }

    /// Heads, state root and number of pending ops of its only namespace.
    pub fn summit(&self) -> Value {
        let status = self.data(&["status"]);
        let part = |name: &str| status["namespaces"][0][name].clone();
        json!({
            "heads": part("heads"), "state_root": part("state_root"), "pending": part("pending"),
        })
    }

    /// Its identity in its only namespace.
    pub fn me(&self) -> String {
        text(&self.data(&["status"]), "/namespaces/0/me")
    }

    /// The peers that it is connected with.
    pub fn peers(&self) -> Vec<String> {
        let peers = self.data(&["peers"]);
        let peers = peers["peers"].as_array().into_iter().flatten();
        peers.map(|peer| text(peer, "/id")).collect()
    }

    /// Whether an op is here and effective.
    pub fn has_effect(&self, op: &str) -> bool {
        let ran = self.run(&["show", op, "--json"]);
        ran.exit == Some(0) && ran.data()["verdict"]["standing"] == "effective"
    }

    /// Has another node join the namespace by an invitation of this one.
    ///
    /// # Panics
    ///
    /// When one of them fails.
    pub fn admit(&self, joiner: &Self, rights: &str) -> Value {
        let code = text(&self.data(&["invite", "--rights", rights]), "/code");
        joiner.data(&["join", &code, "--timeout", "80s"])
    }

    /// Ends it as an operator does.
    ///
    /// # Panics
    ///
    /// When it does not end, or ends with a failure.
    pub fn down(&mut self) {
        self.data(&["down"]);
        let status = self.wait();
        assert!(status.success(), "the node in {} ended with {status}", self.home.display());
    }

    /// Ends it as a power cut of the process does.
    ///
    /// # Panics
    ///
    /// When it is not running.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it is not running.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a running node");
        kill_process(Pid::from_child(child), signal).expect("a running node");
    }

    /// Waits until its process has ended.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a running node");
        wait(&mut child, PATIENCE).unwrap_or_else(|| {
            let _ = child.kill().and_then(|()| child.wait());
            panic!("the node in {} did not end", self.home.display())
        })
    }

    /// Whether its process ends within a time.
    pub fn ends_within(&mut self, within: Duration) -> Option<ExitStatus> {
        let status = wait(self.child.as_mut()?, within)?;
        self.child = None;
        Some(status)
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.home.with_extension(extension)
    }

    fn append(&self, extension: &str) -> File {
        let file = OpenOptions::new().create(true).append(true).open(self.beside(extension));
        file.expect("a file beside the data folder")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill().and_then(|()| child.wait());
        }
        end_node_of(&self.home);
    }
}
