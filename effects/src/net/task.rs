//! The task that owns the swarm: waits, dispatches, and does nothing else.

mod connecting;
mod exchanging;
mod finding;
mod gossiping;

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::gossipsub::{MessageAcceptance, TopicHash};
use libp2p::swarm::SwarmEvent;
use libp2p::{Swarm, ping};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::allowance::Rates;
use super::behaviour::{Behaviour, BehaviourEvent, peer_id};
use super::exchange::Exchanges;
use super::gossip::{Unhurried, Unjudged};
use super::outbox::{Flush, Outbox};
use super::peers::Peers;
use super::redial::{self, Origin, Standing};
use super::wide::{Relays, WideEvent};
use super::{NetCommand, NetConfig, NetError, NetEvent, Topic};

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(250);

/// How often a full event channel is tried again. A channel of plain threads wakes no task.
const RETRY: Duration = Duration::from_millis(2);

/// How long the end waits for connections to close in order.
const FAREWELL: Duration = Duration::from_secs(1);

/// The network task and all its state.
pub(super) struct Task {
    swarm: Swarm<Behaviour>,
    commands: Receiver<NetCommand>,
    outbox: Outbox,
    peers: Peers,
    standing: Standing,
    unjudged: Unjudged,
    unhurried: Unhurried,
    exchanges: Exchanges,
    /// The topics that this node is subscribed to.
    meshes: BTreeMap<Topic, Mesh>,
    relays: Relays,
    /// Whether what it listens on is known to be reachable.
    is_public: bool,
    quic: bool,
}

/// A topic that this node is subscribed to.
struct Mesh {
    name: TopicHash,
    /// Peers to which its messages go directly, as last reported.
    peers: u64,
    /// When the directory is asked for others, and how often it was.
    next_look_up: Instant,
    look_ups: u32,
}

impl Task {
    pub(super) fn new(
        config: &NetConfig,
        swarm: Swarm<Behaviour>,
        commands: Receiver<NetCommand>,
        events: SyncSender<NetEvent>,
    ) -> Result<Self, NetError> {
        // A node that tries out for another whether it can be dialled makes a second connection at
        // any time. A restart is then told by the end of the first one alone.
        let probes = config.wide.autonat || config.wide.relay_server;
        let settled_after = if probes { Duration::MAX } else { config.settled_after };
        let rates = Rates { bytes: config.bytes_per_second, messages: config.messages_per_second };
        Ok(Self {
            swarm,
            commands,
            outbox: Outbox::new(events),
            peers: Peers::new(settled_after, rates),
            standing: Standing::default(),
            unjudged: Unjudged::new(config.validation_timeout),
            unhurried: Unhurried::default(),
            exchanges: Exchanges::new(config.streams_per_peer_max, config.request_timeout),
            meshes: BTreeMap::new(),
            relays: Relays::new(&config.wide.relays, Instant::now())?,
            is_public: config.wide.relay_server,
            quic: config.quic,
        })
    }

    /// Runs until it is told to stop or nobody listens any more.
    pub(super) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let full = match self.outbox.flush() {
                Flush::Empty => false,
                Flush::Full => true,
                Flush::Gone => break,
            };
            tokio::select! {
                command = self.commands.recv() => match command {
                    None | Some(NetCommand::Shutdown) => break,
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some(), if !full => self.on_swarm(event),
                () = sleep(RETRY), if full => {}
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
        Box::pin(self.close()).await;
    }

    async fn close(mut self) {
        for peer in self.peers.connected() {
            // Fails only for a peer that is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let farewell = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!("some connections did not close in order");
        }
    }

    fn on_command(&mut self, command: NetCommand) {
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(topic),
            NetCommand::Unsubscribe(topic) => self.unsubscribe(topic),
            NetCommand::Publish { topic, bytes } => self.publish(topic, bytes),
            NetCommand::Validate { message, verdict } => {
                self.on_verdict(message, verdict, Instant::now());
            }
            NetCommand::Request { exchange, peer, bytes } => self.request(exchange, peer, bytes),
            NetCommand::Respond { exchange, bytes } => self.respond(exchange, bytes),
            // Dropping the channel ends the stream, and the peer hears `Unanswered`.
            NetCommand::Refuse { exchange } => drop(self.exchanges.respond(exchange)),
            NetCommand::Dial { address } => self.dial(address, Origin::Asked),
            NetCommand::DialAlways { address } => self.dial(address, Origin::Configured),
            NetCommand::StopDialing { address } => {
                if let Ok(address) = redial::parse(&address, self.quic) {
                    self.standing.give_up(&address);
                }
            }
            NetCommand::Disconnect { peer } => self.disconnect(peer_id(&peer)),
            NetCommand::Block { peer } => self.block(&peer),
            NetCommand::Unblock { peer } => {
                if let Some(peer) = peer_id(&peer) {
                    self.swarm.behaviour_mut().blocked.unblock_peer(peer);
                }
            }
            // Ends the loop before it comes here.
            NetCommand::Shutdown => {}
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event, now),
            SwarmEvent::NewListenAddr { address, listener_id } => {
                self.relays.reserved(listener_id);
                if self.is_public {
                    self.swarm.add_external_address(address.clone());
                }
                self.tell_address(address);
            }
            SwarmEvent::ExternalAddrConfirmed { address } => {
                self.tell_address(address);
                self.look_up_soon(now);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_opened(peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                self.on_closed(peer_id, connection_id, cause.as_ref(), now);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.on_dial_error(connection_id, &error, now);
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                tracing::warn!(?addresses, ?reason, "no longer listening");
                self.relays.lost(listener_id, now);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener error"),
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(%send_back_addr, %error, "incoming connection failed");
            }
            SwarmEvent::IncomingConnection { .. }
            | SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::Dialing { .. }
            | SwarmEvent::NewExternalAddrCandidate { .. }
            | SwarmEvent::ExternalAddrExpired { .. }
            | SwarmEvent::NewExternalAddrOfPeer { .. }
            | _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent, now: Instant) {
        match event {
            BehaviourEvent::Gossip(event) => self.on_gossip(event, now),
            BehaviourEvent::Exchange(event) => self.on_exchange(event, now),
            BehaviourEvent::Mdns(event) => self.on_discovery(event, now),
            BehaviourEvent::Ping(ping::Event {
                connection,
                result: Err(ping::Failure::Timeout),
                ..
            }) => {
                self.swarm.close_connection(connection);
            }
            BehaviourEvent::Identify(event) => self.on_identified(event),
            BehaviourEvent::Ping(ping::Event { peer, connection, result: Ok(_) }) => {
                self.on_answer(&peer, connection);
            }
            BehaviourEvent::Ping(_) => {}
            BehaviourEvent::Wide(WideEvent::Kad(event)) => self.on_directory(event),
            BehaviourEvent::Wide(event) => tracing::debug!(?event, "wide area"),
            BehaviourEvent::Blocked(never) | BehaviourEvent::Limits(never) => match never {},
        }
    }

    fn on_tick(&mut self, now: Instant) {
        while let Some(received) = self.unjudged.expire(now) {
            self.report(&received, MessageAcceptance::Ignore);
        }
        while let Some(received) = self.unhurried.due(now) {
            self.report(&received, MessageAcceptance::Accept);
        }
        self.expire_requests(now);
        self.review_meshes();
        self.reserve(now);
        self.look_up(now);
        self.dial_due(now);
    }
}
