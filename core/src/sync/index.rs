//! The stored ops in the order of reconciliation, with sums of their ids (NET-42).
//!
//! Blocks of places in the graph, about six bytes for each op. A sum over any range costs the
//! blocks before its ends once per message, and a partial block for each end.

use crate::governance::graph::Graph;
use crate::governance::table::Ix;
use crate::id::OpId;
use alloc::vec::Vec;
use core::cell::Cell;

/// Most ops in one block: so many ids are added up at each end of a range.
const BLOCK_MAX: usize = 64;

/// Where an op stands in the order. Parents stand before their children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Its generation.
    pub generation: u64,
    /// Its id.
    pub id: OpId,
}

/// Something that only grows and tells the key of each of its ops.
pub trait Keyed {
    /// Number of ops.
    fn count(&self) -> u32;
    /// The key of an op.
    fn key(&self, ix: Ix) -> Key;
}

impl Keyed for Graph {
    fn count(&self) -> u32 {
        self.len()
    }

    fn key(&self, ix: Ix) -> Key {
        let node = self.node(ix);
        Key { generation: node.generation, id: node.id }
    }
}

/// A sum of ids modulo 2²⁵⁶, little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum([u64; 4]);

impl Sum {
    /// An id as a number.
    fn of(id: &OpId) -> Self {
        let (lanes, _) = id.0.as_chunks::<8>();
        let mut lanes = lanes.iter();
        Self(core::array::from_fn(|_| lanes.next().map_or(0, |lane| u64::from_le_bytes(*lane))))
    }

    fn plus(self, other: Self) -> Self {
        self.combine(other, u64::overflowing_add)
    }

    fn minus(self, other: Self) -> Self {
        self.combine(other, u64::overflowing_sub)
    }

    fn combine(self, other: Self, lane: fn(u64, u64) -> (u64, bool)) -> Self {
        let mut carry = false;
        let mut lanes = self.0.into_iter().zip(other.0);
        Self(core::array::from_fn(|_| {
            let (a, b) = lanes.next().unwrap_or_default();
            let (partial, first) = lane(a, b);
            let (whole, second) = lane(partial, u64::from(carry));
            carry = first || second;
            whole
        }))
    }

    /// The sum as bytes.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().flat_map(u64::to_le_bytes)
    }
}

/// The order. A cache of the graph; while it is made, peers hear `Busy`.
#[derive(Clone, Debug, Default)]
pub struct Index {
    blocks: Vec<Block>,
    len: u32,
}

/// Neighbours in the order.
#[derive(Clone, Debug)]
struct Block {
    first: Key,
    ops: Vec<Ix>,
    sum: Sum,
}

/// All caches are equal: what they hold shows in nothing but how soon a peer is served.
impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Index {}

impl Index {
    /// Number of ops in the order.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Enters ops that are new, at most `count`. Whether all are in the order now.
    pub fn catch_up(&mut self, ops: &impl Keyed, count: u32) -> bool {
        let until = ops.count().min(self.len.saturating_add(count));
        while self.len < until {
            self.insert(ops, Ix(self.len));
            self.len += 1;
        }
        self.len == ops.count()
    }

    fn insert(&mut self, ops: &impl Keyed, ix: Ix) {
        let key = ops.key(ix);
        let at = block_at(&self.blocks, &key);
        let is_last = at + 1 == self.blocks.len();
        let Some(block) = self.blocks.get_mut(at) else {
            return self.blocks.push(Block { first: key, ops: [ix].into(), sum: Sum::of(&key.id) });
        };
        let place = block.ops.partition_point(|other| ops.key(*other) < key);
        block.ops.insert(place, ix);
        block.sum = block.sum.plus(Sum::of(&key.id));
        block.first = block.first.min(key);
        if block.ops.len() <= BLOCK_MAX {
            return;
        }
        // A history that only grows at its end leaves full blocks behind.
        let is_end = is_last && place == BLOCK_MAX;
        let upper = block.ops.split_off(if is_end { BLOCK_MAX } else { BLOCK_MAX / 2 });
        let sum = sum_of(ops, &upper);
        block.sum = block.sum.minus(sum);
        if let Some(first) = upper.first().map(|ix| ops.key(*ix)) {
            self.blocks.insert(at + 1, Block { first, ops: upper, sum });
        }
    }

