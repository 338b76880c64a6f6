use super::*;
use crate::codec;
use crate::effect::Forward;
use crate::governance::rights::Rights;
use crate::governance::verdict::VoidAtCut;
use crate::input::{Answer, Heard, MessageId};
use crate::key::Signers;
use crate::receive;
use crate::signed::{Malformed, from_own_log};
use crate::snapshot;
use crate::state::{Arrival, Source};
use crate::wire::{Refused, Response};

/// Every op that a node stored, in order.
fn stored(stage: &Stage) -> impl Iterator<Item = Verified<Op>> {
    stage.node.log.iter().filter_map(stored_op)
}

/// Ops that a friend wrote in a row where the world has none of them yet.
fn ops_of_friend(world: &World, count: usize) -> Vec<Verified<Op>> {
    let mut stage = Stage::with_log(&world.friend, &world.stage.node.log);
    let before = stored(&stage).count();
    for at in 0..count {
        let namespace = world.namespace;
        let (group, body) = (namespace.root(), name(&alloc::format!("{at}")));
        let delivery = Delivery { min_acks: 0, ..Delivery::default() };
        stage.command(0, Command::Govern { namespace, group, body, expected_root: None, delivery });
    }
    let ops: Vec<_> = stored(&stage).skip(before).collect();
    assert_eq!(ops.len(), count);
    ops
}

impl World {
    fn hear(&mut self, ms: u64, peer: PeerKey, op: &Verified<Op>) -> Vec<Effect> {
        let (message, heard) = (MessageId(ms), Ok(Heard::Op(op.clone())));
        let namespace = self.namespace;
        self.stage.give(ms, Input::GossipReceived { message, peer, namespace, heard })
    }
}

/// Acks among some effects: to whom, and what.
fn acks(effects: &[Effect]) -> Vec<(PeerKey, OpId, AckOutcome)> {
    let ack = |effect: &Effect| {
        let Effect::Acknowledge { peer, ack, .. } = effect else { return None };
        Some((*peer, ack.op, ack.outcome.clone()))
    };
    effects.iter().filter_map(ack).collect()
}

#[test]
fn net_32_an_author_that_is_connected_is_told_what_became_of_its_op() {
    let mut world = World::met();
    world.stage.meet(0, FAR, world.namespace);
    let friend = world.friend.clone();
    let ops = ops_of_friend(&world, 3);
    // Nobody has proved to be the author: its next beacon has to do.
    world.identify(NEAR, world.me.id);
    assert_eq!(acks(&world.hear(1, FAR, &ops[0])), []);
    world.identify(NEAR, friend.id);
    // Parents are missing.
    let pending = acks(&world.hear(2, FAR, &ops[2]));
    assert_eq!(pending, [(NEAR, ops[2].id, AckOutcome::Pending(1))]);
    // Whoever forwards it, its author is told, and is told of what it sent alone.
    let before = world.stage.node.log.len();
    let applied = acks(&world.hear(3, FAR, &ops[1]));
    assert_eq!(applied, [(NEAR, ops[1].id, AckOutcome::Applied)]);
    assert_eq!(world.stage.node.log.len(), before + 2);
}

#[test]
fn net_32_an_op_that_is_void_is_acknowledged_as_void() {
    let mut world = World::met();
    world.identify(NEAR, world.friend.id);
    let [op] = <[_; 1]>::try_from(ops_of_friend(&world, 1)).unwrap();
    let mut payload = op.payload.clone();
    let expected = core::mem::replace(&mut payload.state_hash, [5; 32]);
    let sealed = world.friend.seal(codec::encode(&payload));
    let op = from_own_log(sealed, true).unwrap();
    let void = VoidAtCut::StateHashMismatch { got: [5; 32], expected };
    assert_eq!(acks(&world.hear(1, NEAR, &op)), [(NEAR, op.id, AckOutcome::Void(void))]);
    assert_eq!(stored(&world.stage).last().unwrap().id, op.id);
}

