//! Case 24: restarts, duplicates and orders of arrival, through the reducer and its log.

use crate::support::{Case, Replica, chain, is_causal, wire};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::limits::STEP_WORK_MAX;
use folkmoot_core::query::NamespaceView;
use folkmoot_core::readiness;
use folkmoot_core::signed::{Op, Verified, verify};
use folkmoot_core::snapshot;
use folkmoot_core::state::State;
use folkmoot_sim::kit::{add, person, remove, restrict};
use folkmoot_sim::world::Prng;

/// Three ops beside each other and one on top of two of them: 4! orders on one base.
fn diamond() -> Case {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let removal = case.say(p.a, &[h], root, remove(p.c));
    let again = case.say(p.a, &[removal], root, add(p.c, Rights::ADMIN));
    case.say(p.b, &[h], root, restrict(p.c, Rights::READ_ONLY));
    case.say(p.c, &[again], root, add(p.d, Rights::MEMBER));
    case
}

/// What must not depend on arrival.
fn outcome(replica: &Replica) -> NamespaceView {
    folded(replica.view())
}

/// The part of a view that follows from the log.
fn folded(view: NamespaceView) -> NamespaceView {
    NamespaceView { peers: 0, readiness: readiness::State::default(), ..view }
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut longer = order.clone();
        longer.insert(at, count - 1);
        longer
    };
    shorter.iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
}

#[test]
fn case_24_every_order_with_duplicates_children_before_parents() {
    let case = diamond();
    let (base, late): (&[Verified<Op>], _) = case.stage.log.split_at(case.stage.log.len() - 4);
    let namespace = case.stage.oracle.namespace();
    let expected =
        outcome(&Replica::with(namespace, person(0), case.stage.log.iter().map(|op| &**op)));
    assert_eq!(expected.state_root, case.engine.summary().state_root);
    let mut acausal = 0;
    for order in permutations(late.len()) {
        let mut replica = Replica::with(namespace, person(0), base.iter().map(|op| &**op));
        for at in order.iter().flat_map(|at| [at, at]) {
            replica.hear(&late[*at]);
        }
        assert_eq!(outcome(&replica), expected, "{order:?}");
        let whole: Vec<usize> =
            (0..base.len()).chain(order.iter().map(|at| base.len() + at)).collect();
        acausal += usize::from(!is_causal(&case.stage.log, &whole));
    }
    // again cites removal, and what C does cites again: one order of three is causal, times four.
    assert_eq!(acausal, 24 - 4);
}

#[test]
fn case_24_random_orders_with_duplicates_through_the_reducer() {
    let case = Case::crowded();
    let namespace = case.stage.oracle.namespace();
    let ops: Vec<&Op> = case.stage.log.iter().map(|op| &**op).collect();
    let expected = outcome(&Replica::with(namespace, person(0), ops.iter().copied()));
    assert_eq!(expected.heads, case.stage.oracle.now().heads);
    let mut rng = Prng::new(24);
    for round in 0..60 {
        let mut left: Vec<&Op> = ops.iter().flat_map(|op| [*op, *op]).collect();
        let mut replica = Replica::of(namespace, person(0));
        while !left.is_empty() {
            replica.hear(left.swap_remove(rng.below(left.len())));
        }
        assert_eq!(outcome(&replica), expected, "round {round}");
    }
}

#[test]
fn case_24_restart_at_every_prefix_of_the_log() {
    let case = Case::crowded();
    let namespace = case.stage.oracle.namespace();
    let mut replica = Replica::of(namespace, person(0));
    let mut views = vec![outcome(&replica)];
    for op in &case.stage.log {
        replica.hear(op);
        views.push(outcome(&replica));
    }
    assert_eq!(replica.log.len(), views.len(), "one record for each op, and one to open");
    for (records, expected) in (1..).zip(&views) {
        // I8: from the log alone, and from a snapshot of that state.
        let replayed = replica.replayed(records);
        let view = |state: &State| folded(state.namespace(&namespace).unwrap());
        assert_eq!(view(&replayed), *expected, "after {records} records");
        let restored = snapshot::load(&snapshot::save(&replayed)).unwrap();
        assert_eq!(view(&restored), *expected, "a snapshot after {records} records");
        assert_eq!(snapshot::save(&restored), snapshot::save(&replayed));
    }
}

#[test]
fn case_24_a_restarted_node_takes_up_where_the_log_ends() {
    let case = Case::crowded();
    let namespace = case.stage.oracle.namespace();
    let ops: Vec<&Op> = case.stage.log.iter().map(|op| &**op).collect();
    let whole = Replica::with(namespace, person(0), ops.iter().copied());
    for records in 1..=whole.log.len() {
        let mut late = Replica::of(namespace, person(0));
        late.state = whole.replayed(records);
        late.give(Replica::started([9; 32]));
        // Whatever comes again is known; what is new is not lost.
        for op in ops.iter().rev() {
            late.hear_bytes(&wire(op));
        }
        for op in &ops {
            late.hear_bytes(&wire(op));
        }
        assert_eq!(outcome(&late), outcome(&whole), "after {records} records");
    }
}

#[test]
fn i36_a_snapshot_taken_in_the_middle_of_an_evaluation() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let namespace = case.stage.oracle.namespace();
    let state_hash = case.stage.oracle.now().group_root(root);
    let mut replica = Replica::with(namespace, p.o, case.stage.log.iter().map(|op| &**op));
    for op in chain(p.b, namespace, h, state_hash, u64::from(STEP_WORK_MAX) + 500) {
        replica.now += 1;
        replica.hear(&op);
    }
    case.say(p.a, &[h], root, remove(p.b));
    let (message, peer) = (MessageId(u64::MAX), Replica::peer(1));
    let heard = verify(&wire(case.stage.log.last().unwrap()), namespace).map(Heard::Op);
    replica.give_only(Input::GossipReceived { message, peer, namespace, heard });
    // Half evaluated there is nothing to save; evaluated to the end it is what the node gets to.
    let mut half = replica.state.clone();
    assert!(!half.is_settled(), "one step was enough");
    half.durable.settle();
    replica.give(Input::Wake);
    assert!(replica.state.is_settled());
    let restored = snapshot::load(&snapshot::save(&half)).unwrap();
    let view = restored.namespace(&namespace).unwrap();
    assert_eq!(view, NamespaceView { peers: view.peers, ..replica.view() });
    assert_eq!(view.void, u64::from(STEP_WORK_MAX) + 500);
}
