//! Requests and responses.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::request_response::{self, OutboundRequestId};

use super::super::behaviour::{peer_id, peer_key};
use super::super::exchange::Question;
use super::super::{EXCHANGE_BYTES_MAX, ExchangeId, NetEvent, PeerKey, RequestFailure};
use super::Task;

impl Task {
    /// Asks a connected peer: at once, or as soon as an earlier question to it has ended.
    pub(super) fn request(&mut self, exchange: ExchangeId, peer: PeerKey, bytes: Vec<u8>) {
        let size = bytes.len();
        let refused = if self.receiver(&peer).is_none() {
            Some(RequestFailure::NotConnected)
        } else if size > EXCHANGE_BYTES_MAX {
            Some(RequestFailure::TooLarge(size))
        } else {
            let question = Question { exchange, bytes, since: Instant::now() };
            (!self.exchanges.wait(peer, question)).then_some(RequestFailure::Busy)
        };
        match refused {
            Some(why) => self.outbox.push(NetEvent::RequestFailed { exchange, peer, why }),
            None => self.ask_next(peer),
        }
    }

    /// Sends what waits for a peer, as far as there are streams for it.
    fn ask_next(&mut self, peer: PeerKey) {
        while let Some(question) = self.exchanges.next(peer) {
            if let Some(receiver) = self.receiver(&peer) {
                let protocol = &mut self.swarm.behaviour_mut().exchange;
                let request = protocol.send_request(&receiver, question.bytes.clone());
                self.exchanges.sent(request, question, peer);
            } else {
                let (exchange, why) = (question.exchange, RequestFailure::NotConnected);
                self.outbox.push(NetEvent::RequestFailed { exchange, peer, why });
            }
        }
    }

    /// A request of ours came to nothing. One whose connection has closed beside others is asked
    /// again over one of those: the peer is there, and nobody has refused anything.
    fn on_failure(&mut self, request: OutboundRequestId, why: RequestFailure, now: Instant) {
        let Some((question, peer)) = self.exchanges.ended(request) else { return };
        let exchange = question.exchange;
        let may_go_on = why == RequestFailure::ConnectionClosed && self.receiver(&peer).is_some();
        if !(may_go_on && self.exchanges.again(peer, question, now)) {
            self.outbox.push(NetEvent::RequestFailed { exchange, peer, why });
        }
        self.ask_next(peer);
    }

    /// To an unconnected peer the protocol would dial on its own.
    fn receiver(&self, peer: &PeerKey) -> Option<PeerId> {
        let protocol = &self.swarm.behaviour().exchange;
        peer_id(peer).filter(|peer| protocol.is_connected(peer))
    }

    pub(super) fn expire_requests(&mut self, now: Instant) {
        for (peer, exchange) in self.exchanges.expire(now) {
            let why = RequestFailure::TimedOut;
            self.outbox.push(NetEvent::RequestFailed { exchange, peer, why });
        }
    }

    pub(super) fn respond(&mut self, exchange: ExchangeId, bytes: Vec<u8>) {
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

    pub(super) fn on_exchange(
        &mut self,
        event: request_response::Event<Vec<u8>, Vec<u8>>,
        now: Instant,
    ) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let Some(key) = peer_key(&peer) else { return };
                // NET-3. Without its channel the stream ends, and the peer hears so.
                let exchange = self
                    .peers
                    .allows(&peer, request.len(), now)
                    .then(|| self.exchanges.received(key, channel, now))
                    .flatten();
                if let Some(exchange) = exchange {
                    let (peer, bytes) = (key, request);
                    self.outbox.push(NetEvent::RequestReceived { exchange, peer, bytes });
                } else {
                    tracing::debug!(%peer, "request refused: too much at once");
                }
            }
            Event::Message {
                peer, message: Message::Response { request_id, response }, ..
            } => {
                self.peers.answered(&peer, now);
                if let Some((question, peer)) = self.exchanges.ended(request_id) {
                    let (exchange, bytes) = (question.exchange, response);
                    self.outbox.push(NetEvent::ResponseReceived { exchange, peer, bytes });
                    self.ask_next(peer);
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                self.on_failure(request_id, error.into(), now);
            }
            Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "request of a peer failed");
            }
            Event::ResponseSent { .. } => {}
        }
    }
}
