//! Who stands behind a connection: peers that proved as which member they take part.

use crate::governance::invitation::JoinRequest;
use crate::id::{MemberId, PeerKey};
use crate::limits::{CHALLENGE_MS, CHALLENGE_MS_MAX};
use crate::time::MonoMillis;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use borsh::{BorshDeserialize, BorshSerialize};

/// Peers of one namespace that proved who they are. As bounded as connections are.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identities {
    by_peer: BTreeMap<PeerKey, Identity>,
    challenged: BTreeMap<PeerKey, Challenged>,
}

/// What a peer proved.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identity {
    /// As whom it takes part.
    pub member: MemberId,
    /// The invitation that it wants to use, of one that was no member when it showed it.
    pub pass: Option<Box<JoinRequest>>,
    /// How long it took to answer, in milliseconds.
    pub round_trip_ms: u64,
}

/// A peer that was challenged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Challenged {
    at: MonoMillis,
    /// How often it has failed since it came.
    failures: u32,
}

impl Identities {
    /// A peer is being challenged.
    pub fn challenge(&mut self, peer: PeerKey, now: MonoMillis) {
        self.challenged.entry(peer).or_default().at = now;
    }

    /// How long a peer has taken since it was challenged, in milliseconds.
    pub fn waited_ms(&self, peer: &PeerKey, now: MonoMillis) -> u64 {
        self.challenged.get(peer).map_or(0, |challenged| now.since(challenged.at))
    }

    /// A peer proved nothing: how long to wait before it is challenged again, in milliseconds.
    pub fn fail(&mut self, peer: PeerKey) -> u64 {
        let challenged = self.challenged.entry(peer).or_default();
        let times = 1_u64.checked_shl(challenged.failures).unwrap_or(u64::MAX);
        challenged.failures = challenged.failures.saturating_add(1);
        CHALLENGE_MS.saturating_mul(times).min(CHALLENGE_MS_MAX)
    }

    /// Notes what a peer proved; the last proof counts.
    pub fn insert(&mut self, peer: PeerKey, identity: Identity) {
        self.challenged.remove(&peer);
        self.by_peer.insert(peer, identity);
    }

    /// Forgets a peer that is gone.
    pub fn remove(&mut self, peer: &PeerKey) {
        self.by_peer.remove(peer);
        self.challenged.remove(peer);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_proves_nothing_is_challenged_after_twice_the_time_each_time() {
        let (mut identities, peer) = (Identities::default(), PeerKey([1; 32]));
        let waits: [u64; 9] = core::array::from_fn(|_| identities.fail(peer));
        assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000, 64_000]);
        (0..100).for_each(|_| assert_eq!(identities.fail(peer), 64_000));
        identities.remove(&peer);
        assert_eq!(identities.fail(peer), 1000);
    }
}
