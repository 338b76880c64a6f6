//! Requests in flight, ours and theirs.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use libp2p::request_response::{OutboundFailure, OutboundRequestId, ResponseChannel};

use super::{ExchangeId, PeerKey, RequestFailure};

/// Most requests of ours that wait or are in flight, and most of theirs that wait for an answer.
const IN_FLIGHT_MAX: usize = 1_024;
/// Most of ours to one peer among them: one that does not answer takes no other's place.
const OF_PEER_MAX: usize = 64;
const UNANSWERED_MAX: usize = 512;

/// The way back for an answer.
type Channel = ResponseChannel<Vec<u8>>;

/// A request of ours.
pub(super) struct Question {
    pub(super) exchange: ExchangeId,
    pub(super) bytes: Vec<u8>,
    pub(super) since: Instant,
}

/// Our requests to one peer.
#[derive(Default)]
struct Line {
    in_flight: usize,
    waiting: VecDeque<Question>,
}

impl Line {
    fn len(&self) -> usize {
        self.in_flight + self.waiting.len()
    }
}

/// A request of theirs that has no answer yet.
struct Unanswered {
    channel: Channel,
    peer: PeerKey,
    since: Instant,
}

/// The requests that have not ended.
pub(super) struct Exchanges {
    lines: BTreeMap<PeerKey, Line>,
    ours: BTreeMap<OutboundRequestId, (Question, PeerKey)>,
    waiting: usize,
    theirs: BTreeMap<ExchangeId, Unanswered>,
    next: u64,
    per_peer_max: usize,
    timeout: Duration,
}

impl Exchanges {
    /// `per_peer_max` counts both directions; a half is for ours, so that two nodes with the same
    /// settings never ask more of each other than is served.
    pub(super) fn new(per_peer_max: usize, timeout: Duration) -> Self {
        Self {
            lines: BTreeMap::new(),
            ours: BTreeMap::new(),
            waiting: 0,
            theirs: BTreeMap::new(),
            next: 0,
            per_peer_max,
            timeout,
        }
    }

    /// Puts a request of ours in line, unless there are too many, or too many to this peer (NET-3).
    pub(super) fn wait(&mut self, peer: PeerKey, question: Question) -> bool {
        let of_peer = self.lines.get(&peer).map_or(0, Line::len);
        if of_peer >= OF_PEER_MAX || self.ours.len() + self.waiting >= IN_FLIGHT_MAX {
            return false;
        }
        self.waiting += 1;
        self.lines.entry(peer).or_default().waiting.push_back(question);
        true
    }

    /// The next request of ours that may be sent to a peer.
    pub(super) fn next(&mut self, peer: PeerKey) -> Option<Question> {
        let most = (self.per_peer_max / 2).max(1);
        let line = self.lines.get_mut(&peer).filter(|line| line.in_flight < most)?;
        let question = line.waiting.pop_front()?;
        self.waiting -= 1;
        self.tidy(peer);
        Some(question)
    }

    /// Notes a request of ours. The protocol ends each of them, so the entry is removed by
    /// [`Exchanges::ended`].
    pub(super) fn sent(&mut self, request: OutboundRequestId, question: Question, peer: PeerKey) {
        self.lines.entry(peer).or_default().in_flight += 1;
        self.ours.insert(request, (question, peer));
    }

    /// A request of ours was answered or failed.
    pub(super) fn ended(&mut self, request: OutboundRequestId) -> Option<(Question, PeerKey)> {
        let (question, peer) = self.ours.remove(&request)?;
        if let Some(line) = self.lines.get_mut(&peer) {
            line.in_flight = line.in_flight.saturating_sub(1);
        }
        self.tidy(peer);
        Some((question, peer))
    }

    /// Puts a request first in line that has ended with its connection, unless it has taken too
    /// long by now.
    pub(super) fn again(&mut self, peer: PeerKey, question: Question, now: Instant) -> bool {
        let is_late = now.saturating_duration_since(question.since) >= self.timeout;
        if !is_late {
            self.waiting += 1;
            self.lines.entry(peer).or_default().waiting.push_front(question);
        }
        !is_late
    }

    fn tidy(&mut self, peer: PeerKey) {
        let is_idle = |line: &Line| line.in_flight == 0 && line.waiting.is_empty();
        if self.lines.get(&peer).is_some_and(is_idle) {
            self.lines.remove(&peer);
        }
    }

