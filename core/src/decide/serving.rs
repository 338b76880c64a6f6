//! Answers to the questions of peers.

use super::Turn;
use crate::budget::Kind;
use crate::codec;
use crate::digest::{Domain, hasher};
use crate::effect::Effect;
use crate::governance::table::Ix;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::limits::QUESTIONS_MAX;
use crate::state::Namespace;
use crate::sync::Question;
use crate::sync::lists::ListKey;
use crate::sync::ranges;
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
                return self.on_join_request(exchange, *request, signatures_valid);
            }
            Request::Ack(ack) => return self.on_ack(exchange, peer, ack, signatures_valid),
            Request::Identify { namespace, nonce } => {
                return self.on_challenge(exchange, peer, namespace, nonce);
            }
            Request::Heads { .. } | Request::Fetch { .. } | Request::Reconcile { .. } => {}
        }
        let namespace = request.namespace();
        if let Err(why) = self.may_read(namespace, peer) {
            return self.respond(exchange, Response::Refused(why));
        }
        let Some(known) = self.open_namespace(&namespace) else { return };
        match request {
            Request::Heads { heads, common, .. } => {
                self.on_question(namespace, Question { exchange, peer, heads, common });
            }
            Request::Fetch { want, have, from, count, .. } => {
                let digest = digest_of(&want, &have);
                let key = ListKey { peer, namespace, digest };
                let make = || list(known, &want, &have);
                let page = self.volatile.lists.page(key, from, count, self.now.mono, make);
                self.answer_page(exchange, known, page);
            }
            Request::Reconcile { ranges, .. } => {
                self.answer_ranges(exchange, peer, namespace, &ranges);
            }
            Request::Join { .. } | Request::Ack(_) | Request::Identify { .. } => {}
        }
    }

    /// A peer asks for our heads: they are told when everything stored is evaluated, for then they
    /// and the root belong together.
    fn on_question(&mut self, namespace: NamespaceId, question: Question) {
        let syncing = &mut self.desk(namespace).syncing;
        if syncing.questions.len() >= QUESTIONS_MAX {
            return self.respond(question.exchange, Response::Refused(Refused::Busy));
        }
        syncing.questions.push_back(question);
        self.wake_desk(namespace);
    }

    /// Answers one question for our heads; false when there is none.
    pub(super) fn answer_question(&mut self, namespace: NamespaceId) -> bool {
        let question = self.desk(namespace).syncing.questions.pop_front();
        let (Some(question), Some(known)) = (question, self.open_namespace(&namespace)) else {
            return false;
        };
        let Question { exchange, peer, heads: theirs, common } = question;
        let graph = known.space.graph();
        let knows_yours = theirs.iter().all(|id| graph.find(id).is_some());
        let heads = Heads::truncated(known.space.heads());
        let state_root = known.space.view().state_root();
        self.respond(exchange, Response::Heads { heads, state_root, knows_yours });
        self.note_coverage(namespace, peer, &theirs);
        if let Some(common) = common {
            self.on_common(namespace, peer, &theirs, &common);
        } else {
            // It goes on from here, and tells us what is common if we lack something.
            let now = self.now.mono;
            self.desk(namespace).syncing.notes.entry(peer).asked_us = Some(now);
        }
        true
    }

    fn answer_page(
        &mut self,
        exchange: ExchangeId,
        known: &Namespace,
        page: Option<(Vec<Ix>, u64)>,
    ) {
        let Some((page, total)) = page else {
            // NET-45
            return self.respond(exchange, Response::Refused(Refused::Busy));
        };
        let graph = known.space.graph();
        let ops = page.iter().map(|ix| graph.stored(*ix)).collect();
        self.effect(Effect::RespondWithOps { exchange, ops, total });
    }

    fn answer_ranges(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        namespace: NamespaceId,
        theirs: &Ranges,
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        // NET-3
        let has_budget = self.volatile.budgets.take(peer, Kind::Ranges, self.now.mono);
        if !has_budget || !self.is_ordered(namespace) {
            return self.respond(exchange, Response::Refused(Refused::Busy));
        }
        let order = &self.desk(namespace).order;
        // What cannot be read is answered as if nothing differed.
        let ours = ranges::answer(&order.ordered(known.space.graph()), theirs);
        let ours = Ranges::truncated(ours.unwrap_or_default());
        self.respond(exchange, Response::Ranges(ours));
    }
}

/// Names a list among those of one peer.
fn digest_of(want: &Heads, have: &Heads) -> [u8; 32] {
    let mut hasher = hasher(Domain::Heads);
    hasher.update(&codec::encode(want)).update(&codec::encode(have));
    *hasher.finalize().as_bytes()
}

/// What is wanted and not had, with what is behind it, in the order of its arrival here.
fn list(known: &Namespace, want: &[OpId], have: &[OpId]) -> Vec<Ix> {
    let graph = known.space.graph();
    let known_of =
        |ids: &[OpId]| -> Vec<Ix> { ids.iter().filter_map(|id| graph.find(id)).collect() };
    graph.difference(&graph.closure(&known_of(want)), &graph.closure(&known_of(have)))
}
