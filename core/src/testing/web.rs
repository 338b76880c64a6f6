//! Several nodes, and peers that a test plays itself: time passes only as the test says.

use crate::command::{Command, CommandId, Delivery};
use crate::effect::{Effect, Notice};
use crate::event::Event;
use crate::evolve::evolve;
use crate::governance::op::{Body, Visibility};
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::{Answer, ExchangeId, Input, RequestId};
use crate::limits::PAGE_OPS_MAX;
use crate::receive;
use crate::record::{self, Stored};
use crate::settings::Settings;
use crate::signed::{Op, Verified, verify_statement};
use crate::state::State;
use crate::statement::{Attested, Hello};
use crate::step::step;
use crate::sync::Verdict;
use crate::testing::{Author, Node};
use crate::time::{MonoMillis, Now, UnixMillis};
use crate::wire::{Nonce, OpBytes, Refused, Request, Response};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// How long a message travels, in milliseconds.
pub(crate) const DELAY_MS: u64 = 5;

/// Nodes and what they said.
pub(crate) struct Web {
    pub(crate) nodes: Vec<WebNode>,
    pub(crate) now: u64,
    /// Every question that a node asked.
    pub(crate) asked: Vec<Asked>,
    /// Every answer to one, with its bytes.
    pub(crate) answered: Vec<(usize, usize, Response, usize)>,
    /// Links on which nothing arrives.
    pub(crate) silent: BTreeSet<(usize, usize)>,
    queue: BTreeMap<(u64, u64), (usize, Parcel)>,
    exchanges: BTreeMap<ExchangeId, (usize, usize, RequestId, NamespaceId)>,
    sequence: u64,
}

/// A node of a web.
pub(crate) struct WebNode {
    pub(crate) state: State,
    pub(crate) log: Vec<Event>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) charged: Vec<PeerKey>,
    pub(crate) author: Author,
    wake_at: Option<u64>,
}

/// A question, and when it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) id: RequestId,
    pub(crate) question: Request,
}

enum Parcel {
    Input(Box<Input>),
    Question { from: usize, id: RequestId, bytes: Vec<u8> },
}

/// The transport key of a node, or of a peer that the test plays.
pub(crate) fn peer(at: usize) -> PeerKey {
    PeerKey([u8::try_from(at + 1).unwrap(); 32])
}

fn number(peer: PeerKey) -> usize {
    usize::from(peer.0[0]) - 1
}

impl Web {
    /// `count` owners with a history of `ops` ops that all have; nobody is connected.
    pub(crate) fn new(count: usize, ops: usize) -> (Self, NamespaceId) {
        let authors: Vec<Author> = (0..count).map(|at| Author::new(at as u64)).collect();
        let mut first = Node::new(&authors[0]);
        let owners = authors.iter().map(|author| author.id).collect();
        first.command(Command::Found { owners: crate::bounded::Bounded::truncated(owners) });
        let namespace = *first.state.durable.namespaces.last_key_value().unwrap().0;
        let mut web = Self {
            nodes: Vec::new(),
            now: 0,
            asked: Vec::new(),
            answered: Vec::new(),
            silent: BTreeSet::new(),
            queue: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            sequence: 0,
        };
        for number in 0..ops {
            let body = if number < 50 { create() } else { Body::Noop };
            first.govern(namespace, namespace.root(), body);
        }
        for author in authors {
            web.nodes.push(WebNode::new(author, namespace, &first.log));
        }
        for at in 0..count {
            web.start(at);
        }
        (web, namespace)
    }

    fn start(&mut self, at: usize) {
        let settings = Settings { anchor_ops: 0, anchor_age_ms: 0, ..Settings::default() };
        let seed = [u8::try_from(at).unwrap(); 32];
        self.give(at, Input::Started { seed, peer: peer(at), settings });
    }

    /// Takes the process of a node away, and starts it again from its log.
    pub(crate) fn restart(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.state = State::default();
        for event in &node.log {
            evolve(&mut node.state.durable, event);
        }
        node.state.durable.settle();
        node.wake_at = None;
        self.start(at);
    }

    /// Connects two nodes, or a node and a peer that the test plays.
    pub(crate) fn connect(&mut self, a: usize, b: usize, namespace: NamespaceId) {
        for (at, other) in [(a, b), (b, a)] {
            self.give(at, Input::PeerConnected { peer: peer(other) });
        }
        for (at, other) in [(a, b), (b, a)] {
            self.give(at, Input::PeerSubscribed { peer: peer(other), namespace });
        }
        // What takes no time: a peer that the test plays proves at once who it is.
        self.run(0);
    }

