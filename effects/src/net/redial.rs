//! Addresses that are dialled whenever their peer is not connected.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Multiaddr, PeerId};

use super::DialFailure;

/// Most addresses kept at once.
const STANDING_MAX: usize = 1_024;

/// Most discovered ones among them, for any machine of the local network can announce any.
const DISCOVERED_MAX: usize = 256;

/// Most discovered ones of one peer: interfaces times transports.
const DISCOVERED_OF_PEER_MAX: usize = 16;

/// Wait after the first failure; it doubles with each further one.
const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(30);

/// A shorter connection counts as a failure: the other end accepted and then refused us.
const STABLE: Duration = Duration::from_secs(3);

/// Where an address comes from. In a full table one makes room for another of a later kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The local network; it goes when its announcement expires.
    Discovered,
    /// A namespace; its failures are reported, and it stays until it is given up.
    Asked,
    /// A person or the configuration; the same, and no namespace gives it up.
    Configured,
}

struct Entry {
    /// The latest kind that wants it.
    origin: Origin,
    /// Whether the local network announces it, whoever else wants it.
    is_announced: bool,
    /// As in the address, or as met there.
    peer: Option<PeerId>,
    failures: u32,
    next: Instant,
    dialling: Option<ConnectionId>,
}

/// The standing addresses.
#[derive(Default)]
pub(super) struct Standing {
    entries: BTreeMap<Multiaddr, Entry>,
}

/// Reads an address that this node is able to dial.
pub(super) fn parse(address: &str, quic: bool) -> Result<Multiaddr, DialFailure> {
    let parsed = address.parse().map_err(|_| DialFailure::Invalid)?;
    if is_dialable(&parsed, quic) { Ok(parsed) } else { Err(DialFailure::Unsupported) }
}

/// Whether the node has a transport for an address: to the peer itself, or to a relay and over it
/// to the peer.
pub(super) fn is_dialable(address: &Multiaddr, quic: bool) -> bool {
    let mut parts = address.iter().peekable();
    let ip = matches!(parts.next(), Some(Protocol::Ip4(_) | Protocol::Ip6(_)));
    let transport = match parts.next() {
        Some(Protocol::Tcp(_)) => true,
        Some(Protocol::Udp(_)) => quic && parts.next() == Some(Protocol::QuicV1),
        Some(_) | None => false,
    };
    let mut peer = matches!(parts.next(), None | Some(Protocol::P2p(_)));
    if parts.next_if_eq(&Protocol::P2pCircuit).is_some() {
        peer = matches!(parts.next(), Some(Protocol::P2p(_)));
    }
    ip && transport && peer && parts.next().is_none()
}

impl Standing {
    /// Adds an address to be dialled at once.
    pub(super) fn add(
        &mut self,
        address: Multiaddr,
        origin: Origin,
        now: Instant,
    ) -> Result<(), DialFailure> {
        if let Some(entry) = self.entries.get_mut(&address) {
            entry.failures = 0;
            entry.next = now;
            entry.origin = entry.origin.max(origin);
            entry.is_announced |= origin == Origin::Discovered;
            return Ok(());
        }
        let peer = named_in(&address);
        if !self.make_room(origin, peer) {
            return Err(DialFailure::TooMany);
        }
        let is_announced = origin == Origin::Discovered;
        let entry = Entry { origin, is_announced, peer, failures: 0, next: now, dialling: None };
        self.entries.insert(address, entry);
        Ok(())
    }

    /// Whether there is room for one more address, by forgetting one of an earlier kind if need be:
    /// of the earliest, and the one that failed most. Discovered ones have room of their own, where
    /// one that was not reached makes place for another.
    fn make_room(&mut self, origin: Origin, peer: Option<PeerId>) -> bool {
        if origin == Origin::Discovered {
            let is_of_peer = |entry: &Entry| entry.peer == peer;
            if self.discovered(is_of_peer).count() >= DISCOVERED_OF_PEER_MAX {
                return self.forget_dead(is_of_peer);
            }
            if self.discovered(|_| true).count() >= DISCOVERED_MAX {
                return self.forget_dead(|_| true);
            }
        }
        if self.entries.len() < STANDING_MAX {
            return true;
        }
        let earlier = self.entries.iter().filter(|(_, entry)| entry.origin < origin);
        let least = earlier.min_by_key(|(_, entry)| (entry.origin, Reverse(entry.failures)));
        let least = least.map(|(address, _)| address.clone());
        least.is_some_and(|address| self.entries.remove(&address).is_some())
    }

    /// Forgets the one that failed most among some of the discovered ones, if any of them failed.
    fn forget_dead(&mut self, among: impl Fn(&Entry) -> bool) -> bool {
        let failed = self.discovered(among).filter(|(_, entry)| entry.failures > 0);
        let dead = failed.max_by_key(|(_, entry)| entry.failures);
        let dead = dead.map(|(address, _)| address.clone());
        dead.is_some_and(|address| self.entries.remove(&address).is_some())
    }

    fn discovered(
        &self,
        among: impl Fn(&Entry) -> bool,
    ) -> impl Iterator<Item = (&Multiaddr, &Entry)> {
        let is_discovered = |entry: &Entry| entry.origin == Origin::Discovered;
        self.entries.iter().filter(move |(_, entry)| is_discovered(entry) && among(entry))
    }

