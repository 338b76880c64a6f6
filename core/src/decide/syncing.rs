//! Plain exchange of heads, and fetching what is missing (NET-40 to NET-44 in their first form).

use super::Turn;
use crate::budget::Kind;
use crate::effect::Effect;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::limits::{COMPARE_EVERY_MS, HEADS_MAX, PAGE_OPS_MAX, REQUEST_MS_MAX};
use crate::requests::Purpose;
use crate::signed::{Malformed, Op, Verified, rules_of};
use crate::state::{Namespace, NextPage, Source};
use crate::timers::Timer;
use crate::wire::{Heads, Refused, Request, Response};
use alloc::vec::Vec;

/// While more ops than this wait to be judged, no further page is asked for.
const READY_LOW: usize = 1024;
/// Most missing ids in one question.
const MISSING_MAX: usize = 1024;

/// A page of ops that a peer sent.
pub(super) struct Page {
    pub(super) ops: Vec<Verified<Op>>,
    pub(super) refused: Option<Malformed>,
    pub(super) newer: Vec<Vec<u8>>,
    pub(super) more: bool,
}

impl Turn<'_> {
    pub(super) fn on_subscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        self.volatile.peers.entry(peer).or_default().insert(namespace);
        if self.open_namespace(&namespace).is_some() {
            self.see_member(namespace, peer);
            self.compare_with(namespace, peer);
        }
    }

    pub(super) fn on_unsubscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        if let Some(topics) = self.volatile.peers.get_mut(&peer) {
            topics.remove(&namespace);
        }
    }

    pub(super) fn on_disconnected(&mut self, peer: PeerKey) {
        self.volatile.peers.remove(&peer);
        self.volatile.budgets.forget(peer);
        for desk in self.volatile.desks.values_mut() {
            desk.fetching.remove(&peer);
            desk.next_pages.retain(|page| page.peer != peer);
            if let Some(joining) = &mut desk.joining {
                joining.seen.remove(&peer);
            }
        }
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
        let heads = Heads::truncated(known.space.heads());
        let purpose = Purpose::Compare { namespace, peer };
        self.ask(purpose, peer, Request::Heads { namespace, heads });
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
    pub(super) fn on_heads(&mut self, namespace: NamespaceId, peer: PeerKey, heads: &[OpId]) {
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
            self.ask_page(namespace, NextPage { peer, want, have, after: None });
        }
    }

    fn ask_page(&mut self, namespace: NamespaceId, page: NextPage) {
        let NextPage { peer, want, have, after } = page;
        let question = Request::Fetch {
            namespace,
            want: Heads::truncated(want.clone()),
            have: Heads::truncated(have.clone()),
            after,
        };
        self.ask(Purpose::Fetch { namespace, peer, want, have }, peer, question);
    }

    /// A page arrived: its ops are judged in order, and the next one asked for when there is room.
    pub(super) fn on_page(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        (want, have): (Vec<OpId>, Vec<OpId>),
        page: Page,
    ) {
        let Page { ops, refused, newer, more } = page;
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
        let after = ops.last().map(|op| op.id);
        self.note_pulled(namespace, ops.len());
        for op in ops {
            self.arrive(namespace, op, Source::Fetched(peer));
        }
        if more && after.is_some() {
            self.desk(namespace).next_pages.push(NextPage { peer, want, have, after });
        } else {
            self.desk(namespace).fetching.remove(&peer);
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

    pub(super) fn on_request(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        request: Request,
        signatures_valid: bool,
    ) {
        if !self.volatile.budgets.take(peer, Kind::Requests, self.now.mono) {
            return self.respond(exchange, Response::Refused(Refused::Busy));
        }
        match request {
            Request::Heads { namespace, heads } => {
                let Some(known) = self.open_namespace(&namespace) else {
                    return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
                };
                let ours = Heads::truncated(known.space.heads());
                self.respond(exchange, Response::Heads(ours));
                self.on_heads(namespace, peer, &heads);
            }
            Request::Fetch { namespace, want, have, after } => {
                let Some(known) = self.open_namespace(&namespace) else {
                    return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
                };
                let (ops, more) = page_of(known, &want, &have, after);
                self.effect(Effect::RespondWithOps { exchange, ops, more });
            }
            Request::Join { request } => {
                self.on_join_request(exchange, *request, signatures_valid);
            }
        }
    }
}

/// The next ops of what is wanted and not had, in the order of their arrival here.
fn page_of(
    known: &Namespace,
    want: &[OpId],
    have: &[OpId],
    after: Option<OpId>,
) -> (Vec<OpId>, bool) {
    let graph = known.space.graph();
    let known_of =
        |ids: &[OpId]| -> Vec<_> { ids.iter().filter_map(|id| graph.find(id)).collect() };
    let wanted = graph.closure(&known_of(want));
    let had = graph.closure(&known_of(have));
    let after = after.and_then(|id| graph.find(&id));
    let missing = graph.difference(&wanted, &had);
    let behind = |ix: &&crate::governance::table::Ix| after.is_none_or(|after| **ix > after);
    let mut page: Vec<OpId> =
        missing.iter().filter(behind).take(PAGE_OPS_MAX + 1).map(|ix| graph.node(*ix).id).collect();
    let more = page.len() > PAGE_OPS_MAX;
    page.truncate(PAGE_OPS_MAX);
    (page, more)
}

const _: () = assert!(HEADS_MAX * 32 * 2 < crate::wire::MESSAGE_BYTES_MAX);
