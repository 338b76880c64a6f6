//! What a join must fulfil beside its auths (A10).

use super::{Case, may_invite};
use crate::governance::graph::{Deed, Graph, Restriction};
use crate::governance::invitation::{Invitation, JoinRequest, Terms};
use crate::governance::judged::Auth;
use crate::governance::reach::Cut;
use crate::governance::table::{Ix, PersonIx};
use crate::governance::verdict::Unauthorised;
use crate::governance::view::View;
use crate::id::MemberId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl Case<'_> {
    /// Whether an invitation is signed by its inviter and for this namespace and group.
    pub(super) fn check_invitation(&self, invitation: &Invitation) -> Result<(), Unauthorised> {
        let terms = &invitation.terms;
        let fits = self.inner_valid
            && terms.namespace == self.payload.namespace
            && terms.group == self.payload.group;
        if fits { Ok(()) } else { Err(Unauthorised::Invitation) }
    }

    /// The inviter's auth, and everything else that A10 asks of a join.
    pub(super) fn check_join(&self, request: &JoinRequest) -> Result<Auth, Unauthorised> {
        let terms = &request.invitation.terms;
        let inviter = self.graph.person(&terms.inviter);
        let auth = self.inviter_auth(inviter, terms.rights)?;
        self.check_invitation(&request.invitation)?;
        let frontier: Option<Vec<Ix>> =
            terms.frontier.iter().map(|id| self.graph.find(id)).collect();
        let frontier = frontier.filter(|ops| ops.iter().all(|op| self.knows(*op)));
        let frontier = frontier.ok_or(Unauthorised::Frontier)?;
        let joiner = self.graph.person(&request.joiner);
        self.check_uses(request, joiner)?;
        if let Some(joiner) = joiner {
            self.check_past_of(joiner, &self.graph.closure(&frontier))?;
        }
        Ok(auth)
    }

    fn check_uses(
        &self,
        request: &JoinRequest,
        joiner: Option<PersonIx>,
    ) -> Result<(), Unauthorised> {
        let counts = |op: &Ix| self.knows(*op) && self.view.is_effective(self.graph, *op);
        check_uses(self.graph, &request.invitation.terms, joiner, counts)
    }

    /// What an earlier removal or leave of the joiner demands.
    fn check_past_of(&self, joiner: PersonIx, frontier: &Cut) -> Result<(), Unauthorised> {
        let restrictions = self.graph.people[joiner].restrictions.iter();
        let ended: Vec<&Restriction> = restrictions
            .map(|r| &self.graph.restrictions[*r])
            .filter(|restriction| self.ended_here(restriction))
            .collect();
        let answered = |removal: &&Restriction| self.was_added_after(joiner, removal.op);
        if !ended.iter().filter(|r| !r.by_self).copied().all(|r| answered(&r)) {
            return Err(Unauthorised::Removed);
        }
        let seen = |leave: &Restriction| frontier.contains(self.graph.node(leave.op).place);
        if !ended.iter().filter(|r| r.by_self).all(|leave| seen(leave)) {
            return Err(Unauthorised::Left);
        }
        Ok(())
    }

    /// Whether a restriction left nothing, on the op's group or above it.
    fn ended_here(&self, restriction: &Restriction) -> bool {
        restriction.keep.is_empty()
            && self.path.contains(&restriction.group)
            && self.knows(restriction.op)
            && self.view.is_effective(self.graph, restriction.op)
    }

    /// Whether an effective `MemberAdded` on the group or above it cites the removal.
    fn was_added_after(&self, joiner: PersonIx, removal: Ix) -> bool {
        self.graph.people[joiner].grants.iter().any(|grant| {
            let grant = &self.graph.grants[*grant];
            matches!(self.graph.node(grant.op).deed, Deed::Grant(_))
                && self.path.contains(&grant.group)
                && self.knows(grant.op)
                && self.view.is_effective(self.graph, grant.op)
                && self.graph.is_past(removal, grant.op)
        })
    }
}

/// Whether an invitation has a use left for `joiner` and is not revoked, by the ops that count.
fn check_uses(
    graph: &Graph,
    terms: &Terms,
    joiner: Option<PersonIx>,
    counts: impl Fn(&Ix) -> bool,
) -> Result<(), Unauthorised> {
    let Some(invitation) = graph.invitation(&terms.id()) else { return Ok(()) };
    let invited = &graph.invitations[invitation];
    if invited.joins.len() >= invited.uses_max as usize {
        let joins = invited.joins.iter().filter(|join| counts(join));
        let joiners: BTreeSet<_> = joins
            .filter_map(|join| graph.node(*join).deed.grant())
            .map(|grant| graph.grants[grant].target)
            .filter(|other| Some(*other) != joiner)
            .collect();
        if joiners.len() >= invited.uses_max as usize {
            return Err(Unauthorised::UsedUp);
        }
    }
    if invited.revocations.iter().any(counts) {
        return Err(Unauthorised::Revoked);
    }
    Ok(())
}

/// Whether an invitation might admit this joiner now: its inviter may invite, it has a use left
/// and is not revoked. Its signatures, its expiry, and what the joiner's past demands are not
/// looked at.
///
/// # Errors
///
/// What is wrong with it.
pub fn may_be_used(
    graph: &Graph,
    view: &View,
    terms: &Terms,
    joiner: &MemberId,
) -> Result<(), Unauthorised> {
    may_invite(graph, view, &terms.inviter, &terms.group, terms.rights)?;
    check_uses(graph, terms, graph.person(joiner), |op| view.is_effective(graph, *op))
}
