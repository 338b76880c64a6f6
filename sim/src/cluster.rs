//! Several reducers in one thread: the network is a queue, time is a number, and keys sign at once.
//!
//! Nothing is modelled but the boundary: every node runs [`step`], its events go through the codec
//! of the log, and every message through the codec of the wire and the checks of the ingress. What
//! a node accepts it forwards, and what came before it does not hear again, as on a real topic.
//!
//! The network is as bad as a test wants it: a [`Link`] loses, doubles and delays messages each way
//! for itself, and a node may have a [`Liar`] that changes what it answers. Every choice comes from
//! one seed, so a run is the same each time.

mod link;
mod node;
mod perform;
#[cfg(test)]
mod tests;

use crate::kit::Author;
use crate::world::Prng;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, MessageId, RequestId};
use folkmoot_core::receive;
use folkmoot_core::record;
use folkmoot_core::settings::Settings;
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_core::wire::Request;
use std::collections::{BTreeMap, BTreeSet};

pub use link::{Link, Path, Traffic};
use node::Question;
pub use node::{Asked, Liar, Node};

/// What the clocks of the nodes say at the beginning, in milliseconds.
pub const START_UNIX_MS: u64 = 1_700_000_000_000;
/// Questions from this number on were asked by a test.
const OF_TESTS: u64 = 1 << 63;

/// Nodes, and what is on its way between them.
#[derive(Default)]
pub struct Cluster {
    /// The nodes, by number.
    pub nodes: Vec<Node>,
    /// What went from one node to another so far.
    pub traffic: BTreeMap<(usize, usize), Traffic>,
    now: u64,
    queue: BTreeMap<(u64, u64), (usize, Parcel)>,
    sequence: u64,
    links: BTreeMap<(usize, usize), Link>,
    rng: Prng,
}

/// Something on its way to a node.
#[derive(Clone)]
enum Parcel {
    Input(Box<Input>),
    Mesh,
    Gossip { from: usize, namespace: NamespaceId, bytes: Vec<u8>, again: bool },
    Question { from: usize, request: RequestId, bytes: Vec<u8> },
    Reply { from: usize, request: RequestId, namespace: NamespaceId, bytes: Vec<u8> },
}

impl Parcel {
    /// The node that sent it, and how many bytes it is.
    fn sent(&self) -> Option<(usize, u64)> {
        match self {
            Self::Input(_) | Self::Mesh => None,
            Self::Gossip { from, bytes, .. }
            | Self::Question { from, bytes, .. }
            | Self::Reply { from, bytes, .. } => Some((*from, bytes.len() as u64)),
        }
    }
}

impl Cluster {
    /// `count` nodes, all connected.
    pub fn new(count: usize) -> Self {
        let mut cluster = Self::apart(count);
        for a in 0..count {
            for b in 0..a {
                cluster.heal(a, b);
            }
        }
        cluster
    }

    /// `count` nodes, none connected.
    pub fn apart(count: usize) -> Self {
        let mut cluster = Self::default();
        for at in 0..count {
            cluster.nodes.push(Node::default());
            for other in 0..count {
                cluster.links.insert((at, other), Link::down());
            }
            cluster.start(at);
        }
        cluster
    }

    /// Begins a run of a node, with a seed that no other run of any node has.
    fn start(&mut self, at: usize) {
        let run = blake3::hash(&self.sequence.to_le_bytes());
        let (seed, peer, settings) = (*run.as_bytes(), Self::peer(at), Settings::default());
        self.give(at, Input::Started { seed, peer, settings });
    }

