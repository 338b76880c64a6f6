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
        let work = self.work.slots.entry(slot).or_default();
        if now {
            work.fresh.push(ix);
        } else if counted {
            work.lost = work.lost.max(Some(ix));
        }
    }

    pub(super) fn refresh_slot(&mut self, graph: &Graph, slot: SlotIx, work: SlotWork) {
        let SlotWork { fresh, lost } = work;
        let is_effective = |write: &Ix| self.is_effective(graph, *write);
        let before = self.slots.get(slot.place());
        let counted = before.into_iter().flat_map(Contest::writes).filter(is_effective).collect();
        let mut maximal = match lost {
            Some(lost) => self.uncovered(graph, slot, lost, counted),
            None => counted,
        };
        for write in fresh.into_iter().filter(is_effective) {
            add_write(graph, &mut maximal, write);
        }
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

    /// The maximal among some writes and the effective ones stored before `lost`.
    fn uncovered(&self, graph: &Graph, slot: SlotIx, lost: Ix, mut maximal: Vec<Ix>) -> Vec<Ix> {
        let writes = &graph.slots[slot].writes;
        let covered = maximal.iter().map(|write| writes.covered_by(*write)).max();
        let mut covered = covered.unwrap_or(0);
        // Newest first, until all that is left is covered.
        for (at, write) in writes.before(lost) {
            if at < covered {
                break;
            }
            if self.is_effective(graph, write) {
                add_write(graph, &mut maximal, write);
                covered = covered.max(writes.covered_by(write));
            }
        }
        maximal
    }
}

/// Adds an effective write to the maximal ones. One that any effective write covers is covered by a
/// maximal one, so no other has to be looked at.
fn add_write(graph: &Graph, maximal: &mut Vec<Ix>, write: Ix) {
    let is_covered = |other: &Ix| *other == write || graph.is_past(write, *other);
    if !maximal.iter().any(is_covered) {
        maximal.retain(|other| !graph.is_past(*other, write));
        maximal.push(write);
    }
}
