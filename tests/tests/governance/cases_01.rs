//! Cases 1 to 8 of the protocol document.

use crate::support::{Case, group, moved};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Dropped, VoidAtCut};
use folkmoot_core::query::Standing;
use folkmoot_sim::kit::{add, create, remove, restrict};

#[test]
fn case_01_a_senior_removes_an_admin_who_adds() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let removal = case.say(p.a, &[h], root, remove(p.b));
    let grant = case.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
    let end = case.end();
    assert_eq!(end.rights(p.b, root), Rights::NONE);
    assert_eq!(end.rights(p.d, root), Rights::NONE);
    assert_eq!(end.standing(grant), Standing::Struck(vec![removal]));
    assert_eq!(end.heads(), [removal]);
}

#[test]
fn case_02_mutual_removal() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.a, &[h], root, remove(p.b));
    let (junior, verdict) = case.attempt(p.b, &[h], root, remove(p.a));
    assert_eq!(verdict, Admission::Void(VoidAtCut::NotSenior));
    let end = case.end();
    assert_eq!(end.standing(junior), Standing::VoidAtCut(VoidAtCut::NotSenior));
    assert_eq!(end.rights(p.a, root), Rights::ADMIN);
    assert_eq!(end.rights(p.b, root), Rights::NONE);
}

#[test]
fn case_03_promotion_against_restriction() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.b, &[h], root, add(p.c, Rights::ADMIN));
    case.say(p.a, &[h], root, restrict(p.c, Rights::READ_ONLY));
    assert_eq!(case.end().rights(p.c, root), Rights::READ_ONLY);
}

#[test]
fn case_04_two_grants_unite() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.a, &[h], root, add(p.d, Rights::MEMBER));
    case.say(p.b, &[h], root, add(p.d, Rights::ADMIN));
    assert_eq!(case.end().rights(p.d, root), Rights::ADMIN);
}

#[test]
fn case_05_removed_added_removed_added() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let first = case.say(p.a, &[h], root, remove(p.c));
    let again = case.say(p.a, &[first], root, add(p.c, Rights::MEMBER));
    assert_eq!(case.end().rights(p.c, root), Rights::MEMBER);
    let other = case.say(p.b, &[h], root, remove(p.c));
    assert_eq!(case.end().rights(p.c, root), Rights::NONE);
    case.say(p.b, &[again, other], root, add(p.c, Rights::MEMBER));
    assert_eq!(case.end().rights(p.c, root), Rights::MEMBER);
}

#[test]
fn case_06_nobody_adds_around_a_removal() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let removal = case.say(p.b, &[h], root, remove(p.c));
    case.say(p.b, &[removal], root, add(p.c, Rights::ADMIN));
    case.say(p.a, &[h], root, remove(p.c));
    assert_eq!(case.end().rights(p.c, root), Rights::NONE);
}

#[test]
fn case_07_crossing_moves() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], root, create());
    let (gx, gy) = (group(x), group(y));
    case.say(p.a, &[y], gx, moved(gy));
    case.say(p.b, &[y], gy, moved(gx));
    let end = case.end();
    assert_eq!(end.parent(gx), Some(gy), "the senior's move applies");
    assert_eq!(end.parent(gy), Some(root), "the other one is passed over");
}

#[test]
fn case_08_a_removed_admin_signs_with_old_parents() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let removal = case.say(p.a, &[h], root, remove(p.b));
    let mut last = h;
    let mut all = Vec::new();
    for _ in 0..5 {
        last = case.say(p.b, &[last], root, Body::Noop);
        all.push(last);
    }
    let puppet = case.say(p.b, &[last], root, add(p.m, Rights::ADMIN));
    all.push(puppet);
    all.push(case.say(p.m, &[puppet], root, add(p.x, Rights::ADMIN)));
    let revenge = case.try_it(p.b, &[last], root, remove(p.a));
    assert_eq!(revenge, Admission::Void(VoidAtCut::NotSenior));
    all.push(case.say(p.b, &[last], root, remove(p.c)));
    let late = case.try_it(p.b, &[removal], root, remove(p.c));
    assert_eq!(late, Admission::Drop(Dropped::Stranger));
    let end = case.end();
    assert!(all.iter().all(|id| !end.is_effective(*id)));
    for gone in [p.b, p.m, p.x] {
        assert_eq!(end.rights(gone, root), Rights::NONE);
    }
    assert_eq!(end.rights(p.a, root), Rights::ADMIN);
    assert_eq!(end.rights(p.c, root), Rights::MEMBER);
    // R6: none of it makes a head.
    assert_eq!(end.heads(), [removal]);
}
