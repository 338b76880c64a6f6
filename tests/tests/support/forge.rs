//! Ops that no honest node would write, or not so many of.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::key::Signature;
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_sim::kit::{Author, unchecked};
use sha2::{Digest as _, Sha512};

/// A Noop in the root group that says what it is told to say. The signature is valid.
pub(crate) fn noop(
    author: &Author,
    namespace: NamespaceId,
    nonce: u64,
    parents: &[OpId],
    state_hash: [u8; 32],
) -> Verified<Op> {
    let signed = author.seal(&Payload {
        rules: RULES_VERSION,
        namespace,
        group: namespace.root(),
        signer: author.id,
        nonce,
        parents: Bounded::new(parents.to_vec()).unwrap(),
        state_hash,
        body: Body::Noop,
    });
    unchecked(&signed, true)
}

/// `count` Noops of one author, each on top of the one before, from nonce 1 on.
pub(crate) fn chain(
    author: &Author,
    namespace: NamespaceId,
    base: OpId,
    state_hash: [u8; 32],
    count: u64,
) -> Vec<Verified<Op>> {
    let mut last = base;
    let link = |nonce| {
        let op = noop(author, namespace, nonce, &[last], state_hash);
        last = op.id;
        op
    };
    (1..=count).map(link).collect()
}

/// A signature by the author of this seed with a nonce of one's choice and `torsion` added to R.
/// [`Author`] signs as RFC 8032 has it; a hostile author is free to do it like this.
pub(crate) fn second_signature(seed: u64, message: &[u8], torsion: EdwardsPoint) -> Signature {
    let hash = Sha512::digest(blake3::hash(&seed.to_le_bytes()).as_bytes());
    let mut secret: [u8; 32] = hash[..32].try_into().unwrap();
    secret[0] &= 0xf8;
    secret[31] = secret[31] & 0x3f | 0x40;
    let a = Scalar::from_bytes_mod_order(secret);
    let r = Scalar::from(0x5eed_u64);
    let point = (EdwardsPoint::mul_base(&r) + torsion).compress();
    let key = EdwardsPoint::mul_base(&a).compress();
    let mut hasher = Sha512::new();
    hasher.update(point.as_bytes());
    hasher.update(key.as_bytes());
    hasher.update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hasher.finalize().into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(point.as_bytes());
    signature[32..].copy_from_slice((r + k * a).as_bytes());
    Signature(signature)
}

/// The op with another signature.
pub(crate) fn resigned(op: &Op, signature: Signature) -> Vec<u8> {
    let mut signed = op.signed.clone();
    signed.signature = signature;
    codec::encode(&signed)
}
