//! Finding the grants that authorise an op (D7, A10).

use super::Case;
use super::needs::{Place, Required, required};
use crate::governance::graph::Graph;
use crate::governance::judged::{Auth, Need};
use crate::governance::op::Body;
use crate::governance::order::Seniority;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, PersonIx};
use crate::governance::verdict::Unauthorised;
use crate::governance::view::View;

/// The auths of an op.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The signer's grant; none for a genesis and a self-restriction.
    pub signer: Option<Auth>,
    /// The inviter's grant, for a join.
    pub inviter: Option<Auth>,
}

impl Found {
    /// The largest tier of the auths.
    pub(super) fn tier(&self, graph: &Graph) -> u8 {
        let auths = self.signer.iter().chain(&self.inviter);
        auths.map(|auth| graph.grants[auth.grant].tier).max().unwrap_or(Seniority::OWNER)
    }

    /// The largest key of the auths; `None` for a self-restriction.
    pub(super) fn prio(&self, graph: &Graph) -> Option<Seniority> {
        let auths = self.signer.iter().chain(&self.inviter);
        auths.map(|auth| graph.seniority(auth.grant)).max()
    }
}

impl Case<'_> {
    /// A10: the auths of the op.
    pub(super) fn find_authority(&self) -> Result<Found, Unauthorised> {
        let Some(wanted) = required(self.payload) else { return Ok(Found::default()) };
        let signer = self.signer.and_then(|signer| self.best(signer, wanted));
        let signer = signer.ok_or(Unauthorised::Signer(wanted.need.rights()))?;
        if wanted.place == Place::Owner && !self.is_notary() {
            return Err(Unauthorised::NotNotary);
        }
        let mut found = Found { signer: Some(signer), inviter: None };
        if let Body::MemberJoined { request } = &self.payload.body {
            found.inviter = Some(self.check_join(request)?);
        }
        if let Body::InvitationRevoked { invitation } = &self.payload.body {
            self.check_invitation(invitation)?;
        }
        Ok(found)
    }

    /// The inviter's grant, which must give INVITE and all that the invitation gives.
    pub(super) fn inviter_auth(
        &self,
        inviter: Option<PersonIx>,
        rights: Rights,
    ) -> Result<Auth, Unauthorised> {
        let need = Rights::INVITE | rights;
        let wanted = Required { need: Need::All(need), place: Place::Path };
        let found = inviter.and_then(|inviter| self.best(inviter, wanted));
        found.ok_or(Unauthorised::Inviter(need))
    }

    fn best(&self, person: PersonIx, wanted: Required) -> Option<Auth> {
        best(self.graph, self.view, &self.path, person, wanted)
    }

    fn is_notary(&self) -> bool {
        self.signer.is_some() && self.view.notary(self.graph) == self.signer
    }
}

/// The most senior effective grant to a person that gives what is wanted at the end of `path`.
pub(super) fn best(
    graph: &Graph,
    view: &View,
    path: &[GroupIx],
    person: PersonIx,
    wanted: Required,
) -> Option<Auth> {
    let standing = view.standing(person)?;
    let suits = |grant: &GrantIx, remaining: Rights| {
        is_placed(graph, path, *grant, wanted.place)
            && wanted.need.is_met_by(standing.given(*grant, remaining, path))
    };
    let grants = standing.live.iter().filter(|(grant, rights)| suits(grant, *rights));
    let best = grants.map(|(grant, _)| *grant).min_by_key(|grant| graph.seniority(*grant))?;
    Some(Auth { grant: best, need: wanted.need })
}

fn is_placed(graph: &Graph, path: &[GroupIx], grant: GrantIx, place: Place) -> bool {
    let row = &graph.grants[grant];
    match place {
        Place::Path => path.contains(&row.group),
        Place::Above => path.iter().skip(1).any(|step| *step == row.group),
        Place::Root => !path.is_empty() && row.group == GroupIx::ROOT,
        Place::Owner => !path.is_empty() && row.tier == Seniority::OWNER,
    }
}
