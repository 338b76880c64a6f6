//! What no author may write, whatever is signed (A1).

use super::{Flaw, Malformed};
use crate::governance::invitation::Terms;
use crate::governance::op::{Body, Payload, SlotWrite, Subject};
use crate::id::MemberId;
use crate::key::is_key;
use crate::limits::{INVITATION_USES_MAX, RULES_VERSION};

/// What the types cannot say of a payload (A1).
///
/// # Errors
///
/// [`Malformed::Value`], or [`Malformed::NewerRules`] of an anchor that names newer rules.
pub fn is_well_formed(payload: &Payload) -> Result<(), Malformed> {
    if payload.rules != RULES_VERSION {
        return Err(Malformed::Value(Flaw::Rules));
    }
    match &payload.body {
        Body::NamespaceCreated { owners, .. } => genesis_is_well_formed(payload, owners),
        Body::MemberAdded { member, rights } => {
            holds(!rights.is_empty(), Flaw::EmptyGrant)?;
            key_is_well_formed(*member)
        }
        Body::MemberRestricted { member, .. } => key_is_well_formed(*member),
        Body::MemberJoined { request } => {
            key_is_well_formed(request.joiner)?;
            invitation_is_well_formed(&request.invitation.terms)
        }
        Body::InvitationRevoked { invitation } => invitation_is_well_formed(&invitation.terms),
        Body::Anchor { rules, .. } if *rules > RULES_VERSION => Err(Malformed::NewerRules(*rules)),
        Body::Anchor { rules, notary } => {
            holds(*rules == RULES_VERSION, Flaw::Rules)?;
            notary.map_or(Ok(()), key_is_well_formed)
        }
        Body::SlotSet { write, .. } => slot_is_well_formed(write),
        Body::GroupCreated { .. }
        | Body::GroupMoved { .. }
        | Body::GroupDeleted
        | Body::Noop
        | Body::MemberLeft
        | Body::ContextRegistered { .. } => Ok(()),
    }
}

fn slot_is_well_formed(write: &SlotWrite) -> Result<(), Malformed> {
    match write {
        SlotWrite::Metadata { subject: Subject::Member(member), .. }
        | SlotWrite::ContextRights { member, .. } => key_is_well_formed(*member),
        SlotWrite::Metadata { subject: Subject::Group | Subject::Context(_), .. }
        | SlotWrite::Visibility(_)
        | SlotWrite::DefaultRights(_)
        | SlotWrite::AutoFollow(_)
        | SlotWrite::Policy { .. }
        | SlotWrite::TargetApplication(_)
        | SlotWrite::UpgradePolicy(_)
        | SlotWrite::Migration(_)
        | SlotWrite::ContextDetached(_) => Ok(()),
    }
}

fn genesis_is_well_formed(payload: &Payload, owners: &[MemberId]) -> Result<(), Malformed> {
    let zero = payload.namespace.0 == [0; 32]
        && payload.group.0 == [0; 32]
        && payload.state_hash == [0; 32];
    holds(zero, Flaw::GenesisFields)?;
    holds(!owners.is_empty(), Flaw::Owners)?;
    let distinct = owners
        .iter()
        .enumerate()
        .all(|(at, owner)| owners.iter().skip(at + 1).all(|other| other != owner));
    holds(distinct, Flaw::Owners)?;
    owners.iter().copied().try_for_each(key_is_well_formed)
}

/// What the types cannot say of the terms of an invitation (A1).
///
/// # Errors
///
/// [`Malformed::Value`].
pub fn invitation_is_well_formed(terms: &Terms) -> Result<(), Malformed> {
    holds(!terms.rights.is_empty(), Flaw::EmptyGrant)?;
    let uses = terms.uses_max;
    holds((1..=INVITATION_USES_MAX).contains(&uses), Flaw::Uses)?;
    let ascending = terms.frontier.is_sorted_by(|a, b| a < b);
    holds(ascending, Flaw::Frontier)?;
    key_is_well_formed(terms.inviter)?;
    key_is_well_formed(terms.one_time_key)
}

fn key_is_well_formed(key: MemberId) -> Result<(), Malformed> {
    holds(is_key(&key), Flaw::Key)
}

fn holds(condition: bool, what: Flaw) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(Malformed::Value(what)) }
}
