//! What nodes order, and what becomes of it on the way.

use super::node::{Asked, Node, sign};
use super::{Cluster, Parcel};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::effect::{Effect, Forward};
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, MessageId, RequestId, Signed};
use folkmoot_core::record::Stored;
use folkmoot_core::statement::{Attested, Statement};
use folkmoot_core::wire::{Gossip, OpBytes, Refused, Request, Response};

/// How long something takes within a node, or between it and its network, in milliseconds.
const LOCAL_MS: u64 = 1;
/// How long word of a peer's topics takes, in milliseconds.
const TOPIC_MS: u64 = 5;

impl Cluster {
    pub(super) fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Sign { request, signer, draft } => {
                let Some(node) = self.nodes.get(at) else { return };
                let signed = node
                    .keys
                    .get(&signer)
                    .map_or(Signed::NoKey(signer), |author| sign(author, &draft));
                let input = Input::SignatureReady { request, signed };
                self.send(at, LOCAL_MS, Parcel::Input(Box::new(input)));
            }
            Effect::Subscribe(namespace) => self.subscribe(at, namespace),
            Effect::Unsubscribe(namespace) => self.unsubscribe(at, namespace),
            Effect::Publish { namespace, gossip } => self.publish(at, namespace, &gossip.encode()),
            Effect::PublishStored { namespace, op, nonce } => {
                if let Some(op) = self.body(at, &op) {
                    self.publish(at, namespace, &Gossip::Again { nonce, op }.encode());
                }
            }
            Effect::Validate { message, verdict } => self.validate(at, message, verdict),
            Effect::Ask { request, peer, question } => {
                self.ask(at, request, number_of(peer), &question.encode());
            }
            Effect::Announce(beacon) => {
                let namespace = beacon.namespace;
                if let Some(beacon) = self.attest(at, beacon) {
                    self.publish(at, namespace, &Gossip::Beacon(Box::new(beacon)).encode());
                }
            }
            Effect::Acknowledge { request, peer, ack } => {
                if let Some(ack) = self.attest(at, ack) {
                    self.ask(at, request, number_of(peer), &Request::Ack(ack).encode());
                }
            }
            Effect::Introduce { exchange, hello, pass } => {
                let hello = self.attest(at, hello);
                let stranger = Response::Refused(Refused::Stranger);
                let identity = hello.map_or(stranger, |hello| Response::Identity { hello, pass });
                self.respond(at, exchange, &identity);
            }
            Effect::Respond { exchange, response } => self.respond(at, exchange, &response),
            Effect::RespondWithOps { exchange, ops, total, .. } => {
                let page: Vec<OpBytes> = ops.iter().filter_map(|op| self.body(at, op)).collect();
                let ops = Bounded::truncated(page);
                self.respond(at, exchange, &Response::Ops { ops, total });
            }
            Effect::RespondJoined { exchange, op } => {
                if let Some(bytes) = self.body(at, &op) {
                    self.respond(at, exchange, &Response::Joined(bytes));
                }
            }
            Effect::Reply { command, outcome } => {
                self.keep(at, |node| drop(node.replies.insert(command, outcome)));
            }
            Effect::Notify(notice) => self.keep(at, |node| node.notices.push(notice)),
            Effect::Charge { peer, .. } => self.keep(at, |node| node.charged.push(peer)),
            Effect::Dial(_) | Effect::StopDialing(_) => {}
        }
    }

    fn keep(&mut self, at: usize, note: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(at) {
            note(node);
        }
    }

    /// Sends a question. Without a connection it fails; where it is lost, nothing comes back.
    pub(super) fn ask(&mut self, at: usize, request: RequestId, to: usize, bytes: &[u8]) {
        if self.is_linked(at, to) {
            self.traffic.entry((at, to)).or_default().questions += 1;
            let question = Parcel::Question { from: at, request, bytes: bytes.to_vec() };
            self.carry(at, to, &question);
        } else {
            self.fail(at, request);
        }
    }

    pub(super) fn fail(&mut self, at: usize, request: RequestId) {
        let failed = Input::RequestFailed { request };
        self.send(at, LOCAL_MS, Parcel::Input(Box::new(failed)));
    }

    fn attest<T: Statement>(&self, at: usize, statement: T) -> Option<Attested<T>> {
        let author = self.nodes.get(at)?.keys.get(&statement.member())?;
        Some(author.attest(statement))
    }

    fn body(&self, at: usize, stored: &Stored) -> Option<OpBytes> {
        self.nodes.get(at)?.body(stored)
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
            self.send(other, TOPIC_MS, Parcel::Input(Box::new(subscribed(at))));
            if both {
                self.send(at, TOPIC_MS, Parcel::Input(Box::new(subscribed(other))));
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
                self.send(other, TOPIC_MS, Parcel::Input(Box::new(gone)));
            }
        }
        self.meshes_changed();
    }

    fn meshes_changed(&mut self) {
        for at in 0..self.nodes.len() {
            self.send(at, TOPIC_MS, Parcel::Mesh);
        }
    }

    /// Sends bytes, whatever they are, to every connected node of a topic.
    pub fn publish(&mut self, at: usize, namespace: NamespaceId, bytes: &[u8]) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.seen.insert(*blake3::hash(bytes).as_bytes());
        }
        self.spread(at, None, namespace, bytes);
    }

    /// Sends bytes on a topic to one node alone.
    pub fn whisper(&mut self, at: usize, to: usize, namespace: NamespaceId, bytes: &[u8]) {
        let gossip = Parcel::Gossip { from: at, namespace, bytes: bytes.to_vec(), again: false };
        self.carry(at, to, &gossip);
    }

    fn spread(&mut self, at: usize, but: Option<usize>, namespace: NamespaceId, bytes: &[u8]) {
        for to in 0..self.nodes.len() {
            let topic = self.nodes.get(to).is_some_and(|node| node.topics.contains(&namespace));
            if topic && Some(to) != but && self.is_linked(at, to) {
                self.whisper(at, to, namespace, bytes);
            }
        }
    }

    /// A node has said what is to become of a message: what it accepts, it forwards.
    fn validate(&mut self, at: usize, message: MessageId, verdict: Forward) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some((from, namespace, bytes)) = node.messages.remove(&message) else { return };
        node.verdicts.push((from, verdict));
        if verdict == Forward::Accept {
            self.spread(at, Some(from), namespace, &bytes);
        }
    }

    fn respond(&mut self, at: usize, exchange: ExchangeId, response: &Response) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(asked) = node.exchanges.remove(&exchange) else { return };
        let (from, request, namespace) = (asked.from, asked.request, asked.namespace);
        let mut bytes = response.encode();
        if let Some(liar) = &mut node.liar {
            let asked = Asked { from, question: &asked.bytes, honest: bytes };
            let Some(said) = liar(asked) else { return };
            bytes = said;
        }
        if self.is_linked(at, from) {
            self.carry(at, from, &Parcel::Reply { from: at, request, namespace, bytes });
        }
    }
}

/// Number of the node with this transport key.
fn number_of(peer: PeerKey) -> usize {
    usize::from(peer.0.first().copied().unwrap_or(0))
}
