//! What a restriction may take, and from whom (A11).

use super::Case;
use super::authority::Found;
use crate::governance::op::Body;
use crate::governance::order::Seniority;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, PersonIx};
use crate::governance::verdict::VoidAtCut;
use crate::governance::view::Standing;

impl Case<'_> {
    pub(super) fn check_target(&self, found: &Found) -> Result<(), VoidAtCut> {
        if let Body::MemberRestricted { member, keep } = &self.payload.body {
            let target = self.graph.person(member);
            self.check_restriction(target, *keep, found.prio(self.graph))?;
        }
        if self.payload.body == Body::MemberLeft {
            self.check_owner(self.signer)?;
            if self.direct_rights(self.signer).is_empty() {
                return Err(VoidAtCut::NothingToTake);
            }
        }
        Ok(())
    }

    /// Owners are never a target at the root, and never leave it.
    fn check_owner(&self, target: Option<PersonIx>) -> Result<(), VoidAtCut> {
        let is_owner = target.is_some_and(|target| self.graph.owners.contains(&target));
        if is_owner && self.group() == Some(GroupIx::ROOT) {
            return Err(VoidAtCut::NotSenior);
        }
        Ok(())
    }

    /// `prio` is `None` where the signer restricts itself.
    fn check_restriction(
        &self,
        target: Option<PersonIx>,
        keep: Rights,
        prio: Option<Seniority>,
    ) -> Result<(), VoidAtCut> {
        self.check_owner(target)?;
        let standing = target.and_then(|target| self.view.standing(target));
        let standing = standing.ok_or(VoidAtCut::NothingToTake)?;
        let live = standing.live.iter();
        let mut taken = live
            .filter(|(grant, rights)| self.takes_from(standing, *grant, *rights, keep))
            .map(|(grant, _)| self.graph.seniority(*grant))
            .peekable();
        if taken.peek().is_none() {
            return Err(VoidAtCut::NothingToTake);
        }
        let senior = prio.is_none_or(|prio| taken.all(|key| prio < key));
        if senior { Ok(()) } else { Err(VoidAtCut::NotSenior) }
    }

    /// Whether leaving only `keep` here would take something that a grant gives: at or below the
    /// op's group what remains of it, strictly above what it gives here after denials.
    fn takes_from(
        &self,
        standing: &Standing,
        grant: GrantIx,
        remaining: Rights,
        keep: Rights,
    ) -> bool {
        let row = &self.graph.grants[grant];
        let Some(group) = self.group() else { return false };
        if row.tier == Seniority::OWNER {
            return false;
        }
        if self.view.tree().is_at_or_above(group, row.group) {
            return !keep.covers(remaining);
        }
        self.path.contains(&row.group) && !keep.covers(standing.given(grant, remaining, &self.path))
    }
}
