//! Rows 8 and 9: a removed member goes on, or comes back.

use crate::support::{Case, Replica, chain, group};
use folkmoot_core::effect::Notice;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Dropped, Unauthorised, VoidAtCut};
use folkmoot_core::id::OpId;
use folkmoot_core::limits::DORMANT_PER_SIGNER_MAX;
use folkmoot_sim::kit::{Author, add, create, person, remove};

/// A private chain: longer than what a node stores of one signer without effect.
const PRIVATE: u64 = 2_500;

#[test]
fn attack_08_a_private_chain_of_no_ops_wins_nothing_and_fills_no_disk() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let state_hash = case.stage.oracle.now().group_root(root);
    case.say(p.a, &[h], root, remove(p.b));
    let namespace = case.stage.oracle.namespace();
    let mut replica = Replica::with(namespace, p.o, case.stage.log.iter().map(|op| &**op));
    let before = replica.view();
    for op in chain(p.b, namespace, h, state_hash, PRIVATE) {
        replica.now += 1;
        replica.hear(&op);
    }
    let after = replica.view();
    assert_eq!((&after.heads, after.state_root), (&before.heads, before.state_root));
    // Neither forwarded nor announced: dormant ops make no head (R6).
    assert!(!replica.notices().any(|notice| matches!(notice, Notice::OpRevived { .. })));
    let stored = after.ops - before.ops;
    assert!(
        stored <= u64::from(DORMANT_PER_SIGNER_MAX),
        "{stored} dormant ops of one signer stored"
    );
    // The namespace goes on.
    let honest = case.say(p.a, &[case.engine.heads()[0]], root, create());
    replica.hear(case.stage.log.last().unwrap());
    assert_eq!(replica.view().heads, [honest]);
}

#[test]
fn attack_08_backdated_acts_of_every_kind_have_no_effect() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let g = case.say(p.o, &[h], root, create());
    let removal = case.say(p.a, &[g], root, remove(p.b));
    let expected = case.stage.oracle.now().state_root;
    let mut last = g;
    let acts = [
        (root, add(p.d, Rights::ADMIN)),
        (root, remove(p.c)),
        (group(g), Body::GroupDeleted),
        (root, create()),
        (group(g), add(p.b, Rights::ADMIN)),
    ];
    for (place, body) in acts {
        (last, _) = case.attempt(p.b, &[last], place, body);
        assert!(!case.engine.is_effective(last));
    }
    let end = case.end();
    assert_eq!(end.summary().state_root, expected);
    assert_eq!(end.heads(), [removal]);
}

/// A join of `joiner` by an invitation of A, whose frontier is `known`.
fn joins(case: &Case, inviter: &Author, joiner: &Author, known: OpId) -> Body {
    let secret = person(40);
    let terms = case.stage.terms(inviter, secret, &[known], case.root(), Rights::MEMBER);
    Body::MemberJoined { request: joiner.accept(&inviter.invite(terms), secret) }
}

#[test]
fn attack_09_no_invitation_old_or_fresh_undoes_a_removal() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let old = joins(&case, p.a, p.c, h);
    let removal = case.say(p.a, &[h], root, remove(p.c));
    let fresh = joins(&case, p.a, p.c, removal);
    let removed = Admission::Void(VoidAtCut::NotAuthorised(Unauthorised::Removed));
    assert_eq!(case.try_it(p.b, &[removal], root, old), removed);
    assert_eq!(case.try_it(p.b, &[removal], root, fresh.clone()), removed);
    // By the inviter, an admin, himself: still no grant.
    assert_eq!(case.try_it(p.a, &[removal], root, fresh.clone()), removed);
    // He is a stranger, and cannot witness himself.
    let own = case.try_it(p.c, &[removal], root, fresh);
    assert_eq!(own, Admission::Drop(Dropped::Stranger));
    assert_eq!(case.end().rights(p.c, root), Rights::NONE);
    // A grant that cites the removal re-admits.
    case.say(p.b, &[removal], root, add(p.c, Rights::MEMBER));
    assert_eq!(case.end().rights(p.c, root), Rights::MEMBER);
}

#[test]
fn attack_09_nothing_is_inherited_after_a_removal() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let open = case.say(p.o, &[h], root, create());
    let removal = case.say(p.a, &[open], root, remove(p.c));
    let late = case.try_it(p.c, &[removal], group(open), create());
    assert_eq!(late, Admission::Drop(Dropped::Stranger));
    // With old parents the act is admitted, and has no effect.
    let backdated = case.say(p.c, &[open], group(open), create());
    let end = case.end();
    assert!(!end.is_effective(backdated) && !end.exists(group(backdated)));
    assert_eq!(end.rights(p.c, group(open)), Rights::NONE);
}
