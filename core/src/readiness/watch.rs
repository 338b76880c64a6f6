//! Whether other members confirm what is here, lately: peers that are no members may stand between
//! this node and all of them (attack 38), and what is kept from a node it cannot miss.

use crate::limits::ISOLATED_MS;
use crate::time::MonoMillis;
use borsh::{BorshDeserialize, BorshSerialize};

/// When another member last confirmed what is here, and whether that is too long ago.
///
/// A member confirms it by a beacon that names nothing that is missing, and whose root is not
/// another for the same heads; or by an exchange that ended in agreement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Watch {
    confirmed: MonoMillis,
    is_isolated: bool,
}

/// What people are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// For so many milliseconds no other member has confirmed what is here.
    Raised(u64),
    /// One has again.
    Ended,
}

impl Watch {
    /// Nobody can have confirmed anything before `now`.
    pub(super) const fn new(now: MonoMillis) -> Self {
        Self { confirmed: now, is_isolated: false }
    }

    /// Another member confirmed what is here.
    pub(super) fn confirm(&mut self, at: MonoMillis) {
        self.confirmed = self.confirmed.max(at);
    }

    /// Whether the alarm begins or ends. `has_others`: whether there are other members at all.
    pub(super) fn review(&mut self, has_others: bool, now: MonoMillis) -> Option<Alarm> {
        if !has_others {
            // Whoever comes first is given its time.
            self.confirm(now);
        }
        let was_isolated = self.is_isolated;
        self.is_isolated = now >= self.due_at();
        match (was_isolated, self.is_isolated) {
            (false, true) => Some(Alarm::Raised(now.since(self.confirmed))),
            (true, false) => Some(Alarm::Ended),
            (true, true) | (false, false) => None,
        }
    }

    /// When the alarm begins, unless somebody confirms something before.
    pub(super) const fn due_at(&self) -> MonoMillis {
        self.confirmed.plus(ISOLATED_MS)
    }

    /// For how long nobody has confirmed anything, in milliseconds, while that is too long.
    pub(super) fn isolated_ms(&self, now: MonoMillis) -> Option<u64> {
        self.is_isolated.then(|| now.since(self.confirmed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_38_the_alarm_begins_after_two_minutes_to_the_millisecond_and_once() {
        let start = MonoMillis(5_000);
        let table = [(ISOLATED_MS - 1, false), (ISOLATED_MS, true), (ISOLATED_MS + 1, true)];
        for (after, is_raised) in table {
            let mut watch = Watch::new(start);
            watch.confirm(MonoMillis(1));
            let now = start.plus(after);
            let raised = is_raised.then_some(after);
            assert_eq!(watch.review(true, now), raised.map(Alarm::Raised), "{after}");
            assert_eq!(watch.isolated_ms(now), raised);
            assert_eq!(watch.review(true, now), None);
            watch.confirm(now);
            assert_eq!(watch.review(true, now), is_raised.then_some(Alarm::Ended));
            assert_eq!((watch.isolated_ms(now), watch.due_at()), (None, now.plus(ISOLATED_MS)));
        }
    }

    #[test]
    fn attack_38_who_is_alone_is_not_cut_off() {
        let mut watch = Watch::new(MonoMillis(0));
        let late = MonoMillis(10 * ISOLATED_MS);
        assert_eq!(watch.review(false, late), None);
        // The first other has as long to be heard as any.
        assert_eq!(watch.review(true, late.plus(ISOLATED_MS - 1)), None);
        let raised = watch.review(true, late.plus(ISOLATED_MS));
        assert_eq!(raised, Some(Alarm::Raised(ISOLATED_MS)));
        assert_eq!(watch.review(false, late.plus(ISOLATED_MS)), Some(Alarm::Ended));
    }
}
