//! People with keys, and the ops that they sign: for the tests of this crate.

use crate::bounded::Bounded;
use crate::codec;
use crate::governance::cuts::Cuts;
use crate::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use crate::governance::op::{Body, Payload};
use crate::governance::rights::Rights;
use crate::governance::space::Space;
use crate::governance::verdict::Admission;
use crate::id::{GroupId, MemberId, NamespaceId, OpId};
use crate::key::Signature;
use crate::limits::RULES_VERSION;
use crate::signed::{Op, SignedOp, Verified, from_own_log};
use crate::time::UnixMillis;
use alloc::vec::Vec;
use ed25519_dalek::{Signer as _, SigningKey};

/// Someone with a key; the same number is the same key in every run.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    key: SigningKey,
    pub(crate) id: MemberId,
}

impl Author {
    pub(crate) fn new(number: u64) -> Self {
        let key = SigningKey::from_bytes(blake3::hash(&number.to_le_bytes()).as_bytes());
        let id = MemberId(key.verifying_key().to_bytes());
        Self { key, id }
    }

    /// A signature over any bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.key.sign(message).to_bytes())
    }

    /// Signs the bytes of a payload, whatever they are.
    pub(crate) fn seal(&self, payload: Vec<u8>) -> SignedOp {
        let mut signed = SignedOp { payload, signature: Signature([0; 64]) };
        signed.signature = self.sign(&signed.id().0);
        signed
    }

    /// A payload with nothing in it but its author and what it does.
    pub(crate) fn payload(&self, namespace: NamespaceId, body: Body) -> Payload {
        Payload {
            rules: RULES_VERSION,
            namespace,
            group: namespace.root(),
            signer: self.id,
            nonce: 1,
            parents: Bounded::default(),
            state_hash: [0; 32],
            body,
        }
    }

    /// The payload of a genesis that names this author as the only owner.
    pub(crate) fn genesis(&self) -> Payload {
        let owners = Bounded::truncated([self.id].into());
        let payload =
            self.payload(NamespaceId::default(), Body::NamespaceCreated { owners, salt: [0; 16] });
        Payload { group: GroupId::default(), ..payload }
    }

    /// An invitation for one use, and its use by `joiner`.
    pub(crate) fn invite(&self, joiner: &Self, namespace: NamespaceId) -> JoinRequest {
        let secret = Self::new(u64::MAX);
        let terms = Terms {
            namespace,
            group: namespace.root(),
            inviter: self.id,
            rights: Rights::READ,
            uses_max: 1,
            expires_at: UnixMillis(u64::MAX),
            frontier: Bounded::truncated([OpId(namespace.0)].into()),
            one_time_key: secret.id,
        };
        let id = terms.id();
        JoinRequest {
            invitation: Invitation { signature: self.sign(&id.0), terms },
            joiner: joiner.id,
            signature: joiner.sign(&consent(id, joiner.id)),
            one_time_signature: secret.sign(&voucher(id, joiner.id)),
        }
    }
}

/// An op that passes for verified without a signature, where signatures do not matter.
pub(crate) fn unsigned(payload: &Payload) -> Verified<Op> {
    let payload = codec::encode(payload);
    from_own_log(SignedOp { payload, signature: Signature([0; 64]) }, true).unwrap()
}

/// A namespace in which every op is admitted, without signatures.
pub(crate) struct Stage {
    pub(crate) space: Space,
    pub(crate) log: Vec<Verified<Op>>,
    cuts: Cuts,
}

impl Stage {
    /// A namespace of one owner.
    pub(crate) fn found(owner: &Author) -> Self {
        let mut stage = Self { space: Space::default(), log: Vec::new(), cuts: Cuts::default() };
        stage.admit(&owner.genesis());
        stage
    }

    pub(crate) fn namespace(&self) -> NamespaceId {
        self.space.graph().namespace().unwrap()
    }

    /// Writes an op at the heads, as an honest author would.
    pub(crate) fn say(&mut self, author: &Author, group: GroupId, body: Body) -> OpId {
        let namespace = self.namespace();
        let signer = self.space.graph().person(&author.id).unwrap();
        let next = self.space.next_op(&mut self.cuts, signer, group);
        let parents = Bounded::new(next.parents).unwrap();
        let (nonce, state_hash) = (next.nonce, next.state_hash);
        let payload = author.payload(namespace, body);
        self.admit(&Payload { group, nonce, parents, state_hash, ..payload })
    }

    fn admit(&mut self, payload: &Payload) -> OpId {
        let op = unsigned(payload);
        assert_eq!(self.space.admit(&mut self.cuts, &op), Admission::Admit, "{:?}", op.payload);
        self.log.push(op.clone());
        op.id
    }
}

/// The bytes that a string of hexadecimal digits names.
pub(crate) fn hex<const N: usize>(digits: &str) -> [u8; N] {
    assert_eq!(digits.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
}

/// `scalar`, the second half of a signature, with the order of the base point added: the same
/// number to whoever forgets to compare.
pub(crate) fn plus_order(scalar: [u8; 32]) -> [u8; 32] {
    let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    core::array::from_fn(|at| {
        let [low, high] = (u16::from(scalar[at]) + u16::from(order[at]) + carry).to_le_bytes();
        carry = u16::from(high);
        low
    })
}
