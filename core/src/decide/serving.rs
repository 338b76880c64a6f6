//! Answers to the questions of peers.

use super::Turn;
use crate::budget::Kind;
use crate::effect::Effect;
use crate::governance::table::Ix;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::limits::PAGE_OPS_MAX;
use crate::state::Namespace;
use crate::wire::{Heads, Ranges, Refused, Request, Response};
use alloc::vec::Vec;

impl Turn<'_> {
    pub(super) fn on_request(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        request: Request,
        signatures_valid: bool,
    ) {
        // NET-3
        if !self.volatile.budgets.take(peer, Kind::Requests, self.now.mono) {
            return self.respond(exchange, Response::Refused(Refused::Busy));
        }
        match request {
            Request::Join { request } => {
                return self.on_join_request(exchange, request, signatures_valid);
            }
            Request::Ack(ack) => return self.on_ack(exchange, peer, ack, signatures_valid),
            Request::Identify { namespace, nonce } => {
                return self.on_challenge(exchange, peer, namespace, nonce);
            }
            Request::Heads { .. } | Request::Fetch { .. } | Request::Reconcile { .. } => {}
        }
        let namespace = request.namespace();
        let Some(known) = self.open_namespace(&namespace) else {
            return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
        };
        if !self.is_served(namespace, peer) {
            return self.respond(exchange, Response::Refused(Refused::Stranger));
        }
        match request {
            Request::Heads { heads, common, .. } => {
                self.answer_heads(exchange, peer, known, namespace, &heads, common);
            }
            Request::Fetch { want, have, from, count, .. } => {
                let (ops, total) = page_of(known, &want, &have, from, count);
                self.effect(Effect::RespondWithOps { exchange, ops, total });
            }
            Request::Reconcile { ranges, .. } => self.answer_ranges(exchange, namespace, &ranges),
            Request::Join { .. } | Request::Ack(_) | Request::Identify { .. } => {}
        }
    }

    fn answer_heads(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        known: &Namespace,
        namespace: NamespaceId,
        theirs: &Heads,
        _common: Option<Heads>,
    ) {
        let graph = known.space.graph();
        let knows_yours = theirs.iter().all(|id| graph.find(id).is_some());
        let heads = Heads::truncated(known.space.heads());
        let state_root = known.space.view().state_root();
        self.respond(exchange, Response::Heads { heads, state_root, knows_yours });
        let theirs = super::Heads { heads: theirs.clone(), state_root, knows_ours: false };
        self.on_heads(namespace, peer, theirs);
    }

    fn answer_ranges(&mut self, exchange: ExchangeId, _namespace: NamespaceId, _ranges: &Ranges) {
        self.respond(exchange, Response::Refused(Refused::Busy));
    }
}

/// Some of what is wanted and not had, in the order of its arrival here, and how much that is.
fn page_of(
    known: &Namespace,
    want: &[OpId],
    have: &[OpId],
    from: u64,
    count: u32,
) -> (Vec<OpId>, u64) {
    let graph = known.space.graph();
    let known_of =
        |ids: &[OpId]| -> Vec<Ix> { ids.iter().filter_map(|id| graph.find(id)).collect() };
    let wanted = graph.closure(&known_of(want));
    let had = graph.closure(&known_of(have));
    let missing = graph.difference(&wanted, &had);
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(PAGE_OPS_MAX);
    let page = missing.iter().skip(from).take(count).map(|ix| graph.node(*ix).id).collect();
    (page, missing.len() as u64)
}
