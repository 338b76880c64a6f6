//! Rows 4 to 7, 51 and 53: nonces out of order, and two ops with one nonce.

use crate::support::{Case, Replica, Town, noop, resigned, wire};
use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::effect::{Effect, Forward, Notice};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::Dropped;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::query::Standing;
use folkmoot_core::record::{Stored, op_bytes};
use folkmoot_core::signed::Op;
use folkmoot_sim::cluster::Cluster;
use folkmoot_sim::kit::{add, create, person};
use std::collections::BTreeSet;

/// What the notices say of refused ops.
fn refusals(replica: &Replica) -> Vec<(OpId, Dropped)> {
    let mut refusals = Vec::new();
    for notice in replica.notices() {
        if let Notice::OpRefused { op, why, .. } = notice {
            refusals.push((*op, *why));
        }
    }
    refusals
}

#[test]
fn attack_04_gap_reuse_and_zero_are_dropped_by_every_node_alike() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let first = case.say(p.c, &[h], root, Body::Noop);
    let second = case.say(p.c, &[first], root, Body::Noop);
    let namespace = case.stage.oracle.namespace();
    let state_hash = case.stage.oracle.now().group_root(root);
    let forged: Vec<_> =
        [0, 1, 2, 4, 5].map(|nonce| noop(p.c, namespace, nonce, &[second], state_hash)).into();
    let expected: BTreeSet<_> = forged
        .iter()
        .map(|op| (op.id, Dropped::Nonce { got: op.payload.nonce, expected: 3 }))
        .map(|(id, why)| (id, format!("{why:?}")))
        .collect();
    let honest: Vec<&Op> = case.stage.log.iter().map(|op| &**op).collect();
    let bad: Vec<&Op> = forged.iter().map(|op| &**op).collect();
    // Honest ops first, forged ones first, and forged ones alone before the base of all.
    let orders = [
        [honest.clone(), bad.clone()].concat(),
        [bad.clone(), honest.clone()].concat(),
        honest.iter().rev().chain(&bad).copied().collect(),
    ];
    for order in orders {
        let mut replica = Replica::of(namespace, p.o);
        for op in order {
            replica.hear(op);
        }
        let got: BTreeSet<_> =
            refusals(&replica).into_iter().map(|(id, why)| (id, format!("{why:?}"))).collect();
        assert_eq!(got, expected);
        assert_eq!(replica.view().heads, [second]);
        assert_eq!(replica.view().state_root, case.stage.oracle.now().state_root);
        assert_eq!(replica.view().pending, 0);
    }
}

#[test]
fn attack_05_the_largest_nonce_twice_overflows_nothing() {
    let (case, p, h) = Case::base();
    let namespace = case.stage.oracle.namespace();
    let state_hash = case.stage.oracle.now().group_root(case.root());
    let ops = case.stage.log.iter().map(|op| &**op);
    let mut replica = Replica::with(namespace, p.o, ops);
    let top = noop(p.c, namespace, u64::MAX, &[h], state_hash);
    let again = noop(p.c, namespace, u64::MAX, &[top.id], state_hash);
    let wrapped = noop(p.c, namespace, 0, &[top.id], state_hash);
    for op in [&top, &again, &wrapped] {
        replica.hear(op);
    }
    let why = Dropped::Nonce { got: u64::MAX, expected: 1 };
    let refused = Dropped::RefusedParent;
    let expected = [(top.id, why), (again.id, refused), (wrapped.id, refused)];
    assert_eq!(refusals(&replica), expected);
    assert_eq!(replica.view().heads, [h]);
}

#[test]
fn attack_06_two_ops_with_one_nonce_given_to_two_halves() {
    let (case, p, h) = Case::base();
    let root = case.root();
    let mut town = Town::of(&case.stage, 4);
    let oracle = &case.stage.oracle;
    let one = p.c.sign(oracle, &[h], root, create());
    let two = p.c.sign(oracle, &[h], root, Body::Noop);
    assert_eq!(one.payload.nonce, two.payload.nonce);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        town.cluster.cut(a, b);
    }
    town.deliver(0, &one);
    town.deliver(2, &two);
    town.cluster.run(120_000);
    assert_eq!(town.view(1).heads, [one.id]);
    assert_eq!(town.view(3).heads, [two.id]);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        town.cluster.heal(a, b);
    }
    town.cluster.run(120_000);
    town.agree();
    let namespace = oracle.namespace();
    for node in &town.cluster.nodes {
        let evidence = node.state().evidence(&namespace);
        assert_eq!(evidence.len(), 1);
        assert_eq!((evidence[0].signer, evidence[0].nonce), (p.c.id, 1));
        assert_eq!(BTreeSet::from_iter(evidence[0].ops.clone()), BTreeSet::from([one.id, two.id]));
        // Both ops have effect, and the signatures that prove the lie are kept.
        for op in [&one, &two] {
            assert_eq!(node.state().op(&namespace, &op.id).unwrap().standing, Standing::Effective);
            let Stored { op: id, record } = node.state().stored(&op.id).unwrap();
            let record = &node.log()[usize::try_from(record).unwrap() - 1];
            assert_eq!(op_bytes(record, &id), Ok(&*wire(op)));
        }
        let told = |notice: &Notice| matches!(notice, Notice::Equivocation { nonce: 1, .. });
        assert_eq!(node.notices.iter().filter(|notice| told(notice)).count(), 1);
    }
}

