//! Topics, meshes, and what gossip thinks of a peer.

use super::*;

fn topic(number: usize) -> Topic {
    let mut topic = [0; 32];
    topic[..8].copy_from_slice(&number.to_be_bytes());
    Topic(topic)
}

#[test]
fn as_many_topics_as_allowed_become_known() {
    let (a, b) = (Node::start(1, TCP), Node::start_with(2, &config(TCP), 4 * TOPICS_MAX));
    for node in [&a, &b] {
        for number in 0..=TOPICS_MAX {
            node.send(NetCommand::Subscribe(topic(number)));
        }
    }
    b.dial(&a);
    let mut known = 0;
    b.wait("all topics", |event| {
        known += usize::from(matches!(event, NetEvent::PeerSubscribed { .. }));
        (known == TOPICS_MAX).then_some(())
    });
}

#[test]
fn net_4_topics_of_peers_are_reported_while_they_are_ours() {
    let (a, b) = (Node::start(1, TCP), Node::start(2, TCP));
    a.send(NetCommand::Subscribe(topic(1)));
    a.send(NetCommand::Subscribe(topic(2)));
    b.dial(&a);
    b.wait_connected(a.key());
    // An answer means that what was sent before it has arrived.
    b.request(1, a.key(), vec![]);
    let (exchange, ..) = a.wait_request();
    a.send(NetCommand::Respond { exchange, bytes: vec![] });
    b.wait("an answer, and no topic before it", |event| match event {
        NetEvent::ResponseReceived { .. } => Some(()),
        NetEvent::PeerSubscribed { .. } => panic!("a topic that is not ours: {event:?}"),
        _ => None,
    });
    b.send(NetCommand::Subscribe(topic(2)));
    b.wait_for(&NetEvent::PeerSubscribed { peer: a.key(), topic: topic(2) });
    b.send(NetCommand::Unsubscribe(topic(2)));
    b.wait_for(&NetEvent::PeerUnsubscribed { peer: a.key(), topic: topic(2) });
}

fn wait_mesh(node: &Node, expected: u64) {
    node.wait_for(&NetEvent::Mesh { topic: TOPIC, peers: expected });
}

#[test]
fn net_30_the_size_of_a_mesh_is_told_when_it_changes() {
    let (a, b) = pair(TCP);
    wait_mesh(&a, 1);
    wait_mesh(&b, 1);
    let c = Node::start(3, TCP);
    c.send(NetCommand::Subscribe(TOPIC));
    c.dial(&a);
    wait_mesh(&a, 2);
    b.send(NetCommand::Unsubscribe(TOPIC));
    wait_mesh(&a, 1);
    c.kill();
    wait_mesh(&a, 0);
}

#[test]
fn attack_39_a_peer_whose_messages_are_rejected_is_not_heard_any_more() {
    let (a, b, c) = (Node::start(1, TCP), Node::start(2, TCP), Node::start(3, TCP));
    join(&a, &b);
    join(&c, &b);
    wait_mesh(&b, 2);
    for number in 0..5_u8 {
        a.publish(&[number]);
        let (message, ..) = b.wait_gossip();
        b.send(NetCommand::Validate { message, verdict: Verdict::Reject });
    }
    wait_mesh(&b, 1);
    a.publish(b"unheard");
    a.request(1, b.key(), vec![]);
    b.wait("a request, and no gossip before it", |event| match event {
        NetEvent::RequestReceived { .. } => Some(()),
        NetEvent::Gossip { .. } => panic!("heard from a peer below every threshold"),
        _ => None,
    });
    c.publish(b"heard");
    assert_eq!(b.wait_gossip().1, c.key());
}

#[test]
fn attack_40_a_peer_whose_messages_are_ignored_stays() {
    let (a, b) = pair(TCP);
    for number in 0..50_u8 {
        a.publish(&[number]);
        let (message, ..) = b.wait_gossip();
        b.send(NetCommand::Validate { message, verdict: Verdict::Ignore });
    }
    // What is tested is that a heartbeat passes.
    std::thread::sleep(Duration::from_millis(1_500));
    a.publish(b"heard");
    assert_eq!(b.wait_gossip().2, b"heard");
}