    /// Names a request of theirs; `None` if too many wait, and then the peer hears so at once,
    /// because its channel is dropped.
    pub(super) fn received(
        &mut self,
        peer: PeerKey,
        channel: Channel,
        now: Instant,
    ) -> Option<ExchangeId> {
        let of_peer = self.theirs.values().filter(|unanswered| unanswered.peer == peer).count();
        if of_peer >= self.per_peer_max || self.theirs.len() >= UNANSWERED_MAX {
            return None;
        }
        let exchange = ExchangeId(self.next);
        self.next += 1;
        self.theirs.insert(exchange, Unanswered { channel, peer, since: now });
        Some(exchange)
    }

    /// Takes out a request of theirs to answer it, or not; `None` if that is too late.
    pub(super) fn respond(&mut self, exchange: ExchangeId) -> Option<Channel> {
        self.theirs.remove(&exchange).map(|unanswered| unanswered.channel)
    }

    /// Drops the requests of theirs that nobody answered in time or nobody waits for any more, and
    /// gives those of ours that waited too long for a stream.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(PeerKey, ExchangeId)> {
        let is_late = |since: Instant| now.saturating_duration_since(since) >= self.timeout;
        self.theirs
            .retain(|_, unanswered| unanswered.channel.is_open() && !is_late(unanswered.since));
        let mut late = Vec::new();
        for (peer, line) in &mut self.lines {
            while line.waiting.front().is_some_and(|question| is_late(question.since)) {
                late.extend(line.waiting.pop_front().map(|question| (*peer, question.exchange)));
            }
        }
        self.waiting -= late.len();
        for (peer, _) in &late {
            self.tidy(*peer);
        }
        late
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
            OutboundFailure::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::TimedOut,
            OutboundFailure::Io(error) => Self::Stream(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(exchanges: &mut Exchanges, peer: PeerKey, since: Instant) -> bool {
        exchanges.wait(peer, Question { exchange: ExchangeId(0), bytes: Vec::new(), since })
    }

    #[test]
    fn net_3_peers_that_do_not_answer_leave_room_for_others() {
        let timeout = Duration::from_secs(30);
        let mut exchanges = Exchanges::new(32, timeout);
        let now = Instant::now();
        let [first, second, third] = [1, 2, 3].map(|peer| PeerKey([peer; 32]));
        for peer in [first, second] {
            let taken = (0..2000).filter(|_| wait(&mut exchanges, peer, now)).count();
            assert_eq!(taken, OF_PEER_MAX);
        }
        // What was handed on to be sent is replaced, for it was counted when it waited.
        assert!(exchanges.next(first).is_some());
        assert!(wait(&mut exchanges, first, now));
        assert!(!wait(&mut exchanges, first, now));
        assert!(wait(&mut exchanges, third, now));
        assert_eq!(exchanges.expire(now + timeout).len(), 2 * OF_PEER_MAX + 1);
        assert!(wait(&mut exchanges, first, now + timeout));
    }

    #[test]
    fn a_request_that_is_asked_again_comes_first_and_has_no_more_time_than_before() {
        let timeout = Duration::from_secs(30);
        let mut exchanges = Exchanges::new(2, timeout);
        let (peer, since) = (PeerKey([1; 32]), Instant::now());
        let question = |number| Question { exchange: ExchangeId(number), bytes: vec![], since };
        assert!(exchanges.wait(peer, question(2)));
        assert!(exchanges.again(peer, question(1), since + timeout / 2));
        assert_eq!(exchanges.next(peer).unwrap().exchange, ExchangeId(1));
        assert!(!exchanges.again(peer, question(1), since + timeout));
        assert_eq!(exchanges.expire(since + timeout), [(peer, ExchangeId(2))]);
    }

    #[test]
    fn net_3_all_peers_together_have_a_limit() {
        let mut exchanges = Exchanges::new(32, Duration::from_secs(30));
        let peers = (0..100).map(|peer| PeerKey([peer; 32]));
        let now = Instant::now();
        let taken = peers.flat_map(|peer| [peer; 100]);
        let taken = taken.filter(|peer| wait(&mut exchanges, *peer, now)).count();
        assert_eq!(taken, IN_FLIGHT_MAX);
    }
}
