//! Who is an ancestor of whom, in O(log n) (D2).
//!
//! The graph is covered by chains: within a chain each op is an ancestor of the next. A causally
//! closed set is then one number per chain, how much of it is inside, kept in a persistent map. An
//! op joins a chain whose last op it descends from, so a history without concurrency is one chain
//! and all its ops share one map. How ops fall into chains depends on arrival; nothing that a peer
//! can see does.

use crate::governance::table::{ChainIx, Ix, Key, Table};
use crate::pmap::PMap;
use alloc::vec::Vec;

/// A causally closed set of ops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    counts: PMap<u32>,
}

/// The place of an op in the chain cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its chain.
    pub chain: ChainIx,
    /// How many ops of the chain come before it.
    pub position: u32,
}

impl Cut {
    /// Whether the set holds the op at `place`.
    pub fn contains(&self, place: Place) -> bool {
        self.count(place.chain) > place.position
    }

    /// How much of a chain is inside.
    pub fn count(&self, chain: ChainIx) -> u32 {
        self.counts.get(chain.place()).copied().unwrap_or(0)
    }

    /// Adds the op at `place`, whose ancestors are inside.
    pub fn include(&mut self, place: Place) {
        if !self.contains(place) {
            self.counts.insert(place.chain.place(), place.position.saturating_add(1));
        }
    }

    /// Takes out the op at `place`, which is maximal.
    pub fn exclude(&mut self, place: Place) {
        if place.position == 0 {
            self.counts.remove(place.chain.place());
        } else {
            self.counts.insert(place.chain.place(), place.position);
        }
    }

    /// The union of two sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { counts: self.counts.merge_with(&other.counts, |a, b| *a.max(b)) }
    }

    /// Whether both are the same memory. `false` says nothing about what they hold.
    pub fn is_same(&self, other: &Self) -> bool {
        self.counts.ptr_eq(&other.counts)
    }

    /// Number of ops in exactly one of the two sets.
    pub fn distance(&self, other: &Self) -> u64 {
        let mut sum = 0;
        self.counts.diff(&other.counts, &mut |_, a, b| {
            sum += u64::from(a.copied().unwrap_or(0).abs_diff(b.copied().unwrap_or(0)));
        });
        sum
    }
}

/// The chains.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    chains: Table<ChainIx, Vec<Ix>>,
    /// Chains that grew lately, where an op whose parents are taken looks for a place.
    recent: Vec<ChainIx>,
}

/// How many chains an op tries before it begins a new one.
const RECENT_MAX: usize = 8;

impl Chains {
    /// Gives a new op its place: behind the end of a chain that lies in its past, `cut`.
    ///
    /// `parents` are the places of the op's parents; `place_of` tells that of any op.
    pub fn assign(
        &mut self,
        ix: Ix,
        parents: &[Place],
        cut: &Cut,
        place_of: impl Fn(Ix) -> Place,
    ) -> Place {
        let ends_in = |chain: ChainIx| {
            self.chains[chain].last().is_none_or(|last| cut.contains(place_of(*last)))
        };
        let at_end = |place: &&Place| self.chains[place.chain].len() == place.position as usize + 1;
        let chain = parents
            .iter()
            .find(at_end)
            .map(|place| place.chain)
            .or_else(|| self.recent.iter().copied().find(|chain| ends_in(*chain)));
        let chain = chain.unwrap_or_else(|| self.chains.push(Vec::new()));
        self.note_recent(chain);
        let row = &mut self.chains[chain];
        let position = u32::try_from(row.len()).unwrap_or(u32::MAX);
        row.push(ix);
        Place { chain, position }
    }

    /// The place of a new op right behind `parent`, where that is the end of its chain: then the
    /// rest of its past is of no account.
    pub fn follow(&mut self, ix: Ix, parent: Place) -> Option<Place> {
        let row = &mut self.chains[parent.chain];
        let position = parent.position.saturating_add(1);
        if row.len() != position as usize {
            return None;
        }
        row.push(ix);
        self.note_recent(parent.chain);
        Some(Place { position, ..parent })
    }

    /// The last op of each chain that is in a causally closed set, which `has` tells: of a chain it
    /// holds a beginning.
    pub fn tops_within(&self, has: impl Fn(Ix) -> bool) -> impl Iterator<Item = Ix> {
        self.chains.iter().filter_map(move |(_, ops)| {
            let count = ops.partition_point(|ix| has(*ix));
            ops.get(count.checked_sub(1)?).copied()
        })
    }

    /// The set of all ops.
    pub fn all(&self) -> Cut {
        let counts = self.chains.iter().map(|(chain, ops)| (chain.place(), ops.len()));
        let filled = counts.filter(|(_, count)| *count > 0);
        let counts = filled.map(|(chain, count)| (chain, u32::try_from(count).unwrap_or(u32::MAX)));
        Cut { counts: counts.collect() }
    }

    fn note_recent(&mut self, chain: ChainIx) {
        if self.recent.first() == Some(&chain) {
            return;
        }
        self.recent.retain(|other| *other != chain);
        self.recent.insert(0, chain);
        self.recent.truncate(RECENT_MAX);
    }

    /// The ops in `larger` that are not in `smaller`, ascending, which is a topological order.
    pub fn difference(&self, larger: &Cut, smaller: &Cut) -> Vec<Ix> {
        let mut found = Vec::new();
        larger.counts.diff(&smaller.counts, &mut |chain, to, from| {
            let from = from.copied().unwrap_or(0) as usize;
            let to = to.copied().unwrap_or(0) as usize;
            if let Some(ops) = self.chains[ChainIx(chain)].get(from..to) {
                found.extend_from_slice(ops);
            }
        });
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests;
