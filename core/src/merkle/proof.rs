//! Proofs that a key has a value, or none, in the map of a known root.

use super::node::{Four, NOTHING, QUARTER, digests_in, node_digest, quarter_digest};
use super::{
    EMPTY_ROOT, MerkleMap, MerkleValue, PATH_NIBBLES, Target, leaf_digest, nibble, path_of,
};
use crate::bounded::{Bounded, Bytes};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Longest encoding of a value that a proof can carry, in bytes. Longer values can be stored and
/// proved present, but not serve as the [`Neighbour`] that proves a key absent.
pub const PROOF_VALUE_BYTES_MAX: usize = 64 * 1024;

/// Proof of the value of one key, or of its absence.
///
/// It holds the inner nodes from the root down the path of the key until a leaf or an empty slot
/// ends it. Neither the key nor its value is inside: whoever verifies brings both.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proof {
    /// The inner nodes on the path, the root first.
    pub steps: Bounded<ProofStep, PATH_NIBBLES>,
    /// The leaf of another key that stands where the absent key would.
    pub neighbour: Option<Neighbour>,
}

/// One inner node of a [`Proof`]: what is beside the path, by ascending slot. Where nothing is,
/// there are 32 zero bytes, so a node has one form only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProofStep {
    /// Digests of the other quarters.
    pub quarters: [[u8; 32]; 3],
    /// Digests of the other children in the quarter that the path goes through.
    pub siblings: [[u8; 32]; 3],
}

/// A leaf that a [`Proof`] of absence ends in.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Neighbour {
    /// Digest of the leaf's key.
    pub path: [u8; 32],
    /// Encoding of the leaf's value.
    pub value: Bytes<PROOF_VALUE_BYTES_MAX>,
}

/// Why a proof does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// A node has no child, which no map has.
    #[error("node {depth} of the proof has nothing below it; discard the proof")]
    Step {
        /// Inner nodes above the one without children.
        depth: usize,
    },
    /// A neighbour is given with a value, is the key itself or stands elsewhere.
    #[error("the neighbour leaf of the proof says nothing about the key; discard the proof")]
    Neighbour,
    /// The digests add up to another root.
    #[error("the proof is of another root, key or value; discard it or get the current root")]
    Root,
}

impl Proof {
    /// Checks that in the map with this `root`, `key` has the value with the encoding `value`, or
    /// is absent where `value` is `None`.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when that is not so, or this is not the proof of it.
    pub fn verify(
        &self,
        root: &[u8; 32],
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ProofError> {
        self.verify_at(root, &path_of(key), value)
    }

    pub(super) fn verify_at(
        &self,
        root: &[u8; 32],
        path: &[u8; 32],
        value: Option<&[u8]>,
    ) -> Result<(), ProofError> {
        let end = match (value, &self.neighbour) {
            (Some(value), None) => Some(leaf_digest(path, value)),
            (None, Some(neighbour)) if self.ends_in(neighbour, path) => {
                Some(leaf_digest(&neighbour.path, &*neighbour.value))
            }
            (None, None) => None,
            (Some(_) | None, Some(_)) => return Err(ProofError::Neighbour),
        };
        let nodes = self.steps.iter().enumerate().rev();
        let top = nodes.into_iter().try_fold(end, |below, (depth, step)| {
            let node = step.digest_over(nibble(path, depth), below);
            node.map(Some).ok_or(ProofError::Step { depth })
        })?;
        if top.unwrap_or(EMPTY_ROOT) == *root { Ok(()) } else { Err(ProofError::Root) }
    }

    /// Whether `neighbour` is another leaf than that of `path`, yet goes the same way so far.
    fn ends_in(&self, neighbour: &Neighbour, path: &[u8; 32]) -> bool {
        let agrees = |depth| nibble(&neighbour.path, depth) == nibble(path, depth);
        neighbour.path != *path && (0..self.steps.len()).all(agrees)
    }
}

impl ProofStep {
    /// The node with these quarters and these children in the quarter of `slot`, seen from there.
    fn beside(slot: u32, quarters: &Four, children: &Four) -> Self {
        Self {
            quarters: without(quarters, slot / QUARTER),
            siblings: without(children, slot % QUARTER),
        }
    }

    /// The digest of this node when its child in `slot` has the digest `below` or does not exist;
    /// `None` when the node then has no child at all.
    pub(super) fn digest_over(&self, slot: u32, below: Option<[u8; 32]>) -> Option<[u8; 32]> {
        let children = with(self.siblings, slot % QUARTER, below.unwrap_or(NOTHING));
        let quarters = with(self.quarters, slot / QUARTER, quarter_digest(&children));
        (quarters != [NOTHING; 4]).then(|| node_digest(&quarters))
    }
}

/// All but the digest at `place`.
fn without([a, b, c, d]: &Four, place: u32) -> [[u8; 32]; 3] {
    match place {
        0 => [*b, *c, *d],
        1 => [*a, *c, *d],
        2 => [*a, *b, *d],
        _ => [*a, *b, *c],
    }
}

/// What [`without`] took out, put back.
fn with([a, b, c]: [[u8; 32]; 3], place: u32, own: [u8; 32]) -> Four {
    match place {
        0 => [own, a, b, c],
        1 => [a, own, b, c],
        2 => [a, b, own, c],
        _ => [a, b, c, own],
    }
}

impl<V: MerkleValue> MerkleMap<V> {
    /// The proof of the value of `key`, or of its absence, against the root of this map.
    pub fn prove(&self, key: &[u8]) -> Proof {
        self.prove_at(&path_of(key))
    }

    pub(super) fn prove_at(&self, path: &[u8; 32]) -> Proof {
        self.prove_path(path, |value| {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            bytes
        })
    }
}

impl<V> MerkleMap<V> {
    /// As [`MerkleMap::prove`], for values that [`MerkleMap::insert_as`] put here: `encode` makes
    /// their bytes again.
    pub fn prove_as(&self, key: &[u8], encode: impl Fn(&V) -> Vec<u8>) -> Proof {
        self.prove_path(&path_of(key), encode)
    }

    fn prove_path(&self, path: &[u8; 32], encode: impl Fn(&V) -> Vec<u8>) -> Proof {
        let mut steps = Vec::new();
        let mut neighbour = None;
        let mut next = self.root.as_ref();
        while let Some(link) = next {
            next = match &link.target {
                Target::Inner(node) => {
                    let slot = nibble(path, steps.len());
                    let children = digests_in(slot / QUARTER, &node.children);
                    steps.push(ProofStep::beside(slot, &node.quarters(), &children));
                    node.children.get(slot)
                }
                Target::Leaf(leaf) => {
                    neighbour = (leaf.path != *path).then(|| {
                        let value = Bytes::truncated(encode(&leaf.value));
                        Neighbour { path: leaf.path, value }
                    });
                    None
                }
            };
        }
        Proof { steps: Bounded::truncated(steps), neighbour }
    }
}
