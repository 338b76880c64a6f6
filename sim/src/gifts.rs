//! What ops give to whom, by their words (D4).

use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, MemberId};
use folkmoot_core::signed::Op;

/// Rights that an op gives, if it has effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gift {
    /// To whom.
    pub(crate) member: MemberId,
    /// In which group, and those below it.
    pub(crate) group: GroupId,
    /// Which rights.
    pub(crate) rights: Rights,
}

/// The rights that an op gives, if it has effect.
pub(crate) fn gifts(op: &Op) -> Vec<Gift> {
    let group = op.payload.group;
    let gift = |member: MemberId, group, rights| Gift { member, group, rights };
    match &op.payload.body {
        Body::NamespaceCreated { owners, .. } => {
            let root = GroupId(op.id.0);
            owners.iter().map(|owner| gift(*owner, root, Rights::ADMIN)).collect()
        }
        Body::MemberAdded { member, rights } => vec![gift(*member, group, *rights)],
        Body::MemberJoined { request } => {
            vec![gift(request.joiner, group, request.invitation.terms.rights)]
        }
        Body::GroupCreated { .. } => {
            vec![gift(op.payload.signer, GroupId(op.id.0), Rights::ADMIN)]
        }
        Body::GroupMoved { .. }
        | Body::GroupDeleted
        | Body::Anchor { .. }
        | Body::Noop
        | Body::MemberRestricted { .. }
        | Body::MemberLeft
        | Body::InvitationRevoked { .. }
        | Body::SlotSet { .. }
        | Body::ContextRegistered { .. } => Vec::new(),
    }
}
