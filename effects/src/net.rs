//! The network port: bytes in, bytes out.
//!
//! One task owns the libp2p swarm, performs [`NetCommand`]s and reports [`NetEvent`]s. It decides
//! nothing about their content; that is done by the reducer behind the event channel. Nothing of
//! libp2p is visible outside this module: peers are [`PeerKey`]s and addresses are text.
//!
//! Invariants:
//! - Commands are always drained, so [`NetHandle::send`] never waits for the consumer of events.
//! - A full event channel stops the polling of the swarm: peers are slowed down, nothing is lost.
//! - Known peers of a topic are subscribed *and* connected (NET-4): a lost connection is reported
//!   as the end of each of its subscriptions, then as the end of the peer. Only topics that this
//!   node is subscribed to are reported, those of before its subscription right after it.
//! - Every message is validated once, every request ends once; what stays unanswered is ended by
//!   a deadline.

mod allowance;
mod behaviour;
mod codec;
mod direct;
mod exchange;
mod gossip;
mod outbox;
mod peers;
mod port;
mod redial;
mod scoring;
mod task;
#[cfg(test)]
mod tests;
mod wide;

use std::fmt;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub(crate) use codec::{read_frame, write_frame};
pub use folkmoot_core::id::PeerKey;

/// Largest gossip message, in bytes of content.
pub const GOSSIP_BYTES_MAX: usize = 1 << 20;

/// Largest request or response, in bytes of content: one page of 1 MiB and its envelope.
pub const EXCHANGE_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// Most topics one node subscribes to, and most it remembers of one peer.
///
/// A peer announces all of its topics in one message, and one that announces more than the other
/// end allows is ignored there as a whole: both ends have to agree, so this is no setting. It is as
/// large as what a node may take part in, because a smaller number would cut off honest nodes; what
/// a peer may make us keep with it are 100 KiB. Nothing of it gets further than this module but
/// topics that this node takes part in.
pub const TOPICS_MAX: usize = 1_024;

/// Capacity of the command queue.
const COMMANDS_MAX: usize = 1_024;

/// A gossip topic: the id of a namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic(pub [u8; 32]);

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0))
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:.8})", hex(self.0))
    }
}

fn hex(bytes: [u8; 32]) -> String {
    blake3::Hash::from_bytes(bytes).to_hex().to_string()
}

/// Names one received gossip message until its verdict. Never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// Names one request until its end.
///
/// The ids of our own requests are chosen by the caller and must be distinct while in flight; the
/// ids of received requests are drawn here. The two kinds never meet, so equal numbers do no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangeId(pub u64);

/// What becomes of a received gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it.
    Accept,
    /// Drop it; nobody is to blame.
    Ignore,
    /// Drop it and charge the peer that forwarded it (NET-2).
    Reject,
    /// Forward it within a second, to the peers that have not sent it by then.
    AcceptLater,
}

