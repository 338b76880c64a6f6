//! Where rights come from, and who takes them: I12 and I13.
//!
//! What ops give and take is read out of their bodies. Of the engine is taken what is being
//! checked: which ops have effect, which grants it found for each, and what it says remains.

use super::facts::{Facts, taken};
use crate::gifts::Gift;
use folkmoot_core::governance::graph::Deed;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::order::Seniority;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GroupIx, Ix};
use folkmoot_core::id::{GroupId, MemberId};
use folkmoot_core::signed::Op;
use std::collections::BTreeSet;

/// A space, and what its ops say.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) space: &'a Space,
    pub(super) facts: &'a Facts,
}

impl Record<'_> {
    fn effective(&self) -> impl Iterator<Item = (Ix, &Op)> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let all = (0..graph.len()).map(Ix).filter(move |ix| view.is_effective(graph, *ix));
        all.filter_map(|ix| Some((ix, self.facts.at(self.space, ix)?)))
    }

    /// The ops whose grants authorise an op.
    fn granted_by(&self, ix: Ix) -> impl Iterator<Item = Ix> {
        let graph = self.space.graph();
        let grants = graph.node(ix).auths().map(move |auth| graph.op_of_grant(auth.grant));
        grants.filter_map(move |op| graph.find(&op))
    }

    /// Ids of the groups on the path of an op, at its cut.
    fn path(&self, ix: Ix) -> Vec<GroupId> {
        let (graph, node) = (self.space.graph(), self.space.graph().node(ix));
        node.tree.path(node.group).into_iter().map(|group| graph.group_id(group)).collect()
    }

    /// I13: every right comes from the genesis, over grants that have effect.
    pub(super) fn check_chains(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let mut rooted: BTreeSet<Ix> = BTreeSet::new();
        for (ix, op) in self.effective() {
            let path = self.path(ix);
            let is_given = |actor: MemberId| {
                let mut grants = self.granted_by(ix).filter(|by| rooted.contains(by));
                grants.any(|by| graph.is_past(by, ix) && self.gives(by, actor, &path).is_some())
            };
            if let Some(actor) = actors(op).into_iter().find(|actor| !is_given(*actor)) {
                let (id, name) = (op.id, op.payload.body.name());
                return Err(format!("{actor:?} had no right to what op {id} ({name}) does"));
            }
            rooted.insert(ix);
        }
        for person in view.people() {
            let (member, standing) = (graph.member_id(person), view.standing(person));
            for (grant, rights) in standing.into_iter().flat_map(|standing| &standing.live) {
                let by = graph.find(&graph.op_of_grant(*grant)).filter(|by| rooted.contains(by));
                let mut gifts = by.into_iter().flat_map(|by| self.facts.gifts(self.space, by));
                if !gifts.any(|gift| gift.member == member && gift.rights.covers(*rights)) {
                    return Err(format!("{member:?} has {rights}, and nobody gave it"));
                }
            }
        }
        Ok(())
    }

    /// What an op gives to a person in one of these groups.
    fn gives(&self, by: Ix, member: MemberId, path: &[GroupId]) -> Option<Gift> {
        let mut gifts = self.facts.gifts(self.space, by).into_iter();
        gifts.find(|gift| gift.member == member && path.contains(&gift.group))
    }

    /// I12: K1, K2, K4, K10 and K11, as they stand.
    pub(super) fn check_rules(&self) -> Result<(), String> {
        for (ix, op) in self.effective() {
            self.check_auths(ix, op)?;
        }
        self.check_owners()?;
        self.check_takers()
    }

    fn check_auths(&self, ix: Ix, op: &Op) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        let own = graph.node(ix).deed.grant().map(|grant| graph.seniority(grant));
        for by in self.granted_by(ix) {
            if !view.is_effective(graph, by) {
                return Err(format!("K1: op {} has effect, and {by:?} that allows it not", op.id));
            }
        }
        for auth in graph.node(ix).auths() {
            if own.is_some_and(|own| graph.seniority(auth.grant) >= own) {
                return Err(format!("K2: what op {} grants is not junior to its authority", op.id));
            }
        }
        if own.is_some_and(|own| own.tier == Seniority::OWNER) {
            return Err(format!("D8: op {} makes an owner, and is no genesis", op.id));
        }
        if matches!(op.payload.body, Body::MemberAdded { .. } | Body::MemberJoined { .. }) {
            self.check_given(ix, op)?;
        }
        Ok(())
    }

    /// K10: nobody gives more than was given to whoever gives.
    fn check_given(&self, ix: Ix, op: &Op) -> Result<(), String> {
        let path = self.path(ix);
        let giver = if let Body::MemberJoined { request } = &op.payload.body {
            request.invitation.terms.inviter
        } else {
            op.payload.signer
        };
        let mut has = Rights::NONE;
        for by in self.granted_by(ix) {
            has = has | self.gives(by, giver, &path).map_or(Rights::NONE, |gift| gift.rights);
        }
        let gifts = self.facts.gifts(self.space, ix);
        match gifts.into_iter().find(|gift| !has.covers(gift.rights)) {
            Some(gift) => Err(format!(
                "K10: op {} gives {}, and {giver:?} has no more than {has}",
                op.id, gift.rights
            )),
            None => Ok(()),
        }
    }

    /// K4: owners keep all rights.
    fn check_owners(&self) -> Result<(), String> {
        let (graph, view) = (self.space.graph(), self.space.view());
        if graph.is_empty() {
            return Ok(());
        }
        for owner in self.facts.gifts(self.space, Ix(0)) {
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
        let takers: Vec<(Ix, &Op, MemberId, Rights)> = self
            .effective()
            .filter_map(|(ix, op)| taken(op).map(|(member, keep)| (ix, op, member, keep)))
            .collect();
        for (ix, op) in self.effective() {
            let Some(grant) = graph.node(ix).deed.grant() else { continue };
            for gift in self.facts.gifts(self.space, ix) {
                let standing = graph.person(&gift.member).and_then(|it| view.standing(it));
                let live = standing.into_iter().flat_map(|standing| &standing.live);
                let left = live.into_iter().find(|(live, _)| *live == grant);
                let left = left.map_or(Rights::NONE, |(_, rights)| *rights);
                let may_take = |(by, taker, member, keep): &(Ix, &Op, MemberId, Rights)| {
                    let by_self = taker.payload.signer == gift.member;
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

/// Those who need a right for an op: its signer, and for a join also the inviter; nobody for a
/// genesis and for what somebody gives up.
fn actors(op: &Op) -> Vec<MemberId> {
    let signer = op.payload.signer;
    let gives_up = taken(op).is_some_and(|(member, _)| member == signer);
    if gives_up || matches!(op.payload.body, Body::NamespaceCreated { .. }) {
        return Vec::new();
    }
    let inviter = if let Body::MemberJoined { request } = &op.payload.body {
        Some(request.invitation.terms.inviter)
    } else {
        None
    };
    std::iter::once(signer).chain(inviter).collect()
}
