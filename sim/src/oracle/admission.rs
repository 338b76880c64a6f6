//! Admission, A4 to A12, in order (section 4).

use super::authority::Wanted;
use super::effect::path;
use super::fold::{height, join_of};
use super::terms::{Auth, Grant, Key, Node, Restriction, Statics};
use super::{Effect, Oracle, RowKey};
use folkmoot_core::governance::invitation::{Invitation, JoinRequest};
use folkmoot_core::governance::op::{Body, SlotName, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{
    Admission, Dropped, Precondition, Unauthorised, VoidAtCut,
};
use folkmoot_core::id::{ContextId, GroupId, MemberId, NamespaceId, OpId};
use folkmoot_core::limits::DEPTH_MAX;
use folkmoot_core::signed::Op;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The past of an op that passed A4 to A8, and what it amounts to.
pub(super) struct Cut {
    pub(super) past: BTreeSet<OpId>,
    pub(super) generation: u64,
    pub(super) effect: Arc<Effect>,
}

impl Oracle {
    /// A4 to A8: whether the op becomes a node of the graph at all.
    pub(super) fn cut_of(&self, op: &Op) -> Result<Cut, Admission> {
        let parents = &op.payload.parents;
        // A4
        let is_genesis = if let Body::NamespaceCreated { owners, .. } = &op.payload.body {
            let is_own = NamespaceId::from(op.id) == self.namespace;
            if !parents.is_empty() || !is_own || owners.first() != Some(&op.payload.signer) {
                return Err(Admission::Drop(Dropped::Parents));
            }
            true
        } else {
            if parents.is_empty() || !parents.is_sorted_by(|a, b| a < b) {
                return Err(Admission::Drop(Dropped::Parents));
            }
            false
        };
        // A5
        if parents.iter().any(|parent| self.refused.contains(parent)) {
            return Err(Admission::Drop(Dropped::RefusedParent));
        }
        let mut missing = parents.to_vec();
        missing.retain(|parent| !self.nodes.contains_key(parent));
        if !missing.is_empty() {
            return Err(Admission::Pending { missing });
        }
        // A6
        let is_cited = |id| parents.iter().any(|other| self.node(*other).past.contains(id));
        if parents.iter().any(is_cited) {
            return Err(Admission::Drop(Dropped::RelatedParents));
        }
        // A7
        let past = self.closed(parents);
        let (got, expected) = (op.payload.nonce, self.next_nonce(op.payload.signer, &past));
        if got != expected {
            return Err(Admission::Drop(Dropped::Nonce { got, expected }));
        }
        // A8
        let effect = self.effect(&past);
        if !is_genesis && !effect.is_member(op.payload.signer) {
            return Err(Admission::Drop(Dropped::Stranger));
        }
        let highest = parents.iter().map(|parent| self.node(*parent).generation).max();
        Ok(Cut { past, generation: highest.map_or(0, |highest| highest + 1), effect })
    }

    /// A9 to A12: what the op is at its cut, or why it has no effect in any set.
    pub(super) fn examine(&self, op: &Op, cut: &Cut) -> Result<Statics, VoidAtCut> {
        if let Body::NamespaceCreated { owners, .. } = &op.payload.body {
            return Ok(genesis(op, owners));
        }
        // A9
        let (got, expected) = (op.payload.state_hash, cut.effect.group_root(op.payload.group));
        if got != expected {
            return Err(VoidAtCut::StateHashMismatch { got, expected });
        }
        // D6
        let mut anc = path(&cut.effect.tree, op.payload.group);
        // A10
        let restriction = restriction_of(op);
        let by_self = restriction.as_ref().is_some_and(|restriction| restriction.by_self);
        let auths = if by_self { Vec::new() } else { self.a10(op, cut, &anc)? };
        let none = Key { tier: u8::MAX, rank: 0, op: op.id };
        let prio = auths.iter().map(|auth| auth.grant.key).max().unwrap_or(none);
        // A11
        if let Some(restriction) = &restriction {
            self.a11(op, cut, &anc, restriction, prio)?;
        }
        // A12
        self.a12(op, &cut.effect, &anc).map_err(VoidAtCut::Precondition)?;
        if let Body::GroupCreated { .. } = op.payload.body {
            anc.insert(0, op.id.into());
        }
        let grants = self.grants_of(op, prio, cut.generation).into_iter().collect();
        Ok(Statics { auths, prio, anc, grants, restriction })
    }

    fn a10(&self, op: &Op, cut: &Cut, anc: &[GroupId]) -> Result<Vec<Auth>, VoidAtCut> {
        let auth = |member, wanted| self.auth(&cut.effect, anc, member, wanted);
        let wanted = Wanted::by(&op.payload);
        let mut auths = Vec::new();
        match auth(op.payload.signer, wanted) {
            Some(found) => auths.push(found),
            None => return unauthorised(Unauthorised::Signer(wanted.need.bits())),
        }
        if let Body::MemberJoined { request } = &op.payload.body {
            let terms = &request.invitation.terms;
            let wanted = Wanted::of_inviter(terms.rights);
            match auth(terms.inviter, wanted) {
                Some(found) => auths.push(found),
                None => return unauthorised(Unauthorised::Inviter(wanted.need.bits())),
            }
            self.a10_join(op, cut, anc, request)?;
        }
        if let Body::InvitationRevoked { invitation } = &op.payload.body
            && !self.is_valid_here(op, invitation)
        {
            return unauthorised(Unauthorised::Invitation);
        }
        if let Body::Anchor { .. } = op.payload.body
            && self.notary(&cut.past) != Some(op.payload.signer)
        {
            return unauthorised(Unauthorised::NotNotary);
        }
        Ok(auths)
    }

    /// What A10 asks of a join beside its auths (ruling 8).
    fn a10_join(
        &self,
        op: &Op,
        cut: &Cut,
        anc: &[GroupId],
        request: &JoinRequest,
    ) -> Result<(), VoidAtCut> {
        let (terms, joiner) = (&request.invitation.terms, request.joiner);
        let effective = || cut.effect.effective.iter().map(|id| self.node(*id));
        if !self.is_valid_here(op, &request.invitation) {
            return unauthorised(Unauthorised::Invitation);
        }
        if !terms.frontier.iter().all(|id| cut.past.contains(id)) {
            return unauthorised(Unauthorised::Frontier);
        }
        let id = terms.id();
        let users: BTreeSet<MemberId> = effective()
            .filter_map(join_of)
            .filter(|(used, user)| *used == id && *user != joiner)
            .map(|(_, user)| user)
            .collect();
        if users.len() >= usize::try_from(terms.uses_max).unwrap_or(usize::MAX) {
            return unauthorised(Unauthorised::UsedUp);
        }
        let revokes = |o: &Node| {
            matches!(&o.op.payload.body, Body::InvitationRevoked { invitation }
                if invitation.terms.id() == id)
        };
        if effective().any(revokes) {
            return unauthorised(Unauthorised::Revoked);
        }
        let ends = |r: &Node, by_self: bool| {
            r.restriction().is_some_and(|r| {
                r.target == joiner
                    && r.keep.is_empty()
                    && r.by_self == by_self
                    && anc.contains(&r.group)
            })
        };
        let is_readmission = |o: &Node| {
            let Body::MemberAdded { member, .. } = o.op.payload.body else { return false };
            member == joiner && anc.contains(&o.op.payload.group)
        };
        let is_answered =
            |r: &Node| effective().any(|o| is_readmission(o) && o.past.contains(&r.id()));
        if effective().any(|r| ends(r, false) && !is_answered(r)) {
            return unauthorised(Unauthorised::Removed);
        }
        let known = self.closed(&terms.frontier);
        if effective().any(|r| ends(r, true) && !known.contains(&r.id())) {
            return unauthorised(Unauthorised::Left);
        }
        Ok(())
    }

    fn is_valid_here(&self, op: &Op, invitation: &Invitation) -> bool {
        op.inner_valid
            && invitation.terms.namespace == self.namespace
            && invitation.terms.group == op.payload.group
    }

    fn a11(
        &self,
        op: &Op,
        cut: &Cut,
        anc: &[GroupId],
        restriction: &Restriction,
        prio: Key,
    ) -> Result<(), VoidAtCut> {
        let (target, group, effect) = (restriction.target, restriction.group, &cut.effect);
        let mut grants = self.effective_grants(effect).filter(|grant| grant.member == target);
        if group == self.root() && grants.any(|grant| grant.key.tier == 0) {
            return Err(VoidAtCut::NotSenior);
        }
        if matches!(op.payload.body, Body::MemberLeft) && effect.rights(target, group).is_empty() {
            return Err(VoidAtCut::NothingToTake);
        }
        let is_taken = |grant: &&Grant| {
            let given = if path(&effect.tree, grant.group).contains(&group) {
                self.remains(effect, grant)
            } else if anc.contains(&grant.group) {
                self.gives(effect, grant, anc)
            } else {
                return false;
            };
            grant.member == target && grant.key.tier > 0 && !restriction.keep.covers(given)
        };
        let taken: Vec<&Grant> = self.effective_grants(effect).filter(is_taken).collect();
        if taken.is_empty() {
            return Err(VoidAtCut::NothingToTake);
        }
        if !restriction.by_self && taken.iter().any(|grant| grant.key <= prio) {
            return Err(VoidAtCut::NotSenior);
        }
        Ok(())
    }

    fn a12(&self, op: &Op, effect: &Effect, anc: &[GroupId]) -> Result<(), Precondition> {
        let group = op.payload.group;
        let holds = |condition, otherwise| if condition { Ok(()) } else { Err(otherwise) };
        holds(!anc.is_empty(), Precondition::NoSuchGroup)?;
        if let Body::GroupCreated { .. } = op.payload.body {
            holds(anc.len() < DEPTH_MAX, Precondition::TooDeep)?;
        }
        if let Body::GroupDeleted = op.payload.body {
            holds(group != self.root(), Precondition::Root)?;
        }
        if let Body::GroupMoved { new_parent } = op.payload.body {
            let up = path(&effect.tree, new_parent);
            let depth = up.len() + height(&effect.tree, group);
            holds(group != self.root(), Precondition::Root)?;
            holds(!up.is_empty(), Precondition::NoSuchGroup)?;
            holds(!up.contains(&group), Precondition::Circle)?;
            holds(depth <= DEPTH_MAX, Precondition::TooDeep)?;
        }
        if let Some((member, rights)) = given_by(op) {
            let has = effect.rights(member, group);
            holds(!has.covers(rights), Precondition::NothingAdded)?;
        }
        if let Body::Anchor { notary, .. } = op.payload.body {
            holds(group == self.root(), Precondition::NotRoot)?;
            let is_owner = notary.is_none_or(|notary| {
                self.effective_grants(effect)
                    .any(|grant| grant.key.tier == 0 && grant.member == notary)
            });
            holds(is_owner, Precondition::NotOwner)?;
        }
        if let Body::SlotSet { write: SlotWrite::Policy { .. }, .. } = op.payload.body {
            holds(group == self.root(), Precondition::NotRoot)?;
        }
        let context = context_of(op);
        let is_here = |context: ContextId| {
            let row = RowKey::Slot(SlotName::Context(context));
            let winner = effect.rows.get(&group).and_then(|rows| rows.get(&row));
            winner.is_some_and(|winner| winner.as_slice() == context.0)
        };
        holds(context.is_none_or(is_here), Precondition::NoSuchContext)
    }

    /// The grant that an op other than a genesis makes (D4, ruling 1).
    fn grants_of(&self, op: &Op, prio: Key, generation: u64) -> Option<Grant> {
        let (member, group, rights, by_kind) = if let Body::GroupCreated { .. } = op.payload.body {
            (op.payload.signer, op.id.into(), Rights::ADMIN, 2)
        } else {
            let (member, rights) = given_by(op)?;
            let group = op.payload.group;
            let by_kind = match (rights.is_admin(), group == self.root()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, _) => 3,
            };
            (member, group, rights, by_kind)
        };
        let key = Key { tier: prio.tier.max(by_kind), rank: generation, op: op.id };
        Some(Grant { op: op.id, member, group, rights, key })
    }
}

