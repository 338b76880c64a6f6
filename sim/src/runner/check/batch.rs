//! I4 and I15: what a node came to step by step is what the same ops come to at once, in another
//! order; and what a removed person signed later might as well not be there.

use super::authority::Record;
use super::facts::taken;
use crate::runner::sets::Summary;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::graph::Deed;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GroupIx, Ix, PersonIx};
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::OpId;
use std::collections::{BTreeMap, BTreeSet};

/// Removals that are looked at in one space.
const REMOVALS_MAX: usize = 2;

impl Record<'_> {
    /// I4: judges and evaluates the ops again, the latest first where that is possible, and once
    /// more all of them together.
    pub(super) fn check_batch(&self) -> Result<(), String> {
        let (space, graph) = (self.space, self.space.graph());
        let (again, other) = self.rebuilt(&BTreeSet::new());
        if let Some(other) = other {
            return Err(other);
        }
        same("judged in another order", &Summary::of(space), &Summary::of(&again))?;
        let restored = space.archive().restore();
        let restored = restored.map_err(|error| format!("evaluated at once: {error}"))?;
        same("evaluated at once", &Summary::of(space), &Summary::of(&restored))?;
        for ix in (0..graph.len()).map(Ix) {
            let id = graph.node(ix).id;
            let other = again.graph().find(&id);
            let epochs = (
                Some(space.view().epoch(graph, ix)),
                other.map(|ix| again.view().epoch(again.graph(), ix)),
            );
            let visible = (
                Some(space.frontier().is_visible(graph, ix)),
                other.map(|ix| again.frontier().is_visible(again.graph(), ix)),
            );
            if epochs.0 != epochs.1 || visible.0 != visible.1 {
                return Err(format!("op {id}: epochs {epochs:?}, visible {visible:?}"));
            }
        }
        Ok(())
    }

    /// I15: without what somebody signed who was removed, and did not know, the root is the same.
    pub(super) fn check_removed(&self) -> Result<(), String> {
        let graph = self.space.graph();
        let removals = self.effective_removals().into_iter();
        let later = removals.map(|(by, person)| (by, person, self.later(by, person)));
        for (by, person, later) in later.filter(|it| !it.2.is_empty()).take(REMOVALS_MAX) {
            // What is judged otherwise than at its time is the matter of I4.
            let (without, _) = self.rebuilt(&later);
            let shown = |space: &Space| (space.view().state_root(), space.heads());
            if shown(self.space) != shown(&without) {
                let later: Vec<OpId> = later.iter().map(|ix| graph.node(*ix).id).collect();
                return Err(format!(
                    "{:?}, removed by op {}, signed {later:?} beside that, and it shows",
                    graph.member_id(person),
                    graph.node(by).id
                ));
            }
        }
        Ok(())
    }

    /// Removals from the root with effect, by somebody senior to all that the person was given, of
    /// which nobody knew who gave it.
    fn effective_removals(&self) -> Vec<(Ix, PersonIx)> {
        let (space, graph, view) = (self.space, self.space.graph(), self.space.view());
        let mut found = Vec::new();
        for ix in (1..graph.len()).map(Ix).filter(|ix| view.is_effective(graph, *ix)) {
            let Some(op) = self.facts.at(space, ix) else { continue };
            let Some((member, keep)) = taken(op) else { continue };
            let is_removal = keep == Rights::NONE && graph.node(ix).group == GroupIx::ROOT;
            let Some(person) = graph.person(&member) else { continue };
            if is_removal && member != op.payload.signer && self.outranks(ix, person) {
                found.push((ix, person));
            }
        }
        found
    }

    fn outranks(&self, by: Ix, person: PersonIx) -> bool {
        let (space, graph) = (self.space, self.space.graph());
        let member = graph.member_id(person);
        (0..graph.len()).map(Ix).all(|ix| {
            let is_given = self.facts.gifts(space, ix).iter().any(|gift| gift.member == member);
            let is_senior = || {
                let grant = graph.node(ix).deed.grant();
                grant.is_some_and(|grant| graph.prio(by) < graph.seniority(grant))
            };
            !is_given || (!graph.is_past(by, ix) && is_senior())
        })
    }

    /// What a person signed that the removal does not know, and nobody else built upon. What it
    /// gave up counts whenever it did so, and is left out.
    fn later(&self, by: Ix, person: PersonIx) -> BTreeSet<Ix> {
        let graph = self.space.graph();
        let mut built_upon: BTreeSet<Ix> = BTreeSet::new();
        let mut later = BTreeSet::new();
        for ix in (0..graph.len()).rev().map(Ix) {
            let node = graph.node(ix);
            let is_later = node.signer == person
                && !graph.is_past(ix, by)
                && !built_upon.contains(&ix)
                && node.deed != Deed::Genesis
                && node.deed.restriction().is_none_or(|_| node.auth().is_some());
            if is_later {
                later.insert(ix);
            } else {
                built_upon.extend(node.parents.iter().copied());
            }
        }
        later
    }

    /// The ops but for some, judged and evaluated one by one in another order; and the last one
    /// that was judged otherwise than before.
    fn rebuilt(&self, without: &BTreeSet<Ix>) -> (Space, Option<String>) {
        let graph = self.space.graph();
        let mut children: BTreeMap<Ix, Vec<Ix>> = BTreeMap::new();
        let mut missing: BTreeMap<Ix, usize> = BTreeMap::new();
        for ix in (0..graph.len()).map(Ix).filter(|ix| !without.contains(ix)) {
            let parents = &graph.node(ix).parents;
            missing.insert(ix, parents.len());
            parents.iter().for_each(|parent| children.entry(*parent).or_default().push(ix));
        }
        let (mut space, mut cuts, mut other) = (Space::default(), Cuts::default(), None);
        let mut ready: Vec<Ix> = (0..graph.len().min(1)).map(Ix).collect();
        while let Some(ix) = ready.pop() {
            let Some(op) = self.facts.at(self.space, ix) else { break };
            let verdict = space.admit(&mut cuts, op);
            let expected =
                graph.void_at_cut(ix).map_or(Admission::Admit, |it| Admission::Void(*it));
            if verdict != expected {
                other = Some(format!("op {} was judged {expected:?}, and is {verdict:?}", op.id));
            }
            for child in children.remove(&ix).unwrap_or_default() {
                let Some(left) = missing.get_mut(&child) else { continue };
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push(child);
                }
            }
        }
        (space, other)
    }
}

fn same(how: &str, has: &Summary, again: &Summary) -> Result<(), String> {
    if has == again { Ok(()) } else { Err(format!("{how}: {has:?} against {again:?}")) }
}
