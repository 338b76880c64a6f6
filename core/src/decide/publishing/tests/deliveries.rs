use super::*;
use crate::command::Refusal;
use crate::governance::rights::Rights;
use crate::limits::DELIVERIES_MAX;
use crate::state::{Arrival, Source, Task, Wish};
use crate::testing::signings;
use alloc::boxed::Box;

const STRICT: Delivery = Delivery { strict: true, min_acks: 1, within_ms: None };

fn within(within_ms: u64) -> Delivery {
    Delivery { within_ms: Some(within_ms), ..Delivery::default() }
}

fn min_acks(min_acks: u32) -> Delivery {
    Delivery { min_acks, ..Delivery::default() }
}

#[test]
fn net_30_a_strict_command_is_refused_before_anything_is_signed() {
    let mut world = World::met();
    let namespace = world.namespace;
    world.meet(0, FAR);
    for (mesh, required, peers) in [(0, 2, 2), (1, 2, 2), (3, 4, 6)] {
        for more in 2..peers {
            world.meet(0, PeerKey([10 + more; 32]));
        }
        world.stage.give(0, Input::MeshChanged { namespace, peers: mesh });
        let (log, before) = (world.stage.node.log.clone(), world.stage.node.state.clone());
        let (command, effects) = world.write(0, name("moot"), STRICT);
        let why = Refusal::TransportNotReady { mesh, required };
        assert_eq!(effects, [Effect::Reply { command, outcome: Outcome::Refused(why) }]);
        assert_eq!(world.stage.node.log, log);
        assert_eq!(world.stage.node.state.volatile, before.volatile);
    }
    world.stage.give(0, Input::MeshChanged { namespace, peers: 4 });
    world.publish(0, name("moot"), STRICT);
}

#[test]
fn net_30_the_default_goes_on_without_a_mesh_and_strict_where_nobody_is_known() {
    World::met().publish(0, name("moot"), Delivery::default());
    let (_, effects) = World::alone().write(0, name("moot"), STRICT);
    assert_eq!(receipts(&effects), [Receipt::Solo]);
}

#[test]
fn net_31_nothing_leaves_before_the_op_is_durable() {
    let mut world = World::met();
    world.stage.signs = false;
    let before = world.stage.node.log.len();
    let (_, effects) = world.write(0, name("moot"), Delivery::default());
    // The crash: a signature was made, or not, and nobody will hear of it.
    assert_eq!(signings(&effects).len(), 1);
    assert!(!effects.iter().any(is_publishing));
    assert_eq!(world.stage.node.log.len(), before);
    let last = world.last();
    world.restart();
    assert_eq!(world.last(), last);
    world.meet(0, NEAR);
    assert_eq!(again(&world.stage.wake(1000)), [last]);
    world.publish(1000, name("other"), Delivery::default());
}

#[test]
fn net_31_a_crash_before_publishing_leads_to_no_second_op_with_the_nonce() {
    let mut world = World::met();
    world.publish(0, name("moot"), Delivery::default());
    let first = world.last();
    // The effects of the last step are lost; its event is not.
    world.restart();
    assert_eq!(world.last(), first);
    world.meet(0, NEAR);
    let founded = OpId(world.namespace.0);
    assert_eq!(again(&world.stage.wake(1000)), [founded, first]);
    world.publish(1000, name("other"), Delivery::default());
    let known = &world.stage.node.state.durable.namespaces[&world.namespace];
    let graph = known.space.graph();
    let nonces = graph.ops_of(graph.person(&world.me.id).unwrap());
    let nonces: Vec<u64> = nonces.map(|ix| graph.node(ix).nonce).collect();
    assert_eq!(nonces, [1, 2, 3]);
}

#[test]
fn net_32_silence_is_unconfirmed_at_the_deadline_of_the_class() {
    let (rights, keep) = (Rights::READ, Rights::NONE);
    let [early, late] = [8, 9].map(|number| Author::new(number).id);
    let mut world = World::met();
    world.publish(0, Body::MemberAdded { member: early, rights }, Delivery::default());
    world.stage.wake(5000);
    let classes = [
        (name("moot"), 2000),
        (Body::ContextRegistered { application: [1; 32] }, 2000),
        (group(), 5000),
        (Body::MemberAdded { member: late, rights }, 5000),
        (Body::MemberRestricted { member: early, keep }, 10_000),
    ];
    let mut ms = 10_000;
    for (body, deadline) in classes {
        world.publish(ms, body, Delivery::default());
        assert_eq!(receipts(&world.stage.wake(ms + deadline - 1)), []);
        assert_eq!(receipts(&world.stage.wake(ms + deadline)), [unconfirmed(&[])]);
        assert_eq!(receipts(&world.stage.wake(ms + deadline + 1)), []);
        ms += 20_000;
    }
}

