//! Connections.

use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::swarm::{ConnectionError, ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, mdns};

use super::super::behaviour::{peer_id, peer_key};
use super::super::peers::{Closed, Opened, Via};
use super::super::redial::{self, Origin};
use super::super::{DialFailure, NetEvent, PeerKey};
use super::Task;

impl Task {
    pub(super) fn dial(&mut self, address: String, origin: Origin) {
        let now = Instant::now();
        match self.keep(&address, origin, now) {
            Ok(()) => self.dial_due(now),
            Err(why) => self.outbox.push(NetEvent::DialFailed { address, why }),
        }
    }

    fn keep(&mut self, address: &str, origin: Origin, now: Instant) -> Result<(), DialFailure> {
        let address = redial::parse(address, self.quic)?;
        if redial::named_in(&address).as_ref() == Some(self.swarm.local_peer_id()) {
            return Err(DialFailure::Own);
        }
        self.standing.add(address, origin, now)
    }

    /// Tells where this node can be reached.
    pub(super) fn tell_address(&mut self, address: Multiaddr) {
        match address.with_p2p(*self.swarm.local_peer_id()) {
            Ok(address) => {
                self.outbox.push(NetEvent::Listening { address: address.to_string() });
            }
            Err(address) => tracing::warn!(%address, "an address of this node names another one"),
        }
    }

    /// Asks for places at relays.
    pub(super) fn reserve(&mut self, now: Instant) {
        let swarm = &mut self.swarm;
        self.relays.reserve(now, |address| {
            let listening = swarm.listen_on(address.clone());
            listening.inspect_err(|error| tracing::warn!(%address, %error, "no relay")).ok()
        });
    }

    pub(super) fn on_discovery(&mut self, event: mdns::Event, now: Instant) {
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

    pub(super) fn dial_due(&mut self, now: Instant) {
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

    pub(super) fn on_dial_error(
        &mut self,
        connection: ConnectionId,
        error: &DialError,
        now: Instant,
    ) {
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

    pub(super) fn on_opened(
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
        let via = if endpoint.is_relayed() { Via::Relay } else { Via::Direct };
        match self.peers.opened(peer, key, (connection, via), now) {
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

    pub(super) fn on_closed(
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

    /// A ping was answered. When that was on a direct connection, it stands at the other end as
    /// well, and gossip goes over it there too: those over a relay have served.
    pub(super) fn on_answer(&mut self, peer: &PeerId, connection: ConnectionId) {
        for relayed in self.peers.relayed_beside(peer, connection) {
            tracing::debug!(%peer, "reached without the relay");
            self.swarm.close_connection(relayed);
        }
    }

    pub(super) fn disconnect(&mut self, peer: Option<PeerId>) {
        if let Some(peer) = peer {
            // Fails only for a peer that is not connected, which is what was wanted.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    pub(super) fn block(&mut self, peer: &PeerKey) {
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
