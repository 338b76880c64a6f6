//! Rows 1 to 3, 24 and 25: the same bytes again, elsewhere, or under another signature.

use crate::support::{Case, Replica, group, resigned, second_signature, wire};
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::traits::Identity as _;
use folkmoot_core::codec;
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::effect::{Effect, Forward};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Unauthorised, VoidAtCut};
use folkmoot_core::id::NamespaceId;
use folkmoot_core::key::{Signature, is_valid};
use folkmoot_core::query::Standing;
use folkmoot_core::signed::{Malformed, Op, SignedOp, verify};
use folkmoot_sim::kit::{Stage, add, create, person};
use folkmoot_sim::world::Prng;
use std::collections::BTreeSet;

#[test]
fn attack_01_a_thousand_replays_in_any_order_are_one_admission() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let group = group(case.say(p.a, &[h], root, create()));
    case.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
    case.say(p.c, &[h], root, Body::Noop);
    assert!(case.engine.exists(group));
    let ops: Vec<&Op> = case.stage.log.iter().map(|op| &**op).collect();
    let mut replica = Replica::with(case.stage.oracle.namespace(), p.o, ops.iter().copied());
    let (events, log) = (replica.events.clone(), replica.log.clone());
    let mut rng = Prng::new(1);
    for _ in 0..1_000 {
        replica
            .hear_from(1 + u8::try_from(rng.below(5)).unwrap(), &wire(ops[rng.below(ops.len())]));
    }
    assert_eq!(replica.events, events);
    assert_eq!(replica.log, log);
    // Not one frame, not one notice: every copy is ignored, and nobody is blamed.
    let ignored =
        |effect: &Effect| matches!(effect, Effect::Validate { verdict: Forward::Ignore, .. });
    assert_eq!(replica.effects.len(), 1_000);
    assert!(replica.effects.iter().all(ignored));
}

/// The op with its payload changed and its signature kept.
fn altered(op: &Op, change: impl FnOnce(&mut Payload)) -> Vec<u8> {
    let mut payload = op.payload.clone();
    change(&mut payload);
    let signature = op.signed.signature;
    codec::encode(&SignedOp { payload: codec::encode(&payload), signature })
}

#[test]
fn attack_02_a2_a3_an_op_of_one_namespace_is_nothing_in_another() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.a, &[h], root, Body::Noop);
    let op = case.stage.log.last().unwrap();
    let other: NamespaceId = p.o.found(&[p.o], [9; 16]).id.into();
    assert_eq!(verify(&wire(op), other), Err(Malformed::OtherNamespace));
    let moved = altered(op, |payload| payload.namespace = other);
    assert_eq!(verify(&moved, other), Err(Malformed::Signature));

    let mut replica = Replica::of(other, p.o);
    let before = replica.log.len();
    replica.hear_bytes(&wire(op));
    replica.hear_bytes(&moved);
    let mut charges = Vec::new();
    for effect in replica.take_effects() {
        if let Effect::Charge { why, .. } = effect {
            charges.push(why);
        }
    }
    assert_eq!(charges, [Malformed::OtherNamespace, Malformed::Signature]);
    assert_eq!(replica.log.len(), before);
}

#[test]
fn attack_03_an_op_of_one_group_is_nothing_in_another() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let made = case.say(p.o, &[h], root, create());
    case.say(p.o, &[made], group(made), add(p.d, Rights::ADMIN));
    let namespace = case.stage.oracle.namespace();
    let elsewhere = altered(case.stage.log.last().unwrap(), |payload| payload.group = root);
    assert_eq!(verify(&elsewhere, namespace), Err(Malformed::Signature));
}

#[test]
fn attack_03_an_invitation_to_one_group_opens_no_other() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let g = case.say(p.o, &[h], root, create());
    let secret = person(40);
    let terms = case.stage.terms(p.a, secret, &[g], group(g), Rights::MEMBER);
    let request = p.d.accept(&p.a.invite(terms), secret);
    let body = Body::MemberJoined { request };
    let verdict = case.try_it(p.c, &[g], root, body.clone());
    let invalid = VoidAtCut::NotAuthorised(Unauthorised::Invitation);
    assert_eq!(verdict, Admission::Void(invalid));
    case.say(p.c, &[g], group(g), body);
    assert_eq!(case.end().rights(p.d, root), Rights::NONE);
}

