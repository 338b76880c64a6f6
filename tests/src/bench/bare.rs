//! The yardstick of the network benches: libp2p with signed gossipsub, and nothing behind it.

use super::nodes::PATIENCE;
use libp2p::futures::StreamExt as _;
use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, MessageAuthenticity, ValidationMode,
};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Orders and events that may wait.
const QUEUE_MAX: usize = 1_024;

enum Order {
    Dial(Multiaddr),
    Publish(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Happened {
    Listening(Multiaddr),
    Subscribed,
    Heard(Vec<u8>),
}

/// A swarm in a task of its own; it ends with this value.
pub(super) struct Bare {
    orders: Sender<Order>,
    events: Receiver<Happened>,
    address: Multiaddr,
}

fn topic() -> IdentTopic {
    IdentTopic::new("bench")
}

/// The mesh is as wide as that of a node, and it is the signatures that differ.
fn behaviour(keypair: &Keypair) -> Behaviour {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .heartbeat_interval(Duration::from_secs(1))
        .mesh_n(8)
        .mesh_n_low(4)
        .mesh_n_high(24)
        .mesh_outbound_min(2)
        .flood_publish(true)
        .build();
    let config = config.expect("the settings fit together");
    let signed = MessageAuthenticity::Signed(keypair.clone());
    let mut behaviour = Behaviour::new(signed, config).expect("messages are signed");
    behaviour.subscribe(&topic()).expect("a topic may be subscribed to");
    behaviour
}

fn swarm(number: u64) -> Swarm<Behaviour> {
    let mut secret = [9; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    let keypair = Keypair::ed25519_from_bytes(secret).expect("any seed is a key");
    let builder = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("TCP is there");
    let builder = builder.with_behaviour(behaviour).expect("the protocol is there");
    builder.with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE)).build()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "libp2p has many events, and three count")]
async fn run(mut swarm: Swarm<Behaviour>, mut orders: Receiver<Order>, events: Sender<Happened>) {
    loop {
        let happened = tokio::select! {
            order = orders.recv() => {
                match order {
                    None => return,
                    Some(Order::Dial(address)) => swarm.dial(address).expect("it can be dialled"),
                    Some(Order::Publish(bytes)) => {
                        let published = swarm.behaviour_mut().publish(topic(), bytes);
                        published.expect("somebody listens");
                    }
                }
                continue;
            }
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => Happened::Listening(address),
                SwarmEvent::Behaviour(Event::Subscribed { .. }) => Happened::Subscribed,
                SwarmEvent::Behaviour(Event::Message { message, .. }) => {
                    Happened::Heard(message.data)
                }
                _ => continue,
            },
        };
        if events.send(happened).await.is_err() {
            return;
        }
    }
}

impl Bare {
    /// A swarm that listens on loopback, subscribed to the one topic.
    pub(super) async fn start(number: u64) -> Self {
        let mut swarm = swarm(number);
        let any = "/ip4/127.0.0.1/tcp/0".parse().expect("an address");
        swarm.listen_on(any).expect("a port is free");
        let (orders, received) = channel(QUEUE_MAX);
        let (events, mut happened) = channel(QUEUE_MAX);
        tokio::spawn(run(swarm, received, events));
        let first = timeout(PATIENCE, happened.recv()).await;
        let Ok(Some(Happened::Listening(address))) = first else { panic!("it does not listen") };
        Self { orders, events: happened, address }
    }

    /// Dials another one.
    pub(super) async fn dial(&self, other: &Self) {
        let order = Order::Dial(other.address.clone());
        self.orders.send(order).await.expect("the swarm runs");
    }

    /// Publishes a message.
    pub(super) async fn publish(&self, bytes: Vec<u8>) {
        self.orders.send(Order::Publish(bytes)).await.expect("the swarm runs");
    }

    /// Waits until so many others were heard to be subscribed.
    pub(super) async fn until_subscribed(&mut self, count: usize) {
        for _ in 0..count {
            self.until(|happened| *happened == Happened::Subscribed).await;
        }
    }

    /// Waits for a message.
    pub(super) async fn until_heard(&mut self, bytes: &[u8]) {
        self.until(|happened| matches!(happened, Happened::Heard(heard) if heard == bytes)).await;
    }

    async fn until(&mut self, is_it: impl Fn(&Happened) -> bool) {
        let wait =
            async { while !self.events.recv().await.is_some_and(|happened| is_it(&happened)) {} };
        timeout(PATIENCE, wait).await.expect("it happens in time");
    }
}
