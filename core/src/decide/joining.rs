//! Joining a namespace by invitation (NET-20 to NET-29): from the command to a witness's answer.

mod confirming;
mod partnering;

use super::Turn;
use crate::command::{CommandId, Outcome, Refusal};
use crate::effect::{Effect, Notice, Phase};
use crate::event::Event;
use crate::governance::invitation::{JoinRequest, Terms};
use crate::governance::judge::has_standing;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::join::{Declined, JoinError, Joining, Partner, Stage, validate};
use crate::limits::{COMMANDS_WAITING_MAX, PROBE_EVERY_MS};
use crate::state::Namespace;
use crate::timers::Timer;
use crate::wire::Gossip;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// An attempt in which pages arrive goes on for as long as none is awaited longer than this, in
/// milliseconds (NET-24).
const STALL_MS: u64 = 5_000;

impl Turn<'_> {
    pub(super) fn on_join_command(
        &mut self,
        command: CommandId,
        request: JoinRequest,
        addresses: Vec<String>,
        within_ms: u64,
    ) {
        let terms = &request.invitation.terms;
        let namespace = terms.namespace;
        // NET-20: nothing is stored or sent for a bad invitation.
        if let Err(why) = validate(&request) {
            let error = JoinError::InvitationInvalid(why);
            return self.refuse_command(command, Refusal::NotJoined(error));
        }
        let known = self.open_namespace(&namespace);
        let takes_part = |known: &Namespace| {
            let (graph, view) = (known.space.graph(), known.space.view());
            known.join.is_none() && has_standing(graph, view, &known.me)
        };
        if known.is_some_and(takes_part) {
            return self.refuse_command(command, Refusal::AlreadyMember(namespace));
        }
        let job = known.and_then(|known| known.join.as_ref());
        if let Some(joining) = self.joining(namespace) {
            // What becomes of another invitation would be no answer to who brings this one.
            if job.is_some_and(|job| job.request != request) {
                return self.refuse_command(command, Refusal::JoiningOtherwise(namespace));
            }
            // The job goes on after a restart or a second call; every caller is told.
            let waiting = joining.commands.len();
            if waiting < COMMANDS_WAITING_MAX {
                return joining.commands.push(command);
            }
            return self.refuse_command(command, Refusal::Busy(waiting as u64));
        }
        if let Err(why) = self.room_for_namespace() {
            return self.refuse_command(command, why);
        }
        if terms.expires_at < self.now.unix {
            let expired_at = terms.expires_at;
            self.notify(Notice::JoinWarning { namespace, expired_at });
        }
        let (me, started) = (request.joiner, self.now.unix);
        let (request, dialled) = (Box::new(request), addresses.clone());
        self.event(Event::NamespaceOpened { namespace, me });
        let event = Event::JoinStarted { namespace, request, addresses, started, within_ms };
        self.event(event);
        self.take_part(namespace);
        // NET-23: all at once.
        for address in dialled {
            self.effect(Effect::Dial(address));
        }
        let ops = self.durable.namespaces.get(&namespace).map_or(0, stored);
        self.begin_joining(namespace, Some(command), within_ms, ops);
    }

    /// After a restart the job goes on, with what is left of its time (NET-22).
    pub(super) fn resume_joining(&mut self, namespace: NamespaceId, known: &Namespace) {
        let Some(job) = &known.join else { return };
        let left = job.left_ms(self.now.unix, self.volatile.settings.join_ms);
        self.begin_joining(namespace, None, left, stored(known));
    }

    fn begin_joining(
        &mut self,
        namespace: NamespaceId,
        command: Option<CommandId>,
        within_ms: u64,
        ops: u64,
    ) {
        let now = self.now.mono;
        let deadline = now.plus(within_ms);
        let commands = command.into_iter().collect();
        let mut joining = Joining::new(commands, now, deadline, ops);
        for peer in self.peers_of(namespace) {
            joining.partners.see(peer);
        }
        self.desk(namespace).joining = Some(joining);
        self.volatile.timers.set(Timer::Join(namespace), deadline);
        self.begin_attempt(namespace);
    }

    fn begin_attempt(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let Some(joining) = self.joining(namespace) else { return };
        joining.is_waiting = false;
        joining.partner = None;
        joining.partners.begin_attempt();
        let ends = joining.retry.begin(now);
        self.volatile.timers.set(Timer::JoinAttempt(namespace), ends);
        self.enter(namespace, Phase::Probing);
        self.probe(namespace);
        // Those who are there already are asked at once.
        self.wake_desk(namespace);
    }

    pub(super) fn joining(&mut self, namespace: NamespaceId) -> Option<&mut Joining> {
        self.volatile.desks.get_mut(&namespace)?.joining.as_mut()
    }

    /// The join, while there is something that it could do: it has time, and does not wait.
    fn active(&mut self, namespace: NamespaceId) -> Option<&mut Joining> {
        let now = self.now.mono;
        let is_active = |joining: &Joining| !joining.is_waiting && joining.deadline > now;
        self.joining(namespace).filter(|joining| is_active(joining))
    }

    fn enter(&mut self, namespace: NamespaceId, phase: Phase) {
        let now = self.now.mono;
        let Some(joining) = self.joining(namespace) else { return };
        if joining.phases.now != phase {
            let after_ms = joining.phases.enter(phase, now);
            self.notify(Notice::JoinPhase { namespace, phase, after_ms });
        }
    }

    /// NET-23: "anyone ready?", again every second until somebody is.
    fn probe(&mut self, namespace: NamespaceId) {
        let Some(joining) = self.active(namespace) else { return };
        joining.probes = joining.probes.saturating_add(1);
        let nonce = self.volatile.prng.bytes();
        self.effect(Effect::Publish { namespace, gossip: Gossip::Probe { namespace, nonce } });
        let jitter = self.volatile.prng.below(PROBE_EVERY_MS / 4);
        let again = self.now.mono.plus(PROBE_EVERY_MS + jitter);
        self.volatile.timers.set(Timer::JoinPulse(namespace), again);
    }

    pub(super) fn on_join_pulse_due(&mut self, namespace: NamespaceId) {
        let Some(joining) = self.joining(namespace) else { return };
        if joining.admitted.is_some() {
            self.compare_with_others(namespace);
            self.wake_desk(namespace);
        } else if joining.is_probing() {
            self.probe(namespace);
        }
    }

    /// A peer of the topic was met while joining.
    pub(super) fn see_member(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.joining(namespace) else { return };
        joining.partners.see(peer);
        let is_new = joining.partners.failure(&peer).is_none();
        if joining.is_waiting && is_new {
            self.begin_attempt(namespace);
        } else if joining.is_probing() {
            self.probe(namespace);
        }
        self.wake_desk(namespace);
    }

    /// A page arrived while joining.
    pub(super) fn note_pulled(&mut self, namespace: NamespaceId, count: u64, expected: u64) {
        let now = self.now.mono;
        let Some(joining) = self.active(namespace) else { return };
        if joining.admitted.is_none() && joining.pull.note(count, now) {
            let ops = joining.pull.ops;
            self.notify(Notice::JoinProgress { namespace, ops, expected: expected.max(ops) });
        }
    }

    /// With nothing else to do: goes on with what can be gone on with. False if there is nothing
    /// to do before something arrives.
    pub(super) fn go_on_joining(&mut self, namespace: NamespaceId) -> bool {
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let Some(job) = &known.join else { return false };
        if self.joining(namespace).is_none() {
            return false;
        }
        if let Some(op) = admitting_op(known, &job.request) {
            return self.on_member(namespace, known, op);
        }
        if self.joining(namespace).is_some_and(|joining| joining.admitted.take().is_some()) {
            // Voided before it was confirmed.
            self.begin_attempt(namespace);
        }
        let Some(joining) = self.active(namespace) else { return false };
        match joining.partner {
            None => self.seek_partner(namespace, known),
            Some(Partner { peer, stage: Stage::Pulled }) => {
                self.judge_partner(namespace, known, peer);
                true
            }
            Some(Partner { peer, stage: Stage::Answered(op) }) => {
                // Everything that was to be judged is: only a missing parent is waited for.
                let waits = self.desk(namespace).pending.contains(&op);
                if !waits {
                    self.on_declined(namespace, peer, Declined::NoEffect);
                }
                !waits
            }
            Some(Partner { stage: Stage::Pulling | Stage::Asking, .. }) => false,
        }
    }

    /// An attempt has taken long enough, or the wait for the next one is over.
    pub(super) fn on_join_attempt_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(joining) = self.joining(namespace) else { return };
        if joining.is_waiting {
            return self.begin_attempt(namespace);
        }
        if joining.deadline <= now || joining.admitted.is_some() {
            // The deadline has its own timer.
            return;
        }
        let is_pulling = joining.partner.is_some_and(|partner| partner.stage == Stage::Pulling);
        let stalls = joining.pull.last.map(|last| last.plus(STALL_MS));
        if let Some(stalls) = stalls.filter(|stalls| is_pulling && *stalls > now) {
            // What arrives is of use, however long it is.
            let until = stalls.min(joining.deadline);
            return self.volatile.timers.set(Timer::JoinAttempt(namespace), until);
        }
        self.give_up_partner(namespace);
        self.end_attempt(namespace, known);
    }

    /// NET-27: waits for the next attempt, or gives up.
    fn end_attempt(&mut self, namespace: NamespaceId, known: &Namespace) {
        let now = self.now.mono;
        let Some(job) = &known.join else { return };
        let is_borne_out = self.is_borne_out(namespace, known, &job.request);
        let desk = self.volatile.desks.get_mut(&namespace);
        let Some(joining) = desk.and_then(|desk| desk.joining.as_mut()) else { return };
        let error = joining.why(&job.request.invitation.terms, now);
        let prng = &mut self.volatile.prng;
        let Some(wait) = joining.retry.next(now, prng, &error, is_borne_out) else {
            return self.fail(namespace, &error);
        };
        joining.is_waiting = true;
        self.volatile.timers.set(Timer::JoinAttempt(namespace), now.plus(wait));
        self.volatile.timers.cancel(Timer::JoinPulse(namespace));
        self.enter(namespace, Phase::Probing);
    }

    /// NET-22: nothing overruns the deadline.
    pub(super) fn on_join_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(job) = &known.join else { return };
        let terms = &job.request.invitation.terms;
        let op = admitting_op(known, &job.request);
        if op.is_some_and(|op| self.on_member(namespace, known, op)) {
            return;
        }
        let Some(joining) = self.joining(namespace) else { return };
        if let Some(admitted) = &joining.admitted {
            let waited_ms = now.since(joining.phases.started);
            let error = JoinError::Unconfirmed { op: admitted.op, waited_ms };
            return self.end_unconfirmed(namespace, &error);
        }
        let error = if joining.partner.is_some_and(|partner| partner.stage == Stage::Pulling) {
            JoinError::PullIncomplete { missing: missing(known, terms, &joining.pull.missing) }
        } else {
            self.give_up_partner(namespace);
            let Some(joining) = self.joining(namespace) else { return };
            joining.why(terms, now)
        };
        self.fail(namespace, &error);
    }

    /// NET-29
    pub(super) fn on_cancel_join(&mut self, command: CommandId, namespace: NamespaceId) {
        if self.joining(namespace).is_none() {
            return self.refuse_command(command, Refusal::NotJoining(namespace));
        }
        self.fail(namespace, &JoinError::Cancelled);
        self.reply(command, Outcome::Closed);
    }
}

