//! Who is connected, by which connections, and receives which topics.
//!
//! It also notices a peer that was killed and came back with the same identity before its old
//! connection was known to be dead. Gossipsub announces our topics on the *first* connection of a
//! peer only, so the new process would never hear of them. The cure is to close everything and
//! begin with a first connection again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

use super::allowance::{Allowance, Rates};
use super::{PeerKey, Topic};

/// A connection that breaks within this time of a newer one was the dead one of a restarted
/// process: it covers the time to find out, by silence on QUIC or by an unanswered ping on TCP,
/// and ends before a spare connection of a simultaneous dial idles out.
const RESTART_WINDOW: Duration = Duration::from_secs(25);

/// While holes are punched, a peer opens direct connections one after the other: three attempts
/// from both ends, of which the slow ones come through late, each after up to 10 s. None of them
/// tells of a restart within this time of the relayed connection.
const PUNCHING: Duration = Duration::from_secs(40);

/// Most peers that are gone and whose allowance is kept. Whoever has more identities than this has
/// as many allowances anyway.
const GONE_MAX: usize = 1_024;

struct Peer {
    key: PeerKey,
    connections: BTreeMap<ConnectionId, (Via, Instant)>,
    topics: BTreeSet<Topic>,
    /// Those of its topics that were reported, all of them ours.
    told: BTreeSet<Topic>,
    allowance: Allowance,
    since: Instant,
    /// When it was last connected over a relay.
    relayed: Option<Instant>,
    restarted: bool,
}

/// How a connection leads to its peer. A direct one that joins a relayed one, and a relayed one
/// that ends beside a direct one, are what was wanted, and say nothing about a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// Without anybody between.
    Direct,
    /// Over a relay.
    Relay,
}

/// What a new connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// The peer is connected now.
    First,
    /// It was before; both ends dialled at once.
    Spare,
    /// It was before, and has restarted since: close all of its connections.
    Restarted,
}

/// What a closed connection means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// Nothing: the peer has others, or was never accepted.
    Nothing,
    /// It was the dead end of a restarted peer: close the others.
    Restarted,
    /// The peer is gone.
    Last {
        key: PeerKey,
        /// The topics that were reported.
        topics: BTreeSet<Topic>,
        /// For how long it was connected.
        lived: Duration,
        /// Whether it is there all the same, and waits to be dialled.
        restarted: bool,
    },
}

/// The connected peers.
pub(super) struct Peers {
    connected: BTreeMap<PeerId, Peer>,
    /// What is left to peers that are gone, until it is full again: who connects anew gets no new
    /// one (NET-3).
    gone: BTreeMap<PeerId, Allowance>,
    settled_after: Duration,
    rates: Rates,
}

impl Peers {
    pub(super) fn new(settled_after: Duration, rates: Rates) -> Self {
        Self { connected: BTreeMap::new(), gone: BTreeMap::new(), settled_after, rates }
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.connected.contains_key(peer)
    }

    pub(super) fn connected(&self) -> impl Iterator<Item = PeerId> {
        self.connected.keys().copied()
    }

    pub(super) fn opened(
        &mut self,
        peer: PeerId,
        key: PeerKey,
        (connection, via): (ConnectionId, Via),
        now: Instant,
    ) -> Opened {
        let (rates, gone) = (self.rates, &mut self.gone);
        let known = self.connected.entry(peer).or_insert_with(|| Peer {
            key,
            connections: BTreeMap::new(),
            topics: BTreeSet::new(),
            told: BTreeSet::new(),
            allowance: gone.remove(&peer).unwrap_or_else(|| Allowance::new(rates, now)),
            since: now,
            relayed: None,
            restarted: false,
        });
        if via == Via::Relay {
            known.relayed = Some(now);
        }
        if known.connections.insert(connection, (via, now)).is_none()
            && known.connections.len() == 1
        {
            return Opened::First;
        }
        let alike =
            known.connections.iter().filter(|(id, (other, _))| **id != connection && *other == via);
        let Some(oldest) = alike.map(|(_, (_, since))| *since).min() else { return Opened::Spare };
        let since = |then| now.saturating_duration_since(then);
        let relayed = known.relayed.filter(|_| via == Via::Direct);
        let is_punching = relayed.is_some_and(|relayed| since(relayed) < PUNCHING);
        if is_punching || since(oldest) < self.settled_after {
            return Opened::Spare;
        }
        known.restarted = true;
        Opened::Restarted
    }

