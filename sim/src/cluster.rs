//! Several nodes in one thread: the network is a queue, the disks are lists, and time is a number.
//!
//! Each node is the production reducer behind the production executor, with the production ingress
//! before it. Only what they stand on is simulated: the log, the network, the clocks and the keys.
//! Every message goes through the codec of the wire and the checks of the ingress, and every event
//! through the codec of the log. What a node accepts it forwards, and what came before it does not
//! hear again, as on a real topic.
//!
//! The world is as bad as a test wants it. A [`Link`] loses, doubles and delays messages each way
//! for itself; a disk loses what was not synced; a process ends at any touch of the world; clocks
//! go wrong; a node may have a [`Liar`] that changes what it answers. There is one queue, ordered
//! by time and then by number, and every choice comes from one seed, so a run is the same each
//! time; [`Cluster::digest`] says so.

mod clock;
mod deliver;
mod disk;
mod flaw;
mod inbox;
mod letter;
mod life;
mod link;
mod marks;
mod net;
mod node;
mod ports;
mod queue;
mod tables;
#[cfg(test)]
mod tests;
mod trace;

use crate::kit::Author;
use crate::world::Prng;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_effects::net::{ExchangeId, NetEvent, Topic};
use folkmoot_effects::store::StoreError;
use std::collections::BTreeSet;
use std::rc::Rc;

pub use clock::NodeClock;
pub use disk::{Damage, Disk, Tail, Wrong};
pub use flaw::{Flaw, Load};
use letter::{Letter, Letters};
use link::Wires;
pub use link::{Link, Path, Traffic};
pub use node::{Asked, Dice, Liar, Node};
use ports::Judged;
pub use ports::Order;
use queue::Queue;
use trace::Trace;

/// What the clocks of the nodes say at the beginning, in milliseconds.
pub const START_UNIX_MS: u64 = 1_700_000_000_000;
/// Questions from this number on were asked by a test.
const OF_TESTS: u64 = 1 << 62;
/// Most nodes of a world in which each is connected with each. In a larger one it is connected
/// with those whose numbers are a power of two away, around the circle: from any node to any other
/// there are few steps, and no node has many connections.
const ALL_CONNECTED_MAX: usize = 200;
/// How long a node whose process ended by itself is down, in milliseconds.
const REVIVE_MS: u64 = 2_000;
/// How long after a crash the others notice it, in milliseconds.
const HANGUP_MS: u64 = 10;

/// Sees what a node orders of the network, before it happens.
pub type Watcher = Box<dyn FnMut(usize, &Node, &Order)>;

/// Nodes, and what is on its way between them.
#[derive(Default)]
pub struct Cluster {
    /// The nodes, by number.
    pub nodes: Vec<Node>,
    /// Sees every order.
    pub watcher: Option<Watcher>,
    /// Runs of inputs that were committed so far.
    pub steps: u64,
    /// Starts of nodes so far.
    pub starts: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// How often a process came to a crash point.
    pub crash_points: u64,
    /// How often every message is sent again.
    pub repeats: usize,
    /// Whether a message that comes twice ends a process: a planted bug.
    pub is_fragile: bool,
    seed: u64,
    now: u64,
    queue: Queue,
    /// Numbers what happens.
    sequence: u64,
    wires: Wires,
    letters: Letters,
    /// Pairs of which the first does not forward to the second.
    pruned: BTreeSet<(usize, usize)>,
    /// Topics whose meshes are to be made anew.
    unmeshed: BTreeSet<Topic>,
    rng: Prng,
    trace: Trace,
    /// What was signed in this world, and what was found valid: it is so for every node.
    judged: Judged,
}

/// Something on its way to a node.
#[derive(Clone)]
enum Parcel {
    /// Its network has something to tell.
    Event(NetEvent),
    /// A message of a topic; it says how often the wire was cut before.
    Gossip { from: usize, cuts: u64, letter: Rc<Letter>, again: bool },
    /// A question of a run of another node.
    Question { from: usize, run: u64, cuts: u64, exchange: ExchangeId, bytes: Vec<u8> },
    /// The answer to a question, or word that there is none.
    Answer { from: usize, cuts: u64, exchange: ExchangeId, bytes: Option<Vec<u8>> },
    /// A question was asked long ago.
    Expiry { exchange: ExchangeId, to: usize },
    /// A peer has died.
    Hangup { peer: usize, run: u64, topics: BTreeSet<Topic> },
    /// It wanted to be woken now.
    Alarm(u64),
    /// It dials a peer.
    Meet(usize),
    /// It wakes up, and takes what has come meanwhile.
    Rise,
    /// It hears again what its peers take part in.
    Refresh,
    /// It is started again.
    Boot,
    /// For no node: meshes are made anew.
    Mesh,
}

