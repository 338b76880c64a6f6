//! Acknowledged publishing: who has what this node wrote (NET-30 to NET-34).

use super::Turn;
use crate::budget::Kind;
use crate::codec;
use crate::command::{Command, CommandId, Delivery, Outcome, Refusal};
use crate::effect::Effect;
use crate::governance::judge::has_standing;
use crate::governance::reach::Cut;
use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::limits::REQUEST_MS_MAX;
use crate::publish::{Ended, Receipt, last_own, last_within, wait_ms};
use crate::requests::Purpose;
use crate::signed::{Malformed, Op};
use crate::state::{Arrival, Desk, Namespace, Source, Wish};
use crate::statement::{Ack, AckOutcome, Attested};
use crate::timers::Timer;
use crate::wire::{Gossip, OpBytes, Refused, Response};
use alloc::vec::Vec;

impl Turn<'_> {
    /// This node takes part from here on.
    pub(super) fn begin_publishing(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        self.desk(namespace).publishing.outbox.begin(now);
    }

    /// The mesh of a topic has grown or shrunk (NET-30).
    pub(super) fn on_mesh_changed(&mut self, namespace: NamespaceId, peers: u64) {
        if self.open_namespace(&namespace).is_some() {
            self.desk(namespace).publishing.mesh = peers;
        }
    }

    /// NET-30: whether what a wish writes would spread, where it insists on that.
    pub(super) fn may_publish(
        &mut self,
        namespace: NamespaceId,
        wish: &Wish,
    ) -> Result<(), Refusal> {
        if !delivery_of(wish).strict {
            return Ok(());
        }
        let peers = self.peers_of(namespace).len() as u64;
        let required = self.volatile.settings.mesh_low.min(peers);
        let mesh = self.desk(namespace).publishing.mesh;
        if mesh < required { Err(Refusal::TransportNotReady { mesh, required }) } else { Ok(()) }
    }

    /// NET-31, NET-32: an own op is durable and in the graph; now others get it.
    pub(super) fn publish(&mut self, namespace: NamespaceId, op: &Op) {
        self.send_out(namespace, op);
        let (now, nonce) = (self.now.mono, op.payload.nonce);
        let outbox = &mut self.desk(namespace).publishing.outbox;
        outbox.note_written(nonce, now);
        // With more than one, the next turn is set already.
        if outbox.undelivered(nonce) == 1 {
            self.expect_outbox(namespace);
        }
    }

    fn send_out(&mut self, namespace: NamespaceId, op: &Op) {
        if let Some(bytes) = OpBytes::new(codec::encode(&op.signed)) {
            self.effect(Effect::Publish { namespace, gossip: Gossip::Op(bytes) });
        }
    }

    /// NET-32: answers a command whose op is published, now or when enough members have it.
    pub(super) fn deliver(
        &mut self,
        namespace: NamespaceId,
        command: CommandId,
        wish: &Wish,
        op: &Op,
    ) {
        let delivery = delivery_of(wish);
        let now = self.now.mono;
        let receipt = if delivery.min_acks == 0 || !self.is_anybody_known(namespace) {
            Receipt::Solo
        } else {
            let wait = wait_ms(&op.payload.body, delivery.within_ms, &self.volatile.settings);
            let deliveries = &mut self.desk(namespace).publishing.deliveries;
            if deliveries.begin(op.id, command, delivery.min_acks, now.plus(wait)) {
                return self.expect_deadline(namespace);
            }
            // More wait already than may.
            Receipt::Unconfirmed { acked_by: Vec::new() }
        };
        self.answer_delivered(namespace, Ended { command, op: op.id, receipt });
    }

    /// Whether somebody could have what is published: a peer of the topic, or a member that was
    /// heard lately through others, unless its last word was that it is ready no longer.
    fn is_anybody_known(&mut self, namespace: NamespaceId) -> bool {
        let now = self.now.mono;
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let readiness = &self.desk(namespace).readiness;
        let has_heard = readiness.fresh(now).any(|(member, _)| member != known.me);
        has_heard || !self.peers_of(namespace).is_empty()
    }

    fn expect_deadline(&mut self, namespace: NamespaceId) {
        if let Some(at) = self.desk(namespace).publishing.deliveries.next_deadline() {
            self.volatile.timers.set(Timer::Delivery(namespace), at);
        }
    }

    pub(super) fn on_delivery_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let ended = self.desk(namespace).publishing.deliveries.expire(now);
        for ended in ended {
            self.answer_delivered(namespace, ended);
        }
        self.expect_deadline(namespace);
    }

    fn answer_delivered(&mut self, namespace: NamespaceId, ended: Ended) {
        let Ended { command, op, receipt } = ended;
        self.reply(command, Outcome::Accepted { namespace, op, receipt });
    }

    /// Nobody will be heard any more: whoever waits is told what is known. `desk` is what was in
    /// hand; an op of it that is stored is published before the topic is left.
    pub(super) fn end_publishing(&mut self, namespace: NamespaceId, desk: &mut Desk) {
        for ended in desk.publishing.deliveries.end_all() {
            self.answer_delivered(namespace, ended);
        }
        let Some(Arrival { op, source: Source::Own(task) }) = desk.settling.take() else { return };
        self.send_out(namespace, &op);
        if task.joins_heads {
            return desk.wishes.push_front(task.wish);
        }
        match task.wish {
            Wish::Command { command, .. } => {
                let receipt = Receipt::Unconfirmed { acked_by: Vec::new() };
                self.answer_delivered(namespace, Ended { command, op: op.id, receipt });
            }
            Wish::Witness { request } => {
                self.respond_joined(namespace, desk.joiners.remove(&request.joiner), op.id);
            }
            Wish::Anchor => {}
        }
    }

    /// Tells the author of an op that was published what became of it here, where it is a member
    /// and connected.
    ///
    /// `from` forwarded it. Beyond the budget nothing is sent: the next beacon says it too.
    pub(super) fn acknowledge(
        &mut self,
        namespace: NamespaceId,
        op: &Op,
        from: Option<PeerKey>,
        outcome: AckOutcome,
    ) {
        let author = op.payload.signer;
        let Some(known) = self.open_namespace(&namespace) else { return };
        // NET-3: whoever comes with a key of its own can have itself owed any number of acks.
        if author == known.me || !is_member(known, &known.me) || !is_member(known, &author) {
            return;
        }
        let identities = &self.desk(namespace).identities;
        let direct = identities.peers_of(author).find(|peer| Some(*peer) == from);
        let peer = match outcome {
            // Others forward what they should: only its author asks by sending an op again.
            AckOutcome::AlreadyHad => direct,
            AckOutcome::Applied | AckOutcome::Void(_) | AckOutcome::Pending(_) => {
                direct.or_else(|| identities.peers_of(author).next())
            }
        };
        let Some(peer) = peer else { return };
        if !self.volatile.budgets.take(peer, Kind::Acks, self.now.mono) {
            return;
        }
        let request = self.volatile.requests.open(Purpose::Acknowledge);
        let deadline = self.now.mono.plus(REQUEST_MS_MAX);
        self.volatile.timers.set(Timer::Request(request), deadline);
        let ack = Ack { namespace, op: op.id, outcome, member: known.me };
        self.effect(Effect::Acknowledge { request, peer, ack });
    }

    /// A member acknowledges an op (NET-33). One that does not count is no offence, but a forged
    /// one is.
    pub(super) fn on_ack(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        ack: Attested<Ack>,
        signature_valid: bool,
    ) {
        let Ack { namespace, op, outcome, member } = ack.statement;
        if !signature_valid {
            self.effect(Effect::Charge { peer, why: Malformed::Signature });
            return self.respond(exchange, Response::Noted);
        }
        let Some(known) = self.open_namespace(&namespace) else {
            return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
        };
        self.respond(exchange, Response::Noted);
        let graph = known.space.graph();
        let own = graph.find(&op).filter(|ix| {
            let signer = graph.node(*ix).signer;
            graph.member_id(signer) == known.me
        });
        let Some(own) = own else { return };
        if member == known.me || !is_member(known, &member) {
            return;
        }
        let publishing = &mut self.desk(namespace).publishing;
        if let AckOutcome::Pending(missing) = outcome {
            return publishing.deliveries.note_behind(&op, member, missing);
        }
        // Stored there, and so is everything behind it.
        self.note_covered(namespace, known, member, &graph.closure(&[own]));
    }

    /// Another member has these heads: what is behind them is delivered to it.
    pub(super) fn on_covered(&mut self, namespace: NamespaceId, member: MemberId, heads: &[OpId]) {
        self.note_join_covered(namespace, member, heads);
        let Some(known) = self.open_namespace(&namespace) else { return };
        let last = last_own(known);
        let publishing = &self.desk(namespace).publishing;
        if publishing.outbox.undelivered(last) == 0 && publishing.deliveries.is_empty() {
            return;
        }
        if member == known.me || !is_member(known, &member) {
            return;
        }
        let graph = known.space.graph();
        let heads: Vec<Ix> = heads.iter().filter_map(|head| graph.find(head)).collect();
        self.note_covered(namespace, known, member, &graph.closure(&heads));
        self.on_lacking(namespace, last);
    }

    /// A member has the ops of a causally closed set.
    fn note_covered(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        member: MemberId,
        cut: &Cut,
    ) {
        let graph = known.space.graph();
        let has = |ix: Ix| cut.contains(graph.node(ix).place);
        let publishing = &mut self.desk(namespace).publishing;
        let covered = last_within(known, publishing.outbox.covered(), has);
        let is_news = publishing.outbox.cover(covered);
        let ended = publishing.deliveries.acknowledge(member, |op| graph.find(op).is_some_and(has));
        for ended in ended {
            self.answer_delivered(namespace, ended);
        }
        if is_news {
            self.expect_outbox(namespace);
        }
    }

    /// NET-34: a beacon lacks what was published: again, but not for each of many beacons.
    fn on_lacking(&mut self, namespace: NamespaceId, last: u64) {
        let now = self.now.mono;
        let outbox = &self.desk(namespace).publishing.outbox;
        let at = outbox.hurry(now);
        if outbox.undelivered(last) > 0 && self.has_reader(namespace) {
            self.volatile.timers.set_if_earlier(Timer::Outbox(namespace), at);
        }
    }

    /// NET-34: begins again with the shortest delay, where there is something for somebody, as when
    /// a peer of the topic came that may lack what we wrote. Its first beacon may also say that it
    /// does not, so nothing is published at once.
    pub(super) fn expect_outbox(&mut self, namespace: NamespaceId) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let now = self.now.mono;
        let outbox = &mut self.desk(namespace).publishing.outbox;
        if outbox.undelivered(last_own(known)) == 0 {
            return self.volatile.timers.cancel(Timer::Outbox(namespace));
        }
        let at = outbox.restart(now);
        if self.has_reader(namespace) {
            self.volatile.timers.set_if_earlier(Timer::Outbox(namespace), at);
        }
    }

    /// Whether somebody is connected who may read what is published again: not for strangers.
    fn has_reader(&self, namespace: NamespaceId) -> bool {
        self.peers_of(namespace).into_iter().any(|peer| self.may_read(namespace, peer).is_ok())
    }

    /// NET-34: what nobody else is known to have is published again, while somebody is connected.
    pub(super) fn on_outbox_due(&mut self, namespace: NamespaceId) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let graph = known.space.graph();
        let (now, last) = (self.now.mono, last_own(known));
        let Some(me) = graph.person(&known.me).filter(|_| self.has_reader(namespace)) else {
            return;
        };
        let outbox = &mut self.desk(namespace).publishing.outbox;
        let Some((nonces, next)) = outbox.turn(last, now) else { return };
        self.volatile.timers.set(Timer::Outbox(namespace), next);
        for op in nonces.filter_map(|nonce| graph.nth_of(me, nonce)) {
            let (op, nonce) = (graph.stored(op), self.volatile.prng.bytes());
            self.effect(Effect::PublishStored { namespace, op, nonce });
        }
    }
}

/// Whether a member takes part now, by what is known here.
fn is_member(known: &Namespace, member: &MemberId) -> bool {
    has_standing(known.space.graph(), known.space.view(), member)
}

/// What a wish asks of its delivery.
fn delivery_of(wish: &Wish) -> Delivery {
    if let Wish::Command { wish: Command::Govern { delivery, .. }, .. } = wish {
        *delivery
    } else {
        Delivery::default()
    }
}

#[cfg(test)]
mod tests;
