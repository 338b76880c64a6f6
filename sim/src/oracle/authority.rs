//! What each body needs, and which grant gives it (D7, section 2, rulings 2, 4, 5).

use super::terms::{Auth, Grant, Need};
use super::{Effect, Oracle};
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, MemberId};

/// What the body needs of its signer.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) need: Need,
    pub(super) place: Place,
}

/// Where the grant must be held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the op's group or above it.
    Inherited,
    /// Strictly above the op's group.
    Above,
    /// On the root.
    Root,
    /// On the root, by an owner.
    Owner,
}

impl Wanted {
    fn of(bits: Rights, place: Place) -> Self {
        Self { need: Need::Bits(bits), place }
    }

    fn any() -> Self {
        Self { need: Need::Any, place: Place::Inherited }
    }

    /// The table of section 2.
    pub(super) fn by(payload: &Payload) -> Self {
        let here = |bits| Self::of(bits, Place::Inherited);
        match &payload.body {
            Body::GroupCreated { .. } => here(Rights::SUBGROUPS),
            Body::GroupMoved { .. } => Self::of(Rights::ADMIN, Place::Root),
            Body::GroupDeleted => Self::of(Rights::DELETE_SUBGROUPS, Place::Above),
            Body::Anchor { .. } => Self::of(Rights::ADMIN, Place::Owner),
            Body::NamespaceCreated { .. } | Body::Noop | Body::MemberJoined { .. } => Self::any(),
            Body::MemberAdded { rights, .. } => here(Rights::MEMBERS | *rights),
            Body::MemberRestricted { .. } | Body::MemberLeft => here(Rights::MEMBERS),
            Body::InvitationRevoked { invitation } => {
                let is_own = invitation.terms.inviter == payload.signer;
                here(if is_own { Rights::INVITE } else { Rights::MEMBERS })
            }
            Body::ContextRegistered { .. } => here(Rights::CONTEXTS),
            Body::SlotSet { write, .. } => Self::by_write(write, payload.signer),
        }
    }

    fn by_write(write: &SlotWrite, signer: MemberId) -> Self {
        let here = |bits| Self::of(bits, Place::Inherited);
        match write {
            SlotWrite::Visibility(_) => here(Rights::VISIBILITY),
            SlotWrite::DefaultRights(_) | SlotWrite::ContextDetached(_) => here(Rights::ADMIN),
            SlotWrite::Metadata { subject, .. } if *subject == Subject::Member(signer) => {
                Self::any()
            }
            SlotWrite::Metadata { .. } => here(Rights::METADATA),
            SlotWrite::AutoFollow(_) => Self::any(),
            SlotWrite::Policy { .. } => Self::of(Rights::ADMIN, Place::Root),
            SlotWrite::TargetApplication(_)
            | SlotWrite::UpgradePolicy(_)
            | SlotWrite::Migration(_) => here(Rights::APPLICATION),
            SlotWrite::ContextRights { .. } => here(Rights::MEMBERS),
        }
    }

    /// What a join needs of the inviter.
    pub(super) fn of_inviter(rights: Rights) -> Self {
        Self::of(Rights::INVITE | rights, Place::Inherited)
    }

    fn is_held(self, grant: &Grant, anc: &[GroupId], root: GroupId) -> bool {
        match self.place {
            Place::Inherited => true,
            Place::Above => anc.first() != Some(&grant.group),
            Place::Root => grant.group == root,
            Place::Owner => grant.key.tier == 0,
        }
    }
}

impl Oracle {
    /// D7: the most senior grant of `member` that gives what is wanted to an op whose groups are
    /// `anc`.
    pub(super) fn auth(
        &self,
        cut: &Effect,
        anc: &[GroupId],
        member: MemberId,
        wanted: Wanted,
    ) -> Option<Auth> {
        self.effective_grants(cut)
            .filter(|grant| grant.member == member && anc.contains(&grant.group))
            .filter(|grant| wanted.is_held(grant, anc, self.root()))
            .filter(|grant| wanted.need.is_met_by(self.gives(cut, grant, anc)))
            .min_by_key(|grant| grant.key)
            .map(|grant| Auth { grant: grant.clone(), need: wanted.need })
    }
}
