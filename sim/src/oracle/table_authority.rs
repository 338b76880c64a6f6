//! Tables for A10 and A11.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::cases::{base, cast, group, joins};
use crate::kit::{Stage, add, create, person, remove, restrict};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::{Body, SlotWrite, Subject, UpgradePolicy, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Unauthorised, VoidAtCut};
use folkmoot_core::id::{ContextId, MemberId, OpId};

fn unauthorised(why: Unauthorised) -> Admission {
    Admission::Void(VoidAtCut::NotAuthorised(why))
}

fn needs(rights: Rights) -> Admission {
    unauthorised(Unauthorised::Signer(rights))
}

fn slot(write: SlotWrite) -> Body {
    Body::SlotSet { strict: false, write }
}

fn named(subject: Subject) -> Body {
    slot(SlotWrite::Metadata { subject, key: Text::default(), value: Bytes::default() })
}

/// Bodies with the rights of section 2, for a group below the root that holds `context`.
fn bodies(target: MemberId, context: ContextId) -> Vec<(Body, Rights)> {
    let rights = Rights::READ;
    vec![
        (create(), Rights::SUBGROUPS),
        (Body::GroupDeleted, Rights::DELETE_SUBGROUPS),
        (Body::MemberAdded { member: target, rights }, Rights::MEMBERS | rights),
        (Body::MemberRestricted { member: target, keep: Rights::READ }, Rights::MEMBERS),
        (slot(SlotWrite::Visibility(Visibility::Open)), Rights::VISIBILITY),
        (named(Subject::Group), Rights::METADATA),
        (named(Subject::Member(target)), Rights::METADATA),
        (slot(SlotWrite::TargetApplication([1; 32])), Rights::APPLICATION),
        (slot(SlotWrite::UpgradePolicy(UpgradePolicy::Manual)), Rights::APPLICATION),
        (slot(SlotWrite::Migration(Bytes::default())), Rights::APPLICATION),
        (Body::ContextRegistered { application: [0; 32] }, Rights::CONTEXTS),
        (slot(SlotWrite::ContextRights { context, member: target, rights }), Rights::MEMBERS),
    ]
}

/// O owner; T has MEMBER at the root, given last; a group with a context, and its last op.
fn workplace() -> (Stage, OpId, ContextId, OpId) {
    let p = cast();
    let mut s = Stage::found(&[p.o]);
    let root = s.root();
    let x = s.say(p.o, &[s.genesis()], root, create());
    let made = s.say(p.o, &[x], group(x), Body::ContextRegistered { application: [0; 32] });
    (s, x, made.into(), made)
}

#[test]
fn a10_each_body_needs_its_right_and_no_other() {
    let p = cast();
    let (mut s, x, context, made) = workplace();
    let root = s.root();
    let single = Rights::NAMES.iter().map(|(right, _)| *right).filter(|right| !right.is_admin());
    let everything = single.fold(Rights::NONE, |all, right| all | right);
    for (body, bits) in bodies(p.d.id, context) {
        for (given, expected) in [
            (bits, Admission::Admit),
            (everything.without(bits), needs(bits)),
            (Rights::ADMIN, Admission::Admit),
        ] {
            // The actor's grant is older than that of T, so that it is senior to it.
            let actor = s.say(p.o, &[made], root, add(p.b, given));
            let target = s.say(p.o, &[actor], root, add(p.d, Rights::READ | Rights::WRITE));
            let got = s.try_it(p.b, &[target], group(x), body.clone());
            assert_eq!(got, expected, "{} with {given}", body.name());
        }
    }
}

#[test]
fn a10_bodies_for_which_any_right_will_do() {
    let p = cast();
    let (mut s, x, _, made) = workplace();
    let root = s.root();
    for right in Rights::NAMES.map(|(right, _)| right) {
        let g = s.say(p.o, &[made], root, add(p.b, right));
        for body in [Body::Noop, slot(SlotWrite::AutoFollow(true)), named(Subject::Member(p.b.id))]
        {
            assert_eq!(s.try_it(p.b, &[g], group(x), body), Admission::Admit, "{right}");
        }
    }
}

