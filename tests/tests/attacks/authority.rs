//! Rows 10 to 12 and 14: admins against each other, and false state hashes.

use crate::support::{Case, Replica, cast, group};
use folkmoot_core::effect::{Effect, Notice};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Precondition, Unauthorised, VoidAtCut};
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::query::Standing;
use folkmoot_sim::kit::{add, create, remove, restrict, verified};

const NOT_SENIOR: Admission = Admission::Void(VoidAtCut::NotSenior);

#[test]
fn attack_10_a_junior_takes_nothing_from_a_senior_or_an_owner() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    for keep in [Rights::NONE, Rights::MEMBER] {
        assert_eq!(case.try_it(p.b, &[h], root, restrict(p.a, keep)), NOT_SENIOR);
        assert_eq!(case.try_it(p.a, &[h], root, restrict(p.o, keep)), NOT_SENIOR);
        assert_eq!(case.try_it(p.o, &[h], root, restrict(p.o, keep)), NOT_SENIOR);
    }
    let needs = Unauthorised::Signer(Rights::MEMBERS);
    let by_member = case.try_it(p.c, &[h], root, remove(p.b));
    assert_eq!(by_member, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    // One's own rights may be given up, the last admin's too: the owner remains.
    let last = case.say(p.a, &[h], root, restrict(p.a, Rights::MEMBER));
    case.say(p.b, &[last], root, remove(p.b));
    let end = case.end();
    assert_eq!(end.rights(p.o, root), Rights::ADMIN);
    assert_eq!(end.rights(p.a, root), Rights::MEMBER);
    assert_eq!(end.rights(p.b, root), Rights::NONE);
}

#[test]
fn attack_11_nobody_gives_more_than_he_has() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let some = Rights::MEMBER | Rights::MEMBERS;
    let host = case.say(p.o, &[h], root, add(p.m, some));
    for above in [Rights::ADMIN, some | Rights::INVITE, Rights::VISIBILITY] {
        let verdict = case.try_it(p.m, &[host], root, add(p.d, above));
        let missing = Unauthorised::Signer(above | Rights::MEMBERS);
        assert_eq!(verdict, Admission::Void(VoidAtCut::NotAuthorised(missing)));
    }
    case.say(p.m, &[host], root, add(p.d, Rights::MEMBER));
    assert_eq!(case.end().rights(p.d, root), Rights::MEMBER);
}

#[test]
fn attack_11_rights_on_one_group_are_none_on_another() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], root, create());
    let local = case.say(p.o, &[y], group(x), add(p.m, Rights::ADMIN));
    let needs = Unauthorised::Signer(Rights::MEMBERS | Rights::MEMBER);
    let denied = Admission::Void(VoidAtCut::NotAuthorised(needs));
    for place in [root, group(y)] {
        assert_eq!(case.try_it(p.m, &[local], place, add(p.d, Rights::MEMBER)), denied);
    }
    case.say(p.m, &[local], group(x), add(p.d, Rights::MEMBER));
    assert_eq!(case.end().rights(p.d, group(x)), Rights::MEMBER);
}

#[test]
fn attack_11_groups_and_ops_of_another_namespace_are_unknown_here() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let foreign = p.a.found(&[p.a], [1; 16]);
    let elsewhere = GroupId(foreign.id.0);
    let missing = Admission::Void(VoidAtCut::Precondition(Precondition::NoSuchGroup));
    let to = Body::GroupMoved { new_parent: elsewhere };
    assert_eq!(case.try_it(p.a, &[x], group(x), to), missing);
    let (_, unknown) = case.attempt(p.a, &[x], elsewhere, create());
    assert!(matches!(unknown, Admission::Void(_)), "{unknown:?}");
    // As a parent it is an op that never comes.
    let mut draft = p.a.draft(&case.stage.oracle, &[x], root, Body::Noop);
    draft.parents = folkmoot_core::bounded::Bounded::new({
        let mut parents = vec![x, foreign.id];
        parents.sort_unstable();
        parents
    })
    .unwrap();
    let op = verified(case.stage.oracle.namespace(), &p.a.seal(&draft));
    assert_eq!(case.submit(&op), Admission::Pending { missing: vec![foreign.id] });
}

