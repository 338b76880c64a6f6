//! Where rights come from, and who takes them: I12 and I13.
//!
//! What ops give and take is read out of their bodies. Of the engine is taken what is being
//! checked: which ops have effect, which grants it found for each, and what it says remains.

use super::facts::Facts;
use super::reading::{Read, Reading};
use folkmoot_core::governance::graph::Deed;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GroupIx, Ix};
use folkmoot_core::id::MemberId;
use folkmoot_core::signed::Op;

/// A space, and what its ops say.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) space: &'a Space,
    pub(super) facts: &'a Facts,
}

/// The same, with what was read of each op.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) space: &'a Space,
    pub(super) reading: &'a Reading,
}

/// The ops that have effect.
fn effective(space: &Space) -> impl Iterator<Item = Ix> {
    let (graph, view) = (space.graph(), space.view());
    (0..graph.len()).map(Ix).filter(move |ix| view.is_effective(graph, *ix))
}

impl Standing<'_> {
    fn effective(&self) -> impl Iterator<Item = (Ix, &Read)> {
        effective(self.space).filter_map(|ix| Some((ix, self.reading.get(ix)?)))
    }

    /// I13: every right comes from the genesis, over grants that have effect.
    pub(super) fn check_chains(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        // An op comes after all that it builds upon.
        let mut rooted = vec![false; graph.len() as usize];
        for (ix, op) in self.effective() {
            let is_rooted = |by: &Ix| rooted.get(by.0 as usize) == Some(&true);
            let lacks = op.givers.iter().find(|(_, by)| !by.iter().any(is_rooted));
            if let Some((actor, _)) = lacks {
                return Err(format!("{actor:?} had no right to what op {} does", op.id));
            }
            if let Some(is_rooted) = rooted.get_mut(ix.0 as usize) {
                *is_rooted = true;
            }
        }
        for person in view.people() {
            let (member, standing) = (graph.member_id(person), view.standing(person));
            for (grant, rights) in standing.into_iter().flat_map(|standing| &standing.live) {
                let by = graph.find(&graph.op_of_grant(*grant));
                let by = by.filter(|by| rooted.get(by.0 as usize) == Some(&true));
                let by = by.and_then(|by| self.reading.get(by));
                let mut gifts = by.into_iter().flat_map(|by| &by.gifts);
                if !gifts.any(|gift| gift.member == member && gift.rights.covers(*rights)) {
                    return Err(format!("{member:?} has {rights}, and nobody gave it"));
                }
            }
        }
        Ok(())
    }

    /// I12: K1, K2, K4, K10 and K11, as they stand.
    pub(super) fn check_rules(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        for (_, op) in self.effective() {
            if let Some(by) = op.by.iter().find(|by| !view.is_effective(graph, **by)) {
                return Err(format!("K1: op {} has effect, and {by:?} that allows it not", op.id));
            }
            if let Some(fault) = &op.fault {
                return Err(fault.clone());
            }
        }
        self.check_owners()?;
        self.check_takers()
    }

    /// K4: owners keep all rights.
    fn check_owners(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let genesis = self.reading.get(Ix(0));
        for owner in genesis.into_iter().flat_map(|genesis| &genesis.gifts) {
            let person = graph.person(&owner.member);
            let row = person.and_then(|person| view.member_row(graph, person, GroupIx::ROOT));
            if !row.is_some_and(|row| row.rights.covers(Rights::ADMIN)) {
                return Err(format!("K4: owner {:?} has {row:?}", owner.member));
            }
        }
        Ok(())
    }

    /// K11: what somebody lost of a grant was taken by a senior, or given up.
    fn check_takers(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let takers: Vec<(Ix, &Read, MemberId, Rights)> = self
            .effective()
            .filter_map(|(ix, op)| op.taken.map(|(member, keep)| (ix, op, member, keep)))
            .collect();
        for (_, op) in self.effective() {
            let Some(grant) = op.grant else { continue };
            for gift in &op.gifts {
                let standing = graph.person(&gift.member).and_then(|it| view.standing(it));
                let live = standing.into_iter().flat_map(|standing| &standing.live);
                let left = live.into_iter().find(|(live, _)| *live == grant);
                let left = left.map_or(Rights::NONE, |(_, rights)| *rights);
                let may_take = |(by, taker, member, keep): &(Ix, &Read, MemberId, Rights)| {
                    let by_self = taker.signer == gift.member;
                    let is_senior = by_self || graph.prio(*by) < graph.seniority(grant);
                    *member == gift.member && !keep.covers(gift.rights) && is_senior
                };
                if left != gift.rights && !takers.iter().any(may_take) {
                    let (id, rights) = (op.id, gift.rights);
                    return Err(format!(
                        "K11: of {rights} by op {id} is left {left}, and no senior took it"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Record<'_> {
    fn effective(&self) -> impl Iterator<Item = (Ix, &Op)> {
        effective(self.space).filter_map(|ix| Some((ix, self.facts.at(self.space, ix)?)))
    }

    /// I12: K3. Nothing has effect that a restriction or a move with effect takes the authority of.
    pub(super) fn check_struck(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let effective: Vec<(Ix, &Op)> = self.effective().collect();
        for (by, killer) in &effective {
            let (deed, epoch) = (graph.node(*by).deed, view.epoch(graph, *by));
            if !matches!(deed, Deed::Restrict(_) | Deed::Move { .. }) {
                continue;
            }
            let strikes = |ix: Ix| {
                let restriction = deed.restriction();
                restriction.is_some_and(|r| graph.strikes(r, ix)) || graph.detaches(*by, ix)
            };
            let mut struck = effective.iter().filter(|(ix, _)| epoch <= view.epoch(graph, *ix));
            if let Some((_, op)) = struck.find(|(ix, _)| strikes(*ix)) {
                let (id, killer) = (op.id, killer.id);
                return Err(format!("K3: op {id} has effect beside {killer}, which strikes it"));
            }
        }
        Ok(())
    }
}
