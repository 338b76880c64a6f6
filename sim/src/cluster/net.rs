//! The network between the nodes: who is connected, who takes part in what, and what becomes of
//! what is sent. It keeps the promises of the real one (`folkmoot_effects::net`).

use super::inbox::Held;
use super::letter::Letter;
use super::link::Wire;
use super::node::{Node, Process, Question};
use super::queue::Item;
use super::{ALL_CONNECTED_MAX, Cluster, Parcel};
use folkmoot_effects::net::{ExchangeId, MessageId, NetEvent, PeerKey, RequestFailure, Topic};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How long it takes until both ends know of each other's topics, in milliseconds.
pub(super) const TOPIC_MS: u64 = 5;
/// A question ends after this time, in milliseconds.
const ASK_MS: u64 = 30_000;
/// How many peers a node picks to send the messages of a topic to.
const MESH_PICKS: usize = 8;

impl Cluster {
    pub(super) fn process(&self, at: usize) -> Option<&Process> {
        self.nodes.get(at)?.process.as_ref()
    }

    pub(super) fn process_mut(&mut self, at: usize) -> Option<&mut Process> {
        self.nodes.get_mut(at)?.process.as_mut()
    }

    /// Whether two nodes are connected, and know it.
    pub fn is_linked(&self, a: usize, b: usize) -> bool {
        self.process(a).is_some_and(|process| process.peers.contains(&b))
    }

    /// Whether two nodes would be connected if nothing were wrong.
    fn are_near(&self, a: usize, b: usize) -> bool {
        let (count, apart) = (self.nodes.len(), a.abs_diff(b));
        let is_power = |apart: usize| apart.is_power_of_two();
        let is_near =
            count <= ALL_CONNECTED_MAX || is_power(apart) || is_power(count.saturating_sub(apart));
        a != b && is_near
    }

    fn may_link(&self, a: usize, b: usize) -> bool {
        let is_up = |from, to| self.wires.get(from, to).is_some_and(Wire::is_up);
        let takes = |at, other| self.process(at).is_some_and(|it| !it.blocked.contains(&other));
        self.are_near(a, b) && is_up(a, b) && is_up(b, a) && takes(a, b) && takes(b, a)
    }

    /// Connects two nodes, where their links allow it and neither refuses the other.
    pub fn connect(&mut self, a: usize, b: usize) {
        if !self.may_link(a, b) || self.is_linked(a, b) {
            return;
        }
        let common = self.common(a, b);
        for (at, other) in [(a, b), (b, a)] {
            if let Some(process) = self.process_mut(at) {
                process.peers.insert(other);
            }
            let (peer, address) = (self.key_of(other), format!("/memory/{other}"));
            self.tell(at, 0, NetEvent::PeerConnected { peer, address });
            for topic in &common {
                self.tell_part(at, 0, NetEvent::PeerSubscribed { peer, topic: *topic });
            }
        }
        self.meshes_changed(common);
    }

    /// Ends the connection of two nodes; both hear of it.
    pub(super) fn disconnect(&mut self, a: usize, b: usize) {
        let common = self.common(a, b);
        for (at, other) in [(a, b), (b, a)] {
            self.lose(at, other, &common);
        }
        self.meshes_changed(common);
    }

    /// A node learns that another one is gone (NET-4).
    pub(super) fn lose(&mut self, at: usize, other: usize, common: &BTreeSet<Topic>) {
        let peer = self.key_of(other);
        let Some(process) = self.process_mut(at) else { return };
        if !process.peers.remove(&other) {
            return;
        }
        let believed = process.table.as_mut().map(|table| table.remove(&other).unwrap_or_default());
        let own = &process.topics;
        let believed = believed.map(|topics| topics.intersection(own).copied().collect());
        let asked = process.asking.iter().filter(|(_, whom)| **whom == other);
        let failed: Vec<ExchangeId> = asked.map(|(exchange, _)| *exchange).collect();
        for topic in believed.as_ref().unwrap_or(common) {
            self.tell(at, 0, NetEvent::PeerUnsubscribed { peer, topic: *topic });
        }
        self.tell(at, 0, NetEvent::PeerDisconnected { peer });
        for exchange in failed {
            self.fail(at, exchange, other, RequestFailure::ConnectionClosed);
        }
    }

