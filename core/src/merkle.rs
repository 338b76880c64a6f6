//! A persistent Merkle map whose root depends on nothing but its entries.
//!
//! A key's place is its *path*, the digest of the key, read as 64 nibbles from the high half of the
//! first byte on. Inner nodes branch sixteen ways; a leaf stands at the shallowest node where no
//! other path passes. So the shape is a function of the set of keys, and the root of the set of
//! entries, whatever the order of insertions and removals (GOV-20). Byte for byte (R9):
//!
//! - path = digest(`folkmoot merkle key v1`, key)
//! - leaf = digest(`folkmoot merkle leaf v1`, path, value)
//! - quarter = digest(`folkmoot merkle quarter v1`, digests of the children in four neighbouring
//!   slots), 32 zero bytes in the place of a child that is not there; a quarter without any child
//!   is not hashed, but 32 zero bytes itself
//! - inner node = digest(`folkmoot merkle node v1`, its four quarters, by ascending slots)
//! - empty map = an inner node without children: 128 zero bytes
//!
//! Nobody finds anything whose digest is zero, so zero says that nothing is there.
//!
//! Every change rehashes the path to it, one quarter of each node, so the root of each version is
//! at hand. Keys themselves are not kept.

mod build;
mod node;
mod proof;
#[cfg(test)]
mod tests;

pub use proof::{Neighbour, PROOF_VALUE_BYTES_MAX, Proof, ProofError, ProofStep};

use crate::digest::{Domain, digest};
use crate::pmap::slots::Slots;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::iter::FusedIterator;
use core::mem;
use core::slice;
use node::Inner;

/// Nibbles of a path, the greatest depth of a leaf.
const PATH_NIBBLES: usize = 64;

/// Room for the encoding of a value; a longer one takes more.
const VALUE_BYTES: usize = 64;

/// Root of the map without entries.
pub const EMPTY_ROOT: [u8; 32] = [
    0x9a, 0xc5, 0x63, 0x25, 0x0c, 0x8b, 0xc5, 0x41, 0xe9, 0x4d, 0x69, 0x15, 0xe9, 0x2b, 0xfd, 0xe3,
    0x9a, 0xc7, 0x81, 0x61, 0x68, 0xee, 0x71, 0x66, 0x7a, 0x4e, 0x5e, 0xa2, 0x81, 0x8a, 0xf3, 0x26,
];

/// A value with one canonical encoding.
pub trait MerkleValue {
    /// Appends the encoding to `out`; equal values append equal bytes, different ones different.
    fn encode(&self, out: &mut Vec<u8>);
}

impl MerkleValue for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl MerkleValue for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> MerkleValue for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// A persistent Merkle map from byte strings to `V`.
///
/// Cloning takes constant time and versions share what they have in common; an unshared map is
/// changed in place. A change costs two digests of 128 bytes for each of the log16(n) nodes above
/// it.
#[derive(Clone)]
pub struct MerkleMap<V> {
    root: Option<Link<V>>,
    len: usize,
}

/// A node and its digest. The digest stands with the parent, which hashes those of its children.
#[derive(Clone)]
struct Link<V> {
    digest: [u8; 32],
    target: Target<V>,
}

#[derive(Clone)]
enum Target<V> {
    Leaf(Arc<Leaf<V>>),
    /// At least two leaves are below, so an only child is an inner node.
    Inner(Arc<Inner<V>>),
}

#[derive(Clone)]
struct Leaf<V> {
    path: [u8; 32],
    value: V,
}

/// The place of `key`.
fn path_of(key: &[u8]) -> [u8; 32] {
    digest(Domain::MerkleKey, key)
}

/// The slot that `path` takes in a node at `depth`, counted from the root.
fn nibble(path: &[u8; 32], depth: usize) -> u32 {
    let byte = path.get(depth / 2).map_or(0, |byte| u32::from(*byte));
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
}

fn leaf_digest(path: &[u8; 32], value: &(impl MerkleValue + ?Sized)) -> [u8; 32] {
    let mut message = Vec::with_capacity(path.len() + VALUE_BYTES);
    message.extend_from_slice(path);
    value.encode(&mut message);
    digest(Domain::MerkleLeaf, &message)
}

impl<V> Link<V> {
    fn inner(children: Slots<Self>) -> Self {
        let (node, digest) = Inner::new(children);
        Self { digest, target: Target::Inner(Arc::new(node)) }
    }

    /// Two leaves of different paths, below a node at `depth` on which both paths agree.
    fn fork(depth: usize, left: (&[u8; 32], Self), right: (&[u8; 32], Self)) -> Self {
        let differs = |at: &usize| nibble(left.0, *at) != nibble(right.0, *at);
        let fork = (depth..PATH_NIBBLES).find(differs).unwrap_or(depth);
        let mut children = Slots::single(nibble(left.0, fork), left.1);
        children.insert(nibble(right.0, fork), right.1);
        (depth..fork).rev().fold(Self::inner(children), |below, depth| {
            Self::inner(Slots::single(nibble(left.0, depth), below))
        })
    }
}

impl<V: Clone> Link<V> {
    /// Puts the leaf `new` of `path` below this node, which stands at `depth`.
    fn insert(&mut self, depth: usize, path: &[u8; 32], new: Self) -> Option<V> {
        match &mut self.target {
            Target::Leaf(leaf) if leaf.path == *path => mem::replace(self, new).into_value(),
            Target::Leaf(leaf) => {
                let leaf = Arc::clone(leaf);
                *self = Self::fork(depth, (&leaf.path, self.clone()), (path, new));
                None
            }
            Target::Inner(node) => {
                let node = Arc::make_mut(node);
                let slot = nibble(path, depth);
                let old = if let Some(child) = node.children.get_mut(slot) {
                    child.insert(depth + 1, path, new)
                } else {
                    node.children.insert(slot, new);
                    None
                };
                self.digest = node.rehash(slot);
                old
            }
        }
    }

