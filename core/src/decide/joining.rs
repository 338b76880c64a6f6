//! Joining a namespace by invitation, and witnessing the joins of others (NET-20 to NET-25).

use super::Turn;
use crate::command::{CommandId, JoinError, Outcome, Refusal};
use crate::effect::{Effect, Notice, Phase};
use crate::event::Event;
use crate::governance::invitation::JoinRequest;
use crate::governance::judge::has_standing;
use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::requests::Purpose;
use crate::signed::{Op, Verified};
use crate::state::{Declined, JoinJob, Joining, Namespace, Source, Wish};
use crate::timers::Timer;
use crate::wire::{Refused, Request, Response};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};

/// How long until a member that declined for now is asked again, in milliseconds.
const REJOIN_MS: u64 = 2000;

impl Turn<'_> {
    pub(super) fn on_join_command(&mut self, command: CommandId, job: &JoinJob, within_ms: u64) {
        let terms = &job.request.invitation.terms;
        let namespace = terms.namespace;
        let known = self.open_namespace(&namespace);
        let takes_part = |known: &Namespace| {
            let (graph, view) = (known.space.graph(), known.space.view());
            known.join.is_none() && has_standing(graph, view, &known.me)
        };
        if known.is_some_and(takes_part) {
            return self.refuse_command(command, Refusal::AlreadyMember(namespace));
        }
        if let Err(why) = self.room_for_namespace() {
            return self.refuse_command(command, why);
        }
        if let Some(joining) = &mut self.desk(namespace).joining {
            // The job goes on after a restart or a second call; every caller is told.
            joining.commands.push(command);
            return;
        }
        let (request, addresses) = (Box::new(job.request.clone()), job.addresses.clone());
        self.event(Event::NamespaceOpened { namespace, me: request.joiner });
        self.event(Event::JoinStarted { namespace, request, addresses });
        self.take_part(namespace);
        self.begin_joining(namespace, Some(command), job, within_ms);
    }

    /// Looks for members; those in the invitation are dialled at once (NET-23).
    pub(super) fn begin_joining(
        &mut self,
        namespace: NamespaceId,
        command: Option<CommandId>,
        job: &JoinJob,
        within_ms: u64,
    ) {
        let now = self.now.mono;
        self.desk(namespace).joining = Some(Joining {
            commands: command.into_iter().collect(),
            started: now,
            phase: Phase::Probing,
            ops: 0,
            seen: BTreeSet::new(),
            refusals: BTreeMap::new(),
            is_asking: false,
        });
        self.volatile.timers.set(Timer::Join(namespace), now.plus(within_ms));
        self.notify(Notice::JoinPhase { namespace, phase: Phase::Probing });
        for address in &job.addresses {
            self.effect(Effect::Dial(address.clone()));
        }
        // Those who are there already are asked at once.
        for peer in self.peers_of(namespace) {
            self.see_member(namespace, peer);
            self.compare_with(namespace, peer);
        }
    }

    /// A peer of the topic was met while joining.
    pub(super) fn see_member(&mut self, namespace: NamespaceId, peer: PeerKey) {
        if let Some(joining) = &mut self.desk(namespace).joining {
            joining.seen.insert(peer);
        }
    }

    fn enter(&mut self, namespace: NamespaceId, phase: Phase) {
        let Some(joining) = &mut self.desk(namespace).joining else { return };
        if joining.phase != phase {
            joining.phase = phase;
            self.notify(Notice::JoinPhase { namespace, phase });
        }
    }

    /// A page arrived while joining.
    pub(super) fn note_pulled(&mut self, namespace: NamespaceId, count: usize) {
        if let Some(joining) = &mut self.desk(namespace).joining {
            joining.ops += count as u64;
            if joining.phase == Phase::Probing {
                self.enter(namespace, Phase::Pulling);
            }
        }
    }

    /// With nothing else to do: asks for admission once the history is here. False if not joining,
    /// or if there is nothing to do before something arrives.
    pub(super) fn go_on_joining(&mut self, namespace: NamespaceId) -> bool {
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let Some(job) = &known.join else { return false };
        if let Some(op) = admitting_op(known, &job.request) {
            self.confirm(namespace, known, op);
            return true;
        }
        let pulled = has_pulled(known, &job.request);
        let desk = self.desk(namespace);
        let idle = desk.fetching.is_empty() && desk.ready.is_empty();
        let Some(joining) = &mut desk.joining else { return false };
        if !idle || !pulled || joining.is_asking {
            return false;
        }
        let candidate = joining.seen.iter().find(|peer| !joining.refusals.contains_key(*peer));
        let Some(peer) = candidate.copied() else { return false };
        joining.is_asking = true;
        self.enter(namespace, Phase::Asking);
        let request = Box::new(job.request.clone());
        let purpose = Purpose::Admit { namespace, peer };
        self.ask(purpose, peer, Request::Join { request });
        false
    }

    /// A witness sent the op that admits us.
    pub(super) fn on_admitted(&mut self, namespace: NamespaceId, peer: PeerKey, op: Verified<Op>) {
        if let Some(joining) = &mut self.desk(namespace).joining {
            joining.is_asking = false;
            // Asked again only if this comes to nothing, and then somebody else first.
            joining.refusals.insert(peer, Declined::NoEffect);
        }
        self.arrive(namespace, op, Source::Fetched(peer));
    }

    pub(super) fn on_not_admitted(&mut self, namespace: NamespaceId, peer: PeerKey, why: Refused) {
        self.note_declined(namespace, peer, Declined::Refused(why));
    }

    pub(super) fn on_no_witness(&mut self, namespace: NamespaceId, peer: PeerKey) {
        self.note_declined(namespace, peer, Declined::Silent);
    }

    fn note_declined(&mut self, namespace: NamespaceId, peer: PeerKey, why: Declined) {
        let again = self.now.mono.plus(REJOIN_MS);
        let Some(joining) = &mut self.desk(namespace).joining else { return };
        joining.is_asking = false;
        joining.refusals.insert(peer, why);
        if everybody_declined_for_good(joining) {
            self.fail(namespace);
        } else {
            self.volatile.timers.set_if_earlier(Timer::Rejoin(namespace), again);
            self.wake_desk(namespace);
        }
    }

    /// Those who declined for now are asked again.
    pub(super) fn on_rejoin_due(&mut self, namespace: NamespaceId) {
        if let Some(joining) = &mut self.desk(namespace).joining {
            joining.refusals.clear();
            for peer in self.peers_of(namespace) {
                self.compare_with(namespace, peer);
            }
        }
        self.wake_desk(namespace);
    }

    fn confirm(&mut self, namespace: NamespaceId, known: &Namespace, op: OpId) {
        let group = known.join.as_ref().map(|job| job.request.invitation.terms.group);
        self.event(Event::JoinEnded { namespace, op: Some(op) });
        self.volatile.timers.cancel(Timer::Join(namespace));
        self.volatile.timers.cancel(Timer::Rejoin(namespace));
        self.enter(namespace, Phase::Confirmed);
        let joining = self.desk(namespace).joining.take();
        let commands = joining.map(|joining| joining.commands).unwrap_or_default();
        for command in commands {
            let group = group.unwrap_or(namespace.root());
            self.reply(command, Outcome::Joined { namespace, group, op });
        }
    }

    pub(super) fn on_join_due(&mut self, namespace: NamespaceId) {
        if self.desk(namespace).joining.is_some() {
            self.fail(namespace);
        }
    }

    /// Gives up; nothing of the join remains but the identity (NET-29).
    fn fail(&mut self, namespace: NamespaceId) {
        self.enter(namespace, Phase::Failed);
        let Some(joining) = self.desk(namespace).joining.take() else { return };
        let waited_ms = self.now.mono.since(joining.started);
        let error = why_failed(&joining, waited_ms);
        self.event(Event::JoinEnded { namespace, op: None });
        self.end_part(namespace);
        for command in joining.commands {
            self.refuse_command(command, Refusal::NotJoined(error.clone()));
        }
    }

    /// A joiner asks to be admitted: expiry is judged here and nowhere else.
    pub(super) fn on_join_request(
        &mut self,
        exchange: ExchangeId,
        request: JoinRequest,
        signatures_valid: bool,
    ) {
        let terms = &request.invitation.terms;
        let namespace = terms.namespace;
        let known = self.open_namespace(&namespace).filter(|known| known.join.is_none());
        let Some(known) = known else {
            return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
        };
        if let Some(op) = admitting_op(known, &request) {
            return self.effect(Effect::RespondJoined { exchange, op });
        }
        if terms.expires_at < self.now.unix {
            return self.respond(exchange, Response::Refused(Refused::Expired));
        }
        if !signatures_valid {
            let why = VoidAtCut::NotAuthorised(Unauthorised::Invitation);
            let wish = Wish::Witness { exchange, request };
            return self.refuse_wish(&wish, Refusal::WouldBeVoid(why));
        }
        if self.desk(namespace).wishes.len() >= crate::limits::COMMANDS_WAITING_MAX {
            return self.respond(exchange, Response::Refused(Refused::Busy));
        }
        self.desk(namespace).wishes.push_back(Wish::Witness { exchange, request });
        self.wake_desk(namespace);
    }
}

