//! Rows 21 and 22: bytes that are too many, or not the one encoding of what they say.

use crate::support::{Case, wire};
use folkmoot_core::codec::{self, CodecError};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::key::Signature;
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::signed::{Malformed, SignedOp, verify};
use folkmoot_core::wire::{Gossip, Heads, MESSAGE_BYTES_MAX, Request, Response};
use folkmoot_sim::kit::{Author, add};
use folkmoot_sim::world::{Profile, World};

/// The op of these payload bytes, signed by `author` whatever they say.
fn seal_bytes(author: &Author, payload: Vec<u8>) -> Vec<u8> {
    let mut signed = SignedOp { payload, signature: Signature([0; 64]) };
    signed.signature = author.endorse(&signed.id().0);
    codec::encode(&signed)
}

fn is_misencoded(bytes: &[u8], namespace: NamespaceId) -> bool {
    matches!(verify(bytes, namespace), Err(Malformed::Encoding(_)))
}

#[test]
fn attack_21_a1_one_byte_too_many_is_refused_before_decoding() {
    let (case, _, _) = Case::base();
    let namespace = case.stage.oracle.namespace();
    let got = OP_BYTES_MAX as u64 + 1;
    let too_large = CodecError::TooLarge { got, max: OP_BYTES_MAX as u64 };
    let verdict = verify(&vec![0; OP_BYTES_MAX + 1], namespace);
    assert_eq!(verdict, Err(Malformed::Encoding(too_large)));
    let max = MESSAGE_BYTES_MAX as u64;
    for size in [MESSAGE_BYTES_MAX + 1, 8 * MESSAGE_BYTES_MAX] {
        let message = vec![1; size];
        let too_large = CodecError::TooLarge { got: size as u64, max };
        assert_eq!(Gossip::decode(&message), Err(too_large));
        assert_eq!(Request::decode(&message), Err(too_large));
        assert_eq!(Response::decode(&message), Err(too_large));
    }
}

#[test]
fn attack_21_lengths_that_lie_are_refused_without_room_for_them() {
    let lies = [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 24];
    let (case, p, _) = Case::base();
    let namespace = case.stage.oracle.namespace();
    for lie in lies {
        let lie = lie.to_le_bytes();
        // The length of a payload, of a list of parents, of heads, of a page and of its ops.
        assert!(is_misencoded(&lie, namespace));
        let mut payload = codec::encode(&case.stage.log[1].payload);
        payload[106..110].copy_from_slice(&lie);
        assert!(is_misencoded(&seal_bytes(p.o, payload), namespace));
        let heads = [&[1, 0][..], &namespace.0, &lie].concat();
        assert_eq!(Request::decode(&heads), Err(CodecError::Malformed));
        let page = [&[1, 1][..], &lie].concat();
        assert_eq!(Response::decode(&page), Err(CodecError::Malformed));
        let op = [&[1, 1][..], &1_u32.to_le_bytes(), &lie].concat();
        assert_eq!(Response::decode(&op), Err(CodecError::Malformed));
        assert_eq!(Gossip::decode(&[&[1, 0][..], &lie].concat()), Err(CodecError::Malformed));
    }
}

#[test]
fn attack_22_every_other_encoding_of_an_op_is_dropped() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.o, &[h], root, add(p.d, Rights::READ));
    let namespace = case.stage.oracle.namespace();
    let good = case.stage.log.last().unwrap();
    let payload = codec::encode(&good.payload);
    assert!(verify(&wire(good), namespace).is_ok());

    let trailing = [wire(good), vec![0]].concat();
    assert!(is_misencoded(&trailing, namespace));
    let inner = [payload.clone(), vec![0]].concat();
    assert!(is_misencoded(&seal_bytes(p.o, inner), namespace));
    // ADMIN without the bits it implies, and a bit that does not exist.
    for rights in [1_u16 << 11, 1 << 12] {
        let mut changed = payload.clone();
        let at = changed.len() - 2;
        changed[at..].copy_from_slice(&rights.to_le_bytes());
        assert!(is_misencoded(&seal_bytes(p.o, changed), namespace));
    }
    // The discriminant of the body stands before the member and the rights.
    for tag in [6, 15, 21, 33, 49, 255] {
        let mut changed = payload.clone();
        let at = changed.len() - 2 - 32 - 1;
        assert_eq!(changed[at], 16);
        changed[at] = tag;
        assert!(is_misencoded(&seal_bytes(p.o, changed), namespace));
    }
    // `strict` of a slot is 0 or 1.
    let write = folkmoot_core::governance::op::SlotWrite::AutoFollow(true);
    let draft = Payload { body: Body::SlotSet { strict: true, write }, ..good.payload.clone() };
    let bytes = codec::encode(&draft);
    assert_eq!(bytes[bytes.len() - 3..], [1, 3, 1]);
    for back in [3, 1] {
        let mut changed = bytes.clone();
        let at = changed.len() - back;
        changed[at] = 2;
        assert!(is_misencoded(&seal_bytes(p.o, changed), namespace));
    }
}

#[test]
fn attack_22_no_byte_of_an_op_can_be_changed_and_no_cut_decodes() {
    let world = World::generate(3, Profile::Mixed);
    let namespace = world.namespace();
    for op in world.ops.iter().take(12) {
        let good = wire(op);
        for at in 0..good.len() {
            assert!(verify(&good[..at], namespace).is_err(), "cut at {at}");
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(verify(&changed, namespace).is_err(), "byte {at} changed");
        }
    }
}

#[test]
fn attack_22_messages_of_another_version_do_not_decode() {
    let namespace = NamespaceId([1; 32]);
    let good = Request::Heads { namespace, heads: Heads::default(), common: None };
    let bytes = good.encode();
    assert_eq!(Request::decode(&bytes), Ok(good));
    for version in [0, 2, 255] {
        let mut other = bytes.clone();
        other[0] = version;
        assert_eq!(Request::decode(&other), Err(CodecError::Malformed));
    }
    assert_eq!(Request::decode(&[]), Err(CodecError::Malformed));
    let trailing = [bytes, vec![0]].concat();
    assert_eq!(Request::decode(&trailing), Err(CodecError::Malformed));
}