    /// Removes the leaf of `path`, which is below this inner node at `depth`. Where one leaf is
    /// left, it takes the place of this node.
    fn remove(&mut self, depth: usize, path: &[u8; 32]) -> Option<V> {
        let Target::Inner(node) = &mut self.target else { return None };
        let node = Arc::make_mut(node);
        let slot = nibble(path, depth);
        let child = node.children.get_mut(slot)?;
        let old = match child.target {
            Target::Inner(_) => child.remove(depth + 1, path),
            Target::Leaf(_) => node.children.remove(slot).and_then(Self::into_value),
        };
        if let [only @ Link { target: Target::Leaf(_), .. }] = node.children.items() {
            *self = only.clone();
        } else {
            self.digest = node.rehash(slot);
        }
        old
    }

    /// The value, if this is a leaf.
    fn into_value(self) -> Option<V> {
        match self.target {
            Target::Leaf(leaf) => Some(Arc::unwrap_or_clone(leaf).value),
            Target::Inner(_) => None,
        }
    }
}

impl<V> MerkleMap<V> {
    /// The empty map.
    pub const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The digest of all entries, in constant time. Equal entries have equal roots.
    pub fn root(&self) -> [u8; 32] {
        self.root.as_ref().map_or(EMPTY_ROOT, |root| root.digest)
    }

    /// The value at `key`.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        self.get_at(&path_of(key))
    }

    fn get_at(&self, path: &[u8; 32]) -> Option<&V> {
        let mut link = self.root.as_ref()?;
        for depth in 0.. {
            link = match &link.target {
                Target::Leaf(leaf) => return (leaf.path == *path).then_some(&leaf.value),
                Target::Inner(node) => node.children.get(nibble(path, depth))?,
            };
        }
        None
    }

    /// The entries by ascending path. The path of an entry is the digest of its key.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter { stack: Vec::from([self.root.as_slice().iter()]), rest: self.len }
    }

    /// Whether both maps are the same memory. `false` says nothing about their entries.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        let targets = (
            self.root.as_ref().map(|root| &root.target),
            other.root.as_ref().map(|root| &root.target),
        );
        match targets {
            (Some(Target::Leaf(mine)), Some(Target::Leaf(theirs))) => Arc::ptr_eq(mine, theirs),
            (Some(Target::Inner(mine)), Some(Target::Inner(theirs))) => Arc::ptr_eq(mine, theirs),
            (mine, theirs) => mine.is_none() && theirs.is_none(),
        }
    }
}

impl<V: Clone + MerkleValue> MerkleMap<V> {
    /// Puts `value` at `key`; returns the value that was there.
    pub fn insert(&mut self, key: &[u8], value: V) -> Option<V> {
        self.insert_at(path_of(key), value)
    }

    fn insert_at(&mut self, path: [u8; 32], value: V) -> Option<V> {
        let digest = leaf_digest(&path, &value);
        self.insert_leaf(path, digest, value)
    }
}

impl<V: Clone> MerkleMap<V> {
    /// Puts at `key` a value that is the encoding `bytes` for whoever looks from outside, while `V`
    /// is only what it takes to make these bytes again ([`MerkleMap::prove_as`]). Returns the value
    /// that was there.
    pub fn insert_as(&mut self, key: &[u8], bytes: &[u8], value: V) -> Option<V> {
        let path = path_of(key);
        self.insert_leaf(path, leaf_digest(&path, bytes), value)
    }

    fn insert_leaf(&mut self, path: [u8; 32], digest: [u8; 32], value: V) -> Option<V> {
        let leaf = Link { digest, target: Target::Leaf(Arc::new(Leaf { path, value })) };
        let old = if let Some(root) = &mut self.root {
            root.insert(0, &path, leaf)
        } else {
            self.root = Some(leaf);
            None
        };
        self.len += usize::from(old.is_none());
        old
    }

    /// Removes `key`; returns the value that was there.
    pub fn remove(&mut self, key: &[u8]) -> Option<V> {
        self.remove_at(&path_of(key))
    }

    fn remove_at(&mut self, path: &[u8; 32]) -> Option<V> {
        // An absent key must not cost a copy.
        self.get_at(path)?;
        self.len -= 1;
        match &mut self.root {
            Some(root @ Link { target: Target::Inner(_), .. }) => root.remove(0, path),
            root => root.take().and_then(Link::into_value),
        }
    }
}

impl<V> Default for MerkleMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Equal roots are equal entries.
impl<V> PartialEq for MerkleMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl<V> Eq for MerkleMap<V> {}

impl<V> fmt::Debug for MerkleMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MerkleMap({} entries, root ", self.len)?;
        self.root().iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl<'a, V> IntoIterator for &'a MerkleMap<V> {
    type Item = (&'a [u8; 32], &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// Iterator over the entries of a [`MerkleMap`] by ascending path.
pub struct Iter<'a, V> {
    /// What is left of the children of each inner node above the next leaf.
    stack: Vec<slice::Iter<'a, Link<V>>>,
    /// How many entries are to come.
    rest: usize,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a [u8; 32], &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.stack.last_mut()?.next().map(|link| &link.target) {
                Some(Target::Leaf(leaf)) => {
                    self.rest -= 1;
                    return Some((&leaf.path, &leaf.value));
                }
                Some(Target::Inner(node)) => self.stack.push(node.children.items().iter()),
                None => drop(self.stack.pop()),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl<V> ExactSizeIterator for Iter<'_, V> {}
impl<V> FusedIterator for Iter<'_, V> {}