    /// The topics in which both take part.
    pub(super) fn common(&self, a: usize, b: usize) -> BTreeSet<Topic> {
        let topics = |at| self.process(at).map(|it| it.topics.clone()).unwrap_or_default();
        topics(a).intersection(&topics(b)).copied().collect()
    }

    /// Tells a node what happened, after so many milliseconds.
    pub(super) fn tell(&mut self, at: usize, after: u64, event: NetEvent) {
        self.send(at, after, Parcel::Event(event));
    }

    /// Ends a question of a node without an answer, once.
    pub(super) fn fail(&mut self, at: usize, exchange: ExchangeId, to: usize, why: RequestFailure) {
        let peer = self.key_of(to);
        let Some(process) = self.process_mut(at) else { return };
        if process.asking.remove(&exchange).is_some() {
            self.tell(at, 1, NetEvent::RequestFailed { exchange, peer, why });
        }
    }

    pub(super) fn subscribe(&mut self, at: usize, topic: Topic) {
        let Some(process) = self.process_mut(at) else { return };
        process.topics.insert(topic);
        process.mesh.insert(topic, (Vec::new(), 0));
        let peers = process.peers.clone();
        for other in peers {
            let subscribed = |peer| NetEvent::PeerSubscribed { peer, topic };
            if self.takes_part(other, topic) {
                self.tell_part(other, TOPIC_MS, subscribed(self.key_of(at)));
            }
            // A table that is stale is all that it goes by, and is not told of again.
            if self.believes(at, other, topic) {
                self.tell(at, TOPIC_MS, subscribed(self.key_of(other)));
            }
        }
        self.meshes_changed([topic]);
    }

    pub(super) fn unsubscribe(&mut self, at: usize, topic: Topic) {
        let Some(process) = self.process_mut(at) else { return };
        process.topics.remove(&topic);
        process.mesh.remove(&topic);
        let peers = process.peers.clone();
        for other in peers {
            if self.takes_part(other, topic) {
                let gone = NetEvent::PeerUnsubscribed { peer: self.key_of(at), topic };
                self.tell_part(other, TOPIC_MS, gone);
            }
        }
        self.meshes_changed([topic]);
    }

    pub(super) fn takes_part(&self, at: usize, topic: Topic) -> bool {
        self.process(at).is_some_and(|process| process.topics.contains(&topic))
    }

    /// The meshes of these topics are made anew, soon.
    pub(super) fn meshes_changed(&mut self, topics: impl IntoIterator<Item = Topic>) {
        let was_pending = !self.unmeshed.is_empty();
        self.unmeshed.extend(topics);
        if !was_pending && !self.unmeshed.is_empty() {
            self.sequence += 1;
            let item = Item { to: 0, run: 0, parcel: Parcel::Mesh };
            self.queue.push(self.now + TOPIC_MS, item);
        }
    }

    /// Every node picks a few of the peers of a topic; what one picks, the other has too.
    pub(super) fn remesh(&mut self) {
        for topic in std::mem::take(&mut self.unmeshed) {
            let mut mesh: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            let nodes: Vec<usize> =
                (0..self.nodes.len()).filter(|at| self.takes_part(*at, topic)).collect();
            for at in &nodes {
                for other in self.picks(*at, topic) {
                    mesh.entry(*at).or_default().insert(other);
                    mesh.entry(other).or_default().insert(*at);
                }
            }
            for at in nodes {
                let mut peers: Vec<usize> =
                    mesh.remove(&at).unwrap_or_default().into_iter().collect();
                peers.retain(|other| !self.pruned.contains(&(at, *other)));
                let count = peers.len() as u64;
                let Some(process) = self.process_mut(at) else { continue };
                let before = process.mesh.insert(topic, (peers, count));
                if before.is_none_or(|(_, known)| known != count) {
                    self.tell(at, 0, NetEvent::Mesh { topic, peers: count });
                }
            }
        }
    }

