//! Finding out where two sets of ops differ (NET-42, second half).

use super::Turn;
use crate::id::{NamespaceId, PeerKey};
use crate::limits::{HEADS_MAX, ORDER_SLICE, ROUNDS_MAX, STEP_OPS_MAX, STEP_WORK_MAX};
use crate::requests::{Exchanging, Purpose};
use crate::sync::Shortfall;
use crate::sync::backfill::Backfill;
use crate::sync::exchange::{Reconciliation, Stage};
use crate::sync::ranges::{self, Garbled};
use crate::wire::{Ranges, Request};
use alloc::vec::Vec;

impl Turn<'_> {
    /// Enters some of the stored ops in the order of reconciliation, where that is wanted: while
    /// ops wait to be judged only once in a step, so that judging goes on beside it.
    pub(super) fn order_more(
        &mut self,
        namespace: NamespaceId,
        work: &mut u32,
        ops: usize,
    ) -> bool {
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let desk = self.desk(namespace);
        let is_late = ops < STEP_OPS_MAX && !desk.ready.is_empty();
        if !desk.syncing.is_indexing || is_late {
            return false;
        }
        desk.syncing.is_indexing = !desk.order.catch_up(known.space.graph(), ORDER_SLICE);
        *work = work.saturating_sub(STEP_WORK_MAX / 2);
        true
    }

    /// Whether every stored op is in the order, which is made so where little is left.
    pub(in crate::decide) fn is_ordered(&mut self, namespace: NamespaceId) -> bool {
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let desk = self.desk(namespace);
        let is_ordered = desk.order.catch_up(known.space.graph(), ORDER_SLICE);
        desk.syncing.is_indexing = !is_ordered;
        if !is_ordered {
            self.wake_desk(namespace);
        }
        is_ordered
    }

    /// Sends the first message.
    pub(super) fn begin_ranges(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        if !self.is_ordered(namespace) {
            return;
        }
        let graph = known.space.graph();
        let desk = self.desk(namespace);
        let first = ranges::begin(&desk.order.ordered(graph));
        let upto = graph.len();
        let stage = Stage::Reconciling(Reconciliation { upto, ..Reconciliation::default() });
        self.set_stage(namespace, peer, stage);
        self.ask_ranges(namespace, peer, first);
    }

    fn ask_ranges(&mut self, namespace: NamespaceId, peer: PeerKey, message: Vec<u8>) {
        let exchange = self.desk(namespace).syncing.exchanges.get_mut(&peer);
        let Some(Stage::Reconciling(found)) = exchange.map(|exchange| &mut exchange.stage) else {
            return;
        };
        found.rounds += 1;
        let question = Request::Reconcile { namespace, ranges: Ranges::truncated(message) };
        self.ask_in(namespace, peer, |exchange| Purpose::Reconcile { exchange }, question);
    }

    /// A peer told where our sets differ.
    pub(in crate::decide) fn on_ranges(&mut self, asked: Exchanging, message: &[u8]) {
        let Exchanging { namespace, peer, number } = asked;
        let Some(known) = self.open_namespace(&namespace) else { return };
        if self.desk(namespace).syncing.current(&peer, number).is_none() {
            return;
        }
        if !self.is_ordered(namespace) {
            return self.set_stage(namespace, peer, Stage::Ordering);
        }
        let graph = known.space.graph();
        let desk = self.desk(namespace);
        let Some(exchange) = desk.syncing.exchanges.get_mut(&peer) else { return };
        let Stage::Reconciling(found) = &mut exchange.stage else { return };
        let mut differences = found.take();
        let next = ranges::go_on(&desk.order.ordered(graph), message, &mut differences);
        found.keep(differences);
        match next {
            Err(Garbled) => self.fall_short(namespace, peer, Shortfall::Lied),
            Ok(Some(message)) if found.rounds < ROUNDS_MAX => {
                self.ask_ranges(namespace, peer, message);
            }
            // What is not known yet is treated as not common; that costs bytes and nothing else.
            Ok(_) => self.conclude_ranges(namespace, peer),
        }
    }

    /// What is common is known: both fetch the rest.
    fn conclude_ranges(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let graph = known.space.graph();
        let Some(told) = self.told(namespace, peer).cloned() else { return };
        let mut want: Vec<_> = self.lacking(namespace, &told.heads).collect();
        let Some(exchange) = self.desk(namespace).syncing.exchanges.get(&peer) else { return };
        let Stage::Reconciling(found) = &exchange.stage else { return };
        let common = found.common(graph, known.space.frontier().heads());
        let lacks_ours = !found.ours.is_empty() || !told.knows_ours;
        let (is_wide, theirs) =
            (exchange.is_wide(), found.theirs.iter().copied().collect::<Vec<_>>());
        if is_wide {
            // Its heads are not all among those that it told: what else it has was found.
            want.extend(self.lacking(namespace, &theirs));
            want.sort_unstable();
            want.dedup();
            want.truncate(HEADS_MAX);
        }
        if lacks_ours {
            self.tell_common(namespace, peer, common.clone());
        }
        if want.is_empty() {
            return self.conclude(namespace, peer);
        }
        if let Some(exchange) = self.desk(namespace).syncing.exchanges.get_mut(&peer) {
            exchange.was_behind = true;
        }
        self.fetch(namespace, peer, Backfill::new(want, common));
    }
}
