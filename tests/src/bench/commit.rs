//! Local commands until they are durable, beside signing, appending and syncing the same bytes.

use super::Options;
use super::crowd::Crowd;
use super::measure::{Clock, Measured, Samples, time};
use super::node::Node;
use super::report::{Goal, Report, Row};
use folkmoot_core::command::{Command, CommandId, Delivery, Outcome};
use folkmoot_core::digest;
use folkmoot_core::effect::{Draft, Effect};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{Input, Signed};
use folkmoot_core::key::{OwnSignature, Signature};
use folkmoot_core::settings::Settings;
use folkmoot_effects::driver::{
    Driver, Executor, ExecutorConfig, INBOX_MAX, Message, Recovered, SNAPSHOT_EVERY,
};
use folkmoot_effects::perform::{Asked, Charges, NoticeBoard, Outside, Performer};
use folkmoot_effects::ports::memory::MemoryNet;
use folkmoot_effects::ports::{Log as _, Signer, StoreLog, SystemClock};
use folkmoot_effects::recorder::{Recorder, RecorderLimits};
use folkmoot_effects::store::{Home, Store};
use folkmoot_sim::kit::Author;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

/// Clients at once.
const CLIENTS: usize = 64;
/// Commands of a round, of one client.
const ROUND_COMMANDS: usize = 16;
/// Rounds, with the warm-up.
const ROUNDS: usize = 9;
/// Bytes that one op takes in the log, about.
const ENTRY_BYTES: usize = 500;

/// The one key of this node.
#[derive(Clone)]
struct Key(Author);

impl Signer for Key {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        (*member == self.0.id).then(|| self.0.make(message))
    }
}

/// Commands that add members, each of them once.
struct Wishes {
    namespace: NamespaceId,
    count: u64,
}

impl Wishes {
    fn next(&mut self) -> Command {
        self.count += 1;
        let member = Author::new((1 << 40) + self.count).id;
        let body = Body::MemberAdded { member, rights: Rights::READ };
        let (namespace, group) = (self.namespace, self.namespace.root());
        let delivery = Delivery { min_acks: 0, ..Delivery::default() };
        Command::Govern { namespace, group, body, expected_root: None, delivery }
    }
}

/// A member who may add others, but is no notary: nothing is written that nobody asked for.
fn administrator() -> Author {
    Author::new(77)
}

/// A node that knows a group of so many members, as one of its administrators.
fn node_of(members: usize) -> Node {
    let mut crowd = Crowd::of(members);
    crowd.add(administrator().id, Rights::MEMBERS | Rights::READ);
    Node::with(crowd.space(), administrator().id)
}

/// A driver on its thread, on a log on the disk, with the recorder that a node has.
struct Service {
    inbox: SyncSender<Message>,
    outcomes: Receiver<Outcome>,
    back: SyncSender<Outcome>,
    thread: JoinHandle<()>,
}

impl Service {
    fn start(home: &Path, node: Node) -> Self {
        let recording = Recorder::open(&home.join("recording"), RecorderLimits::default(), [1; 16]);
        let recorder = Some(recording.expect("a recording can be begun"));
        let home = Home::claim(home, &["recording"]).expect("the folder is new");
        let (store, _) = Store::open(home, [1; 16]).expect("a log can be created");
        let log = Box::new(StoreLog::new(store));
        let performer = Performer::new(Outside {
            net: Arc::new(MemoryNet::default()),
            bodies: log.bodies(),
            keys: Arc::new(Key(administrator())),
            serving: None,
            asked: Asked::default(),
            charges: Charges::default(),
            notices: NoticeBoard::default(),
        });
        let config = ExecutorConfig { log, performer, recorder, snapshot_every: SNAPSHOT_EVERY };
        let mut state = node.state;
        // The log is empty: what the node knows already is in none.
        state.durable.records = 0;
        let recovered = Recovered { state, ..Recovered::default() };
        let executor = Executor::new(recovered, config);
        let (inbox, messages) = sync_channel(INBOX_MAX);
        let (back, outcomes) = sync_channel(INBOX_MAX);
        let clock = Arc::new(SystemClock::new());
        let run = move || {
            let driver = Driver::new(executor, messages, clock);
            let peer = PeerKey([3; 32]);
            driver.run([3; 32], peer, Settings::default()).expect("the disk serves");
        };
        Self { inbox, outcomes, back, thread: thread::spawn(run) }
    }

    fn issue(&self, wish: Command) {
        let back = self.back.clone();
        let reply = Box::new(move |outcome| back.send(outcome).expect("the bench listens"));
        self.inbox.send(Message::Command { wish, reply }).expect("the driver runs");
    }

    fn wait(&self) -> OpId {
        let outcome = self.outcomes.recv().expect("each command is answered");
        let Outcome::Accepted { op, .. } = outcome else { panic!("not accepted: {outcome:?}") };
        op
    }

