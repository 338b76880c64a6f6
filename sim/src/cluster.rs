//! Several reducers in one thread: the network is a queue, time is a number, and keys sign at once.
//!
//! Nothing is modelled but the boundary: every node runs [`step`], its events go through the codec
//! of the log, and every message through the codec of the wire and the checks of the ingress.

mod node;
#[cfg(test)]
mod tests;

use crate::kit::Author;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::effect::Effect;
use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, MessageId, RequestId, Signed};
use folkmoot_core::receive;
use folkmoot_core::record;
use folkmoot_core::settings::Settings;
use folkmoot_core::statement::{Attested, Statement};
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_core::wire::{Gossip, OpBytes, Refused, Request, Response};
use std::collections::{BTreeMap, BTreeSet};

pub use node::Node;
use node::sign;

/// How long a message travels, in milliseconds.
const DELAY_MS: u64 = 5;

/// Nodes, and what is on its way between them.
#[derive(Default)]
pub struct Cluster {
    /// The nodes, by number.
    pub nodes: Vec<Node>,
    now: u64,
    queue: BTreeMap<(u64, u64), (usize, Parcel)>,
    sequence: u64,
    cuts: BTreeSet<(usize, usize)>,
}

/// Something on its way to a node.
enum Parcel {
    Input(Box<Input>),
    Mesh,
    Gossip { from: usize, namespace: NamespaceId, bytes: Vec<u8> },
    Question { from: usize, request: RequestId, bytes: Vec<u8> },
    Reply { from: usize, request: RequestId, namespace: NamespaceId, bytes: Vec<u8> },
}

impl Cluster {
    /// `count` nodes, all connected.
    pub fn new(count: usize) -> Self {
        let mut cluster = Self::default();
        for at in 0..count {
            cluster.nodes.push(Node::new());
            cluster.start(at);
        }
        for a in 0..count {
            for b in 0..a {
                cluster.connect(a, b);
            }
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

    /// Gives a node a key to sign with.
    pub fn give_key(&mut self, at: usize, author: &Author) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.keys.insert(author.id, author.clone());
        }
    }

