//! Answers to the questions of peers.

use super::Turn;
use crate::budget::Kind;
use crate::codec;
use crate::digest::{Domain, hasher};
use crate::effect::Effect;
use crate::governance::graph::Graph;
use crate::governance::reach::Cut;
use crate::governance::table::Ix;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::limits::{PAGE_OPS_MAX, QUESTIONS_MAX};
use crate::state::Namespace;
use crate::sync::Question;
use crate::sync::lists::{self, ListKey, Page, Reader};
use crate::sync::ranges;
use crate::wire::{Heads, Ranges, Refused, Request, Response};
use alloc::vec::Vec;
use core::mem;

impl Turn<'_> {
    pub(super) fn on_request(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        request: Request,
        signatures_valid: bool,
    ) {
        let is_page = matches!(request, Request::Fetch { .. });
        let kind = if is_page { Kind::Pages } else { Kind::Requests };
        // NET-3
        if !self.volatile.budgets.take(peer, kind, self.now.mono) {
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
        let (known, reader) = match self.may_read(namespace, peer) {
            Ok(may) => may,
            Err(why) => return self.respond(exchange, Response::Refused(why)),
        };
        match request {
            Request::Heads { heads, common, .. } => {
                self.on_question(namespace, Question { exchange, peer, heads, common });
            }
            Request::Fetch { want, have, from, count, .. } => {
                let digest = digest_of(&want, &have);
                let key = ListKey { peer, namespace, digest };
                let kept = self.volatile.lists.read(&key, from, count, self.now.mono);
                let graph = known.space.graph();
                let wanted = Wanted { graph, want, have, from, count };
                let page = kept.or_else(|| self.new_list(key, reader, &wanted));
                self.answer_page((exchange, peer), known, page);
            }
            Request::Reconcile { ranges, .. } => {
                self.answer_ranges(exchange, peer, namespace, &ranges);
            }
            Request::Join { .. } | Request::Ack(_) | Request::Identify { .. } => {}
        }
    }

    /// A peer asks for our heads: they are told when everything stored is evaluated, for then they
    /// and the root belong together. Until then one question of a peer waits, the last one (NET-3).
    fn on_question(&mut self, namespace: NamespaceId, question: Question) {
        let most = self.room(QUESTIONS_MAX);
        let questions = &mut self.desk(namespace).syncing.questions;
        let earlier = questions.iter_mut().find(|waiting| waiting.peer == question.peer);
        let busy = if let Some(earlier) = earlier {
            mem::replace(earlier, question).exchange
        } else if questions.len() >= most {
            question.exchange
        } else {
            questions.push_back(question);
            return self.wake_desk(namespace);
        };
        self.respond(busy, Response::Refused(Refused::Busy));
    }

    /// A peer takes part no longer, or we do not: its question is not kept waiting.
    pub(super) fn turn_away(&mut self, waiting: impl IntoIterator<Item = Question>, why: &Refused) {
        for Question { exchange, .. } in waiting {
            self.respond(exchange, Response::Refused(why.clone()));
        }
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

    /// A page of a list that is not kept; `None` where the peer has had many made, or there is no
    /// place for it (NET-3, NET-45). What fits one page needs none.
    fn new_list(&mut self, key: ListKey, reader: Reader, wanted: &Wanted<'_>) -> Option<Page> {
        let (now, volatile) = (self.now.mono, &mut *self.volatile);
        if !volatile.budgets.take(key.peer, Kind::Lists, now) {
            return None;
        }
        let Wanted { graph, want, have, from, count } = wanted;
        let (want, have) = (closure(graph, want), closure(graph, have));
        let is_long = want.union(&have).distance(&have) > PAGE_OPS_MAX as u64;
        if is_long && !volatile.lists.make_room(key.peer, reader, now) {
            return None;
        }
        let ops = graph.difference(&want, &have);
        let page = lists::cut(&ops, *from, *count);
        if is_long {
            volatile.lists.keep(key, reader, ops, now);
        }
        Some(page)
    }

    fn answer_page(
        &mut self,
        (exchange, peer): (ExchangeId, PeerKey),
        known: &Namespace,
        page: Option<Page>,
    ) {
        let Some((page, total)) = page else {
            // NET-45
            return self.respond(exchange, Response::Refused(Refused::Busy));
        };
        let graph = known.space.graph();
        let ops = page.iter().map(|ix| graph.stored(*ix)).collect();
        self.effect(Effect::RespondWithOps { exchange, peer, ops, total });
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

/// What a peer wants and has, of the ops that we know, with all that is behind it.
fn closure(graph: &Graph, ids: &[OpId]) -> Cut {
    let known: Vec<Ix> = ids.iter().filter_map(|id| graph.find(id)).collect();
    graph.closure(&known)
}

/// A page that a peer asks for: of what it wants and has not, in the order of its arrival here.
struct Wanted<'a> {
    graph: &'a Graph,
    want: Heads,
    have: Heads,
    from: u64,
    count: u32,
}

#[cfg(test)]
mod tests;
