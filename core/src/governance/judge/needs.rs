//! What each body requires (section 2).

use crate::governance::judged::Need;
use crate::governance::op::{Body, Payload, SlotWrite, Subject};
use crate::governance::rights::Rights;

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

/// What the signer of a payload needs; `None` where it needs nobody (D5, self-restrictions).
pub fn required(payload: &Payload) -> Option<Required> {
    let path = |need| Some(Required { need, place: Place::Path });
    let all = |rights| path(Need::All(rights));
    match &payload.body {
        Body::NamespaceCreated { .. } | Body::MemberLeft => None,
        Body::MemberRestricted { member, .. } if *member == payload.signer => None,
        Body::GroupCreated { .. } => all(Rights::SUBGROUPS),
        Body::GroupMoved { .. } => root(Rights::ADMIN),
        Body::GroupDeleted => {
            Some(Required { need: Need::All(Rights::DELETE_SUBGROUPS), place: Place::Above })
        }
        Body::Anchor { .. } => {
            Some(Required { need: Need::All(Rights::ADMIN), place: Place::Owner })
        }
        Body::Noop | Body::MemberJoined { .. } => path(Need::Any),
        Body::MemberAdded { rights, .. } => all(Rights::MEMBERS | *rights),
        Body::MemberRestricted { .. } => all(Rights::MEMBERS),
        Body::InvitationRevoked { invitation } => {
            let own = invitation.terms.inviter == payload.signer;
            all(if own { Rights::INVITE } else { Rights::MEMBERS })
        }
        Body::SlotSet { write, .. } => required_to_write(payload, write),
        Body::ContextRegistered { .. } => all(Rights::CONTEXTS),
    }
}

fn root(rights: Rights) -> Option<Required> {
    Some(Required { need: Need::All(rights), place: Place::Root })
}

fn required_to_write(payload: &Payload, write: &SlotWrite) -> Option<Required> {
    let path = |need| Some(Required { need, place: Place::Path });
    match write {
        SlotWrite::Visibility(_) => path(Need::All(Rights::VISIBILITY)),
        SlotWrite::DefaultRights(_) | SlotWrite::ContextDetached(_) => {
            path(Need::All(Rights::ADMIN))
        }
        SlotWrite::Metadata { subject: Subject::Member(member), .. }
            if *member == payload.signer =>
        {
            path(Need::Any)
        }
        SlotWrite::Metadata { .. } => path(Need::All(Rights::METADATA)),
        SlotWrite::AutoFollow(_) => path(Need::Any),
        SlotWrite::Policy { .. } => root(Rights::ADMIN),
        SlotWrite::TargetApplication(_) | SlotWrite::UpgradePolicy(_) | SlotWrite::Migration(_) => {
            path(Need::All(Rights::APPLICATION))
        }
        SlotWrite::ContextRights { .. } => path(Need::All(Rights::MEMBERS)),
    }
}