#[test]
fn attack_07_nobody_is_framed_with_a_proof_he_did_not_sign() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    case.say(p.c, &[h], root, Body::Noop);
    let namespace = case.stage.oracle.namespace();
    let rival = p.c.draft(&case.stage.oracle, &[h], root, create());
    let by_other = folkmoot_sim::kit::unchecked(&p.b.seal(&rival), true);
    let honest = case.stage.log.last().unwrap();
    let frames = [
        wire(&by_other),
        // The signature of the honest op under the rival's bytes.
        resigned(&by_other, honest.signed.signature),
    ];
    let mut replica = Replica::with(namespace, p.o, case.stage.log.iter().map(|op| &**op));
    let log = replica.log.clone();
    for frame in frames {
        replica.hear_bytes(&frame);
    }
    assert_eq!(replica.log, log);
    assert_eq!(replica.state.evidence(&namespace), []);
    let rejected =
        |effect: &&Effect| matches!(effect, Effect::Validate { verdict: Forward::Reject, .. });
    assert_eq!(replica.effects.iter().filter(rejected).count(), 2);
}

fn govern(cluster: &mut Cluster, at: usize, namespace: NamespaceId, body: Body) -> OpId {
    let group = namespace.root();
    let delivery = Delivery::default();
    let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
    let outcome = cluster.command(at, wish);
    let Outcome::Accepted { op, .. } = outcome else { panic!("{outcome:?}") };
    op
}

#[test]
fn attack_51_a_node_set_back_takes_its_own_ops_up_from_a_peer_and_goes_on() {
    let (case, p, _) = Case::base();
    let mut town = Town::of(&case.stage, 3);
    let namespace = case.stage.oracle.namespace();
    let before = town.cluster.nodes[1].log().len();
    for _ in 0..3 {
        govern(&mut town.cluster, 1, namespace, create());
    }
    town.cluster.run(60_000);
    town.agree();
    // The folder of an hour ago, with the network there: what was lost comes back first.
    town.cluster.restart(1, before);
    assert_eq!(town.view(1).ops, town.view(0).ops - 3);
    town.cluster.run(60_000);
    town.agree();
    govern(&mut town.cluster, 1, namespace, create());
    town.cluster.run(60_000);
    town.agree();
    for node in &town.cluster.nodes {
        assert_eq!(node.state().evidence(&namespace), []);
        let members = node.state().members(&namespace, &namespace.root());
        assert!(members.iter().any(|row| row.member == p.a.id && row.rights == Rights::ADMIN));
    }
}

#[test]
fn attack_53_one_key_on_two_nodes_leaves_evidence_and_no_split() {
    let (case, p, _) = Case::base();
    let mut town = Town::of(&case.stage, 3);
    let namespace = case.stage.oracle.namespace();
    // Node 2 gets a copy of node 1's key and folder, and both go on without hearing each other.
    let copy = town.cluster.nodes[1].log();
    town.cluster.give_key(2, p.a);
    town.cluster.restore(2, copy);
    town.cluster.cut(1, 2);
    town.cluster.cut(0, 2);
    let one = govern(&mut town.cluster, 1, namespace, create());
    let two = govern(&mut town.cluster, 2, namespace, add(person(9), Rights::MEMBER));
    assert_ne!(one, two);
    town.cluster.heal(1, 2);
    town.cluster.heal(0, 2);
    town.cluster.run(120_000);
    town.agree();
    for node in &town.cluster.nodes {
        let evidence = node.state().evidence(&namespace);
        assert_eq!(evidence.len(), 1);
        assert_eq!(evidence[0].signer, p.a.id);
        assert_eq!(BTreeSet::from_iter(evidence[0].ops.clone()), BTreeSet::from([one, two]));
    }
    // Either may go on, on top of both.
    let next = govern(&mut town.cluster, 2, namespace, create());
    town.cluster.run(60_000);
    town.agree();
    assert_eq!(town.view(0).heads, [next]);
}
