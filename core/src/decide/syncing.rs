//! Plain exchange of heads, and fetching what is missing (NET-40 to NET-44 in their first form).

use super::Turn;
use crate::effect::Effect;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::limits::{COMPARE_EVERY_MS, PAGE_OPS_MAX, REQUEST_MS_MAX};
use crate::requests::Purpose;
use crate::signed::{Malformed, Op, Verified, rules_of};
use crate::state::{NextPage, Source};
use crate::sync::Verdict;
use crate::timers::Timer;
use crate::wire::{self, Ranges, Request};
use alloc::vec::Vec;

/// While more ops than this wait to be judged, no further page is asked for.
const READY_LOW: usize = 1024;
/// Ops in one page.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const PAGE_COUNT: u32 = PAGE_OPS_MAX as u32;
/// Most missing ids in one question.
const MISSING_MAX: usize = 1024;

/// What a peer says that it has.
pub(super) struct Heads {
    pub(super) heads: wire::Heads,
    pub(super) state_root: [u8; 32],
    pub(super) knows_ours: bool,
}

/// A page of ops that a peer sent.
pub(super) struct Page {
    pub(super) ops: Vec<Verified<Op>>,
    pub(super) count: u64,
    pub(super) refused: Option<Malformed>,
    pub(super) newer: Vec<Vec<u8>>,
    pub(super) total: u64,
}

