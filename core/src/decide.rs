//! What an input means: the dispatch. Reads the durable state and never writes it.

mod admission;
mod announcing;
mod authoring;
mod commands;
mod introducing;
mod joining;
mod publishing;
mod serving;
mod start;
mod syncing;
mod witnessing;

use crate::command::Refusal;
use crate::effect::{Effect, Notice};
use crate::event::Event;
use crate::id::NamespaceId;
use crate::id::PeerKey;
use crate::input::{Answer, Input, RequestId, Signed};
use crate::join::Declined;
use crate::requests::Purpose;
use crate::state::{Desk, Durable, Namespace, Volatile};
use crate::step::Output;
use crate::sync::Shortfall;
use crate::sync::backfill::Page;
use crate::sync::exchange::Told;
use crate::time::Now;
use crate::timers::Timer;

/// One input being decided.
pub(crate) struct Turn<'a> {
    pub(crate) durable: &'a Durable,
    pub(crate) volatile: &'a mut Volatile,
    pub(crate) now: Now,
    pub(crate) out: &'a mut Output,
}

/// Decides one input. What it leads to is queued on the desks of the namespaces.
pub(crate) fn decide(
    durable: &Durable,
    volatile: &mut Volatile,
    now: Now,
    input: Input,
    out: &mut Output,
) {
    let mut turn = Turn { durable, volatile, now, out };
    match input {
        Input::Started { seed, peer, settings } => turn.on_started(seed, peer, settings),
        Input::CommandIssued { command, wish } => turn.on_command(command, wish),
        Input::SignatureReady { request, signed } => turn.on_signed(request, signed),
        Input::GossipReceived { message, peer, namespace, heard } => {
            turn.on_gossip(message, peer, namespace, heard);
        }
        Input::NewerOpReceived { message, peer, namespace, rules, bytes } => {
            turn.on_newer((message, peer), namespace, rules, bytes);
        }
        Input::RequestReceived { exchange, peer, request, signatures_valid } => {
            turn.on_request(exchange, peer, request, signatures_valid);
        }
        Input::ResponseReceived { request, peer, answer } => {
            turn.on_response(request, peer, answer);
        }
        Input::RequestFailed { request } => turn.on_failed(request),
        Input::OpsImported { command, namespace, ops } => {
            turn.on_import(command, namespace, ops);
        }
        Input::PeerConnected { peer } => {
            turn.volatile.peers.entry(peer).or_default();
        }
        Input::PeerDisconnected { peer } => turn.on_disconnected(peer),
        Input::PeerSubscribed { peer, namespace } => turn.on_subscribed(peer, namespace),
        Input::PeerUnsubscribed { peer, namespace } => turn.on_unsubscribed(peer, namespace),
        Input::MeshChanged { namespace, peers } => turn.on_mesh_changed(namespace, peers),
        Input::Wake => turn.on_wake(),
    }
}

