//! The queue of pages that wait to be read, and what part of it one peer may take (NET-45).

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use folkmoot_core::id::PeerKey;
use folkmoot_core::limits::{LISTS_MAX, LISTS_PER_PEER_MAX, PAGES_AHEAD_MAX};

use super::PageTask;

/// Pages that may wait to be read: those of all lists that are kept, as many of each as an asker
/// asks for at once.
pub const PAGES_WAITING_MAX: usize = LISTS_MAX * PAGES_AHEAD_MAX;

/// How many of them one peer may have asked for: as many as its own lists need.
pub const PAGES_PER_PEER_MAX: usize = LISTS_PER_PEER_MAX * PAGES_AHEAD_MAX;

/// Where pages are left to be read.
#[derive(Debug)]
pub struct Serving {
    tasks: SyncSender<(PageTask, Place)>,
    taken: Taken,
}

/// How many places each peer has taken; those who have none do not stand here.
#[derive(Clone, Debug, Default)]
struct Taken(Arc<Mutex<BTreeMap<PeerKey, usize>>>);

/// A place among those that wait; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    peer: PeerKey,
    taken: Taken,
}

impl Serving {
    /// A queue, and its other end.
    pub fn new() -> (Self, Receiver<(PageTask, Place)>) {
        let (tasks, placed) = sync_channel(PAGES_WAITING_MAX);
        (Self { tasks, taken: Taken::default() }, placed)
    }

    /// Leaves a page of a peer to be read; false where there is no place for it, or the reader is
    /// gone.
    pub fn leave(&self, peer: PeerKey, task: PageTask) -> bool {
        self.taken.take(peer).is_some_and(|place| self.tasks.try_send((task, place)).is_ok())
    }
}

impl Taken {
    fn take(&self, peer: PeerKey) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(peer).or_default();
        if *count >= PAGES_PER_PEER_MAX {
            return None;
        }
        *count += 1;
        Some(Place { peer, taken: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.peer).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.peer);
        } else {
            taken.insert(self.peer, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use folkmoot_core::input::ExchangeId;

    fn leave(serving: &Serving, peer: u8) -> bool {
        let task = PageTask { exchange: ExchangeId(1), ops: Vec::new(), total: 0 };
        serving.leave(PeerKey([peer; 32]), task)
    }

    #[test]
    fn net_45_one_peer_takes_its_share_of_the_places_and_leaves_the_others_theirs() {
        let (serving, placed) = Serving::new();
        let left = (0..2 * PAGES_WAITING_MAX).filter(|_| leave(&serving, 1)).count();
        assert_eq!(left, PAGES_PER_PEER_MAX);
        let others = u8::try_from(PAGES_WAITING_MAX / PAGES_PER_PEER_MAX).unwrap();
        for peer in 2..=others {
            assert!((0..PAGES_PER_PEER_MAX).all(|_| leave(&serving, peer)), "{peer}");
        }
        assert!(!leave(&serving, others + 1), "all places are taken");
        // What is read makes room, for its own peer too, and what found no place takes none.
        drop(placed.recv().unwrap());
        assert!(leave(&serving, 1) && !leave(&serving, 1));
        while let Ok(read) = placed.try_recv() {
            drop(read);
        }
        assert!(serving.taken.0.lock().unwrap().is_empty());
        drop(placed);
        assert!(!leave(&serving, 1));
        assert!(serving.taken.0.lock().unwrap().is_empty());
    }
}
