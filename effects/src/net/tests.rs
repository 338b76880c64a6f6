//! Nodes in one process, each on a runtime of its own, over loopback.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of event")]

mod hostile;
mod limits;
mod topics;
mod wide;

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TOPIC: Topic = Topic([1; 32]);

struct Node {
    net: NetHandle,
    events: Receiver<NetEvent>,
    address: String,
    runtime: Runtime,
}

fn config(listen: &str) -> NetConfig {
    NetConfig { listen: vec![listen.to_owned()], mdns: false, ..NetConfig::default() }
}

impl Node {
    fn start(seed: u8, listen: &str) -> Self {
        Self::start_with(seed, &config(listen), 1_024)
    }

    fn start_with(seed: u8, config: &NetConfig, capacity: usize) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, events) = sync_channel(capacity);
        let net = spawn(config, [seed; 32], sender, runtime.handle()).unwrap();
        let mut node = Self { net, events, address: String::new(), runtime };
        node.address = node.wait("an address", |event| match event {
            NetEvent::Listening { address } => Some(address),
            _ => None,
        });
        node
    }

    fn key(&self) -> PeerKey {
        self.net.local_peer()
    }

    fn send(&self, command: NetCommand) {
        self.net.send(command).unwrap();
    }

    fn dial(&self, other: &Node) {
        self.send(NetCommand::Dial { address: other.address.clone() });
    }

    fn publish(&self, bytes: &[u8]) {
        self.send(NetCommand::Publish { topic: TOPIC, bytes: bytes.to_vec() });
    }

    fn request(&self, exchange: u64, peer: PeerKey, bytes: Vec<u8>) {
        self.send(NetCommand::Request { exchange: ExchangeId(exchange), peer, bytes });
    }

    /// Takes events until `pick` finds what it looks for.
    fn wait<T>(&self, what: &str, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left);
            let event = event.unwrap_or_else(|error| panic!("waiting for {what}: {error}"));
            if let Some(found) = pick(event) {
                return found;
            }
        }
    }

    fn wait_for(&self, expected: &NetEvent) {
        self.wait(&format!("{expected:?}"), |event| (event == *expected).then_some(()));
    }

    fn wait_connected(&self, other: PeerKey) {
        self.wait("a connection", |event| match event {
            NetEvent::PeerConnected { peer, .. } if peer == other => Some(()),
            _ => None,
        });
    }

    fn wait_subscribed(&self, other: PeerKey) {
        self.wait_for(&NetEvent::PeerSubscribed { peer: other, topic: TOPIC });
    }

    fn wait_gossip(&self) -> (MessageId, PeerKey, Vec<u8>) {
        self.wait("gossip", |event| match event {
            NetEvent::Gossip { message, from, topic: TOPIC, bytes } => Some((message, from, bytes)),
            _ => None,
        })
    }

    fn wait_request(&self) -> (ExchangeId, PeerKey, Vec<u8>) {
        self.wait("a request", |event| match event {
            NetEvent::RequestReceived { exchange, peer, bytes } => Some((exchange, peer, bytes)),
            _ => None,
        })
    }

    fn wait_failure(&self, of: u64) -> RequestFailure {
        self.wait("a failed request", |event| match event {
            NetEvent::RequestFailed { exchange: ExchangeId(id), why, .. } if id == of => Some(why),
            _ => None,
        })
    }

    /// Ends without a word to anybody, like a killed process.
    fn kill(self) {
        self.runtime.shutdown_timeout(DEADLINE);
    }
}

/// Two connected nodes that know each other's subscription.
fn pair(listen: &str) -> (Node, Node) {
    let (a, b) = (Node::start(1, listen), Node::start(2, listen));
    join(&a, &b);
    (a, b)
}

fn join(a: &Node, b: &Node) {
    for node in [a, b] {
        node.send(NetCommand::Subscribe(TOPIC));
    }
    a.dial(b);
    a.wait_subscribed(b.key());
    b.wait_subscribed(a.key());
}

