//! Waiting for our own lists: a peer keeps places for two of them in all namespaces (NET-45).

use super::Turn;
use crate::id::{NamespaceId, PeerKey};
use crate::limits::{LIST_IDLE_MS, LIST_KEPT_MS};
use crate::sync::exchange::{Exchange, Stage};
use crate::timers::Timer;
use crate::wire::Refused;

impl Turn<'_> {
    /// A peer has no place for a list while we read others of it elsewhere: those come first, and
    /// none of that is a refusal. A join has a deadline, and asks somebody else.
    pub(super) fn queues(&mut self, namespace: NamespaceId, peer: PeerKey, why: &Refused) -> bool {
        let now = self.now.mono;
        let has_time = self.open_namespace(&namespace).is_some_and(|known| known.join.is_none());
        let others = self.volatile.desks.iter().filter(|(other, _)| **other != namespace);
        let mut of_peer = others.filter_map(|(_, desk)| desk.syncing.exchanges.get(&peer));
        let may_wait = *why == Refused::Busy && has_time && of_peer.any(Exchange::is_fetching);
        let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
        let Some(exchange) = exchange.filter(|exchange| may_wait && exchange.is_fetching()) else {
            return false;
        };
        exchange.stage = Stage::Waiting(Refused::Busy);
        exchange.queued = Some(now);
        // Each end of another sets an earlier time; this is for the case that none comes.
        self.volatile.timers.set(Timer::Retry(namespace, peer), now.plus(LIST_IDLE_MS));
        true
    }

    /// An exchange with a peer has ended: whichever of ours has waited longest for a place comes
    /// next, as soon as the peer can give it the one that is free.
    pub(super) fn next_in_queue(&mut self, peer: PeerKey) {
        let at = self.now.mono.plus(LIST_KEPT_MS);
        let desks = self.volatile.desks.iter_mut();
        let queued = desks.filter_map(|(namespace, desk)| {
            let exchange = desk.syncing.exchanges.get_mut(&peer)?;
            exchange.is_waiting().then_some(())?;
            Some((exchange.queued?, *namespace, exchange))
        });
        let Some((_, namespace, exchange)) = queued.min_by_key(|(since, ..)| *since) else {
            return;
        };
        exchange.queued = None;
        self.volatile.timers.set_if_earlier(Timer::Retry(namespace, peer), at);
    }
}
