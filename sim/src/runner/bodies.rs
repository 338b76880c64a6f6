//! What is written: a deed as the body of an op.

use super::{Runner, author};
use crate::kit::{add, remove, restrict};
use crate::scenario::{Deed, Role};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::op::{Body, SlotWrite, Subject, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::limits::RULES_VERSION;

/// The rights of a role.
pub(super) fn rights(role: Role) -> Rights {
    match role {
        Role::Admin => Rights::ADMIN,
        Role::Member => Rights::MEMBER,
        Role::Reader => Rights::READ_ONLY,
        Role::Inviter => Rights::MEMBER | Rights::INVITE,
        Role::Steward => Rights::MEMBER | Rights::MEMBERS,
    }
}

/// The body of a deed of a node; nothing where there is nothing to do it to.
pub(super) fn body(runner: &Runner<'_>, at: usize, deed: Deed) -> Option<Body> {
    let person = |who: u16| author(usize::from(who));
    let slot = |strict, write| Body::SlotSet { strict, write };
    Some(match deed {
        Deed::Add { who, role } => add(&person(who), rights(role)),
        Deed::Restrict { who, role } => restrict(&person(who), rights(role)),
        Deed::Remove { who } => remove(&person(who)),
        Deed::Leave => Body::MemberLeft,
        Deed::Create => Body::GroupCreated { visibility: Visibility::Open },
        Deed::Move { to } => Body::GroupMoved { new_parent: runner.target(at, usize::from(to))? },
        Deed::Delete => Body::GroupDeleted,
        Deed::Anchor => Body::Anchor { rules: RULES_VERSION, notary: None },
        Deed::Notary { who } => Body::Anchor { rules: RULES_VERSION, notary: Some(person(who).id) },
        Deed::Default { role } => slot(false, SlotWrite::DefaultRights(rights(role))),
        Deed::Name { value } => {
            let (key, value) = (Text::new("name")?, Bytes::truncated(vec![b'a' + value % 26]));
            slot(false, SlotWrite::Metadata { subject: Subject::Group, key, value })
        }
        Deed::Close { open } => {
            let visibility = if open { Visibility::Open } else { Visibility::Restricted };
            slot(true, SlotWrite::Visibility(visibility))
        }
        Deed::Revoke => Body::InvitationRevoked { invitation: runner.last_issued(at)? },
        Deed::Context => Body::ContextRegistered { application: [7; 32] },
        Deed::Noop => Body::Noop,
    })
}
