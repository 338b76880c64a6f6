//! Requests in flight, ours and theirs.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use libp2p::request_response::{OutboundFailure, OutboundRequestId, ResponseChannel};

use super::{ExchangeId, PeerKey, RequestFailure};

/// Most requests in flight, in each direction.
pub(super) const IN_FLIGHT_MAX: usize = 1_024;

/// The way back for an answer.
type Channel = ResponseChannel<Vec<u8>>;

/// The requests that have not ended.
pub(super) struct Exchanges {
    ours: BTreeMap<OutboundRequestId, (ExchangeId, PeerKey)>,
    theirs: BTreeMap<ExchangeId, (Channel, Instant)>,
    next: u64,
    timeout: Duration,
}

impl Exchanges {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { ours: BTreeMap::new(), theirs: BTreeMap::new(), next: 0, timeout }
    }

    /// Whether another request of ours may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.ours.len() < IN_FLIGHT_MAX
    }

    /// Notes a request of ours. The protocol ends each of them, so the entry is removed by
    /// [`Exchanges::ended`].
    pub(super) fn sent(&mut self, request: OutboundRequestId, exchange: ExchangeId, peer: PeerKey) {
        self.ours.insert(request, (exchange, peer));
    }

    /// A request of ours was answered or failed.
    pub(super) fn ended(&mut self, request: OutboundRequestId) -> Option<(ExchangeId, PeerKey)> {
        self.ours.remove(&request)
    }

    /// Names a request of theirs; `None` if too many wait, and then the peer hears so at once,
    /// because its channel is dropped.
    pub(super) fn received(&mut self, channel: Channel, now: Instant) -> Option<ExchangeId> {
        if self.theirs.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let exchange = ExchangeId(self.next);
        self.next += 1;
        self.theirs.insert(exchange, (channel, now));
        Some(exchange)
    }

    /// Takes out a request of theirs to answer it; `None` if that is too late.
    pub(super) fn respond(&mut self, exchange: ExchangeId) -> Option<Channel> {
        self.theirs.remove(&exchange).map(|(channel, _)| channel)
    }

    /// Drops the requests of theirs that nobody answered in time or nobody waits for any more.
    pub(super) fn expire(&mut self, now: Instant) {
        self.theirs.retain(|_, (channel, since)| {
            channel.is_open() && now.saturating_duration_since(*since) < self.timeout
        });
    }
}

impl From<OutboundFailure> for RequestFailure {
    fn from(failure: OutboundFailure) -> Self {
        match failure {
            OutboundFailure::DialFailure => Self::NotConnected,
            OutboundFailure::Timeout => Self::TimedOut,
            OutboundFailure::ConnectionClosed => Self::ConnectionClosed,
            OutboundFailure::UnsupportedProtocols => Self::Unsupported,
            OutboundFailure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Unanswered
            }
            OutboundFailure::Io(error) => Self::Stream(error.to_string()),
        }
    }
}
