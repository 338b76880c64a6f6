//! What a restriction reaches (D9 to D11): relations between ops that hold in every set.

use crate::governance::graph::{Deed, Graph};
use crate::governance::judged::{Auth, Need};
use crate::governance::order::Seniority;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Ix, RestrictionIx};
use alloc::vec::Vec;

/// How a restriction touches a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It takes from the grant everywhere (D9).
    Binds,
    /// It takes from what the grant gives in one subtree (D10).
    Denies,
}

impl Graph {
    /// Whether and how restriction `r` touches grant `g` (D9, D10), effective or not.
    pub fn reach(&self, r: RestrictionIx, g: GrantIx) -> Option<Reach> {
        let restriction = &self.restrictions[r];
        let grant = &self.grants[g];
        let apart = restriction.target == grant.target
            && grant.tier > Seniority::OWNER
            && restriction.op != grant.op
            && !self.is_past(restriction.op, grant.op);
        if !apart {
            return None;
        }
        // A junior does not reach a senior's grant; oneself always does.
        if !restriction.by_self && self.prio(restriction.op) >= self.seniority(g) {
            return None;
        }
        let path = self.path_of_grant(r, g);
        if path.contains(&restriction.group) {
            return Some(Reach::Binds);
        }
        self.is_held_above(r, g).then_some(Reach::Denies)
    }

    /// The path of the grant's group: in the tree at r's cut where r knows the grant and the group
    /// exists there, otherwise at the grant's own cut.
    fn path_of_grant(&self, r: RestrictionIx, g: GrantIx) -> Vec<GroupIx> {
        let (restriction, grant) = (&self.restrictions[r], &self.grants[g]);
        if self.is_past(grant.op, restriction.op) {
            let path = self.nodes[restriction.op].tree.path(grant.group);
            if !path.is_empty() {
                return path;
            }
        }
        self.anc(grant.op)
    }

    /// D10: whether the grant is held strictly above the restricted group, in the tree of D9; where
    /// that does not know the restricted group yet, in the tree at r's cut.
    fn is_held_above(&self, r: RestrictionIx, g: GrantIx) -> bool {
        let (restriction, grant) = (&self.restrictions[r], &self.grants[g]);
        let above = |path: Vec<GroupIx>| path.iter().skip(1).any(|step| *step == grant.group);
        let at_r = &self.nodes[restriction.op].tree;
        let knows = self.is_past(grant.op, restriction.op) && at_r.exists(grant.group);
        if !knows {
            let path = self.nodes[grant.op].tree.path(restriction.group);
            if !path.is_empty() {
                return above(path);
            }
        }
        above(at_r.path(restriction.group))
    }

    /// The path of the group that an op acts on, at its cut; a creator acts on the new group (D6).
    pub fn anc(&self, ix: Ix) -> Vec<GroupIx> {
        let node = &self.nodes[ix];
        if node.deed == Deed::Genesis {
            return [GroupIx::ROOT].into();
        }
        let path = node.tree.path(node.group);
        match node.deed.created() {
            Some(group) => core::iter::once(group).chain(path).collect(),
            None => path,
        }
    }

    /// Whether restriction `r`, if effective, takes from `o` an authority that it needs: the part
    /// of `kills` (section 5) that does not depend on epochs.
    pub fn strikes(&self, r: RestrictionIx, o: Ix) -> bool {
        let restriction = &self.restrictions[r];
        if restriction.op == o || self.is_past(o, restriction.op) {
            return false;
        }
        self.nodes[o].auths().any(|auth| {
            !self.suffices(auth, restriction.keep)
                && match self.reach(r, auth.grant) {
                    Some(Reach::Binds) => true,
                    Some(Reach::Denies) => self.anc(o).contains(&restriction.group),
                    None => false,
                }
        })
    }

    /// Whether a grant still gives what an op needs of it when only `keep` may remain.
    fn suffices(&self, auth: Auth, keep: Rights) -> bool {
        let given = self.grants[auth.grant].rights;
        match auth.need {
            Need::Any => !(given & keep).is_empty(),
            Need::All(need) => keep.covers(need),
        }
    }

    /// Whether the move `r`, if effective, ends an authority that `o` inherited through the old
    /// place of the moved group (D11), epochs apart.
    pub fn detaches(&self, r: Ix, o: Ix) -> bool {
        let mover = &self.nodes[r];
        let Deed::Move { to } = mover.deed else { return false };
        if r == o || self.is_past(o, r) {
            return false;
        }
        let seen = self.is_past(r, o) && !self.was_dead(r, o);
        let path = self.anc(o);
        let Some(at) = path.iter().position(|step| *step == mover.group) else { return false };
        if seen {
            return false;
        }
        let prio = self.prio(r);
        self.nodes[o].auths().any(|auth| {
            let grant = &self.grants[auth.grant];
            let held_above = path.iter().skip(at + 1).any(|step| *step == grant.group);
            grant.tier >= Seniority::GROUP_ADMIN
                && held_above
                && !mover.tree.path(to).contains(&grant.group)
                && prio < self.seniority(auth.grant)
                && !self.is_past(r, grant.op)
        })
    }

    /// Whether the move `r` was in the past of `o` but not effective at its cut.
    fn was_dead(&self, r: Ix, o: Ix) -> bool {
        self.dead_moves.get(&o).is_some_and(|moves| moves.contains(&r))
    }
}