/// How the network is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// Multiaddresses to listen on. Default: all IPv4 interfaces, TCP and QUIC, ports chosen by
    /// the system.
    pub listen: Vec<String>,
    /// QUIC beside TCP. When off, QUIC addresses in `listen` are passed over. Default: on.
    pub quic: bool,
    /// Find and dial peers of the local network. Default: on.
    pub mdns: bool,
    /// Most connections at once. Default: 512.
    pub connections_max: u32,
    /// How many of them only this node can open, so that strangers cannot fill the table and with
    /// it choose whom this node hears. Default: 64.
    pub outbound_reserved: u32,
    /// Most requests in flight with one peer, both directions together; a half is for our own, and
    /// more of those wait. Default: 32.
    pub streams_per_peer_max: usize,
    /// A request ends after this time, ours or theirs, whatever it waits for. Default: 30 s.
    pub request_timeout: Duration,
    /// A request has to arrive within this time of its stream, and what is sent has to be taken
    /// within this time. Default: 10 s.
    pub frame_timeout: Duration,
    /// Bytes of gossip and requests that are taken from one peer each second, after four seconds'
    /// worth at once; what comes beyond is dropped, and nobody is blamed. Default: 8 MiB.
    pub bytes_per_second: u64,
    /// Messages of gossip and requests that are taken from one peer each second, as with bytes:
    /// each of them may cost the check of a signature. Answers are taken without limit, for they
    /// were asked for, and count among these. Default: 2,000.
    pub messages_per_second: u64,
    /// A gossip message without a verdict is ignored after this time. Messages are kept for
    /// forwarding as long, therefore it costs memory. Default: 10 s.
    pub validation_timeout: Duration,
    /// A QUIC connection is dead after this time of silence; a third of it is the interval of
    /// keep-alives. Default: 3 s.
    pub quic_idle: Duration,
    /// A second connection of a peer whose first one is at least this old means that the peer
    /// restarted; both are closed and dialled anew. Not used with
    /// [`WideConfig::autonat`] or [`WideConfig::relay_server`], where it may mean something else.
    /// Default: 3 s.
    pub settled_after: Duration,
    /// For nodes that cannot simply dial each other. Default: nothing of it.
    pub wide: WideConfig,
}

/// What a node does to reach others, and to be reached, beyond its own network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WideConfig {
    /// Addresses of relays, each with `/p2p/<peer>`, over which this node can be reached where
    /// nobody can dial it; connections that come so are replaced by direct ones where that is
    /// possible. Default: none.
    pub relays: Vec<String>,
    /// Carry connections of others, tell them how they are reached, and answer in the directory.
    /// For nodes that anybody can dial: what they listen on is taken to be reachable. Default: off.
    pub relay_server: bool,
    /// Have other nodes find out which addresses of this node can be reached. Default: off.
    pub autonat: bool,
    /// Addresses at which others reach this node, where it cannot know them. Default: none.
    pub external: Vec<String>,
    /// Take part in a directory of peers and their addresses. Default: no.
    pub kad: Option<KadConfig>,
}

/// A directory of peers, shared by all nodes that name each other here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KadConfig {
    /// Nodes that take part already, each with `/p2p/<peer>`.
    pub bootstrap: Vec<String>,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            listen: vec!["/ip4/0.0.0.0/tcp/0".to_owned(), "/ip4/0.0.0.0/udp/0/quic-v1".to_owned()],
            quic: true,
            mdns: true,
            connections_max: 512,
            outbound_reserved: 64,
            streams_per_peer_max: 32,
            request_timeout: Duration::from_secs(30),
            frame_timeout: Duration::from_secs(10),
            bytes_per_second: 8 << 20,
            messages_per_second: 2_000,
            validation_timeout: Duration::from_secs(10),
            quic_idle: Duration::from_secs(3),
            settled_after: Duration::from_secs(3),
            wide: WideConfig::default(),
        }
    }
}

