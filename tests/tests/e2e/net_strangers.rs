//! Peers that know the id of a namespace, and have no business there: a bare end of the transport
//! that says what it likes, against a node.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::wire::{Heads, Nonce, Ranges, Refused, Request, Response};
use folkmoot_effects::net::{ExchangeId, NetCommand, NetConfig, NetEvent, NetHandle, Topic, spawn};
use folkmoot_tests::e2e::{Node, PATIENCE, agree, text};
use tokio::runtime::{Builder, Runtime};

use super::{founder, stage};

/// A peer without a node behind it.
struct Stranger {
    net: NetHandle,
    events: Receiver<NetEvent>,
    asked: u64,
    /// What nodes wanted to know of it, answered or not.
    challenges: Vec<(ExchangeId, PeerKey, Nonce)>,
    _runtime: Runtime,
}

impl Stranger {
    /// One that is connected with these nodes and has subscribed to the topic of a namespace.
    fn new(seed: u8, namespace: NamespaceId, nodes: &[&Node]) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, events) = sync_channel(1_024);
        let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        let config = NetConfig { listen, mdns: false, ..NetConfig::default() };
        let net = spawn(&config, [seed; 32], sender, runtime.handle()).unwrap();
        let mut stranger =
            Self { net, events, asked: 0, challenges: Vec::new(), _runtime: runtime };
        stranger.send(NetCommand::Subscribe(Topic(namespace.0)));
        for node in nodes {
            stranger.send(NetCommand::Dial { address: node.address() });
            let known = peer(node);
            stranger.wait(
                "the node's subscription",
                |event| matches!(event, NetEvent::PeerSubscribed { peer, .. } if *peer == known),
            );
        }
        stranger
    }

    fn send(&self, command: NetCommand) {
        self.net.send(command).unwrap();
    }

    /// The next event; what nodes want to know is noted by the way.
    fn next(&mut self, within: Duration) -> Option<NetEvent> {
        let event = match self.events.recv_timeout(within) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panic!("the transport has ended"),
        };
        if let NetEvent::RequestReceived { exchange, peer, bytes } = &event
            && let Ok(Request::Identify { nonce, .. }) = Request::decode(bytes)
        {
            self.challenges.push((*exchange, *peer, nonce));
        }
        Some(event)
    }

    fn wait(&mut self, what: &str, is_it: impl Fn(&NetEvent) -> bool) -> NetEvent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.next(left).unwrap_or_else(|| panic!("not in time: {what}"));
            if is_it(&event) {
                return event;
            }
        }
    }

    fn ask(&mut self, peer: PeerKey, request: &Request) -> Response {
        self.asked += 1;
        let exchange = ExchangeId(self.asked);
        self.send(NetCommand::Request { exchange, peer, bytes: request.encode() });
        let answer = self.wait("an answer", |event| match event {
            NetEvent::ResponseReceived { exchange: id, .. }
            | NetEvent::RequestFailed { exchange: id, .. } => *id == exchange,
            _ => false,
        });
        let NetEvent::ResponseReceived { bytes, .. } = answer else { panic!("{answer:?}") };
        Response::decode(&bytes).unwrap()
    }

    /// Waits until a node wants to know who this is.
    fn challenged(&mut self, by: PeerKey) -> (ExchangeId, Nonce) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.challenges.iter().position(|(_, peer, _)| *peer == by) {
                let (exchange, _, nonce) = self.challenges.remove(at);
                return (exchange, nonce);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.next(left).expect("a challenge");
        }
    }
}

fn peer(node: &Node) -> PeerKey {
    node.peer().parse().unwrap()
}

/// The namespace of a node, and one of its heads.
fn known(node: &Node) -> (NamespaceId, OpId) {
    let status = node.data(&["status"]);
    let namespace = text(&status, "/namespaces/0/id").parse().unwrap();
    (namespace, text(&status, "/namespaces/0/heads/0").parse().unwrap())
}

/// All ways to ask for what a namespace holds.
fn questions(namespace: NamespaceId, head: OpId) -> [Request; 4] {
    let want = Heads::truncated(vec![head]);
    let have = Heads::truncated(Vec::new());
    [
        Request::Heads { namespace, heads: want.clone(), common: None },
        Request::Heads { namespace, heads: have.clone(), common: Some(have.clone()) },
        Request::Fetch { namespace, want, have, from: 0, count: 512 },
        Request::Reconcile { namespace, ranges: Ranges::truncated(vec![0x61]) },
    ]
}

#[test]
fn attack_45_who_is_no_member_is_served_nothing() {
    let stage = stage();
    let olga = founder(&stage, "olga");
    let (namespace, head) = known(&olga);
    let mut stranger = Stranger::new(7, namespace, &[&olga]);
    for request in questions(namespace, head) {
        let answer = stranger.ask(peer(&olga), &request);
        assert_eq!(answer, Response::Refused(Refused::Stranger), "{request:?}");
    }
    // Of a namespace that nobody has it hears no more than that.
    let other = NamespaceId([9; 32]);
    for request in questions(other, head) {
        let answer = stranger.ask(peer(&olga), &request);
        assert_eq!(answer, Response::Refused(Refused::UnknownNamespace), "{request:?}");
    }
    // And the node is as it was.
    assert_eq!(known(&olga), (namespace, head));
}

#[test]
fn attack_44_the_proof_of_another_is_no_proof() {
    let stage = stage();
    let olga = founder(&stage, "olga");
    let mut ada = stage.node("ada");
    ada.start();
    olga.admit(&ada, "admin");
    agree(&[&olga, &ada]);
    let (namespace, head) = known(&olga);
    // Asked by Olga who it is, it has Olga herself answer, or Ada, and says that.
    for (seed, author) in [(7, &olga), (8, &ada)] {
        let mut stranger = Stranger::new(seed, namespace, &[&olga, &ada]);
        let (exchange, nonce) = stranger.challenged(peer(&olga));
        let proof = stranger.ask(peer(author), &Request::Identify { namespace, nonce });
        assert!(matches!(proof, Response::Identity { .. }), "{proof:?}");
        stranger.send(NetCommand::Respond { exchange, bytes: proof.encode() });
        for request in questions(namespace, head) {
            let answer = stranger.ask(peer(&olga), &request);
            assert_eq!(answer, Response::Refused(Refused::Stranger), "{request:?}");
        }
    }
    // The two whose words were used know each other as before.
    let receipt = olga.data(&["group", "create", "Garden"])["receipt"].clone();
    assert_eq!(receipt["delivery"], "delivered");
}
