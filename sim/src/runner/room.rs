//! Marks of what is full at a node: what comes next makes it forget something, or is put off.

use super::Runner;
use folkmoot_core::limits::{
    LISTS_MAX, PARKED_COUNT_MAX, PEER_NOTES_MAX, PENDING_COUNT_MAX, PENDING_PER_SIGNER_MAX,
    REFUSED_COUNT_MAX,
};
use folkmoot_core::state::Desk;
use std::collections::BTreeMap;

impl Runner<'_> {
    /// Notes what a node has no more room for.
    pub(super) fn note_room(&mut self, at: usize) {
        let (Some(namespace), Some(node)) = (self.namespace, self.world.nodes.get(at)) else {
            return;
        };
        let (durable, volatile) = (&node.state().durable, &node.state().volatile);
        let share = volatile.settings.share;
        let full = |count: usize, limit: usize| count >= share.of(limit);
        let known = durable.namespaces.get(&namespace);
        let desk = volatile.desks.get(&namespace);
        let waiting = desk.map_or(0, |desk| desk.pending.len());
        let found = [
            ("full: lists", full(volatile.lists.len(), LISTS_MAX)),
            ("full: waiting ops", full(waiting, PENDING_COUNT_MAX)),
            (
                "full: waiting ops of a signer",
                full(desk.map_or(0, most_of_a_signer), PENDING_PER_SIGNER_MAX),
            ),
            (
                "full: refused ids",
                full(desk.map_or(0, |desk| desk.refused.len()), REFUSED_COUNT_MAX),
            ),
            (
                "full: notes on peers",
                full(desk.map_or(0, |desk| desk.syncing.notes.len()), PEER_NOTES_MAX),
            ),
            (
                "full: ops of newer rules",
                full(known.map_or(0, |known| known.parked.len()), PARKED_COUNT_MAX),
            ),
        ];
        for (name, _) in found.into_iter().filter(|(_, is_full)| *is_full) {
            self.marks.hit(name);
        }
    }
}

/// Most ops of one signer that wait for parents.
fn most_of_a_signer(desk: &Desk) -> usize {
    let mut counts = BTreeMap::new();
    for waiting in desk.pending.oldest_first() {
        *counts.entry(waiting.op.payload.signer).or_insert(0) += 1;
    }
    counts.into_values().max().unwrap_or(0)
}