/// An order to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetCommand {
    /// Receive the gossip of a topic and say so to all peers. At most [`TOPICS_MAX`].
    Subscribe(Topic),
    /// Stop receiving the gossip of a topic.
    Unsubscribe(Topic),
    /// Send to the peers of a topic. Nobody to send to, and the same content twice within a
    /// minute, are no errors; delivery is never promised.
    Publish {
        /// Where to.
        topic: Topic,
        /// What, at most [`GOSSIP_BYTES_MAX`]; more is dropped and logged.
        bytes: Vec<u8>,
    },
    /// The verdict on a [`NetEvent::Gossip`], once for each.
    Validate {
        /// Which message.
        message: MessageId,
        /// What becomes of it.
        verdict: Verdict,
    },
    /// Ask a connected peer; ends with `ResponseReceived` or `RequestFailed`.
    Request {
        /// Name of the request, chosen by the caller.
        exchange: ExchangeId,
        /// Whom to ask.
        peer: PeerKey,
        /// What, at most [`EXCHANGE_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Answer a [`NetEvent::RequestReceived`]. Too late or twice changes nothing.
    Respond {
        /// Which request.
        exchange: ExchangeId,
        /// The answer, at most [`EXCHANGE_BYTES_MAX`]; more is dropped and logged.
        bytes: Vec<u8>,
    },
    /// End a [`NetEvent::RequestReceived`] without an answer: the peer hears so at once.
    Refuse {
        /// Which request.
        exchange: ExchangeId,
    },
    /// Dial an address now, and again whenever its peer is not connected, after 1 s doubling to
    /// 30 s, until [`NetCommand::StopDialing`], [`NetCommand::Block`] of that peer or the end.
    Dial {
        /// A multiaddress, best with `/p2p/<peer>` at its end.
        address: String,
    },
    /// The same, and [`NetCommand::StopDialing`] does not end it: a person wants it.
    DialAlways {
        /// As for [`NetCommand::Dial`].
        address: String,
    },
    /// Dial this address no longer, unless a person wants it; a connection that is open stays.
    StopDialing {
        /// As given to [`NetCommand::Dial`].
        address: String,
    },
    /// Close the connections of a peer. An address dialled before is dialled again.
    Disconnect {
        /// Which peer.
        peer: PeerKey,
    },
    /// Close the connections of a peer, forget its addresses, and refuse it from now on.
    Block {
        /// Which peer.
        peer: PeerKey,
    },
    /// Stop refusing a peer. It is not dialled by itself.
    Unblock {
        /// Which peer.
        peer: PeerKey,
    },
    /// Close all connections and end.
    Shutdown,
}

/// What happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// The node can be reached here. Ends in `/p2p/<peer>`, fit to be handed to others.
    Listening {
        /// A complete multiaddress.
        address: String,
    },
    /// The first connection of a peer is open.
    PeerConnected {
        /// Which peer.
        peer: PeerKey,
        /// The other end of the connection; of an incoming one not necessarily dialable.
        address: String,
    },
    /// The last connection of a peer is closed.
    PeerDisconnected {
        /// Which peer.
        peer: PeerKey,
    },
    /// A connected peer receives a topic that this node is subscribed to.
    PeerSubscribed {
        /// Which peer.
        peer: PeerKey,
        /// Which topic.
        topic: Topic,
    },
    /// A peer no longer receives a topic, or is gone (NET-4).
    PeerUnsubscribed {
        /// Which peer.
        peer: PeerKey,
        /// Which topic.
        topic: Topic,
    },
    /// The number of peers to which messages of a subscribed topic are sent directly has changed;
    /// it begins with none.
    Mesh {
        /// Which topic.
        topic: Topic,
        /// How many there are now.
        peers: u64,
    },
    /// A gossip message; waits for [`NetCommand::Validate`].
    Gossip {
        /// Name of the message.
        message: MessageId,
        /// The peer that forwarded it, which need not be its author.
        from: PeerKey,
        /// The topic it came on.
        topic: Topic,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A peer asks; waits for [`NetCommand::Respond`] or [`NetCommand::Refuse`].
    RequestReceived {
        /// Name of the request, drawn here.
        exchange: ExchangeId,
        /// Who asks.
        peer: PeerKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// Our request was answered.
    ResponseReceived {
        /// Name of the request, as chosen by the caller.
        exchange: ExchangeId,
        /// Who answers.
        peer: PeerKey,
        /// The answer.
        bytes: Vec<u8>,
    },
    /// Our request ended without an answer.
    RequestFailed {
        /// Name of the request, as chosen by the caller.
        exchange: ExchangeId,
        /// Who was asked.
        peer: PeerKey,
        /// Why.
        why: RequestFailure,
    },
    /// An address given by a command was tried in vain.
    DialFailed {
        /// The address as given.
        address: String,
        /// Why, and whether it is tried again.
        why: DialFailure,
    },
}

/// Why a request ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailure {
    /// It was never sent.
    #[error("the peer is not connected")]
    NotConnected,
    /// It was never sent: bytes beyond [`EXCHANGE_BYTES_MAX`].
    #[error("the request has {0} bytes, more than the allowed {EXCHANGE_BYTES_MAX}")]
    TooLarge(usize),
    /// It was never sent: too many are in flight.
    #[error("too many requests are in flight")]
    Busy,
    /// It may have been received.
    #[error("no answer in time")]
    TimedOut,
    /// The peer received it and ended the stream without an answer.
    #[error("the peer did not answer")]
    Unanswered,
    /// It may have been received.
    #[error("the connection closed before the answer")]
    ConnectionClosed,
    /// The peer does not speak this protocol.
    #[error("the peer does not speak the exchange protocol")]
    Unsupported,
    /// The stream failed, or the answer was malformed or too large.
    #[error("the stream failed: {0}")]
    Stream(String),
}

