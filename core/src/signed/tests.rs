use super::*;
use crate::bounded::{Bounded, Bytes, Text};
use crate::governance::invitation::Terms;
use crate::governance::op::{SlotWrite, Subject, Visibility};
use crate::governance::rights::Rights;
use crate::id::MemberId;
use crate::key::Signature;
use crate::testing::{Author, hex, plus_order};
use alloc::vec;
use core::slice;

const NAMESPACE: NamespaceId = NamespaceId([1; 32]);
/// Where the body begins in a payload without parents.
const BODY_AT: usize = 2 + 3 * 32 + 8 + 4 + 32;

/// A key of small order: the neutral point.
const NEUTRAL: MemberId = MemberId([
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);

fn author() -> Author {
    Author::new(1)
}

fn payload(body: Body) -> Payload {
    author().payload(NAMESPACE, body)
}

fn add(rights: Rights) -> Body {
    Body::MemberAdded { member: Author::new(2).id, rights }
}

/// The verdict on a payload that was signed properly, whatever it says.
fn verdict(payload: Vec<u8>) -> Result<Verified<Op>, Malformed> {
    let bytes = codec::encode(&author().seal(payload));
    let alone = verify(&bytes, NAMESPACE);
    assert_eq!(verify_page(&[&bytes], NAMESPACE), slice::from_ref(&alone));
    alone
}

/// The verdict on a payload without parents whose body has these bytes.
fn verdict_on_body(body: &[u8]) -> Result<Verified<Op>, Malformed> {
    let mut bytes = codec::encode(&payload(Body::Noop));
    bytes.truncate(BODY_AT);
    bytes.extend_from_slice(body);
    verdict(bytes)
}

fn encoding(error: CodecError) -> Malformed {
    Malformed::Encoding(error)
}

#[test]
fn d1_the_id_is_of_the_payload_alone() {
    let op = verdict(codec::encode(&payload(Body::Noop))).unwrap();
    let mut again = op.signed.clone();
    again.signature = Signature([0; 64]);
    assert_eq!((op.id, op.id), (op.signed.id(), again.id()));
}

#[test]
fn a1_size_is_judged_before_anything_is_decoded() {
    let max = OP_BYTES_MAX as u64;
    assert_eq!(max, 65_536);
    let too_large = CodecError::TooLarge { got: max + 1, max };
    assert_eq!(verify(&vec![0; OP_BYTES_MAX + 1], NAMESPACE), Err(encoding(too_large)));
    assert_eq!(verify(&vec![0; OP_BYTES_MAX], NAMESPACE), Err(encoding(CodecError::Malformed)));
}

#[test]
fn a1_nothing_trails_and_nothing_is_missing() {
    let whole = codec::encode(&author().seal(codec::encode(&payload(Body::Noop))));
    assert!(verify(&whole, NAMESPACE).is_ok());
    for length in 0..whole.len() {
        let cut = verify(&whole[..length], NAMESPACE);
        assert_eq!(cut, Err(encoding(CodecError::Malformed)), "{length} bytes");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(verify(&longer, NAMESPACE), Err(encoding(CodecError::Malformed)));
}

#[test]
fn a1_a_payload_is_canonical_inside_a_canonical_envelope() {
    let mut trailing = codec::encode(&payload(Body::Noop));
    trailing.push(0);
    assert_eq!(verdict(trailing), Err(encoding(CodecError::Malformed)));
    assert_eq!(verdict(Vec::new()), Err(encoding(CodecError::Malformed)));
}

#[test]
fn a1_unknown_tags_and_wrong_bools_do_not_decode() {
    let malformed = Err(encoding(CodecError::Malformed));
    assert!(verdict_on_body(&[5]).is_ok());
    for tag in [6, 15, 21, 31, 33, 47, 49, 255] {
        assert_eq!(verdict_on_body(&[tag]), malformed, "body {tag}");
    }
    // A slot write: whether it is strict, then which slot, then its value.
    assert!(verdict_on_body(&[32, 1, 3, 1]).is_ok());
    assert_eq!(verdict_on_body(&[32, 2, 3, 1]), malformed);
    assert_eq!(verdict_on_body(&[32, 1, 3, 2]), malformed);
    assert_eq!(verdict_on_body(&[32, 1, 10, 0]), malformed);
    // The visibility of a new group.
    assert!(verdict_on_body(&[1, 1]).is_ok());
    assert_eq!(verdict_on_body(&[1, 2]), malformed);
}

#[test]
fn a1_admin_comes_with_every_bit_and_unknown_bits_never() {
    let grant = |bits: u16| {
        let member = Author::new(2).id.0;
        verdict_on_body(&[&[16][..], &member, &bits.to_le_bytes()].concat())
    };
    assert!(grant(1).is_ok());
    assert!(grant(Rights::ADMIN.bits()).is_ok());
    for bits in [1 << 11, 0x0fff & !1, 1 << 12, 0xffff] {
        assert_eq!(grant(bits), Err(encoding(CodecError::Malformed)), "{bits:#x}");
    }
    assert_eq!(grant(0), Err(Malformed::Value(Flaw::EmptyGrant)));
}

#[test]
fn a1_an_op_has_at_most_64_parents() {
    let parents = |count: u8| {
        let mut bytes = codec::encode(&payload(Body::Noop));
        let ids: Vec<[u8; 32]> = (0..count).map(|at| [at; 32]).collect();
        let at = BODY_AT - 32 - 4;
        bytes.splice(at..at + 4, codec::encode(&ids));
        verdict(bytes)
    };
    assert_eq!(parents(64).unwrap().payload.parents.len(), 64);
    assert_eq!(parents(65), Err(encoding(CodecError::Malformed)));
}

#[test]
fn a1_a_length_that_is_not_there_allocates_nothing() {
    let at = BODY_AT - 32 - 4;
    let mut bytes = codec::encode(&payload(Body::Noop));
    bytes.splice(at..at + 4, [0xff; 4]);
    assert_eq!(verdict(bytes), Err(encoding(CodecError::Malformed)));
    assert_eq!(verify(&[0xff; 4], NAMESPACE), Err(encoding(CodecError::Malformed)));
}

#[test]
fn a1_values_that_no_author_may_write() {
    let (owner, other) = (author().id, Author::new(2).id);
    let flaw = |payload: Payload| match is_well_formed(&payload) {
        Err(Malformed::Value(flaw)) => Some(flaw),
        _ => None,
    };
    let genesis = |owners: &[MemberId]| {
        let owners = Bounded::truncated(owners.to_vec());
        let body = Body::NamespaceCreated { owners, salt: [0; 16] };
        Payload { body, ..author().genesis() }
    };
    assert_eq!(flaw(genesis(&[owner, other])), None);
    assert_eq!(flaw(genesis(&[])), Some(Flaw::Owners));
    assert_eq!(flaw(genesis(&[owner, other, owner])), Some(Flaw::Owners));
    assert_eq!(flaw(genesis(&[owner, NEUTRAL])), Some(Flaw::Key));
    let named = Payload { namespace: NAMESPACE, ..genesis(&[owner]) };
    assert_eq!(flaw(named), Some(Flaw::GenesisFields));
    let rules = Payload { rules: 0, ..payload(Body::Noop) };
    assert_eq!(flaw(rules), Some(Flaw::Rules));
    assert_eq!(flaw(payload(Body::Anchor { rules: 0, notary: None })), Some(Flaw::Rules));
    let metadata = |member| {
        let (subject, key) = (Subject::Member(member), Text::new("name").unwrap());
        let write = SlotWrite::Metadata { subject, key, value: Bytes::default() };
        payload(Body::SlotSet { strict: false, write })
    };
    assert_eq!(flaw(metadata(other)), None);
    for body in [
        Body::MemberAdded { member: NEUTRAL, rights: Rights::READ },
        Body::MemberRestricted { member: NEUTRAL, keep: Rights::NONE },
        Body::Anchor { rules: 1, notary: Some(NEUTRAL) },
    ] {
        assert_eq!(flaw(payload(body)), Some(Flaw::Key));
    }
    assert_eq!(flaw(metadata(NEUTRAL)), Some(Flaw::Key));
}

#[test]
fn a1_terms_that_no_inviter_may_write() {
    let terms = author().invite(&Author::new(2), NAMESPACE).invitation.terms;
    let is = |terms: Terms| invitation_is_well_formed(&terms).err();
    let flaw = |flaw| Some(Malformed::Value(flaw));
    assert_eq!(is(terms.clone()), None);
    assert_eq!(is(Terms { rights: Rights::NONE, ..terms.clone() }), flaw(Flaw::EmptyGrant));
    assert_eq!(is(Terms { uses_max: 0, ..terms.clone() }), flaw(Flaw::Uses));
    assert_eq!(is(Terms { uses_max: 10_000, ..terms.clone() }), None);
    assert_eq!(is(Terms { uses_max: 10_001, ..terms.clone() }), flaw(Flaw::Uses));
    let twice = Bounded::truncated(vec![OpId([1; 32]); 2]);
    assert_eq!(is(Terms { frontier: twice, ..terms.clone() }), flaw(Flaw::Frontier));
    assert_eq!(is(Terms { one_time_key: NEUTRAL, ..terms.clone() }), flaw(Flaw::Key));
    assert_eq!(is(Terms { inviter: NEUTRAL, ..terms }), flaw(Flaw::Key));
}

#[test]
fn a2_an_op_belongs_to_the_namespace_of_its_topic() {
    let elsewhere = NamespaceId([2; 32]);
    let bytes = codec::encode(&author().seal(codec::encode(&payload(Body::Noop))));
    assert!(verify(&bytes, NAMESPACE).is_ok());
    assert_eq!(verify(&bytes, elsewhere), Err(Malformed::OtherNamespace));
    let genesis = author().seal(codec::encode(&author().genesis()));
    let bytes = codec::encode(&genesis);
    assert!(verify(&bytes, genesis.id().into()).is_ok());
    assert_eq!(verify(&bytes, NamespaceId::default()), Err(Malformed::OtherNamespace));
}

#[test]
fn a2_newer_rules_are_known_by_their_number_whatever_follows() {
    let newer = Payload { rules: 2, ..payload(Body::Noop) };
    assert_eq!(verdict(codec::encode(&newer)), Err(Malformed::NewerRules(2)));
    assert_eq!(verdict(vec![0xff; 9]), Err(Malformed::NewerRules(u16::MAX)));
    assert_eq!(verdict(vec![2, 0]), Err(Malformed::NewerRules(2)));
    let anchor = payload(Body::Anchor { rules: 7, notary: None });
    assert_eq!(verdict(codec::encode(&anchor)), Err(Malformed::NewerRules(7)));
}

#[test]
fn a3_only_the_signers_signature_over_the_id_counts() {
    let good = author().seal(codec::encode(&payload(Body::Noop)));
    let refused = |signed: &SignedOp| {
        let bytes = codec::encode(signed);
        assert_eq!(verify_page(&[&bytes], NAMESPACE), [verify(&bytes, NAMESPACE)]);
        verify(&bytes, NAMESPACE) == Err(Malformed::Signature)
    };
    assert!(!refused(&good));
    let other = Author::new(2).seal(good.payload.clone());
    assert!(refused(&other), "another's signature");
    let mut foreign = good.clone();
    foreign.signature.0[32..]
        .copy_from_slice(&plus_order(good.signature.0[32..].try_into().unwrap()));
    assert!(refused(&foreign), "S + L");
    let by = |signer| SignedOp {
        payload: codec::encode(&Payload { signer, ..payload(Body::Noop) }),
        signature: Signature({
            // R neutral and S zero: valid for anything under a key of small order.
            let mut bytes = [0; 64];
            bytes[0] = 1;
            bytes
        }),
    };
    assert!(refused(&by(NEUTRAL)), "a key of small order");
    let beyond = hex("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    assert!(refused(&by(MemberId(beyond))), "y = p + 3");
}

#[test]
fn a3_a_page_gives_each_op_the_verdict_that_it_gets_alone() {
    let group = |visibility| codec::encode(&payload(Body::GroupCreated { visibility }));
    let good = author().seal(group(Visibility::Open));
    let forged = Author::new(2).seal(group(Visibility::Restricted));
    let mut page = vec![codec::encode(&good); 3];
    page.push(codec::encode(&forged));
    page.push(codec::encode(&author().seal(codec::encode(&payload(add(Rights::MEMBER))))));
    page.push(Vec::new());
    page.push(codec::encode(&author().seal(codec::encode(&author().genesis()))));
    for turn in 0..page.len() {
        page.rotate_left(1);
        let alone: Vec<_> = page.iter().map(|bytes| verify(bytes, NAMESPACE)).collect();
        assert_eq!(verify_page(&page, NAMESPACE), alone, "rotated by {turn}");
        assert_eq!(alone.iter().filter(|verdict| verdict.is_ok()).count(), 4);
        let forgeries = alone.iter().filter(|verdict| **verdict == Err(Malformed::Signature));
        assert_eq!(forgeries.count(), 1);
    }
}

#[test]
fn a3_an_op_that_was_checked_before_gets_the_verdict_that_it_got_then() {
    let mut signers = Signers::remembering(2);
    let group = |visibility| codec::encode(&payload(Body::GroupCreated { visibility }));
    let good = author().seal(group(Visibility::Open));
    let forged = SignedOp { signature: Signature([0; 64]), ..good.clone() };
    let request = author().invite(&Author::new(2), NAMESPACE);
    let join = author().seal(codec::encode(&payload(Body::MemberJoined { request })));
    let elsewhere = NamespaceId([9; 32]);
    for _ in 0..2 {
        // Whatever was met before: the same payload with another signature, or in another place.
        for signed in [&good, &forged, &join, &good] {
            let bytes = codec::encode(signed);
            for namespace in [NAMESPACE, elsewhere] {
                let alone = verify(&bytes, namespace);
                assert_eq!(verify_from(&mut signers, &bytes, namespace), alone);
                assert_eq!(verify_page_from(&mut signers, &[&bytes], namespace), [alone]);
            }
        }
    }
    let again =
        |signers: &mut Signers| verify_from(signers, &codec::encode(&good), NAMESPACE).unwrap().0;
    assert!(Arc::ptr_eq(&again(&mut signers), &again(&mut signers)), "one op for all");
}

#[test]
fn a10_signatures_inside_a_body_are_judged_apart() {
    let request = author().invite(&Author::new(2), NAMESPACE);
    let join = |request| codec::encode(&payload(Body::MemberJoined { request }));
    assert!(verdict(join(request.clone())).unwrap().inner_valid);
    let mut forged = request.clone();
    forged.one_time_signature = forged.signature;
    assert!(!verdict(join(forged)).unwrap().inner_valid);
    let mut stolen = request.clone();
    stolen.joiner = Author::new(3).id;
    assert!(!verdict(join(stolen)).unwrap().inner_valid);
    let mut better = request;
    better.invitation.terms.rights = Rights::ADMIN;
    assert!(!verdict(join(better)).unwrap().inner_valid);
}

#[test]
fn a3_what_is_signed_here_is_what_everyone_else_accepts() {
    let request = author().invite(&Author::new(2), NAMESPACE);
    let mut forged = request.clone();
    forged.one_time_signature = forged.signature;
    let join = |request| payload(Body::MemberJoined { request });
    for payload in [author().genesis(), payload(Body::Noop), join(request), join(forged)] {
        let unsigned = Unsigned::new(payload.clone()).unwrap();
        let id = unsigned.id();
        let own = unsigned.seal(&author().make(&id.0)).unwrap();
        let genesis = matches!(payload.body, Body::NamespaceCreated { .. });
        let namespace = if genesis { NamespaceId::from(id) } else { NAMESPACE };
        let bytes = codec::encode(&author().seal(codec::encode(&payload)));
        assert_eq!(verify(&bytes, namespace), Ok(own));
    }
}

#[test]
fn a3_a_signature_of_another_key_or_of_something_else_seals_nothing() {
    let unsigned = || Unsigned::new(payload(Body::Noop)).unwrap();
    let id = unsigned().id();
    let other_key = unsigned().seal(&Author::new(2).make(&id.0));
    assert_eq!(other_key, Err(Malformed::Signature));
    let other_op = unsigned().seal(&author().make(&[7; 32]));
    assert_eq!(other_op, Err(Malformed::Signature));
}

#[test]
fn a1_an_op_that_others_would_refuse_is_not_signed() {
    let refused = Unsigned::new(payload(add(Rights::NONE)));
    assert_eq!(refused, Err(Malformed::Value(Flaw::EmptyGrant)));
    // Its bytes are those of the payload, and read back through the same door.
    let good = codec::encode(&Unsigned::new(payload(Body::Noop)).unwrap());
    assert_eq!(good, codec::encode(&codec::encode(&payload(Body::Noop))));
    assert!(codec::decode::<Unsigned>(&good, OP_BYTES_MAX).is_ok());
    let bad = codec::encode(&codec::encode(&payload(add(Rights::NONE))));
    assert!(codec::decode::<Unsigned>(&bad, OP_BYTES_MAX).is_err());
}

#[test]
fn a1_a_seal_has_the_size_that_is_left_free_for_it() {
    let payload = vec![0; OP_BYTES_MAX - SEAL_BYTES];
    let signed = codec::encode(&SignedOp { payload, signature: Signature([0; 64]) });
    assert_eq!(signed.len(), OP_BYTES_MAX);
}

/// Bytes that note how many of them were wanted at once, which is how much room was made for them.
struct Watched<'a> {
    bytes: &'a [u8],
    wanted_most: usize,
}

impl borsh::io::Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> borsh::io::Result<usize> {
        self.wanted_most = self.wanted_most.max(into.len());
        borsh::io::Read::read(&mut self.bytes, into)
    }
}

#[test]
fn attack_21_a_length_that_lies_makes_no_room() {
    let beyond = u32::try_from(OP_BYTES_MAX).unwrap() + 1;
    for length in [beyond, 1 << 20, u32::MAX] {
        let lie = [&length.to_le_bytes()[..], &[7; 200]].concat();
        let mut watched = Watched { bytes: &lie, wanted_most: 0 };
        assert!(SignedOp::deserialize_reader(&mut watched).is_err());
        assert!(watched.wanted_most <= 4, "room for {} bytes", watched.wanted_most);
    }
}
