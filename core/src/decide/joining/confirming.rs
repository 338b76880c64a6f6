//! The end of a join: confirmed by others, without them, or in vain (NET-25, NET-28, NET-29).

use super::{Turn, stored};
use crate::command::{Outcome, Refusal};
use crate::effect::{Notice, Phase};
use crate::event::Event;
use crate::governance::judge::has_standing;
use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::join::{Admitted, JoinError, JoinReport, Joining};
use crate::state::Namespace;
use crate::timers::Timer;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// How long until others are asked again whether they have the op, at first and at most, in
/// milliseconds.
const AGAIN_MS: core::ops::RangeInclusive<u64> = 50..=2_000;

impl Turn<'_> {
    /// The op that admits us is here and effective. True when that ends the join.
    pub(super) fn on_member(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        op: OpId,
    ) -> bool {
        let Some(witness) = author_of(known, op) else { return false };
        let Some(joining) = self.joining(namespace) else { return false };
        let is_new = joining.admitted.as_ref().is_none_or(|admitted| admitted.op != op);
        if is_new {
            let (acked_by, again_ms) = (BTreeSet::new(), *AGAIN_MS.start());
            joining.is_waiting = false;
            joining.admitted = Some(Admitted { op, witness, acked_by, again_ms });
            self.volatile.timers.cancel(Timer::JoinAttempt(namespace));
            self.enter(namespace, Phase::Asking);
        }
        let is_acked =
            self.admitted(namespace).is_some_and(|admitted| !admitted.acked_by.is_empty());
        if is_acked || self.others(namespace, known, witness).is_empty() {
            self.confirm(namespace, known);
            return true;
        }
        if is_new {
            self.compare_with_others(namespace);
        }
        false
    }

    fn admitted(&mut self, namespace: NamespaceId) -> Option<&mut Admitted> {
        self.joining(namespace)?.admitted.as_mut()
    }

    /// Members besides the witness that are there to confirm: connected and identified, or heard
    /// of lately.
    fn others(
        &self,
        namespace: NamespaceId,
        known: &Namespace,
        witness: MemberId,
    ) -> BTreeSet<MemberId> {
        let Some(desk) = self.volatile.desks.get(&namespace) else { return BTreeSet::new() };
        let heard = desk.readiness.others(known.me, self.now.mono);
        let present = heard.filter(|(_, heard)| !heard.is_gone).map(|(member, _)| member);
        let connected = desk.identities.iter().map(|(_, identity)| identity.member);
        let is_other = |member: &MemberId| is_other_member(known, *member, witness);
        present.chain(connected).filter(is_other).collect()
    }

    /// Learns whether the others have the op, and gives it to those that lack it.
    pub(super) fn compare_with_others(&mut self, namespace: NamespaceId) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(admitted) = self.admitted(namespace) else { return };
        let (witness, again) = (admitted.witness, admitted.again_ms);
        admitted.again_ms = again.saturating_mul(2).min(*AGAIN_MS.end());
        self.volatile.timers.set(Timer::JoinPulse(namespace), self.now.mono.plus(again));
        let Some(desk) = self.volatile.desks.get(&namespace) else { return };
        let identified = desk.identities.iter();
        let others: Vec<PeerKey> = identified
            .filter(|(_, identity)| is_other_member(known, identity.member, witness))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in others {
            self.compare_with(namespace, peer);
        }
    }

    /// A member is known to have these heads (NET-25).
    pub(in crate::decide) fn note_join_covered(
        &mut self,
        namespace: NamespaceId,
        member: MemberId,
        heads: &[OpId],
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(joining) = self.joining(namespace) else { return };
        let Some(admitted) = &mut joining.admitted else { return };
        let is_other = is_other_member(known, member, admitted.witness);
        if is_other && covers(known, heads, admitted.op) {
            admitted.acked_by.insert(member);
            self.wake_desk(namespace);
        }
    }

    /// Ends the join of this node, which keeps its part in the namespace.
    fn end_joining(&mut self, namespace: NamespaceId, op: OpId) -> Option<Joining> {
        self.event(Event::JoinEnded { namespace, op: Some(op) });
        self.touch_readiness(namespace);
        for timer in [Timer::Join, Timer::JoinAttempt, Timer::JoinPulse] {
            self.volatile.timers.cancel(timer(namespace));
        }
        self.volatile.desks.get_mut(&namespace)?.joining.take()
    }

    fn confirm(&mut self, namespace: NamespaceId, known: &Namespace) {
        let Some(op) = self.admitted(namespace).map(|admitted| admitted.op) else { return };
        self.enter(namespace, Phase::Confirmed);
        let Some(joining) = self.end_joining(namespace, op) else { return };
        let report = report(namespace, known, &joining, op);
        for command in joining.commands {
            self.reply(command, Outcome::Joined(report.clone()));
        }
    }

    /// The deadline came before another member was seen to have the op: this node is a member.
    pub(super) fn end_unconfirmed(&mut self, namespace: NamespaceId, error: &JoinError) {
        let Some(op) = self.admitted(namespace).map(|admitted| admitted.op) else { return };
        self.enter(namespace, Phase::Failed);
        let joining = self.end_joining(namespace, op);
        self.tell_failed(namespace, joining, error);
    }

    /// Gives up; nothing of the join remains but the identity (NET-29).
    pub(super) fn fail(&mut self, namespace: NamespaceId, error: &JoinError) {
        self.enter(namespace, Phase::Failed);
        let desk = self.volatile.desks.get_mut(&namespace);
        let joining = desk.and_then(|desk| desk.joining.take());
        self.event(Event::JoinEnded { namespace, op: None });
        self.end_part(namespace);
        self.tell_failed(namespace, joining, error);
    }

    fn tell_failed(&mut self, namespace: NamespaceId, joining: Option<Joining>, error: &JoinError) {
        self.notify(Notice::JoinFailed { namespace, error: error.clone() });
        for command in joining.into_iter().flat_map(|joining| joining.commands) {
            self.refuse_command(command, Refusal::NotJoined(error.clone()));
        }
    }
}