#[test]
fn both_sides_hear_of_connections_and_subscriptions() {
    for listen in [TCP, QUIC] {
        let (a, b) = (Node::start(1, listen), Node::start(2, listen));
        a.send(NetCommand::Subscribe(TOPIC));
        a.dial(&b);
        a.wait_connected(b.key());
        b.wait_connected(a.key());
        b.send(NetCommand::Subscribe(TOPIC));
        b.wait_subscribed(a.key());
        a.wait_subscribed(b.key());
        b.send(NetCommand::Unsubscribe(TOPIC));
        a.wait_for(&NetEvent::PeerUnsubscribed { peer: b.key(), topic: TOPIC });
    }
}

#[test]
fn net_4_a_node_that_ends_is_unsubscribed_then_gone() {
    let (a, b) = pair(TCP);
    b.send(NetCommand::Shutdown);
    a.wait_for(&NetEvent::PeerUnsubscribed { peer: b.key(), topic: TOPIC });
    a.wait_for(&NetEvent::PeerDisconnected { peer: b.key() });
    // The end of the task closes both channels.
    b.runtime.block_on(b.net.closed());
    assert_eq!(b.net.send(NetCommand::Subscribe(TOPIC)), Err(NetGone));
    while b.events.recv().is_ok() {}
}

#[test]
fn gossip_is_forwarded_only_when_accepted() {
    let (a, b, c) = (Node::start(1, TCP), Node::start(2, TCP), Node::start(3, TCP));
    join(&a, &b);
    join(&c, &b);
    for (content, verdict) in [
        (b"rejected", Verdict::Reject),
        (b"ignored!", Verdict::Ignore),
        (b"accepted", Verdict::Accept),
    ] {
        a.publish(content);
        let (message, from, bytes) = b.wait_gossip();
        assert_eq!((from, bytes.as_slice()), (a.key(), content.as_slice()));
        b.send(NetCommand::Validate { message, verdict });
        b.send(NetCommand::Validate { message, verdict: Verdict::Accept });
    }
    // The first that arrives is the last that was sent; its forwarder is not its author.
    let (_, from, bytes) = c.wait_gossip();
    assert_eq!((from, bytes.as_slice()), (b.key(), b"accepted".as_slice()));
}

#[test]
fn a_message_without_verdict_is_given_up() {
    let quick = NetConfig { validation_timeout: Duration::from_millis(100), ..config(TCP) };
    let (a, c) = (Node::start(1, TCP), Node::start(3, TCP));
    let b = Node::start_with(2, &quick, 1_024);
    join(&a, &b);
    join(&c, &b);
    a.publish(b"late");
    let (late, ..) = b.wait_gossip();
    // What is tested is that time passes.
    std::thread::sleep(Duration::from_millis(600));
    b.send(NetCommand::Validate { message: late, verdict: Verdict::Accept });
    a.publish(b"in time");
    let (message, ..) = b.wait_gossip();
    b.send(NetCommand::Validate { message, verdict: Verdict::Accept });
    assert_eq!(c.wait_gossip().2, b"in time");
}

#[test]
fn the_largest_message_passes_and_a_larger_one_is_dropped() {
    let (a, b) = pair(TCP);
    a.publish(&vec![1; GOSSIP_BYTES_MAX + 1]);
    a.publish(&vec![2; GOSSIP_BYTES_MAX]);
    assert_eq!(b.wait_gossip().2, vec![2; GOSSIP_BYTES_MAX]);
}

#[test]
fn a_request_is_answered() {
    for listen in [TCP, QUIC] {
        let (a, b) = pair(listen);
        let largest = vec![5; EXCHANGE_BYTES_MAX];
        for (number, bytes) in [(1, b"question".to_vec()), (2, vec![]), (3, largest)] {
            a.request(number, b.key(), bytes.clone());
            let (exchange, peer, received) = b.wait_request();
            assert_eq!((peer, &received), (a.key(), &bytes));
            b.send(NetCommand::Respond { exchange, bytes: received });
            let exchange = ExchangeId(number);
            a.wait_for(&NetEvent::ResponseReceived { exchange, peer: b.key(), bytes });
        }
    }
}

#[test]
fn a_request_that_cannot_be_sent_fails_at_once() {
    let (a, b) = pair(TCP);
    let size = EXCHANGE_BYTES_MAX + 1;
    a.request(1, b.key(), vec![0; size]);
    assert_eq!(a.wait_failure(1), RequestFailure::TooLarge(size));
    a.request(2, PeerKey([9; 32]), vec![]);
    assert_eq!(a.wait_failure(2), RequestFailure::NotConnected);
}

