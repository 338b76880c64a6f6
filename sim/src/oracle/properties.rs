//! The invariants K1 to K12 and R6 on random worlds, as far as they concern F alone.

use super::effect::path;
use super::fold::join_of;
use super::terms::Node;
use super::{Effect, Oracle, VoidReason};
use crate::kit::copied;
use crate::world::{Profile, World};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::limits::DEPTH_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Worlds per profile; more with `FOLKMOOT_WORLDS`.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("FOLKMOOT_WORLDS").ok().and_then(|count| count.parse().ok());
    0..count.unwrap_or(20)
}

fn each_world(mut check: impl FnMut(&World, &Effect)) {
    for profile in Profile::ALL {
        for seed in seeds() {
            let world = World::generate(seed, profile);
            let now = world.oracle.now();
            check(&world, &now);
        }
    }
}

fn nodes<'a>(oracle: &'a Oracle, effect: &'a Effect) -> impl Iterator<Item = &'a Node> {
    effect.effective.iter().map(|id| oracle.node(*id))
}

#[test]
fn k8_k9_k12_the_order_of_arrival_decides_nothing() {
    each_world(|world, now| {
        for order in world.orders(world.seed, 2) {
            let mut late = Oracle::new(world.namespace());
            for at in order {
                let op = &world.ops[at];
                let verdict = late.add(copied(op));
                let expected = world.oracle.void_at_cut(op.id);
                assert_eq!(verdict, expected.map_or(Admission::Admit, Admission::Void));
                assert_eq!(late.add(copied(op)), verdict, "the same op again");
            }
            assert_eq!(*late.now(), *now, "{:?} {}", world.profile, world.seed);
            for (op, verdict) in &world.refused {
                assert_eq!(late.add(copied(op)), *verdict);
            }
        }
    });
}

#[test]
fn k1_and_the_order_of_evaluation_verdicts_are_a_fixpoint() {
    each_world(|world, now| {
        let oracle = &world.oracle;
        for o in nodes(oracle, now) {
            for auth in o.statics().map_or(&[][..], |statics| &statics.auths) {
                assert!(now.effective.contains(&auth.grant.op), "K1");
            }
            let killer = nodes(oracle, now).find(|r| oracle.kills(r, o, &now.epochs));
            assert!(killer.is_none(), "{:?} {}", world.profile, world.seed);
        }
        for (id, reason) in &now.void {
            assert!(!now.effective.contains(id));
            if let VoidReason::Struck { by } = reason {
                let o = oracle.node(*id);
                let kills = |r: &&Node| oracle.kills(r, o, &now.epochs);
                let killers: Vec<OpId> = nodes(oracle, now).filter(kills).map(Node::id).collect();
                assert_eq!(*by, killers);
            }
        }
    });
}

#[test]
fn k2_k10_k11_nobody_gives_or_takes_more_than_he_may() {
    each_world(|world, now| {
        let oracle = &world.oracle;
        for o in world.ops.iter().map(|op| oracle.node(op.id)) {
            let Some(statics) = o.statics() else { continue };
            let is_creation = matches!(o.op.payload.body, Body::GroupCreated { .. });
            for (grant, auth) in
                statics.grants.iter().flat_map(|g| statics.auths.iter().map(move |a| (g, a)))
            {
                assert!(auth.grant.key < grant.key, "K2");
                assert!(auth.grant.key.tier <= grant.key.tier);
            }
            if let (Some(grant), Some(auth), false) =
                (statics.grants.first(), statics.auths.last(), is_creation)
            {
                let held = oracle.gives(&o.cut, &auth.grant, &statics.anc);
                assert!(held.covers(grant.rights), "K10");
            }
        }
        for grant in oracle.effective_grants(now) {
            for r in nodes(oracle, now).filter(|r| !r.is_self_restriction()) {
                if oracle.binds(r, grant) || oracle.shuts_out(r, grant) {
                    assert!(r.statics().is_some_and(|statics| statics.prio < grant.key), "K11");
                    assert!(grant.key.tier > 0);
                }
            }
        }
    });
}

#[test]
fn k3_nothing_of_a_removed_member_survives_beside_the_removal() {
    each_world(|world, now| {
        let oracle = &world.oracle;
        let removals =
            || nodes(oracle, now).filter(|r| r.restriction().is_some_and(|r| r.keep.is_empty()));
        for r in removals() {
            for o in nodes(oracle, now).filter(|o| o.is_concurrent_with(r)) {
                let bound = |statics: &super::terms::Statics| {
                    statics.auths.iter().any(|auth| oracle.binds(r, &auth.grant))
                };
                let in_reach = now.epochs[&r.id()] <= now.epochs[&o.id()];
                assert!(!(in_reach && o.statics().is_some_and(bound)), "K3 seed {}", world.seed);
            }
        }
    });
}

#[test]
fn k4_k5_owners_and_the_tree() {
    each_world(|world, now| {
        let root = world.oracle.root();
        let genesis = world.oracle.node(OpId(root.0));
        for grant in genesis.grants() {
            assert_eq!(now.rights(grant.member, root), Rights::ADMIN, "K4");
        }
        for group in now.tree.keys() {
            let up = path(&now.tree, *group);
            assert!(up.len() <= DEPTH_MAX && up.last() == Some(&root), "K5");
        }
        assert_eq!(now.rows.keys().collect::<Vec<_>>(), now.tree.keys().collect::<Vec<_>>());
    });
}

#[test]
fn k6_nothing_below_an_anchor_changes() {
    each_world(|world, now| {
        for anchor in &now.anchors {
            let closed = world.oracle.closed(&[*anchor]);
            let then = world.oracle.effect(&closed);
            let still = now.effective.intersection(&closed).copied().collect::<BTreeSet<_>>();
            assert_eq!(then.effective, still, "K6 {:?} {}", world.profile, world.seed);
            assert!(closed.iter().all(|id| then.epochs[id] == now.epochs[id]));
        }
    });
}

#[test]
fn k7_an_invitation_has_no_more_joiners_than_uses() {
    each_world(|world, now| {
        let mut joiners: BTreeMap<_, BTreeSet<MemberId>> = BTreeMap::new();
        for o in nodes(&world.oracle, now) {
            if let (Body::MemberJoined { request }, Some((id, joiner))) =
                (&o.op.payload.body, join_of(o))
            {
                let uses = usize::try_from(request.invitation.terms.uses_max).unwrap();
                joiners.entry((id, uses)).or_default().insert(joiner);
            }
        }
        assert!(joiners.iter().all(|((_, uses), joiners)| joiners.len() <= *uses), "K7");
    });
}

#[test]
fn r6_dormant_ops_change_nothing() {
    let mut bad = 0;
    each_world(|world, now| {
        let awake = world.oracle.effect(&now.visible);
        if awake.state_root != now.state_root || awake.heads != now.heads {
            bad += 1;
            println!("R6 {:?} {}", world.profile, world.seed);
        }
    });
    assert_eq!(bad, 0);
}
