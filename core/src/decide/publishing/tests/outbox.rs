use super::*;
use crate::input::MessageId;
use crate::key::Signers;
use crate::limits::OUTBOX_OPS_MAX;
use crate::receive;
use crate::wire::Gossip;

/// A world that wrote `count` ops besides the genesis, restarted, without anybody.
fn restarted(count: usize) -> (World, Vec<OpId>) {
    let mut world = World::alone();
    for at in 0..count {
        world.write(0, name(&alloc::format!("{at}")), Delivery::default());
    }
    world.restart();
    let graph = world.stage.node.state.durable.namespaces[&world.namespace].space.graph();
    // Anchors that the node wrote by itself among them.
    let own = graph.ops_of(graph.person(&world.me.id).unwrap());
    let ops = own.map(|ix| graph.node(ix).id).collect();
    (world, ops)
}

impl World {
    /// When what nobody has is published again until `end`, one wake for each millisecond.
    fn turns(&mut self, from: u64, end: u64) -> Vec<u64> {
        (from..=end).filter(|ms| !again(&self.stage.wake(*ms)).is_empty()).collect()
    }
}

#[test]
fn net_34_what_nobody_has_is_published_again_when_a_peer_comes() {
    let (mut world, ops) = restarted(2);
    assert_eq!(world.turns(0, 5000), []);
    assert_eq!(again(&world.meet(5000, NEAR)), []);
    assert_eq!(again(&world.stage.wake(5999)), []);
    assert_eq!(again(&world.stage.wake(6000)), ops);
}

#[test]
fn net_34_then_after_one_second_doubling_to_a_minute() {
    let (mut world, _) = restarted(0);
    world.meet(0, NEAR);
    let turns = [1, 3, 7, 15, 31, 63, 123, 183].map(|seconds| seconds * 1000);
    assert_eq!(world.turns(0, 190_000), turns);
    // Another peer: from the beginning.
    world.meet(190_500, FAR);
    assert_eq!(world.turns(190_500, 194_500), [191_500, 193_500]);
}

#[test]
fn net_34_nothing_is_published_again_where_the_first_beacon_covers_it() {
    let (mut world, _) = restarted(5);
    world.meet(0, NEAR);
    let friend = world.friend.id;
    assert_eq!(world.outbox().undelivered, 6);
    world.cover(999, friend);
    assert_eq!(world.outbox().undelivered, 0);
    assert_eq!(world.turns(1000, 70_000), []);
}

#[test]
fn net_34_with_nobody_connected_nothing_is_published_again() {
    let (mut world, ops) = restarted(0);
    world.meet(0, NEAR);
    world.stage.give(500, Input::PeerDisconnected { peer: NEAR });
    assert_eq!(world.turns(501, 5000), []);
    world.meet(5000, NEAR);
    assert_eq!(again(&world.stage.wake(6000)), ops);
}

#[test]
fn net_34_at_most_64_ops_in_a_turn_the_oldest_first() {
    let (mut world, ops) = restarted(99);
    let friend = world.friend.clone();
    world.meet(0, NEAR);
    let (first, rest) = ops.split_at(usize::try_from(OUTBOX_OPS_MAX).unwrap());
    assert_eq!(again(&world.stage.wake(1000)), first);
    assert_eq!(again(&world.stage.wake(3000)), first);
    // Its author's peer had them: the rest follows, with the shortest delay again.
    world.ack(3500, &friend, *first.last().unwrap(), AckOutcome::AlreadyHad);
    assert_eq!(again(&world.stage.wake(4499)), []);
    assert_eq!(again(&world.stage.wake(4500)), rest);
}

#[test]
fn net_34_an_op_that_is_acknowledged_in_time_is_published_once() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let op = world.publish(0, group(), Delivery::default());
    world.ack(999, &friend, op, AckOutcome::Applied);
    assert_eq!(world.turns(1000, 5000), []);
}

#[test]
fn net_34_an_op_is_published_again_no_sooner_than_after_a_second() {
    let mut world = World::met();
    let friend = world.friend.clone();
    let first = world.publish(0, group(), Delivery::default());
    let second = world.publish(900, name("moot"), Delivery::default());
    world.ack(950, &friend, first, AckOutcome::Applied);
    assert_eq!(again(&world.stage.wake(1000)), []);
    assert_eq!(again(&world.stage.wake(1899)), []);
    assert_eq!(world.turns(1900, 3000), [1900]);
    assert_eq!(world.last(), second);
}

#[test]
fn net_34_a_beacon_that_lacks_an_op_has_it_published_again() {
    let mut world = World::met();
    let friend = world.friend.id;
    let before = world.last();
    let op = world.publish(0, group(), Delivery::default());
    assert_eq!(world.turns(1, 16_000), [1000, 3000, 7000, 15_000]);
    // The next turn would be after 16 seconds.
    world.beacon(20_500, friend, &[before]);
    assert_eq!(again(&world.stage.wake(21_499)), []);
    assert_eq!(again(&world.stage.wake(21_500)), [op]);
    // Many beacons are no reason to do so more often than every five seconds.
    for ms in 21_501..26_499 {
        world.beacon(ms, friend, &[before]);
        assert_eq!(again(&world.stage.wake(ms)), []);
    }
    assert_eq!(world.turns(26_499, 26_501), [26_500]);
    // The last one covers it.
    world.cover(26_502, friend);
    assert_eq!(world.turns(26_502, 90_000), []);
}

#[test]
fn net_34_what_is_published_again_is_another_message_with_the_same_op() {
    let mut world = World::met();
    let (_, effects) = world.write(0, group(), Delivery::default());
    let first = effects.iter().find_map(|effect| {
        let Effect::Publish { gossip: Gossip::Op(bytes), .. } = effect else { return None };
        Some(bytes.clone())
    });
    let op = first.unwrap();
    let mut nonces = Vec::new();
    for ms in [1000, 3000] {
        let effects = world.stage.wake(ms);
        let nonce = effects.iter().find_map(|effect| {
            let Effect::PublishStored { nonce, .. } = effect else { return None };
            Some(*nonce)
        });
        nonces.push(nonce.unwrap());
    }
    assert_ne!(nonces[0], nonces[1]);
    let heard = |gossip: Gossip| {
        let (signers, bytes) = (&mut Signers::default(), gossip.encode());
        receive::gossip(signers, MessageId(1), NEAR, world.namespace, &bytes)
    };
    let again = Gossip::Again { nonce: nonces[0], op: op.clone() };
    assert_eq!(heard(again), heard(Gossip::Op(op)));
}

#[test]
fn net_34_only_another_member_can_have_it() {
    let mut world = World::met();
    world.publish(0, group(), Delivery::default());
    let (me, stranger) = (world.me.id, Author::new(9).id);
    world.cover(1, me);
    world.cover(1, stranger);
    assert_eq!(world.outbox().undelivered, 1);
}

#[test]
fn net_34_status_tells_how_many_and_how_long() {
    let mut world = World::alone();
    world.stage.wake(1000);
    assert_eq!((world.outbox().undelivered, world.outbox().oldest_ms), (1, 1000));
    let friend = world.friend.id;
    world.cover(1000, friend);
    assert_eq!((world.outbox().undelivered, world.outbox().oldest_ms), (0, 0));
    world.write(1500, name("one"), Delivery::default());
    let first = world.last();
    world.write(1700, name("two"), Delivery::default());
    world.stage.wake(2000);
    assert_eq!((world.outbox().undelivered, world.outbox().oldest_ms), (2, 500));
    world.beacon(2000, friend, &[first]);
    assert_eq!((world.outbox().undelivered, world.outbox().oldest_ms), (1, 300));
}
