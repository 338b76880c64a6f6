//! Cases 17 to 24 of the protocol document.

#![expect(
    clippy::many_single_char_names,
    reason = "people and groups have the names of the protocol document"
)]

use crate::support::{Case, Engine, cast, group, moved};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::op::{Body, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Unauthorised, VoidAtCut};
use folkmoot_core::id::OpId;
use folkmoot_core::limits::PARENTS_MAX;
use folkmoot_sim::kit::{Author, Stage, add, create, person, remove};
use std::collections::BTreeSet;

#[test]
fn case_17_shut_out_of_one_subtree() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let denial = case.say(p.a, &[x], group(x), remove(p.c));
    let act = case.say(p.c, &[x], group(x), create());
    let needs = Unauthorised::Signer(Rights::SUBGROUPS);
    let late = case.try_it(p.c, &[denial], group(x), create());
    assert_eq!(late, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    let elsewhere = case.say(p.c, &[denial], root, create());
    let end = case.end();
    assert!(!end.is_effective(act));
    assert_eq!(end.rights(p.c, root), Rights::MEMBER);
    assert!(end.exists(group(elsewhere)));
    let fresh = case.say(p.b, &[elsewhere], group(x), add(p.c, Rights::MEMBER));
    let back = case.say(p.c, &[fresh], group(x), create());
    let end = case.end();
    assert_eq!(end.rights(p.c, group(x)), Rights::MEMBER);
    assert!(end.exists(group(back)));
}

#[test]
fn case_18_removed_above_a_group_that_is_being_made() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let g = case.say(p.o, &[x], group(x), add(p.c, Rights::ADMIN));
    let y = case.say(p.o, &[g], group(x), create());
    case.say(p.o, &[y], group(y), add(p.c, Rights::ADMIN));
    case.say(p.o, &[g], root, remove(p.c));
    let end = case.end();
    for place in [root, group(x), group(y)] {
        assert!(end.exists(place));
        assert_eq!(end.rights(p.c, place), Rights::NONE);
    }
}

/// A join by an invitation of `inviter` that is open to everybody who has the secret.
fn joins(stage: &Stage, inviter: &Author, joiner: &Author, known: OpId) -> Body {
    let secret = person(40);
    let terms = stage.terms(inviter, secret, &[known], stage.root(), Rights::MEMBER);
    Body::MemberJoined { request: joiner.accept(&inviter.invite(terms), secret) }
}

#[test]
fn case_19_a_witness_beside_the_removal_of_the_inviter() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let body = joins(&case.stage, p.b, p.d, h);
    let join = case.say(p.c, &[h], root, body);
    case.say(p.a, &[h], root, remove(p.b));
    let end = case.end();
    assert!(!end.is_effective(join));
    assert_eq!(end.rights(p.d, root), Rights::NONE);
}

#[test]
fn case_19_an_inviter_removed_after_the_join() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let body = joins(&case.stage, p.b, p.d, h);
    let join = case.say(p.c, &[h], root, body);
    let removal = case.say(p.a, &[join], root, remove(p.b));
    let body = joins(&case.stage, p.b, p.m, h);
    let needs = Unauthorised::Inviter(Rights::INVITE | Rights::MEMBER);
    let dead = case.try_it(p.c, &[removal], root, body);
    assert_eq!(dead, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    assert_eq!(case.end().rights(p.d, root), Rights::MEMBER);
}

#[test]
fn case_20_a_restriction_never_binds_a_more_senior_grant() {
    let p = cast();
    let mut case = Case::found(&[p.o]);
    let root = case.root();
    let member = case.say(p.o, &[case.stage.genesis()], root, add(p.c, Rights::MEMBER));
    let mut last = member;
    for _ in 0..3 {
        last = case.say(p.o, &[last], root, Body::Noop);
    }
    let late = case.say(p.o, &[last], root, add(p.a, Rights::ADMIN));
    case.say(p.a, &[late], root, remove(p.c));
    let early = case.say(p.o, &[member], root, add(p.c, Rights::ADMIN));
    let act = case.say(p.c, &[early], root, add(p.d, Rights::MEMBER));
    let end = case.end();
    assert_eq!(end.rights(p.c, root), Rights::ADMIN);
    assert_eq!(end.rights(p.d, root), Rights::MEMBER);
    assert!(end.is_effective(act));
}

