//! Several reducers in one thread: the network is a queue, time is a number, and keys sign at once.
//!
//! Nothing is modelled but the boundary: every node runs [`step`], its events go through the codec
//! of the log, and every message through the codec of the wire and the checks of the ingress.

use crate::kit::Author;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::effect::{Draft, Effect, Notice};
use folkmoot_core::evolve::evolve;
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::id::{MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{Answer, ExchangeId, Input, MessageId, RequestId, Signed};
use folkmoot_core::record;
use folkmoot_core::signed::{verify, verify_page};
use folkmoot_core::state::State;
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_core::wire::{Gossip, OpBytes, Request, Response};
use std::collections::{BTreeMap, BTreeSet};

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

/// One node.
pub struct Node {
    /// Its state.
    pub state: State,
    /// Records of its log.
    pub log: Vec<Vec<u8>>,
    /// Bytes of the ops in the log, by id.
    pub bodies: BTreeMap<OpId, Vec<u8>>,
    /// Replies to its commands.
    pub replies: BTreeMap<CommandId, Outcome>,
    /// What it told its user.
    pub notices: Vec<Notice>,
    /// Peers that it charged.
    pub charged: Vec<PeerKey>,
    keys: BTreeMap<MemberId, Author>,
    topics: BTreeSet<NamespaceId>,
    exchanges: BTreeMap<ExchangeId, (usize, RequestId, NamespaceId)>,
    wake_at: Option<u64>,
}

/// Something on its way to a node.
enum Parcel {
    Input(Box<Input>),
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
            let seed = [u8::try_from(at).unwrap_or(u8::MAX); 32];
            cluster.give(at, Input::Started { seed });
        }
        for a in 0..count {
            for b in 0..a {
                cluster.connect(a, b);
            }
        }
        cluster
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
        self.give(a, Input::PeerDisconnected { peer: Self::peer(b) });
        self.give(b, Input::PeerDisconnected { peer: Self::peer(a) });
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
            let topics = self.nodes.get(other).map(|node| node.topics.clone()).unwrap_or_default();
            for namespace in topics {
                self.give(at, Input::PeerSubscribed { peer: Self::peer(other), namespace });
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
            Parcel::Gossip { from, namespace, bytes } => {
                let Ok(Gossip::Op(op)) = Gossip::decode(&bytes) else { return };
                let message = MessageId(self.sequence);
                let (peer, op) = (Self::peer(from), verify(&op, namespace));
                self.give(at, Input::GossipReceived { message, peer, namespace, op });
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
        let (namespace, signatures_valid) = match &request {
            Request::Heads { namespace, .. } | Request::Fetch { namespace, .. } => {
                (*namespace, true)
            }
            Request::Join { request } => (request.invitation.terms.namespace, request.is_signed()),
        };
        if let Some(node) = self.nodes.get_mut(at) {
            node.exchanges.insert(exchange, (from, id, namespace));
        }
        let peer = Self::peer(from);
        self.give(at, Input::RequestReceived { exchange, peer, request, signatures_valid });
    }

    fn answer(
        &mut self,
        at: usize,
        from: usize,
        request: RequestId,
        namespace: NamespaceId,
        bytes: &[u8],
    ) {
        let answer = match Response::decode(bytes) {
            Ok(Response::Ops { ops, more }) => {
                let bytes: Vec<&[u8]> = ops.iter().map(|op| &**op).collect();
                let (good, bad): (Vec<_>, Vec<_>) =
                    verify_page(&bytes, namespace).into_iter().partition(Result::is_ok);
                let refused = bad.into_iter().find_map(Result::err);
                Some(Answer::Ops {
                    ops: good.into_iter().flatten().collect(),
                    refused,
                    newer: Vec::new(),
                    more,
                })
            }
            Ok(Response::Joined(op)) => verify(&op, namespace).ok().map(Answer::Joined),
            Ok(plain) => Answer::plain(plain),
            Err(_) => None,
        };
        let peer = Self::peer(from);
        match answer {
            Some(answer) => self.give(at, Input::ResponseReceived { request, peer, answer }),
            None => self.give(at, Input::RequestFailed { request }),
        }
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
            Effect::Unsubscribe(namespace) => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.topics.remove(&namespace);
                }
            }
            Effect::Publish { namespace, gossip } => self.publish(at, namespace, &gossip.encode()),
            Effect::Ask { request, peer, question } => {
                let to = usize::from(peer.0.first().copied().unwrap_or(0));
                if self.is_linked(at, to) {
                    let bytes = question.encode();
                    self.send(to, DELAY_MS, Parcel::Question { from: at, request, bytes });
                }
            }
            Effect::Respond { exchange, response } => self.respond(at, exchange, &response),
            Effect::RespondWithOps { exchange, ops, more } => {
                let page: Vec<OpBytes> = ops.iter().filter_map(|op| self.body(at, op)).collect();
                let ops = folkmoot_core::bounded::Bounded::truncated(page);
                self.respond(at, exchange, &Response::Ops { ops, more });
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
            Effect::Validate { .. } | Effect::Dial(_) => {}
        }
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
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.log.truncate(records);
        node.state = node.recover(records);
        node.topics.clear();
        node.exchanges.clear();
        node.wake_at = None;
        self.give(at, Input::Started { seed: [0x77; 32] });
        for other in 0..self.nodes.len() {
            if self.is_linked(at, other) {
                self.connect(at, other);
            }
        }
    }
}

impl Node {
    fn new() -> Self {
        Self {
            state: State::default(),
            log: Vec::new(),
            bodies: BTreeMap::new(),
            replies: BTreeMap::new(),
            notices: Vec::new(),
            charged: Vec::new(),
            keys: BTreeMap::new(),
            topics: BTreeSet::new(),
            exchanges: BTreeMap::new(),
            wake_at: None,
        }
    }

    /// The state that the first `records` of the log fold to.
    ///
    /// # Panics
    ///
    /// Where a record that this node wrote does not decode.
    #[expect(clippy::expect_used, reason = "a log that cannot be read back is a failed test")]
    pub fn recover(&self, records: usize) -> State {
        let mut state = State::default();
        for bytes in self.log.iter().take(records) {
            let event =
                record::decode(bytes, |op| self.bodies.get(op).cloned()).expect("the log decodes");
            evolve(&mut state.durable, &event);
        }
        state
    }
}

fn sign(author: &Author, draft: &Draft) -> Signed {
    match draft {
        Draft::Invitation(terms) => {
            let signature = author.endorse(&terms.id().0);
            Signed::Invitation(Invitation { terms: terms.clone(), signature })
        }
        Draft::Op(op) => {
            let sealed = op.clone().seal(&author.make(&op.id().0));
            sealed.map_or(Signed::NoKey(author.id), Signed::Op)
        }
    }
}

#[cfg(test)]
mod tests;
