//! Fetching what is behind the heads of a peer, page by page (NET-43).

use super::Turn;
use crate::effect::Effect;
use crate::governance::judge::has_standing;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::limits::{CYCLES_MAX, PENDING_PER_SIGNER_MAX};
use crate::requests::{Exchanging, Purpose};
use crate::signed::{Op, Verified, rules_of};
use crate::state::Source;
use crate::sync::backfill::{Backfill, Page, Slot, Worth};
use crate::sync::exchange::{Exchange, Stage};
use crate::sync::{Shortfall, Syncing};
use crate::time::MonoMillis;
use crate::timers::Timer;
use crate::wire::{Heads, Request};
use alloc::vec::Vec;

impl Turn<'_> {
    /// Begins to fetch a list.
    pub(super) fn fetch(&mut self, namespace: NamespaceId, peer: PeerKey, list: Backfill) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let stored = known.space.graph().len();
        let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
        let Some(exchange) = exchange else { return };
        exchange.stored = stored;
        exchange.orphans = 0;
        exchange.stage = Stage::Fetching(list);
        self.ask_page(namespace, peer);
    }

    /// Asks for the next page of a list.
    pub(super) fn ask_page(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let syncing = &mut self.desk(namespace).syncing;
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        let Stage::Fetching(list) = &mut exchange.stage else { return };
        let is_first = !list.is_waiting();
        let Some((from, count)) = list.ask() else { return };
        let want = Heads::truncated(list.want.clone());
        let have = Heads::truncated(list.have.clone());
        if is_first {
            let until = self.page_deadline();
            self.volatile.timers.set_if_earlier(Timer::Page(namespace, peer), until);
        }
        let question = Request::Fetch { namespace, want, have, from, count };
        self.ask_in(namespace, peer, |exchange| Purpose::Fetch { exchange, from }, question);
    }

    /// When a page that is asked for now must be here.
    fn page_deadline(&self) -> MonoMillis {
        self.now.mono.plus(self.volatile.settings.page_ms)
    }

    /// A page arrived: its ops are judged when their turn comes.
    pub(in crate::decide) fn on_page(&mut self, asked: Exchanging, from: u64, mut page: Page) {
        let Exchanging { namespace, peer, number } = asked;
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        let (refused, newer) = (page.refused, page.newer.clone());
        let (count, total) = (page.count, page.total);
        let ids: Vec<OpId> = page.ops.iter().map(|op| op.id).collect();
        // What is beyond half of them makes no difference.
        let half = ids.len().div_ceil(2);
        let fresh = self.lacking(namespace, &ids).take(half).count();
        let syncing = &mut self.desk(namespace).syncing;
        let Some(exchange) = syncing.current(&peer, number) else { return };
        let Stage::Fetching(list) = &mut exchange.stage else { return };
        if let Some(why) = refused {
            // NET-2: the good ones before the bad one are good all the same.
            let ops = core::mem::take(&mut page.ops);
            self.effect(Effect::Charge { peer, why });
            self.pass_on(namespace, peer, ops);
            return self.fall_short(namespace, peer, Shortfall::Lied);
        }
        let worth = list.receive(from, page);
        let is_fruitful = list.is_fruitful(fresh);
        if fresh > 0 {
            exchange.refusals = 0;
        }
        let is_waiting = list.is_waiting();
        match worth {
            Worth::Lie => return self.fall_short(namespace, peer, Shortfall::Lied),
            Worth::Changed => return self.begin_again(namespace, peer),
            Worth::Whole if is_waiting => {
                let until = self.page_deadline();
                self.volatile.timers.set(Timer::Page(namespace, peer), until);
            }
            Worth::Whole => self.volatile.timers.cancel(Timer::Page(namespace, peer)),
            // A page in drops does not prolong the partner's time.
            Worth::Short => {}
        }
        if self.is_of_member(namespace, peer) {
            for bytes in newer {
                self.park(namespace, rules_of(&bytes), bytes);
            }
        }
        self.note_pulled(namespace, count, total);
        self.pass_on_pages(namespace, peer);
        if !is_fruitful {
            // What is said to be left would cost as much as the peer likes.
            return self.fall_short(namespace, peer, Shortfall::Lacking);
        }
        self.take_backfill(namespace, peer);
        let is_worth_it = worth == Worth::Whole && fresh == half;
        self.note_turn(namespace, peer, is_worth_it);
        self.wake_desk(namespace);
    }

    fn pass_on_pages(&mut self, namespace: NamespaceId, peer: PeerKey) {
        loop {
            let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
            let Some(Stage::Fetching(list)) = exchange.map(|exchange| &mut exchange.stage) else {
                return;
            };
            let is_complete = list.is_complete();
            let Some(ops) = list.take() else {
                if is_complete {
                    self.volatile.timers.cancel(Timer::Page(namespace, peer));
                }
                return;
            };
            self.pass_on(namespace, peer, ops);
        }
    }

    fn pass_on(&mut self, namespace: NamespaceId, peer: PeerKey, ops: Vec<Verified<Op>>) {
        for op in ops {
            self.arrive(namespace, op, Source::Fetched(peer));
        }
    }

    /// One list is read beyond its first page at a time: what others have is mostly the same. It is
    /// left for that of a peer with better standing, whose turn comes when its first page is here.
    fn take_backfill(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let now = self.now.mono;
        let rank = self.standing_of(namespace, &peer);
        let holder = self.desk(namespace).syncing.backfill;
        let is_free = holder.is_none_or(|slot| self.standing_of(namespace, &slot.peer) < rank);
        let syncing = &mut self.desk(namespace).syncing;
        let exchange = syncing.exchanges.get(&peer);
        let Some(Stage::Fetching(list)) = exchange.map(|exchange| &exchange.stage) else { return };
        if list.is_long() && is_free {
            syncing.backfill = Some(Slot::new(peer, now));
        }
    }

    /// Whose list comes first: that of the partner of a join, then those of members.
    fn standing_of(&self, namespace: NamespaceId, peer: &PeerKey) -> u8 {
        let (Some(known), Some(desk)) =
            (self.open_namespace(&namespace), self.volatile.desks.get(&namespace))
        else {
            return 0;
        };
        let (graph, view) = (known.space.graph(), known.space.view());
        let partner = desk.joining.as_ref().and_then(|joining| joining.partner);
        if partner.is_some_and(|partner| partner.peer == *peer) {
            return 2;
        }
        let member = desk.identities.member(peer);
        u8::from(member.is_some_and(|member| has_standing(graph, view, &member)))
    }

    /// While others wait, a list that brings next to nothing is read no further, and its peer not
    /// pulled from for a while: else who is met first could keep everybody else's away.
    fn note_turn(&mut self, namespace: NamespaceId, peer: PeerKey, is_worth_it: bool) {
        let now = self.now.mono;
        let syncing = &mut self.desk(namespace).syncing;
        let Some(slot) = syncing.backfill.as_mut().filter(|slot| slot.peer == peer) else { return };
        let is_kept = slot.note(is_worth_it, now);
        if !is_kept && !waiting_for_backfill(syncing, peer).is_empty() {
            syncing.notes.spare(peer, now);
            self.fall_short(namespace, peer, Shortfall::Stalled);
        }
    }

    /// A list is read, or its partner gone: those whose lists had to wait compare again.
    pub(super) fn release_backfill(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let syncing = &mut self.desk(namespace).syncing;
        if syncing.backfill.is_none_or(|slot| slot.peer != peer) {
            return;
        }
        syncing.backfill = None;
        for other in waiting_for_backfill(syncing, peer) {
            self.ask_heads(namespace, other);
        }
    }

    /// Compares again within an exchange, a bounded number of times.
    fn begin_again(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let syncing = &mut self.desk(namespace).syncing;
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        exchange.cycles += 1;
        if exchange.cycles > CYCLES_MAX {
            return self.fall_short(namespace, peer, Shortfall::Lacking);
        }
        self.release_backfill(namespace, peer);
        self.ask_heads(namespace, peer);
    }

    /// Every op of a list was judged.
    pub(super) fn conclude_fetch(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let stored = known.space.graph().len();
        let syncing = &mut self.desk(namespace).syncing;
        let Some(exchange) = syncing.exchanges.get_mut(&peer) else { return };
        let Stage::Fetching(list) = &exchange.stage else { return };
        let (is_broken, total) = (list.is_broken_promise(), list.total());
        let (grew, is_wide) = (stored > exchange.stored, exchange.is_wide());
        let heads = exchange.told.as_ref().map(|told| told.heads.clone());
        let Some(heads) = heads else {
            // It was asked for parents alone; it may not have them, and that is no lie.
            if total == 0 {
                self.fall_short(namespace, peer, Shortfall::Lacking);
            } else {
                self.begin_again(namespace, peer);
            }
            return;
        };
        if is_broken {
            return self.fall_short(namespace, peer, Shortfall::Lied);
        }
        let is_done = self.lacking(namespace, &heads).next().is_none();
        let is_held_up = heads.iter().any(|id| self.desk(namespace).pending.contains(id));
        if is_done && !is_wide && !is_held_up {
            self.conclude(namespace, peer);
        } else if grew {
            self.begin_again(namespace, peer);
        } else {
            self.fall_short(namespace, peer, Shortfall::Lacking);
        }
    }

    /// A fetched op was refused. Its refusal is final and the same everywhere: whoever stores such
    /// an op does not follow the rules, and whoever serves one lies (attack 33).
    pub(in crate::decide) fn on_fetched_refused(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let exchange = self.desk(namespace).syncing.exchanges.get(&peer);
        if exchange.is_some_and(Exchange::is_fetching) {
            self.fall_short(namespace, peer, Shortfall::Lied);
        }
    }

    /// A fetched op waits for parents. A list leaves out none but those that did not fit here; with
    /// many it is of no use (attack 17).
    pub(in crate::decide) fn on_fetched_orphan(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
        let Some(exchange) = exchange.filter(|exchange| exchange.is_fetching()) else { return };
        exchange.orphans += 1;
        if exchange.orphans as usize > PENDING_PER_SIGNER_MAX {
            exchange.was_behind = true;
            self.fall_short(namespace, peer, Shortfall::Lacking);
        }
    }
}

/// Peers whose lists wait until that of `holder` is read.
fn waiting_for_backfill(syncing: &Syncing, holder: PeerKey) -> Vec<PeerKey> {
    let others = syncing.exchanges.iter().filter(|(other, _)| **other != holder);
    let waiting = others.filter(|(_, exchange)| match &exchange.stage {
        Stage::Fetching(list) => list.is_long() && !list.is_waiting(),
        Stage::Comparing
        | Stage::Waiting(_)
        | Stage::Weighing
        | Stage::Yielding
        | Stage::Ordering
        | Stage::Reconciling(_) => false,
    });
    waiting.map(|(other, _)| *other).collect()
}