#[test]
fn a10_bodies_for_root_admins_and_admins() {
    let p = cast();
    let (mut s, x, context, made) = workplace();
    let root = s.root();
    let local = s.say(p.o, &[made], group(x), add(p.b, Rights::ADMIN));
    let global = s.say(p.o, &[local], root, add(p.a, Rights::ADMIN));
    let moved = Body::GroupMoved { new_parent: root };
    let policy = slot(SlotWrite::Policy { key: Text::default(), value: Bytes::default() });
    for body in [moved, policy] {
        let got = s.try_it(p.b, &[global], group(x), body);
        assert_eq!(got, needs(Rights::ADMIN), "held on the root (ruling 4)");
    }
    for body in
        [slot(SlotWrite::DefaultRights(Rights::READ)), slot(SlotWrite::ContextDetached(context))]
    {
        assert_eq!(s.try_it(p.b, &[global], group(x), body.clone()), Admission::Admit);
        let part = s.say(p.o, &[made], group(x), add(p.c, Rights::MEMBER | Rights::METADATA));
        assert_eq!(s.try_it(p.c, &[part], group(x), body), needs(Rights::ADMIN));
    }
    // An admin of the group itself does not delete it: the right is held above (ruling 4).
    let deletion = s.try_it(p.b, &[global], group(x), Body::GroupDeleted);
    assert_eq!(deletion, needs(Rights::DELETE_SUBGROUPS));
    assert_eq!(s.try_it(p.a, &[global], group(x), Body::GroupDeleted), Admission::Admit);
}

#[test]
fn a10_one_grant_must_cover_all_of_it() {
    let (mut s, p, h) = base();
    let root = s.root();
    let one = s.say(p.o, &[h], root, add(p.d, Rights::MEMBERS));
    let two = s.say(p.o, &[one], root, add(p.d, Rights::READ));
    let got = s.try_it(p.d, &[two], root, add(p.m, Rights::READ));
    assert_eq!(got, needs(Rights::MEMBERS | Rights::READ));
    let whole = s.say(p.o, &[two], root, add(p.d, Rights::MEMBERS | Rights::READ | Rights::WRITE));
    assert_eq!(s.try_it(p.d, &[whole], root, add(p.m, Rights::READ)), Admission::Admit);
}

#[test]
fn a10_the_notary() {
    let p = cast();
    let mut s = Stage::found(&[p.o, p.a]);
    let root = s.root();
    let anchor = |notary| Body::Anchor { rules: 1, notary };
    let g = s.say(p.o, &[s.genesis()], root, add(p.b, Rights::ADMIN));
    assert_eq!(s.try_it(p.b, &[g], root, anchor(None)), needs(Rights::ADMIN));
    let not_notary = unauthorised(Unauthorised::NotNotary);
    assert_eq!(s.try_it(p.a, &[g], root, anchor(None)), not_notary);
    let named = s.say(p.o, &[g], root, anchor(Some(p.a.id)));
    assert_eq!(s.try_it(p.o, &[named], root, anchor(None)), not_notary);
    assert_eq!(s.try_it(p.a, &[named], root, anchor(None)), Admission::Admit);
}