    /// A peer answers on a connection. Those that lead over a relay, unless that one does too.
    pub(super) fn relayed_beside(
        &self,
        peer: &PeerId,
        answering: ConnectionId,
    ) -> Vec<ConnectionId> {
        let Some(known) = self.connected.get(peer) else { return Vec::new() };
        let via = known.connections.get(&answering).map(|(via, _)| *via);
        if via != Some(Via::Direct) {
            return Vec::new();
        }
        let relayed = known.connections.iter().filter(|(_, (via, _))| *via == Via::Relay);
        relayed.map(|(connection, _)| *connection).collect()
    }

    /// `broken` tells an error of the connection from an orderly end.
    pub(super) fn closed(
        &mut self,
        peer: &PeerId,
        connection: ConnectionId,
        broken: bool,
        now: Instant,
    ) -> Closed {
        let Some(known) = self.connected.get_mut(peer) else { return Closed::Nothing };
        let opened = known.connections.remove(&connection);
        if let Some(newest) = known.connections.values().map(|(_, since)| *since).max() {
            let newer = opened.is_some_and(|(via, opened)| via == Via::Direct && opened <= newest);
            let young = now.saturating_duration_since(newest) < RESTART_WINDOW;
            if !(broken && newer && young) {
                return Closed::Nothing;
            }
            known.restarted = true;
            return Closed::Restarted;
        }
        let Some(gone) = self.connected.remove(peer) else { return Closed::Nothing };
        self.keep(*peer, gone.allowance, now);
        Closed::Last {
            key: gone.key,
            topics: gone.told,
            lived: now.saturating_duration_since(gone.since),
            restarted: gone.restarted,
        }
    }

    /// Keeps what is left to a peer that is gone, in place of what is full again (NET-3).
    fn keep(&mut self, peer: PeerId, allowance: Allowance, now: Instant) {
        let rates = self.rates;
        self.gone.insert(peer, allowance);
        self.gone.retain(|_, allowance| !allowance.is_full(rates, now));
        if self.gone.len() > GONE_MAX {
            self.gone.pop_first();
        }
    }

    /// Notes a topic of a peer. The key of the peer, if that is to be reported: it is connected,
    /// the topic is ours, and this is news (NET-4).
    pub(super) fn subscribed(
        &mut self,
        peer: &PeerId,
        topic: Topic,
        is_ours: bool,
    ) -> Option<PeerKey> {
        let known = self.connected.get_mut(peer)?;
        known.topics.insert(topic);
        (is_ours && known.told.insert(topic)).then_some(known.key)
    }

    /// The key of the peer, if this is the end of what was reported (NET-4).
    pub(super) fn unsubscribed(&mut self, peer: &PeerId, topic: Topic) -> Option<PeerKey> {
        let known = self.connected.get_mut(peer)?;
        known.topics.remove(&topic);
        known.told.remove(&topic).then_some(known.key)
    }

    /// A topic is ours now. The peers that had it before.
    pub(super) fn entered(&mut self, topic: Topic) -> Vec<PeerKey> {
        let with = self.connected.values_mut().filter(|known| known.topics.contains(&topic));
        with.filter_map(|known| known.told.insert(topic).then_some(known.key)).collect()
    }

    /// A topic is ours no longer. The peers for which that is the end of what was reported.
    pub(super) fn left(&mut self, topic: Topic) -> Vec<PeerKey> {
        let told = self.connected.values_mut();
        told.filter_map(|known| known.told.remove(&topic).then_some(known.key)).collect()
    }

    /// Whether a peer may make us take in a message with so many bytes now (NET-3).
    pub(super) fn allows(&mut self, peer: &PeerId, bytes: usize, now: Instant) -> bool {
        let rates = self.rates;
        self.connected.get_mut(peer).is_some_and(|known| known.allowance.take(bytes, rates, now))
    }