fn is_other_member(known: &Namespace, member: MemberId, witness: MemberId) -> bool {
    let (graph, view) = (known.space.graph(), known.space.view());
    member != known.me && member != witness && has_standing(graph, view, &member)
}

fn author_of(known: &Namespace, op: OpId) -> Option<MemberId> {
    let graph = known.space.graph();
    graph.find(&op).map(|ix| graph.member_id(graph.node(ix).signer))
}

/// Whether an op is among heads or behind them.
fn covers(known: &Namespace, heads: &[OpId], op: OpId) -> bool {
    let graph = known.space.graph();
    let Some(op) = graph.find(&op) else { return false };
    let is_behind = |head: Ix| head == op || graph.is_past(op, head);
    heads.iter().filter_map(|head| graph.find(head)).any(is_behind)
}

/// NET-28
fn report(namespace: NamespaceId, known: &Namespace, joining: &Joining, op: OpId) -> JoinReport {
    let (graph, view) = (known.space.graph(), known.space.view());
    let is_member = |member: &MemberId| has_standing(graph, view, member);
    let people = view.people().map(|person| graph.member_id(person));
    let acked_by = joining.admitted.iter().flat_map(|admitted| &admitted.acked_by);
    let terms = known.join.as_ref().map(|job| &job.request.invitation.terms);
    JoinReport {
        namespace,
        group: terms.map_or(namespace.root(), |terms| terms.group),
        op,
        heads: known.space.heads(),
        state_root: view.state_root(),
        ops_applied: stored(known).saturating_sub(joining.pull.before),
        members_learned: people.filter(is_member).count() as u64,
        partner: joining.partner.map(|partner| partner.peer),
        acked_by: acked_by.copied().collect(),
        phases: joining.phases.spent().to_vec(),
    }
}
