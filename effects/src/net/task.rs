//! The task that owns the swarm: waits, dispatches, and does nothing else.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{self, MessageAcceptance, PublishError};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionError, ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, mdns, ping, request_response};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::behaviour::{Behaviour, BehaviourEvent, peer_id, peer_key};
use super::exchange::Exchanges;
use super::gossip::{Received, Unjudged, name_of, parse_topic};
use super::outbox::{Flush, Outbox};
use super::peers::{Closed, Opened, Peers};
use super::redial::{self, Origin, Standing};
use super::{
    DialFailure, EXCHANGE_BYTES_MAX, ExchangeId, GOSSIP_BYTES_MAX, NetCommand, NetConfig, NetEvent,
    PeerKey, RequestFailure, TOPICS_MAX, Topic,
};

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
    exchanges: Exchanges,
    quic: bool,
}

impl Task {
    pub(super) fn new(
        config: &NetConfig,
        swarm: Swarm<Behaviour>,
        commands: Receiver<NetCommand>,
        events: SyncSender<NetEvent>,
    ) -> Self {
        Self {
            swarm,
            commands,
            outbox: Outbox::new(events),
            peers: Peers::new(config.settled_after),
            standing: Standing::default(),
            unjudged: Unjudged::new(config.validation_timeout),
            exchanges: Exchanges::new(config.request_timeout),
            quic: config.quic,
        }
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
        self.close().await;
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
            NetCommand::Unsubscribe(topic) => {
                self.swarm.behaviour_mut().gossip.unsubscribe(&name_of(topic));
            }
            NetCommand::Publish { topic, bytes } => self.publish(topic, bytes),
            NetCommand::Validate { message, verdict } => {
                if let Some(received) = self.unjudged.judge(message) {
                    self.report(&received, verdict.into());
                }
            }
            NetCommand::Request { exchange, peer, bytes } => {
                if let Err(why) = self.request(exchange, peer, bytes) {
                    self.outbox.push(NetEvent::RequestFailed { exchange, peer, why });
                }
            }
            NetCommand::Respond { exchange, bytes } => self.respond(exchange, bytes),
            NetCommand::Dial { address } => self.dial(address),
            NetCommand::StopDialing { address } => {
                if let Ok(address) = redial::parse(&address, self.quic) {
                    self.standing.forget(&address);
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
            SwarmEvent::NewListenAddr { address, .. } => {
                let address = address.with(Protocol::P2p(*self.swarm.local_peer_id()));
                self.outbox.push(NetEvent::Listening { address: address.to_string() });
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
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "no longer listening");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener error"),
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(%send_back_addr, %error, "incoming connection failed");
            }
            SwarmEvent::IncomingConnection { .. }
            | SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::Dialing { .. }
            | SwarmEvent::NewExternalAddrCandidate { .. }
            | SwarmEvent::ExternalAddrConfirmed { .. }
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
            BehaviourEvent::Ping(_) | BehaviourEvent::Identify(_) => {}
            BehaviourEvent::Blocked(never) | BehaviourEvent::Limits(never) => match never {},
        }
    }

    fn on_tick(&mut self, now: Instant) {
        while let Some(received) = self.unjudged.expire(now) {
            self.report(&received, MessageAcceptance::Ignore);
        }
        self.exchanges.expire(now);
        self.dial_due(now);
    }
}