#[test]
fn case_21_the_admins_above_the_new_and_the_old_place() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], root, create());
    let z = case.say(p.o, &[y], group(x), create());
    let old = case.say(p.o, &[z], group(x), add(p.m, Rights::ADMIN));
    let new = case.say(p.o, &[old], group(y), add(p.d, Rights::ADMIN));
    let row = case.say(p.o, &[new], group(z), add(p.x, Rights::MEMBER));
    let away = case.say(p.o, &[row], group(z), moved(group(y)));
    let needs = Unauthorised::Signer(Rights::MEMBERS);
    let outsider = case.try_it(p.m, &[away], group(z), remove(p.x));
    assert_eq!(outsider, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    assert_eq!(case.end().rights(p.x, group(z)), Rights::MEMBER);
    case.say(p.d, &[away], group(z), remove(p.x));
    assert_eq!(case.end().rights(p.x, group(z)), Rights::NONE);
}

#[test]
fn case_22_moved_away_and_back() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], root, create());
    let z = case.say(p.o, &[y], group(x), create());
    let admin = case.say(p.o, &[z], group(x), add(p.m, Rights::ADMIN));
    let away = case.say(p.o, &[admin], group(z), moved(group(y)));
    let back = case.say(p.o, &[away], group(z), moved(group(x)));
    let act = case.say(p.m, &[back], group(z), add(p.d, Rights::MEMBER));
    let end = case.end();
    assert!(end.is_effective(act));
    assert_eq!(end.parent(group(z)), Some(group(x)));
    assert_eq!(end.rights(p.d, group(z)), Rights::MEMBER);
}

#[test]
fn case_23_sixty_five_heads() {
    let (mut stage, p, h) = {
        let (case, p, h) = Case::base();
        (case.stage, p, h)
    };
    let root = stage.root();
    let greet = |value: u8| Body::SlotSet {
        strict: false,
        write: SlotWrite::Policy {
            key: Text::new("greeting").unwrap(),
            value: Bytes::truncated(vec![value]),
        },
    };
    let heads: BTreeSet<_> =
        (0..65).map(|value| stage.say(p.a, &[h], root, greet(value))).collect();
    let heads: Vec<_> = heads.into_iter().collect();
    // The engine gets them in one go: the oracle needs a while for a prefix this wide.
    let mut engine = Engine::new(stage.oracle.namespace());
    for op in &stage.log {
        assert_eq!(engine.add(op), Admission::Admit);
    }
    engine.agrees(&stage.oracle, &stage.oracle.all()).unwrap();
    assert_eq!(engine.heads(), heads);

    let next = |engine: &Engine| {
        let person = engine.space().graph().person(&p.c.id).unwrap();
        engine.space().next_op(&mut Cuts::default(), person, root).parents
    };
    let first = next(&engine);
    assert_eq!(first.len(), PARENTS_MAX);
    let joined = stage.say(p.c, &first, root, Body::Noop);
    assert_eq!(engine.add(stage.log.last().unwrap()), Admission::Admit);
    assert_eq!(engine.heads().len(), 2, "the joined ones and the one that did not fit");
    let second = next(&engine);
    assert!(second.contains(&joined) && second.len() == 2);
    let act = stage.say(p.c, &second, root, create());
    assert_eq!(engine.add(stage.log.last().unwrap()), Admission::Admit);
    assert_eq!(engine.heads(), [act]);
    engine.agrees(&stage.oracle, &stage.oracle.all()).unwrap();
}