/// The op by which a joiner has a direct row in the group that it is invited to, where it has one:
/// its join, or a grant that makes joining needless, as for an owner on a second machine. `None`
/// where the invitation gives more than it has.
fn admitting_op(known: &Namespace, request: &JoinRequest) -> Option<OpId> {
    let (graph, view) = (known.space.graph(), known.space.view());
    let group = graph.group(&request.invitation.terms.group)?;
    let joiner = graph.person(&request.joiner)?;
    view.tree().exists(group).then_some(())?;
    let row = view.member_row(graph, joiner, group)?;
    row.rights.covers(request.invitation.terms.rights).then_some(row.seniority.id)
}

/// Whether the history up to the invitation is here.
fn has_pulled(known: &Namespace, request: &JoinRequest) -> bool {
    let graph = known.space.graph();
    let frontier = &request.invitation.terms.frontier;
    !graph.is_empty() && frontier.iter().all(|op| graph.find(op).is_some())
}

/// Whether everybody that was met says what waiting cannot change. One alone is not believed: it
/// may lie, or its clock be wrong.
fn everybody_declined_for_good(joining: &Joining) -> bool {
    joining.seen.iter().all(|peer| joining.refusals.get(peer).is_some_and(is_for_good))
}

/// Whether a refusal is about the invitation itself. A witness that is behind, or has no right of
/// its own, is no reason to give up.
fn is_for_good(why: &Declined) -> bool {
    match why {
        Declined::Refused(Refused::Expired) => true,
        Declined::Refused(Refused::NotAdmitted(VoidAtCut::NotAuthorised(lack))) => {
            !matches!(lack, Unauthorised::Signer(_) | Unauthorised::Frontier)
        }
        Declined::Refused(_) | Declined::Silent | Declined::NoEffect => false,
    }
}

fn words(why: &Declined) -> String {
    match why {
        Declined::Refused(Refused::UnknownNamespace) => {
            String::from("it does not take part in the namespace")
        }
        Declined::Refused(Refused::Busy) => String::from("it is busy"),
        Declined::Refused(Refused::Expired) => String::from("the invitation has expired"),
        Declined::Refused(Refused::NotAdmitted(void)) => void.to_string(),
        Declined::Silent => String::from("it did not answer"),
        Declined::NoEffect => String::from("the op that it sent had no effect"),
    }
}

fn why_failed(joining: &Joining, waited_ms: u64) -> JoinError {
    let peers_seen = joining.seen.len() as u64;
    let last = joining.refusals.values().next_back();
    match joining.phase {
        _ if peers_seen == 0 => JoinError::NoPeers { waited_ms, peers_seen },
        _ if last.is_some() => JoinError::Refused(last.map(words).unwrap_or_default()),
        Phase::Probing | Phase::Pulling => {
            JoinError::PullIncomplete { waited_ms, ops: joining.ops }
        }
        Phase::Asking | Phase::Confirmed | Phase::Failed => JoinError::NoWitness { waited_ms },
    }
}
