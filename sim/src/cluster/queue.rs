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

/// All of it.
#[derive(Default)]
pub(super) struct Queue {
    due: BTreeMap<u64, VecDeque<Item>>,
    /// Room for a time that is to come.
    spare: Vec<VecDeque<Item>>,
}

impl Queue {
    /// Adds what is due at a time, behind all that is due then.
    pub(super) fn push(&mut self, at: u64, item: Item) {
        let Self { due, spare } = self;
        due.entry(at).or_insert_with(|| spare.pop().unwrap_or_default()).push_back(item);
    }

    /// What comes first, and when.
    pub(super) fn first(&self) -> Option<(u64, &Item)> {
        let (at, items) = self.due.first_key_value()?;
        Some((*at, items.front()?))
    }

    /// Takes what comes first.
    pub(super) fn pop(&mut self) -> Option<(u64, Item)> {
        let mut entry = self.due.first_entry()?;
        let (at, item) = (*entry.key(), entry.get_mut().pop_front()?);
        if entry.get().is_empty() {
            self.spare.push(entry.remove());
        }
        Some((at, item))
    }
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
}
