//! The three nodes: child processes in a temporary folder, and commands to them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ASK_EVERY;
use crate::errors::{Class, Failure};
use crate::render::say;
use crate::reply::time;

/// How long a node may take to start.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Nodes that end with this value.
pub(super) struct Nodes {
    folder: tempfile::TempDir,
    names: Vec<&'static str>,
    children: Vec<Child>,
    peers: Vec<String>,
    addresses: Vec<String>,
    /// Names of people by their member ids, as far as they are met.
    people: BTreeMap<String, &'static str>,
    steps: Vec<Step>,
    tells: bool,
}

/// A command that was run, and what it said of others.
pub(super) struct Step {
    pub(super) by: &'static str,
    pub(super) command: String,
    /// Phases of a join, or who has what was written.
    pub(super) told: Vec<String>,
}

impl Nodes {
    /// Starts a node for each name, on loopback, in a folder that vanishes afterwards.
    pub(super) fn start(names: &[&'static str], tells: bool) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()
            .map_err(|error| failed(format!("no temporary folder could be made: {error}")))?;
        let mut nodes = Self {
            folder,
            names: names.to_vec(),
            children: Vec::new(),
            peers: Vec::new(),
            addresses: Vec::new(),
            people: BTreeMap::new(),
            steps: Vec::new(),
            tells,
        };
        nodes.say("Three nodes start, each a process of its own with its own folder.");
        for at in 0..names.len() {
            let child = nodes.launch(at)?;
            nodes.children.push(child);
        }
        for at in 0..names.len() {
            let status = nodes.until_up(at)?;
            nodes.peers.push(text(&status, &["peer"])?);
            nodes.addresses.extend(loopback_address(&status));
        }
        Ok(nodes)
    }

    fn launch(&self, at: usize) -> Result<Child, Failure> {
        let mut command = self.command(at)?;
        command.args(["up", "--listen", "/ip4/127.0.0.1/tcp/0", "--mdns", "false"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|error| failed(format!("a node could not be started: {error}")))
    }

    fn until_up(&mut self, at: usize) -> Result<Value, Failure> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            // A node answers before the first of its sockets is open.
            let status = self.quietly(at, &["status"]);
            if let Some(status) = status.ok().filter(|status| loopback_address(status).is_some()) {
                return Ok(status);
            }
            let ended = self.children.get_mut(at).and_then(|child| child.try_wait().ok()?);
            if let Some(status) = ended {
                return Err(failed(format!("a node ended at its start: {status}")));
            }
            if Instant::now() > deadline {
                return Err(failed("a node did not start in time".to_owned()));
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    fn home(&self, at: usize) -> PathBuf {
        self.folder.path().join(self.name(at))
    }

    pub(super) fn name(&self, at: usize) -> &'static str {
        self.names.get(at).copied().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    fn command(&self, at: usize) -> Result<Command, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| failed(format!("this program does not find itself: {error}")))?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MOOT_") {
                command.env_remove(name);
            }
        }
        command.arg("--home").arg(self.home(at));
        Ok(command)
    }

    /// Tells the user what comes next.
    pub(super) fn say(&self, line: &str) {
        if self.tells {
            say(&format!("\n{line}"));
        }
    }

    /// Runs a command at a node, printed as it is typed, with what it says of others; gives its
    /// data.
    pub(super) fn moot(&mut self, at: usize, words: &[&str]) -> Result<Value, Failure> {
        let shown: Vec<String> = words.iter().map(|word| shorten(word)).collect();
        let (by, command) = (self.name(at), format!("moot {}", shown.join(" ")));
        if self.tells {
            say(&format!("  {by:>5} $ {command}"));
        }
        let reply = self.quietly(at, words)?;
        self.meet(at, &reply);
        let told: Vec<String> =
            [phases(&reply), self.receipt(&reply)].into_iter().flatten().collect();
        if self.tells {
            for line in &told {
                say(&format!("          {line}"));
            }
        }
        self.steps.push(Step { by, command, told });
        Ok(reply)
    }

    /// Learns who is who, from the answer to a join.
    fn meet(&mut self, at: usize, reply: &Value) {
        if let Some(me) = reply.pointer("/me/id").and_then(Value::as_str) {
            self.people.insert(me.to_owned(), self.name(at));
        }
    }

    /// Learns who founded the namespace.
    pub(super) fn meet_founder(&mut self, at: usize) -> Result<(), Failure> {
        let me = self.me(at)?;
        self.people.insert(me, self.name(at));
        Ok(())
    }

    /// Who has what was written, in words.
    fn receipt(&self, reply: &Value) -> Option<String> {
        let receipt = reply.get("receipt")?;
        let acked = receipt.get("acked_by").and_then(Value::as_array).into_iter().flatten();
        let ids = acked.filter_map(|who| who.get("id")?.as_str());
        let names: Vec<&str> =
            ids.map(|id| self.people.get(id).copied().unwrap_or("somebody")).collect();
        Some(match receipt.get("delivery")?.as_str()? {
            "delivered" => format!("acknowledged by {}", names.join(", ")),
            "solo" => "nobody else is connected".to_owned(),
            _ => "not confirmed yet: nobody else is known to have it".to_owned(),
        })
    }

    /// What was run so far.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Runs a command at a node; gives its data.
    pub(super) fn quietly(&self, at: usize, words: &[&str]) -> Result<Value, Failure> {
        let output = self.command(at)?.arg("--json").args(words).output();
        let output = output.map_err(|error| failed(format!("a command did not run: {error}")))?;
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if output.status.success() {
            return Ok(reply.get("data").cloned().unwrap_or(Value::Null));
        }
        let words = words.join(" ");
        let message = reply.pointer("/error/message").and_then(Value::as_str);
        Err(failed(format!(
            "`moot {words}` at {} failed: {}",
            self.name(at),
            message.unwrap_or("no reason was given"),
        )))
    }

    /// Member id of a node in the one namespace.
    pub(super) fn me(&self, at: usize) -> Result<String, Failure> {
        text(&self.quietly(at, &["status"])?, &["namespaces", "0", "me"])
    }

    /// Refuses every connection between a node and the others, on both sides.
    pub(super) fn cut_off(&mut self, at: usize) -> Result<(), Failure> {
        self.on_both_sides(at, "block")
    }

    /// Lets a node and the others connect again, and has them do so.
    pub(super) fn mend(&mut self, at: usize) -> Result<(), Failure> {
        self.on_both_sides(at, "unblock")?;
        for other in (0..self.count()).filter(|other| *other != at) {
            let address = self.addresses.get(other).cloned().unwrap_or_default();
            self.moot(at, &["connect", &address])?;
        }
        Ok(())
    }

    fn on_both_sides(&mut self, at: usize, command: &str) -> Result<(), Failure> {
        for other in (0..self.count()).filter(|other| *other != at) {
            let (here, there) = (self.peer(at), self.peer(other));
            self.moot(at, &[command, &there])?;
            self.moot(other, &[command, &here])?;
        }
        Ok(())
    }

    fn peer(&self, at: usize) -> String {
        self.peers.get(at).cloned().unwrap_or_default()
    }

    /// Waits until every node has the same heads and the same state root, and nothing pending.
    pub(super) fn until_agreed(&self, within: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + within;
        loop {
            let seen = self.agreement()?;
            if seen.windows(2).all(|pair| pair.first() == pair.last()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let message = format!("the nodes do not agree after {} s", within.as_secs());
                return Err(Failure::new(Class::Unhealthy, "no-agreement", message));
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    fn agreement(&self) -> Result<Vec<[Value; 3]>, Failure> {
        let of = |at| {
            let status = self.quietly(at, &["status"])?;
            let part = |name: &str| {
                status.pointer(&format!("/namespaces/0/{name}")).cloned().unwrap_or(Value::Null)
            };
            Ok([part("heads"), part("state_root"), part("pending")])
        };
        (0..self.count()).map(of).collect()
    }

    /// Stops the nodes in good order.
    pub(super) fn stop(&mut self) {
        for at in 0..self.count() {
            // What does not stop is ended below.
            let _ = self.quietly(at, &["down"]);
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            // One that has stopped cannot be killed; either way it is gone.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The phases of a join, in words.
fn phases(reply: &Value) -> Option<String> {
    let phases = reply.get("phases")?.as_array()?.iter();
    let words = phases.filter_map(|phase| {
        let (name, ms) = (phase.get("name")?.as_str()?, phase.get("ms")?.as_u64()?);
        Some(format!("{name} {}", time(ms)))
    });
    Some(format!("joined: {}", words.collect::<Vec<_>>().join(", ")))
}

/// A text at a path of an answer.
pub(super) fn text(value: &Value, path: &[&str]) -> Result<String, Failure> {
    let found = value.pointer(&format!("/{}", path.join("/"))).and_then(Value::as_str);
    let missing = || failed(format!("an answer has no `{}`", path.join(".")));
    found.map(str::to_owned).ok_or_else(missing)
}

/// The ids of the things in a list of an answer.
pub(super) fn ids_in(value: &Value, list: &str) -> Vec<String> {
    let items = value.get(list).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some(item.get("id")?.as_str()?.to_owned())).collect()
}

fn loopback_address(status: &Value) -> Option<String> {
    let addresses = status.get("addresses")?.as_array()?.iter();
    let mut texts = addresses.filter_map(Value::as_str);
    texts.find(|address| address.starts_with("/ip4/127.0.0.1/tcp/")).map(str::to_owned)
}

/// Long words are ids, codes and addresses; their beginnings say enough.
fn shorten(word: &str) -> String {
    const SHOWN: usize = 30;
    if word.chars().count() <= SHOWN {
        return word.to_owned();
    }
    word.chars().take(SHOWN).chain(['…']).collect()
}

fn failed(message: String) -> Failure {
    Failure::new(Class::Failed, "demo-failed", message)
}
