//! Protocols for nodes that cannot simply dial each other: relays, hole punching, and finding out
//! under which addresses one can be reached. All of them are off unless they are configured, but
//! for the dialling of relayed addresses, which does nothing until there is one.

use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{Multiaddr, PeerId, StreamProtocol, autonat, dcutr, kad, relay};

use super::{NetError, WideConfig};

pub(super) const KAD_PROTOCOL: StreamProtocol = StreamProtocol::new("/folkmoot/kad/1");

/// What a node that helps others carries: as long and as much as a small group needs, where the
/// usual limits (two minutes, 128 KiB) would end in the middle of a history.
const CIRCUIT_TIME_MAX: Duration = Duration::from_hours(1);
const CIRCUIT_BYTES_MAX: u64 = 1 << 30;
const CIRCUITS_MAX: usize = 128;
const CIRCUITS_PER_PEER_MAX: usize = 8;

/// Wait before a relay that refused or went away is asked again; it doubles up to the second one.
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_mins(2);

/// The protocols.
#[derive(NetworkBehaviour)]
pub(super) struct Wide {
    relayed: relay::client::Behaviour,
    relay: Toggle<relay::Behaviour>,
    punching: Toggle<dcutr::Behaviour>,
    reachable: Toggle<autonat::v2::client::Behaviour>,
    probing: Toggle<autonat::v2::server::Behaviour>,
    pub(super) kad: Toggle<kad::Behaviour<kad::store::MemoryStore>>,
}

pub(super) fn behaviour(
    config: &WideConfig,
    local: PeerId,
    relayed: relay::client::Behaviour,
) -> Result<Wide, NetError> {
    let punching =
        (config.autonat || !config.relays.is_empty()).then(|| dcutr::Behaviour::new(local));
    Ok(Wide {
        relayed,
        relay: config.relay_server.then(|| server(local)).into(),
        punching: punching.into(),
        reachable: config.autonat.then(autonat::v2::client::Behaviour::default).into(),
        probing: config.relay_server.then(autonat::v2::server::Behaviour::default).into(),
        kad: directory(config, local)?.into(),
    })
}

fn server(local: PeerId) -> relay::Behaviour {
    let settings = relay::Config {
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_PER_PEER_MAX,
        max_circuit_duration: CIRCUIT_TIME_MAX,
        max_circuit_bytes: CIRCUIT_BYTES_MAX,
        ..relay::Config::default()
    };
    let mut relay = relay::Behaviour::new(local, settings);
    // By itself it waits for somebody to confirm an address; who turns it on knows.
    relay.set_status(Some(relay::Status::Enable));
    relay
}

/// A directory of peers and their addresses. A node answers in it once it is known to be reachable.
fn directory(
    config: &WideConfig,
    local: PeerId,
) -> Result<Option<kad::Behaviour<kad::store::MemoryStore>>, NetError> {
    let Some(settings) = &config.kad else { return Ok(None) };
    let store = kad::store::MemoryStore::new(local);
    let mut kad = kad::Behaviour::with_config(local, store, kad::Config::new(KAD_PROTOCOL));
    for address in &settings.bootstrap {
        let (peer, address) = bootstrap(address)?;
        kad.add_address(&peer, address);
    }
    if config.relay_server {
        kad.set_mode(Some(kad::Mode::Server));
    }
    Ok(Some(kad))
}

fn bootstrap(address: &str) -> Result<(PeerId, Multiaddr), NetError> {
    let why = "write it as /ip4/<address>/tcp/<port>/p2p/<peer>";
    let refused =
        || NetError::Setup { part: "the directory", why: format!("{address} is of no use: {why}") };
    let mut parsed: Multiaddr = address.parse().map_err(|_| refused())?;
    match parsed.pop() {
        Some(Protocol::P2p(peer)) => Ok((peer, parsed)),
        Some(_) | None => Err(refused()),
    }
}

/// The relays at which this node wants to be reachable.
pub(super) struct Relays(Vec<Relay>);

struct Relay {
    /// Where it is, with its peer at the end.
    address: Multiaddr,
    listener: Option<ListenerId>,
    failures: u32,
    next: Instant,
}

impl Relays {
    /// Reads the addresses of relays.
    pub(super) fn new(addresses: &[String], now: Instant) -> Result<Self, NetError> {
        let relay = |address: &String| {
            let (peer, to) = bootstrap(address)?;
            let address = to.with(Protocol::P2p(peer));
            Ok(Relay { address, listener: None, failures: 0, next: now })
        };
        addresses.iter().map(relay).collect::<Result<_, _>>().map(Self)
    }

    /// Asks the relays at which nothing is reserved, with `listen`, when it is time to.
    pub(super) fn reserve(
        &mut self,
        now: Instant,
        mut listen: impl FnMut(Multiaddr) -> Option<ListenerId>,
    ) {
        for relay in &mut self.0 {
            if relay.listener.is_none() && relay.next <= now {
                relay.listener = listen(relay.address.clone().with(Protocol::P2pCircuit));
                relay.put_off(now);
            }
        }
    }

    /// A reservation holds.
    pub(super) fn reserved(&mut self, listener: ListenerId) {
        for relay in self.0.iter_mut().filter(|relay| relay.listener == Some(listener)) {
            relay.failures = 0;
        }
    }

    /// A reservation has ended, or was refused.
    pub(super) fn lost(&mut self, listener: ListenerId, now: Instant) {
        for relay in self.0.iter_mut().filter(|relay| relay.listener == Some(listener)) {
            relay.listener = None;
            relay.put_off(now);
        }
    }
}

impl Relay {
    fn put_off(&mut self, now: Instant) {
        self.next = now + (RETRY_MIN * (1 << self.failures.min(6))).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str =
        "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn a_relay_is_asked_again_after_longer_and_longer_waits() {
        let start = Instant::now();
        let mut relays = Relays::new(&[RELAY.to_owned()], start).unwrap();
        let listener = ListenerId::next();
        let asked = |relays: &mut Relays, at| {
            let mut asked = Vec::new();
            relays.reserve(at, |address| {
                asked.push(address.to_string());
                Some(listener)
            });
            asked.len()
        };
        assert_eq!(asked(&mut relays, start), 1);
        assert_eq!(asked(&mut relays, start + RETRY_MAX), 0, "it is under way");
        relays.lost(listener, start);
        assert_eq!(asked(&mut relays, start + RETRY_MIN), 0, "the second wait is longer");
        assert_eq!(asked(&mut relays, start + 2 * RETRY_MIN), 1);
        relays.reserved(listener);
        relays.lost(listener, start);
        assert_eq!(asked(&mut relays, start + RETRY_MIN), 1);
    }

    #[test]
    fn an_address_without_a_peer_is_no_relay() {
        for address in ["nonsense", "/ip4/192.0.2.1/tcp/4001"] {
            assert!(Relays::new(&[address.to_owned()], Instant::now()).is_err());
        }
    }
}
