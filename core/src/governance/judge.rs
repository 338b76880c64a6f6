//! Judgement at a cut: A8 to A12, in that order.
//!
//! A function of the op and its ancestors alone. The view given is that of the op's cut, or of any
//! larger set whose visible part the cut holds: what the cut then lacks changes no row.

mod authority;
mod joins;
mod needs;
mod targets;

pub use authority::Found;
pub use joins::may_be_used;
pub use needs::{Place, Required, required};

use crate::governance::graph::{Graph, Placed};
use crate::governance::judged::{Judged, Need};
use crate::governance::op::{Body, Payload, SlotKey, SlotName, SlotWrite, Subject};
use crate::governance::order::Seniority;
use crate::governance::reach::Cut;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Ix, PersonIx};
use crate::governance::tree::TreeChanges;
use crate::governance::verdict::{Dropped, Precondition, Unauthorised, VoidAtCut};
use crate::governance::view::View;
use crate::id::{ContextId, GroupId, MemberId, OpId};
use crate::limits::DEPTH_MAX;
use crate::signed::Op;
use alloc::vec::Vec;

/// An op about to be judged, in terms of the graph.
pub(super) struct Case<'a> {
    pub(super) graph: &'a Graph,
    pub(super) view: &'a View,
    pub(super) cut: &'a Cut,
    pub(super) payload: &'a Payload,
    pub(super) generation: u64,
    pub(super) inner_valid: bool,
    pub(super) signer: Option<PersonIx>,
    /// The group the op acts on and its path to the root; empty where it does not exist.
    pub(super) path: Vec<GroupIx>,
}

impl<'a> Case<'a> {
    fn new(
        graph: &'a Graph,
        view: &'a View,
        payload: &'a Payload,
        placed: &'a Placed,
        inner_valid: bool,
    ) -> Self {
        let group = graph.group(&payload.group);
        Self {
            graph,
            view,
            cut: &placed.cut,
            payload,
            generation: placed.generation,
            inner_valid,
            signer: graph.person(&payload.signer),
            path: group.map(|group| view.tree().path(group)).unwrap_or_default(),
        }
    }
}

/// Judges an op that has a place in the graph (A8 to A12).
///
/// # Errors
///
/// [`Dropped::Stranger`] (A8).
pub fn judge(graph: &Graph, view: &View, op: &Op, placed: &Placed) -> Result<Judged, Dropped> {
    let payload = &op.payload;
    let case = Case::new(graph, view, payload, placed, op.inner_valid);
    if let Body::NamespaceCreated { .. } = payload.body {
        return Ok(case.judged(None, &Found::default()));
    }
    if !has_standing(graph, view, &payload.signer) {
        return Err(Dropped::Stranger);
    }
    Ok(match case.admit() {
        Ok(found) => case.judged(None, &found),
        Err(void) => case.judged(Some(void), &Found::default()),
    })
}

/// What [`judge`] would find of a draft at the heads, before anything is signed (GOV-30). The
/// state hash is not compared: it is filled in afterwards.
///
/// # Errors
///
/// Why the op would be void.
pub fn preflight(
    graph: &Graph,
    view: &View,
    payload: &Payload,
    placed: &Placed,
) -> Result<Option<GrantIx>, VoidAtCut> {
    let case = Case::new(graph, view, payload, placed, true);
    case.admit_in_state().map(|found| found.signer.map(|auth| auth.grant))
}

/// A8: whether a person has a direct right in a group that exists.
pub fn has_standing(graph: &Graph, view: &View, person: &MemberId) -> bool {
    graph.person(person).is_some_and(|person| stands(graph, view, person))
}

/// As [`has_standing`], of a person who was found already.
pub fn stands(graph: &Graph, view: &View, person: PersonIx) -> bool {
    view.standing(person).is_some_and(|standing| {
        let mut live = standing.live.iter();
        live.any(|(grant, _)| view.tree().exists(graph.grants[*grant].group))
    })
}

/// Whether an invitation by this person would authorise a join now (A10).
///
/// # Errors
///
/// What the inviter lacks.
pub fn may_invite(
    graph: &Graph,
    view: &View,
    inviter: &MemberId,
    group: &GroupId,
    rights: Rights,
) -> Result<(), Unauthorised> {
    let path = graph.group(group).map(|group| view.tree().path(group)).unwrap_or_default();
    let need = Need::All(Rights::INVITE | rights);
    let wanted = Required { need, place: Place::Path };
    let found = graph
        .person(inviter)
        .and_then(|person| authority::best(graph, view, &path, person, wanted));
    found.map(|_| ()).ok_or(Unauthorised::Inviter(need.rights()))
}