#[test]
fn net_32_a_duplicate_is_acknowledged_to_its_author_and_nobody_else() {
    let mut world = World::met();
    world.stage.meet(0, FAR, world.namespace);
    let (friend, other) = (world.friend.id, world.other.id);
    world.identify(NEAR, friend);
    world.identify(FAR, other);
    let op = &ops_of_friend(&world, 1)[0];
    assert_eq!(acks(&world.hear(1, FAR, op)).len(), 1);
    // Attack 1: what is replayed by others earns nothing.
    assert_eq!(acks(&world.hear(2, FAR, op)), []);
    let effects = world.hear(3, NEAR, op);
    assert_eq!(acks(&effects), [(NEAR, op.id, AckOutcome::AlreadyHad)]);
    let (message, verdict) = (MessageId(3), Forward::Ignore);
    assert!(effects.contains(&Effect::Validate { message, verdict }));
}

#[test]
fn net_32_an_op_that_came_twice_at_once_is_had_already_the_second_time() {
    let mut world = World::met();
    world.identify(NEAR, world.friend.id);
    let op = ops_of_friend(&world, 1).remove(0);
    let volatile = &mut world.stage.node.state.volatile;
    let source = Source::Gossip { message: MessageId(7), peer: NEAR };
    let desk = volatile.desks.get_mut(&world.namespace).unwrap();
    desk.ready.push_back(Arrival { op: op.clone(), source });
    let sent = acks(&world.hear(1, NEAR, &op));
    let outcomes = [AckOutcome::Applied, AckOutcome::AlreadyHad];
    assert_eq!(sent, outcomes.map(|outcome| (NEAR, op.id, outcome)));
}

#[test]
fn net_32_one_that_is_no_member_acknowledges_nothing() {
    let world = World::alone();
    let mut guest = Stage::with_log(&Author::new(9), &world.stage.node.log);
    guest.meet(0, NEAR, world.namespace);
    let desk = guest.node.state.volatile.desks.get_mut(&world.namespace).unwrap();
    desk.identities
        .insert(NEAR, Identity { member: world.friend.id, pass: None, round_trip_ms: 0 });
    let (namespace, op) = (world.namespace, ops_of_friend(&world, 1).remove(0));
    let (message, peer, heard) = (MessageId(1), NEAR, Ok(Heard::Op(op.clone())));
    let effects = guest.give(1, Input::GossipReceived { message, peer, namespace, heard });
    assert_eq!(acks(&effects), []);
    assert_eq!(stored(&guest).last().unwrap().id, op.id);
}

#[test]
fn net_3_one_who_is_no_member_is_sent_no_acks() {
    let mut world = World::met();
    let stranger = Author::new(77);
    world.identify(NEAR, stranger.id);
    for (ms, parent) in (1..).zip(1..=50) {
        let orphan = crate::testing::timed::orphan(&stranger, world.namespace, parent);
        assert_eq!(acks(&world.hear(ms, NEAR, &orphan)), []);
    }
}

#[test]
fn net_32_acks_to_a_peer_have_a_budget() {
    let mut world = World::met();
    world.identify(NEAR, world.friend.id);
    let op = ops_of_friend(&world, 1).remove(0);
    let sent = |world: &mut World, ms| {
        (0..100).map(|_| acks(&world.hear(ms, NEAR, &op)).len()).sum::<usize>()
    };
    assert_eq!(sent(&mut world, 1000), 40);
    assert_eq!(sent(&mut world, 1049), 0);
    assert_eq!(sent(&mut world, 1050), 1);
}

#[test]
fn net_32_what_was_fetched_is_not_acknowledged() {
    let mut world = World::met();
    world.identify(NEAR, world.friend.id);
    let ops = ops_of_friend(&world, 2);
    // The second is heard and waits for the first, which is fetched.
    assert_eq!(acks(&world.hear(1, NEAR, &ops[1])).len(), 1);
    let (command, namespace) = (CommandId(99), world.namespace);
    let effects =
        world.stage.give(2, Input::OpsImported { command, namespace, ops: ops[..1].into() });
    assert_eq!(acks(&effects), []);
    assert_eq!(replies(&effects), [(command, Outcome::Imported { namespace })]);
    assert_eq!(stored(&world.stage).last().unwrap().id, ops[1].id);
}

