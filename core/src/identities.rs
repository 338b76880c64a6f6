//! Who stands behind a connection: peers that proved as which member they take part.

use crate::governance::invitation::JoinRequest;
use crate::id::{MemberId, PeerKey};
use alloc::collections::BTreeMap;
use borsh::{BorshDeserialize, BorshSerialize};

/// Peers of one namespace that proved who they are. As bounded as connections are.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identities {
    by_peer: BTreeMap<PeerKey, Identity>,
}

/// What a peer proved.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identity {
    /// As whom it takes part.
    pub member: MemberId,
    /// The invitation that it wants to use, of one that was no member when it showed it.
    pub pass: Option<JoinRequest>,
}

impl Identities {
    /// Notes what a peer proved; the last proof counts.
    pub fn insert(&mut self, peer: PeerKey, identity: Identity) {
        self.by_peer.insert(peer, identity);
    }

    /// Forgets a peer that is gone.
    pub fn remove(&mut self, peer: &PeerKey) {
        self.by_peer.remove(peer);
    }

    /// What a peer proved.
    pub fn get(&self, peer: &PeerKey) -> Option<&Identity> {
        self.by_peer.get(peer)
    }

    /// The member behind a peer.
    pub fn member(&self, peer: &PeerKey) -> Option<MemberId> {
        self.by_peer.get(peer).map(|identity| identity.member)
    }

    /// The connected peers behind which a member stands.
    pub fn peers_of(&self, member: MemberId) -> impl Iterator<Item = PeerKey> {
        let proved = self.by_peer.iter().filter(move |(_, identity)| identity.member == member);
        proved.map(|(peer, _)| *peer)
    }

    /// Every peer that proved something, with its proof.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerKey, &Identity)> {
        self.by_peer.iter()
    }
}
