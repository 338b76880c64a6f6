//! Invitations and join requests (`docs/protocol.md`).
//!
//! An invitation is not an op. The inviter signs its content; the string that people pass on adds
//! the one-time secret and addresses, which are outside the signature. A join request carries two
//! more signatures over the joiner's key, one by the joiner and one by the one-time secret, so a
//! witness or a reader of the log cannot use the invitation again.

use crate::bounded::Bounded;
use crate::codec;
use crate::digest::{Domain, digest};
use crate::governance::rights::Rights;
use crate::id::{GroupId, InvitationId, MemberId, NamespaceId, OpId};
use crate::key::{Claim, Signature};
use crate::limits::PARENTS_MAX;
use crate::time::UnixMillis;
use borsh::{BorshDeserialize, BorshSerialize};

/// What the inviter signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Terms {
    /// The namespace.
    pub namespace: NamespaceId,
    /// The group that the joiner becomes a member of.
    pub group: GroupId,
    /// Who invites.
    pub inviter: MemberId,
    /// What the joiner gets; never empty.
    pub rights: Rights,
    /// How many different joiners may use it, 1 to [`crate::limits::INVITATION_USES_MAX`].
    pub uses_max: u32,
    /// When a witness stops accepting it, by the witness's clock.
    pub expires_at: UnixMillis,
    /// The inviter's heads when it was written.
    pub frontier: Bounded<OpId, PARENTS_MAX>,
    /// Public half of the one-time secret.
    pub one_time_key: MemberId,
}

/// Terms with the inviter's signature over their digest.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Invitation {
    /// What was promised.
    pub terms: Terms,
    /// By the inviter, over [`Terms::id`].
    pub signature: Signature,
}

/// Consent of a joiner to an invitation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JoinRequest {
    /// The invitation used.
    pub invitation: Invitation,
    /// The joiner's key in this namespace.
    pub joiner: MemberId,
    /// By the joiner, over [`consent`] of the invitation and the joiner.
    pub signature: Signature,
    /// By the one-time secret, over [`voucher`] of the invitation and the joiner.
    pub one_time_signature: Signature,
}

impl Terms {
    /// Id of the invitation, and what the inviter signs.
    pub fn id(&self) -> InvitationId {
        InvitationId(digest(Domain::Invitation, &codec::encode(self)))
    }
}

impl Invitation {
    /// Whether the inviter signed these terms.
    pub fn is_signed(&self) -> bool {
        self.claim().is_valid()
    }

    /// What its signature says: that the inviter signed these terms.
    pub fn claim(&self) -> Claim {
        let (key, message) = (self.terms.inviter, self.terms.id().0);
        Claim { key, message, signature: self.signature }
    }
}

impl JoinRequest {
    /// Whether all three signatures are valid (A10).
    pub fn is_signed(&self) -> bool {
        self.claims().iter().all(Claim::is_valid)
    }

    /// What its three signatures say: the inviter's, the joiner's, and that of the one-time secret.
    pub fn claims(&self) -> [Claim; 3] {
        let Self { invitation, joiner, signature, one_time_signature } = self;
        let (id, one_time) = (invitation.terms.id(), invitation.terms.one_time_key);
        let claim =
            |key, message, signature: &Signature| Claim { key, message, signature: *signature };
        [
            invitation.claim(),
            claim(*joiner, consent(id, *joiner), signature),
            claim(one_time, voucher(id, *joiner), one_time_signature),
        ]
    }
}

/// What a joiner signs to use an invitation.
pub fn consent(invitation: InvitationId, joiner: MemberId) -> [u8; 32] {
    digest(Domain::Join, &codec::encode(&(invitation, joiner)))
}

/// What the one-time secret signs for a joiner.
pub fn voucher(invitation: InvitationId, joiner: MemberId) -> [u8; 32] {
    digest(Domain::OneTime, &codec::encode(&(invitation, joiner)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Author;

    #[test]
    fn a10_another_invitation_or_joiner_is_another_thing_to_sign() {
        let namespace = NamespaceId([7; 32]);
        let request = Author::new(1).invite(&Author::new(2), namespace);
        let terms = request.invitation.terms;
        let id = terms.id();
        let others = [
            Terms { rights: Rights::ADMIN, ..terms.clone() },
            Terms { uses_max: terms.uses_max + 1, ..terms.clone() },
            Terms { expires_at: UnixMillis(1), ..terms.clone() },
            Terms { frontier: Bounded::truncated([OpId([9; 32])].into()), ..terms.clone() },
        ];
        for other in others {
            assert_ne!(other.id(), id, "{other:?}");
            assert_ne!(consent(other.id(), request.joiner), consent(id, request.joiner));
            assert_ne!(voucher(other.id(), request.joiner), voucher(id, request.joiner));
        }
        assert_ne!(consent(id, terms.inviter), consent(id, request.joiner));
        assert_ne!(voucher(id, terms.inviter), voucher(id, request.joiner));
        assert_ne!(consent(id, request.joiner), voucher(id, request.joiner));
    }
}
