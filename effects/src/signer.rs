//! Carries out `Effect::Sign` with the private keys of this node.

use folkmoot_core::effect::Draft;
use folkmoot_core::governance::invitation::{Invitation, Terms};
use folkmoot_core::id::MemberId;
use folkmoot_core::input::{Input, RequestId, Signed};
use folkmoot_core::signed::{Op, Unsigned, Verified};

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
    /// Signs, and gives the answer for the reducer.
    ///
    /// The key is that of the one who signs, or there is none: see
    /// [`OwnSignature`](folkmoot_core::key::OwnSignature).
    pub fn carry_out(self, keys: &dyn Signer) -> Input {
        let Self { request, signer, draft } = self;
        let signed = match draft {
            Draft::Op(op) => sign_op(*op, &signer, keys).map(Signed::Op),
            Draft::Invitation(terms) => {
                sign_invitation(terms, &signer, keys).map(Signed::Invitation)
            }
        };
        let signed = signed.unwrap_or(Signed::NoKey(signer));
        Input::SignatureReady { request, signed }
    }
}

fn sign_op(op: Unsigned, signer: &MemberId, keys: &dyn Signer) -> Option<Verified<Op>> {
    let own = keys.sign(signer, &op.id().0)?;
    let other_key =
        |why| tracing::error!(%signer, %why, "an op of our own was signed with another key");
    op.seal(&own).map_err(other_key).ok()
}

fn sign_invitation(terms: Terms, signer: &MemberId, keys: &dyn Signer) -> Option<Invitation> {
    let id = terms.id();
    let own = keys.sign(signer, &id.0)?;
    if !own.is_of(&terms.inviter, &id.0) {
        tracing::error!(%signer, "an invitation of our own was signed with another key");
        return None;
    }
    Some(Invitation { terms, signature: own.signature() })
}

#[cfg(test)]
mod tests {
    use folkmoot_core::bounded::Bounded;
    use folkmoot_core::codec;
    use folkmoot_core::governance::op::{Body, Payload};
    use folkmoot_core::governance::rights::Rights;
    use folkmoot_core::id::{GroupId, NamespaceId};
    use folkmoot_core::key::OwnSignature;
    use folkmoot_core::limits::RULES_VERSION;
    use folkmoot_core::signed as ops;
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
        let draft = Draft::Op(Box::new(Unsigned::new(genesis()).unwrap()));
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
        fn sign(&self, _: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
            Keys::of(2).sign(&member(2), message)
        }
    }

    #[test]
    fn a_key_that_is_missing_or_another_signs_nothing() {
        let op = Draft::Op(Box::new(Unsigned::new(genesis()).unwrap()));
        for draft in [op, Draft::Invitation(terms())] {
            let none = Signed::NoKey(member(1));
            assert_eq!(signed(draft.clone(), &Keys::default()), none);
            assert_eq!(signed(draft, &Confused), none);
        }
    }
}
