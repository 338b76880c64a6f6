//! What a node believes of who takes part in what, and meshes that are not the same both ways.

use super::{Cluster, Parcel};
use folkmoot_effects::net::{NetEvent, Topic};
use std::collections::{BTreeMap, BTreeSet};

/// Who takes part in what, as a node has it: a table that no word of its peers changes any more.
pub(super) type Table = BTreeMap<usize, BTreeSet<Topic>>;

impl Cluster {
    /// For so many milliseconds a node learns nothing of what its peers subscribe to.
    pub fn stale(&mut self, at: usize, ms: u64) {
        let Some(process) = self.process(at).filter(|process| process.table.is_none()) else {
            return;
        };
        let topics = |peer: &usize| self.process(*peer).map(|it| it.topics.clone());
        let peers = process.peers.iter();
        let table = peers.filter_map(|peer| Some((*peer, topics(peer)?))).collect();
        if let Some(process) = self.process_mut(at) {
            process.table = Some(table);
        }
        self.send(at, ms, Parcel::Refresh);
    }

    /// A node learns all that it missed.
    pub fn refresh(&mut self, at: usize) {
        let Some(process) = self.process_mut(at) else { return };
        let Some(table) = process.table.take() else { return };
        let (peers, own) = (process.peers.clone(), process.topics.clone());
        for other in peers {
            let peer = self.key_of(other);
            for topic in own.iter().copied() {
                let knew = table.get(&other).is_some_and(|topics| topics.contains(&topic));
                match (knew, self.takes_part(other, topic)) {
                    (false, true) => self.tell(at, 0, NetEvent::PeerSubscribed { peer, topic }),
                    (true, false) => self.tell(at, 0, NetEvent::PeerUnsubscribed { peer, topic }),
                    (true, true) | (false, false) => {}
                }
            }
        }
        self.meshes_changed(own);
    }

    /// Whether a node believes that another one takes part in a topic.
    pub(super) fn believes(&self, at: usize, other: usize, topic: Topic) -> bool {
        match self.process(at).and_then(|process| process.table.as_ref()) {
            Some(table) => table.get(&other).is_some_and(|topics| topics.contains(&topic)),
            None => self.takes_part(other, topic),
        }
    }

    /// Tells a node what a peer takes part in, unless it does not listen.
    pub(super) fn tell_part(&mut self, at: usize, after: u64, event: NetEvent) {
        if self.process(at).is_some_and(|process| process.table.is_none()) {
            self.tell(at, after, event);
        }
    }

    /// One node no longer forwards to another one, which goes on forwarding to it.
    pub fn prune(&mut self, from: usize, to: usize) {
        self.pruned.insert((from, to));
        self.mesh_again(from);
    }

    /// Both forward to each other again.
    pub fn graft(&mut self, a: usize, b: usize) {
        for pair in [(a, b), (b, a)] {
            if self.pruned.remove(&pair) {
                self.mesh_again(pair.0);
            }
        }
    }

    fn mesh_again(&mut self, at: usize) {
        let topics = self.process(at).map(|process| process.topics.clone()).unwrap_or_default();
        self.meshes_changed(topics);
    }
}