    /// The dials to begin now: one per peer, with all of its addresses that are due.
    pub(super) fn due(
        &mut self,
        now: Instant,
        is_connected: impl Fn(&PeerId) -> bool,
    ) -> Vec<DialOpts> {
        let mut known: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        let mut dials = Vec::new();
        for (address, entry) in &mut self.entries {
            let reached = entry.peer.as_ref().is_some_and(&is_connected);
            if reached || entry.dialling.is_some() || now < entry.next {
                continue;
            }
            if let Some(peer) = entry.peer {
                known.entry(peer).or_default().push(address.clone());
            } else {
                let dial = DialOpts::unknown_peer_id().address(address.clone()).build();
                entry.dialling = Some(dial.connection_id());
                dials.push(dial);
            }
        }
        for (peer, addresses) in known {
            let dial = DialOpts::peer_id(peer).addresses(addresses.clone()).build();
            for address in addresses {
                if let Some(entry) = self.entries.get_mut(&address) {
                    entry.dialling = Some(dial.connection_id());
                }
            }
            dials.push(dial);
        }
        dials
    }

    /// A dial was not begun, because another one of the same peer is under way.
    pub(super) fn postponed(&mut self, connection: ConnectionId, now: Instant) {
        for (_, entry) in self.of_dial(connection) {
            entry.dialling = None;
            entry.next = now + DELAY_MIN;
        }
    }

    /// A dial failed. Returns the addresses whose failure is to be reported.
    pub(super) fn failed(&mut self, connection: ConnectionId, now: Instant) -> Vec<Multiaddr> {
        let mut asked = Vec::new();
        for (address, entry) in self.of_dial(connection) {
            entry.dialling = None;
            // Another peer may live there by now.
            entry.peer = named_in(address);
            entry.fail(now);
            if entry.origin != Origin::Discovered {
                asked.push(address.clone());
            }
        }
        asked
    }

    /// A dial reached a peer. An address without a peer now has this one.
    pub(super) fn reached(&mut self, connection: ConnectionId, peer: PeerId) {
        for (_, entry) in self.of_dial(connection) {
            entry.dialling = None;
            entry.peer = Some(peer);
        }
    }

    /// The last connection of a peer is closed, after it lived so long.
    pub(super) fn lost(&mut self, peer: &PeerId, lived: Duration, now: Instant) {
        for (_, entry) in self.of_peer(peer) {
            if lived >= STABLE {
                entry.failures = 0;
            }
            entry.fail(now);
        }
    }

    /// Dials a peer without delay when its connections are closed.
    pub(super) fn hasten(&mut self, peer: &PeerId, now: Instant) {
        for (_, entry) in self.of_peer(peer) {
            entry.failures = 0;
            entry.next = now;
        }
    }

    /// Drops all addresses of a peer.
    pub(super) fn forget_peer(&mut self, peer: &PeerId) {
        self.entries.retain(|_, entry| entry.peer.as_ref() != Some(peer));
    }

    /// Drops one address.
    pub(super) fn forget(&mut self, address: &Multiaddr) {
        self.entries.remove(address);
    }

    /// Drops an address that no namespace needs any more, unless a person wants it. One that the
    /// local network announces stays as that, where there is room for it.
    pub(super) fn give_up(&mut self, address: &Multiaddr) {
        let Some(entry) = self.entries.get(address) else { return };
        if entry.origin != Origin::Asked {
            return;
        }
        let Some(entry) = self.entries.remove(address) else { return };
        if entry.is_announced && self.make_room(Origin::Discovered, entry.peer) {
            let origin = Origin::Discovered;
            self.entries.insert(address.clone(), Entry { origin, ..entry });
        }
    }

    /// Drops an address that the local network no longer announces, unless somebody wants it.
    pub(super) fn expired(&mut self, address: &Multiaddr) {
        let Some(entry) = self.entries.get_mut(address) else { return };
        entry.is_announced = false;
        if entry.origin == Origin::Discovered {
            self.forget(address);
        }
    }

    fn of_dial(
        &mut self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = (&Multiaddr, &mut Entry)> {
        self.entries.iter_mut().filter(move |(_, entry)| entry.dialling == Some(connection))
    }

    fn of_peer(&mut self, peer: &PeerId) -> impl Iterator<Item = (&Multiaddr, &mut Entry)> {
        self.entries.iter_mut().filter(move |(_, entry)| entry.peer.as_ref() == Some(peer))
    }
}

/// The peer that an address names: behind a relay, if it leads over one.
pub(super) fn named_in(address: &Multiaddr) -> Option<PeerId> {
    let mut named = None;
    for part in address {
        if let Protocol::P2p(peer) = part {
            named = Some(peer);
        } else if part == Protocol::P2pCircuit {
            named = None;
        }
    }
    named
}

impl Entry {
    fn fail(&mut self, now: Instant) {
        let doublings = self.failures.min(5);
        self.failures = self.failures.saturating_add(1);
        self.next = now + (DELAY_MIN * (1 << doublings)).min(DELAY_MAX);
    }
}
