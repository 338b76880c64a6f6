//! Addresses that are dialled whenever their peer is not connected.

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
    origin: Origin,
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
            return Ok(());
        }
        let peer = named_in(&address);
        if !self.make_room(origin, peer) {
            return Err(DialFailure::TooMany);
        }
        let entry = Entry { origin, peer, failures: 0, next: now, dialling: None };
        self.entries.insert(address, entry);
        Ok(())
    }

    /// Whether there is room for one more address, by forgetting one of an earlier kind if need be:
    /// of the earliest, and the one that failed most.
    fn make_room(&mut self, origin: Origin, peer: Option<PeerId>) -> bool {
        if origin == Origin::Discovered {
            let discovered = self.entries.values().filter(|entry| entry.origin == origin);
            let (all, of_peer) = discovered.fold((0, 0), |(all, of_peer), entry| {
                (all + 1, of_peer + usize::from(entry.peer == peer))
            });
            if all >= DISCOVERED_MAX || of_peer >= DISCOVERED_OF_PEER_MAX {
                return false;
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

    /// Drops an address that no namespace needs any more, unless a person wants it.
    pub(super) fn give_up(&mut self, address: &Multiaddr) {
        if self.entries.get(address).is_some_and(|entry| entry.origin != Origin::Configured) {
            self.forget(address);
        }
    }

    /// Drops an address that the local network no longer announces.
    pub(super) fn expired(&mut self, address: &Multiaddr) {
        if self.entries.get(address).is_some_and(|entry| entry.origin == Origin::Discovered) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer() -> PeerId {
        PeerId::from_bytes(&[0, 1, 0]).unwrap()
    }

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
    }

    fn nobody(_: &PeerId) -> bool {
        false
    }

    fn one(standing: &mut Standing, now: Instant) -> ConnectionId {
        let dials = standing.due(now, nobody);
        assert_eq!(dials.len(), 1);
        dials[0].connection_id()
    }

    #[test]
    fn the_delay_doubles_from_one_second_to_thirty() {
        let mut now = Instant::now();
        let mut standing = Standing::default();
        standing.add(address(1), Origin::Asked, now).unwrap();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let dial = one(&mut standing, now);
            assert!(standing.due(now, nobody).is_empty(), "one dial at a time");
            assert_eq!(standing.failed(dial, now), [address(1)]);
            now += SECOND * seconds;
            let early = now.checked_sub(Duration::from_millis(1)).unwrap();
            assert!(standing.due(early, nobody).is_empty());
        }
    }

    #[test]
    fn a_peer_is_dialled_by_all_its_addresses_at_once_and_never_while_connected() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for port in [1, 2] {
            let address = address(port).with(Protocol::P2p(peer()));
            standing.add(address, Origin::Asked, now).unwrap();
        }
        assert!(standing.due(now, |_| true).is_empty());
        let dial = one(&mut standing, now);
        assert_eq!(standing.failed(dial, now).len(), 2);
    }

    #[test]
    fn a_lost_peer_is_dialled_after_a_second_and_a_restarted_one_at_once() {
        let start = Instant::now();
        let mut standing = Standing::default();
        standing.add(address(1), Origin::Asked, start).unwrap();
        let dial = one(&mut standing, start);
        standing.reached(dial, peer());
        standing.lost(&peer(), STABLE, start);
        assert!(standing.due(start, nobody).is_empty());
        let dial = one(&mut standing, start + SECOND);
        standing.reached(dial, peer());
        standing.lost(&peer(), Duration::ZERO, start + SECOND);
        assert!(standing.due(start + 2 * SECOND, nobody).is_empty(), "refused, so it waits longer");
        standing.hasten(&peer(), start + 2 * SECOND);
        one(&mut standing, start + 2 * SECOND);
    }

    #[test]
    fn a_peer_met_at_an_address_is_forgotten_when_it_fails_there() {
        let now = Instant::now();
        let mut standing = Standing::default();
        standing.add(address(1), Origin::Asked, now).unwrap();
        let dial = one(&mut standing, now);
        standing.reached(dial, peer());
        assert!(standing.due(now, |_| true).is_empty());
        let dial = one(&mut standing, now);
        standing.failed(dial, now);
        assert_eq!(standing.due(now + SECOND, |_| true).len(), 1);
    }

    #[test]
    fn what_was_discovered_expires_unless_somebody_asked_for_it() {
        let now = Instant::now();
        let mut standing = Standing::default();
        standing.add(address(1), Origin::Discovered, now).unwrap();
        standing.add(address(2), Origin::Discovered, now).unwrap();
        standing.add(address(2), Origin::Asked, now).unwrap();
        standing.expired(&address(1));
        standing.expired(&address(2));
        let dial = one(&mut standing, now);
        assert_eq!(standing.failed(dial, now), [address(2)]);
    }

    #[test]
    fn a_blocked_peer_loses_its_addresses_and_the_table_has_an_end() {
        let now = Instant::now();
        let mut standing = Standing::default();
        let named = address(1).with(Protocol::P2p(peer()));
        standing.add(named, Origin::Asked, now).unwrap();
        standing.forget_peer(&peer());
        assert!(standing.due(now, nobody).is_empty());
        for port in 0..u16::try_from(STANDING_MAX).unwrap() {
            standing.add(address(port), Origin::Asked, now).unwrap();
        }
        let more = standing.add(address(u16::MAX), Origin::Asked, now);
        assert_eq!(more, Err(DialFailure::TooMany));
        standing.add(address(u16::MAX), Origin::Configured, now).unwrap();
        assert_eq!(standing.entries.len(), STANDING_MAX);
    }

    #[test]
    fn net_3_what_is_announced_takes_no_place_from_what_is_asked_for() {
        let now = Instant::now();
        let mut standing = Standing::default();
        let peers_count = u8::try_from(DISCOVERED_MAX / DISCOVERED_OF_PEER_MAX).unwrap();
        for number in 0..2 * peers_count {
            let peer = PeerId::from_bytes(&[0, 1, number]).unwrap();
            let announced = (0..100).map(|port| address(port).with(Protocol::P2p(peer)));
            let kept = announced
                .filter(|address| standing.add(address.clone(), Origin::Discovered, now).is_ok());
            let expected = if number < peers_count { DISCOVERED_OF_PEER_MAX } else { 0 };
            assert_eq!(kept.count(), expected, "{number}");
        }
        assert_eq!(standing.entries.len(), DISCOVERED_MAX);
        for port in 0..u16::try_from(STANDING_MAX).unwrap() {
            standing.add(address(port), Origin::Asked, now).unwrap();
        }
        assert!(standing.entries.values().all(|entry| entry.origin == Origin::Asked));
    }

    #[test]
    fn what_failed_most_makes_room_first() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for port in 0..2 {
            standing.add(address(port), Origin::Discovered, now).unwrap();
        }
        let dials = standing.due(now, nobody);
        standing.failed(dials[1].connection_id(), now);
        for port in 2..=u16::try_from(STANDING_MAX).unwrap() {
            standing.add(address(port), Origin::Asked, now).unwrap();
        }
        assert!(standing.entries.contains_key(&address(0)));
        assert!(!standing.entries.contains_key(&address(1)));
    }

    #[test]
    fn a_namespace_gives_up_its_own_addresses_alone() {
        let now = Instant::now();
        let mut standing = Standing::default();
        standing.add(address(1), Origin::Configured, now).unwrap();
        standing.add(address(1), Origin::Asked, now).unwrap();
        standing.add(address(2), Origin::Asked, now).unwrap();
        for port in 1..=3 {
            standing.give_up(&address(port));
        }
        let dial = one(&mut standing, now);
        assert_eq!(standing.failed(dial, now), [address(1)]);
    }

    #[test]
    fn quic_addresses_are_refused_where_quic_is_off() {
        let address = "/ip6/2001:db8::1/udp/4001/quic-v1";
        assert!(parse(address, true).is_ok());
        assert_eq!(parse(address, false), Err(DialFailure::Unsupported));
        assert!(parse("/ip4/192.0.2.1/tcp/4001", false).is_ok());
        assert_eq!(parse("/ip4/192.0.2.1/tcp/1/ws", true), Err(DialFailure::Unsupported));
    }

    #[test]
    fn a_relayed_address_names_the_peer_behind_the_relay() {
        let relay = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        let circuit = format!("/ip4/192.0.2.1/tcp/1/p2p/{relay}/p2p-circuit");
        assert_eq!(parse(&circuit, true), Err(DialFailure::Unsupported));
        let whole = parse(&format!("{circuit}/p2p/{}", peer()), true).unwrap();
        assert_eq!(named_in(&whole), Some(peer()));
        assert_eq!(named_in(&circuit.parse().unwrap()), None);
        let nested = format!("{whole}/p2p-circuit/p2p/{relay}");
        assert_eq!(parse(&nested, true), Err(DialFailure::Unsupported));
    }
}