    /// A peer answered a question of ours (NET-3).
    pub(super) fn answered(&mut self, peer: &PeerId, now: Instant) {
        if let Some(known) = self.connected.get_mut(peer) {
            known.allowance.answered(self.rates, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PeerKey = PeerKey([1; 32]);
    const SECOND: Duration = Duration::from_secs(1);
    const RATES: Rates = Rates { bytes: 1_000, messages: 1_000 };

    fn peer() -> PeerId {
        PeerId::from_bytes(&[0, 1, 0]).unwrap()
    }

    fn connection(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    fn direct(number: usize) -> (ConnectionId, Via) {
        (connection(number), Via::Direct)
    }

    #[test]
    fn a_direct_connection_that_takes_over_from_a_relayed_one_is_no_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        let relayed = (connection(1), Via::Relay);
        assert_eq!(peers.opened(peer(), KEY, relayed, start), Opened::First);
        let later = start + 60 * SECOND;
        assert_eq!(peers.opened(peer(), KEY, direct(2), later), Opened::Spare);
        assert_eq!(peers.closed(&peer(), connection(1), true, later), Closed::Nothing);
        assert_eq!(peers.opened(peer(), KEY, direct(3), later + 3 * SECOND), Opened::Restarted);
    }

    #[test]
    fn a_slow_attempt_to_punch_a_hole_that_comes_through_late_is_no_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        assert_eq!(peers.opened(peer(), KEY, (connection(1), Via::Relay), start), Opened::First);
        assert_eq!(peers.opened(peer(), KEY, direct(2), start), Opened::Spare);
        assert_eq!(peers.closed(&peer(), connection(1), false, start + SECOND), Closed::Nothing);
        assert_eq!(peers.opened(peer(), KEY, direct(3), start + 9 * SECOND), Opened::Spare);
        assert_eq!(peers.opened(peer(), KEY, direct(4), start + PUNCHING), Opened::Restarted);
        // One that comes over a relay again is.
        let again = (connection(5), Via::Relay);
        assert_eq!(peers.opened(peer(), KEY, again, start + PUNCHING), Opened::Spare);
        let again = (connection(6), Via::Relay);
        let later = start + PUNCHING + 3 * SECOND;
        assert_eq!(peers.opened(peer(), KEY, again, later), Opened::Restarted);
    }

    #[test]
    fn relayed_connections_have_served_when_a_direct_one_answers() {
        let now = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        let beside = |peers: &Peers, number| peers.relayed_beside(&peer(), connection(number));
        assert_eq!(beside(&peers, 1), []);
        peers.opened(peer(), KEY, (connection(1), Via::Relay), now);
        peers.opened(peer(), KEY, (connection(2), Via::Relay), now);
        assert_eq!(beside(&peers, 1), []);
        peers.opened(peer(), KEY, direct(3), now);
        assert_eq!(beside(&peers, 1), [], "the direct one has not answered");
        assert_eq!(beside(&peers, 3), [connection(1), connection(2)]);
        assert_eq!(beside(&peers, 4), [], "it is closed");
    }

    #[test]
    fn both_ends_dialling_at_once_is_no_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        assert_eq!(peers.opened(peer(), KEY, direct(1), start), Opened::First);
        assert_eq!(peers.opened(peer(), KEY, direct(2), start + SECOND), Opened::Spare);
        let later = start + 60 * SECOND;
        assert_eq!(peers.closed(&peer(), connection(1), true, later), Closed::Nothing);
    }

    #[test]
    fn a_connection_beside_a_settled_one_is_a_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        peers.opened(peer(), KEY, direct(1), start);
        let later = start + 3 * SECOND;
        assert_eq!(peers.opened(peer(), KEY, direct(2), later), Opened::Restarted);
        assert_eq!(peers.closed(&peer(), connection(2), false, later), Closed::Nothing);
        let gone = peers.closed(&peer(), connection(1), false, later);
        assert!(matches!(gone, Closed::Last { restarted: true, .. }));
    }

