//! Working off what changed, a bounded piece at a time (section 7).

use super::View;
use crate::governance::graph::Graph;
use crate::governance::table::{Ix, Key};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::mem;

/// What a view did since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Ops that became effective (true) or void, in the order in which they did; an op may occur
    /// more than once, and the last entry counts.
    pub flipped: Vec<(Ix, bool)>,
    /// Every op that was evaluated again, changed or not.
    pub evaluated: BTreeSet<Ix>,
}

impl View {
    /// Evaluates what is marked, at most `budget` units of work, and takes from the budget.
    ///
    /// Returns whether the view is settled. Until it is, its answers belong to no set.
    pub fn settle(&mut self, graph: &Graph, budget: &mut u32) -> bool {
        while let Some((order, ix)) = self.work.ops.first().copied() {
            if !spend(budget) {
                return false;
            }
            self.work.ops.remove(&(order, ix));
            self.evaluate_again(graph, ix);
        }
        while let Some(person) = self.work.people.first().copied() {
            if !spend(budget) {
                return false;
            }
            self.work.people.remove(&person);
            self.refresh_person(graph, person);
        }
        self.settle_tree(graph);
        while let Some((slot, work)) = self.work.slots.pop_first() {
            self.refresh_slot(graph, slot, work);
        }
        while let Some(group) = self.work.groups.pop_first() {
            self.stale.insert(group, graph.groups[group]);
        }
        self.refresh_top();
        true
    }

    /// Settles however long it takes.
    pub fn settle_all(&mut self, graph: &Graph) {
        while !self.settle(graph, &mut u32::MAX.clone()) {}
    }

    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        Changes {
            flipped: mem::take(&mut self.work.flipped),
            evaluated: mem::take(&mut self.work.evaluated),
        }
    }

    fn evaluate_again(&mut self, graph: &Graph, ix: Ix) {
        self.work.evaluated.insert(ix);
        let before = self.void.get(ix.place()).is_none();
        let now = self.evaluate(graph, ix);
        if now == before {
            return;
        }
        if now {
            self.void.remove(ix.place());
        } else {
            self.void.insert(ix.place(), ());
        }
        self.flip(graph, ix, now);
    }
}

fn spend(budget: &mut u32) -> bool {
    let left = *budget > 0;
    *budget = budget.saturating_sub(1);
    left
}
