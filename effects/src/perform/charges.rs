//! What peers provably did wrong (NET-2).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use folkmoot_core::id::PeerKey;

use crate::net::NetCommand;
use crate::ports::{Net, locked};

/// A peer with as many charges is refused until the node restarts or the peer is unblocked.
pub const CHARGES_MAX: u32 = 16;

/// Peers whose charges are remembered.
const PEERS_MAX: usize = 1_024;

/// The charges against each peer. Clones share them.
///
/// Only breaches of A1 to A4 and messages that do not decode count: an honest node, which checks
/// before it stores and sends what it stored, cannot commit one.
#[derive(Clone, Debug, Default)]
pub struct Charges(Arc<Mutex<BTreeMap<PeerKey, u32>>>);

impl Charges {
    /// Notes a charge; the last one that is allowed blocks the peer.
    pub fn charge(&self, peer: PeerKey, why: &dyn fmt::Display, net: &dyn Net) {
        let count = self.count_one(peer);
        tracing::debug!(%peer, %why, count, "peer charged");
        if !count.is_multiple_of(CHARGES_MAX) {
            return;
        }
        tracing::warn!(%peer, %why, count, "peer refused from now on: it keeps sending bad data");
        if let Err(gone) = net.send(NetCommand::Block { peer }) {
            tracing::debug!(%gone, "peer not refused");
        }
    }

    /// Forgets what a peer did.
    pub fn forgive(&self, peer: PeerKey) {
        locked(&self.0).remove(&peer);
    }

    /// The peers that are charged with something.
    pub fn peers(&self) -> Vec<PeerKey> {
        locked(&self.0).keys().copied().collect()
    }

    fn count_one(&self, peer: PeerKey) -> u32 {
        let mut charges = locked(&self.0);
        if charges.len() >= PEERS_MAX && !charges.contains_key(&peer) {
            let mildest = charges.iter().min_by_key(|(_, count)| **count).map(|(peer, _)| *peer);
            mildest.map(|peer| charges.remove(&peer));
        }
        let count = charges.entry(peer).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::memory::MemoryNet;

    #[test]
    fn a_peer_is_blocked_by_its_last_charge_and_can_be_forgiven() {
        let (charges, net) = (Charges::default(), MemoryNet::default());
        let peer = PeerKey([1; 32]);
        for _ in 1..CHARGES_MAX {
            charges.charge(peer, &"bad", &net);
        }
        charges.charge(PeerKey([2; 32]), &"bad", &net);
        assert_eq!(net.take(), []);
        charges.charge(peer, &"bad", &net);
        assert_eq!(net.take(), [NetCommand::Block { peer }]);
        assert_eq!(charges.peers(), [peer, PeerKey([2; 32])]);
        charges.forgive(peer);
        charges.charge(peer, &"bad", &net);
        assert_eq!(net.take(), []);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_worst() {
        let (charges, net) = (Charges::default(), MemoryNet::default());
        let worst = PeerKey([0; 32]);
        charges.charge(worst, &"bad", &net);
        charges.charge(worst, &"bad", &net);
        for number in 0..2 * PEERS_MAX as u64 {
            let mut key = [1; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            charges.charge(PeerKey(key), &"bad", &net);
        }
        let table = locked(&charges.0);
        assert_eq!((table.len(), table.get(&worst)), (PEERS_MAX, Some(&2)));
    }
}
