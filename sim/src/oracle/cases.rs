//! Cases 1 to 13 of governance section 9, on a [`Stage`]: oracle and engine say the same.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::VoidReason;
use crate::kit::{Author, Stage, add, create, person, remove, restrict};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Dropped, Unauthorised, VoidAtCut};
use folkmoot_core::id::{GroupId, OpId};

pub(super) struct Cast {
    pub(super) o: &'static Author,
    pub(super) a: &'static Author,
    pub(super) b: &'static Author,
    pub(super) c: &'static Author,
    pub(super) d: &'static Author,
    pub(super) m: &'static Author,
    pub(super) x: &'static Author,
}

pub(super) fn cast() -> Cast {
    let [o, a, b, c, d, m, x] = [0, 1, 2, 3, 4, 5, 6].map(person);
    Cast { o, a, b, c, d, m, x }
}

/// O owner, A admin senior to B, B admin, C member; and the last op.
pub(super) fn base() -> (Stage, Cast, OpId) {
    let cast = cast();
    let mut stage = Stage::found(&[cast.o]);
    let root = stage.root();
    let mut head = stage.genesis();
    for (member, rights) in
        [(cast.a, Rights::ADMIN), (cast.b, Rights::ADMIN), (cast.c, Rights::MEMBER)]
    {
        head = stage.say(cast.o, &[head], root, add(member, rights));
    }
    (stage, cast, head)
}

pub(super) fn group(id: OpId) -> GroupId {
    id.into()
}

/// The use of an invitation whose one-time key is that of person 40.
pub(super) fn joins(invitation: &Invitation, joiner: &Author) -> Body {
    Body::MemberJoined { request: joiner.accept(invitation, person(40)) }
}

#[test]
fn case_01_a_senior_removes_an_admin_who_adds() {
    let (mut s, p, h) = base();
    let root = s.root();
    s.say(p.a, &[h], root, remove(p.b));
    s.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
    assert_eq!(s.rights(p.b, root), Rights::NONE);
    assert_eq!(s.rights(p.d, root), Rights::NONE);
}

#[test]
fn case_02_mutual_removal() {
    let (mut s, p, h) = base();
    let root = s.root();
    s.say(p.a, &[h], root, remove(p.b));
    let junior = s.try_it(p.b, &[h], root, remove(p.a));
    assert_eq!(junior, Admission::Void(VoidAtCut::NotSenior));
    assert_eq!(s.rights(p.a, root), Rights::ADMIN);
    assert_eq!(s.rights(p.b, root), Rights::NONE);
}

#[test]
fn case_03_promotion_against_restriction() {
    let (mut s, p, h) = base();
    let root = s.root();
    s.say(p.b, &[h], root, add(p.c, Rights::ADMIN));
    s.say(p.a, &[h], root, restrict(p.c, Rights::READ_ONLY));
    assert_eq!(s.rights(p.c, root), Rights::READ_ONLY);
}

#[test]
fn case_04_two_grants_unite() {
    let (mut s, p, h) = base();
    let root = s.root();
    s.say(p.a, &[h], root, add(p.d, Rights::MEMBER));
    s.say(p.b, &[h], root, add(p.d, Rights::ADMIN));
    assert_eq!(s.rights(p.d, root), Rights::ADMIN);
}

#[test]
fn case_05_removed_added_removed_added() {
    let (mut s, p, h) = base();
    let root = s.root();
    let first = s.say(p.a, &[h], root, remove(p.c));
    let again = s.say(p.a, &[first], root, add(p.c, Rights::MEMBER));
    assert_eq!(s.rights(p.c, root), Rights::MEMBER);
    let other = s.say(p.b, &[h], root, remove(p.c));
    assert_eq!(s.rights(p.c, root), Rights::NONE);
    s.say(p.b, &[again, other], root, add(p.c, Rights::MEMBER));
    assert_eq!(s.rights(p.c, root), Rights::MEMBER);
}

#[test]
fn case_06_nobody_adds_around_a_removal() {
    let (mut s, p, h) = base();
    let root = s.root();
    let removal = s.say(p.b, &[h], root, remove(p.c));
    s.say(p.b, &[removal], root, add(p.c, Rights::ADMIN));
    s.say(p.a, &[h], root, remove(p.c));
    assert_eq!(s.rights(p.c, root), Rights::NONE);
}

#[test]
fn case_07_crossing_moves() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], root, create());
    let (gx, gy) = (group(x), group(y));
    s.say(p.a, &[y], gx, Body::GroupMoved { new_parent: gy });
    let junior = s.say(p.b, &[y], gy, Body::GroupMoved { new_parent: gx });
    let now = s.oracle.now();
    assert_eq!((now.tree[&gx], now.tree[&gy]), (Some(gy), Some(root)));
    assert_eq!(now.skipped, [junior]);
}