impl Cluster {
    /// `count` nodes, all connected.
    pub fn new(count: usize) -> Self {
        Self::seeded(count, 0)
    }

    /// `count` nodes, all connected, in a world whose chances follow from a seed.
    pub fn seeded(count: usize, seed: u64) -> Self {
        let nodes = (0..count).map(|_| Node::default()).collect();
        Self::of(nodes, seed, &Link::default())
    }

    /// These nodes, started, with a link of one sort between any two.
    pub fn of(nodes: Vec<Node>, seed: u64, link: &Link) -> Self {
        // What happens is named by these numbers.
        let sequence = (seed & u64::from(u32::MAX)) << 24;
        let mut cluster = Self { nodes, rng: Prng::new(seed), sequence, seed, ..Self::default() };
        let (link, all) = (Rc::new(link.clone()), 0..cluster.nodes.len());
        cluster.nodes.iter().for_each(|node| node.keys.join(&cluster.judged));
        for at in all.clone() {
            for other in all.clone() {
                cluster.wires.change(at, other, |wire| wire.link = Some(Rc::clone(&link)));
            }
        }
        all.for_each(|at| cluster.boot(at));
        cluster
    }

    /// Adds a node, starts it, and connects it with all others; gives its number.
    pub fn add(&mut self, node: Node, link: &Link) -> usize {
        let at = self.nodes.len();
        node.keys.join(&self.judged);
        self.nodes.push(node);
        for other in 0..at {
            self.impair(at, other, link.clone());
            self.impair(other, at, link.clone());
        }
        self.boot(at);
        at
    }

    /// `count` nodes, none connected.
    pub fn apart(count: usize) -> Self {
        let nodes = (0..count).map(|_| Node::default()).collect();
        Self::of(nodes, 0, &Link::down())
    }

    /// Transport key of a node of this world: [`Cluster::peer`], unless it goes by another name.
    pub fn key_of(&self, at: usize) -> PeerKey {
        Self::named(at, self.nodes.get(at).map_or(0, |node| node.name))
    }

    /// Transport key of a node that goes by this name.
    pub fn named(at: usize, name: u8) -> PeerKey {
        let mut key = Self::peer(at);
        // The first eight bytes are its number, by which nodes stay in order.
        key.0.iter_mut().skip(8).for_each(|byte| *byte ^= name);
        key
    }

    /// Transport key of a node that goes by its first name.
    pub fn peer(at: usize) -> PeerKey {
        let number = (at as u64).to_be_bytes();
        let mut key = [0; 32];
        for (byte, value) in key.iter_mut().zip(number.into_iter().cycle()) {
            *byte = value;
        }
        PeerKey(key)
    }

