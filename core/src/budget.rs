//! What one peer may ask of this node (NET-3): over budget is "not now", never "invalid".

use crate::id::PeerKey;
use crate::time::MonoMillis;
use alloc::collections::BTreeMap;
use borsh::{BorshDeserialize, BorshSerialize};

/// Published ops that one peer may forward: this many per second on average…
const OPS_PER_SECOND: u64 = 1000;
/// … and this many at once.
const OPS_BURST: u64 = 4000;
/// Requests that one peer may make per second on average…
const REQUESTS_PER_SECOND: u64 = 50;
/// … and at once.
const REQUESTS_BURST: u64 = 200;

/// Acks that one peer is sent per second on average: fewer than the requests that it serves…
const ACKS_PER_SECOND: u64 = 20;
/// … and at once.
const ACKS_BURST: u64 = 40;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Kind {
    /// Ops that came by gossip.
    Ops,
    /// Requests.
    Requests,
    /// Acks to it.
    Acks,
}

impl Kind {
    const fn rate(self) -> (u64, u64) {
        match self {
            Self::Ops => (OPS_PER_SECOND, OPS_BURST),
            Self::Requests => (REQUESTS_PER_SECOND, REQUESTS_BURST),
            Self::Acks => (ACKS_PER_SECOND, ACKS_BURST),
        }
    }
}

/// Token buckets, in thousandths of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Budgets {
    buckets: BTreeMap<(PeerKey, Kind), (u64, MonoMillis)>,
}

impl Budgets {
    /// Takes one of what a peer may do; false where it has to wait.
    pub fn take(&mut self, peer: PeerKey, kind: Kind, now: MonoMillis) -> bool {
        let (per_second, burst) = kind.rate();
        let full = burst * 1000;
        let (left, since) = self.buckets.get(&(peer, kind)).copied().unwrap_or((full, now));
        // One token per second is one thousandth per millisecond.
        let left = now.since(since).saturating_mul(per_second).saturating_add(left).min(full);
        let taken = left.checked_sub(1000);
        self.buckets.insert((peer, kind), (taken.unwrap_or(left), now));
        taken.is_some()
    }

    /// Forgets a peer that is gone.
    pub fn forget(&mut self, peer: PeerKey) {
        for kind in [Kind::Ops, Kind::Requests, Kind::Acks] {
            self.buckets.remove(&(peer, kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_3_a_peer_gets_its_burst_and_then_its_rate() {
        let mut budgets = Budgets::default();
        let (peer, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
        let take = |budgets: &mut Budgets, ms| {
            (0..10_000).take_while(|_| budgets.take(peer, Kind::Requests, MonoMillis(ms))).count()
        };
        assert_eq!(take(&mut budgets, 0), 200);
        assert_eq!(take(&mut budgets, 19), 0);
        assert_eq!(take(&mut budgets, 20), 1);
        assert_eq!(take(&mut budgets, 1_000_000), 200);
        assert!(budgets.take(other, Kind::Requests, MonoMillis(0)));
    }
}