/// Gossip.
impl Task {
    fn subscribe(&mut self, topic: Topic) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        // One more, and the peers would ignore the whole announcement.
        if gossip.topics().count() >= TOPICS_MAX {
            tracing::warn!(%topic, "not subscribed: {TOPICS_MAX} topics is the most");
        } else if let Err(error) = gossip.subscribe(&name_of(topic)) {
            tracing::warn!(%topic, %error, "not subscribed");
        }
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) {
        let size = bytes.len();
        if size > GOSSIP_BYTES_MAX {
            tracing::warn!(%topic, size, "not published: {GOSSIP_BYTES_MAX} bytes is the most");
            return;
        }
        match self.swarm.behaviour_mut().gossip.publish(name_of(topic), bytes) {
            // Delivery is the business of acknowledgements and of anti-entropy.
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {}
            Err(error) => tracing::debug!(%topic, size, %error, "not published"),
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event, now: Instant) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let received = Received { id: message_id, from: propagation_source };
                self.on_message(received, message, now);
            }
            gossipsub::Event::Subscribed { peer_id, topic } => {
                let Some(topic) = parse_topic(&topic) else { return };
                if let Some(peer) = self.peers.subscribed(&peer_id, topic) {
                    self.outbox.push(NetEvent::PeerSubscribed { peer, topic });
                }
            }
            gossipsub::Event::Unsubscribed { peer_id, topic } => {
                let Some(topic) = parse_topic(&topic) else { return };
                if let Some(peer) = self.peers.unsubscribed(&peer_id, topic) {
                    self.outbox.push(NetEvent::PeerUnsubscribed { peer, topic });
                }
            }
            gossipsub::Event::GossipsubNotSupported { peer_id } => {
                tracing::debug!(%peer_id, "peer without gossip");
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => tracing::debug!(%peer_id, "slow peer"),
        }
    }

    fn on_message(&mut self, received: Received, message: gossipsub::Message, now: Instant) {
        let (Some(topic), Some(from)) = (parse_topic(&message.topic), peer_key(&received.from))
        else {
            self.report(&received, MessageAcceptance::Ignore);
            return;
        };
        let (name, displaced) = self.unjudged.insert(received, now);
        if let Some(displaced) = displaced {
            self.report(&displaced, MessageAcceptance::Ignore);
        }
        self.outbox.push(NetEvent::Gossip { message: name, from, topic, bytes: message.data });
    }

    fn report(&mut self, received: &Received, verdict: MessageAcceptance) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&received.id, &received.from, verdict);
    }
}

/// Requests and responses.
impl Task {
    fn request(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        bytes: Vec<u8>,
    ) -> Result<(), RequestFailure> {
        let protocol = &mut self.swarm.behaviour_mut().exchange;
        // To an unconnected peer the protocol would dial on its own.
        let connected = peer_id(&peer).filter(|peer| protocol.is_connected(peer));
        let receiver = connected.ok_or(RequestFailure::NotConnected)?;
        if bytes.len() > EXCHANGE_BYTES_MAX {
            return Err(RequestFailure::TooLarge(bytes.len()));
        }
        if !self.exchanges.has_room() {
            return Err(RequestFailure::Busy);
        }
        let request = protocol.send_request(&receiver, bytes);
        self.exchanges.sent(request, exchange, peer);
        Ok(())
    }

    fn respond(&mut self, exchange: ExchangeId, bytes: Vec<u8>) {
        let Some(channel) = self.exchanges.respond(exchange) else {
            tracing::debug!(?exchange, "answer to a request that has ended");
            return;
        };
        let size = bytes.len();
        if size > EXCHANGE_BYTES_MAX {
            // Dropping the channel ends the stream, and the peer hears `Unanswered`.
            tracing::warn!(size, "not answered: {EXCHANGE_BYTES_MAX} bytes is the most");
        } else if self.swarm.behaviour_mut().exchange.send_response(channel, bytes).is_err() {
            tracing::debug!(?exchange, "nobody waits for this answer any more");
        }
    }

    fn on_exchange(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>, now: Instant) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let Some(peer) = peer_key(&peer) else { return };
                if let Some(exchange) = self.exchanges.received(channel, now) {
                    let bytes = request;
                    self.outbox.push(NetEvent::RequestReceived { exchange, peer, bytes });
                } else {
                    tracing::debug!(%peer, "request refused: too many are waiting");
                }
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some((exchange, peer)) = self.exchanges.ended(request_id) {
                    let bytes = response;
                    self.outbox.push(NetEvent::ResponseReceived { exchange, peer, bytes });
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some((exchange, peer)) = self.exchanges.ended(request_id) {
                    let why = error.into();
                    self.outbox.push(NetEvent::RequestFailed { exchange, peer, why });
                }
            }
            Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "request of a peer failed");
            }
            Event::ResponseSent { .. } => {}
        }
    }
}

/// Connections.
impl Task {
    fn dial(&mut self, address: String) {
        let now = Instant::now();
        match self.keep(&address, now) {
            Ok(()) => self.dial_due(now),
            Err(why) => self.outbox.push(NetEvent::DialFailed { address, why }),
        }
    }

