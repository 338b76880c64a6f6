//! Finding a row of a table by the id that stands in it.
//!
//! The rows hold the ids already; here are only their places, in the order of the ids, with the
//! first bytes of each beside it. So an entry takes eight bytes instead of the forty of a map, and
//! a search reads rows only where these bytes are equal. Ids are chosen by whoever makes an op or a
//! key: there is no hashing that a bad choice could defeat, a search is logarithmic at worst.

use crate::governance::table::Key;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::marker::PhantomData;

/// Entries of a block before it is split in two.
const BLOCK_MAX: usize = 512;
/// Entries of a block when all are entered at once: room for more, as there is after a split.
const BLOCK_FILLED: usize = BLOCK_MAX / 4 * 3;

/// The rows of one table in the order of their ids, which differ.
#[derive(Clone, Debug)]
pub struct IdIndex<K> {
    blocks: Vec<Block>,
    kind: PhantomData<K>,
}

/// Neighbours in the order; at least one.
#[derive(Clone, Debug)]
struct Block {
    first: Entry,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first bytes of the id.
    head: u32,
    place: u32,
}

fn head_of(id: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *id;
    u32::from_be_bytes([a, b, c, d])
}

impl<K> Default for IdIndex<K> {
    fn default() -> Self {
        Self { blocks: Vec::new(), kind: PhantomData }
    }
}

impl<K: Key> IdIndex<K> {
    /// The index of the first `count` rows; `None` where two have the same id.
    pub fn of<'a>(count: u32, id_of: impl Fn(K) -> &'a [u8; 32]) -> Option<Self> {
        let id = |entry: &Entry| id_of(K::at(entry.place));
        let order = |a: &Entry, b: &Entry| a.head.cmp(&b.head).then_with(|| id(a).cmp(id(b)));
        let rows = (0..count).map(|place| Entry { head: head_of(id_of(K::at(place))), place });
        let mut entries: Vec<Entry> = rows.collect();
        entries.sort_unstable_by(order);
        if !entries.is_sorted_by(|a, b| order(a, b).is_lt()) {
            return None;
        }
        let blocks = entries.chunks(BLOCK_FILLED).filter_map(Block::of).collect();
        Some(Self { blocks, kind: PhantomData })
    }

    /// The row with an id; `id_of` tells that of any row.
    pub fn find<'a>(&self, id: &[u8; 32], id_of: impl Fn(K) -> &'a [u8; 32]) -> Option<K> {
        let (block, place) = self.search(id, id_of);
        let place = place.ok()?;
        Some(K::at(self.blocks.get(block)?.entries.get(place)?.place))
    }

    /// Enters a row, unless there is one with its id.
    pub fn insert<'a>(&mut self, row: K, id: &[u8; 32], id_of: impl Fn(K) -> &'a [u8; 32]) {
        let entry = Entry { head: head_of(id), place: row.place() };
        let (at, Err(place)) = self.search(id, id_of) else { return };
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.extend(Block::of(&[entry]));
            return;
        };
        if place == 0 {
            block.first = entry;
        }
        block.entries.insert(place, entry);
        if block.entries.len() >= BLOCK_MAX {
            let upper = block.entries.split_off(BLOCK_MAX / 2);
            if let Some(first) = upper.first().copied() {
                self.blocks.insert(at + 1, Block { first, entries: upper });
            }
        }
    }

    /// The block in which an id is or would be, and where in it.
    ///
    /// Rows are read only where first bytes are equal. What is compared before has no branch that
    /// a processor could guess wrong.
    fn search<'a>(
        &self,
        id: &[u8; 32],
        id_of: impl Fn(K) -> &'a [u8; 32],
    ) -> (usize, Result<usize, usize>) {
        let head = head_of(id);
        let compare = |entry: &Entry| -> Ordering {
            entry.head.cmp(&head).then_with(|| id_of(K::at(entry.place)).cmp(id))
        };
        let mut after = self.blocks.partition_point(|block| block.first.head < head);
        if let Some(rest @ [next, ..]) = self.blocks.get(after..)
            && next.first.head == head
        {
            after += rest.partition_point(|block| compare(&block.first).is_le());
        }
        let at = after.saturating_sub(1);
        let entries = self.blocks.get(at).map(|block| block.entries.as_slice()).unwrap_or_default();
        let before = entries.partition_point(|entry| entry.head < head);
        let place = match entries.get(before..) {
            Some(rest @ [next, ..]) if next.head == head => {
                let found = rest.binary_search_by(compare);
                found.map(|at| before + at).map_err(|at| before + at)
            }
            _ => Err(before),
        };
        (at, place)
    }
}

impl Block {
    fn of(entries: &[Entry]) -> Option<Self> {
        let mut block = Vec::with_capacity(BLOCK_MAX.min(entries.len() * 2));
        block.extend_from_slice(entries);
        Some(Self { first: *entries.first()?, entries: block })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Domain, digest};
    use crate::governance::table::Ix;

    /// Ids of which many share their first bytes.
    fn ids(count: u32) -> Vec<[u8; 32]> {
        let id = |number: u32| {
            let mut id = digest(Domain::MerkleKey, &number.to_le_bytes());
            if number.is_multiple_of(3) {
                id.iter_mut().take(8).for_each(|byte| *byte = 9);
            }
            id
        };
        (0..count).map(id).collect()
    }

    #[test]
    fn every_row_is_found_and_nothing_else_however_the_index_was_made() {
        let ids = ids(5_000);
        let of = |ix: Ix| ids.get(ix.0 as usize).unwrap();
        let mut grown: IdIndex<Ix> = IdIndex::default();
        for (at, id) in (0..).zip(&ids) {
            assert_eq!(grown.find(id, of), None);
            grown.insert(Ix(at), id, of);
        }
        let made = IdIndex::of(5_000, of).unwrap();
        for (at, id) in (0..).zip(&ids) {
            assert_eq!((grown.find(id, of), made.find(id, of)), (Some(Ix(at)), Some(Ix(at))));
            let mut other = *id;
            other[31] ^= 1;
            assert_eq!((grown.find(&other, of), made.find(&other, of)), (None, None));
        }
        assert_eq!(IdIndex::<Ix>::default().find(&[0; 32], of), None);
    }

    #[test]
    fn two_rows_with_one_id_are_refused() {
        let ids = [[1; 32], [2; 32], [1; 32]];
        assert!(IdIndex::of(3, |ix: Ix| ids.get(ix.0 as usize).unwrap()).is_none());
        assert!(IdIndex::of(2, |ix: Ix| ids.get(ix.0 as usize).unwrap()).is_some());
    }

    #[test]
    fn rows_can_follow_those_entered_at_once() {
        let ids = ids(3_000);
        let of = |ix: Ix| ids.get(ix.0 as usize).unwrap();
        let mut index = IdIndex::of(1_000, of).unwrap();
        for at in 1_000..3_000 {
            index.insert(Ix(at), of(Ix(at)), of);
        }
        assert!((0..3_000).all(|at| index.find(of(Ix(at)), of) == Some(Ix(at))));
    }
}
