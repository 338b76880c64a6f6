//! Comparing heads (NET-42, first half): heads, never counters.

use super::{MISSING_NAMED_MAX, Turn};
use crate::governance::table::Ix;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::limits::CYCLES_MAX;
use crate::requests::{Exchanging, Purpose};
use crate::sync::backfill::Backfill;
use crate::sync::exchange::{Stage, Told};
use crate::sync::notes::is_recent;
use crate::sync::{Shortfall, Verdict};
use crate::timers::Timer;
use crate::wire::{Heads, Request};
use alloc::vec::Vec;

/// Most missing ids in one question.
pub(super) const MISSING_MAX: usize = 1024;
/// How long a peer that reconciles with us already is given for it, in milliseconds.
const YIELD_MS: u64 = 1_000;

impl Turn<'_> {
    /// Asks a peer for its heads; an exchange that is under way begins anew.
    pub(super) fn ask_heads(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let heads = Heads::truncated(known.space.heads());
        let syncing = &mut self.desk(namespace).syncing;
        let number = syncing.next_number();
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        exchange.number = number;
        exchange.stage = Stage::Comparing;
        exchange.queued = None;
        exchange.sent = heads.to_vec();
        self.volatile.timers.cancel(Timer::Page(namespace, peer));
        let question = Request::Heads { namespace, heads, common: None };
        self.ask_in(namespace, peer, |exchange| Purpose::Compare { exchange }, question);
    }

    /// A peer named its heads.
    pub(in crate::decide) fn on_heads(&mut self, asked: Exchanging, told: Told) {
        let Exchanging { namespace, peer, number } = asked;
        self.note_coverage(namespace, peer, &told.heads);
        let Some(exchange) = self.desk(namespace).syncing.current(&peer, number) else { return };
        exchange.told = Some(told);
        exchange.stage = Stage::Weighing;
        self.wake_desk(namespace);
    }

    /// A member that has these heads has what is behind them.
    pub(in crate::decide) fn note_coverage(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        heads: &[OpId],
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(member) = self.desk(namespace).identities.member(&peer) else { return };
        let graph = known.space.graph();
        let ours = heads.iter().filter(|id| graph.find(id).is_some());
        let ours: Vec<OpId> = ours.copied().collect();
        self.on_covered(namespace, member, &ours);
    }

    /// The ids that are neither here nor on their way, nor refused for good.
    pub(super) fn lacking<'a>(
        &'a self,
        namespace: NamespaceId,
        ids: &'a [OpId],
    ) -> impl Iterator<Item = OpId> {
        let known = self.open_namespace(&namespace);
        let known = known.zip(self.volatile.desks.get(&namespace));
        known.into_iter().flat_map(move |(known, desk)| {
            let graph = known.space.graph();
            let lacks = |id: &&OpId| {
                graph.find(id).is_none() && !desk.pending.contains(id) && !desk.refused.contains(id)
            };
            ids.iter().filter(lacks).copied()
        })
    }

    /// Looks up the heads that a peer named, and decides how to get what is behind them.
    pub(super) fn weigh(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(told) = self.told(namespace, peer) else { return };
        let (heads, knows_ours) = (told.heads.clone(), told.knows_ours);
        let mut want: Vec<OpId> = self.lacking(namespace, &heads).collect();
        let desk = self.desk(namespace);
        // Ops that wait here for parents are sent once more, with the parents before them.
        let held_up = heads.iter().filter(|id| desk.pending.contains(id)).copied();
        let held_up: Vec<OpId> = held_up.collect();
        let Some(exchange) = desk.syncing.exchanges.get_mut(&peer) else { return };
        if !held_up.is_empty() && !exchange.has_sought {
            exchange.has_sought = true;
            want.extend(held_up);
        }
        let (sent, is_wide) = (exchange.sent.clone(), exchange.is_wide());
        exchange.was_behind |= !want.is_empty();
        let is_last = exchange.cycles >= CYCLES_MAX;
        if want.is_empty() && !is_wide {
            return self.conclude(namespace, peer);
        }
        if is_last {
            return self.fall_short(namespace, peer, Shortfall::Lacking);
        }
        if knows_ours && !is_wide {
            return self.fetch(namespace, peer, Backfill::new(want, sent));
        }
        self.yield_or_order(namespace, peer);
    }

    /// Neither knows all heads of the other: one of the two finds out what is common (NET-42).
    fn yield_or_order(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let (now, own) = (self.now.mono, self.volatile.peer);
        let syncing = &mut self.desk(namespace).syncing;
        let is_asking = is_recent(syncing.notes.of(&peer).asked_us, YIELD_MS, now);
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        if is_asking && peer < own && !exchange.has_yielded {
            exchange.has_yielded = true;
            exchange.stage = Stage::Yielding;
            self.volatile.timers.set(Timer::Page(namespace, peer), now.plus(YIELD_MS));
        } else {
            exchange.stage = Stage::Ordering;
            syncing.is_indexing = true;
        }
    }

    /// All that a peer named is here, or will never be.
    pub(super) fn conclude(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(told) = self.told(namespace, peer).cloned() else { return };
        let graph = known.space.graph();
        let desk = self.desk(namespace);
        let is_waiting = told.heads.iter().any(|id| desk.pending.contains(id));
        if is_waiting {
            let missing = desk.pending.missing(MISSING_NAMED_MAX);
            let verdict = Verdict::Incomplete { missing, why: Shortfall::Lacking };
            return self.end_exchange(namespace, peer, verdict);
        }
        let (heads, ours) = (known.space.heads(), known.space.view().state_root());
        let verdict = match told.root {
            Some(theirs) if theirs != ours && heads == told.heads => {
                Verdict::Diverged { ours, theirs }
            }
            Some(_) | None => Verdict::InSync { heads, root: ours },
        };
        if !told.knows_ours {
            let common = told.heads.into_iter().filter(|id| graph.find(id).is_some()).collect();
            self.tell_common(namespace, peer, common);
        }
        self.end_exchange(namespace, peer, verdict);
    }

    /// Tells a peer that lacks some of ours what both have, so that it can fetch the rest.
    pub(super) fn tell_common(&mut self, namespace: NamespaceId, peer: PeerKey, common: Vec<OpId>) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let heads = Heads::truncated(known.space.heads());
        if let Some(exchange) = self.desk(namespace).syncing.exchanges.get_mut(&peer)
            && let Some(told) = &mut exchange.told
        {
            told.knows_ours = true;
        }
        let common = Some(Heads::truncated(common));
        self.ask(Purpose::Tell, peer, Request::Heads { namespace, heads, common });
    }

    /// A peer told what is common: what it has besides is fetched at the cost of the difference.
    pub(in crate::decide) fn on_common(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        heads: &[OpId],
        common: &[OpId],
    ) {
        let now = self.now.mono;
        let want: Vec<OpId> = self.lacking(namespace, heads).collect();
        let syncing = &mut self.desk(namespace).syncing;
        if want.is_empty() || syncing.notes.is_shunned(&peer, now) {
            return;
        }
        match syncing.exchanges.get(&peer).map(|exchange| &exchange.stage) {
            Some(Stage::Reconciling(_) | Stage::Fetching(_)) => return,
            Some(_) => {}
            None => self.begin_exchange(namespace, peer),
        }
        let syncing = &mut self.desk(namespace).syncing;
        let number = syncing.next_number();
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        exchange.number = number;
        exchange.was_behind = true;
        exchange.told = Some(Told { heads: heads.to_vec(), root: None, knows_ours: true });
        self.fetch(namespace, peer, Backfill::new(want, common.to_vec()));
    }

    /// Our heads, and ops at doubling distances behind them: of these a peer knows some, however
    /// many of our heads are new to it.
    pub(super) fn sketch(&self, namespace: NamespaceId) -> Vec<OpId> {
        let Some(known) = self.open_namespace(&namespace) else { return Vec::new() };
        let graph = known.space.graph();
        let mut ids = known.space.heads();
        ids.truncate(MISSING_MAX);
        let mut back = 1;
        while let Some(at) = graph.len().checked_sub(back) {
            ids.push(graph.node(Ix(at)).id);
            let Some(next) = back.checked_mul(2) else { break };
            back = next;
        }
        ids
    }
}