    fn keep(&mut self, address: &str, now: Instant) -> Result<(), DialFailure> {
        let address = redial::parse(address, self.quic)?;
        if redial::named_in(&address).as_ref() == Some(self.swarm.local_peer_id()) {
            return Err(DialFailure::Own);
        }
        self.standing.add(address, Origin::Asked, now)
    }

    fn on_discovery(&mut self, event: mdns::Event, now: Instant) {
        match event {
            mdns::Event::Discovered(found) => {
                for address in found.into_iter().filter_map(with_peer) {
                    if redial::is_dialable(&address, self.quic)
                        && let Err(why) = self.standing.add(address, Origin::Discovered, now)
                    {
                        tracing::debug!(%why, "discovered address passed over");
                    }
                }
                self.dial_due(now);
            }
            mdns::Event::Expired(gone) => {
                for address in gone.into_iter().filter_map(with_peer) {
                    self.standing.expired(&address);
                }
            }
        }
    }

    fn dial_due(&mut self, now: Instant) {
        for dial in self.standing.due(now, |peer| self.peers.is_connected(peer)) {
            let connection = dial.connection_id();
            match self.swarm.dial(dial) {
                Ok(()) => {}
                Err(DialError::DialPeerConditionFalse(_)) => {
                    self.standing.postponed(connection, now);
                }
                Err(error) => self.on_dial_error(connection, &error, now),
            }
        }
    }

    fn on_dial_error(&mut self, connection: ConnectionId, error: &DialError, now: Instant) {
        // A dial has addresses, but the swarm leaves out those that it listens on itself.
        let own = matches!(error, DialError::LocalPeerId { .. } | DialError::NoAddresses);
        for address in self.standing.failed(connection, now) {
            let why = if own {
                self.standing.forget(&address);
                DialFailure::Own
            } else {
                DialFailure::Unreachable(error.to_string())
            };
            self.outbox.push(NetEvent::DialFailed { address: address.to_string(), why });
        }
    }

    fn on_opened(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) {
        self.standing.reached(connection, peer);
        let Some(key) = peer_key(&peer) else {
            self.disconnect(Some(peer));
            return;
        };
        match self.peers.opened(peer, key, connection, now) {
            Opened::First => {
                let address: &Multiaddr = endpoint.get_remote_address();
                self.outbox
                    .push(NetEvent::PeerConnected { peer: key, address: address.to_string() });
            }
            Opened::Spare => {}
            Opened::Restarted => {
                tracing::debug!(%peer, "peer restarted: all its connections are closed");
                self.disconnect(Some(peer));
            }
        }
    }

    fn on_closed(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        cause: Option<&ConnectionError>,
        now: Instant,
    ) {
        tracing::debug!(%peer, ?cause, "connection closed");
        let broken = matches!(cause, Some(ConnectionError::IO(_)));
        match self.peers.closed(&peer, connection, broken, now) {
            Closed::Nothing => {}
            Closed::Restarted => self.disconnect(Some(peer)),
            Closed::Last { key, topics, lived, restarted } => {
                for topic in topics {
                    self.outbox.push(NetEvent::PeerUnsubscribed { peer: key, topic });
                }
                self.outbox.push(NetEvent::PeerDisconnected { peer: key });
                if restarted {
                    self.standing.hasten(&peer, now);
                } else {
                    self.standing.lost(&peer, lived, now);
                }
                self.dial_due(now);
            }
        }
    }

    fn disconnect(&mut self, peer: Option<PeerId>) {
        if let Some(peer) = peer {
            // Fails only for a peer that is not connected, which is what was wanted.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn block(&mut self, peer: &PeerKey) {
        if let Some(peer) = peer_id(peer) {
            self.standing.forget_peer(&peer);
            // This closes its connections as well.
            self.swarm.behaviour_mut().blocked.block_peer(peer);
        }
    }
}

/// A discovered address that names its peer; `None` if it names another one.
fn with_peer((peer, address): (PeerId, Multiaddr)) -> Option<Multiaddr> {
    address.with_p2p(peer).ok()
}
