//! Which op works against which: D9, D10, D11 and `kills`. All but the epoch is fixed by the cuts.

use super::effect::path;
use super::terms::{Auth, Grant, Node, Restriction};
use super::{Effect, Oracle};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, OpId};
use std::collections::BTreeMap;

impl Oracle {
    /// D9: `r` takes part of what `grant` gives, at its group and below.
    pub(super) fn binds(&self, r: &Node, grant: &Grant) -> bool {
        r.restriction().is_some_and(|restriction| {
            self.may_touch(r, restriction, grant)
                && self.path_seen(r, grant, grant.group).contains(&restriction.group)
        })
    }

    /// D10 without the question for which op: `r` shuts the target of `grant`, which is held
    /// strictly above, out of its group.
    pub(super) fn shuts_out(&self, r: &Node, grant: &Grant) -> bool {
        r.restriction().is_some_and(|restriction| {
            if !self.may_touch(r, restriction, grant) {
                return false;
            }
            let mut up = self.path_seen(r, grant, restriction.group);
            if up.is_empty() {
                up = path(&r.cut.tree, restriction.group);
            }
            up.iter().skip(1).any(|group| *group == grant.group)
        })
    }

    /// D10: `r` denies `grant` for an op whose groups are `anc`.
    pub(super) fn denies(&self, r: &Node, grant: &Grant, anc: &[GroupId]) -> bool {
        r.restriction().is_some_and(|restriction| anc.contains(&restriction.group))
            && self.shuts_out(r, grant)
    }

    /// What D9 and D10 share: same target, no owner's grant, not cited by the grant, senior to it.
    fn may_touch(&self, r: &Node, restriction: &Restriction, grant: &Grant) -> bool {
        let is_senior = |r: &Node| r.statics().is_some_and(|statics| statics.prio < grant.key);
        restriction.target == grant.member
            && grant.key.tier > 0
            && !self.node(grant.op).past.contains(&r.id())
            && (restriction.by_self || is_senior(r))
    }

    /// Path of `group` in the tree by which `r` is compared with `grant` (ruling 3).
    fn path_seen(&self, r: &Node, grant: &Grant, group: GroupId) -> Vec<GroupId> {
        if r.past.contains(&grant.op) && r.cut.tree.contains_key(&grant.group) {
            return path(&r.cut.tree, group);
        }
        let granting = self.node(grant.op);
        match granting.statics() {
            // For a creator's grant, `anc` begins with the new group, which the cut does not know.
            Some(statics) if group == grant.group => statics.anc.clone(),
            Some(_) | None => path(&granting.cut.tree, group),
        }
    }

    /// D11: the move `r` takes away what `auth` let `o` do through the old place of the group.
    fn detaches(&self, r: &Node, o: &Node, anc: &[GroupId], auth: &Auth) -> bool {
        let Body::GroupMoved { new_parent } = r.op.payload.body else { return false };
        let Some(moved) = anc.iter().position(|group| *group == r.op.payload.group) else {
            return false;
        };
        let held_above = anc.iter().skip(moved + 1).any(|group| *group == auth.grant.group);
        let is_senior = r.statics().is_some_and(|statics| statics.prio < auth.grant.key);
        let seen = o.past.contains(&r.id()) && o.cut.effective.contains(&r.id());
        auth.grant.key.tier >= 2
            && held_above
            && !path(&r.cut.tree, new_parent).contains(&auth.grant.group)
            && is_senior
            && !self.node(auth.grant.op).past.contains(&r.id())
            && !seen
    }

    /// Section 5: `r`, if effective, voids `o`.
    pub(super) fn kills(&self, r: &Node, o: &Node, epochs: &BTreeMap<OpId, u64>) -> bool {
        let Some(statics) = o.statics() else { return false };
        if r.id() == o.id() || r.past.contains(&o.id()) {
            return false;
        }
        if epochs.get(&r.id()) > epochs.get(&o.id()) {
            return false;
        }
        statics.auths.iter().any(|auth| {
            let taken = r.restriction().is_some_and(|r| auth.is_taken_by(r.keep));
            let touched =
                || self.binds(r, &auth.grant) || self.denies(r, &auth.grant, &statics.anc);
            (taken && touched()) || self.detaches(r, o, &statics.anc, auth)
        })
    }

    /// What of `grant` remains under the restrictions that are effective in `effect` and bind it.
    pub(super) fn remains(&self, effect: &Effect, grant: &Grant) -> Rights {
        self.effective_restrictions(effect)
            .filter(|(r, _)| self.binds(r, grant))
            .fold(grant.rights, |left, (_, restriction)| left & restriction.keep)
    }

    /// What `grant` gives to an op whose groups are `anc`: what remains of it, less denials.
    pub(super) fn gives(&self, effect: &Effect, grant: &Grant, anc: &[GroupId]) -> Rights {
        self.effective_restrictions(effect)
            .filter(|(r, _)| self.denies(r, grant, anc))
            .fold(self.remains(effect, grant), |left, (_, restriction)| left & restriction.keep)
    }

    /// The restrictions that are effective in `effect`.
    pub(super) fn effective_restrictions<'a>(
        &'a self,
        effect: &'a Effect,
    ) -> impl Iterator<Item = (&'a Node, &'a Restriction)> {
        let nodes = effect.effective.iter().map(|id| self.node(*id));
        nodes.filter_map(|node| node.restriction().map(|restriction| (node, restriction)))
    }

    /// The grants that are effective in `effect`.
    pub(super) fn effective_grants<'a>(
        &'a self,
        effect: &'a Effect,
    ) -> impl Iterator<Item = &'a Grant> {
        effect.effective.iter().flat_map(|id| self.node(*id).grants())
    }
}
