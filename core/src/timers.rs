//! Keyed deadlines. Time only passes when an input brings it.

use crate::id::{NamespaceId, PeerKey};
use crate::input::RequestId;
use crate::time::MonoMillis;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Timer {
    /// A request to a peer or the signer has taken too long.
    Request(RequestId),
    /// Heads are compared with some peer of the namespace.
    Compare(NamespaceId),
    /// An exchange with a peer is begun again, after it failed.
    Retry(NamespaceId, PeerKey),
    /// A peer that did not prove who it is is challenged again.
    Challenge(NamespaceId, PeerKey),
    /// A page, or what a peer promised, has taken too long.
    Page(NamespaceId, PeerKey),
    /// What is missing is asked for again.
    Missing(NamespaceId),
    /// The next beacon is sent.
    Beacon(NamespaceId),
    /// A probe is answered.
    ProbeAnswer(NamespaceId),
    /// Readiness may have changed by the passing of time.
    Readiness(NamespaceId),
    /// Deliveries have taken too long.
    Delivery(NamespaceId),
    /// Own ops that nobody else is known to have are published again.
    Outbox(NamespaceId),
    /// Ops that waited too long for parents are dropped.
    Pending(NamespaceId),
    /// The join has taken too long.
    Join(NamespaceId),
    /// An attempt of a join ends, or the next begins.
    JoinAttempt(NamespaceId),
    /// A join looks for members again, or whether others know of it.
    JoinPulse(NamespaceId),
    /// Time to anchor what is not final yet.
    Anchor(NamespaceId),
}

impl Timer {
    /// The namespace that it belongs to, if it does to one.
    pub const fn namespace(&self) -> Option<NamespaceId> {
        match self {
            Self::Request(_) => None,
            Self::Compare(namespace)
            | Self::Retry(namespace, _)
            | Self::Challenge(namespace, _)
            | Self::Page(namespace, _)
            | Self::Missing(namespace)
            | Self::Beacon(namespace)
            | Self::ProbeAnswer(namespace)
            | Self::Readiness(namespace)
            | Self::Delivery(namespace)
            | Self::Outbox(namespace)
            | Self::Pending(namespace)
            | Self::Join(namespace)
            | Self::JoinAttempt(namespace)
            | Self::JoinPulse(namespace)
            | Self::Anchor(namespace) => Some(*namespace),
        }
    }
}

/// Deadlines by key; setting one again replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Timers {
    by_key: BTreeMap<Timer, MonoMillis>,
    by_time: BTreeSet<(MonoMillis, Timer)>,
}

impl Timers {
    /// Sets or replaces a deadline.
    pub fn set(&mut self, timer: Timer, at: MonoMillis) {
        let before = self.by_key.insert(timer, at);
        if before == Some(at) {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, timer));
        }
        self.by_time.insert((at, timer));
    }

    /// Sets a deadline unless there is an earlier one.
    pub fn set_if_earlier(&mut self, timer: Timer, at: MonoMillis) {
        if self.by_key.get(&timer).is_none_or(|set| at < *set) {
            self.set(timer, at);
        }
    }

    /// Removes a deadline, if there is one.
    pub fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.by_key.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Removes every deadline of a namespace.
    pub fn cancel_all(&mut self, namespace: NamespaceId) {
        let of_namespace = |timer: &&Timer| timer.namespace() == Some(namespace);
        let timers: Vec<Timer> = self.by_key.keys().filter(of_namespace).copied().collect();
        for timer in timers {
            self.cancel(timer);
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<MonoMillis> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The deadlines, the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (MonoMillis, Timer)> {
        self.by_time.iter().copied()
    }

    /// Takes one deadline that has come.
    pub fn pop_due(&mut self, now: MonoMillis) -> Option<Timer> {
        let (at, timer) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const FIRST: Timer = Timer::Request(RequestId(1));
    const SECOND: Timer = Timer::Compare(NamespaceId([2; 32]));

    #[test]
    fn a_deadline_comes_at_its_millisecond_and_once() {
        let mut timers = Timers::default();
        timers.set(FIRST, MonoMillis(10));
        timers.set(FIRST, MonoMillis(20));
        assert_eq!(timers.pop_due(MonoMillis(19)), None);
        assert_eq!(timers.pop_due(MonoMillis(20)), Some(FIRST));
        assert_eq!(timers.pop_due(MonoMillis(99)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn only_an_earlier_deadline_replaces_where_that_is_asked() {
        let mut timers = Timers::default();
        for (at, next) in [(20, 20), (30, 20), (10, 10)] {
            timers.set_if_earlier(FIRST, MonoMillis(at));
            assert_eq!(timers.next(), Some(MonoMillis(next)));
        }
        timers.cancel(FIRST);
        timers.cancel(FIRST);
        assert_eq!(timers, Timers::default());
    }

    #[test]
    fn what_is_due_together_comes_in_an_order_that_is_the_same_everywhere() {
        let mut timers = Timers::default();
        timers.set(SECOND, MonoMillis(5));
        timers.set(FIRST, MonoMillis(5));
        timers.set(Timer::Join(NamespaceId([0; 32])), MonoMillis(4));
        let due: [_; 4] = core::array::from_fn(|_| timers.pop_due(MonoMillis(5)));
        assert_eq!(due, [Some(Timer::Join(NamespaceId([0; 32]))), Some(FIRST), Some(SECOND), None]);
    }

    proptest! {
        #[test]
        fn timers_are_a_map_from_keys_to_deadlines(
            acts in vec((0_u8..4, 0_u64..6, 0_u64..50), 1..60),
        ) {
            let mut timers = Timers::default();
            let mut model: BTreeMap<Timer, MonoMillis> = BTreeMap::new();
            for (kind, request, at) in acts {
                let (timer, at) = (Timer::Request(RequestId(request)), MonoMillis(at));
                match kind {
                    0 => {
                        timers.set(timer, at);
                        model.insert(timer, at);
                    }
                    1 => {
                        timers.set_if_earlier(timer, at);
                        let set = model.entry(timer).or_insert(at);
                        *set = at.min(*set);
                    }
                    2 => {
                        timers.cancel(timer);
                        model.remove(&timer);
                    }
                    _ => {
                        let earliest = model.iter().map(|(timer, at)| (*at, *timer)).min();
                        let due = earliest.filter(|(due, _)| *due <= at).map(|(_, timer)| timer);
                        due.map(|timer| model.remove(&timer));
                        prop_assert_eq!(timers.pop_due(at), due);
                    }
                }
                prop_assert_eq!(timers.next(), model.values().min().copied());
                prop_assert_eq!(&timers.by_key, &model);
                prop_assert_eq!(timers.by_time.len(), model.len());
            }
        }
    }
}