/// Why an address could not be dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// Not tried again.
    #[error("not a multiaddress; write for instance /ip4/192.0.2.1/tcp/4001/p2p/<peer>")]
    Invalid,
    /// Not tried again.
    #[error("not an IP address with TCP, or with QUIC where that is on")]
    Unsupported,
    /// Not tried again.
    #[error("this is the node's own address")]
    Own,
    /// Not tried again.
    #[error("too many addresses are being dialled already")]
    TooMany,
    /// Tried again.
    #[error("not reached, will be tried again: {0}")]
    Unreachable(String),
}

/// The network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A listen address could not be used.
    #[error("cannot listen on {address}: {why}; choose another address in the configuration")]
    Listen {
        /// The address as configured.
        address: String,
        /// What the system said.
        why: String,
    },
    /// A part of the network stack refused its settings.
    #[error("cannot set up {part}: {why}")]
    Setup {
        /// Which part.
        part: &'static str,
        /// What it said.
        why: String,
    },
}

/// The network has ended; the node must end too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network task has ended; stop the node and look for the cause in its log")]
pub struct NetGone;

/// Orders for the network task. Clones are cheap; the task ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct NetHandle {
    commands: mpsc::Sender<NetCommand>,
    local: PeerKey,
}

impl NetHandle {
    /// Hands over one command, waiting while the queue is full.
    ///
    /// The wait is short whatever the caller does: the task drains commands even while nobody
    /// takes its events.
    ///
    /// # Errors
    ///
    /// [`NetGone`] when the task has ended.
    ///
    /// # Panics
    ///
    /// When called on a thread that runs async tasks; it belongs on a plain thread.
    pub fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        self.commands.blocking_send(command).map_err(|_| NetGone)
    }

    /// The transport key of this node.
    pub fn local_peer(&self) -> PeerKey {
        self.local
    }

    /// Waits for the end of the task, however it comes. The event channel is closed then as well.
    pub async fn closed(&self) {
        self.commands.closed().await;
    }
}

/// Starts the network on `runtime` and listens.
///
/// `transport_secret` is the ed25519 seed of the transport key. The task ends on
/// [`NetCommand::Shutdown`], when the receiver of `events` is dropped, or when the last handle is;
/// its end closes `events`.
///
/// # Errors
///
/// [`NetError`] when an address cannot be listened on or a setting is refused.
pub fn spawn(
    config: &NetConfig,
    transport_secret: [u8; 32],
    events: SyncSender<NetEvent>,
    runtime: &Handle,
) -> Result<NetHandle, NetError> {
    // The transports and mDNS register with the runtime while they are built.
    let _context = runtime.enter();
    let (swarm, local) = behaviour::build(config, transport_secret)?;
    let (commands, orders) = mpsc::channel(COMMANDS_MAX);
    runtime.spawn(task::Task::new(config, swarm, orders, events)?.run());
    Ok(NetHandle { commands, local })
}
