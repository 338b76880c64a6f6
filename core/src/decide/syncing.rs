//! Exchanges with peers: how they begin, and how they end (NET-40 to NET-46).

mod comparing;
mod fetching;
mod missing;
mod queueing;
mod reconciling;
#[cfg(test)]
mod tests;

use super::Turn;
use crate::effect::{Effect, Notice};
use crate::governance::judge::has_standing;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::limits::{PAGES_AHEAD_MAX, REQUEST_MS_MAX};
use crate::requests::{Exchanging, Purpose};
use crate::sync::exchange::{Exchange, Stage, Told};
use crate::sync::{Ended, Shortfall, Verdict};
use crate::timers::Timer;
use crate::wire::{Refused, Request};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Most missing ids that a verdict names.
const MISSING_NAMED_MAX: usize = 64;
/// Wait before a question that was refused is asked again, in milliseconds; four times as long
/// each time… Two that meet learn within a round trip who the other is, and often one of them asks
/// before that.
const REFUSED_MS: u64 = 10;
/// … up to this…
const REFUSED_MS_MAX: u64 = 4_000;
/// … and so often.
const REFUSALS_MAX: u32 = 6;

/// Something that an exchange can do now.
enum Act {
    Weigh(PeerKey),
    Order(PeerKey),
    Conclude(PeerKey),
    Ask(PeerKey),
}