#[test]
fn net_32_an_answered_ack_leaves_nothing_open() {
    let mut world = World::met();
    world.identify(NEAR, world.friend.id);
    let op = ops_of_friend(&world, 1).remove(0);
    let effects = world.hear(1, NEAR, &op);
    let open = world.stage.node.state.volatile.requests.iter().count();
    for effect in effects {
        if let Effect::Acknowledge { request, peer, .. } = effect {
            world.stage.give(2, Input::ResponseReceived { request, peer, answer: Answer::Noted });
        }
    }
    assert_eq!(world.stage.node.state.volatile.requests.iter().count(), open - 1);
}

#[test]
fn net_32_an_op_and_its_ack_travel_as_bytes() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let (namespace, my_peer) = (world.namespace, FAR);
    let mut theirs = Stage::with_log(&friend, &world.stage.node.log);
    theirs.meet(0, my_peer, namespace);
    let identity = Identity { member: world.me.id, pass: None, round_trip_ms: 0 };
    let desk = theirs.node.state.volatile.desks.get_mut(&namespace).unwrap();
    desk.identities.insert(my_peer, identity);
    let (command, effects) = world.write(0, group(), Delivery::default());
    let op = world.last();
    let published = effects.iter().find_map(|effect| {
        let Effect::Publish { gossip, .. } = effect else { return None };
        Some(gossip.encode())
    });
    let heard = receive::gossip(
        &mut Signers::default(),
        MessageId(1),
        my_peer,
        namespace,
        &published.unwrap(),
    );
    // The clocks of two nodes have nothing to do with each other.
    let effects = theirs.give(777, heard);
    let ack = effects.iter().find_map(|effect| {
        let Effect::Acknowledge { peer, ack, .. } = effect else { return None };
        (*peer == my_peer).then(|| attested(&friend, ack.clone()))
    });
    let ack = ack.unwrap();
    let ack = receive::request(ExchangeId(1), NEAR, &Request::Ack(ack).encode()).unwrap();
    let effects = world.stage.give(20, ack);
    let receipt = delivered([friend.id].into());
    assert_eq!(replies(&effects), [(command, Outcome::Accepted { namespace, op, receipt })]);
}

#[test]
fn net_33_acks_count_once_for_each_member() {
    let mut world = World::met();
    let (friend, other) = (world.friend.clone(), world.other.clone());
    let delivery = Delivery { min_acks: 2, ..Delivery::default() };
    let op = world.publish(0, group(), delivery);
    for ms in 1..10 {
        let void = AckOutcome::Void(VoidAtCut::NotSenior);
        for outcome in [AckOutcome::Applied, AckOutcome::AlreadyHad, void, AckOutcome::Pending(9)] {
            let effects = world.ack(ms, &friend, op, outcome);
            assert_eq!(effects, [noted(ms)]);
        }
    }
    assert_eq!(world.outbox().behind, []);
    let effects = world.ack(10, &other, op, AckOutcome::Void(VoidAtCut::NotSenior));
    assert_eq!(receipts(&effects), [delivered([friend.id, other.id].into())]);
}

fn noted(exchange: u64) -> Effect {
    Effect::Respond { exchange: ExchangeId(exchange), response: Response::Noted }
}

#[test]
fn net_33_a_member_that_lacks_parents_does_not_count_until_it_has_them() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let op = world.publish(0, group(), Delivery::default());
    assert_eq!(world.ack(1, &friend, op, AckOutcome::Pending(3)), [noted(1)]);
    assert_eq!(world.ack(2, &friend, op, AckOutcome::Pending(7)), [noted(2)]);
    assert_eq!(world.outbox().behind, [(friend.id, 3)]);
    assert_eq!(world.outbox().undelivered, 1);
    let effects = world.ack(3, &friend, op, AckOutcome::Applied);
    assert_eq!(receipts(&effects), [delivered([friend.id].into())]);
    assert_eq!((world.outbox().behind, world.outbox().undelivered), ([].into(), 0));
}