#[test]
fn a10_join() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let secret = person(40);
    let terms = |s: &Stage, by, known: OpId| s.terms(by, secret, &[known], root, Rights::MEMBER);
    let good = p.b.invite(terms(&s, p.b, x));
    let got = s.try_it(p.c, &[x], root, joins(&good, p.d));
    assert_eq!(got, Admission::Admit);
    let got = s.try_it(p.c, &[x], root, joins(&p.c.invite(terms(&s, p.c, x)), p.d));
    let both = Rights::INVITE | Rights::MEMBER;
    assert_eq!(got, unauthorised(Unauthorised::Inviter(both)));
    let got = s.try_it(p.c, &[x], root, joins(&p.a.invite(terms(&s, p.b, x)), p.d));
    assert_eq!(got, unauthorised(Unauthorised::Invitation), "signed by another");
    let request = p.d.accept(&good, person(41));
    let got = s.try_it(p.c, &[x], root, Body::MemberJoined { request });
    assert_eq!(got, unauthorised(Unauthorised::Invitation), "without the one-time secret");
    let got = s.try_it(p.c, &[x], group(x), joins(&good, p.d));
    assert_eq!(got, unauthorised(Unauthorised::Invitation), "for another group");
    let got = s.try_it(p.c, &[h], root, joins(&good, p.d));
    assert_eq!(got, unauthorised(Unauthorised::Frontier));
    let used = s.say(p.c, &[x], root, joins(&good, p.d));
    let got = s.try_it(p.c, &[used], root, joins(&good, p.m));
    assert_eq!(got, unauthorised(Unauthorised::UsedUp));
    let other = p.a.invite(terms(&s, p.a, x));
    let revocation = Body::InvitationRevoked { invitation: other.clone() };
    let revoked = s.say(p.a, &[x], root, revocation);
    let got = s.try_it(p.c, &[revoked], root, joins(&other, p.m));
    assert_eq!(got, unauthorised(Unauthorised::Revoked));
    let late = s.say(p.c, &[x], root, joins(&other, p.m));
    assert!(s.is_effective(late), "a concurrent revocation changes nothing");
}

#[test]
fn a10_several_uses() {
    let (mut s, p, h) = base();
    let root = s.root();
    let mut terms = s.terms(p.b, person(40), &[h], root, Rights::MEMBER);
    terms.uses_max = 2;
    let invitation = p.b.invite(terms);
    let one = s.say(p.c, &[h], root, joins(&invitation, p.d));
    let gone = s.say(p.d, &[one], root, Body::MemberLeft);
    let two = s.say(p.c, &[gone], root, joins(&invitation, p.m));
    let got = s.try_it(p.c, &[two], root, joins(&invitation, p.x));
    assert_eq!(got, unauthorised(Unauthorised::UsedUp));
    // One's own earlier use does not count against oneself; the leave does.
    let got = s.try_it(p.c, &[two], root, joins(&invitation, p.d));
    assert_eq!(got, unauthorised(Unauthorised::Left));
}

#[test]
fn a10_what_has_no_effect_takes_no_use_and_revokes_nothing() {
    let (mut s, p, h) = base();
    let root = s.root();
    let invitation = p.o.invite(s.terms(p.o, person(40), &[h], root, Rights::READ));
    let join = s.say(p.c, &[h], root, joins(&invitation, p.d));
    let witness_gone = s.say(p.a, &[h], root, remove(p.c));
    let revocation = Body::InvitationRevoked { invitation: invitation.clone() };
    let revoked = s.say(p.b, &[h], root, revocation);
    let revoker_gone = s.say(p.a, &[h], root, remove(p.b));
    assert!(!s.is_effective(join) && !s.is_effective(revoked));
    let rows = [
        ("a join", vec![join], unauthorised(Unauthorised::UsedUp)),
        ("one without effect", vec![join, witness_gone], Admission::Admit),
        ("a revocation", vec![revoked], unauthorised(Unauthorised::Revoked)),
        ("one without effect", vec![revoked, revoker_gone], Admission::Admit),
    ];
    for (which, known, expected) in rows {
        let op = p.a.sign(&s.oracle, &known, root, joins(&invitation, p.x));
        assert_eq!(s.judge(&op), expected, "{which}");
    }
}