#[test]
fn net_32_a_group_that_goes_is_a_cascade() {
    let mut world = World::met();
    let created = world.publish(0, group(), Delivery::default());
    world.stage.wake(5000);
    let (namespace, delivery) = (world.namespace, Delivery::default());
    let (group, body) = (created.into(), Body::GroupDeleted);
    let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
    world.stage.command(10_000, wish);
    assert_eq!(receipts(&world.stage.wake(19_999)), []);
    assert_eq!(receipts(&world.stage.wake(20_000)), [unconfirmed(&[])]);
}

#[test]
fn net_32_a_command_may_say_how_long_up_to_a_minute() {
    for (asked, waits) in [(300, 300), (60_000, 60_000), (60_001, 60_000), (u64::MAX, 60_000)] {
        let mut world = World::met();
        world.publish(7, group(), within(asked));
        assert_eq!(receipts(&world.stage.wake(7 + waits - 1)), []);
        assert_eq!(receipts(&world.stage.wake(7 + waits)), [unconfirmed(&[])]);
    }
}

#[test]
fn net_32_as_many_acks_as_asked_for_deliver() {
    let mut world = World::met();
    let (friend, other) = (world.friend.clone(), world.other.clone());
    let op = world.publish(0, group(), min_acks(2));
    assert_eq!(receipts(&world.ack(1, &friend, op, AckOutcome::Applied)), []);
    let effects = world.ack(4999, &other, op, AckOutcome::AlreadyHad);
    assert_eq!(receipts(&effects), [delivered([friend.id, other.id].into())]);
    assert_eq!(receipts(&world.stage.wake(5000)), []);
    assert_eq!(receipts(&world.ack(5001, &other, op, AckOutcome::Applied)), []);
    assert_eq!(world.outbox().under_way, 0);
}

#[test]
fn net_32_too_few_acks_are_told_with_those_that_came() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let op = world.publish(0, group(), min_acks(2));
    assert_eq!(receipts(&world.ack(1, &friend, op, AckOutcome::Applied)), []);
    assert_eq!(receipts(&world.stage.wake(5000)), [unconfirmed(&[friend.id])]);
    let late = world.other.clone();
    assert_eq!(receipts(&world.ack(5001, &late, op, AckOutcome::Applied)), []);
}

#[test]
fn net_32_a_beacon_that_covers_the_op_counts_as_an_ack() {
    let mut world = World::met();
    let friend = world.friend.id;
    let before = world.last();
    world.publish(0, group(), Delivery::default());
    assert_eq!(receipts(&world.beacon(10, friend, &[before])), []);
    assert_eq!(receipts(&world.cover(11, friend)), [delivered([friend].into())]);
}

#[test]
fn net_32_an_ack_of_a_later_op_covers_the_earlier_one() {
    let mut world = World::met();
    let friend = world.friend.clone();
    world.publish(0, group(), Delivery::default());
    let later = world.publish(1, name("moot"), Delivery::default());
    let effects = world.ack(2, &friend, later, AckOutcome::Applied);
    assert_eq!(receipts(&effects), [delivered([friend.id].into()), delivered([friend.id].into())]);
}

#[test]
fn net_32_nobody_to_wait_for_is_solo_at_once() {
    let (_, effects) = World::alone().write(0, name("moot"), Delivery::default());
    assert_eq!(receipts(&effects), [Receipt::Solo]);
    assert!(place(&effects, is_publishing) < place(&effects, is_reply));
    let (_, effects) = World::met().write(0, name("moot"), min_acks(0));
    assert_eq!(receipts(&effects), [Receipt::Solo]);
}

fn place(effects: &[Effect], is_it: impl Fn(&Effect) -> bool) -> usize {
    effects.iter().position(is_it).unwrap()
}

fn is_reply(effect: &Effect) -> bool {
    matches!(effect, Effect::Reply { .. })
}

#[test]
fn net_32_a_member_whose_beacon_is_fresh_is_known() {
    for (ms, receipts_at_once) in [(72_099, 0), (72_100, 1), (72_101, 1)] {
        let mut world = World::alone();
        let friend = world.friend.id;
        world.beacon(100, friend, &[]);
        let (_, effects) = world.write(ms, name("moot"), Delivery::default());
        assert_eq!(receipts(&effects).len(), receipts_at_once, "{ms}");
    }
}