    /// Keeps so many commands under way until all are answered.
    fn keep_busy(&self, clients: usize, wishes: Vec<Command>) {
        let count = wishes.len();
        for (number, wish) in wishes.into_iter().enumerate() {
            if number >= clients {
                self.wait();
            }
            self.issue(wish);
        }
        for _ in 0..clients.min(count) {
            self.wait();
        }
    }

    fn stop(self) {
        self.inbox.send(Message::Stop).expect("the driver runs");
        self.thread.join().expect("the driver ends well");
    }
}

/// What a command cannot do without: a signature, and its bytes on the disk.
struct Bare {
    author: Author,
    file: File,
}

impl Bare {
    fn sign(&self) -> Signature {
        let id = digest::digest(digest::Domain::Op, &[1; 250]);
        self.author.endorse(&id)
    }

    fn run(&mut self) {
        let mut entry = vec![0; ENTRY_BYTES];
        entry.splice(..64, self.sign().0);
        self.file.write_all(&entry).and_then(|()| self.file.sync_data()).expect("the disk serves");
    }
}

/// Steps of one command without signing and without a disk.
fn step_time(node: &mut Node, wishes: &mut Wishes) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..CLIENTS {
        let wish = wishes.next();
        let mut output = None;
        let issue = Input::CommandIssued { command: CommandId(1), wish };
        let first = time(Clock::Cpu, || output = Some(node.step(issue)));
        let effects = output.map(|output| output.effects).unwrap_or_default();
        let signed = effects.into_iter().find_map(|effect| {
            let Effect::Sign { request, draft: Draft::Op(op), .. } = effect else {
                return None;
            };
            let own = administrator().make(&op.id().0);
            let op = op.seal(&own).expect("the administrator signs");
            Some(Input::SignatureReady { request, signed: Signed::Op(op) })
        });
        let signed = signed.expect("a command is signed");
        let second = time(Clock::Cpu, || node.give(signed));
        samples.add(first + second, 1);
    }
    samples
}

/// One client and 64, in groups of 10 to 100,000 members.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut rows = Vec::new();
    for size in options.sizes(&[10, 1_000, 100_000], &[10]) {
        let (one, many) = measure_size(options, size);
        let row = Row::new("commit, 1 client", size, &one, Goal::RatioAtMost(1.6));
        report.row(&row);
        rows.push(row);
        let goal = Goal::RatioAtLeast(0.7);
        report.row(&Row::in_unit("x", "commit, 64 clients", size, &many, goal));
    }
    report.growth("commit, 1 client", &rows, Goal::None);
}

/// One client; and how much faster 64 are, beside how much faster the parts let them be.
fn measure_size(options: Options, size: usize) -> (Measured, Measured) {
    let folder = TempDir::new().expect("a folder can be had");
    let mut node = node_of(size);
    let mut wishes = Wishes { namespace: node.namespace, count: 0 };
    let before = node.space().graph().len();
    let file = File::create(folder.path().join("bare")).expect("a file can be created");
    let mut bare = Bare { author: administrator(), file };
    let served = Node::with(node.space(), administrator().id);
    let service = Service::start(&folder.path().join("home"), served);

    let step = step_time(&mut node, &mut wishes);
    assert_eq!(node.space().graph().len() as usize, before as usize + CLIENTS);
    let (mut one, mut sign, mut many) = (Measured::default(), Samples::default(), Vec::new());
    let rounds = if options.tiny { 2 } else { ROUNDS };
    for round in 0..rounds {
        let mut samples = Measured::default();
        for _ in 0..ROUND_COMMANDS {
            let wish = wishes.next();
            let command = || {
                service.issue(wish);
                service.wait();
            };
            samples.ours.add(time(Clock::Wall, command), 1);
            samples.yardstick.add(time(Clock::Wall, || bare.run()), 1);
            sign.add(time(Clock::Cpu, || _ = black_box(bare.sign())), 1);
        }
        let count = CLIENTS * 4;
        let commands = (0..count).map(|_| wishes.next()).collect();
        let busy = time(Clock::Wall, || service.keep_busy(CLIENTS, commands));
        if round > 0 {
            one.join(samples);
            many.push(busy.as_secs_f64() * 1e6 / count as f64);
        }
    }
    service.stop();
    check(&folder.path().join("home"), rounds * (ROUND_COMMANDS + CLIENTS * 4));

    let (sign, sync) = (sign.median(), one.yardstick.median());
    let mut gain = Measured::default();
    for each in many {
        gain.ours.note(one.ours.median() / each);
    }
    // Each of the clients waits for its own answer: no disk is slow enough for more.
    gain.yardstick.note((sync / (sign + step.median())).min(CLIENTS as f64));
    (one, gain)
}

/// Every command that was answered is in the log.
fn check(home: &Path, commands: usize) {
    let home = Home::claim(home, &[]).expect("the folder is free");
    let (store, opened) = Store::open(home, [2; 16]).expect("the log is sound");
    assert_eq!(opened.head.seq, commands as u64);
    assert!(opened.clean);
    let records = store.records_from(1).expect("the log can be read");
    assert!(records.into_iter().all(|record| record.is_ok()));
}
