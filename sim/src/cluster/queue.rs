//! What is on its way: by time, and at one time in the order in which it was sent.

use super::Parcel;
use std::collections::{BTreeMap, VecDeque};

/// Something on its way to one run of a node.
pub(super) struct Item {
    /// The node.
    pub(super) to: usize,
    /// Which of its runs.
    pub(super) run: u64,
    pub(super) parcel: Parcel,
}

/// Times that the ring has a place for, in milliseconds.
const NEAR_MS: usize = 1_024;

/// All of it. What is due soon, which is nearly all, stands in a ring with a place for each time.
pub(super) struct Queue {
    /// The time from which on the ring goes: that of what came last.
    base: u64,
    near: Vec<VecDeque<Item>>,
    near_count: usize,
    far: BTreeMap<u64, VecDeque<Item>>,
}

impl Default for Queue {
    fn default() -> Self {
        let near = (0..NEAR_MS).map(|_| VecDeque::new()).collect();
        Self { base: 0, near, near_count: 0, far: BTreeMap::new() }
    }
}

impl Queue {
    /// Adds what is due at a time, behind all that is due then.
    pub(super) fn push(&mut self, at: u64, item: Item) {
        let at = at.max(self.base);
        if at - self.base >= NEAR_MS as u64 {
            self.far.entry(at).or_default().push_back(item);
        } else if let Some(place) = self.near.get_mut(place_of(at)) {
            place.push_back(item);
            self.near_count += 1;
        }
    }

    /// What comes first, and when.
    pub(super) fn first(&self) -> Option<(u64, &Item)> {
        let at = self.first_at()?;
        let near = self.near.get(place_of(at)).filter(|_| self.near_count > 0);
        Some((at, near.or_else(|| self.far.get(&at))?.front()?))
    }

    /// Takes what comes first.
    pub(super) fn pop(&mut self) -> Option<(u64, Item)> {
        let at = self.first_at()?;
        self.base = at;
        // Before anything else gets there: what is sent first comes first.
        while let Some(entry) = self.far.first_entry()
            && *entry.key() - at < NEAR_MS as u64
        {
            let (when, mut items) = entry.remove_entry();
            self.near_count += items.len();
            self.near.get_mut(place_of(when))?.append(&mut items);
        }
        let item = self.near.get_mut(place_of(at))?.pop_front()?;
        self.near_count -= 1;
        Some((at, item))
    }

    fn first_at(&self) -> Option<u64> {
        if self.near_count == 0 {
            return self.far.first_key_value().map(|(at, _)| *at);
        }
        let mut times = self.base..self.base + NEAR_MS as u64;
        times.find(|at| self.near.get(place_of(*at)).is_some_and(|place| !place.is_empty()))
    }
}

/// The place of a time in the ring.
fn place_of(at: u64) -> usize {
    usize::try_from(at % NEAR_MS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_comes_first_and_at_one_time_what_was_sent_first() {
        let mut queue = Queue::default();
        let item = |to| Item { to, run: 0, parcel: Parcel::Mesh };
        for (number, at) in [5, 3, 5, 9, 3, 5].into_iter().enumerate() {
            queue.push(at, item(number));
        }
        assert_eq!(queue.pop().map(|(at, item)| (at, item.to)), Some((3, 1)));
        // What is sent while something is delivered waits behind what was sent before.
        queue.push(3, item(6));
        let order = [(3, 4), (3, 6), (5, 0), (5, 2), (5, 5), (9, 3)];
        for (at, to) in order {
            assert_eq!(queue.first().map(|(at, item)| (at, item.to)), Some((at, to)));
            assert_eq!(queue.pop().map(|(at, item)| (at, item.to)), Some((at, to)));
        }
        assert!(queue.pop().is_none() && queue.first().is_none());
    }

    #[test]
    fn what_is_far_away_keeps_its_place_when_it_comes_near() {
        let mut queue = Queue::default();
        let item = |to| Item { to, run: 0, parcel: Parcel::Mesh };
        let late = 3 * NEAR_MS as u64;
        for (number, at) in [late, 7, late + 1, late, late - 5].into_iter().enumerate() {
            queue.push(at, item(number));
        }
        let mut order = Vec::new();
        while let Some((at, Item { to, .. })) = queue.pop() {
            order.push((at, to));
            // As soon as it is near, what is sent then comes behind it.
            if at == late - 5 {
                queue.push(late, item(9));
            }
        }
        assert_eq!(order, [(7, 1), (late - 5, 4), (late, 0), (late, 3), (late, 9), (late + 1, 2)]);
    }
}
