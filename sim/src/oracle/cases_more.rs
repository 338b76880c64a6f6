//! Cases 14 to 24 of governance section 9, on a [`Stage`]: oracle and engine say the same.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::cases::{base, group, joins};
use super::{Oracle, VoidReason};
use crate::kit::{Author, Stage, add, copied, create, person, remove};
use crate::world::Prng;
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::op::{Body, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Unauthorised, VoidAtCut};
use std::collections::BTreeSet;

fn moved(to: folkmoot_core::id::GroupId) -> Body {
    Body::GroupMoved { new_parent: to }
}

#[test]
fn case_14_leaving_and_the_owner() {
    let (mut s, p, h) = base();
    let root = s.root();
    s.say(p.c, &[h], root, Body::MemberLeft);
    s.say(p.a, &[h], root, add(p.c, Rights::ADMIN));
    assert_eq!(s.rights(p.c, root), Rights::NONE);
    let not_senior = Admission::Void(VoidAtCut::NotSenior);
    assert_eq!(s.try_it(p.o, &[h], root, Body::MemberLeft), not_senior);
    assert_eq!(s.try_it(p.o, &[h], root, remove(p.o)), not_senior);
    assert_eq!(s.try_it(p.a, &[h], root, remove(p.o)), not_senior);
    assert_eq!(s.rights(p.o, root), Rights::ADMIN);
}

#[test]
fn case_15_a_group_moved_away_from_an_admin_who_acts() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let g = s.say(p.o, &[x], group(x), add(p.m, Rights::ADMIN));
    let y = s.say(p.o, &[g], group(x), create());
    let z = s.say(p.o, &[y], root, create());
    let away = s.say(p.o, &[z], group(y), moved(group(z)));
    let act = s.say(p.m, &[y], group(y), add(p.x, Rights::ADMIN));
    let now = s.oracle.now();
    assert_eq!(now.tree[&group(y)], Some(group(z)));
    assert_eq!(now.void[&act], VoidReason::Struck { by: vec![away] });
    assert_eq!(now.rights(p.x.id, group(y)), Rights::NONE);
}

#[test]
fn case_16_a_group_deleted_while_it_gets_a_child() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let g = s.say(p.o, &[x], group(x), add(p.c, Rights::MEMBER));
    s.say(p.a, &[g], group(x), Body::GroupDeleted);
    let child = s.say(p.c, &[g], group(x), create());
    let now = s.oracle.now();
    assert!(now.effective.contains(&child));
    assert_eq!(now.tree.keys().copied().collect::<Vec<_>>(), [root]);
    assert_eq!(now.rows.keys().copied().collect::<Vec<_>>(), [root]);
}

#[test]
fn case_17_shut_out_of_one_subtree() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let denial = s.say(p.a, &[x], group(x), remove(p.c));
    let act = s.say(p.c, &[x], group(x), create());
    let needs = Unauthorised::Signer(Rights::SUBGROUPS);
    let late = s.try_it(p.c, &[denial], group(x), create());
    assert_eq!(late, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    assert!(!s.is_effective(act));
    assert_eq!(s.rights(p.c, root), Rights::MEMBER);
    let elsewhere = s.say(p.c, &[denial], root, create());
    let fresh = s.say(p.b, &[elsewhere], group(x), add(p.c, Rights::MEMBER));
    let back = s.say(p.c, &[fresh], group(x), create());
    assert!(s.oracle.now().tree.contains_key(&group(back)));
}

#[test]
fn case_18_removed_above_a_group_that_is_being_made() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let g = s.say(p.o, &[x], group(x), add(p.c, Rights::ADMIN));
    let y = s.say(p.o, &[g], group(x), create());
    s.say(p.o, &[y], group(y), add(p.c, Rights::ADMIN));
    s.say(p.o, &[g], root, remove(p.c));
    for place in [root, group(x), group(y)] {
        assert_eq!(s.rights(p.c, place), Rights::NONE);
    }
}

#[test]
fn case_19_a_witness_and_a_removed_inviter() {
    let invited = |s: &Stage, inviter: &Author, joiner: &Author, h| {
        let terms = s.terms(inviter, person(40), &[h], s.root(), Rights::MEMBER);
        joins(&inviter.invite(terms), joiner)
    };
    let (mut s, p, h) = base();
    let root = s.root();
    let body = invited(&s, p.b, p.d, h);
    s.say(p.c, &[h], root, body);
    s.say(p.a, &[h], root, remove(p.b));
    assert_eq!(s.rights(p.d, root), Rights::NONE);

    let (mut s, p, h) = base();
    let root = s.root();
    let body = invited(&s, p.b, p.d, h);
    let join = s.say(p.c, &[h], root, body);
    let removal = s.say(p.a, &[join], root, remove(p.b));
    assert_eq!(s.rights(p.d, root), Rights::MEMBER);
    let body = invited(&s, p.b, p.m, h);
    let needs = Unauthorised::Inviter(Rights::INVITE | Rights::MEMBER);
    let dead = s.try_it(p.c, &[removal], root, body);
    assert_eq!(dead, Admission::Void(VoidAtCut::NotAuthorised(needs)));
}