#[test]
fn an_unanswered_request_times_out() {
    let quick = NetConfig { request_timeout: Duration::from_millis(300), ..config(TCP) };
    let (a, b) = (Node::start_with(1, &quick, 1_024), Node::start(2, TCP));
    join(&a, &b);
    a.request(1, b.key(), vec![1]);
    b.wait_request();
    assert_eq!(a.wait_failure(1), RequestFailure::TimedOut);
}

#[test]
fn a_request_that_nobody_answers_is_dropped_by_its_receiver() {
    let quick = NetConfig { request_timeout: Duration::from_millis(300), ..config(TCP) };
    let (a, b) = (Node::start(1, TCP), Node::start_with(2, &quick, 1_024));
    join(&a, &b);
    a.request(1, b.key(), vec![1]);
    let (exchange, ..) = b.wait_request();
    let why = a.wait_failure(1);
    println!("unanswered: {why:?}");
    assert!(matches!(why, RequestFailure::Unanswered | RequestFailure::Stream(_)), "{why:?}");
    // Too late: nothing happens, and the next exchange works.
    b.send(NetCommand::Respond { exchange, bytes: vec![] });
    b.send(NetCommand::Request { exchange: ExchangeId(7), peer: a.key(), bytes: vec![] });
    a.wait_request();
}

#[test]
fn a_request_fails_when_the_peer_goes() {
    let (a, b) = pair(TCP);
    a.request(1, b.key(), vec![1]);
    b.wait_request();
    b.kill();
    assert_eq!(a.wait_failure(1), RequestFailure::ConnectionClosed);
}

#[test]
fn a_blocked_peer_is_cut_off_until_it_is_unblocked_and_dialled() {
    let (a, b) = pair(TCP);
    a.send(NetCommand::Block { peer: b.key() });
    a.wait_for(&NetEvent::PeerDisconnected { peer: b.key() });
    b.wait_for(&NetEvent::PeerDisconnected { peer: a.key() });
    a.dial(&b);
    a.wait("a refused dial", |event| match event {
        NetEvent::DialFailed { why: DialFailure::Unreachable(_), .. } => Some(()),
        NetEvent::PeerConnected { .. } => panic!("connected to a blocked peer"),
        _ => None,
    });
    a.request(1, b.key(), vec![]);
    assert_eq!(a.wait_failure(1), RequestFailure::NotConnected);
    a.send(NetCommand::Unblock { peer: b.key() });
    a.dial(&b);
    a.wait_subscribed(b.key());
    b.wait_subscribed(a.key());
    b.publish(b"healed");
    assert_eq!(a.wait_gossip().2, b"healed");
}

#[test]
fn a_disconnected_peer_is_dialled_again() {
    let (a, b) = pair(TCP);
    a.send(NetCommand::Disconnect { peer: b.key() });
    a.wait_for(&NetEvent::PeerDisconnected { peer: b.key() });
    a.wait_connected(b.key());
}

#[test]
fn an_address_without_a_peer_is_dialled_until_somebody_is_there() {
    let b = Node::start(2, TCP);
    let address = b.address.split("/p2p/").next().unwrap().to_owned();
    b.kill();
    let a = Node::start(1, TCP);
    a.send(NetCommand::Dial { address: address.clone() });
    a.wait("a failed dial", |event| match event {
        NetEvent::DialFailed { address: failed, why: DialFailure::Unreachable(_) } => {
            assert_eq!(failed, address);
            Some(())
        }
        _ => None,
    });
    let b = Node::start(3, &address);
    a.wait_connected(b.key());
}

#[test]
fn an_address_that_is_of_no_use_is_refused() {
    let a = Node::start(1, TCP);
    let unnamed = a.address.split("/p2p/").next().unwrap();
    for (address, why) in [
        ("nonsense", DialFailure::Invalid),
        ("/dns4/example.org/tcp/1", DialFailure::Unsupported),
        ("/ip4/127.0.0.1/udp/1", DialFailure::Unsupported),
        (a.address.as_str(), DialFailure::Own),
        (unnamed, DialFailure::Own),
    ] {
        let address = address.to_owned();
        a.send(NetCommand::Dial { address: address.clone() });
        a.wait_for(&NetEvent::DialFailed { address, why });
    }
}

