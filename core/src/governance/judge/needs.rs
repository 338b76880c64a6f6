//! What each body requires (section 2).

use crate::governance::judged::Need;
use crate::governance::op::{Body, Payload, SlotWrite, Subject};
use crate::governance::rights::Rights;
use crate::id::MemberId;

/// Where the authorising grant must be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the op's group or above it.
    Path,
    /// Strictly above the op's group.
    Above,
    /// On the root itself.
    Root,
    /// On the root, as an owner.
    Owner,
}

/// What the signer needs: rights, and where by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Required {
    /// Which rights one grant must give.
    pub need: Need,
    /// Where the grant is held.
    pub place: Place,
}

impl Required {
    const fn all(rights: Rights) -> Self {
        Self { need: Need::All(rights), place: Place::Path }
    }

    const fn any() -> Self {
        Self { need: Need::Any, place: Place::Path }
    }

    const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

/// What the signer of a payload needs; `None` where it needs nobody (D5, self-restrictions).
pub fn required(payload: &Payload) -> Option<Required> {
    Some(match &payload.body {
        Body::NamespaceCreated { .. } | Body::MemberLeft => return None,
        Body::MemberRestricted { member, .. } if *member == payload.signer => return None,
        Body::GroupCreated { .. } => Required::all(Rights::SUBGROUPS),
        Body::GroupMoved { .. } => Required::all(Rights::ADMIN).at(Place::Root),
        Body::GroupDeleted => Required::all(Rights::DELETE_SUBGROUPS).at(Place::Above),
        Body::Anchor { .. } => Required::all(Rights::ADMIN).at(Place::Owner),
        Body::Noop | Body::MemberJoined { .. } => Required::any(),
        Body::MemberAdded { rights, .. } => Required::all(Rights::MEMBERS | *rights),
        Body::MemberRestricted { .. } => Required::all(Rights::MEMBERS),
        Body::InvitationRevoked { invitation } => {
            let own = invitation.terms.inviter == payload.signer;
            Required::all(if own { Rights::INVITE } else { Rights::MEMBERS })
        }
        Body::SlotSet { write, .. } => required_to_write(payload.signer, write),
        Body::ContextRegistered { .. } => Required::all(Rights::CONTEXTS),
    })
}

fn required_to_write(signer: MemberId, write: &SlotWrite) -> Required {
    match write {
        SlotWrite::Visibility(_) => Required::all(Rights::VISIBILITY),
        SlotWrite::DefaultRights(_) | SlotWrite::ContextDetached(_) => Required::all(Rights::ADMIN),
        SlotWrite::Metadata { subject: Subject::Member(member), .. } if *member == signer => {
            Required::any()
        }
        SlotWrite::Metadata { .. } => Required::all(Rights::METADATA),
        SlotWrite::AutoFollow(_) => Required::any(),
        SlotWrite::Policy { .. } => Required::all(Rights::ADMIN).at(Place::Root),
        SlotWrite::TargetApplication(_) | SlotWrite::UpgradePolicy(_) | SlotWrite::Migration(_) => {
            Required::all(Rights::APPLICATION)
        }
        SlotWrite::ContextRights { .. } => Required::all(Rights::MEMBERS),
    }
}