impl Turn<'_> {
    pub(super) fn on_subscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        self.volatile.peers.entry(peer).or_default().insert(namespace);
        self.touch_readiness(namespace);
        if self.open_namespace(&namespace).is_some() {
            self.see_member(namespace, peer);
            // Heads are compared when it has answered: by then it has our own answer too.
            self.challenge(namespace, peer);
            if self.may_read(namespace, peer).is_ok() {
                self.expect_outbox(namespace);
            }
        }
    }

    pub(super) fn on_unsubscribed(&mut self, peer: PeerKey, namespace: NamespaceId) {
        if let Some(topics) = self.volatile.peers.get_mut(&peer) {
            topics.remove(&namespace);
        }
        self.touch_readiness(namespace);
        self.part_with(namespace, peer);
        self.forget_identity(namespace, peer);
    }

    pub(super) fn on_disconnected(&mut self, peer: PeerKey) {
        for namespace in self.volatile.peers.remove(&peer).unwrap_or_default() {
            self.touch_readiness(namespace);
        }
        self.volatile.budgets.forget_full(self.now.mono);
        let namespaces: Vec<NamespaceId> = self.volatile.desks.keys().copied().collect();
        for namespace in namespaces {
            self.part_with(namespace, peer);
        }
        self.lose_partner(peer);
        self.forget_identities(peer);
    }

    /// A peer takes part in a namespace no longer.
    fn part_with(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let now = self.now.mono;
        self.lose_sight(namespace, peer);
        let Some(desk) = self.volatile.desks.get_mut(&namespace) else { return };
        desk.syncing.notes.leave(&peer, now);
        let waiting = desk.syncing.take_question(&peer);
        self.turn_away(waiting, &Refused::Stranger);
        self.volatile.timers.cancel(Timer::Retry(namespace, peer));
        self.fall_short(namespace, peer, Shortfall::Gone);
    }

    /// Connected peers that take part in a namespace (NET-4).
    pub(super) fn peers_of(&self, namespace: NamespaceId) -> Vec<PeerKey> {
        let peers = self.volatile.peers.iter();
        peers.filter(|(_, topics)| topics.contains(&namespace)).map(|(peer, _)| *peer).collect()
    }

    /// Asks a peer, with a deadline.
    pub(super) fn ask(&mut self, purpose: Purpose, peer: PeerKey, question: Request) {
        self.ask_within(REQUEST_MS_MAX, purpose, peer, question);
    }

    fn ask_within(&mut self, ms: u64, purpose: Purpose, peer: PeerKey, question: Request) {
        let request = self.volatile.requests.open(purpose);
        let deadline = self.now.mono.plus(ms);
        self.volatile.timers.set(Timer::Request(request), deadline);
        self.effect(Effect::Ask { request, peer, question });
    }

    /// Begins an exchange with a peer, unless one is under way or it lied lately. Nothing that a
    /// peer claims is believed, only looked up.
    pub(super) fn compare_with(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let now = self.now.mono;
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        let syncing = &mut self.desk(namespace).syncing;
        match syncing.exchanges.get(&peer).map(|exchange| &exchange.stage) {
            None if syncing.notes.is_shunned(&peer, now) => return,
            None => self.begin_exchange(namespace, peer),
            Some(Stage::Waiting(_)) => {}
            Some(_) => return,
        }
        self.ask_heads(namespace, peer);
    }

    /// Enters a new exchange.
    fn begin_exchange(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let now = self.now.mono;
        let syncing = &mut self.desk(namespace).syncing;
        let number = syncing.next_number();
        syncing.exchanges.insert(peer, Exchange::new(number));
        syncing.notes.entry(peer).began = Some(now);
    }

    /// NET-40: one member by lot, each as likely as any other however many connections it has.
    pub(super) fn on_compare_due(&mut self, namespace: NamespaceId) {
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        let now = self.now.mono;
        let again = now.plus(self.volatile.settings.compare_every_ms);
        self.volatile.timers.set(Timer::Compare(namespace), again);
        let mut peers = self.member_peers(namespace);
        if peers.is_empty() {
            peers = self.peers_of(namespace);
        }
        let notes = &self.desk(namespace).syncing.notes;
        peers.retain(|peer| !notes.is_shunned(peer, now));
        if let Some(peer) = self.one_of(&peers) {
            self.compare_with(namespace, peer);
        }
    }

    /// One peer for each member that is connected.
    fn member_peers(&self, namespace: NamespaceId) -> Vec<PeerKey> {
        let (Some(known), Some(desk)) =
            (self.open_namespace(&namespace), self.volatile.desks.get(&namespace))
        else {
            return Vec::new();
        };
        let (graph, view) = (known.space.graph(), known.space.view());
        let identified = desk.identities.iter().filter(|(peer, identity)| {
            let topics = self.volatile.peers.get(*peer);
            topics.is_some_and(|topics| topics.contains(&namespace))
                && has_standing(graph, view, &identity.member)
        });
        let by_member: BTreeMap<MemberId, PeerKey> =
            identified.map(|(peer, identity)| (identity.member, *peer)).collect();
        by_member.into_values().collect()
    }

    fn one_of(&mut self, peers: &[PeerKey]) -> Option<PeerKey> {
        let pick = self.volatile.prng.below(peers.len() as u64);
        peers.get(usize::try_from(pick).ok()?).copied()
    }

    /// Begins an exchange with a peer that is said to have more than we do, at most once a second
    /// (NET-12). One that has gone meanwhile is asked nothing (NET-4).
    pub(super) fn pull_from(&mut self, namespace: NamespaceId, peer: PeerKey) {
        if !self.volatile.peers.contains_key(&peer) {
            return;
        }
        let now = self.now.mono;
        let syncing = &mut self.desk(namespace).syncing;
        if syncing.exchanges.contains_key(&peer) {
            syncing.notes.entry(peer).again = true;
        } else if syncing.notes.is_spared(&peer, now) {
            // What it has does not fit here: the periodic comparison is enough.
        } else if let Some(after) = syncing.notes.pull_after(&peer, now) {
            self.volatile.timers.set_if_earlier(Timer::Retry(namespace, peer), after);
        } else {
            self.compare_with(namespace, peer);
        }
    }

    pub(super) fn on_retry_due(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let topics = self.volatile.peers.get(&peer);
        if topics.is_some_and(|topics| topics.contains(&namespace)) {
            return self.compare_with(namespace, peer);
        }
        // NET-4: one that was asked and never took part will not be told of again.
        let exchange = self.desk(namespace).syncing.exchanges.get(&peer);
        if exchange.is_some_and(Exchange::is_waiting) {
            self.fall_short(namespace, peer, Shortfall::Gone);
        }
    }

    /// What the peer let us wait for is overdue.
    pub(super) fn on_page_due(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(exchange) = self.desk(namespace).syncing.exchanges.get(&peer) else { return };
        match &exchange.stage {
            Stage::Fetching(_) => self.fall_short(namespace, peer, Shortfall::Stalled),
            Stage::Yielding => {
                self.set_stage(namespace, peer, Stage::Ordering);
                self.wake_desk(namespace);
            }
            Stage::Comparing
            | Stage::Waiting(_)
            | Stage::Weighing
            | Stage::Ordering
            | Stage::Reconciling(_) => {}
        }
    }

    fn set_stage(&mut self, namespace: NamespaceId, peer: PeerKey, stage: Stage) {
        if let Some(exchange) = self.desk(namespace).syncing.exchanges.get_mut(&peer) {
            exchange.stage = stage;
        }
    }

    /// Opens a question that belongs to an exchange, and asks it.
    fn ask_in(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        purpose: impl FnOnce(Exchanging) -> Purpose,
        question: Request,
    ) {
        let exchange = self.desk(namespace).syncing.exchanges.get(&peer);
        let Some(number) = exchange.map(|exchange| exchange.number) else { return };
        let purpose = purpose(Exchanging { namespace, peer, number });
        // Pages are under way one behind the other; each has its own time besides.
        let pages =
            if matches!(purpose, Purpose::Fetch { .. }) { PAGES_AHEAD_MAX as u64 } else { 1 };
        let ms = self.volatile.settings.page_ms.saturating_mul(pages);
        self.ask_within(ms, purpose, peer, question);
    }

    /// A question of an exchange was not answered, or by something else.
    pub(super) fn on_sync_failed(&mut self, asked: Exchanging, why: Shortfall) {
        let Exchanging { namespace, peer, number } = asked;
        if self.desk(namespace).syncing.current(&peer, number).is_some() {
            self.fall_short(namespace, peer, why);
        }
    }

    /// A question of an exchange was refused. A stranger may be known soon, what has no effect have
    /// some, and a busy node be less busy: all are asked again.
    pub(super) fn on_sync_refused(&mut self, asked: Exchanging, why: Refused) {
        let Exchanging { namespace, peer, number } = asked;
        let syncing = &mut self.desk(namespace).syncing;
        let Some(exchange) = syncing.current(&peer, number) else { return };
        let may_pass = matches!(why, Refused::Busy | Refused::Stranger | Refused::Ineffective);
        if !may_pass || exchange.refusals >= REFUSALS_MAX {
            return self.fall_short(namespace, peer, Shortfall::Refused(why));
        }
        if !self.queues(namespace, peer, &why) {
            self.put_off(namespace, peer, why);
        }
        // Answers that are still under way belong to what is over.
        let syncing = &mut self.desk(namespace).syncing;
        let number = syncing.next_number();
        if let Some(exchange) = syncing.exchanges.get_mut(&peer) {
            exchange.number = number;
        }
        self.volatile.timers.cancel(Timer::Page(namespace, peer));
        self.release_backfill(namespace, peer);
    }

    /// Asks a peer again that refused, later each time.
    fn put_off(&mut self, namespace: NamespaceId, peer: PeerKey, why: Refused) {
        let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
        let Some(exchange) = exchange else { return };
        let after = (REFUSED_MS << (2 * exchange.refusals)).min(REFUSED_MS_MAX);
        exchange.refusals += 1;
        exchange.stage = Stage::Waiting(why);
        self.volatile.timers.set(Timer::Retry(namespace, peer), self.now.mono.plus(after));
    }

    /// Ends an exchange before everything is here.
    fn fall_short(&mut self, namespace: NamespaceId, peer: PeerKey, why: Shortfall) {
        let missing = self.still_missing(namespace, peer);
        self.end_exchange(namespace, peer, Verdict::Incomplete { missing, why });
    }

    /// What was wanted of a peer and is not here, with the parents that ops wait for.
    fn still_missing(&self, namespace: NamespaceId, peer: PeerKey) -> Vec<OpId> {
        let (Some(known), Some(desk)) =
            (self.durable.namespaces.get(&namespace), self.volatile.desks.get(&namespace))
        else {
            return Vec::new();
        };
        let told = desk.syncing.exchanges.get(&peer).and_then(|exchange| exchange.told.as_ref());
        let heads = told.map(|told| told.heads.as_slice()).unwrap_or_default();
        let graph = known.space.graph();
        let is_missing = |id: &OpId| graph.find(id).is_none() && !desk.pending.contains(id);
        let heads = heads.iter().copied().filter(is_missing).take(MISSING_NAMED_MAX);
        let mut missing: Vec<OpId> = heads.collect();
        missing.extend(desk.pending.missing(MISSING_NAMED_MAX - missing.len()));
        missing
    }

    /// Ends an exchange with its one verdict (NET-46).
    fn end_exchange(&mut self, namespace: NamespaceId, peer: PeerKey, verdict: Verdict) {
        let now = self.now.mono;
        let desk = self.desk(namespace);
        let Some(exchange) = desk.syncing.exchanges.remove(&peer) else { return };
        let notes = &mut desk.syncing.notes;
        if let Verdict::Incomplete { why, .. } = &verdict {
            match why {
                Shortfall::Stalled | Shortfall::Refused(_) => notes.entry(peer).failed = Some(now),
                Shortfall::Lacking if exchange.was_behind => notes.spare(peer, now),
                Shortfall::Lacking | Shortfall::Gone => {}
                Shortfall::Lied => notes.shun(peer, now),
            }
        }
        self.volatile.timers.cancel(Timer::Page(namespace, peer));
        self.volatile.timers.cancel(Timer::Retry(namespace, peer));
        self.release_backfill(namespace, peer);
        self.next_in_queue(peer);
        if let Verdict::Diverged { theirs, .. } = &verdict
            && self.member_peers(namespace).contains(&peer)
        {
            self.on_roots_differ(namespace, *theirs);
        }
        if matches!(verdict, Verdict::Incomplete { .. }) && exchange.was_behind {
            self.replace_partner(namespace, peer);
        }
        self.notify(Notice::SyncEnded { namespace, peer, verdict: verdict.clone() });
        self.on_sync_ended(namespace, peer, &verdict);
        let syncing = &mut self.desk(namespace).syncing;
        syncing.end(Ended { peer, verdict, at: now });
        if syncing.notes.take_again(&peer) {
            self.pull_from(namespace, peer);
        }
    }

    /// NET-43: what a partner failed to bring is asked of the next best one that did not fail,
    /// when nothing waits to be judged.
    fn replace_partner(&mut self, namespace: NamespaceId, failed: PeerKey) {
        let now = self.now.mono;
        let partners = self.partners(namespace);
        let syncing = &mut self.desk(namespace).syncing;
        let mut others = partners.into_iter().filter(|peer| {
            *peer != failed
                && !syncing.exchanges.contains_key(peer)
                && !syncing.notes.is_doubtful(peer, now)
        });
        if let Some(next) = others.next() {
            syncing.next_partner = Some(next);
            self.wake_desk(namespace);
        }
    }

    /// An exchange has ended, in one way (NET-46).
    fn on_sync_ended(&mut self, namespace: NamespaceId, peer: PeerKey, verdict: &Verdict) {
        self.join_after_sync(namespace, peer, verdict);
        self.ready_after_sync(namespace, peer, verdict);
    }

    /// Does one piece of the exchanges of a settled namespace; false when there is none to do.
    pub(super) fn go_on_syncing(
        &mut self,
        namespace: NamespaceId,
        work: &mut u32,
        ops: usize,
    ) -> bool {
        if self.answer_question(namespace) || self.order_more(namespace, work, ops) {
            return true;
        }
        match self.next_act(namespace) {
            Some(Act::Weigh(peer)) => self.weigh(namespace, peer),
            Some(Act::Order(peer)) => self.begin_ranges(namespace, peer),
            Some(Act::Conclude(peer)) => self.conclude_fetch(namespace, peer),
            Some(Act::Ask(peer)) => self.ask_page(namespace, peer),
            None => return self.turn_to_next_partner(namespace),
        }
        true
    }

    fn turn_to_next_partner(&mut self, namespace: NamespaceId) -> bool {
        let desk = self.desk(namespace);
        if !desk.ready.is_empty() {
            return false;
        }
        let Some(peer) = desk.syncing.next_partner.take() else { return false };
        self.on_retry_due(namespace, peer);
        true
    }

    fn next_act(&self, namespace: NamespaceId) -> Option<Act> {
        let known = self.open_namespace(&namespace)?;
        let desk = self.volatile.desks.get(&namespace)?;
        let is_judged =
            |id: &OpId| known.space.graph().find(id).is_some() || desk.refused.contains(id);
        let is_idle = desk.ready.is_empty();
        desk.syncing.exchanges.iter().find_map(|(peer, exchange)| match &exchange.stage {
            Stage::Weighing => Some(Act::Weigh(*peer)),
            Stage::Ordering if !desk.syncing.is_indexing => Some(Act::Order(*peer)),
            Stage::Fetching(list) if list.is_complete() => {
                let is_done = is_idle || list.last().as_ref().is_none_or(is_judged);
                is_done.then_some(Act::Conclude(*peer))
            }
            Stage::Fetching(list) => {
                let is_its_turn =
                    !list.is_long() || desk.syncing.backfill.is_some_and(|slot| slot.peer == *peer);
                (is_its_turn && list.is_hungry(desk.ready.len())).then_some(Act::Ask(*peer))
            }
            Stage::Comparing
            | Stage::Waiting(_)
            | Stage::Yielding
            | Stage::Ordering
            | Stage::Reconciling(_) => None,
        })
    }

    /// Our part of what an exchange was told, for the modules below.
    fn told(&self, namespace: NamespaceId, peer: PeerKey) -> Option<&Told> {
        let desk = self.volatile.desks.get(&namespace)?;
        desk.syncing.exchanges.get(&peer)?.told.as_ref()
    }
}
