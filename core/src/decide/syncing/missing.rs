//! Parents that ops wait for (NET-41): the forwarder at once, two others, then a comparison; and
//! ever more rarely while they stay missing.

use super::Turn;
use super::comparing::MISSING_MAX;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::limits::PULL_EVERY_MS;
use crate::sync::backfill::Backfill;
use crate::sync::notes::is_recent;
use crate::timers::Timer;
use alloc::vec::Vec;

/// Wait before others are asked, in milliseconds; doubles…
const MISSING_MS: u64 = 1_000;
/// … up to this.
const MISSING_MS_MAX: u64 = 30_000;
/// How many others are asked before a comparison.
const OTHERS: usize = 2;

impl Turn<'_> {
    /// An op waits for parents: whoever forwarded it must have them.
    pub(in crate::decide) fn fetch_missing(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let due = self.now.mono.plus(MISSING_MS << self.desk(namespace).syncing.missing_attempts);
        let due = due.min(self.now.mono.plus(MISSING_MS_MAX));
        self.volatile.timers.set_if_earlier(Timer::Missing(namespace), due);
        self.ask_for_missing(namespace, peer);
    }

    /// Asks one peer for what is missing; false where it was asked just now, or is occupied.
    fn ask_for_missing(&mut self, namespace: NamespaceId, peer: PeerKey) -> bool {
        let now = self.now.mono;
        let syncing = &mut self.desk(namespace).syncing;
        let is_occupied = syncing.exchanges.contains_key(&peer)
            || syncing.notes.is_shunned(&peer, now)
            || is_recent(syncing.notes.of(&peer).asked_missing, PULL_EVERY_MS, now);
        if is_occupied {
            return false;
        }
        let want = self.missing(namespace);
        if want.is_empty() {
            return false;
        }
        self.begin_exchange(namespace, peer);
        self.desk(namespace).syncing.notes.entry(peer).asked_missing = Some(now);
        let list = Backfill::single(want, self.sketch(namespace));
        self.fetch(namespace, peer, list);
        true
    }

    /// Ids that ops wait for, as many as one question names.
    fn missing(&mut self, namespace: NamespaceId) -> Vec<OpId> {
        let Some(known) = self.open_namespace(&namespace) else { return Vec::new() };
        let missing = self.desk(namespace).pending.missing(MISSING_MAX);
        missing.into_iter().filter(|id| known.space.graph().find(id).is_none()).collect()
    }

    /// Something is missing still: others are asked.
    pub(in crate::decide) fn on_missing_due(&mut self, namespace: NamespaceId) {
        let missing = self.missing(namespace);
        let syncing = &mut self.desk(namespace).syncing;
        if missing.is_empty() {
            syncing.missing_attempts = 0;
            return;
        }
        let attempts = syncing.missing_attempts.saturating_add(1).min(16);
        syncing.missing_attempts = attempts;
        let wait = (MISSING_MS << attempts).min(MISSING_MS_MAX);
        self.volatile.timers.set(Timer::Missing(namespace), self.now.mono.plus(wait));
        let mut peers = self.partners(namespace);
        if attempts == 1 {
            let mut left = OTHERS;
            peers.retain(|peer| {
                let asked = left > 0 && self.ask_for_missing(namespace, *peer);
                left -= usize::from(asked);
                false
            });
        } else {
            let now = self.now.mono;
            let notes = &self.desk(namespace).syncing.notes;
            peers.retain(|peer| !notes.is_shunned(peer, now));
            if let Some(peer) = self.one_of(&peers) {
                self.compare_with(namespace, peer);
            }
            if let Some(peer) = self.one_of(&peers) {
                self.ask_for_missing(namespace, peer);
            }
        }
    }
}