    /// Number of the node with this transport key.
    pub fn number_of(peer: PeerKey) -> usize {
        let number = peer.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What went from one node to another so far.
    pub fn traffic(&self, from: usize, to: usize) -> Traffic {
        self.wires.get(from, to).map(|wire| wire.traffic).unwrap_or_default()
    }

    /// What went between all nodes so far.
    pub fn traffic_of_all(&self) -> Traffic {
        self.wires.all().map(|wire| wire.traffic).sum()
    }

    /// Counts what goes from here on.
    pub fn forget_traffic(&mut self) {
        self.wires.all_mut().for_each(|wire| wire.traffic = Traffic::default());
    }

    /// A digest of everything that every node sent so far, and when.
    pub fn digest(&self) -> [u8; 32] {
        self.trace.digest()
    }

    /// Gives a node a key to sign with.
    pub fn give_key(&mut self, at: usize, author: &Author) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.give_key(author);
        }
    }

    /// Has a node lie when it answers.
    pub fn corrupt(&mut self, at: usize, liar: Liar) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.liar = Some(liar);
        }
    }

    /// Has a node answer honestly again.
    pub fn reform(&mut self, at: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.liar = None;
        }
    }

    /// Cuts the link between two nodes: both know at once, and what was on its way is lost.
    pub fn cut(&mut self, a: usize, b: usize) {
        for ends in [(a, b), (b, a)] {
            self.wires.change(ends.0, ends.1, |wire| {
                wire.link = Some(Rc::new(Link::down()));
                wire.cuts += 1;
            });
        }
        self.disconnect(a, b);
    }

    /// Mends the link between two nodes.
    pub fn heal(&mut self, a: usize, b: usize) {
        self.impair(a, b, Link::default());
        self.impair(b, a, Link::default());
        self.connect(a, b);
    }

    /// Makes the link from one node to another, one way, as bad as it is told to. Nobody is told.
    pub fn impair(&mut self, from: usize, to: usize, link: Link) {
        self.wires.change(from, to, |wire| wire.link = Some(Rc::new(link)));
    }

    /// Issues a command; [`Cluster::outcome`] tells what came of it.
    pub fn issue(&mut self, at: usize, wish: Command) -> CommandId {
        self.sequence += 1;
        let (name, now) = (CommandId(self.sequence), self.now);
        let Some(node) = self.nodes.get_mut(at) else { return name };
        let taken = node.command(now, name, wish);
        self.commit(at, taken);
        name
    }

    /// How a command ended, once.
    pub fn outcome(&mut self, at: usize, command: CommandId) -> Option<Outcome> {
        let outcome = ports::locked(&self.nodes.get_mut(at)?.outcomes).remove(&command);
        outcome.filter(|_| self.flaw != Flaw::LostReplies || !command.0.is_multiple_of(3))
    }

    /// Issues a command and runs until it is answered.
    ///
    /// # Panics
    ///
    /// Where it is not answered within ten minutes of simulated time.
    pub fn command(&mut self, at: usize, wish: Command) -> Outcome {
        let command = self.issue(at, wish);
        let deadline = self.now + 600_000;
        loop {
            if let Some(outcome) = self.outcome(at, command) {
                return outcome;
            }
            assert!(self.advance(deadline), "command {command:?} of node {at} was never answered");
        }
    }

    /// Sends a question, whatever it is, as if a node had asked it. The answer is not for the
    /// reducer of that node: it comes to [`Node::answers`].
    pub fn ask_as(&mut self, at: usize, to: usize, bytes: &[u8]) {
        self.sequence += 1;
        self.ask(at, ExchangeId(OF_TESTS | self.sequence), self.key_of(to), bytes);
    }

    /// Sends bytes, whatever they are, to every connected node of a topic.
    pub fn publish(&mut self, at: usize, namespace: NamespaceId, bytes: &[u8]) {
        self.flood(at, Topic(namespace.0), bytes);
    }

    /// Sends bytes on a topic to one node alone.
    pub fn whisper(&mut self, at: usize, to: usize, namespace: NamespaceId, bytes: &[u8]) {
        let topic = Topic(namespace.0);
        let letter = self.letters.of(self.now, topic, bytes);
        self.post(at, to, &letter);
    }

    /// Puts a node to sleep: it does nothing, its monotonic clock stands still, and what is sent to
    /// it arrives when it wakes up.
    pub fn sleep(&mut self, at: usize, ms: u64) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(at) {
            node.clock.sleep(now, ms);
            node.asleep_until = node.asleep_until.max(now + ms);
        }
        self.set_alarm(at);
    }

    /// Has the monotonic clock of a node go faster, by so many millionths.
    pub fn drift(&mut self, at: usize, ppm: i64) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(at) {
            node.clock.drift(now, ppm);
        }
        self.set_alarm(at);
    }

    /// Steps a node with an input that did not come over the network.
    pub fn give(&mut self, at: usize, input: Input) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let taken = node.take(now, input);
        self.commit(at, taken);
    }

    /// Kills a node now.
    pub fn crash(&mut self, at: usize, tail: Tail) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        if !node.is_up() {
            return;
        }
        let (run, process) = (node.run, node.process.take());
        node.die(tail);
        let Some(process) = process else { return };
        for peer in process.peers {
            let topics = process.topics.clone();
            self.send(peer, HANGUP_MS, Parcel::Hangup { peer: at, run, topics });
        }
        self.meshes_changed(process.topics);
    }

    /// Has a node die at its `touches`th touch of the world from now on, counted from 1: before a
    /// batch is written, before it is synced, before or between the effects, during a snapshot.
    pub fn crash_at(&mut self, at: usize, touches: u64, tail: Tail) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.end_after(touches, tail);
        }
    }

    /// A node that is down is started again, soon.
    pub fn revive(&mut self, at: usize) {
        self.send(at, REVIVE_MS, Parcel::Boot);
    }

    /// Starts a node that is down, from what is on its disk.
    pub fn boot(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        if node.is_up() {
            return;
        }
        if let Err(error) = node.boot(now) {
            node.failure = Some(error.to_string());
            return;
        }
        self.starts += 1;
        // A seed that no other run of any node has, whatever happened before.
        let dice = [self.seed, at as u64, node.run, node.loaded_dice(now)];
        let seed = *blake3::hash(&dice.map(u64::to_le_bytes).concat()).as_bytes();
        let (settings, peer) = (node.settings.clone(), self.key_of(at));
        self.give(at, Input::Started { seed, peer, settings });
        for other in 0..self.nodes.len() {
            // One that has not noticed the end of the last run notices the new one.
            let topics = self.process(other).map(|it| it.topics.clone()).unwrap_or_default();
            self.lose(other, at, &topics);
            self.connect(at, other);
        }
    }

    /// Ends a node in order, with a snapshot of its state.
    pub fn stop(&mut self, at: usize) {
        let process = self.nodes.get_mut(at).and_then(|node| node.process.as_mut());
        if process.is_none() {
            return;
        }
        let topics = self.leave(at);
        if let Some(process) = self.nodes.get_mut(at).and_then(|node| node.process.take()) {
            // What is not durable by then is not observable either.
            drop(process.executor.stop());
        }
        self.meshes_changed(topics);
    }

    /// Kills a node and starts it again from the first `records` of its log.
    pub fn restart(&mut self, at: usize, records: usize) {
        let log = self.nodes.get(at).map(Node::log).unwrap_or_default();
        self.restore(at, log.into_iter().take(records).collect());
    }

    /// Kills a node and starts it again with another log.
    pub fn restore(&mut self, at: usize, records: Vec<Vec<u8>>) {
        let topics = self.leave(at);
        if let Some(node) = self.nodes.get_mut(at) {
            node.die(Tail::Lost);
            node.disk.replace(records);
        }
        self.meshes_changed(topics);
        self.boot(at);
    }

    /// Its peers learn at once that a node is gone.
    fn leave(&mut self, at: usize) -> BTreeSet<Topic> {
        let Some(process) = self.process(at) else { return BTreeSet::new() };
        let (peers, topics) = (process.peers.clone(), process.topics.clone());
        for peer in peers {
            let common = self.common(at, peer);
            self.lose(peer, at, &common);
            for (from, to) in [(at, peer), (peer, at)] {
                self.wires.change(from, to, |wire| wire.cuts += 1);
            }
        }
        topics
    }

    /// Runs for `ms` milliseconds.
    pub fn run(&mut self, ms: u64) {
        let deadline = self.now + ms;
        while self.advance(deadline) {}
        self.now = deadline;
    }

    /// What a run of inputs led to: all of it durable, then all of it performed.
    fn commit(&mut self, at: usize, taken: Result<(), StoreError>) {
        let now = self.now;
        self.steps += 1;
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.is_up()) else { return };
        let (orders, ended) = node.commit(now);
        for order in orders {
            if let (Some(watcher), Some(node)) = (&mut self.watcher, self.nodes.get(at)) {
                watcher(at, node, &order);
            }
            if !self.flaw.loses(&order.command) {
                self.carry_out(at, order.command);
            }
        }
        let Some(node) = self.nodes.get_mut(at) else { return };
        let is_over = node.is_over();
        if let (Err(error), false) = (taken.and(ended), is_over) {
            node.failure = Some(error.to_string());
            let tail = if self.rng.chance(50) { Tail::Kept } else { Tail::Lost };
            self.crash(at, tail);
        } else if is_over {
            self.crash_points += 1;
            let tail = node.tail;
            self.crash(at, tail);
        }
        if self.nodes.get(at).is_some_and(Node::is_up) {
            self.set_alarm(at);
        } else {
            self.revive(at);
        }
    }
}
