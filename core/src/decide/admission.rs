//! Ops on their way into the graph: judged one by one, in order, whichever way they came (NET-44).

use super::Turn;
use crate::budget::Kind;
use crate::command::Refusal;
use crate::effect::{Effect, Forward, Notice};
use crate::event::Event;
use crate::governance::judged::Judged;
use crate::governance::space::Judgement;
use crate::governance::table::Ix;
use crate::governance::verdict::{Admission, Dropped, VoidAtCut};
use crate::governance::view::Changes;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::{Heard, MessageId};
use crate::limits::{DORMANT_PER_SIGNER_MAX, OP_BYTES_MAX, OVERDUE_MS, PARKED_COUNT_MAX};
use crate::pending::{Pending, Waiting};
use crate::signed::{Malformed, Op, Verified};
use crate::state::{Arrival, Namespace, Source};
use crate::statement::AckOutcome;
use crate::timers::Timer;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Most ops that wait for judgement; more gossip is ignored until there is room (NET-3).
const READY_MAX: usize = 4096;

impl Turn<'_> {
    /// Something was published.
    pub(super) fn on_gossip(
        &mut self,
        message: MessageId,
        peer: PeerKey,
        namespace: NamespaceId,
        heard: Result<Heard, Malformed>,
    ) {
        let is_open = self.open_namespace(&namespace).is_some();
        // NET-3: over budget is no blame.
        if !is_open || !self.volatile.budgets.take(peer, Kind::Ops, self.now.mono) {
            return self.forward(message, Forward::Ignore);
        }
        match heard {
            // NET-2
            Err(why) => {
                self.effect(Effect::Charge { peer, why });
                self.forward(message, Forward::Reject);
            }
            Ok(Heard::Op(op)) => self.on_published(message, peer, namespace, op),
            Ok(Heard::Beacon(beacon)) => self.on_beacon(message, peer, namespace, &beacon),
            Ok(Heard::Probe { .. }) => self.on_probe(message, namespace),
        }
    }

    fn on_published(
        &mut self,
        message: MessageId,
        peer: PeerKey,
        namespace: NamespaceId,
        op: Verified<Op>,
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        if known.space.graph().find(&op.id).is_some() {
            self.acknowledge(namespace, &op, Some(peer), AckOutcome::AlreadyHad);
            return self.forward(message, Forward::Ignore);
        }
        if self.desk(namespace).ready.len() >= self.room(READY_MAX) {
            return self.forward(message, Forward::Ignore);
        }
        self.arrive(namespace, op, Source::Gossip { message, peer });
    }

    /// Puts an op behind those that wait to be judged.
    pub(super) fn arrive(&mut self, namespace: NamespaceId, op: Verified<Op>, source: Source) {
        self.desk(namespace).ready.push_back(Arrival { op, source });
        self.wake_desk(namespace);
    }

    /// Puts ops that waited for parents, and do so no longer, behind those to be judged.
    fn arrive_again(&mut self, namespace: NamespaceId, waited: Vec<Waiting>) {
        if !waited.is_empty() {
            self.touch_readiness(namespace);
        }
        for Waiting { op, from, .. } in waited {
            self.arrive(namespace, op, from.map_or(Source::Imported, Source::Fetched));
        }
    }

    /// Takes up one piece of work of a settled namespace; false when there is none.
    pub(crate) fn take_up(
        &mut self,
        namespace: NamespaceId,
        work: &mut u32,
        ops: &mut usize,
    ) -> bool {
        if self.go_on_syncing(namespace, work, *ops) {
            return true;
        }
        if let Some(arrival) = self.desk(namespace).ready.pop_front() {
            *ops = ops.saturating_sub(1);
            self.judge(namespace, arrival, work);
            return true;
        }
        let has_more = self.take_wish(namespace) || self.go_on_joining(namespace);
        if !has_more && self.desk(namespace).readiness.is_due() {
            self.review_readiness(namespace);
        }
        has_more
    }

    fn judge(&mut self, namespace: NamespaceId, arrival: Arrival, work: &mut u32) {
        let Some(known) = self.durable.namespaces.get(&namespace) else { return };
        let stored = known.space.graph().find(&arrival.op.id);
        if stored.is_some() {
            return self.finish(namespace, known, (&arrival, stored), None);
        }
        let desk = self.volatile.desks.entry(namespace).or_default();
        let crate::state::Desk { cuts, refused, .. } = desk;
        let is_refused = |id: &OpId| refused.contains(id);
        match known.space.judge(cuts, &arrival.op, is_refused, work) {
            Judgement::Later => desk.ready.push_front(arrival),
            Judgement::Refuse(Admission::Pending { missing }) => {
                self.wait(namespace, arrival, &missing);
            }
            Judgement::Refuse(Admission::Drop(why)) => self.refuse(namespace, arrival, why),
            // Neither comes as a refusal.
            Judgement::Refuse(Admission::Admit | Admission::Void(_)) => {}
            Judgement::Store(judged) => self.store(namespace, known, arrival, judged),
        }
    }

    fn store(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        arrival: Arrival,
        judged: Judged,
    ) {
        if let (Some(void), Source::Own(task)) = (judged.void, &arrival.source) {
            // Not signed in vain: nobody has seen it, and its nonce is free again.
            return self.refuse_wish(&task.wish, Refusal::WouldBeVoid(void));
        }
        let is_own = matches!(arrival.source, Source::Own(_));
        if !is_own
            && is_over_quota(known, &arrival.op, &judged)
            && !is_wanted(&self.desk(namespace).pending, &arrival.op)
        {
            return self.defer(&arrival);
        }
        let op = arrival.op.clone();
        self.desk(namespace).settling = Some(arrival);
        self.event(Event::OpAccepted { namespace, op, judged });
    }

    /// Everything stored is evaluated: tells the world, and lets those go on who waited for it.
    pub(crate) fn on_settled(&mut self, namespace: NamespaceId, changes: &Changes) {
        let Some(known) = self.durable.namespaces.get(&namespace) else { return };
        let graph = known.space.graph();
        self.desk(namespace).cuts.note(graph, known.space.view());
        let Some(arrival) = self.desk(namespace).settling.take() else { return };
        let stored = graph.find(&arrival.op.id);
        if let Some(stored) = stored {
            self.tell_of(namespace, known, (&arrival, stored), changes);
        }
        self.finish(namespace, known, (&arrival, stored), Some(changes));
        self.note_stored(namespace, known, &arrival, changes);
        let ready = self.desk(namespace).pending.resolve(&arrival.op.id);
        self.arrive_again(namespace, ready);
        self.after_stored(namespace, known);
    }

    /// Answers whoever waits for what becomes of an op. `changes` is `None` where it was known.
    fn finish(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        (arrival, stored): (&Arrival, Option<Ix>),
        changes: Option<&Changes>,
    ) {
        let graph = known.space.graph();
        let visible = stored.is_some_and(|ix| known.space.frontier().is_visible(graph, ix));
        match &arrival.source {
            Source::Gossip { message, peer } => {
                let forward = visible && changes.is_some();
                self.forward(*message, if forward { Forward::Accept } else { Forward::Ignore });
                let void = graph.find(&arrival.op.id).and_then(|ix| graph.void_at_cut(ix));
                let outcome = match (changes, void) {
                    (None, _) => AckOutcome::AlreadyHad,
                    (Some(_), Some(void)) => AckOutcome::Void(*void),
                    (Some(_), None) => AckOutcome::Applied,
                };
                self.acknowledge(namespace, &arrival.op, Some(*peer), outcome);
            }
            Source::Own(task) => {
                self.publish(namespace, &arrival.op);
                self.fulfil(namespace, task, &arrival.op);
            }
            Source::Fetched(_) | Source::Imported => {}
        }
    }

    /// Notices of what an op did.
    fn tell_of(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        (arrival, own): (&Arrival, Ix),
        changes: &Changes,
    ) {
        let graph = known.space.graph();
        let void = graph.void_at_cut(own).copied();
        let op = arrival.op.id;
        self.notify(Notice::OpAccepted { namespace, op, void });
        if let Some(VoidAtCut::StateHashMismatch { got, expected }) = void {
            self.notify(Notice::StateHashMismatch { namespace, op, got, expected });
        }
        if let Some(rival) = graph.rivals(own).first() {
            let (signer, nonce) = (arrival.op.payload.signer, arrival.op.payload.nonce);
            let first = graph.node(*rival).id;
            self.notify(Notice::Equivocation { namespace, signer, nonce, first, second: op });
        }
        let others = changes.flipped.iter().filter(|(ix, _)| *ix != own);
        let last: BTreeMap<Ix, bool> = others.copied().collect();
        for (ix, now) in last {
            let op = graph.node(ix).id;
            self.notify(if now {
                Notice::OpRevived { namespace, op }
            } else {
                Notice::OpVoided { namespace, op }
            });
        }
        if known.space.view().anchors().last() == Some(&own) {
            self.notify(Notice::Anchored { namespace, anchor: op });
        }
    }

    /// A5: parents are missing.
    fn wait(&mut self, namespace: NamespaceId, arrival: Arrival, missing: &[OpId]) {
        let peer = arrival.source.peer();
        if let Source::Gossip { message, .. } = &arrival.source {
            self.forward(*message, Forward::Ignore);
            let outcome = AckOutcome::Pending(missing.len() as u64);
            self.acknowledge(namespace, &arrival.op, peer, outcome);
        }
        if let Source::Fetched(peer) = &arrival.source {
            self.on_fetched_orphan(namespace, *peer);
        }
        let now = self.now.mono;
        let desk = self.desk(namespace);
        desk.pending.insert(arrival.op, missing, peer, now);
        if let Some(at) = desk.pending.next_expiry() {
            self.volatile.timers.set_if_earlier(Timer::Pending(namespace), at);
        }
        self.volatile.timers.set_if_earlier(Timer::Readiness(namespace), now.plus(OVERDUE_MS));
        if let Some(peer) = peer {
            self.fetch_missing(namespace, peer);
        }
    }

    pub(super) fn on_pending_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let desk = self.desk(namespace);
        desk.pending.expire(now);
        if let Some(at) = desk.pending.next_expiry() {
            self.volatile.timers.set(Timer::Pending(namespace), at);
        }
        self.review_readiness(namespace);
    }

    /// A4 to A8: not stored. Only A4 blames the peer that sent the bytes.
    fn refuse(&mut self, namespace: NamespaceId, arrival: Arrival, why: Dropped) {
        let op = arrival.op.id;
        let desk = self.desk(namespace);
        desk.refused.insert(op);
        let orphans = desk.pending.orphan(&op);
        self.notify(Notice::OpRefused { namespace, op, why });
        self.arrive_again(namespace, orphans);
        match arrival.source {
            Source::Gossip { message, .. } => {
                let blamed = why == Dropped::Parents;
                self.forward(message, if blamed { Forward::Reject } else { Forward::Ignore });
            }
            Source::Own(task) => {
                self.refuse_wish(&task.wish, Refusal::WouldBeDropped(why));
            }
            Source::Fetched(peer) => self.on_fetched_refused(namespace, peer),
            Source::Imported => {}
        }
    }

    /// Not now: a local limit, which never marks an op bad.
    fn defer(&mut self, arrival: &Arrival) {
        if let Source::Gossip { message, .. } = &arrival.source {
            self.forward(*message, Forward::Ignore);
        }
    }

    pub(super) fn forward(&mut self, message: MessageId, verdict: Forward) {
        self.effect(Effect::Validate { message, verdict });
    }

    /// A2: an op of newer rules came by gossip. Nobody is blamed. Its signature cannot be judged,
    /// so it is kept on the word of its forwarder, which has to be a member's peer (NET-3).
    pub(super) fn on_newer(
        &mut self,
        (message, peer): (MessageId, PeerKey),
        namespace: NamespaceId,
        rules: u16,
        bytes: Vec<u8>,
    ) {
        self.forward(message, Forward::Ignore);
        let is_within = self.volatile.budgets.take(peer, Kind::Newer, self.now.mono);
        if is_within && self.is_of_member(namespace, peer) {
            self.park(namespace, rules, bytes);
        }
    }

    /// Whether a peer proved to be that of a member.
    pub(super) fn is_of_member(&self, namespace: NamespaceId, peer: PeerKey) -> bool {
        self.may_read(namespace, peer).is_ok_and(|(_, by)| by.has_standing)
    }

    /// Keeps the bytes of an op of newer rules, as many as there is room for.
    pub(super) fn park(&mut self, namespace: NamespaceId, rules: u16, bytes: Vec<u8>) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let is_new = !known.parked.contains(&bytes);
        if is_new && known.parked.len() < self.room(PARKED_COUNT_MAX) && bytes.len() <= OP_BYTES_MAX
        {
            self.notify(Notice::NeedsUpgrade { namespace, rules });
            self.event(Event::OpParked { namespace, bytes });
        }
    }
}

/// Whether a signer has as many ops without effect here as a node stores for one (R6), and this
/// one, which is void or not written at our heads, would likely be another.
fn is_over_quota(known: &Namespace, op: &Op, judged: &Judged) -> bool {
    let graph = known.space.graph();
    let Some(signer) = graph.person(&op.payload.signer) else { return false };
    if known.space.frontier().silent_count(signer) < DORMANT_PER_SIGNER_MAX {
        return false;
    }
    let parents: Vec<Ix> = op.payload.parents.iter().filter_map(|id| graph.find(id)).collect();
    let cut = graph.closure(&parents);
    judged.void.is_some() || !known.space.frontier().is_within(graph, &cut)
}

/// Whether an op by somebody else waits for this one: then it is needed, whatever its quota.
fn is_wanted(pending: &Pending, op: &Op) -> bool {
    pending.waiting_for(&op.id).any(|child| child.payload.signer != op.payload.signer)
}