#[test]
fn net_33_attack_36_an_ack_that_is_forged_is_charged_and_changes_nothing() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let op = world.publish(0, group(), Delivery::default());
    let true_ack =
        Ack { namespace: world.namespace, op, outcome: AckOutcome::Applied, member: friend.id };
    let by_nobody = attested(&Author::new(9), true_ack.clone());
    let outcome = AckOutcome::Pending(1);
    let other_outcome = attested(&friend, Ack { outcome, ..true_ack.clone() });
    let other_op = attested(&friend, Ack { op: OpId([1; 32]), ..true_ack.clone() });
    let namespace = NamespaceId([1; 32]);
    let other_place = attested(&friend, Ack { namespace, ..true_ack.clone() });
    for signature in [by_nobody, other_outcome, other_op, other_place].map(|ack| ack.signature) {
        let forged = Attested { statement: true_ack.clone(), signature };
        let charge = Effect::Charge { peer: NEAR, why: Malformed::Signature };
        assert_eq!(world.hear_ack(1, forged), [charge, noted(1)]);
    }
    assert_eq!((world.outbox().undelivered, world.outbox().under_way), (1, 1));
}

#[test]
fn net_33_attack_36_an_ack_that_is_none_of_ours_is_noted_and_changes_nothing() {
    let mut world = World::met();
    let [friend, me, stranger] = [world.friend.clone(), world.me.clone(), Author::new(9)];
    let op = world.publish(0, group(), Delivery::default());
    let theirs = ops_of_friend(&world, 1).remove(0);
    world.hear(0, NEAR, &theirs);
    let before = world.outbox();
    for (by, op) in [(&stranger, op), (&me, op), (&friend, theirs.id), (&friend, OpId([1; 32]))] {
        assert_eq!(world.ack(1, by, op, AckOutcome::Applied), [noted(1)]);
    }
    let statement = Ack {
        namespace: NamespaceId([1; 32]),
        op,
        outcome: AckOutcome::Applied,
        member: friend.id,
    };
    let response = Response::Refused(Refused::UnknownNamespace);
    let exchange = ExchangeId(1);
    let effects = world.hear_ack(1, attested(&friend, statement));
    assert_eq!(effects, [Effect::Respond { exchange, response }]);
    assert_eq!(world.outbox(), OutboxView { oldest_ms: 1, ..before });
}

#[test]
fn net_33_attack_36_a_removed_member_does_not_count() {
    let mut world = World::met();
    let removed = Author::new(9);
    let (member, rights) = (removed.id, Rights::READ);
    let op = world.publish(0, Body::MemberAdded { member, rights }, Delivery::default());
    let effects = world.ack(1, &removed, op, AckOutcome::Applied);
    assert_eq!(receipts(&effects), [delivered([member].into())]);
    let removal = Body::MemberRestricted { member, keep: Rights::NONE };
    let op = world.publish(2, removal, Delivery::default());
    assert_eq!(world.ack(3, &removed, op, AckOutcome::Applied), [noted(3)]);
    assert_eq!(world.cover(4, member), []);
    assert_eq!(world.outbox().undelivered, 1);
}

#[test]
fn net_33_attack_36_many_acks_leave_no_trace() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let delivery = Delivery { min_acks: 5, ..Delivery::default() };
    let op = world.publish(0, group(), delivery);
    world.ack(1, &friend, op, AckOutcome::Applied);
    let before = snapshot::save(&world.stage.node.state).len();
    let ack =
        Ack { namespace: world.namespace, op, outcome: AckOutcome::AlreadyHad, member: friend.id };
    let statement = attested(&friend, ack);
    for at in 0..20_000 {
        let (exchange, peer) = (ExchangeId(at), NEAR);
        let request = Request::Ack(statement.clone());
        let input = Input::RequestReceived { exchange, peer, request, signatures_valid: true };
        world.stage.give(1, input);
    }
    assert_eq!(snapshot::save(&world.stage.node.state).len(), before);
    assert_eq!(world.outbox().under_way, 1);
}
