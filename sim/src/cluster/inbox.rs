//! Messages of topics that wait for a node's word.

use super::letter::Letter;
use folkmoot_effects::net::MessageId;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A message that waits for a verdict.
pub(super) struct Held {
    pub(super) from: usize,
    pub(super) letter: Rc<Letter>,
}

impl Held {
    fn origin(&self) -> (usize, u64) {
        (self.from, self.letter.number)
    }
}

/// All that wait at one node.
#[derive(Default)]
pub(super) struct Inbox {
    by_name: BTreeMap<MessageId, Held>,
    /// How many of them are one letter by way of one node.
    counts: BTreeMap<(usize, u64), usize>,
}

impl Inbox {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether the same letter waits here that came by the same way.
    pub(super) fn has(&self, other: &Held) -> bool {
        self.counts.contains_key(&other.origin())
    }

    pub(super) fn insert(&mut self, name: MessageId, held: Held) {
        *self.counts.entry(held.origin()).or_default() += 1;
        if let Some(before) = self.by_name.insert(name, held) {
            self.forget(&before);
        }
    }

    pub(super) fn remove(&mut self, name: MessageId) -> Option<Held> {
        let held = self.by_name.remove(&name)?;
        self.forget(&held);
        Some(held)
    }

    fn forget(&mut self, held: &Held) {
        if let Some(count) = self.counts.get_mut(&held.origin()) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&held.origin());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::Letters;
    use super::*;
    use folkmoot_effects::net::Topic;

    #[test]
    fn a_letter_is_here_until_each_of_its_copies_has_its_verdict() {
        let (mut letters, topic) = (Letters::default(), Topic([1; 32]));
        let (one, other) = (letters.of(0, topic, b"one"), letters.of(0, topic, b"other"));
        let held = |from, letter: &Rc<Letter>| Held { from, letter: Rc::clone(letter) };
        let mut inbox = Inbox::default();
        inbox.insert(MessageId(1), held(5, &one));
        inbox.insert(MessageId(2), held(5, &one));
        assert!(inbox.has(&held(5, &one)));
        assert!(!inbox.has(&held(6, &one)) && !inbox.has(&held(5, &other)));
        assert!(inbox.remove(MessageId(1)).is_some() && inbox.has(&held(5, &one)));
        assert!(inbox.remove(MessageId(2)).is_some() && !inbox.has(&held(5, &one)));
        assert!(inbox.remove(MessageId(2)).is_none());
        // A name that is used again is one message.
        inbox.insert(MessageId(3), held(5, &one));
        inbox.insert(MessageId(3), held(5, &other));
        assert!(!inbox.has(&held(5, &one)) && inbox.has(&held(5, &other)));
        assert_eq!(inbox.len(), 1);
    }
}
