//! Whole namespaces from a seed: everything that people, honest or not, may do to each other.
//!
//! A world is data: the ops that became nodes of the graph, in an order in which parents come
//! first, the ops that were refused, and the oracle that judged them. The same seed and profile
//! give the same bytes on every machine. Honest authors sign what they know and their own last
//! op; Byzantine ones sign at any closed cut, with wrong hashes and nonces, and twice.

mod bodies;
mod builder;
mod prng;
mod profile;

#[cfg(test)]
mod tests;

pub use prng::Prng;
pub use profile::Profile;

use crate::oracle::Oracle;
use builder::Builder;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::signed::{Op, Verified};
use std::collections::BTreeSet;

/// A namespace with its history.
#[derive(Debug)]
pub struct World {
    /// What it was generated from.
    pub seed: u64,
    /// What it was generated for.
    pub profile: Profile,
    /// Every op that is a node of the graph, parents first; the genesis stands first.
    pub ops: Vec<Verified<Op>>,
    /// Some ops that were dropped or wait for ever, with their verdict where they arrive in this
    /// order after all of `ops`.
    pub refused: Vec<(Verified<Op>, Admission)>,
    /// Knows all of `ops`.
    pub oracle: Oracle,
}

impl World {
    /// The world of this seed.
    pub fn generate(seed: u64, profile: Profile) -> Self {
        Builder::new(seed, profile).run().into_world(seed, profile)
    }

    /// The namespace.
    pub fn namespace(&self) -> NamespaceId {
        self.oracle.namespace()
    }

    /// `count` random orders of arrival in which parents come first, as positions in
    /// [`World::ops`].
    pub fn orders(&self, seed: u64, count: usize) -> Vec<Vec<usize>> {
        let mut rng = Prng::new(seed);
        (0..count).map(|_| self.order(&mut rng)).collect()
    }

    fn order(&self, rng: &mut Prng) -> Vec<usize> {
        let mut known: BTreeSet<OpId> = BTreeSet::new();
        let mut left: Vec<(usize, &Verified<Op>)> = self.ops.iter().enumerate().collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let is_ready = |op: &Op| op.payload.parents.iter().all(|id| known.contains(id));
            let ready: Vec<_> = left.iter().copied().filter(|(_, op)| is_ready(op)).collect();
            let Some((at, op)) = rng.pick(&ready) else { break };
            known.insert(op.id);
            order.push(*at);
            left.retain(|(other, _)| other != at);
        }
        order
    }
}
