//! Row 66: an owner who signs two anchors, one that leaves out what it knows, or one too early.

use crate::support::{Case, Town};
use folkmoot_core::bounded::Bytes;
use folkmoot_core::codec;
use folkmoot_core::effect::Notice;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::OpId;
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::wire::Gossip;
use folkmoot_sim::kit::{add, create, person, remove};
use std::collections::BTreeSet;

/// More than two beacons and two comparisons of heads.
const SETTLE_MS: u64 = 120_000;

fn anchor() -> Body {
    Body::Anchor { rules: RULES_VERSION, notary: None }
}

#[test]
fn attack_66_of_two_anchors_with_one_nonce_the_least_id_counts_everywhere() {
    let mut outcomes = BTreeSet::new();
    for number in 6..14 {
        let (mut case, p, h) = Case::base();
        let (root, friend) = (case.root(), person(number));
        let added = case.say(p.b, &[h], root, add(friend, Rights::MEMBER));
        // One anchor makes final what B wrote, the other one leaves it out.
        let with = case.say(p.o, &[added], root, anchor());
        let without = case.say(p.o, &[h], root, anchor());
        case.say(p.a, &[h], root, remove(p.b));
        let end = case.end();
        let evidence = end.evidence();
        let [(signer, _, ops)] = evidence.as_slice() else { panic!("{evidence:?}") };
        assert_eq!((*signer, ops), (p.o.id, &BTreeSet::from([with, without])));
        assert_eq!(case.stage.oracle.now().anchors, [with.min(without)]);
        let stays = end.rights(friend, root) == Rights::MEMBER;
        assert_eq!(stays, with < without);
        outcomes.insert(stays);
    }
    assert_eq!(outcomes.len(), 2, "one of the two anchors was never the one that counts");
}

#[test]
fn attack_66_halves_of_the_net_that_heard_of_one_anchor_each_agree_on_one() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let added = case.say(p.b, &[h], root, add(p.d, Rights::MEMBER));
    let removal = case.say(p.a, &[h], root, remove(p.b));
    let mut town = Town::of(&case.stage, 4);
    let cuts = [vec![added], vec![h]];
    let ops = cuts.map(|known| p.o.sign(&case.stage.oracle, &known, root, anchor()));
    for (from, to) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        town.cluster.cut(from, to);
    }
    town.deliver(1, &ops[0]);
    town.deliver(3, &ops[1]);
    town.cluster.run(SETTLE_MS);
    assert_ne!(town.view(1).state_root, town.view(3).state_root, "each half goes its own way");
    for (from, to) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        town.cluster.heal(from, to);
    }
    town.cluster.run(SETTLE_MS);
    town.agree();
    let least = ops[0].id.min(ops[1].id);
    for node in &town.cluster.nodes {
        let evidence = node.state().evidence(&town.namespace);
        assert_eq!(evidence.len(), 1);
        let space = &node.state().durable.namespaces[&town.namespace].space;
        let chain = space.view().anchors().iter().map(|ix| space.graph().node(*ix).id);
        assert_eq!(chain.collect::<Vec<OpId>>(), [least]);
        assert!(space.graph().find(&removal).is_some());
    }
}

#[test]
fn attack_66_what_an_anchor_leaves_out_keeps_a_later_epoch() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let removal = case.say(p.a, &[h], root, remove(p.b));
    let built = case.say(p.b, &[h], root, create());
    assert!(!case.engine.is_effective(built));
    // The owner knows of both, and anchors what B wrote.
    let first = case.say(p.o, &[built], root, anchor());
    let epochs = |case: &Case| {
        let epochs = case.stage.oracle.now().epochs.clone();
        (epochs[&built], epochs[&removal])
    };
    assert_eq!(epochs(&case), (0, 1));
    // What is final stays, and who was removed is out all the same, also below the next anchor.
    case.say(p.o, &[first, removal], root, anchor());
    assert_eq!(epochs(&case), (0, 1));
    let end = case.end();
    assert!(end.is_effective(built) && end.is_effective(removal));
    assert_eq!(end.rights(p.b, root), Rights::NONE);
}

#[test]
fn attack_66_an_anchor_of_rules_to_come_is_parked_and_parts_nobody() {
    let (case, p, h) = Case::base();
    let mut town = Town::of(&case.stage, 3);
    town.cluster.run(SETTLE_MS);
    let early = Body::Anchor { rules: RULES_VERSION + 1, notary: None };
    let early = p.o.seal(&p.o.draft(&case.stage.oracle, &[h], case.root(), early));
    let gossip = Gossip::Op(Bytes::truncated(codec::encode(&early)));
    town.whisper(0, 1, &gossip);
    town.cluster.run(1_000);
    let parked = |town: &Town, at: usize| {
        town.cluster.nodes[at].state().durable.namespaces[&town.namespace].parked.len()
    };
    assert_eq!((parked(&town, 1), parked(&town, 2)), (1, 0));
    let newer = |notice: &Notice| {
        if let Notice::NeedsUpgrade { rules, .. } = notice { Some(*rules) } else { None }
    };
    let told: Vec<u16> = town.cluster.nodes[1].notices.iter().filter_map(newer).collect();
    assert_eq!(told, [RULES_VERSION + 1]);
    // It has no nonce, covers nothing, and nobody is to blame; all go on together.
    town.agree();
    for at in 0..3 {
        let op = town.govern(at, create(), 10_000);
        assert!((0..3).all(|other| town.has(other, op)));
    }
    town.cluster.run(SETTLE_MS);
    town.agree();
    for node in &town.cluster.nodes {
        assert_eq!(node.charged(), []);
        let space = &node.state().durable.namespaces[&town.namespace].space;
        assert!(space.view().anchors().is_empty());
    }
}