    /// Has an owner write so many ops: groups, and what changes nothing once there are many.
    pub(crate) fn write(&mut self, at: usize, namespace: NamespaceId, count: usize) {
        for number in 0..count {
            self.sequence += 1;
            let command = CommandId(self.sequence);
            let body = if number < 50 { create() } else { Body::Noop };
            let group = namespace.root();
            let delivery = Delivery::default();
            let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
            self.give(at, Input::CommandIssued { command, wish });
            self.run(0);
        }
    }

    /// Gives an input to a node now, and performs what comes of it.
    pub(crate) fn give(&mut self, at: usize, input: Input) {
        let now = Now { mono: MonoMillis(self.now), unix: UnixMillis(1 << 40) };
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let Some(node) = self.nodes.get_mut(at) else { return };
            let out = step(&mut node.state, now, input);
            node.wake_at = out.wake_at.map(|at| at.0);
            for event in out.events {
                node.log.push(event);
            }
            for effect in out.effects {
                self.perform(at, effect);
            }
            if out.wake_at == Some(now.mono) {
                next = Some(Input::Wake);
            }
        }
    }

    /// Answers a question as the peer that was asked.
    pub(crate) fn answer(&mut self, asked: &Asked, answer: Answer) {
        let (request, peer) = (asked.id, peer(asked.to));
        self.give(asked.from, Input::ResponseReceived { request, peer, answer });
    }

    /// Lets time pass; everything that is due in it happens.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        loop {
            let parcel = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.nodes.iter().enumerate();
            let wake = wakes.filter_map(|(at, node)| Some((node.wake_at?, at))).min();
            match (parcel, wake) {
                (Some(at), wake) if at <= end && wake.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    let (_, (to, parcel)) = self.queue.pop_first().unwrap();
                    self.deliver(to, parcel);
                }
                (_, Some((due, at))) if due <= end => {
                    self.now = self.now.max(due);
                    self.give(at, Input::Wake);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, at: usize, parcel: Parcel) {
        match parcel {
            Parcel::Input(input) => self.give(at, *input),
            Parcel::Question { from, id, bytes } => {
                self.sequence += 1;
                let exchange = ExchangeId(self.sequence);
                let namespace = Request::decode(&bytes).unwrap().namespace();
                self.exchanges.insert(exchange, (at, from, id, namespace));
                self.give(at, receive::request(exchange, peer(from), &bytes).unwrap());
            }
        }
    }

    fn send(&mut self, to: usize, parcel: Parcel) {
        self.send_after(DELAY_MS, to, parcel);
    }

    fn send_after(&mut self, ms: u64, to: usize, parcel: Parcel) {
        self.sequence += 1;
        self.queue.insert((self.now + ms, self.sequence), (to, parcel));
    }

    fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Sign { request, draft, .. } => {
                let signed = self.nodes[at].author.sign_draft(&draft);
                let ready = Parcel::Input(Box::new(Input::SignatureReady { request, signed }));
                self.send_after(0, at, ready);
            }
            Effect::Ask { request: id, peer, question } => {
                let to = number(peer);
                let bytes = question.encode();
                if to < self.nodes.len() && !self.silent.contains(&(at, to)) {
                    self.send(to, Parcel::Question { from: at, id, bytes });
                } else if to >= self.nodes.len()
                    && let Request::Identify { namespace, nonce } = question
                {
                    self.introduce(at, to, id, namespace, nonce);
                }
                self.asked.push(Asked { at: self.now, from: at, to, id, question });
            }
            Effect::Respond { exchange, response } => self.respond(exchange, response),
            Effect::RespondWithOps { exchange, ops, total, .. } => {
                let page = ops.iter().take(PAGE_OPS_MAX).map(|op| self.nodes[at].body(op));
                let ops = crate::bounded::Bounded::truncated(page.collect());
                self.respond(exchange, Response::Ops { ops, total });
            }
            Effect::Introduce { exchange, hello, pass } => {
                let author = self.nodes[at].author.clone();
                let hello = Attested::by(hello, |_, digest| Some(author.sign(digest)));
                let stranger = Response::Refused(Refused::Stranger);
                self.respond(
                    exchange,
                    hello.map_or(stranger, |hello| Response::Identity { hello, pass }),
                );
            }
            Effect::Notify(notice) => self.nodes[at].notices.push(notice),
            Effect::Charge { peer, .. } => self.nodes[at].charged.push(peer),
            Effect::Reply { .. }
            | Effect::Subscribe(_)
            | Effect::Unsubscribe(_)
            | Effect::Publish { .. }
            | Effect::PublishStored { .. }
            | Effect::Validate { .. }
            | Effect::RespondJoined { .. }
            | Effect::Announce(_)
            | Effect::Acknowledge { .. }
            | Effect::Dial(_)
            | Effect::StopDialing(_) => {}
        }
    }

    /// A peer that the test plays proves to be the first owner, on another machine.
    fn introduce(
        &mut self,
        at: usize,
        from: usize,
        id: RequestId,
        namespace: NamespaceId,
        nonce: Nonce,
    ) {
        let owner = self.nodes[0].author.clone();
        let to = self.nodes[at].state.volatile.peer;
        let hello = Hello { namespace, member: owner.id, from: peer(from), to, nonce };
        let hello = Attested::by(hello, |_, digest| Some(owner.sign(digest))).unwrap();
        let hello = verify_statement(hello, namespace).unwrap();
        let answer = Answer::Identity { hello, pass: None };
        let input = Input::ResponseReceived { request: id, peer: peer(from), answer };
        self.send_after(0, at, Parcel::Input(Box::new(input)));
    }

    fn respond(&mut self, exchange: ExchangeId, response: Response) {
        let Some((at, to, request, namespace)) = self.exchanges.remove(&exchange) else { return };
        let bytes = response.encode();
        self.answered.push((at, to, response, bytes.len()));
        let answer = receive::answer(&bytes, namespace).unwrap();
        let input = Input::ResponseReceived { request, peer: peer(at), answer };
        if to < self.nodes.len() && !self.silent.contains(&(at, to)) {
            self.send(to, Parcel::Input(Box::new(input)));
        }
    }

    /// Verdicts that a node came to with a peer.
    pub(crate) fn verdicts(&self, at: usize, with: usize) -> Vec<Verdict> {
        let notices = self.nodes[at].notices.iter();
        let verdicts = notices.filter_map(|notice| {
            let Notice::SyncEnded { peer: ended, verdict, .. } = notice else { return None };
            (*ended == peer(with)).then(|| verdict.clone())
        });
        verdicts.collect()
    }

    /// Questions about ops that a node asked a peer: not those of who it is.
    pub(crate) fn questions(&self, from: usize, to: usize) -> Vec<Asked> {
        let is_about_ops = |asked: &&Asked| {
            let question = &asked.question;
            let about = matches!(
                question,
                Request::Heads { .. } | Request::Fetch { .. } | Request::Reconcile { .. }
            );
            about && asked.from == from && asked.to == to
        };
        self.asked.iter().filter(is_about_ops).cloned().collect()
    }

    /// Heads and root of a node.
    pub(crate) fn heads(&self, at: usize, namespace: NamespaceId) -> (Vec<OpId>, [u8; 32]) {
        let space = &self.nodes[at].state.durable.namespaces[&namespace].space;
        (space.heads(), space.view().state_root())
    }

    /// Ops that travelled from one node to another.
    pub(crate) fn ops_sent(&self, from: usize, to: usize) -> usize {
        let sent = self.answered.iter().filter(|(at, other, ..)| (*at, *other) == (from, to));
        let pages = sent.map(
            |(_, _, response, _)| {
                if let Response::Ops { ops, .. } = response { ops.len() } else { 0 }
            },
        );
        pages.sum()
    }

    /// The ops that a node has stored, in order; the genesis stands first.
    pub(crate) fn ops_of(&self, at: usize) -> Vec<Verified<Op>> {
        let ops = self.nodes[at].log.iter().filter_map(|event| {
            if let Event::OpAccepted { op, .. } = event { Some(op.clone()) } else { None }
        });
        ops.collect()
    }
}

impl WebNode {
    fn new(author: Author, namespace: NamespaceId, log: &[Event]) -> Self {
        let mut node = Self {
            state: State::default(),
            log: log.to_vec(),
            notices: Vec::new(),
            charged: Vec::new(),
            wake_at: None,
            author,
        };
        node.log.push(Event::NamespaceOpened { namespace, me: node.author.id });
        for event in &node.log {
            evolve(&mut node.state.durable, event);
        }
        node.state.durable.settle();
        node
    }

    /// The bytes of an op, out of its record.
    fn body(&self, stored: &Stored) -> OpBytes {
        let event = &self.log[usize::try_from(stored.record).unwrap() - 1];
        let record = record::encode(event);
        OpBytes::new(record::op_bytes(&record, &stored.op).unwrap().to_vec()).unwrap()
    }
}

fn create() -> Body {
    Body::GroupCreated { visibility: Visibility::Open }
}