fn unauthorised<T>(why: Unauthorised) -> Result<T, VoidAtCut> {
    Err(VoidAtCut::NotAuthorised(why))
}

/// A genesis: one grant per owner, with its rank in the place of the generation (ruling 1).
fn genesis(op: &Op, owners: &[MemberId]) -> Statics {
    let root = GroupId::from(op.id);
    let key = |rank| Key { tier: 0, rank, op: op.id };
    let grant = |(rank, owner): (u64, &MemberId)| Grant {
        op: op.id,
        member: *owner,
        group: root,
        rights: Rights::ADMIN,
        key: key(rank),
    };
    let grants = (0..).zip(owners).map(grant).collect();
    Statics { auths: Vec::new(), prio: key(0), anc: vec![root], grants, restriction: None }
}

/// What a grant on the op's own group gives, and to whom.
fn given_by(op: &Op) -> Option<(MemberId, Rights)> {
    if let Body::MemberAdded { member, rights } = op.payload.body {
        Some((member, rights))
    } else if let Body::MemberJoined { request } = &op.payload.body {
        Some((request.joiner, request.invitation.terms.rights))
    } else {
        None
    }
}

/// What a restriction takes (D5, ruling 6).
fn restriction_of(op: &Op) -> Option<Restriction> {
    let (target, keep) = if let Body::MemberRestricted { member, keep } = op.payload.body {
        (member, keep)
    } else if let Body::MemberLeft = op.payload.body {
        (op.payload.signer, Rights::NONE)
    } else {
        return None;
    };
    let by_self = target == op.payload.signer;
    Some(Restriction { target, group: op.payload.group, keep, by_self })
}

/// The context that must be in the op's group.
fn context_of(op: &Op) -> Option<ContextId> {
    let Body::SlotSet { write, .. } = &op.payload.body else { return None };
    if let SlotWrite::ContextDetached(context)
    | SlotWrite::ContextRights { context, .. }
    | SlotWrite::Metadata { subject: Subject::Context(context), .. } = write
    {
        Some(*context)
    } else {
        None
    }
}