#[test]
fn case_20_a_restriction_never_binds_a_more_senior_grant() {
    let p = super::cases::cast();
    let mut s = Stage::found(&[p.o]);
    let root = s.root();
    let member = s.say(p.o, &[s.genesis()], root, add(p.c, Rights::MEMBER));
    let mut k = member;
    for _ in 0..3 {
        k = s.say(p.o, &[k], root, Body::Noop);
    }
    let late = s.say(p.o, &[k], root, add(p.a, Rights::ADMIN));
    s.say(p.a, &[late], root, remove(p.c));
    let early = s.say(p.o, &[member], root, add(p.c, Rights::ADMIN));
    let act = s.say(p.c, &[early], root, add(p.d, Rights::MEMBER));
    assert_eq!(s.rights(p.c, root), Rights::ADMIN);
    assert_eq!(s.rights(p.d, root), Rights::MEMBER);
    assert!(s.is_effective(act));
}

#[test]
fn case_21_the_admins_above_the_new_and_the_old_place() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], root, create());
    let z = s.say(p.o, &[y], group(x), create());
    let old = s.say(p.o, &[z], group(x), add(p.m, Rights::ADMIN));
    let new = s.say(p.o, &[old], group(y), add(p.d, Rights::ADMIN));
    let row = s.say(p.o, &[new], group(z), add(p.x, Rights::MEMBER));
    let away = s.say(p.o, &[row], group(z), moved(group(y)));
    let needs = Unauthorised::Signer(Rights::MEMBERS);
    let outsider = s.try_it(p.m, &[away], group(z), remove(p.x));
    assert_eq!(outsider, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    s.say(p.d, &[away], group(z), remove(p.x));
    assert_eq!(s.rights(p.x, group(z)), Rights::NONE);
}

#[test]
fn case_22_moved_away_and_back() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], root, create());
    let z = s.say(p.o, &[y], group(x), create());
    let admin = s.say(p.o, &[z], group(x), add(p.m, Rights::ADMIN));
    let away = s.say(p.o, &[admin], group(z), moved(group(y)));
    let back = s.say(p.o, &[away], group(z), moved(group(x)));
    let act = s.say(p.m, &[back], group(z), add(p.d, Rights::MEMBER));
    assert!(s.is_effective(act));
    assert_eq!(s.rights(p.d, group(z)), Rights::MEMBER);
}

#[test]
fn case_23_sixty_five_heads() {
    let (mut s, p, h) = base();
    let root = s.root();
    let name = |value: u8| Body::SlotSet {
        strict: false,
        write: SlotWrite::Policy {
            key: Text::new("greeting").unwrap(),
            value: Bytes::truncated(vec![value]),
        },
    };
    let heads: BTreeSet<_> = (0..65).map(|value| s.say(p.a, &[h], root, name(value))).collect();
    let heads: Vec<_> = heads.into_iter().collect();
    assert_eq!(s.oracle.now().heads, heads);
    let joined = s.say(p.c, &heads[..64], root, Body::Noop);
    let act = s.say(p.c, &[joined, heads[64]], root, create());
    assert_eq!(s.oracle.now().heads, [act]);
}

/// A world in which everything meets: removals, a race for an invitation, moves, an anchor.
fn crowded() -> Stage {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.b, &[x], root, create());
    let invitation = p.b.invite(s.terms(p.b, person(40), &[y], root, Rights::MEMBER));
    let join = s.say(p.c, &[y], root, joins(&invitation, p.d));
    s.say(p.a, &[y], root, joins(&invitation, p.m));
    s.say(p.a, &[y], group(x), moved(group(y)));
    s.say(p.b, &[y], group(y), moved(group(x)));
    s.say(p.o, &[join], root, Body::Anchor { rules: 1, notary: None });
    s.say(p.a, &[y], root, remove(p.b));
    s.say(p.b, &[join], root, remove(p.c));
    s.say(p.c, &[y], root, Body::MemberLeft);
    s
}

#[test]
fn case_24_every_order_with_duplicates_and_every_prefix() {
    let stage = crowded();
    let expected = stage.oracle.now();
    let mut rng = Prng::new(24);
    for _ in 0..50 {
        let mut late = Oracle::new(stage.oracle.namespace());
        let mut left: Vec<_> = stage.log.iter().flat_map(|op| [op, op]).collect();
        while !left.is_empty() {
            let op = left[rng.below(left.len())];
            let verdict = late.add(copied(op));
            if matches!(verdict, Admission::Pending { .. }) {
                continue;
            }
            assert_eq!(verdict, Admission::Admit, "{}", op.payload.body.name());
            let at = left.iter().position(|other| other.id == op.id);
            left.remove(at.unwrap());
            // The state of a prefix is that of its ops alone.
            let known = late.all();
            assert_eq!(late.now(), stage.oracle.effect(&known));
        }
        assert_eq!(late.now(), expected);
    }
}
