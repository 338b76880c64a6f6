//! The protocols of a node and how they are configured.

use std::time::Duration;

use libp2p::core::transport::OptionalTransport;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::request_response::ProtocolSupport;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, allow_block_list, connection_limits,
    identify, mdns, noise, ping, quic, relay, request_response, tcp, yamux,
};

use super::codec::ExchangeCodec;
use super::direct::DirectFirst;
use super::wide::{self, Wide};
use super::{NetConfig, NetError, PeerKey, gossip, port};

const EXCHANGE_PROTOCOL: StreamProtocol = StreamProtocol::new("/folkmoot/exchange/1");
const IDENTIFY_PROTOCOL: &str = "/folkmoot/1";

/// A connection without streams is closed after this time.
const IDLE: Duration = Duration::from_mins(1);

/// A TCP connection whose other end lost power stays open for a quarter of an hour unless someone
/// asks: it is asked this often…
const PING: Duration = Duration::from_secs(20);

/// … and closed when the answer takes as long as this.
const PONG: Duration = Duration::from_secs(10);

/// One per direction of a simultaneous dial, and as many that have died without notice.
const CONNECTIONS_PER_PEER_MAX: u32 = 4;

/// Streams of one connection, of all protocols and both directions; a peer that opens more loses
/// the connection. Each may make us keep 256 KiB that nobody has read yet.
const STREAMS_MAX: usize = 128;

/// Streams of one connection whose protocol is not agreed on yet; each has 10 s for that.
const NEGOTIATING_MAX: usize = 32;

/// Connections whose handshake is not finished, per direction.
const HANDSHAKES_MAX: u32 = 64;

/// All protocols. The first two refuse connections before the others allocate for them.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    limits: connection_limits::Behaviour,
    pub(super) gossip: DirectFirst<gossip::Gossip>,
    pub(super) exchange: request_response::Behaviour<ExchangeCodec>,
    mdns: Toggle<mdns::tokio::Behaviour>,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    pub(super) wide: Wide,
}

/// Builds the swarm and begins to listen. Needs a runtime context.
pub(super) fn build(
    config: &NetConfig,
    mut secret: [u8; 32],
) -> Result<(Swarm<Behaviour>, PeerKey), NetError> {
    // This also overwrites `secret`.
    let keypair = Keypair::ed25519_from_bytes(&mut secret)
        .map_err(|error| setup("the transport key", &error))?;
    let local = peer_key(&keypair.public().to_peer_id())
        .ok_or(NetError::Setup { part: "the transport key", why: "not ed25519".to_owned() })?;
    let mut swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux_config)
        .map_err(|error| setup("TCP", &error))?
        .with_other_transport(|keypair| quic_transport(config, keypair))
        .map_err(|error| setup("QUIC", &error))?
        .with_relay_client(noise::Config::new, yamux_config)
        .map_err(|error| setup("relayed connections", &error))?
        .with_behaviour(|keypair, relayed| Ok(behaviour(config, keypair, relayed)?))
        .map_err(|error| setup("the protocols", &error))?
        .with_swarm_config(|swarm| {
            swarm
                .with_idle_connection_timeout(IDLE)
                .with_max_negotiating_inbound_streams(NEGOTIATING_MAX)
                .with_smart_dial()
        })
        .build();
    listen(&mut swarm, config)?;
    for address in &config.wide.external {
        let why = |error: libp2p::multiaddr::Error| setup("an external address", &error);
        swarm.add_external_address(address.parse().map_err(why)?);
    }
    Ok((swarm, local))
}

fn yamux_config() -> yamux::Config {
    let mut settings = yamux::Config::default();
    settings.set_max_num_streams(STREAMS_MAX);
    settings
}

