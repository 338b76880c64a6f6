//! What one peer, or all of them together, may ask for.

use super::*;

#[test]
fn more_requests_than_streams_wait_for_one() {
    let (a, b) = pair(TCP);
    let count = 60;
    for number in 0..count {
        a.request(number, b.key(), number.to_be_bytes().to_vec());
    }
    let half = config(TCP).streams_per_peer_max / 2;
    let first: Vec<_> = (0..half).map(|_| b.wait_request()).collect();
    let quiet = Instant::now() + Duration::from_millis(300);
    while let Ok(event) = b.events.recv_timeout(quiet.saturating_duration_since(Instant::now())) {
        assert!(!matches!(event, NetEvent::RequestReceived { .. }), "more than {half} at once");
    }
    for (exchange, _, bytes) in first {
        b.send(NetCommand::Respond { exchange, bytes });
    }
    for _ in half..usize::try_from(count).unwrap() {
        let (exchange, _, bytes) = b.wait_request();
        b.send(NetCommand::Respond { exchange, bytes });
    }
    let mut answered = 0;
    a.wait("all answers", |event| {
        answered += u64::from(matches!(event, NetEvent::ResponseReceived { .. }));
        (answered == count).then_some(())
    });
}

#[test]
fn requests_that_wait_for_a_stream_end_with_the_connection_or_in_time() {
    let quick = NetConfig {
        request_timeout: Duration::from_millis(300),
        streams_per_peer_max: 2,
        ..config(TCP)
    };
    let (a, b) = (Node::start_with(1, &quick, 1_024), Node::start(2, TCP));
    join(&a, &b);
    for number in 1..=2 {
        a.request(number, b.key(), vec![]);
    }
    b.wait_request();
    for number in 1..=2 {
        assert_eq!(a.wait_failure(number), RequestFailure::TimedOut);
    }
    let slow = NetConfig { streams_per_peer_max: 2, ..config(TCP) };
    let (a, b) = (Node::start_with(1, &slow, 1_024), Node::start(2, TCP));
    join(&a, &b);
    for number in 1..=3 {
        a.request(number, b.key(), vec![]);
    }
    b.wait_request();
    b.kill();
    assert_eq!(a.wait_failure(1), RequestFailure::ConnectionClosed);
    for number in 2..=3 {
        assert_eq!(a.wait_failure(number), RequestFailure::NotConnected);
    }
}

#[test]
fn net_3_a_refused_request_ends_at_once() {
    let (a, b) = pair(TCP);
    a.request(1, b.key(), vec![9]);
    let (exchange, ..) = b.wait_request();
    b.send(NetCommand::Refuse { exchange });
    assert!(matches!(a.wait_failure(1), RequestFailure::Unanswered | RequestFailure::Stream(_)));
}

#[test]
fn net_3_what_is_more_than_a_peer_may_send_is_passed_over() {
    // Two messages fit at once, and a third one only after minutes.
    let sparing = NetConfig { bytes_per_second: 10, ..config(TCP) };
    let (a, b) = (Node::start(1, TCP), Node::start_with(2, &sparing, 1_024));
    let c = Node::start(3, TCP);
    join(&a, &b);
    join(&c, &b);
    for number in 1..=9 {
        a.publish(&[number; 18]);
    }
    for number in 1..=2 {
        assert_eq!(b.wait_gossip().2, [number; 18]);
    }
    a.request(1, b.key(), vec![0; 18]);
    assert!(matches!(a.wait_failure(1), RequestFailure::Unanswered | RequestFailure::Stream(_)));
    // Nothing of it was heard, others still are, and nobody was blamed.
    c.publish(b"heard");
    assert_eq!(b.wait_gossip().1, c.key());
    a.request(2, b.key(), vec![]);
    b.wait_request();
}

#[test]
fn net_3_small_messages_beyond_what_a_peer_may_send_are_passed_over() {
    // Eight messages at once, and the next one after half a second.
    let sparing = NetConfig { messages_per_second: 2, ..config(TCP) };
    let (a, b) = (Node::start(1, TCP), Node::start_with(2, &sparing, 1_024));
    let c = Node::start(3, TCP);
    join(&a, &b);
    join(&c, &b);
    for number in 1..=100 {
        a.publish(&[number]);
    }
    // All of them would be heard in this time. What others say is heard behind them.
    std::thread::sleep(Duration::from_millis(500));
    c.publish(b"heard");
    let mut heard = 0;
    b.wait("the other one", |event| match event {
        NetEvent::Gossip { from, .. } if from == c.key() => Some(()),
        NetEvent::Gossip { .. } => {
            heard += 1;
            None
        }
        _ => None,
    });
    assert!(heard < 50, "{heard}");
}

#[test]
fn attack_38_strangers_cannot_take_the_last_connections() {
    let few = NetConfig { connections_max: 3, outbound_reserved: 1, ..config(TCP) };
    let a = Node::start_with(1, &few, 1_024);
    let strangers: Vec<Node> = (2..=4).map(|seed| Node::start(seed, TCP)).collect();
    for stranger in &strangers {
        stranger.dial(&a);
    }
    for _ in 0..2 {
        a.wait("a stranger", |event| matches!(event, NetEvent::PeerConnected { .. }).then_some(()));
    }
    let friend = Node::start(9, TCP);
    a.dial(&friend);
    a.wait("the friend, and no third stranger", |event| match event {
        NetEvent::PeerConnected { peer, .. } if peer == friend.key() => Some(()),
        NetEvent::PeerConnected { .. } => panic!("a third stranger"),
        _ => None,
    });
}

#[test]
fn an_address_that_is_given_up_is_not_dialled_again() {
    let b = Node::start(2, TCP);
    let address = b.address.clone();
    let port = address.split("/p2p/").next().unwrap().to_owned();
    b.kill();
    let a = Node::start(1, TCP);
    a.send(NetCommand::Dial { address: address.clone() });
    a.wait("a failed dial", |event| matches!(event, NetEvent::DialFailed { .. }).then_some(()));
    a.send(NetCommand::StopDialing { address: "nonsense".to_owned() });
    a.send(NetCommand::StopDialing { address });
    let _b = Node::start(2, &port);
    // The next attempt would come after a second.
    let quiet = Instant::now() + Duration::from_millis(2_500);
    while let Ok(event) = a.events.recv_timeout(quiet.saturating_duration_since(Instant::now())) {
        assert!(!matches!(event, NetEvent::PeerConnected { .. }), "dialled all the same");
    }
}

#[test]
fn an_address_that_a_person_wants_is_not_given_up() {
    let (a, b) = (Node::start(1, TCP), Node::start(2, TCP));
    let address = b.address.clone();
    a.send(NetCommand::DialAlways { address: address.clone() });
    a.wait_connected(b.key());
    // A join by this address began, and failed.
    a.send(NetCommand::Dial { address: address.clone() });
    a.send(NetCommand::StopDialing { address });
    a.send(NetCommand::Disconnect { peer: b.key() });
    a.wait("the end", |event| matches!(event, NetEvent::PeerDisconnected { .. }).then_some(()));
    a.wait_connected(b.key());
}

#[test]
fn a_connection_stays_when_its_address_is_given_up() {
    let (a, b) = pair(TCP);
    a.send(NetCommand::StopDialing { address: b.address.clone() });
    a.publish(b"still here");
    assert_eq!(b.wait_gossip().2, b"still here");
    b.kill();
    a.wait("the end", |event| matches!(event, NetEvent::PeerDisconnected { .. }).then_some(()));
}
