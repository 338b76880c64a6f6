//! Cases 9 to 16 of the protocol document.

#![expect(
    clippy::many_single_char_names,
    reason = "people and groups have the names of the protocol document"
)]

use crate::support::{Case, group, moved};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Dropped, Unauthorised, VoidAtCut};
use folkmoot_core::query::Standing;
use folkmoot_sim::kit::{Author, add, create, person, remove, restrict, verified};
use std::collections::BTreeSet;

#[test]
fn case_09_one_nonce_two_grants() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let one = case.say(p.a, &[h], root, add(p.d, Rights::MEMBER));
    let two = case.say(p.a, &[h], root, add(p.m, Rights::MEMBER));
    let end = case.end();
    assert_eq!(end.rights(p.d, root), Rights::MEMBER);
    assert_eq!(end.rights(p.m, root), Rights::MEMBER);
    assert_eq!(end.evidence(), [(p.a.id, 1, BTreeSet::from([one, two]))]);
}

#[test]
fn case_10_every_nonce_but_the_next_is_dropped() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let last = case.say(p.a, &[h], root, Body::Noop);
    for got in [0, 1, 3, 4, u64::MAX] {
        let mut draft = p.a.draft(&case.stage.oracle, &[last], root, Body::Noop);
        let expected = draft.nonce;
        assert_eq!(expected, 2);
        draft.nonce = got;
        let op = verified(case.stage.oracle.namespace(), &p.a.seal(&draft));
        assert_eq!(case.submit(&op), Admission::Drop(Dropped::Nonce { got, expected }));
    }
    assert_eq!(case.end().heads(), [last]);
}

#[test]
fn case_11_a_void_removal_takes_nothing_with_it() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let demotion = case.say(p.a, &[h], root, restrict(p.b, Rights::MEMBER));
    let removal = case.say(p.b, &[h], root, remove(p.c));
    let made = case.say(p.c, &[h], root, create());
    let end = case.end();
    assert_eq!(end.standing(removal), Standing::Struck(vec![demotion]));
    assert!(end.exists(group(made)));
    assert_eq!(end.rights(p.b, root), Rights::MEMBER);
    assert_eq!(end.rights(p.c, root), Rights::MEMBER);
}

#[test]
fn case_12_an_anchor_ends_the_reach_of_a_late_removal() {
    for anchored in [true, false] {
        let (mut case, p, h) = Case::base();
        let root = case.root();
        let grant = case.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
        if anchored {
            case.say(p.o, &[grant], root, Body::Anchor { rules: 1, notary: None });
        }
        case.say(p.a, &[h], root, remove(p.b));
        let end = case.end();
        assert_eq!(end.rights(p.b, root), Rights::NONE);
        assert_eq!(end.rights(p.d, root).is_empty(), !anchored);
    }
}

#[test]
fn case_13_a_one_use_invitation_used_twice() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let secret = person(40);
    let invitation = p.a.invite(case.stage.terms(p.a, secret, &[h], root, Rights::MEMBER));
    let joins =
        |joiner: &Author| Body::MemberJoined { request: joiner.accept(&invitation, secret) };
    let by_member = case.say(p.c, &[h], root, joins(p.d));
    let by_admin = case.say(p.a, &[h], root, joins(p.m));
    let child = case.say(p.d, &[by_member], root, create());
    let late = case.try_it(p.c, &[by_member], root, joins(p.x));
    assert_eq!(late, Admission::Void(VoidAtCut::NotAuthorised(Unauthorised::UsedUp)));
    let end = case.end();
    assert_eq!(end.standing(by_member), Standing::Spent(vec![by_admin]));
    assert_eq!(end.standing(child), Standing::Unfounded(by_member));
    assert!(!end.exists(group(child)));
    assert_eq!(end.rights(p.m, root), Rights::MEMBER);
    assert_eq!(end.rights(p.d, root), Rights::NONE);
}

#[test]
fn case_14_leaving_and_the_owner() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.c, &[h], root, Body::MemberLeft);
    case.say(p.a, &[h], root, add(p.c, Rights::ADMIN));
    let not_senior = Admission::Void(VoidAtCut::NotSenior);
    assert_eq!(case.try_it(p.o, &[h], root, Body::MemberLeft), not_senior);
    assert_eq!(case.try_it(p.o, &[h], root, remove(p.o)), not_senior);
    assert_eq!(case.try_it(p.a, &[h], root, remove(p.o)), not_senior);
    let end = case.end();
    assert_eq!(end.rights(p.c, root), Rights::NONE);
    assert_eq!(end.rights(p.o, root), Rights::ADMIN);
}

#[test]
fn case_15_a_group_moved_away_from_an_admin_who_acts() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let g = case.say(p.o, &[x], group(x), add(p.m, Rights::ADMIN));
    let y = case.say(p.o, &[g], group(x), create());
    let z = case.say(p.o, &[y], root, create());
    let away = case.say(p.o, &[z], group(y), moved(group(z)));
    let act = case.say(p.m, &[y], group(y), add(p.x, Rights::ADMIN));
    let end = case.end();
    assert_eq!(end.parent(group(y)), Some(group(z)));
    assert_eq!(end.standing(act), Standing::Struck(vec![away]));
    assert_eq!(end.rights(p.x, group(y)), Rights::NONE);
}

#[test]
fn case_16_a_group_deleted_while_it_gets_a_child() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let g = case.say(p.o, &[x], group(x), add(p.c, Rights::MEMBER));
    case.say(p.a, &[g], group(x), Body::GroupDeleted);
    let child = case.say(p.c, &[g], group(x), create());
    let end = case.end();
    assert!(end.is_effective(child));
    assert_eq!(end.groups(), [root]);
    assert!(end.members(group(x)).is_empty() && end.members(group(child)).is_empty());
}