    /// Cuts the link between two nodes.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cuts.extend([(a, b), (b, a)]);
        self.lose(a, b);
        self.lose(b, a);
    }

    /// Mends the link between two nodes.
    pub fn heal(&mut self, a: usize, b: usize) {
        self.cuts.remove(&(a, b));
        self.cuts.remove(&(b, a));
        self.connect(a, b);
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

    /// Issues a command and runs until it is answered.
    ///
    /// # Panics
    ///
    /// Where it is not answered within ten minutes of simulated time.
    pub fn command(&mut self, at: usize, wish: Command) -> Outcome {
        let command = CommandId(self.sequence);
        self.give(at, Input::CommandIssued { command, wish });
        let deadline = self.now + 600_000;
        loop {
            let reply = self.nodes.get_mut(at).and_then(|node| node.replies.remove(&command));
            if let Some(outcome) = reply {
                return outcome;
            }
            assert!(self.advance(deadline), "command {command:?} of node {at} was never answered");
        }
    }

    /// Runs until nothing is under way, or `ms` milliseconds have passed.
    pub fn run(&mut self, ms: u64) {
        let deadline = self.now + ms;
        while self.advance(deadline) {}
        self.now = deadline;
    }

    /// Delivers the next thing, if it is due by `deadline`.
    fn advance(&mut self, deadline: u64) -> bool {
        let parcel = self.queue.first_key_value().map(|((at, _), _)| *at);
        let wakes = self.nodes.iter().enumerate();
        let wake = wakes.filter_map(|(at, node)| Some((node.wake_at?, at))).min();
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
        match parcel {
            Parcel::Input(input) => self.give(at, *input),
            Parcel::Mesh => self.tell_mesh(at),
            Parcel::Gossip { from, namespace, bytes } => {
                let (message, peer) = (MessageId(self.sequence), Self::peer(from));
                let Some(node) = self.nodes.get_mut(at) else { return };
                let input = receive::gossip(&mut node.signers, message, peer, namespace, &bytes);
                self.give(at, input);
            }
            Parcel::Question { from, request, bytes } => self.question(at, from, request, &bytes),
            Parcel::Reply { from, request, namespace, bytes } => {
                self.answer(at, from, request, namespace, &bytes);
            }
        }
    }

    fn question(&mut self, at: usize, from: usize, id: RequestId, bytes: &[u8]) {
        let Ok(request) = Request::decode(bytes) else { return };
        let exchange = ExchangeId(self.sequence);
        if let Some(node) = self.nodes.get_mut(at) {
            node.exchanges.insert(exchange, (from, id, request.namespace()));
        }
        if let Ok(input) = receive::request(exchange, Self::peer(from), bytes) {
            self.give(at, input);
        }
    }

    fn answer(
        &mut self,
        at: usize,
        from: usize,
        request: RequestId,
        namespace: NamespaceId,
        bytes: &[u8],
    ) {
        let peer = Self::peer(from);
        self.give(
            at,
            match receive::answer(bytes, namespace) {
                Ok(answer) => Input::ResponseReceived { request, peer, answer },
                Err(_) => Input::RequestFailed { request },
            },
        );
    }

    /// Steps a node and performs what it orders.
    pub fn give(&mut self, at: usize, input: Input) {
        self.sequence += 1;
        let clock =
            Now { mono: MonoMillis(self.now), unix: UnixMillis(1_700_000_000_000 + self.now) };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Output { events, effects, wake_at } = step(&mut node.state, clock, input);
        node.wake_at = wake_at.map(|at| at.0);
        for event in &events {
            let record = record::encode(event);
            node.log.push(record.bytes);
            node.bodies.extend(record.body);
        }
        for effect in effects {
            self.perform(at, effect);
        }
    }

    fn send(&mut self, to: usize, after: u64, parcel: Parcel) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), (to, parcel));
    }

    fn is_linked(&self, a: usize, b: usize) -> bool {
        a != b && !self.cuts.contains(&(a, b))
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Sign { request, signer, draft } => {
                let Some(node) = self.nodes.get(at) else { return };
                let signed = node
                    .keys
                    .get(&signer)
                    .map_or(Signed::NoKey(signer), |author| sign(author, &draft));
                let input = Input::SignatureReady { request, signed };
                self.send(at, 1, Parcel::Input(Box::new(input)));
            }
            Effect::Subscribe(namespace) => self.subscribe(at, namespace),
            Effect::Unsubscribe(namespace) => self.unsubscribe(at, namespace),
            Effect::Publish { namespace, gossip } => self.publish(at, namespace, &gossip.encode()),
            Effect::PublishStored { namespace, op, nonce } => {
                if let Some(op) = self.body(at, &op) {
                    self.publish(at, namespace, &Gossip::Again { nonce, op }.encode());
                }
            }
            Effect::Ask { request, peer, question } => self.ask(at, request, peer, &question),
            Effect::Announce(beacon) => {
                let namespace = beacon.namespace;
                if let Some(beacon) = self.attest(at, beacon) {
                    self.publish(at, namespace, &Gossip::Beacon(beacon).encode());
                }
            }
            Effect::Introduce { exchange, hello, pass } => {
                let hello = self.attest(at, hello);
                let stranger = Response::Refused(Refused::Stranger);
                let identity = hello.map_or(stranger, |hello| Response::Identity { hello, pass });
                self.respond(at, exchange, &identity);
            }
            Effect::Acknowledge { request, peer, ack } => {
                if let Some(ack) = self.attest(at, ack) {
                    self.ask(at, request, peer, &Request::Ack(ack));
                }
            }
            Effect::Respond { exchange, response } => self.respond(at, exchange, &response),
            Effect::RespondWithOps { exchange, ops, total } => {
                let page: Vec<OpBytes> = ops.iter().filter_map(|op| self.body(at, op)).collect();
                let ops = folkmoot_core::bounded::Bounded::truncated(page);
                self.respond(at, exchange, &Response::Ops { ops, total });
            }
            Effect::RespondJoined { exchange, op } => {
                if let Some(bytes) = self.body(at, &op) {
                    self.respond(at, exchange, &Response::Joined(bytes));
                }
            }
            Effect::Reply { command, outcome } => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.replies.insert(command, outcome);
                }
            }
            Effect::Notify(notice) => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.notices.push(notice);
                }
            }
            Effect::Charge { peer, .. } => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.charged.push(peer);
                }
            }
            Effect::Validate { .. } | Effect::Dial(_) | Effect::StopDialing(_) => {}
        }
    }

    fn ask(&mut self, at: usize, request: RequestId, peer: PeerKey, question: &Request) {
        let to = usize::from(peer.0.first().copied().unwrap_or(0));
        if self.is_linked(at, to) {
            let bytes = question.encode();
            self.send(to, DELAY_MS, Parcel::Question { from: at, request, bytes });
        } else {
            let failed = Input::RequestFailed { request };
            self.send(at, DELAY_MS, Parcel::Input(Box::new(failed)));
        }
    }

    fn attest<T: Statement>(&self, at: usize, statement: T) -> Option<Attested<T>> {
        let author = self.nodes.get(at)?.keys.get(&statement.member())?;
        Some(author.attest(statement))
    }

    fn body(&self, at: usize, op: &OpId) -> Option<OpBytes> {
        OpBytes::new(self.nodes.get(at)?.bodies.get(op)?.clone())
    }

    fn subscribe(&mut self, at: usize, namespace: NamespaceId) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.topics.insert(namespace);
        for other in 0..self.nodes.len() {
            let Some(node) = self.nodes.get(other) else { continue };
            let both = node.topics.contains(&namespace);
            if !self.is_linked(at, other) {
                continue;
            }
            let subscribed = |peer| Input::PeerSubscribed { peer: Self::peer(peer), namespace };
            self.send(other, DELAY_MS, Parcel::Input(Box::new(subscribed(at))));
            if both {
                self.send(at, DELAY_MS, Parcel::Input(Box::new(subscribed(other))));
            }
        }
        self.meshes_changed();
    }

    fn unsubscribe(&mut self, at: usize, namespace: NamespaceId) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.topics.remove(&namespace);
        node.mesh.remove(&namespace);
        for other in 0..self.nodes.len() {
            if self.is_linked(at, other) {
                let gone = Input::PeerUnsubscribed { peer: Self::peer(at), namespace };
                self.send(other, DELAY_MS, Parcel::Input(Box::new(gone)));
            }
        }
        self.meshes_changed();
    }

    fn meshes_changed(&mut self) {
        for at in 0..self.nodes.len() {
            self.send(at, DELAY_MS, Parcel::Mesh);
        }
    }

    fn publish(&mut self, at: usize, namespace: NamespaceId, bytes: &[u8]) {
        for to in 0..self.nodes.len() {
            let topic = self.nodes.get(to).is_some_and(|node| node.topics.contains(&namespace));
            if topic && self.is_linked(at, to) {
                let bytes = bytes.to_vec();
                self.send(to, DELAY_MS, Parcel::Gossip { from: at, namespace, bytes });
            }
        }
    }

    fn respond(&mut self, at: usize, exchange: ExchangeId, response: &Response) {
        let found = self.nodes.get_mut(at).and_then(|node| node.exchanges.remove(&exchange));
        let Some((to, request, namespace)) = found else { return };
        if self.is_linked(at, to) {
            let bytes = response.encode();
            self.send(to, DELAY_MS, Parcel::Reply { from: at, request, namespace, bytes });
        }
    }

    /// Kills a node and starts it again from the first `records` of its log.
    pub fn restart(&mut self, at: usize, records: usize) {
        let linked: Vec<usize> =
            (0..self.nodes.len()).filter(|other| self.is_linked(at, *other)).collect();
        for other in &linked {
            self.lose(*other, at);
        }
        // What is on its way to a process does not reach the next one.
        self.queue.retain(|_, (to, _)| *to != at);
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.log.truncate(records);
        node.state = node.recover(records);
        node.topics.clear();
        node.mesh.clear();
        node.exchanges.clear();
        node.wake_at = None;
        for other in &linked {
            self.tell_mesh(*other);
        }
        self.start(at);
        for other in linked {
            self.connect(at, other);
        }
    }
}
