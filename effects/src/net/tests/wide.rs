//! Nodes that cannot dial each other.

use super::*;

fn wide(wide: WideConfig) -> NetConfig {
    NetConfig { wide, ..config(TCP) }
}

/// What a node does that anybody can dial and that helps others.
fn public() -> WideConfig {
    WideConfig { relay_server: true, ..WideConfig::default() }
}

fn helper() -> Node {
    Node::start_with(9, &wide(public()), 1_024)
}

/// A node that nobody can dial, and that is reachable over a relay.
fn hidden(seed: u8, relay: &Node) -> Node {
    let relays = vec![relay.address.clone()];
    Node::start_with(
        seed,
        &NetConfig { listen: vec![], ..wide(WideConfig { relays, ..WideConfig::default() }) },
        1_024,
    )
}

#[test]
fn two_nodes_that_nobody_can_dial_meet_over_a_third() {
    let relay = helper();
    let (a, b) = (hidden(1, &relay), hidden(2, &relay));
    assert!(b.address.contains(&format!("{}/p2p-circuit/p2p/", relay.address)), "{}", b.address);
    join(&a, &b);
    // More than the 128 KiB after which relays usually cut a circuit, both ways.
    for (from, to) in [(&a, &b), (&b, &a)] {
        let bytes = vec![3; EXCHANGE_BYTES_MAX];
        from.request(1, to.key(), bytes.clone());
        let (exchange, peer, received) = to.wait_request();
        assert_eq!((peer, received), (from.key(), bytes.clone()));
        to.send(NetCommand::Respond { exchange, bytes });
        from.wait("the answer", |event| {
            matches!(event, NetEvent::ResponseReceived { .. }).then_some(())
        });
        from.publish(&[to.key().0[0]]);
        assert_eq!(to.wait_gossip().1, from.key());
    }
}

#[test]
fn a_relayed_connection_that_is_lost_comes_back() {
    let relay = helper();
    let (a, b) = (hidden(1, &relay), hidden(2, &relay));
    join(&a, &b);
    let port = relay.address.split("/p2p/").next().unwrap().to_owned();
    relay.kill();
    a.wait_for(&NetEvent::PeerDisconnected { peer: b.key() });
    let settings = NetConfig { wide: public(), ..config(&port) };
    let _relay = Node::start_with(9, &settings, 1_024);
    a.wait_subscribed(b.key());
}

#[test]
fn a_node_does_not_start_with_a_relay_that_is_none() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for address in ["nonsense", "/ip4/127.0.0.1/tcp/1"] {
        let relays = vec![address.to_owned()];
        let (events, _received) = sync_channel(1);
        let refused = spawn(
            &wide(WideConfig { relays, ..WideConfig::default() }),
            [1; 32],
            events,
            runtime.handle(),
        );
        assert!(matches!(refused, Err(NetError::Setup { .. })));
    }
}

#[test]
fn a_node_finds_out_from_another_that_it_can_be_reached() {
    let server = helper();
    let settings = wide(WideConfig { autonat: true, ..WideConfig::default() });
    let node = Node::start_with(1, &settings, 1_024);
    node.dial(&server);
    // Its own address a second time: confirmed by somebody else.
    node.wait_for(&NetEvent::Listening { address: node.address.clone() });
}

#[test]
fn two_nodes_that_know_a_third_find_each_other_by_their_topic() {
    let kad = |bootstrap: Vec<String>| Some(KadConfig { bootstrap });
    let settings = wide(WideConfig { kad: kad(vec![]), ..public() });
    let directory = Node::start_with(9, &settings, 1_024);
    let bootstrap = vec![directory.address.clone()];
    // They are taken to be reachable, which otherwise takes some seconds to find out.
    let settings = wide(WideConfig { kad: kad(bootstrap), ..public() });
    let nodes: Vec<Node> = (1..=2).map(|seed| Node::start_with(seed, &settings, 1_024)).collect();
    let other = Node::start_with(3, &settings, 1_024);
    for node in &nodes {
        node.dial(&directory);
        node.wait_connected(directory.key());
        node.send(NetCommand::Subscribe(TOPIC));
    }
    other.send(NetCommand::Subscribe(Topic([2; 32])));
    nodes[0].wait_subscribed(nodes[1].key());
    nodes[1].wait_subscribed(nodes[0].key());
    assert!(other.events.try_iter().all(|event| !matches!(event, NetEvent::PeerSubscribed { .. })));
}

/// A node on loopback that tells of its place at a relay alone, and can be dialled all the same.
fn shy(seed: u8, relay: &Node) -> Node {
    let relays = vec![relay.address.clone()];
    let mut node =
        Node::start_with(seed, &wide(WideConfig { relays, ..WideConfig::default() }), 1_024);
    node.address = node.wait("a place at the relay", |event| match event {
        NetEvent::Listening { address } if address.contains("/p2p-circuit/") => Some(address),
        _ => None,
    });
    node
}

/// What one of two nodes has heard of the other: topics, and answers.
fn hear(node: &Node, known: &mut (u8, u8)) {
    for event in node.events.try_iter() {
        match event {
            NetEvent::PeerSubscribed { .. } => known.0 += 1,
            NetEvent::RequestReceived { exchange, bytes, .. } => {
                node.send(NetCommand::Respond { exchange, bytes });
            }
            NetEvent::ResponseReceived { exchange, bytes, .. } => {
                assert_eq!(exchange.0.to_le_bytes()[..1], bytes);
                known.1 += 1;
            }
            NetEvent::PeerDisconnected { .. }
            | NetEvent::PeerUnsubscribed { .. }
            | NetEvent::RequestFailed { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
}

#[test]
fn nothing_that_matters_is_lost_while_two_nodes_get_rid_of_the_relay() {
    const COUNT: u8 = 100;
    const UNANSWERED_MAX: u8 = 16;
    let relay = helper();
    let (a, b) = (shy(1, &relay), shy(2, &relay));
    a.dial(&b);
    a.wait_connected(b.key());
    b.wait_connected(a.key());
    let (mut of_b, mut of_a) = ((0, 0), (0, 0));
    let mut said = 0;
    let end = Instant::now() + 6 * DEADLINE;
    while (of_a, of_b) != ((COUNT, COUNT), (COUNT, COUNT)) {
        assert!(Instant::now() < end, "topics and answers: {of_a:?}, {of_b:?}");
        // A hole is punched meanwhile.
        if said < COUNT && said - of_a.1.min(of_b.1) < UNANSWERED_MAX {
            for (from, to) in [(&a, &b), (&b, &a)] {
                from.send(NetCommand::Subscribe(Topic([said; 32])));
                from.request(u64::from(said), to.key(), vec![said]);
            }
            said += 1;
        }
        hear(&a, &mut of_b);
        hear(&b, &mut of_a);
        std::thread::sleep(Duration::from_millis(2));
    }
}