fn stored(known: &Namespace) -> u64 {
    u64::from(known.space.graph().len())
}

/// The op by which a joiner has a direct row in the group that it is invited to, where it has one:
/// its join, or a grant that makes joining needless, as for an owner on a second machine. `None`
/// where the invitation gives more than it has.
pub(super) fn admitting_op(known: &Namespace, request: &JoinRequest) -> Option<OpId> {
    let (graph, view) = (known.space.graph(), known.space.view());
    let group = graph.group(&request.invitation.terms.group)?;
    let joiner = graph.person(&request.joiner)?;
    view.tree().exists(group).then_some(())?;
    let row = view.member_row(graph, joiner, group)?;
    let covers = row.rights.covers(request.invitation.terms.rights);
    covers.then(|| graph.op_of_grant(row.grant))
}

/// Ops that are known to be missing: what the inviter knew, then what the last partner did not
/// send.
fn missing(known: &Namespace, terms: &Terms, wanted: &[OpId]) -> Vec<OpId> {
    let graph = known.space.graph();
    let mut missing: Vec<OpId> = Vec::new();
    for op in terms.frontier.iter().chain(wanted) {
        let is_new = graph.find(op).is_none() && !missing.contains(op);
        if is_new && missing.len() < crate::limits::TRIED_MAX {
            missing.push(*op);
        }
    }
    missing
}

#[cfg(test)]
mod tests;
