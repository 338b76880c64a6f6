//! The shape of a Merkle map, rebuilt from its rows every time (GOV-20).

use folkmoot_core::digest::{Domain, digest};
use std::collections::BTreeMap;

/// Root of the map that holds these rows of key bytes and value.
pub(super) fn root<'a>(rows: impl Iterator<Item = (Vec<u8>, &'a [u8])>) -> [u8; 32] {
    let leaves: Vec<Leaf> = rows.map(|(key, value)| Leaf::new(&key, value)).collect();
    match leaves.as_slice() {
        [only] => only.hash,
        several => inner(several, 0),
    }
}

#[derive(Clone, Copy)]
struct Leaf {
    path: [u8; 32],
    hash: [u8; 32],
}

impl Leaf {
    fn new(key: &[u8], value: &[u8]) -> Self {
        let path = digest(Domain::MerkleKey, key);
        Self { path, hash: digest(Domain::MerkleLeaf, &[path.as_slice(), value].concat()) }
    }

    /// The nibble at `depth`, the high one of each byte first.
    fn nibble(&self, depth: usize) -> u8 {
        let byte = self.path.get(depth / 2).copied().unwrap_or_default();
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
    }
}

fn inner(leaves: &[Leaf], depth: usize) -> [u8; 32] {
    let mut children: BTreeMap<u8, Vec<Leaf>> = BTreeMap::new();
    for leaf in leaves {
        children.entry(leaf.nibble(depth)).or_default().push(*leaf);
    }
    let slots: Vec<[u8; 32]> = (0..16)
        .map(|nibble| match children.get(&nibble).map(Vec::as_slice) {
            None => [0; 32],
            Some([only]) => only.hash,
            Some(several) => inner(several, depth + 1),
        })
        .collect();
    let quarters: Vec<[u8; 32]> = slots.chunks(4).map(quarter).collect();
    digest(Domain::MerkleNode, &quarters.concat())
}

fn quarter(slots: &[[u8; 32]]) -> [u8; 32] {
    if slots.iter().all(|slot| *slot == [0; 32]) {
        return [0; 32];
    }
    digest(Domain::MerkleQuarter, &slots.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_of(keys: &[&[u8]]) -> [u8; 32] {
        root(keys.iter().map(|key| (key.to_vec(), b"value".as_slice())))
    }

    #[test]
    fn gov_20_an_empty_map_is_a_node_without_children() {
        assert_eq!(root_of(&[]), digest(Domain::MerkleNode, &[0; 4 * 32]));
    }

    #[test]
    fn gov_20_one_row_is_its_leaf() {
        let path = digest(Domain::MerkleKey, b"a");
        let leaf = digest(Domain::MerkleLeaf, &[path.as_slice(), b"value"].concat());
        assert_eq!(root_of(&[b"a"]), leaf);
    }

    #[test]
    fn gov_20_rows_that_share_nibbles_go_down_together() {
        let leaf = |key: &[u8]| Leaf::new(key, b"value");
        let keys: Vec<Vec<u8>> = (0_u16..4000).map(|n| n.to_le_bytes().to_vec()).collect();
        let first = leaf(keys[0].as_slice());
        let twin = keys.iter().skip(1).find(|key| {
            let other = leaf(key);
            (0..2).all(|at| other.nibble(at) == first.nibble(at))
                && other.nibble(2) != first.nibble(2)
        });
        let twin = leaf(twin.unwrap());
        let node = |children: &[(u8, [u8; 32])]| {
            let mut slots = [[0; 32]; 16];
            for (nibble, hash) in children {
                slots[usize::from(*nibble)] = *hash;
            }
            let quarters = [0, 4, 8, 12].map(|at| match slots[at..at + 4].concat() {
                empty if empty == [0; 128] => [0; 32],
                filled => digest(Domain::MerkleQuarter, &filled),
            });
            digest(Domain::MerkleNode, &quarters.concat())
        };
        let bottom = node(&[(first.nibble(2), first.hash), (twin.nibble(2), twin.hash)]);
        let middle = node(&[(first.nibble(1), bottom)]);
        let top = node(&[(first.nibble(0), middle)]);
        assert_eq!(inner(&[first, twin], 0), top);
        assert_eq!(inner(&[twin, first], 0), top);
    }
}
