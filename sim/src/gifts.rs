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
    /// Who gives them out of what they have; nobody where they begin with the op.
    pub(crate) giver: Option<MemberId>,
}

/// The rights that an op gives, if it has effect.
pub(crate) fn gifts(op: &Op) -> Vec<Gift> {
    let (signer, group) = (op.payload.signer, op.payload.group);
    let begun = |member: MemberId| Gift {
        member,
        group: GroupId(op.id.0),
        rights: Rights::ADMIN,
        giver: None,
    };
    match &op.payload.body {
        Body::NamespaceCreated { owners, .. } => owners.iter().map(|owner| begun(*owner)).collect(),
        Body::MemberAdded { member, rights } => {
            vec![Gift { member: *member, group, rights: *rights, giver: Some(signer) }]
        }
        Body::MemberJoined { request } => {
            let terms = &request.invitation.terms;
            let giver = Some(terms.inviter);
            vec![Gift { member: request.joiner, group, rights: terms.rights, giver }]
        }
        Body::GroupCreated { .. } => vec![begun(signer)],
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
