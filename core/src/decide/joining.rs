//! Joining a namespace by invitation (NET-20 to NET-29): from the command to a witness's answer.

mod confirming;

use super::Turn;
use crate::command::{CommandId, Outcome, Refusal};
use crate::effect::{Effect, Notice, Phase};
use crate::event::Event;
use crate::governance::cuts::Cuts;
use crate::governance::invitation::{JoinRequest, Terms};
use crate::governance::judge::{has_standing, may_invite};
use crate::governance::table::Ix;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::join::{Declined, JoinError, Joining, Partner, Stage, validate};
use crate::limits::{ADMIT_MS_MAX, COMMANDS_WAITING_MAX, PROBE_EVERY_MS};
use crate::requests::Purpose;
use crate::signed::{Op, Verified};
use crate::state::{Namespace, Source};
use crate::sync::{Shortfall, Verdict};
use crate::timers::Timer;
use crate::wire::{Gossip, Request};
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
        if let Some(joining) = self.joining(namespace) {
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
        let dialled = addresses.clone();
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
        let ends = joining.retry.attempt_ends(now);
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

    /// A beacon of an unknown key tells where to pull (NET-21).
    pub(super) fn on_hint(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.joining(namespace) else { return };
        joining.partners.see(peer);
        let has_failed = joining.partners.failure(&peer).is_some();
        if joining.admitted.is_some() || joining.partner.is_some() {
            return;
        }
        if has_failed {
            // It may have more by now: whether it is of use is decided when that is here.
            return self.pull_from(namespace, peer);
        }
        if joining.is_waiting {
            self.begin_attempt(namespace);
        }
        self.take_partner(namespace, peer);
    }

    /// A peer has disconnected.
    pub(super) fn lose_partner(&mut self, peer: PeerKey) {
        let with_join = self.volatile.desks.iter_mut();
        let losing = with_join.filter_map(|(namespace, desk)| {
            let joining = desk.joining.as_mut()?;
            let is_partner = joining.partner.is_some_and(|partner| partner.peer == peer);
            Some((*namespace, is_partner && joining.admitted.is_none()))
        });
        let losing: Vec<(NamespaceId, bool)> = losing.collect();
        for (namespace, is_partner) in losing {
            if is_partner {
                self.on_declined(namespace, peer, Declined::Pull(Shortfall::Gone));
            }
            if let Some(joining) = self.joining(namespace) {
                joining.partners.release(&peer);
            }
            self.wake_desk(namespace);
        }
    }

    fn take_partner(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.active(namespace) else { return };
        let is_in_sync = joining.partners.is_in_sync(&peer);
        let stage = if is_in_sync { Stage::Pulled } else { Stage::Pulling };
        joining.partner = Some(Partner { peer, stage });
        joining.pull.restart();
        self.enter(namespace, Phase::Pulling);
        if !is_in_sync {
            self.compare_with(namespace, peer);
        }
        self.wake_desk(namespace);
    }

    /// An exchange with a peer has ended (NET-24).
    pub(super) fn join_after_sync(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        verdict: &Verdict,
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(job) = &known.join else { return };
        let is_enough = has_pulled(known, &job.request.invitation.terms);
        let Some(joining) = self.joining(namespace) else { return };
        match verdict {
            Verdict::InSync { .. } => {
                joining.partners.note_in_sync(peer, is_enough);
                let is_usable = joining.partners.failure(&peer).is_none();
                let is_pulling =
                    joining.partner.is_none_or(|partner| partner.stage == Stage::Pulling);
                if joining.is_waiting && is_usable {
                    self.begin_attempt(namespace);
                }
                if is_pulling && is_usable {
                    self.note_pulled_from(namespace, peer);
                }
            }
            Verdict::Incomplete { missing, why } => {
                joining.pull.missing.clone_from(missing);
                self.on_pull_failed(namespace, peer, Declined::Pull(why.clone()));
            }
            Verdict::Diverged { .. } => self.on_pull_failed(namespace, peer, Declined::Diverged),
        }
        self.wake_desk(namespace);
    }

    fn note_pulled_from(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.active(namespace) else { return };
        joining.partner = Some(Partner { peer, stage: Stage::Pulled });
        joining.pull.missing.clear();
        self.enter(namespace, Phase::Pulling);
    }

    /// What a peer has did not get here. One that was asked to admit us meanwhile is still asked.
    fn on_pull_failed(&mut self, namespace: NamespaceId, peer: PeerKey, why: Declined) {
        let Some(joining) = self.joining(namespace) else { return };
        let asked = joining.partner.filter(|partner| partner.peer == peer);
        let is_asked = asked.is_some_and(|partner| partner.stage != Stage::Pulling);
        let has_said = joining.partners.failure(&peer).is_some_and(|why| !why.is_of_pull());
        if !is_asked && !has_said {
            self.on_declined(namespace, peer, why);
        }
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

    fn seek_partner(&mut self, namespace: NamespaceId, known: &Namespace) -> bool {
        let peers = self.partners(namespace);
        let Some(joining) = self.active(namespace) else { return false };
        if let Some(peer) = joining.partners.choose(&peers) {
            self.take_partner(namespace, peer);
            return true;
        }
        if joining.partners.are_exhausted(&peers) {
            self.end_attempt(namespace, known);
            return true;
        }
        if peers.is_empty() && joining.phases.now != Phase::Probing {
            self.enter(namespace, Phase::Probing);
            self.probe(namespace);
        }
        false
    }

    /// NET-21: the history is here, from its genesis; now it is judged what it says of the
    /// invitation and of the partner.
    fn judge_partner(&mut self, namespace: NamespaceId, known: &Namespace, peer: PeerKey) {
        let Some(job) = &known.join else { return };
        let terms = &job.request.invitation.terms;
        let (graph, view) = (known.space.graph(), known.space.view());
        let member = self.desk(namespace).identities.member(&peer);
        let why = if !has_pulled(known, terms) {
            Declined::Behind
        } else if !could_invite(&mut self.desk(namespace).cuts, known, terms) {
            Declined::Inviter
        } else if member.is_some_and(|member| !has_standing(graph, view, &member)) {
            Declined::NotMember
        } else {
            return self.ask_to_be_admitted(namespace, peer, job.request.clone());
        };
        self.on_declined(namespace, peer, why);
    }

    /// NET-25: the partner is to be the witness.
    fn ask_to_be_admitted(&mut self, namespace: NamespaceId, peer: PeerKey, request: JoinRequest) {
        let now = self.now.mono;
        let Some(joining) = self.active(namespace) else { return };
        joining.partner = Some(Partner { peer, stage: Stage::Asking });
        let until = now.plus(ADMIT_MS_MAX).min(joining.deadline);
        self.enter(namespace, Phase::Asking);
        let question = Request::Join { request };
        let request = self.volatile.requests.open(Purpose::Admit { namespace, peer });
        self.volatile.timers.set(Timer::Request(request), until);
        self.effect(Effect::Ask { request, peer, question });
    }

    /// A witness sent the op that admits us. Whether it does is seen when it is judged.
    pub(super) fn on_admitted(&mut self, namespace: NamespaceId, peer: PeerKey, op: Verified<Op>) {
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        if let Some(joining) = self.joining(namespace)
            && joining.partner == Some(Partner { peer, stage: Stage::Asking })
        {
            joining.partner = Some(Partner { peer, stage: Stage::Answered(op.id) });
        }
        self.arrive(namespace, op, Source::Fetched(peer));
    }

    /// A peer was of no use: another one is tried.
    pub(super) fn on_declined(&mut self, namespace: NamespaceId, peer: PeerKey, why: Declined) {
        let Some(joining) = self.joining(namespace) else { return };
        joining.partners.note_failed(peer, why);
        if joining.partner.is_some_and(|partner| partner.peer == peer) {
            joining.partner = None;
        }
        self.wake_desk(namespace);
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

    /// Notes that the partner in use was too slow.
    fn give_up_partner(&mut self, namespace: NamespaceId) {
        let Some(partner) = self.joining(namespace).and_then(|joining| joining.partner) else {
            return;
        };
        let why = match partner.stage {
            Stage::Pulling | Stage::Pulled => Declined::Pull(Shortfall::Stalled),
            Stage::Asking => Declined::Silent,
            Stage::Answered(_) => Declined::NoEffect,
        };
        self.on_declined(namespace, partner.peer, why);
    }

    /// NET-27: waits for the next attempt, or gives up.
    fn end_attempt(&mut self, namespace: NamespaceId, known: &Namespace) {
        let now = self.now.mono;
        let Some(job) = &known.join else { return };
        let desk = self.volatile.desks.get_mut(&namespace);
        let Some(joining) = desk.and_then(|desk| desk.joining.as_mut()) else { return };
        let error = joining.why(&job.request.invitation.terms, now);
        let Some(wait) = joining.retry.next(now, &mut self.volatile.prng, &error) else {
            return self.fail(namespace, error);
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
            return self.end_unconfirmed(namespace, error);
        }
        let error = if joining.partner.is_some_and(|partner| partner.stage == Stage::Pulling) {
            JoinError::PullIncomplete { missing: missing(known, terms, &joining.pull.missing) }
        } else {
            self.give_up_partner(namespace);
            let Some(joining) = self.joining(namespace) else { return };
            joining.why(terms, now)
        };
        self.fail(namespace, error);
    }

    /// NET-29
    pub(super) fn on_cancel_join(&mut self, command: CommandId, namespace: NamespaceId) {
        if self.joining(namespace).is_none() {
            return self.refuse_command(command, Refusal::NotJoining(namespace));
        }
        self.fail(namespace, JoinError::Cancelled);
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
    row.rights.covers(request.invitation.terms.rights).then_some(row.seniority.id)
}

/// Whether the history up to the invitation is here.
fn has_pulled(known: &Namespace, terms: &Terms) -> bool {
    let graph = known.space.graph();
    !graph.is_empty() && terms.frontier.iter().all(|op| graph.find(op).is_some())
}

/// Whether the inviter may invite now, or could when the invitation was written. A witness judges
/// the first; where only the second holds, its refusal says what has changed.
fn could_invite(cuts: &mut Cuts, known: &Namespace, terms: &Terms) -> bool {
    let (graph, view) = (known.space.graph(), known.space.view());
    let Terms { inviter, group, rights, .. } = terms;
    if may_invite(graph, view, inviter, group, *rights).is_ok() {
        return true;
    }
    let frontier: Vec<Ix> = terms.frontier.iter().filter_map(|op| graph.find(op)).collect();
    let cut = graph.closure(&frontier);
    loop {
        let mut budget = u32::MAX;
        if let Some(view) = cuts.view_at(graph, view, known.space.frontier(), &cut, &mut budget) {
            return may_invite(graph, view, inviter, group, *rights).is_ok();
        }
    }
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