    #[test]
    fn an_older_connection_that_breaks_beside_a_young_one_is_a_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        peers.opened(peer(), KEY, direct(1), start);
        peers.opened(peer(), KEY, direct(2), start + SECOND);
        let later = start + 4 * SECOND;
        assert_eq!(peers.closed(&peer(), connection(1), true, later), Closed::Restarted);
    }

    #[test]
    fn an_orderly_end_or_the_end_of_the_newer_one_is_no_restart() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        for number in 1..=3 {
            peers.opened(peer(), KEY, direct(number), start + SECOND);
        }
        assert_eq!(peers.closed(&peer(), connection(1), false, start), Closed::Nothing);
        peers.opened(peer(), KEY, direct(4), start + 2 * SECOND);
        assert_eq!(peers.closed(&peer(), connection(4), true, start), Closed::Nothing);
    }

    #[test]
    fn net_4_the_last_connection_takes_the_topics_along() {
        let start = Instant::now();
        let topic = Topic([7; 32]);
        let mut peers = Peers::new(3 * SECOND, RATES);
        assert_eq!(peers.subscribed(&peer(), topic, true), None);
        peers.opened(peer(), KEY, direct(1), start);
        assert_eq!(peers.subscribed(&peer(), topic, true), Some(KEY));
        assert_eq!(peers.subscribed(&peer(), topic, true), None);
        assert_eq!(peers.subscribed(&peer(), Topic([8; 32]), false), None);
        let gone = peers.closed(&peer(), connection(1), true, start + SECOND);
        assert_eq!(
            gone,
            Closed::Last { key: KEY, topics: [topic].into(), lived: SECOND, restarted: false }
        );
        assert!(!peers.is_connected(&peer()));
        assert_eq!(peers.unsubscribed(&peer(), topic), None);
    }

    #[test]
    fn net_4_a_topic_of_a_peer_is_told_while_it_is_ours() {
        let topic = Topic([7; 32]);
        let mut peers = Peers::new(3 * SECOND, RATES);
        peers.opened(peer(), KEY, direct(1), Instant::now());
        assert_eq!(peers.subscribed(&peer(), topic, false), None);
        assert_eq!(peers.entered(Topic([8; 32])), []);
        assert_eq!(peers.entered(topic), [KEY]);
        assert_eq!(peers.entered(topic), []);
        assert_eq!(peers.left(topic), [KEY]);
        assert_eq!(peers.left(topic), []);
        assert_eq!(peers.entered(topic), [KEY], "it is there all the same");
        assert_eq!(peers.unsubscribed(&peer(), topic), Some(KEY));
        assert_eq!(peers.entered(topic), []);
    }

    #[test]
    fn net_3_a_peer_has_its_own_allowance_while_it_is_connected() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        assert!(!peers.allows(&peer(), 1, start));
        peers.opened(peer(), KEY, direct(1), start);
        assert!(peers.allows(&peer(), 4_000, start));
        peers.opened(peer(), KEY, direct(2), start);
        assert!(!peers.allows(&peer(), 1, start));
    }

    #[test]
    fn net_3_who_connects_anew_has_the_allowance_of_before() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        for number in 1..=5 {
            peers.opened(peer(), KEY, direct(number), start);
            assert_eq!(peers.allows(&peer(), 4_000, start), number == 1, "{number}");
            peers.closed(&peer(), connection(number), false, start);
        }
        let later = start + SECOND;
        peers.opened(peer(), KEY, direct(6), later);
        assert!(!peers.allows(&peer(), 1_001, later), "it fills while its peer is away");
        assert!(peers.allows(&peer(), 1_000, later));
    }

    #[test]
    fn net_3_only_what_is_not_full_is_kept_and_not_of_everybody() {
        let start = Instant::now();
        let mut peers = Peers::new(3 * SECOND, RATES);
        let visit = |peers: &mut Peers, number: u16, bytes, now| {
            let [low, high] = number.to_le_bytes();
            let peer = PeerId::from_bytes(&[0, 2, low, high]).unwrap();
            peers.opened(peer, KEY, direct(1), now);
            assert!(peers.allows(&peer, bytes, now));
            peers.closed(&peer, connection(1), false, now);
        };
        let most = u16::try_from(GONE_MAX).unwrap();
        (0..most + 9).for_each(|number| visit(&mut peers, number, 4_000, start));
        assert_eq!(peers.gone.len(), GONE_MAX);
        visit(&mut peers, 0, 4, start + 4 * SECOND);
        assert_eq!(peers.gone.len(), 1, "the others are full again");
    }
}
