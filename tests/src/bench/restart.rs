//! From a data folder to a state: after a clean end, and after a kill.

use super::Options;
use super::crowd::{bare, describe, draft, stranger};
use super::disk::{self, open};
use super::measure::{Clock, Trial, measure};
use super::node::{PEER, time_of};
use super::report::{Goal, Report, Row};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::limits::{ANCHOR_OPS, RULES_VERSION};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::state::State;
use folkmoot_effects::driver::{self, Executor, Recovered, recover};
use folkmoot_effects::store::{Home, Store};
use folkmoot_sim::kit::Author;
use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Members, whatever the number of ops.
const MEMBERS: usize = 1_000;
/// Those of them who write, in turns.
const AUTHORS: usize = 64;
/// Ops that share a sync.
const BATCH_OPS: usize = 512;
/// What a child says when everything is written.
const WRITTEN: &str = "written";

/// Recovers, and goes on from there.
fn executor(home: &Path) -> Executor {
    let store = open(home);
    let recovered = recover(&store).expect("the log can be read");
    disk::on(store, recovered)
}

fn space_of(state: &State) -> &Space {
    &state.durable.namespaces.values().next().expect("it was opened").space
}

/// Writes a data folder, as a node does that hears of one op after the other.
struct Writer {
    executor: Executor,
    namespace: NamespaceId,
    owner: Author,
    op_count: usize,
}

impl Writer {
    fn begin(home: &Path) -> Self {
        let owner = Author::new(0);
        let genesis = owner.found(&[&owner], [0; 16]);
        let namespace = NamespaceId::from(genesis.id);
        let executor = disk::begin(home, namespace, MemberId([0xdd; 32]));
        let mut writer = Self { executor, namespace, owner, op_count: 0 };
        writer.hear(genesis);
        writer
    }

    fn hear(&mut self, op: Verified<Op>) {
        let (message, namespace) = (MessageId(self.op_count as u64), self.namespace);
        let heard = Ok(Heard::Op(op));
        let input = Input::GossipReceived { message, peer: PEER, namespace, heard };
        let now = time_of(self.op_count as u64);
        self.executor.take(now, input).expect("the disk serves");
        self.op_count += 1;
        if self.op_count.is_multiple_of(BATCH_OPS) {
            self.executor.commit(now).expect("the disk serves");
            self.executor.upkeep(now).expect("the disk serves");
        }
    }

    fn say(&mut self, author: MemberId, body: Body) {
        let space = space_of(self.executor.state());
        self.hear(bare(&draft(space, author, body)));
        if space_of(self.executor.state()).since_anchor() >= ANCHOR_OPS {
            let body = Body::Anchor { rules: RULES_VERSION, notary: None };
            let space = space_of(self.executor.state());
            self.hear(bare(&draft(space, self.owner.id, body)));
        }
    }

    fn write(mut self, ops: usize) -> Executor {
        for number in 0..MEMBERS.min(ops / 2) {
            let (member, rights) = (stranger(number), Rights::METADATA | Rights::READ);
            self.say(self.owner.id, Body::MemberAdded { member, rights });
        }
        while self.op_count < ops {
            self.say(stranger(self.op_count % AUTHORS), describe(self.op_count, 100));
        }
        self.executor.commit(time_of(self.op_count as u64)).expect("the disk serves");
        self.executor
    }
}

/// Writes a data folder and waits to be killed.
pub(super) fn write_and_wait(home: &Path, ops: usize) {
    let executor = Writer::begin(home).write(ops);
    println!("{WRITTEN}");
    // The end of the input is the end of the parent.
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    drop(executor);
}

/// Writes a data folder in a process that is killed with SIGKILL.
fn write_and_kill(home: &Path, ops: usize) {
    let this = env::current_exe().expect("this program knows where it is");
    let argument = format!("write:{ops}:{}", home.display());
    let child = Command::new(this)
        .args(["--child", &argument])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("this program can be run again");
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line).expect("the child speaks");
    }
    assert_eq!(line.trim(), WRITTEN);
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
}

/// How the run before ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Clean,
    Killed,
}

/// What a start is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Yardstick {
    /// Opening the store.
    Opening,
    /// Folding the log from its beginning.
    Folding,
}

struct Restart {
    home: PathBuf,
    end: End,
    yardstick: Yardstick,
    op_count: usize,
    store: Option<Store>,
    found: Option<Recovered>,
}

impl Restart {
    fn start(&mut self) {
        let home = Home::claim(&self.home, &[]).expect("the folder is free");
        let (store, _, found) = driver::open(home, [1; 16]).expect("the log is sound");
        (self.store, self.found) = (Some(store), Some(found));
    }

    /// Ends as the run before did, and looks at what was found.
    fn end(&mut self) {
        if let Some(found) = self.found.take() {
            let space = space_of(&found.state);
            assert!(space.graph().len() as usize >= self.op_count, "nothing is lost");
            assert_eq!(space.graph().void_at_cut_count(), 0);
        }
        match (self.store.take(), self.end) {
            (Some(store), End::Clean) => store.close().expect("the disk serves"),
            (store, _) => drop(store),
        }
    }

    /// Hides the snapshots, or brings them back; a short log has none.
    fn swap_snapshots(&self, from: &str, to: &str) {
        let (from, to) = (self.home.join(from), self.home.join(to));
        if self.yardstick == Yardstick::Folding && from.exists() {
            fs::rename(from, to).expect("the snapshots can be moved");
        }
    }
}

impl Trial for Restart {
    fn ours(&mut self) {
        self.start();
    }

    fn between(&mut self) {
        self.end();
        self.swap_snapshots("snapshots", "hidden");
    }

    fn yardstick(&mut self) {
        match self.yardstick {
            Yardstick::Opening => self.store = Some(open(&self.home)),
            Yardstick::Folding => self.start(),
        }
    }

    fn check(&mut self) {
        self.end();
        self.swap_snapshots("hidden", "snapshots");
    }
}

/// Folders of 100,000 and a million ops.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut clean_rows = Vec::new();
    for size in options.sizes(&[100_000, 1_000_000], &[600]) {
        let folder = TempDir::new().expect("a folder can be had");
        write_and_kill(folder.path(), size);
        let trial = |end, yardstick| {
            let home = folder.path().to_path_buf();
            let mut trial =
                Restart { home, end, yardstick, op_count: size, store: None, found: None };
            measure(options, Clock::Wall, 1, &mut trial)
        };
        let killed = trial(End::Killed, Yardstick::Folding);
        report.row(&Row::new("restart killed", size, &killed, Goal::RatioAtMost(0.1)));

        executor(folder.path()).stop().expect("the disk serves");
        let clean = trial(End::Clean, Yardstick::Opening);
        let row = Row::new("restart clean", size, &clean, Goal::RatioAtMost(1.3));
        report.row(&row);
        clean_rows.push(row);
    }
    report.growth("restart clean", &clean_rows, Goal::RatioAtMost(1.5));
}