impl Case<'_> {
    /// The group, where it exists.
    pub(super) fn group(&self) -> Option<GroupIx> {
        self.path.first().copied()
    }

    fn admit(&self) -> Result<Found, VoidAtCut> {
        // A9.
        let expected = self.view.root_of_path(self.graph, &self.path);
        let got = self.payload.state_hash;
        if got != expected {
            return Err(VoidAtCut::StateHashMismatch { got, expected });
        }
        self.admit_in_state()
    }

    /// A10 to A12.
    fn admit_in_state(&self) -> Result<Found, VoidAtCut> {
        let found = self.find_authority().map_err(VoidAtCut::NotAuthorised)?;
        self.check_target(&found)?;
        self.check_preconditions().map_err(VoidAtCut::Precondition)?;
        Ok(found)
    }

    /// A12, in the order of the list.
    fn check_preconditions(&self) -> Result<(), Precondition> {
        let Some(group) = self.group() else { return Err(Precondition::NoSuchGroup) };
        match &self.payload.body {
            Body::GroupCreated { .. } => {
                let fits = self.path.len() < DEPTH_MAX;
                if fits { Ok(()) } else { Err(Precondition::TooDeep) }
            }
            Body::GroupMoved { new_parent } => {
                must(group != GroupIx::ROOT, Precondition::Root)?;
                let target = self.graph.group(new_parent);
                self.check_move(group, target.ok_or(Precondition::NoSuchGroup)?)
            }
            Body::GroupDeleted => must(group != GroupIx::ROOT, Precondition::Root),
            Body::Anchor { notary, .. } => {
                must(group == GroupIx::ROOT, Precondition::NotRoot)?;
                let is_owner = notary.is_none_or(|notary| {
                    let person = self.graph.person(&notary);
                    person.is_some_and(|person| self.graph.owners.contains(&person))
                });
                must(is_owner, Precondition::NotOwner)
            }
            Body::MemberAdded { member, rights } => {
                let adds = !self.direct_rights(self.graph.person(member)).covers(*rights);
                must(adds, Precondition::NothingAdded)
            }
            Body::MemberJoined { request } => {
                let has = self.direct_rights(self.graph.person(&request.joiner));
                let adds = !has.covers(request.invitation.terms.rights);
                must(adds, Precondition::NothingAdded)
            }
            Body::SlotSet { write, .. } => self.check_write(group, write),
            Body::NamespaceCreated { .. }
            | Body::Noop
            | Body::MemberRestricted { .. }
            | Body::MemberLeft
            | Body::InvitationRevoked { .. }
            | Body::ContextRegistered { .. } => Ok(()),
        }
    }

    fn check_move(&self, group: GroupIx, target: GroupIx) -> Result<(), Precondition> {
        let path = self.view.tree().path(target);
        must(!path.is_empty(), Precondition::NoSuchGroup)?;
        must(!path.contains(&group), Precondition::Circle)?;
        let height = self.view.tree().height(group);
        must(path.len() + height <= DEPTH_MAX, Precondition::TooDeep)
    }

    fn check_write(&self, group: GroupIx, write: &SlotWrite) -> Result<(), Precondition> {
        match write {
            SlotWrite::Policy { .. } => must(group == GroupIx::ROOT, Precondition::NotRoot),
            SlotWrite::Metadata { subject: Subject::Context(context), .. }
            | SlotWrite::ContextDetached(context)
            | SlotWrite::ContextRights { context, .. } => {
                must(self.is_registered(*context), Precondition::NoSuchContext)
            }
            SlotWrite::Metadata { subject: Subject::Group | Subject::Member(_), .. }
            | SlotWrite::Visibility(_)
            | SlotWrite::DefaultRights(_)
            | SlotWrite::AutoFollow(_)
            | SlotWrite::TargetApplication(_)
            | SlotWrite::UpgradePolicy(_)
            | SlotWrite::Migration(_) => Ok(()),
        }
    }

    /// Whether a context is registered in the op's group: the winner of its slot there is the
    /// registration itself, and not a detachment.
    fn is_registered(&self, context: ContextId) -> bool {
        let key = SlotKey { group: self.payload.group, name: SlotName::Context(context) };
        let won = self.graph.slot(&key).and_then(|slot| self.view.contest(slot));
        won.is_some_and(|won| self.graph.node(won.winner).id == OpId(context.0))
    }

    /// What a person has by direct rows of the op's group.
    fn direct_rights(&self, person: Option<PersonIx>) -> Rights {
        let row = person
            .zip(self.group())
            .and_then(|(person, group)| self.view.member_row(self.graph, person, group));
        row.map_or(Rights::NONE, |row| row.rights)
    }

    /// Whether this op is in the cut: a view may hold more than the cut does.
    pub(super) fn knows(&self, ix: Ix) -> bool {
        self.cut.contains(self.graph.node(ix).place)
    }

    fn judged(&self, void: Option<VoidAtCut>, found: &Found) -> Judged {
        let dead_moves = if void.is_some() { Vec::new() } else { self.dead_moves() };
        let tier = self.tier(found);
        Judged {
            void,
            auths: [found.signer, found.inviter],
            tier,
            generation: self.generation,
            tree: TreeChanges::default(),
            dead_moves,
        }
    }

    /// Tier of the grant that the op makes (D8): never smaller than that of its auths.
    fn tier(&self, found: &Found) -> u8 {
        let body = &self.payload.body;
        let creates = matches!(body, Body::GroupCreated { .. });
        let by_kind = match (body.given().is_admin(), self.group()) {
            _ if creates => Seniority::GROUP_ADMIN,
            (true, Some(GroupIx::ROOT)) => Seniority::ROOT_ADMIN,
            (true, _) => Seniority::GROUP_ADMIN,
            (false, _) => Seniority::OTHER,
        };
        by_kind.max(found.tier(self.graph))
    }

    /// Moves of a group on the path that the cut holds without effect (D11).
    fn dead_moves(&self) -> Vec<Ix> {
        let moves = self.path.iter().filter_map(|group| self.graph.moves.get(group)).flatten();
        let dead = |ix: &&Ix| self.knows(**ix) && !self.view.is_effective(self.graph, **ix);
        moves.filter(dead).copied().collect()
    }
}

fn must(holds: bool, otherwise: Precondition) -> Result<(), Precondition> {
    if holds { Ok(()) } else { Err(otherwise) }
}
