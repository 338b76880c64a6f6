//! The chain of anchors, and what a change of it moves (D12).

use super::{TreeWork, View};
use crate::governance::graph::{Deed, Graph};
use crate::governance::table::{Ix, PersonIx};
use alloc::sync::Arc;
use alloc::vec::Vec;

impl View {
    /// Follows an anchor that joined or left the set, and marks what depends on epochs.
    pub(super) fn note_anchor(&mut self, graph: &Graph, anchor: Ix) {
        let before = Arc::clone(&self.anchors);
        let kept = before.partition_point(|old| graph.is_past(*old, anchor));
        let chain = self.continue_chain(graph, before.get(..kept).unwrap_or_default());
        if *before == chain {
            return;
        }
        let same = before.iter().zip(&chain).take_while(|(old, new)| old == new).count();
        // Ops below the last anchor in common keep their epoch. Where the chain only grew by one,
        // so do those below the new one: they were, and are, in the epoch that it closes. Where
        // the last one was replaced, those below the old one move to the next epoch.
        let grown = same + 1 == before.len().max(chain.len()) && before.len() != chain.len();
        let longer = if chain.len() > before.len() { &chain } else { &*before };
        let last =
            if grown { longer.get(same) } else { same.checked_sub(1).and_then(|at| chain.get(at)) };
        let settled = last.map(|anchor| graph.closure(&[*anchor])).unwrap_or_default();
        self.anchors = Arc::new(chain);
        for moved in graph.difference(&self.cut, &settled) {
            self.mark_moved(graph, moved);
        }
    }

    /// Derives the chain of a restored view: anchor by anchor, as long as each goes on where the
    /// one before it ended, which is the rule.
    pub(super) fn restore_anchors(&mut self, graph: &Graph) {
        let mut notary = graph.owners.first().copied();
        let mut chain: Vec<Ix> = Vec::with_capacity(graph.anchors.len());
        for anchor in &graph.anchors {
            let node = graph.node(*anchor);
            let follows = chain.last().is_none_or(|tip| graph.is_past(*tip, *anchor));
            if !follows || Some(node.signer) != notary {
                chain = self.continue_chain(graph, &[]);
                break;
            }
            chain.push(*anchor);
            if let Deed::Anchor { notary: Some(named) } = node.deed {
                notary = Some(named);
            }
        }
        self.anchors = Arc::new(chain);
    }

    /// The chain that begins with `kept` (D12).
    fn continue_chain(&self, graph: &Graph, kept: &[Ix]) -> Vec<Ix> {
        let mut chain = kept.to_vec();
        loop {
            let Some(notary) = notary_after(graph, &chain) else { return chain };
            let tip = chain.last().copied();
            let follows = |anchor: &Ix| {
                self.holds(graph, *anchor)
                    && graph.node(*anchor).signer == notary
                    && tip.is_none_or(|tip| graph.is_past(tip, *anchor))
            };
            // Newest first: the usual chain has nothing behind its tip.
            let next: Vec<Ix> = graph
                .anchors
                .iter()
                .rev()
                .take_while(|anchor| tip.is_none_or(|tip| **anchor > tip))
                .copied()
                .filter(follows)
                .collect();
            let minimal = |anchor: &&Ix| !next.iter().any(|other| graph.is_past(*other, **anchor));
            let least = next.iter().filter(minimal).min_by_key(|anchor| graph.node(**anchor).id);
            let Some(least) = least else { return chain };
            chain.push(*least);
        }
    }

    /// The notary at this set: the owner of rank 0, until an anchor of the chain names another.
    pub fn notary(&self, graph: &Graph) -> Option<PersonIx> {
        notary_after(graph, &self.anchors)
    }

    /// Marks an op whose epoch changed, with all that it may free or strike or outrank.
    fn mark_moved(&mut self, graph: &Graph, ix: Ix) {
        self.mark(graph, ix);
        self.mark_victims(graph, ix);
        let deed = graph.node(ix).deed;
        if let Some(invitation) = deed.used_invitation() {
            for join in &graph.invitations[invitation].joins {
                self.mark(graph, *join);
            }
        }
        if let Some(slot) = deed.written() {
            self.work.slots.entry(slot).or_default();
            for write in &graph.slots[slot].strict {
                self.mark(graph, *write);
            }
        }
        if deed.is_structure() {
            self.work.tree = TreeWork::Rebuild;
        }
    }
}

/// Anchors that name a notary are rare, and a chain is long: the few are looked up in the chain.
fn notary_after(graph: &Graph, chain: &[Ix]) -> Option<PersonIx> {
    let last = graph.namings.iter().rev().find(|(anchor, _)| chain.binary_search(anchor).is_ok());
    last.map(|(_, notary)| *notary).or_else(|| graph.owners.first().copied())
}
