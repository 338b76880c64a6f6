//! Views at old cuts, for judging ops that were not written at our heads (section 7).
//!
//! A cache: dropping it changes nothing but the cost. A view moves to a cut by the difference
//! between the two sets, out of the nearest one that is kept: the current one, those of branches
//! that ops were judged on lately, and checkpoints at sizes that double.

use crate::governance::frontier::Frontier;
use crate::governance::graph::Graph;
use crate::governance::reach::Cut;
use crate::governance::view::View;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Most views of branches kept.
const BRANCHES_MAX: usize = 8;
/// Ops at the first checkpoint.
const CHECKPOINT_MIN: u32 = 1024;
/// Ops by which a view moves at once: what they write to one row is written and hashed once.
const SETTLE_EVERY: usize = 64;

/// Views that were useful, and may be again.
#[derive(Clone, Debug, Default)]
pub struct Cuts {
    /// Latest use last.
    branches: Vec<View>,
    /// By the number of ops.
    checkpoints: BTreeMap<u32, View>,
}

/// All caches are equal: what they hold never shows.
impl PartialEq for Cuts {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Cuts {}

impl Cuts {
    /// Keeps the current view each time that the history has doubled, to start from for old cuts.
    ///
    /// What changes after a checkpoint is copied first, to leave it as it is. That happens once, so
    /// with ever fewer checkpoints it costs each op ever less.
    pub fn note(&mut self, graph: &Graph, current: &View) {
        let count = graph.len();
        if count >= CHECKPOINT_MIN && count.is_power_of_two() {
            self.checkpoints.insert(count, current.clone());
        }
    }

    /// The view at `cut`, or one whose visible part is the same; `None` when the budget ran out on
    /// the way, to be asked again with a new one.
    pub fn view_at<'a>(
        &'a mut self,
        graph: &Graph,
        current: &'a View,
        frontier: &Frontier,
        cut: &Cut,
        budget: &mut u32,
    ) -> Option<&'a View> {
        // All that is visible is in the cut: what it holds besides has no effect.
        if frontier.is_within(graph, cut) {
            return Some(current);
        }
        let known = |view: &View| view.is_settled() && view.cut() == cut;
        if let Some(at) = self.branches.iter().position(known) {
            return self.branches.get(at);
        }
        let mut view = self.nearest(current, cut);
        let arrived = travel(graph, &mut view, cut, budget);
        self.branches.push(view);
        if arrived { self.branches.last() } else { None }
    }

    /// Takes the kept view from which the way to `cut` is shortest.
    fn nearest(&mut self, current: &View, cut: &Cut) -> View {
        let branch = closest(self.branches.iter(), cut);
        let checkpoint = closest(self.checkpoints.values(), cut);
        let from_current = current.cut().distance(cut);
        let from_branch = branch.map_or(u64::MAX, |(distance, _)| distance);
        let from_checkpoint = checkpoint.map_or(u64::MAX, |(distance, _)| distance);
        let view = if from_branch <= from_current.min(from_checkpoint) {
            branch.and_then(|(_, at)| self.take_branch(at, cut))
        } else if from_checkpoint < from_current {
            checkpoint.and_then(|(_, at)| self.checkpoints.values().nth(at).cloned())
        } else {
            None
        };
        if self.branches.len() >= BRANCHES_MAX {
            self.branches.remove(0);
        }
        view.unwrap_or_else(|| current.clone())
    }

    /// A branch that only grows is moved along; one that is left stays for others.
    fn take_branch(&mut self, at: usize, cut: &Cut) -> Option<View> {
        let view = self.branches.get(at)?;
        let grows = !view.is_settled() || view.cut().union(cut) == *cut;
        if grows { Some(self.branches.remove(at)) } else { Some(view.clone()) }
    }
}

fn closest<'a>(views: impl Iterator<Item = &'a View>, cut: &Cut) -> Option<(u64, usize)> {
    views.enumerate().map(|(at, view)| (view.cut().distance(cut), at)).min()
}

/// Moves a view to a cut: maximal ops out, then missing ones in, so that the set stays closed.
fn travel(graph: &Graph, view: &mut View, cut: &Cut, budget: &mut u32) -> bool {
    if !view.settle(graph, budget) {
        return false;
    }
    let mut leaving = graph.difference(view.cut(), cut);
    leaving.reverse();
    for some in leaving.chunks(SETTLE_EVERY) {
        for ix in some {
            view.exclude(graph, *ix);
        }
        if !view.settle(graph, budget) {
            return false;
        }
    }
    for some in graph.difference(cut, view.cut()).chunks(SETTLE_EVERY) {
        for ix in some {
            view.include(graph, *ix);
        }
        if !view.settle(graph, budget) {
            return false;
        }
    }
    view.take_changes();
    true
}
