//! Kills a node at random moments while clients are at work, and looks what is left.
//!
//! What a command was answered has to be there after the restart, and effective; what was not
//! answered may be there or not. From time to time the whole log is verified.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use folkmoot_sim::world::Prng;
use rustix::process::Signal;
use serde_json::Value;

use super::{Node, Stage, text};

/// The longest time that clients are at work before the kill, in milliseconds.
const WORK_MS_MAX: usize = 1_200;
/// The longest time from the start of a process to a kill that comes before it is ready.
const START_MS_MAX: usize = 120;
/// How often, of a hundred, a node is killed while it starts.
const START_KILLS: usize = 25;
/// Ops asked for at once.
const PAGE_OPS: &str = "1000";
/// `moot` says so when the node is gone, or goes while it answers.
const NOT_RUNNING: i32 = 3;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program under test.
    pub program: PathBuf,
    /// How many kills under load.
    pub rounds: u64,
    /// How many clients are at work at once.
    pub clients: u64,
    /// Seed of the moments and of what the clients do.
    pub seed: u64,
    /// After how many rounds the log is verified.
    pub verify_every: u64,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Kills under load.
    pub rounds: u64,
    /// Kills while the node was starting.
    pub kills_in_start: u64,
    /// Commands that were answered.
    pub answered: u64,
    /// Commands that the kill took the answer of.
    pub unanswered: u64,
    /// Ops that were answered for; all of them were there, and effective.
    pub ops_answered: u64,
    /// Ops that were there in the end, the answered ones among them.
    pub ops_found: u64,
    /// Starts that found a batch cut short.
    pub torn: u64,
    /// Runs of `moot verify`, all without a fault.
    pub verified: u64,
    /// Steps of the last part of the flight recording, all with the same outcome.
    pub replayed: u64,
    /// Time from each start to ready, in milliseconds, in ascending order.
    pub starts_ms: Vec<u128>,
    /// Time that everything took.
    pub took: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median = self.starts_ms.get(self.starts_ms.len() / 2).copied().unwrap_or(0);
        let longest = self.starts_ms.last().copied().unwrap_or(0);
        let Self { rounds, kills_in_start, answered, unanswered, ops_answered, ops_found, .. } =
            self;
        writeln!(out, "{rounds} rounds, {kills_in_start} more kills during a start")?;
        writeln!(out, "{answered} commands answered, {unanswered} cut off by a kill")?;
        writeln!(out, "{ops_answered} ops answered for, none missing; {ops_found} ops found")?;
        writeln!(out, "{} starts found a torn batch", self.torn)?;
        writeln!(out, "{} verifications without a fault", self.verified)?;
        writeln!(out, "{} recorded steps came out the same", self.replayed)?;
        writeln!(out, "starts: median {median} ms, longest {longest} ms")?;
        write!(out, "took {} s", self.took.as_secs())
    }
}

/// The clients of one round, and what they were answered.
struct Work<'a> {
    node: &'a Node,
    round: u64,
    is_over: AtomicBool,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    ops: BTreeSet<String>,
    answered: u64,
    unanswered: u64,
}

impl Work<'_> {
    /// One client: makes a group, and works on it until the node is gone.
    fn client(&self, client: u64, mut rng: Prng) {
        for count in 0_u64.. {
            let name = format!("g {}.{client}.{count}", self.round);
            let Some(made) = self.command(&["group", "create", &name]) else { return };
            let group = text(&made, "/created");
            for step in 0..rng.below(6) {
                let name = format!("{name}, {step}");
                let done = match rng.below(4) {
                    0 => self.command(&["group", "rename", &group, &name]),
                    1 => self.command(&["group", "visibility", &group, "restricted"]),
                    2 => self.command(&["member", "rename", "me", &name]),
                    _ => self.command(&["ctx", "register", "--group", &group]),
                };
                if done.is_none() {
                    return;
                }
            }
            // Else every command would be about more groups than the one before.
            if self.command(&["group", "delete", &group]).is_none() {
                return;
            }
        }
    }

    /// Runs a command, and notes the ops that it was answered with; none when the node is gone.
    fn command(&self, words: &[&str]) -> Option<Value> {
        if self.is_over.load(Ordering::SeqCst) {
            return None;
        }
        let ran = self.node.run(&[words, &["--json"]].concat());
        let mut answers = self.answers.lock().expect("no client has panicked");
        if ran.exit == Some(NOT_RUNNING) {
            answers.unanswered += 1;
            return None;
        }
        let data = ran.data();
        answers.answered += 1;
        let ops = data["ops"].as_array().expect("the ops of a command that writes");
        answers.ops.extend(ops.iter().map(|op| op.as_str().unwrap_or_default().to_owned()));
        Some(data)
    }
}

