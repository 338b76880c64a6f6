//! Keyed deadlines. Time only passes when an input brings it.

use crate::id::NamespaceId;
use crate::input::RequestId;
use crate::time::MonoMillis;
use alloc::collections::{BTreeMap, BTreeSet};
use borsh::{BorshDeserialize, BorshSerialize};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Timer {
    /// A request to a peer or the signer has taken too long.
    Request(RequestId),
    /// Heads are compared with some peer of the namespace.
    Compare(NamespaceId),
    /// Ops that waited too long for parents are dropped.
    Pending(NamespaceId),
    /// The join has taken too long.
    Join(NamespaceId),
    /// Members that declined to admit us are asked again.
    Rejoin(NamespaceId),
    /// Time to anchor what is not final yet.
    Anchor(NamespaceId),
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
        self.cancel(timer);
        self.by_key.insert(timer, at);
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

    /// The earliest deadline.
    pub fn next(&self) -> Option<MonoMillis> {
        self.by_time.first().map(|(at, _)| *at)
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
    use super::*;

    #[test]
    fn a_deadline_comes_at_its_millisecond_and_once() {
        let mut timers = Timers::default();
        let timer = Timer::Request(RequestId(1));
        timers.set(timer, MonoMillis(10));
        timers.set(timer, MonoMillis(20));
        assert_eq!(timers.pop_due(MonoMillis(19)), None);
        assert_eq!(timers.pop_due(MonoMillis(20)), Some(timer));
        assert_eq!(timers.pop_due(MonoMillis(99)), None);
        assert_eq!(timers.next(), None);
    }
}