#[test]
fn a10_after_a_removal_or_a_leave() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let invite = |s: &Stage, known, on| {
        p.b.invite(s.terms(p.b, person(40), &[known], on, Rights::MEMBER | Rights::VISIBILITY))
    };
    let removed = s.say(p.a, &[x], root, remove(p.c));
    for on in [root, group(x)] {
        let invitation = invite(&s, removed, on);
        let got = s.try_it(p.a, &[removed], on, joins(&invitation, p.c));
        assert_eq!(got, unauthorised(Unauthorised::Removed));
    }
    let again = s.say(p.a, &[removed], root, add(p.c, Rights::READ));
    let got = s.try_it(p.a, &[again], root, joins(&invite(&s, x, root), p.c));
    assert_eq!(got, Admission::Admit);
    let left = s.say(p.c, &[x], root, Body::MemberLeft);
    let got = s.try_it(p.a, &[left], root, joins(&invite(&s, x, root), p.c));
    assert_eq!(got, unauthorised(Unauthorised::Left));
    let got = s.try_it(p.a, &[left], root, joins(&invite(&s, left, root), p.c));
    assert_eq!(got, Admission::Admit);
}

#[test]
fn a10_which_removal_stands() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let invite = |s: &Stage, on| p.o.invite(s.terms(p.o, person(40), &[x], on, Rights::ADMIN));
    let (to_root, to_x) = (invite(&s, root), invite(&s, group(x)));
    let part = s.say(p.a, &[x], root, restrict(p.c, Rights::READ));
    let below = s.say(p.a, &[x], group(x), remove(p.c));
    let void = s.say(p.b, &[x], root, remove(p.c));
    let remover_gone = s.say(p.a, &[x], root, remove(p.b));
    let removed = s.say(p.a, &[x], root, remove(p.c));
    let stands = unauthorised(Unauthorised::Removed);
    let rows = [
        ("none in the past", vec![x], &to_root, Admission::Admit),
        ("one that keeps something", vec![part], &to_root, Admission::Admit),
        ("one below", vec![below], &to_root, Admission::Admit),
        ("one without effect", vec![void, remover_gone], &to_root, Admission::Admit),
        ("one in the same place", vec![below], &to_x, stands.clone()),
        ("one above", vec![removed], &to_x, stands),
    ];
    for (which, known, invitation, expected) in rows {
        let on = invitation.terms.group;
        let op = p.o.sign(&s.oracle, &known, on, joins(invitation, p.c));
        assert_eq!(s.judge(&op), expected, "{which}");
    }
}

#[test]
fn a10_which_addition_answers_a_removal() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let invitation = p.o.invite(s.terms(p.o, person(40), &[x], root, Rights::ADMIN));
    let removed = s.say(p.a, &[x], root, remove(p.c));
    let elsewhere = s.say(p.o, &[removed], group(x), add(p.c, Rights::READ));
    let beside = s.say(p.o, &[x], root, add(p.c, Rights::METADATA));
    let void = s.say(p.b, &[removed], root, add(p.c, Rights::READ));
    let adder_gone = s.say(p.a, &[removed], root, remove(p.b));
    let again = s.say(p.o, &[removed], root, add(p.c, Rights::READ));
    let stands = unauthorised(Unauthorised::Removed);
    let rows = [
        ("not in the past", vec![removed], stands.clone()),
        ("on a group that is not on the path", vec![elsewhere], stands.clone()),
        ("without the removal in its past", vec![removed, beside], stands.clone()),
        ("without effect", vec![void, adder_gone], stands),
        ("any other", vec![again], Admission::Admit),
    ];
    for (which, known, expected) in rows {
        let got = s.try_it(p.a, &known, root, joins(&invitation, p.c));
        assert_eq!(got, expected, "{which}");
    }
}

