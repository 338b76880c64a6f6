//! Messages of topics. What is the same for all nodes is made once for the whole world: the bytes,
//! their name, and what the checks of the ingress made of them. A duplicate costs one look.

use folkmoot_core::input::Input;
use folkmoot_effects::net::Topic;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// How long a message is known to a node, in milliseconds, so that it passes once.
const SEEN_MS: u64 = 60_000;

/// A message of a topic.
pub(super) struct Letter {
    /// No other letter of this world has it.
    pub(super) number: u64,
    pub(super) topic: Topic,
    pub(super) bytes: Box<[u8]>,
    /// What the checks of A1 to A3 made of it: they are the same for every node.
    pub(super) input: OnceCell<Option<Input>>,
    /// By node, in which of its runs it came to it last, and when; runs count from 1.
    seen: RefCell<Vec<(u64, u64)>>,
    /// When it came to a node last.
    last: Cell<u64>,
}

impl Letter {
    /// Notes that it comes to a run of a node; whether it is new there.
    pub(super) fn comes(&self, now: u64, at: usize, run: u64) -> bool {
        let mut seen = self.seen.borrow_mut();
        if seen.len() <= at {
            seen.resize(at + 1, (0, 0));
        }
        let Some(before) = seen.get_mut(at) else { return false };
        let is_new = before.0 != run || before.1 + SEEN_MS < now;
        if is_new {
            *before = (run, now);
            self.last.set(now);
        }
        is_new
    }
}

/// The messages of the last minutes, by their content.
#[derive(Default)]
pub(super) struct Letters {
    by_id: BTreeMap<[u8; 32], Rc<Letter>>,
    /// When each was looked at last.
    order: VecDeque<(u64, [u8; 32])>,
    /// Letters that were made so far.
    made: u64,
}

impl Letters {
    /// The message with this content.
    pub(super) fn of(&mut self, now: u64, topic: Topic, bytes: &[u8]) -> Rc<Letter> {
        self.forget_old(now);
        let id = *blake3::Hasher::new().update(&topic.0).update(bytes).finalize().as_bytes();
        let Self { by_id, order, made } = self;
        let letter = by_id.entry(id).or_insert_with(|| {
            order.push_back((now, id));
            *made += 1;
            Rc::new(Letter {
                number: *made,
                topic,
                bytes: bytes.into(),
                input: OnceCell::new(),
                seen: RefCell::default(),
                last: Cell::new(now),
            })
        });
        Rc::clone(letter)
    }

    /// Forgets what no node knows and nobody sends any more.
    fn forget_old(&mut self, now: u64) {
        while let Some((_, id)) = self.order.pop_front_if(|(at, _)| *at + SEEN_MS < now) {
            let is_over = |letter: &Rc<Letter>| {
                Rc::strong_count(letter) == 1 && letter.last.get() + SEEN_MS < now
            };
            if self.by_id.get(&id).is_some_and(is_over) {
                self.by_id.remove(&id);
            } else {
                self.order.push_back((now, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_passes_each_run_of_a_node_once_in_a_minute() {
        let mut letters = Letters::default();
        let letter = letters.of(0, Topic([1; 32]), b"content");
        assert!(letter.comes(5, 3, 1) && !letter.comes(6, 3, 1));
        // Whoever publishes the same again has the same message.
        let again = letters.of(9, Topic([1; 32]), b"content");
        assert!(Rc::ptr_eq(&letter, &again));
        assert!(!again.comes(5 + SEEN_MS, 3, 1) && again.comes(6 + SEEN_MS, 3, 1));
        assert!(again.comes(70_000, 3, 2), "it has forgotten");
        assert!(again.comes(70_000, 0, 1), "another has not seen it");
        assert!(!Rc::ptr_eq(&letter, &letters.of(9, Topic([2; 32]), b"content")));
    }

    #[test]
    fn what_is_old_is_forgotten_unless_it_is_still_on_its_way() {
        let (mut letters, topic) = (Letters::default(), Topic([1; 32]));
        let held = letters.of(0, topic, b"held");
        drop(letters.of(0, topic, b"gone"));
        letters.forget_old(SEEN_MS);
        assert_eq!(letters.by_id.len(), 2);
        letters.forget_old(SEEN_MS + 1);
        assert_eq!(letters.by_id.len(), 1);
        assert!(Rc::ptr_eq(&held, &letters.of(SEEN_MS + 2, topic, b"held")));
        drop(held);
        letters.forget_old(3 * SEEN_MS);
        assert!(letters.by_id.is_empty() && letters.order.is_empty());
    }
}
