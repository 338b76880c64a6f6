//! A map of many entries at once: every inner node is hashed once, not once for each entry below.

use super::{Leaf, Link, MerkleMap, PATH_NIBBLES, Target, leaf_digest, nibble, path_of};
use crate::pmap::slots::Slots;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl<V: Clone> MerkleMap<V> {
    /// The map with these entries (key, bytes, value), the same as if each was put into an empty
    /// one by [`MerkleMap::insert_as`]. Their keys differ.
    pub fn of<B: AsRef<[u8]>>(entries: impl IntoIterator<Item = (B, B, V)>) -> Self {
        let leaf = |(key, bytes, value): (B, B, V)| {
            let path = path_of(key.as_ref());
            let digest = leaf_digest(&path, bytes.as_ref());
            (path, Link { digest, target: Target::Leaf(Arc::new(Leaf { path, value })) })
        };
        let mut leaves: Vec<_> = entries.into_iter().map(leaf).collect();
        leaves.sort_unstable_by_key(|(path, _)| *path);
        Self { len: leaves.len(), root: join(0, &leaves) }
    }
}

/// The node over leaves by ascending path which agree in the nibbles before `depth`.
fn join<V: Clone>(depth: usize, leaves: &[([u8; 32], Link<V>)]) -> Option<Link<V>> {
    // Keys that were the same would be the same all the way down.
    if leaves.len() <= 1 || depth == PATH_NIBBLES {
        return leaves.first().map(|(_, leaf)| leaf.clone());
    }
    let below = leaves.chunk_by(|(a, _), (b, _)| nibble(a, depth) == nibble(b, depth));
    let children = below.filter_map(|leaves| {
        let (path, _) = leaves.first()?;
        Some((nibble(path, depth), join(depth + 1, leaves)?))
    });
    Some(Link::inner(Slots::ascending(children)))
}