#[test]
fn case_08_a_removed_admin_signs_with_old_parents() {
    let (mut s, p, h) = base();
    let root = s.root();
    let removal = s.say(p.a, &[h], root, remove(p.b));
    let mut k = h;
    let mut all = Vec::new();
    for _ in 0..5 {
        k = s.say(p.b, &[k], root, Body::Noop);
        all.push(k);
    }
    let puppet = s.say(p.b, &[k], root, add(p.m, Rights::ADMIN));
    all.push(puppet);
    all.push(s.say(p.m, &[puppet], root, add(p.x, Rights::ADMIN)));
    let revenge = s.try_it(p.b, &[k], root, remove(p.a));
    assert_eq!(revenge, Admission::Void(VoidAtCut::NotSenior));
    all.push(s.say(p.b, &[k], root, remove(p.c)));
    let late = s.try_it(p.b, &[removal], root, remove(p.c));
    assert_eq!(late, Admission::Drop(Dropped::Stranger));
    assert!(all.iter().all(|id| !s.is_effective(*id)));
    for gone in [p.b, p.m, p.x] {
        assert_eq!(s.rights(gone, root), Rights::NONE);
    }
    assert_eq!(s.rights(p.a, root), Rights::ADMIN);
    assert_eq!(s.rights(p.c, root), Rights::MEMBER);
    // R6: none of it makes a head.
    assert_eq!(s.oracle.now().heads, [removal]);
}

#[test]
fn case_09_one_nonce_two_grants() {
    let (mut s, p, h) = base();
    let root = s.root();
    let one = s.say(p.a, &[h], root, add(p.d, Rights::MEMBER));
    let two = s.say(p.a, &[h], root, add(p.m, Rights::MEMBER));
    let nonce = |id| s.oracle.op(id).map(|op| op.payload.nonce);
    assert_eq!(nonce(one), nonce(two));
    assert_eq!(s.rights(p.d, root), Rights::MEMBER);
    assert_eq!(s.rights(p.m, root), Rights::MEMBER);
}

#[test]
fn case_10_every_nonce_but_the_next_is_dropped() {
    let (mut s, p, h) = base();
    let root = s.root();
    let last = s.say(p.a, &[h], root, Body::Noop);
    for got in [0, 1, 3, 4, u64::MAX] {
        let mut draft = p.a.draft(&s.oracle, &[last], root, Body::Noop);
        let expected = draft.nonce;
        assert_eq!(expected, 2);
        draft.nonce = got;
        let op = crate::kit::verified(s.oracle.namespace(), &p.a.seal(&draft));
        let refusal = Admission::Drop(Dropped::Nonce { got, expected });
        assert_eq!(s.submit(op), refusal);
    }
}

#[test]
fn case_11_a_void_removal_takes_nothing_with_it() {
    let (mut s, p, h) = base();
    let root = s.root();
    let demotion = s.say(p.a, &[h], root, restrict(p.b, Rights::MEMBER));
    let removal = s.say(p.b, &[h], root, remove(p.c));
    let made = s.say(p.c, &[h], root, create());
    let now = s.oracle.now();
    assert_eq!(now.void[&removal], VoidReason::Struck { by: vec![demotion] });
    assert!(now.tree.contains_key(&group(made)));
    assert_eq!(now.rights(p.b.id, root), Rights::MEMBER);
    assert_eq!(now.rights(p.c.id, root), Rights::MEMBER);
}

#[test]
fn case_12_an_anchor_ends_the_reach_of_a_late_removal() {
    let anchor = Body::Anchor { rules: 1, notary: None };
    for anchored in [true, false] {
        let (mut s, p, h) = base();
        let root = s.root();
        let grant = s.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
        if anchored {
            s.say(p.o, &[grant], root, anchor.clone());
        }
        s.say(p.a, &[h], root, remove(p.b));
        assert_eq!(s.rights(p.b, root), Rights::NONE);
        assert_eq!(s.rights(p.d, root).is_empty(), !anchored);
    }
}

#[test]
fn case_13_a_one_use_invitation_used_twice() {
    let (mut s, p, h) = base();
    let root = s.root();
    let invitation = p.a.invite(s.terms(p.a, person(40), &[h], root, Rights::MEMBER));
    let by_member = s.say(p.c, &[h], root, joins(&invitation, p.d));
    let by_admin = s.say(p.a, &[h], root, joins(&invitation, p.m));
    let child = s.say(p.d, &[by_member], root, create());
    let now = s.oracle.now();
    assert_eq!(now.void[&by_member], VoidReason::InvitationSpent { by: vec![by_admin] });
    assert_eq!(now.void[&child], VoidReason::Auth(by_member));
    assert_eq!(now.rights(p.m.id, root), Rights::MEMBER);
    assert_eq!(now.rights(p.d.id, root), Rights::NONE);
    let late = s.try_it(p.c, &[by_member], root, joins(&invitation, p.x));
    assert_eq!(late, Admission::Void(VoidAtCut::NotAuthorised(Unauthorised::UsedUp)));
}
