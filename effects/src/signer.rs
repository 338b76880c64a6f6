//! Carries out `Effect::Sign` with the private keys of this node.

use folkmoot_core::codec;
use folkmoot_core::effect::Draft;
use folkmoot_core::governance::invitation::{Invitation, Terms};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::input::{Input, RequestId, Signed};
use folkmoot_core::key::Signature;
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::signed::{self as ops, Op, SignedOp, Verified};

use crate::ports::Signer;

/// One draft to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignTask {
    /// Names the answer.
    pub request: RequestId,
    /// With whose key.
    pub signer: MemberId,
    /// What.
    pub draft: Draft,
}

impl SignTask {
    /// Signs, checks the signature as everyone else will, and gives the answer for the reducer.
    ///
    /// A key that makes no valid signature counts as none.
    pub fn carry_out(self, keys: &dyn Signer) -> Input {
        let Self { request, signer, draft } = self;
        let signed = match draft {
            Draft::Op { payload } => sign_op(payload, &signer, keys).map(Signed::Op),
            Draft::Invitation(terms) => {
                sign_invitation(terms, &signer, keys).map(Signed::Invitation)
            }
        };
        let signed = signed.unwrap_or(Signed::NoKey(signer));
        Input::SignatureReady { request, signed }
    }
}

fn sign_op(payload: Vec<u8>, signer: &MemberId, keys: &dyn Signer) -> Option<Verified<Op>> {
    let mut op = SignedOp { payload, signature: Signature([0; 64]) };
    let id = op.id();
    op.signature = keys.sign(signer, &id.0)?;
    let payload: Option<Payload> = codec::decode(&op.payload, OP_BYTES_MAX).ok();
    let namespace = payload.map(|payload| {
        let genesis = matches!(payload.body, Body::NamespaceCreated { .. });
        if genesis { NamespaceId::from(id) } else { payload.namespace }
    });
    let verified = namespace.map(|namespace| ops::verify(&codec::encode(&op), namespace));
    match verified {
        Some(Ok(op)) => Some(op),
        Some(Err(why)) => {
            tracing::error!(%signer, %why, "a signature of our own is not valid: check the key");
            None
        }
        None => {
            tracing::error!(%signer, "a draft of our own is no payload");
            None
        }
    }
}

fn sign_invitation(terms: Terms, signer: &MemberId, keys: &dyn Signer) -> Option<Invitation> {
    let signature = keys.sign(signer, &terms.id().0)?;
    let invitation = Invitation { terms, signature };
    if !invitation.is_signed() {
        tracing::error!(%signer, "a signature of our own is not valid: check the key");
        return None;
    }
    Some(invitation)
}

#[cfg(test)]
mod tests {
    use folkmoot_core::bounded::Bounded;
    use folkmoot_core::governance::rights::Rights;
    use folkmoot_core::id::GroupId;
    use folkmoot_core::limits::RULES_VERSION;
    use folkmoot_core::time::UnixMillis;

    use super::*;
    use crate::ports::testing::{Keys, member};

    fn genesis() -> Payload {
        let owners = Bounded::new(vec![member(1)]).unwrap();
        Payload {
            rules: RULES_VERSION,
            namespace: NamespaceId::default(),
            group: GroupId::default(),
            signer: member(1),
            nonce: 1,
            parents: Bounded::default(),
            state_hash: [0; 32],
            body: Body::NamespaceCreated { owners, salt: [3; 16] },
        }
    }

    fn terms() -> Terms {
        Terms {
            namespace: NamespaceId([9; 32]),
            group: GroupId([9; 32]),
            inviter: member(1),
            rights: Rights::MEMBER,
            uses_max: 1,
            expires_at: UnixMillis(1),
            frontier: Bounded::default(),
            one_time_key: member(3),
        }
    }

    fn signed(draft: Draft, keys: &dyn Signer) -> Signed {
        let task = SignTask { request: RequestId(4), signer: member(1), draft };
        let answer = task.carry_out(keys);
        let Input::SignatureReady { request: RequestId(4), signed } = answer else {
            panic!("{answer:?}")
        };
        signed
    }

    #[test]
    fn what_is_signed_is_what_everyone_else_accepts() {
        let draft = Draft::Op { payload: codec::encode(&genesis()) };
        let Signed::Op(op) = signed(draft, &Keys::of(1)) else { panic!("not signed") };
        let bytes = codec::encode(&op.signed);
        assert_eq!(ops::verify(&bytes, NamespaceId::from(op.id)), Ok(op));

        let draft = Draft::Invitation(terms());
        let Signed::Invitation(invitation) = signed(draft, &Keys::of(1)) else {
            panic!("not signed")
        };
        assert!(invitation.is_signed() && invitation.terms == terms());
    }

    /// Signs with the key of somebody else.
    struct Confused;

    impl Signer for Confused {
        fn sign(&self, _: &MemberId, message: &[u8; 32]) -> Option<Signature> {
            Keys::of(2).sign(&member(2), message)
        }
    }

    #[test]
    fn a_key_that_is_missing_or_another_signs_nothing() {
        let op = Draft::Op { payload: codec::encode(&genesis()) };
        for draft in [op, Draft::Invitation(terms()), Draft::Op { payload: vec![1] }] {
            let none = Signed::NoKey(member(1));
            assert_eq!(signed(draft.clone(), &Keys::default()), none);
            assert_eq!(signed(draft, &Confused), none);
        }
    }
}
