//! Inner nodes, hashed in two stages: each four neighbouring slots, then the four quarters.

use super::Link;
use crate::digest::{Domain, digest};
use crate::pmap::slots::Slots;
use alloc::boxed::Box;

/// Slots of a quarter, and quarters of a node.
pub(super) const QUARTER: u32 = 4;

/// Children from which on a node keeps the digests of its quarters. About half of all nodes have
/// two children: to hash their quarters anew takes one digest more at most, to keep them would
/// nearly double the memory that quarters take.
const KEPT_MIN: usize = 3;

/// Stands for a child or a quarter that is not there: nobody finds anything with this digest.
pub(super) const NOTHING: [u8; 32] = [0; 32];

/// The digests of the slots of a quarter, or of the quarters of a node: two blocks of BLAKE3.
pub(super) type Four = [[u8; 32]; 4];

/// A node with children.
#[derive(Clone)]
pub(super) struct Inner<V> {
    pub(super) children: Slots<Link<V>>,
    /// The digests of the quarters, if there are at least [`KEPT_MIN`] children.
    pub(super) kept: Option<Box<Four>>,
}

/// The digest of a quarter from the digests in its slots.
pub(super) fn quarter_digest(slots: &Four) -> [u8; 32] {
    if *slots == [NOTHING; 4] {
        return NOTHING;
    }
    digest(Domain::MerkleQuarter, slots.as_flattened())
}

/// The digest of an inner node from those of its quarters.
pub(super) fn node_digest(quarters: &Four) -> [u8; 32] {
    digest(Domain::MerkleNode, quarters.as_flattened())
}

impl<V> Inner<V> {
    /// A node with these children, and its digest.
    pub(super) fn new(children: Slots<Link<V>>) -> (Self, [u8; 32]) {
        let mut node = Self { children, kept: None };
        let digest = node.rehash(0);
        (node, digest)
    }

    /// The digest of this node after a change of the child in `slot` and of no other.
    pub(super) fn rehash(&mut self, slot: u32) -> [u8; 32] {
        let children = &self.children;
        if children.items().len() < KEPT_MIN {
            self.kept = None;
            return node_digest(&quarters_of(children));
        }
        let quarters = match &mut self.kept {
            Some(quarters) => {
                let changed = slot / QUARTER;
                if let Some(quarter) = quarters.get_mut(changed as usize) {
                    *quarter = quarter_digest(&digests_in(changed, children));
                }
                quarters
            }
            none @ None => none.insert(Box::new(quarters_of(children))),
        };
        node_digest(quarters)
    }

    /// The digests of the quarters.
    pub(super) fn quarters(&self) -> Four {
        self.kept.as_deref().copied().unwrap_or_else(|| quarters_of(&self.children))
    }
}

fn quarters_of<V>(children: &Slots<Link<V>>) -> Four {
    [0, 1, 2, 3].map(|quarter| quarter_digest(&digests_in(quarter, children)))
}

/// The digests in the slots of `quarter`.
pub(super) fn digests_in<V>(quarter: u32, children: &Slots<Link<V>>) -> Four {
    let first = quarter * QUARTER;
    [0, 1, 2, 3].map(|at| children.get(first + at).map_or(NOTHING, |child| child.digest))
}