#[test]
fn attack_03_a_signature_of_one_kind_is_none_of_another() {
    let digests: BTreeSet<_> = Domain::ALL.iter().map(|domain| digest(*domain, b"same")).collect();
    assert_eq!(digests.len(), Domain::ALL.len());

    // Joiner and one-time key are the same person, so that only the kinds differ.
    let (case, p, h) = Case::base();
    let terms = case.stage.terms(p.a, p.d, &[h], case.root(), Rights::MEMBER);
    let invitation = p.a.invite(terms);
    let good = p.d.accept(&invitation, p.d);
    assert!(good.is_signed());
    let mut swapped = good.clone();
    std::mem::swap(&mut swapped.signature, &mut swapped.one_time_signature);
    assert!(!swapped.is_signed());
    let mut lifted = good.clone();
    lifted.signature = p.d.endorse(&invitation.terms.id().0);
    assert!(!lifted.is_signed());
    // A signature over an op does not sign terms of the same bytes.
    let mut unasked = good;
    let bytes = codec::encode(&invitation.terms);
    unasked.invitation.signature = p.a.endorse(&digest(Domain::Op, &bytes));
    assert!(!unasked.is_signed());
}

#[test]
fn attack_24_a_bad_signature_does_not_poison_a_good_op() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let id = case.say(p.a, &[h], root, create());
    let child = case.say(p.b, &[id], root, Body::Noop);
    let [base @ .., op, waiting] = &case.stage.log[..] else { panic!("a base and two ops") };
    let namespace = case.stage.oracle.namespace();
    let mut replica = Replica::with(namespace, p.o, base.iter().map(|op| &**op));
    let bad = resigned(op, Signature([1; 64]));
    for _ in 0..3 {
        replica.hear_bytes(&bad);
        assert_eq!(replica.standing(id), None);
    }
    replica.hear(op);
    assert_eq!(replica.standing(id), Some(Standing::Effective));
    // Nor does one of a child that waits for it.
    let mut replica = Replica::with(namespace, p.o, base.iter().map(|op| &**op));
    replica.hear(waiting);
    replica.hear_bytes(&bad);
    assert_eq!(replica.view().pending, 1);
    replica.hear(op);
    assert_eq!(replica.standing(child), Some(Standing::Effective));
}

#[test]
fn attack_25_a_second_signature_makes_no_second_op() {
    // Person 1 is the author of seed 1.
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let id = case.say(p.a, &[h], root, create());
    let op = case.stage.log.last().unwrap();
    let second = second_signature(1, &id.0, EdwardsPoint::identity());
    assert!(is_valid(&p.a.id, &id.0, &second) && second != op.signed.signature);
    let namespace = case.stage.oracle.namespace();
    let copy = verify(&resigned(op, second), namespace).unwrap();
    assert_eq!(copy.id, id);

    let root_of = |first: &Op, then: &Op| {
        let base = case.stage.log.iter().filter(|op| op.id != id).map(|op| &**op);
        let mut replica = Replica::with(namespace, p.o, base);
        let (before, records) = (replica.view().ops, replica.log.len());
        replica.hear(first);
        replica.hear(then);
        assert_eq!(replica.view().ops, before + 1);
        assert_eq!(replica.log.len(), records + 1);
        assert_eq!(replica.state.evidence(&namespace), []);
        (replica.view().state_root, replica.view().heads)
    };
    assert_eq!(root_of(op, &copy), root_of(&copy, op));
}

#[test]
fn attack_02_a_genesis_names_itself_and_cannot_be_moved() {
    let stage = Stage::found(&[person(0)]);
    let other: NamespaceId = person(1).found(&[person(1)], [0; 16]).id.into();
    assert_eq!(verify(&wire(&stage.log[0]), other), Err(Malformed::OtherNamespace));
}