#[test]
fn a10_revocation() {
    let (mut s, p, h) = base();
    let root = s.root();
    let g = s.say(p.o, &[h], root, add(p.d, Rights::INVITE));
    let by_b = p.b.invite(s.terms(p.b, person(40), &[h], root, Rights::READ));
    let by_d = p.d.invite(s.terms(p.d, person(41), &[h], root, Rights::READ));
    let forged = Invitation { signature: by_d.signature, ..by_b.clone() };
    let revokes = |invitation| Body::InvitationRevoked { invitation };
    assert_eq!(s.try_it(p.d, &[g], root, revokes(by_d.clone())), Admission::Admit);
    assert_eq!(s.try_it(p.d, &[g], root, revokes(by_b)), needs(Rights::MEMBERS));
    assert_eq!(s.try_it(p.a, &[g], root, revokes(by_d)), Admission::Admit);
    let got = s.try_it(p.a, &[g], root, revokes(forged));
    assert_eq!(got, unauthorised(Unauthorised::Invitation));
}

#[test]
fn a11_who_may_take_what() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let made = s.say(p.a, &[x], root, create());
    let y = group(made);
    let local = s.say(p.o, &[made], group(x), add(p.d, Rights::MEMBER));
    let last = s.say(p.o, &[local], root, add(p.m, Rights::MEMBERS | Rights::READ));
    let mut attempt = |who, on, body| s.try_it(who, &[last], on, body);
    let (nothing, junior) =
        (Admission::Void(VoidAtCut::NothingToTake), Admission::Void(VoidAtCut::NotSenior));
    let rows = [
        (p.a, root, remove(p.b), Admission::Admit),
        (p.a, root, remove(p.d), Admission::Admit),
        (p.a, group(x), remove(p.c), Admission::Admit),
        (p.a, root, restrict(p.c, Rights::MEMBER), nothing.clone()),
        (p.a, root, restrict(p.c, Rights::READ), Admission::Admit),
        (p.a, root, remove(p.x), nothing.clone()),
        (p.b, root, remove(p.a), junior.clone()),
        (p.m, root, remove(p.c), junior.clone()),
        (p.m, group(x), remove(p.d), junior.clone()),
        (p.a, root, remove(p.o), junior.clone()),
        // The row of an owner as creator of a group is like that of any other creator.
        (p.a, group(x), remove(p.o), Admission::Admit),
        (p.a, y, remove(p.o), nothing.clone()),
        (p.c, root, remove(p.c), Admission::Admit),
        (p.c, group(x), remove(p.c), Admission::Admit),
        (p.c, group(x), Body::MemberLeft, nothing.clone()),
        (p.d, group(x), Body::MemberLeft, Admission::Admit),
        (p.d, root, remove(p.d), Admission::Admit),
        (p.d, root, Body::MemberLeft, nothing),
        (p.o, root, Body::MemberLeft, junior.clone()),
        (p.o, root, remove(p.o), junior),
        (p.o, group(x), Body::MemberLeft, Admission::Admit),
    ];
    for (at, (who, on, body, expected)) in rows.into_iter().enumerate() {
        assert_eq!(attempt(who, on, body), expected, "row {at}");
    }
}

#[test]
fn a11_each_grant_must_be_junior() {
    let p = cast();
    let mut s = Stage::found(&[p.o]);
    let root = s.root();
    let early = s.say(p.o, &[s.genesis()], root, add(p.c, Rights::READ));
    let admin = s.say(p.o, &[early], root, add(p.d, Rights::MEMBERS | Rights::MEMBER));
    let late = s.say(p.d, &[admin], root, add(p.c, Rights::WRITE));
    let remove_all = s.try_it(p.d, &[late], root, remove(p.c));
    assert_eq!(remove_all, Admission::Void(VoidAtCut::NotSenior));
    let only_his = s.try_it(p.d, &[late], root, restrict(p.c, Rights::READ));
    assert_eq!(only_his, Admission::Admit);
    // What he may not touch, he does not: the older grant is not bound.
    assert_eq!(s.rights(p.c, root), Rights::READ);
}