#[test]
fn attack_12_mutual_removals_and_a_ring_of_three_leave_the_most_senior() {
    let p = cast();
    let mut case = Case::found(&[p.o]);
    let root = case.root();
    let mut h = case.stage.genesis();
    for admin in [p.a, p.b, p.c] {
        h = case.say(p.o, &[h], root, add(admin, Rights::ADMIN));
    }
    case.say(p.a, &[h], root, remove(p.b));
    case.say(p.b, &[h], root, remove(p.c));
    assert_eq!(case.try_it(p.c, &[h], root, remove(p.a)), NOT_SENIOR);
    let end = case.end();
    // B is out, so what he did to C is void.
    let left: Vec<_> = end.members(root).iter().map(|row| row.member).collect();
    assert_eq!(left, [p.o.id, p.a.id, p.c.id]);
}

#[test]
fn attack_12_a_ring_closed_through_a_delegate_leaves_the_most_senior() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    // B's delegate is junior to B, and so to A.
    let delegate = case.say(p.b, &[h], root, add(p.d, Rights::ADMIN));
    assert_eq!(case.try_it(p.d, &[delegate], root, remove(p.a)), NOT_SENIOR);
    assert_eq!(case.try_it(p.d, &[delegate], root, remove(p.b)), NOT_SENIOR);
    case.say(p.a, &[h], root, remove(p.b));
    let taken = case.say(p.d, &[delegate], root, remove(p.c));
    let end = case.end();
    assert_eq!(end.standing(taken), Standing::Unfounded(delegate));
    assert_eq!(end.rights(p.a, root), Rights::ADMIN);
    assert_eq!(end.rights(p.c, root), Rights::MEMBER);
}

/// An op by C at `known` that says another state hash than A9 asks for.
fn poison(case: &mut Case, known: OpId, state_hash: [u8; 32]) -> (OpId, Admission) {
    let p = cast();
    let mut draft = p.c.draft(&case.stage.oracle, &[known], case.root(), create());
    draft.state_hash = state_hash;
    let op = verified(case.stage.oracle.namespace(), &p.c.seal(&draft));
    (op.id, case.submit(&op))
}

#[test]
fn attack_14_a_false_state_hash_is_void_everywhere_and_its_children_are_not() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let expected = case.stage.oracle.now().group_root(root);
    // The hash of a later state, of none, and of nothing at all.
    let later = case.say(p.a, &[h], root, add(p.d, Rights::MEMBER));
    let future = case.stage.oracle.now().group_root(root);
    assert_ne!(future, expected);
    for got in [future, [0; 32], [0xaa; 32]] {
        let (_, verdict) = poison(&mut case, h, got);
        let mismatch = VoidAtCut::StateHashMismatch { got, expected };
        assert_eq!(verdict, Admission::Void(mismatch));
    }
    let (poisoned, _) = poison(&mut case, h, [0xbb; 32]);
    let on_top = case.say(p.b, &[later, poisoned], root, create());
    let own = case.say(p.c, &[on_top], root, create());
    let end = case.end();
    assert!(end.is_effective(on_top) && end.is_effective(own));
    assert!(end.exists(group(on_top)) && !end.exists(group(poisoned)));
}

#[test]
fn attack_14_every_node_raises_the_alarm_and_takes_what_waited() {
    let (mut case, p, h) = Case::base();
    let expected = case.stage.oracle.now().group_root(case.root());
    let got = [0xaa; 32];
    let (poisoned, _) = poison(&mut case, h, got);
    let child = case.say(p.c, &[poisoned], case.root(), create());
    let [base @ .., bad, waiting] = &case.stage.log[..] else { panic!("a base and two ops") };
    let namespace = case.stage.oracle.namespace();
    let mut replica = Replica::with(namespace, p.o, base.iter().map(|op| &**op));
    // The child comes first, and waits for an op that turns out to be void.
    replica.hear(waiting);
    assert_eq!(replica.view().pending, 1);
    replica.hear(bad);
    assert_eq!(replica.view().pending, 0);
    assert_eq!(replica.standing(child), Some(Standing::Effective));
    let alarm = Notice::StateHashMismatch { namespace, op: poisoned, got, expected };
    assert_eq!(replica.notices().filter(|notice| **notice == alarm).count(), 1);
    // Each message got its verdict.
    let judged = |effect: &&Effect| matches!(effect, Effect::Validate { .. });
    assert_eq!(replica.effects.iter().filter(judged).count(), 2);
}
