//! Addresses of this node and of connected peers, for people to read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use folkmoot_core::id::PeerKey;

use crate::net::NetEvent;
use crate::ports::locked;

/// The address book. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Book(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    own: BTreeSet<String>,
    peers: BTreeMap<PeerKey, String>,
}

impl Book {
    /// Where this node can be reached, each complete with `/p2p/<peer>`.
    pub fn own(&self) -> Vec<String> {
        locked(&self.0).own.iter().cloned().collect()
    }

    /// The connected peers, and the address of each one's first connection.
    pub fn peers(&self) -> Vec<(PeerKey, Vec<String>)> {
        let book = locked(&self.0);
        book.peers.iter().map(|(peer, address)| (*peer, vec![address.clone()])).collect()
    }

    pub(super) fn note(&self, event: &NetEvent) {
        match event {
            NetEvent::Listening { address } => {
                locked(&self.0).own.insert(address.clone());
            }
            NetEvent::PeerConnected { peer, address } => {
                locked(&self.0).peers.insert(*peer, address.clone());
            }
            NetEvent::PeerDisconnected { peer } => {
                locked(&self.0).peers.remove(peer);
            }
            NetEvent::PeerSubscribed { .. }
            | NetEvent::PeerUnsubscribed { .. }
            | NetEvent::Mesh { .. }
            | NetEvent::Gossip { .. }
            | NetEvent::RequestReceived { .. }
            | NetEvent::ResponseReceived { .. }
            | NetEvent::RequestFailed { .. }
            | NetEvent::DialFailed { .. } => {}
        }
    }
}