    fn picks(&self, at: usize, topic: Topic) -> Vec<usize> {
        let Some(process) = self.process(at) else { return Vec::new() };
        let takes_part = |other: &usize| self.believes(at, *other, topic);
        let mut peers: Vec<usize> = process.peers.iter().copied().filter(takes_part).collect();
        if peers.len() > MESH_PICKS {
            peers.sort_by_cached_key(|other| (mixed(at, *other), *other));
            peers.truncate(MESH_PICKS);
        }
        peers
    }

    /// A node publishes: to every peer of the topic, as the real one does with its own messages.
    pub(super) fn flood(&mut self, at: usize, topic: Topic, bytes: &[u8]) {
        let letter = self.letters.of(self.now, topic, bytes);
        let Some(process) = self.process(at) else { return };
        let peers = process.peers.clone();
        if !letter.comes(self.now, at, self.run_of(at)) {
            return;
        }
        for to in peers {
            if self.believes(at, to, topic) {
                self.post(at, to, &letter);
            }
        }
    }

    /// A node has accepted a message: it goes on to the peers of its mesh.
    pub(super) fn forward(&mut self, at: usize, held: &Held) {
        let Some(process) = self.process(at) else { return };
        let peers = process.mesh.get(&held.letter.topic).map(|(peers, _)| peers.clone());
        for to in peers.unwrap_or_default() {
            if to != held.from {
                self.post(at, to, &held.letter);
            }
        }
    }

    /// Sends a message of a topic to one node.
    pub(super) fn post(&mut self, from: usize, to: usize, letter: &Rc<Letter>) {
        let cuts = self.cuts(from, to);
        let letter = Rc::clone(letter);
        self.carry(from, to, Parcel::Gossip { from, cuts, letter, again: false });
    }

    /// Sends a question. Without a connection it fails; where it is lost, it ends by its deadline.
    pub(super) fn ask(&mut self, at: usize, exchange: ExchangeId, peer: PeerKey, bytes: &[u8]) {
        let to = Self::number_of(peer);
        let (run, cuts) = (self.run_of(at), self.cuts(at, to));
        let is_linked = self.is_linked(at, to);
        let Some(process) = self.process_mut(at) else { return };
        process.asking.insert(exchange, to);
        if !is_linked {
            return self.fail(at, exchange, to, RequestFailure::NotConnected);
        }
        self.wires.change(at, to, |wire| wire.traffic.questions += 1);
        self.send(at, ASK_MS, Parcel::Expiry { exchange, to });
        let bytes = bytes.to_vec();
        self.carry(at, to, Parcel::Question { from: at, run, cuts, exchange, bytes });
    }

    /// Sends an answer, or nothing where the question was not understood.
    pub(super) fn respond(&mut self, at: usize, exchange: ExchangeId, bytes: Option<Vec<u8>>) {
        let Some(asked) = self.process_mut(at).and_then(|it| it.exchanges.remove(&exchange)) else {
            return;
        };
        let Question { from, run, exchange, .. } = asked;
        if self.run_of(from) == run && self.is_linked(at, from) {
            let cuts = self.cuts(at, from);
            self.carry(at, from, Parcel::Answer { from: at, cuts, exchange, bytes });
        }
    }

    /// Whether something that was sent over a wire is lost, because that was cut meanwhile.
    pub(super) fn is_cut(&self, from: usize, to: usize, cuts: u64) -> bool {
        self.cuts(from, to) != cuts
    }

    fn cuts(&self, from: usize, to: usize) -> u64 {
        self.wires.get(from, to).map_or(0, |wire| wire.cuts)
    }

    pub(super) fn run_of(&self, at: usize) -> u64 {
        self.nodes.get(at).map_or(0, |node: &Node| node.run)
    }
}

/// Names a message for the node that receives it.
pub(super) fn message(sequence: u64) -> MessageId {
    MessageId(sequence)
}

/// A number that says which peers a node likes, the same both ways.
fn mixed(a: usize, b: usize) -> u64 {
    let pair = ((a.min(b) as u64) << 32) | a.max(b) as u64;
    crate::world::Prng::new(pair).next_u64()
}