impl<'a> Turn<'a> {
    /// A namespace that this node takes part in.
    fn open_namespace(&self, namespace: &NamespaceId) -> Option<&'a Namespace> {
        self.durable.namespaces.get(namespace).filter(|known| known.is_open)
    }

    fn desk(&mut self, namespace: NamespaceId) -> &mut Desk {
        self.volatile.desks.entry(namespace).or_default()
    }

    /// What there is of the room for something that may be forgotten, or refused for now.
    fn room(&self, limit: usize) -> usize {
        self.volatile.settings.share.of(limit)
    }

    /// Puts a namespace on the list of those with work.
    fn wake_desk(&mut self, namespace: NamespaceId) {
        if !self.volatile.busy.contains(&namespace) {
            self.volatile.busy.push_back(namespace);
        }
    }

    fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    fn event(&mut self, event: Event) {
        self.out.events.push(event);
    }

    fn notify(&mut self, notice: Notice) {
        self.effect(Effect::Notify(notice));
    }

    /// Ends a request; `None` for an answer that comes after its deadline.
    fn close_request(&mut self, request: RequestId) -> Option<Purpose> {
        self.volatile.timers.cancel(Timer::Request(request));
        self.volatile.requests.close(request)
    }

    fn on_signed(&mut self, request: RequestId, signed: Signed) {
        let Some(purpose) = self.close_request(request) else { return };
        if let Purpose::Sign { namespace, task } = purpose {
            self.on_signature(namespace, task, signed);
        }
    }

    fn on_response(&mut self, request: RequestId, peer: PeerKey, answer: Answer) {
        let Some(purpose) = self.close_request(request) else { return };
        match (purpose, answer) {
            (Purpose::Compare { exchange }, Answer::Heads { heads, state_root, knows_ours }) => {
                let told = Told { heads: heads.into_vec(), root: Some(state_root), knows_ours };
                self.on_heads(exchange, told);
            }
            (
                Purpose::Fetch { exchange, from },
                Answer::Ops { ops, count, refused, newer, total },
            ) => self.on_page(exchange, from, Page { ops, count, refused, newer, total }),
            (Purpose::Reconcile { exchange }, Answer::Ranges(ranges)) => {
                self.on_ranges(exchange, &ranges);
            }
            (
                Purpose::Compare { exchange }
                | Purpose::Fetch { exchange, .. }
                | Purpose::Reconcile { exchange },
                Answer::Refused(why),
            ) => self.on_sync_refused(exchange, why),
            (
                Purpose::Compare { exchange }
                | Purpose::Fetch { exchange, .. }
                | Purpose::Reconcile { exchange },
                _,
            ) => self.on_sync_failed(exchange, Shortfall::Lied),
            (Purpose::Identify { namespace, peer, nonce }, Answer::Identity { hello, pass }) => {
                self.on_identity(namespace, peer, nonce, &hello, pass);
            }
            (Purpose::Acknowledge, Answer::Noted) => {}
            (Purpose::Admit { namespace, .. }, Answer::Joined(op)) => {
                self.on_admitted(namespace, peer, op);
            }
            (Purpose::Admit { namespace, peer }, Answer::Refused(why)) => {
                self.on_declined(namespace, peer, Declined::Refused(why));
            }
            // A refusal, or an answer to another question: as good as none.
            (purpose, _) => self.on_purpose_failed(purpose),
        }
    }

    fn on_failed(&mut self, request: RequestId) {
        if let Some(purpose) = self.close_request(request) {
            self.on_purpose_failed(purpose);
        }
    }

    fn on_purpose_failed(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Compare { exchange }
            | Purpose::Fetch { exchange, .. }
            | Purpose::Reconcile { exchange } => {
                self.on_sync_failed(exchange, Shortfall::Stalled);
            }
            Purpose::Identify { namespace, peer, .. } => self.on_unidentified(namespace, peer),
            Purpose::Acknowledge | Purpose::Tell => {}
            Purpose::Admit { namespace, peer } => {
                self.on_declined(namespace, peer, Declined::Silent);
            }
            Purpose::Sign { namespace, task } => {
                self.on_unsigned(namespace, &task.wish, Refusal::Busy(0));
            }
        }
    }

    fn on_wake(&mut self) {
        while let Some(timer) = self.volatile.timers.pop_due(self.now.mono) {
            match timer {
                Timer::Request(request) => self.on_failed(request),
                Timer::Compare(namespace) => self.on_compare_due(namespace),
                Timer::Retry(namespace, peer) => self.on_retry_due(namespace, peer),
                Timer::Challenge(namespace, peer) => self.on_challenge_due(namespace, peer),
                Timer::Page(namespace, peer) => self.on_page_due(namespace, peer),
                Timer::Missing(namespace) => self.on_missing_due(namespace),
                Timer::Beacon(namespace) => self.on_beacon_due(namespace),
                Timer::ProbeAnswer(namespace) => self.on_probe_answer_due(namespace),
                Timer::Readiness(namespace) => self.review_readiness(namespace),
                Timer::Delivery(namespace) => self.on_delivery_due(namespace),
                Timer::Outbox(namespace) => self.on_outbox_due(namespace),
                Timer::Pending(namespace) => self.on_pending_due(namespace),
                Timer::Join(namespace) => self.on_join_due(namespace),
                Timer::JoinAttempt(namespace) => self.on_join_attempt_due(namespace),
                Timer::JoinPulse(namespace) => self.on_join_pulse_due(namespace),
                Timer::Anchor(namespace) => self.on_anchor_due(namespace),
            }
        }
    }
}
