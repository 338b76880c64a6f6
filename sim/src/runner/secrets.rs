//! I37: no secret key leaves the place where it is kept.

use super::{Invariant, Runner, Violation, author};
use crate::kit::Author;
use std::collections::BTreeSet;

/// Bytes of a secret key.
const SECRET_BYTES: usize = 32;

/// The secret keys of a world.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    keys: BTreeSet<[u8; SECRET_BYTES]>,
    /// How their first two bytes begin, as a table: most windows of a text are told by it.
    first: Vec<bool>,
}

impl Secrets {
    /// The keys of the persons of so many nodes.
    pub(super) fn of(count: usize) -> Self {
        let mut secrets = Self { keys: BTreeSet::new(), first: vec![false; 1 << 16] };
        (0..count).for_each(|at| secrets.add(&author(at)));
        secrets
    }

    /// Another secret that somebody keeps.
    pub(super) fn add(&mut self, author: &Author) {
        let key = author.secret();
        if let [high, low, ..] = key
            && let Some(is_first) = self.first.get_mut(usize::from(u16::from_be_bytes([high, low])))
        {
            *is_first = true;
        }
        self.keys.insert(key);
    }

    /// Whether one of them stands in a text, as bytes.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        text.windows(SECRET_BYTES).any(|window| {
            let [high, low, ..] = window else { return false };
            let first = usize::from(u16::from_be_bytes([*high, *low]));
            self.first.get(first) == Some(&true)
                && window.try_into().is_ok_and(|key: [u8; SECRET_BYTES]| self.keys.contains(&key))
        })
    }

    /// Whether one of them stands in a text in hexadecimal digits.
    fn are_spelled_in(&self, text: &str) -> bool {
        let spelled =
            |key: &[u8; SECRET_BYTES]| blake3::Hash::from_bytes(*key).to_hex().to_string();
        self.keys.iter().any(|key| text.contains(&spelled(key)))
    }
}

impl Runner<'_> {
    /// Looks through the logs of the nodes, and what they told their users.
    pub(super) fn check_secrets(&self) -> Result<(), Violation> {
        let watch = self.watch.borrow();
        for (at, node) in self.world.nodes.iter().enumerate() {
            let is_leaked = node.log().iter().any(|record| watch.secrets.are_in(record))
                || watch.secrets.are_spelled_in(&format!("{:?}{:?}", node.notices, node.failure));
            if is_leaked {
                let what = "a secret key stands in its log, or in what it told its user";
                return self.judge(Violation::new(Invariant::I37, &[at], what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands_and_nothing_else_is() {
        let secrets = Secrets::of(3);
        let key = author(2).secret();
        for before in 0..5 {
            let text = [vec![7; before], key.to_vec(), vec![9; 3]].concat();
            assert!(secrets.are_in(&text));
            assert!(!secrets.are_in(&text[..before + 31]));
        }
        assert!(!secrets.are_in(&author(3).secret()));
        assert!(!secrets.are_in(&author(1).id.0));
        assert!(secrets.are_spelled_in(&format!("x{}", blake3::Hash::from_bytes(key).to_hex())));
    }
}