    /// Transport key of a node.
    pub fn peer(at: usize) -> PeerKey {
        PeerKey([u8::try_from(at).unwrap_or(u8::MAX); 32])
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Gives a node a key to sign with.
    pub fn give_key(&mut self, at: usize, author: &Author) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.keys.insert(author.id, author.clone());
        }
    }

    /// Has a node lie when it answers.
    pub fn corrupt(&mut self, at: usize, liar: Liar) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.liar = Some(liar);
        }
    }

    /// Cuts the link between two nodes: both know at once, and what was on its way is lost.
    pub fn cut(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b), (b, a)] {
            self.links.insert((from, to), Link::down());
        }
        self.drop_parcels(|from, to| (from, to) == (a, b) || (from, to) == (b, a));
        self.lose(a, b);
        self.lose(b, a);
    }

    /// Mends the link between two nodes.
    pub fn heal(&mut self, a: usize, b: usize) {
        for (from, to) in [(a, b), (b, a)] {
            self.links.insert((from, to), Link::default());
        }
        self.connect(a, b);
    }

    /// Makes the link from one node to another, one way, as bad as it is told to. Nobody is told.
    pub fn impair(&mut self, from: usize, to: usize, link: Link) {
        self.links.insert((from, to), link);
    }

    fn connect(&mut self, a: usize, b: usize) {
        for (at, other) in [(a, b), (b, a)] {
            self.give(at, Input::PeerConnected { peer: Self::peer(other) });
            for namespace in self.topics(other) {
                self.give(at, Input::PeerSubscribed { peer: Self::peer(other), namespace });
            }
        }
        self.tell_mesh(a);
        self.tell_mesh(b);
    }

    /// A node learns that another one is gone, as the network tells it (NET-4).
    fn lose(&mut self, at: usize, other: usize) {
        let peer = Self::peer(other);
        for namespace in self.topics(other) {
            self.give(at, Input::PeerUnsubscribed { peer, namespace });
        }
        self.give(at, Input::PeerDisconnected { peer });
        self.tell_mesh(at);
    }

    /// Drops what is on its way where `is_lost` says so, by sender and receiver. Whoever waits for
    /// an answer to it hears that there will be none.
    fn drop_parcels(&mut self, is_lost: impl Fn(usize, usize) -> bool) {
        let mut failed = Vec::new();
        self.queue.retain(|_, (to, parcel)| {
            let lost = parcel.sent().is_some_and(|(from, _)| is_lost(from, *to));
            if let (Parcel::Question { from, request, .. }, true) = (&parcel, lost) {
                failed.push((*from, *request));
            }
            if let (Parcel::Reply { request, .. }, true) = (&parcel, lost) {
                failed.push((*to, *request));
            }
            !lost
        });
        for (at, request) in failed {
            self.fail(at, request);
        }
    }

    fn topics(&self, at: usize) -> BTreeSet<NamespaceId> {
        self.nodes.get(at).map(|node| node.topics.clone()).unwrap_or_default()
    }

    /// Tells a node how many peers take its messages directly, which are all that take part.
    fn tell_mesh(&mut self, at: usize) {
        for namespace in self.topics(at) {
            let others = (0..self.nodes.len()).filter(|other| self.is_linked(at, *other));
            let subscribed = others.filter(|other| self.topics(*other).contains(&namespace));
            let peers = subscribed.count() as u64;
            let Some(node) = self.nodes.get_mut(at) else { return };
            if node.mesh.insert(namespace, peers).unwrap_or(0) != peers {
                self.give(at, Input::MeshChanged { namespace, peers });
            }
        }
    }

    /// Issues a command; [`Cluster::outcome`] tells what came of it.
    pub fn issue(&mut self, at: usize, wish: Command) -> CommandId {
        let command = CommandId(self.sequence);
        self.give(at, Input::CommandIssued { command, wish });
        command
    }

    /// How a command ended, once.
    pub fn outcome(&mut self, at: usize, command: CommandId) -> Option<Outcome> {
        self.nodes.get_mut(at)?.replies.remove(&command)
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
        self.ask(at, RequestId(OF_TESTS | self.sequence), to, bytes);
    }

    /// Runs until nothing is under way, or `ms` milliseconds have passed.
    pub fn run(&mut self, ms: u64) {
        let deadline = self.now + ms;
        while self.advance(deadline) {}
        self.now = deadline;
    }

    /// Puts a node to sleep: it does nothing, its monotonic clock stands still, and what is sent to
    /// it arrives when it wakes up.
    pub fn sleep(&mut self, at: usize, ms: u64) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.slept_ms += ms;
            node.asleep_until = self.now + ms;
        }
    }

    /// Delivers the next thing, if it is due by `deadline`.
    fn advance(&mut self, deadline: u64) -> bool {
        let parcel = self.queue.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.nodes.iter().enumerate();
        let wake = wakes.filter_map(|(at, node)| Some((node.wakes_at()?, at))).min();
        match (parcel, wake) {
            (Some(due), wake) if due <= deadline && wake.is_none_or(|(at, _)| due <= at) => {
                self.now = self.now.max(due);
                if let Some((_, (at, parcel))) = self.queue.pop_first() {
                    self.deliver(at, parcel);
                }
                true
            }
            (_, Some((due, at))) if due <= deadline => {
                self.now = self.now.max(due);
                self.give(at, Input::Wake);
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, at: usize, parcel: Parcel) {
        let asleep = self.nodes.get(at).map_or(0, |node| node.asleep_until);
        if asleep > self.now {
            return self.send(at, asleep - self.now, parcel);
        }
        match parcel {
            Parcel::Input(input) => self.give(at, *input),
            Parcel::Mesh => self.tell_mesh(at),
            Parcel::Gossip { from, namespace, bytes, again } => {
                let (message, peer) = (MessageId(self.sequence), Self::peer(from));
                let Some(node) = self.nodes.get_mut(at) else { return };
                // Every message passes once, unless the network goes mad.
                if !node.seen.insert(*blake3::hash(&bytes).as_bytes()) && !again {
                    return;
                }
                let input = receive::gossip(&mut node.signers, message, peer, namespace, &bytes);
                node.messages.insert(message, (from, namespace, bytes));
                self.give(at, input);
            }
            Parcel::Question { from, request, bytes } => self.question(at, from, request, bytes),
            Parcel::Reply { from, request, namespace, bytes } => {
                self.answer(at, from, request, namespace, bytes);
            }
        }
    }

    fn question(&mut self, at: usize, from: usize, request: RequestId, bytes: Vec<u8>) {
        let exchange = ExchangeId(self.sequence);
        let Some(node) = self.nodes.get_mut(at) else { return };
        let read = Request::decode(&bytes).map(|request| request.namespace());
        let checked = receive::request(exchange, Self::peer(from), &bytes);
        if let (Ok(namespace), Ok(input)) = (read, checked) {
            node.exchanges.insert(exchange, Question { from, request, namespace, bytes });
            self.give(at, input);
        } else {
            node.charged.push(Self::peer(from));
            self.fail(from, request);
        }
    }

    fn answer(
        &mut self,
        at: usize,
        from: usize,
        request: RequestId,
        namespace: NamespaceId,
        bytes: Vec<u8>,
    ) {
        let (peer, Some(node)) = (Self::peer(from), self.nodes.get_mut(at)) else { return };
        if request.0 >= OF_TESTS {
            return node.answers.push(bytes);
        }
        let input = if let Ok(answer) = receive::answer(&bytes, namespace) {
            Input::ResponseReceived { request, peer, answer }
        } else {
            node.charged.push(peer);
            Input::RequestFailed { request }
        };
        self.give(at, input);
    }

    /// Steps a node and performs what it orders.
    pub fn give(&mut self, at: usize, input: Input) {
        self.sequence += 1;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let unix = (START_UNIX_MS + self.now).saturating_add_signed(node.ahead_ms);
        let mono = self.now.saturating_sub(node.slept_ms);
        let clock = Now { mono: MonoMillis(mono), unix: UnixMillis(unix) };
        let Output { events, effects, wake_at } = step(&mut node.state, clock, input);
        node.wake_at = wake_at.map(|at| at.0);
        for event in &events {
            node.log.push(record::encode(event));
        }
        for effect in effects {
            self.perform(at, effect);
        }
    }

    fn send(&mut self, to: usize, after: u64, parcel: Parcel) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), (to, parcel));
    }

    /// Sends something over a link, which may lose or double it: a topic what was published, and a
    /// stream what was asked or answered.
    fn carry(&mut self, from: usize, to: usize, parcel: &Parcel) {
        let bytes = parcel.sent().map_or(0, |(_, bytes)| bytes);
        let traffic = self.traffic.entry((from, to)).or_default();
        traffic.messages += 1;
        traffic.bytes += bytes;
        let Some(link) = self.links.get(&(from, to)) else { return };
        let is_published = matches!(parcel, Parcel::Gossip { .. });
        let path = if is_published { &link.topic } else { &link.stream };
        for (number, delay) in path.copies(&mut self.rng).into_iter().enumerate() {
            let mut copy = parcel.clone();
            if let Parcel::Gossip { again, .. } = &mut copy {
                *again = number > 0;
            }
            self.send(to, delay, copy);
        }
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        a != b && self.links.get(&(a, b)).is_some_and(|link| !link.is_down)
    }

    /// Kills a node and starts it again from the first `records` of its log.
    pub fn restart(&mut self, at: usize, records: usize) {
        let linked: Vec<usize> =
            (0..self.nodes.len()).filter(|other| self.is_linked(at, *other)).collect();
        self.drop_parcels(|_, to| to == at);
        for other in &linked {
            self.lose(*other, at);
        }
        // What is on its way to a process does not reach the next one.
        self.queue.retain(|_, (to, _)| *to != at);
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.die(records);
        for other in &linked {
            self.tell_mesh(*other);
        }
        self.start(at);
        for other in linked {
            self.connect(at, other);
        }
    }
}