#[test]
fn net_32_a_member_that_left_in_good_order_is_not_waited_for() {
    let mut world = World::alone();
    let (friend, other) = (world.friend.id, world.other.id);
    world.beacon(100, friend, &[]);
    world.beacon(100, other, &[]);
    world.farewell(200, friend);
    let (_, effects) = world.write(300, name("one is left"), within(100));
    assert_eq!(receipts(&effects), []);
    assert_eq!(receipts(&world.stage.wake(400)), [unconfirmed(&[])]);
    world.farewell(500, other);
    let (_, effects) = world.write(500, name("nobody"), Delivery::default());
    assert_eq!(receipts(&effects), [Receipt::Solo]);
    // Who is connected could have it, however ready.
    world.meet(600, NEAR);
    let (_, effects) = world.write(600, name("one is back"), Delivery::default());
    assert_eq!(receipts(&effects), []);
}

#[test]
fn net_32_more_deliveries_than_may_wait_are_answered_at_once() {
    let mut world = World::met();
    for at in 0..DELIVERIES_MAX {
        world.publish(0, name(&alloc::format!("{at}")), Delivery::default());
    }
    let (_, effects) = world.write(0, name("more"), Delivery::default());
    assert_eq!(receipts(&effects), [unconfirmed(&[])]);
    assert_eq!(world.outbox().under_way, DELIVERIES_MAX as u64);
    assert_eq!(receipts(&world.stage.wake(2000)).len(), DELIVERIES_MAX);
}

#[test]
fn net_32_whoever_waits_when_the_namespace_closes_is_told_what_is_known() {
    let mut world = World::met();
    let (namespace, friend) = (world.namespace, world.friend.clone());
    let op = world.publish(0, group(), min_acks(2));
    world.ack(1, &friend, op, AckOutcome::Applied);
    let (_, effects) = world.stage.command(2, Command::Close { namespace });
    assert_eq!(receipts(&effects), [unconfirmed(&[friend.id])]);
    assert_eq!(receipts(&world.stage.wake(5000)), []);
    assert!(world.stage.node.state.outbox(&namespace, MonoMillis(0)).is_none());
}

/// Closes a namespace between the storing of an op of ours and the end of its evaluation: what
/// becomes of the command that it is for, once the op has left before the topic is.
fn closed_while_settling(joins_heads: bool) -> (NamespaceId, OpId, Outcome) {
    let mut world = World::met();
    let namespace = world.namespace;
    let id = world.publish(0, group(), Delivery::default());
    let stored = world.stage.node.log.iter().filter_map(stored_op).next_back();
    let command = CommandId(77);
    let wish = Wish::Command { command, wish: Command::Close { namespace } };
    let desk = world.stage.node.state.volatile.desks.get_mut(&namespace).unwrap();
    desk.publishing = crate::publish::Publishing::default();
    let source = Source::Own(Box::new(Task { wish, joins_heads }));
    desk.settling = Some(Arrival { op: stored.unwrap(), source });
    let (_, effects) = world.stage.command(2, Command::Close { namespace });
    let leaves = |effect: &Effect| *effect == Effect::Unsubscribe(namespace);
    assert!(place(&effects, is_publishing) < place(&effects, leaves));
    let [(answered, outcome), (_, Outcome::Closed)] = &replies(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(*answered, command);
    (namespace, id, outcome.clone())
}

#[test]
fn net_32_an_op_that_is_stored_when_the_namespace_closes_was_accepted_and_leaves() {
    let (namespace, op, outcome) = closed_while_settling(false);
    let receipt = unconfirmed(&[]);
    assert_eq!(outcome, Outcome::Accepted { namespace, op, receipt });
}

#[test]
fn gov_21_what_waits_for_joined_heads_when_the_namespace_closes_is_refused() {
    let (_, _, outcome) = closed_while_settling(true);
    assert_eq!(outcome, Outcome::Refused(Refusal::Closed));
}

#[test]
fn net_32_a_joiner_is_answered_at_once_and_the_op_is_tracked() {
    let mut world = World::met();
    let (joiner, namespace) = (Author::new(9), world.namespace);
    let request = Request::Join { request: Box::new(world.me.invite(&joiner, namespace)) };
    let (exchange, peer, signatures_valid) = (ExchangeId(5), NEAR, true);
    let input = Input::RequestReceived { exchange, peer, request, signatures_valid };
    let effects = world.stage.give(0, input);
    assert!(effects.iter().any(is_publishing));
    let op = world.last();
    let stored = world.stage.node.state.stored(&op).unwrap();
    assert!(effects.contains(&Effect::RespondJoined { exchange, op: stored }));
    assert_eq!(world.outbox().undelivered, 1);
    assert_eq!(again(&world.stage.wake(1000)), [op]);
}