#[test]
fn a_consumer_that_stops_slows_the_network_and_loses_nothing() {
    let (a, b) = (Node::start(1, TCP), Node::start_with(2, &config(TCP), 32));
    join(&a, &b);
    let count = 200_u64;
    for number in 0..count {
        a.publish(&number.to_be_bytes());
    }
    // Far more commands than the queue holds, while nobody takes an event.
    for _ in 0..2 * COMMANDS_MAX {
        b.request(0, PeerKey([9; 32]), vec![]);
    }
    let (mut messages, mut failures) = (0, 0);
    b.wait("everything", |event| {
        messages += u64::from(matches!(event, NetEvent::Gossip { .. }));
        failures += usize::from(matches!(event, NetEvent::RequestFailed { .. }));
        (messages == count && failures == 2 * COMMANDS_MAX).then_some(())
    });
}

#[test]
fn a_port_of_another_node_is_refused_by_name() {
    for listen in [TCP, "/ip6/::1/tcp/0", QUIC] {
        let node = Node::start(1, listen);
        let taken = node.address.split("/p2p/").next().unwrap().to_owned();
        let (sender, _events) = sync_channel(1);
        let second = spawn(&config(&taken), [2; 32], sender, node.runtime.handle());
        let refused = second.map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(&taken) && refused.contains("in use"), "{refused}");
        // The first one serves on.
        node.dial(&Node::start(3, listen));
    }
}

#[test]
fn one_node_listens_on_one_port_of_both_kinds_of_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = ["/ip4/0.0.0.0/tcp/", "/ip6/::/tcp/"].map(|address| format!("{address}{free}"));
    let both = NetConfig { listen: listen.to_vec(), ..config(TCP) };
    Node::start_with(1, &both, 1_024);
}

/// Kills `b`, starts it again on its old port, and wants gossip both ways.
fn restart(a: &Node, b: Node, config: &NetConfig) {
    let old = b.address.split("/p2p/").next().unwrap().to_owned();
    b.kill();
    let b = Node::start_with(2, &NetConfig { listen: vec![old], ..config.clone() }, 1_024);
    let since = Instant::now();
    b.send(NetCommand::Subscribe(TOPIC));
    b.dial(a);
    // Each end publishes until the other one hears it: before, it may have nobody to tell.
    for (number, (from, to)) in [(a, &b), (&b, a)].into_iter().enumerate() {
        let mut attempt = 0_u64;
        loop {
            assert!(since.elapsed() < DEADLINE, "no gossip in direction {number}");
            attempt += 1;
            from.publish(&[number as u64, attempt].map(u64::to_be_bytes).concat());
            let heard = to.events.recv_timeout(Duration::from_millis(50));
            if matches!(heard, Ok(NetEvent::Gossip { .. })) {
                break;
            }
        }
    }
    println!("healed after {:?}", since.elapsed());
}

#[test]
fn a_restarted_peer_gossips_both_ways_over_tcp() {
    let (a, b) = pair(TCP);
    restart(&a, b, &config(TCP));
}

#[test]
fn a_peer_restarted_soon_gossips_both_ways_over_quic() {
    let (a, b) = pair(QUIC);
    restart(&a, b, &config(QUIC));
}

#[test]
fn a_peer_restarted_late_gossips_both_ways_over_quic() {
    // Silence alone would take longer than the deadline to be noticed.
    let settled = Duration::from_millis(500);
    let slow = NetConfig { quic_idle: DEADLINE * 3, settled_after: settled, ..config(QUIC) };
    // Once the survivor knows where to dial, once only the restarted peer does.
    for survivor_dials in [true, false] {
        let (a, b) = (Node::start_with(1, &slow, 1_024), Node::start_with(2, &slow, 1_024));
        if survivor_dials {
            join(&a, &b);
        } else {
            join(&b, &a);
        }
        // What is tested is the age of the connection.
        std::thread::sleep(settled);
        restart(&a, b, &slow);
    }
}