impl Turn<'_> {
    pub(super) fn on_subscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        self.volatile.peers.entry(peer).or_default().insert(namespace);
        if self.open_namespace(&namespace).is_some() {
            self.see_member(namespace, peer);
            self.challenge(namespace, peer);
            self.compare_with(namespace, peer);
        }
    }

    pub(super) fn on_unsubscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        if let Some(topics) = self.volatile.peers.get_mut(&peer) {
            topics.remove(&namespace);
        }
        self.forget_identity(namespace, peer);
    }

    pub(super) fn on_disconnected(&mut self, peer: PeerKey) {
        self.volatile.peers.remove(&peer);
        self.volatile.budgets.forget(peer);
        self.forget_identities(peer);
        for desk in self.volatile.desks.values_mut() {
            desk.fetching.remove(&peer);
            desk.next_pages.retain(|page| page.peer != peer);
        }
        self.lose_partner(peer);
    }

    /// Connected peers that take part in a namespace (NET-4).
    pub(super) fn peers_of(&self, namespace: NamespaceId) -> Vec<PeerKey> {
        let peers = self.volatile.peers.iter();
        peers.filter(|(_, topics)| topics.contains(&namespace)).map(|(peer, _)| *peer).collect()
    }

    /// Asks a peer, with a deadline.
    pub(super) fn ask(&mut self, purpose: Purpose, peer: PeerKey, question: Request) {
        let request = self.volatile.requests.open(purpose);
        let deadline = self.now.mono.plus(REQUEST_MS_MAX);
        self.volatile.timers.set(Timer::Request(request), deadline);
        self.effect(Effect::Ask { request, peer, question });
    }

    /// Compares heads with a peer; nothing that it claims is believed, only looked up.
    pub(super) fn compare_with(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let heads = wire::Heads::truncated(known.space.heads());
        let purpose = Purpose::Compare { namespace, peer };
        self.ask(purpose, peer, Request::Heads { namespace, heads, common: None });
    }

    pub(super) fn on_compare_due(&mut self, namespace: NamespaceId) {
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        let now = self.now.mono;
        self.volatile.timers.set(Timer::Compare(namespace), now.plus(COMPARE_EVERY_MS));
        let peers = self.peers_of(namespace);
        let pick = self.volatile.prng.below(peers.len() as u64);
        let peer = usize::try_from(pick).ok().and_then(|pick| peers.get(pick));
        if let Some(peer) = peer.copied() {
            self.compare_with(namespace, peer);
        }
    }

    /// A peer named its heads: what we lack of them is fetched from it (NET-12: heads, never
    /// counters).
    pub(super) fn on_heads(&mut self, namespace: NamespaceId, peer: PeerKey, theirs: Heads) {
        let Heads { heads, .. } = theirs;
        let Some(known) = self.open_namespace(&namespace) else { return };
        let graph = known.space.graph();
        let desk = self.volatile.desks.get(&namespace);
        let settled = |id: &OpId| {
            desk.is_some_and(|desk| desk.pending.contains(id) || desk.refused.contains(id))
        };
        let lacks = |id: &&OpId| graph.find(id).is_none() && !settled(id);
        let want: Vec<OpId> = heads.iter().filter(lacks).copied().collect();
        if !want.is_empty() {
            self.fetch(namespace, peer, want);
        } else if heads.iter().all(|id| graph.find(id).is_some()) {
            let root = known.space.view().state_root();
            let verdict = Verdict::InSync { heads: known.space.heads(), root };
            self.on_sync_ended(namespace, peer, &verdict);
        }
        self.wake_desk(namespace);
    }

    /// Fetches the parents that pending ops wait for.
    pub(super) fn fetch_missing(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let desk = self.desk(namespace);
        if desk.fetching.contains(&peer) {
            return;
        }
        let missing = desk.pending.missing(MISSING_MAX);
        let Some(known) = self.open_namespace(&namespace) else { return };
        let graph = known.space.graph();
        let want: Vec<OpId> = missing.into_iter().filter(|id| graph.find(id).is_none()).collect();
        if !want.is_empty() {
            self.fetch(namespace, peer, want);
        }
    }

    /// One fetch at a time from each peer: what comes meanwhile is asked for when it is done.
    fn fetch(&mut self, namespace: NamespaceId, peer: PeerKey, want: Vec<OpId>) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let have = known.space.heads();
        if self.desk(namespace).fetching.insert(peer) {
            self.ask_page(namespace, NextPage { peer, want, have, from: 0 });
        }
    }

    fn ask_page(&mut self, namespace: NamespaceId, page: NextPage) {
        let NextPage { peer, want, have, from } = page;
        let count = PAGE_COUNT;
        let question = Request::Fetch {
            namespace,
            want: wire::Heads::truncated(want.clone()),
            have: wire::Heads::truncated(have.clone()),
            from,
            count,
        };
        self.ask(Purpose::Fetch { namespace, peer, want, have, from, count }, peer, question);
    }

    /// A page arrived: its ops are judged in order, and the next one asked for when there is room.
    pub(super) fn on_page(&mut self, asked: Purpose, page: Page) {
        let Purpose::Fetch { namespace, peer, want, have, from, .. } = asked else { return };
        let Page { ops, count, refused, newer, total } = page;
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        if let Some(why) = refused {
            self.effect(Effect::Charge { peer, why });
        }
        for bytes in newer {
            let rules = rules_of(&bytes);
            self.park(namespace, rules, bytes);
        }
        self.note_pulled(namespace, count, total);
        for op in ops {
            self.arrive(namespace, op, Source::Fetched(peer));
        }
        let from = from.saturating_add(count);
        if count > 0 && from < total {
            self.desk(namespace).next_pages.push(NextPage { peer, want, have, from });
        } else {
            self.desk(namespace).fetching.remove(&peer);
            self.compare_with(namespace, peer);
        }
        self.wake_desk(namespace);
    }

    /// Asks for pages that were put off; false when there are none.
    pub(super) fn ask_next_pages(&mut self, namespace: NamespaceId) -> bool {
        let desk = self.desk(namespace);
        if desk.ready.len() > READY_LOW {
            return false;
        }
        let pages = core::mem::take(&mut desk.next_pages);
        let any = !pages.is_empty();
        for page in pages {
            self.ask_page(namespace, page);
        }
        any
    }

    /// A fetch failed: others may have what is missing.
    pub(super) fn ask_others(&mut self, namespace: NamespaceId, failed: PeerKey) {
        for peer in self.peers_of(namespace).into_iter().filter(|peer| *peer != failed).take(2) {
            self.compare_with(namespace, peer);
        }
        self.wake_desk(namespace);
    }

    /// A peer told where our sets differ.
    pub(super) fn on_ranges(&mut self, _namespace: NamespaceId, _peer: PeerKey, _ranges: &Ranges) {}

    /// Begins an exchange with a peer that is said to have more than we do, at most once a second.
    pub(super) fn pull_from(&mut self, namespace: NamespaceId, peer: PeerKey) {
        self.compare_with(namespace, peer);
    }

    /// An exchange has ended, in one way (NET-46).
    pub(super) fn on_sync_ended(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        verdict: &Verdict,
    ) {
        self.join_after_sync(namespace, peer, verdict);
        self.ready_after_sync(namespace, peer, verdict);
    }

    /// An exchange with a peer came to nothing.
    pub(super) fn on_sync_failed(&mut self, namespace: NamespaceId, peer: PeerKey) {
        self.desk(namespace).fetching.remove(&peer);
        self.ask_others(namespace, peer);
        let (missing, why) = (Vec::new(), crate::sync::Shortfall::Stalled);
        self.on_sync_ended(namespace, peer, &Verdict::Incomplete { missing, why });
    }

    pub(super) fn on_retry_due(&mut self, namespace: NamespaceId, peer: PeerKey) {
        self.compare_with(namespace, peer);
    }

    pub(super) fn on_missing_due(&mut self, _namespace: NamespaceId) {}
}