/// Runs the loop.
///
/// # Panics
///
/// When something that was answered is missing or has no effect, when the log is not sound, when a
/// start fails, or when a command fails for another reason than that the node is gone.
pub fn run(options: &Options) -> Figures {
    let begin = Instant::now();
    let stage = Stage::new(&options.program);
    let mut node = stage.node("node");
    let mut figures = Figures::default();
    let mut rng = Prng::new(options.seed);
    let mut all = BTreeSet::new();
    node.start().data(&["ns", "create", "Crash"]);
    for round in 1..=options.rounds {
        let answers = work(&node, round, options.clients, &mut rng);
        node.wait();
        figures.rounds = round;
        figures.answered += answers.answered;
        figures.unanswered += answers.unanswered;
        if rng.chance(START_KILLS) {
            node.launch();
            pause(rng.below(START_MS_MAX));
            node.kill();
            figures.kills_in_start += 1;
        }
        start(&mut node, &mut figures);
        require(&node, answers.ops.clone());
        all.extend(answers.ops);
        if round % options.verify_every == 0 || round == options.rounds {
            node.down();
            figures.ops_found = node.data(&["verify"])["ops"].as_u64().unwrap_or(0);
            figures.verified += 1;
            start(&mut node, &mut figures);
            require(&node, all.clone());
        }
    }
    node.down();
    let recording = node.home().join("recording");
    let recording = recording.to_str().expect("a path in Unicode");
    figures.replayed = node.data(&["replay", recording])["steps"].as_u64().unwrap_or(0);
    figures.ops_answered = all.len() as u64;
    let torn = |line: &&str| line.contains("torn_bytes=") && !line.contains("torn_bytes=0");
    figures.torn = node.log().lines().filter(torn).count() as u64;
    figures.starts_ms.sort_unstable();
    figures.took = begin.elapsed();
    figures
}

/// Has clients work, and kills the node at a random moment.
fn work(node: &Node, round: u64, clients: u64, rng: &mut Prng) -> Answers {
    let work = Work {
        node,
        round,
        is_over: AtomicBool::new(false),
        answers: Mutex::new(Answers::default()),
    };
    let moment = rng.between(1, WORK_MS_MAX);
    thread::scope(|scope| {
        for client in 0..clients {
            let rng = Prng::new(rng.next_u64());
            let work = &work;
            scope.spawn(move || work.client(client, rng));
        }
        pause(moment);
        node.signal(Signal::KILL);
        work.is_over.store(true, Ordering::SeqCst);
    });
    work.answers.into_inner().expect("no client has panicked")
}

fn start(node: &mut Node, figures: &mut Figures) {
    let begin = Instant::now();
    node.start();
    figures.starts_ms.push(begin.elapsed().as_millis());
}

/// The moment of a kill is random by intent: nothing is waited for here.
fn pause(ms: usize) {
    thread::sleep(Duration::from_millis(ms as u64));
}

/// Looks for ops in the history, newest first, until all of them were found.
fn require(node: &Node, mut ops: BTreeSet<String>) {
    let mut skip: usize = 0;
    while !ops.is_empty() {
        let at = skip.to_string();
        let page = node.data(&["history", "--limit", PAGE_OPS, "--skip", &at]);
        let page = page["ops"].as_array().expect("a list of ops");
        assert!(!page.is_empty(), "answered, and gone after a restart: {ops:?}");
        for op in page {
            if ops.remove(op["id"].as_str().unwrap_or_default()) {
                assert_eq!(op["verdict"]["standing"], "effective", "{op}");
            }
        }
        skip += page.len();
    }
}