    /// The order as it is now, to be asked many times.
    pub fn ordered<'a, K: Keyed>(&'a self, ops: &'a K) -> Ordered<'a, K> {
        let (mut starts, mut sums) = (Vec::new(), Vec::new());
        let (mut start, mut sum) = (0, Sum::default());
        for block in &self.blocks {
            starts.push(start);
            sums.push(sum);
            start += block.ops.len();
            sum = sum.plus(block.sum);
        }
        let last = Cell::new((0, Sum::default()));
        Ordered { blocks: &self.blocks, ops, starts, sums, len: start, last }
    }
}

/// The block in which a key stands, or would.
fn block_at(blocks: &[Block], key: &Key) -> usize {
    blocks.partition_point(|block| block.first <= *key).saturating_sub(1)
}

fn sum_of(ops: &impl Keyed, places: &[Ix]) -> Sum {
    places.iter().fold(Sum::default(), |sum, ix| sum.plus(Sum::of(&ops.key(*ix).id)))
}

/// An order with the ranks and sums at the beginning of each block.
#[derive(Debug)]
pub struct Ordered<'a, K> {
    blocks: &'a [Block],
    ops: &'a K,
    starts: Vec<usize>,
    sums: Vec<Sum>,
    len: usize,
    /// The last rank up to which ids were added up, and their sum: ranges follow one another.
    last: Cell<(usize, Sum)>,
}

impl<K: Keyed> Ordered<'_, K> {
    /// Number of ops.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many ops stand before `key`.
    pub fn rank(&self, key: &Key) -> usize {
        let at = block_at(self.blocks, key);
        let (Some(block), Some(start)) = (self.blocks.get(at), self.starts.get(at)) else {
            return 0;
        };
        start + block.ops.partition_point(|ix| self.ops.key(*ix) < *key)
    }

    /// The keys of the ops from one rank to another.
    pub fn range(&self, lower: usize, upper: usize) -> impl Iterator<Item = Key> {
        self.places(lower, upper).map(|ix| self.key(ix))
    }

    /// The key of an op.
    pub fn key(&self, ix: Ix) -> Key {
        self.ops.key(ix)
    }

    /// The ops from one rank to another.
    pub fn places(&self, lower: usize, upper: usize) -> impl Iterator<Item = Ix> {
        let at = self.block_of(lower);
        let skipped = lower - self.starts.get(at).copied().unwrap_or(0);
        let blocks = self.blocks.get(at..).unwrap_or_default();
        let ops = blocks.iter().flat_map(|block| &block.ops).skip(skipped);
        ops.take(upper.saturating_sub(lower)).copied()
    }

    /// The sum of the ids from one rank to another.
    pub fn sum(&self, lower: usize, upper: usize) -> Sum {
        let below = self.sum_before(lower);
        self.sum_before(upper).minus(below)
    }

    fn sum_before(&self, rank: usize) -> Sum {
        let (last, sum) = self.last.get();
        if rank == last {
            return sum;
        }
        let at = self.block_of(rank);
        let (Some(block), Some(start), Some(sum)) =
            (self.blocks.get(at), self.starts.get(at), self.sums.get(at))
        else {
            return Sum::default();
        };
        let before = block.ops.get(..rank - start).unwrap_or(&block.ops);
        let sum = sum.plus(sum_of(self.ops, before));
        self.last.set((rank, sum));
        sum
    }

    /// The last block that begins at this rank or before.
    fn block_of(&self, rank: usize) -> usize {
        self.starts.partition_point(|start| *start <= rank).saturating_sub(1)
    }
}