fn quic_transport(
    config: &NetConfig,
    keypair: &Keypair,
) -> OptionalTransport<quic::tokio::Transport> {
    if !config.quic {
        return OptionalTransport::none();
    }
    let mut settings = quic::Config::new(keypair);
    settings.max_idle_timeout = u32::try_from(config.quic_idle.as_millis()).unwrap_or(u32::MAX);
    settings.max_concurrent_stream_limit = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
    settings.keep_alive_interval = config.quic_idle / 3;
    OptionalTransport::some(quic::tokio::Transport::new(settings))
}

fn behaviour(
    config: &NetConfig,
    keypair: &Keypair,
    relayed: relay::client::Behaviour,
) -> Result<Behaviour, NetError> {
    let incoming_max = config.connections_max.saturating_sub(config.outbound_reserved).max(1);
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(HANDSHAKES_MAX))
        .with_max_pending_outgoing(Some(HANDSHAKES_MAX))
        .with_max_established(Some(config.connections_max))
        .with_max_established_incoming(Some(incoming_max))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
    let exchange = request_response::Config::default()
        .with_request_timeout(config.request_timeout)
        .with_max_concurrent_streams(config.streams_per_peer_max);
    let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), keypair.public())
        .with_agent_version(concat!("folkmoot/", env!("CARGO_PKG_VERSION")).to_owned());
    let ping = ping::Config::new().with_interval(PING).with_timeout(PONG);
    Ok(Behaviour {
        blocked: allow_block_list::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits),
        gossip: DirectFirst::new(gossip::behaviour(config)?),
        exchange: request_response::Behaviour::with_codec(
            ExchangeCodec::new(config.frame_timeout),
            [(EXCHANGE_PROTOCOL, ProtocolSupport::Full)],
            exchange,
        ),
        mdns: discovery(config, keypair).into(),
        ping: ping::Behaviour::new(ping),
        identify: identify::Behaviour::new(identify),
        wide: wide::behaviour(&config.wide, keypair.public().to_peer_id(), relayed)?,
    })
}

/// A node must work where there is no network but loopback, so a failure here is only logged.
fn discovery(config: &NetConfig, keypair: &Keypair) -> Option<mdns::tokio::Behaviour> {
    if !config.mdns {
        return None;
    }
    mdns::tokio::Behaviour::new(mdns::Config::default(), keypair.public().to_peer_id())
        .inspect_err(|error| tracing::warn!(%error, "no discovery on the local network"))
        .ok()
}

fn listen(swarm: &mut Swarm<Behaviour>, config: &NetConfig) -> Result<(), NetError> {
    let mut addresses = Vec::new();
    for address in &config.listen {
        let refused = |why: String| NetError::Listen { address: address.clone(), why };
        let parsed: Multiaddr = address
            .parse()
            .map_err(|error: libp2p::multiaddr::Error| refused(error.to_string()))?;
        if !config.quic && parsed.iter().any(|part| part == Protocol::QuicV1) {
            continue;
        }
        port::require_free(&parsed).map_err(|error| refused(error.to_string()))?;
        addresses.push((address, parsed));
    }
    // Only now: addresses of our own may share a port.
    for (address, parsed) in addresses {
        let refused = |why: String| NetError::Listen { address: address.clone(), why };
        swarm.listen_on(parsed).map_err(|error| refused(cause_of(&error)))?;
    }
    Ok(())
}

/// What the innermost cause says: the outer errors of the transports say little or nothing.
fn cause_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn setup(part: &'static str, error: &dyn std::error::Error) -> NetError {
    NetError::Setup { part, why: error.to_string() }
}

/// The key inside a peer id; `None` for other kinds of key, which this network does not use.
pub(super) fn peer_key(peer: &PeerId) -> Option<PeerKey> {
    let public = PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    public.try_into_ed25519().ok().map(|key| PeerKey(key.to_bytes()))
}

/// The peer id of a key; `None` if it is not a point on the curve, so nobody can have it.
pub(super) fn peer_id(key: &PeerKey) -> Option<PeerId> {
    let public = ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PublicKey::from(public).to_peer_id())
}
