//! Slots: who wins among the causally maximal writes (section 5).

use super::{Row, SlotWork, View, row_key};
use crate::governance::graph::{Deed, Graph};
use crate::governance::table::{Ix, Key, SlotIx};
use crate::governance::view::roots::RowName;
use alloc::vec::Vec;
use core::iter;

/// The causally maximal effective writes of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// The one that counts: the most senior.
    pub winner: Ix,
    /// The others, in the order of evaluation.
    pub losers: Vec<Ix>,
}

impl Contest {
    /// The contest of writes of which none is in the past of another.
    fn of(view: &View, graph: &Graph, mut maximal: Vec<Ix>) -> Option<Self> {
        maximal.sort_by_cached_key(|write| view.order(graph, *write));
        let mut maximal = maximal.into_iter();
        Some(Self { winner: maximal.next()?, losers: maximal.collect() })
    }

    fn writes(&self) -> impl Iterator<Item = Ix> + '_ {
        iter::once(self.winner).chain(self.losers.iter().copied())
    }
}

impl View {
    /// Notes that a write became effective, or is so no longer.
    pub(super) fn note_write(&mut self, ix: Ix, slot: SlotIx, now: bool) {
        let counted = self.slots.get(slot.place()).is_some_and(|it| it.writes().any(|w| w == ix));
        let work = self.work.slots.entry(slot).or_insert(SlotWork::Append(Vec::new()));
        match work {
            SlotWork::Append(fresh) if now => fresh.push(ix),
            SlotWork::Append(_) if counted => *work = SlotWork::Rebuild,
            SlotWork::Append(fresh) => fresh.retain(|write| *write != ix),
            SlotWork::Rebuild => {}
        }
    }

    pub(super) fn refresh_slot(&mut self, graph: &Graph, slot: SlotIx, work: SlotWork) {
        let before = self.slots.get(slot.place());
        let maximal = match work {
            SlotWork::Append(fresh) => with_writes(graph, before, fresh),
            SlotWork::Rebuild => self.maximal_writes(graph, slot),
        };
        let after = Contest::of(self, graph, maximal);
        if before == after.as_ref() {
            return;
        }
        let is_won_anew = before.map(|it| it.winner) != after.as_ref().map(|it| it.winner);
        let key = row_key(&RowName::Slot(graph.slots[slot].key.name.clone()));
        let group = graph.slots[slot].group;
        if let Some(contest) = after {
            if is_won_anew {
                self.insert_row(graph, group, &key, Row::Slot(contest.winner));
            }
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

    /// The maximal among all effective writes of a slot.
    fn maximal_writes(&self, graph: &Graph, slot: SlotIx) -> Vec<Ix> {
        let mut maximal: Vec<Ix> = Vec::new();
        // Newest first: an op never has a later one in its past.
        for write in graph.slots[slot].writes.iter().rev() {
            let covered = maximal.iter().any(|later| graph.is_past(*write, *later));
            if !covered && self.is_effective(graph, *write) {
                maximal.push(*write);
            }
        }
        maximal
    }
}

/// The maximal writes where some more are effective: a write that one of the effective ones covers
/// is covered by a maximal one, so no other has to be looked at.
fn with_writes(graph: &Graph, before: Option<&Contest>, fresh: Vec<Ix>) -> Vec<Ix> {
    let mut maximal: Vec<Ix> = before.into_iter().flat_map(Contest::writes).collect();
    for write in fresh {
        if !maximal.iter().any(|other| graph.is_past(write, *other)) {
            maximal.retain(|other| !graph.is_past(*other, write));
            maximal.push(write);
        }
    }
    maximal
}
