//! Slots: who wins among the causally maximal writes (section 5).

use super::{Row, SlotWork, View, row_key};
use crate::governance::graph::{Deed, Graph};
use crate::governance::table::{Ix, Key, SlotIx};
use crate::governance::view::roots::RowName;
use alloc::vec::Vec;

/// The causally maximal effective writes of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// The one that counts: the most senior.
    pub winner: Ix,
    /// The others, in the order of evaluation.
    pub losers: Vec<Ix>,
}

impl Contest {
    fn holds(&self, mut test: impl FnMut(Ix) -> bool) -> bool {
        test(self.winner) && self.losers.iter().all(|loser| test(*loser))
    }
}

impl View {
    pub(super) fn refresh_slot(&mut self, graph: &Graph, slot: SlotIx, work: SlotWork) {
        let before = self.slots.get(slot.place());
        let after = match (work, before) {
            (SlotWork::Append(write), Some(old)) if old.holds(|ix| graph.is_past(ix, write)) => {
                Some(Contest { winner: write, losers: Vec::new() })
            }
            (SlotWork::Append(write), None) if self.is_effective(graph, write) => {
                Some(Contest { winner: write, losers: Vec::new() })
            }
            _ => self.contest_of(graph, slot),
        };
        if before == after.as_ref() {
            return;
        }
        let key = row_key(&RowName::Slot(graph.slots[slot].key.name.clone()));
        let group = graph.slots[slot].group;
        if let Some(contest) = after {
            self.insert_row(graph, group, &key, Row::Slot(contest.winner));
            self.slots.insert(slot.place(), contest);
        } else {
            self.remove_row(group, &key);
            self.slots.remove(slot.place());
        }
    }

    /// The winner of the slot that an op writes, where that is another one.
    pub fn outranked_by(&self, graph: &Graph, ix: Ix) -> Option<Ix> {
        let Deed::Write { slot, .. } = graph.node(ix).deed else { return None };
        let contest = self.contest(slot)?;
        contest.losers.contains(&ix).then_some(contest.winner)
    }

    fn contest_of(&self, graph: &Graph, slot: SlotIx) -> Option<Contest> {
        let mut maximal: Vec<Ix> = Vec::new();
        // Newest first: an op never has a later one in its past.
        for write in graph.slots[slot].writes.iter().rev() {
            let covered = maximal.iter().any(|later| graph.is_past(*write, *later));
            if !covered && self.is_effective(graph, *write) {
                maximal.push(*write);
            }
        }
        maximal.sort_by_cached_key(|write| self.order(graph, *write));
        let mut maximal = maximal.into_iter();
        Some(Contest { winner: maximal.next()?, losers: maximal.collect() })
    }
}
