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
/// Pages of ops that one peer may ask for per second on average: twice what a node needs that takes
/// up 100,000 ops a second in pages of 512…
const PAGES_PER_SECOND: u64 = 400;
/// … and at once.
const PAGES_BURST: u64 = 1600;
/// Lists of ops that are made for one peer per second on average. Each costs a walk over the graph,
/// and then serves any number of pages…
const LISTS_PER_SECOND: u64 = 16;
/// … and at once.
const LISTS_BURST: u64 = 64;
/// Messages of the set reconciliation that one peer may send per second on average…
const RANGES_PER_SECOND: u64 = 5;
/// … and at once: two whole reconciliations.
const RANGES_BURST: u64 = 64;

/// Acks that one peer is sent per second on average: fewer than the requests that it serves…
const ACKS_PER_SECOND: u64 = 20;
/// … and at once.
const ACKS_BURST: u64 = 40;
/// Ops of newer rules that are kept on the word of one peer per second on average…
const NEWER_PER_SECOND: u64 = 1;
/// … and at once: an eighth of what is kept.
const NEWER_BURST: u64 = 32;
/// Challenges that one peer gets per second on average…
const CHALLENGES_PER_SECOND: u64 = 1;
/// … and at once: one for each namespace that it has in common with this node.
const CHALLENGES_BURST: u64 = 32;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Kind {
    /// Ops that came by gossip.
    Ops,
    /// Requests, but for pages of ops.
    Requests,
    /// Acks to it.
    Acks,
    /// Messages of the set reconciliation, which cost more than others.
    Ranges,
    /// Challenges to it: each time that it comes to a namespace, it causes one.
    Challenges,
    /// Pages of ops that it asks for, which are no [`Kind::Requests`].
    Pages,
    /// Lists of ops that have to be made for its pages.
    Lists,
    /// Ops of newer rules that came by gossip.
    Newer,
}

impl Kind {
    const fn rate(self) -> (u64, u64) {
        match self {
            Self::Ops => (OPS_PER_SECOND, OPS_BURST),
            Self::Requests => (REQUESTS_PER_SECOND, REQUESTS_BURST),
            Self::Acks => (ACKS_PER_SECOND, ACKS_BURST),
            Self::Ranges => (RANGES_PER_SECOND, RANGES_BURST),
            Self::Challenges => (CHALLENGES_PER_SECOND, CHALLENGES_BURST),
            Self::Pages => (PAGES_PER_SECOND, PAGES_BURST),
            Self::Lists => (LISTS_PER_SECOND, LISTS_BURST),
            Self::Newer => (NEWER_PER_SECOND, NEWER_BURST),
        }
    }

    /// What is in a bucket after some time; `None` when it is full.
    fn refilled(self, left: u64, since: MonoMillis, now: MonoMillis) -> Option<u64> {
        let (per_second, burst) = self.rate();
        // One token per second is one thousandth per millisecond.
        let left = now.since(since).saturating_mul(per_second).saturating_add(left);
        (left < burst * 1000).then_some(left)
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
        let (_, burst) = kind.rate();
        let full = burst * 1000;
        let bucket = self.buckets.get(&(peer, kind));
        let left = bucket.and_then(|(left, since)| kind.refilled(*left, *since, now));
        let left = left.unwrap_or(full);
        let taken = left.checked_sub(1000);
        self.buckets.insert((peer, kind), (taken.unwrap_or(left), now));
        taken.is_some()
    }

    /// Forgets every bucket that is full again, whether its peer is connected or not: a full one is
    /// as good as none. So nobody fills its bucket by coming anew.
    pub fn forget_full(&mut self, now: MonoMillis) {
        self.buckets.retain(|(_, kind), (left, since)| kind.refilled(*left, *since, now).is_some());
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

    #[test]
    fn net_3_a_bucket_is_kept_until_it_would_be_full_again() {
        let peer = PeerKey([1; 32]);
        for (at, kept) in [(0, true), (19, true), (20, false), (21, false)] {
            let mut budgets = Budgets::default();
            budgets.take(peer, Kind::Requests, MonoMillis(0));
            budgets.forget_full(MonoMillis(at));
            assert_eq!(budgets != Budgets::default(), kept, "{at}");
        }
    }
}
