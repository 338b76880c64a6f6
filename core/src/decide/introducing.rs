//! Challenges: which member stands behind a connection.

use super::Turn;
use crate::budget::Kind;
use crate::effect::Effect;
use crate::governance::invitation::JoinRequest;
use crate::governance::judge::{has_standing, may_be_used};
use crate::governance::verdict::VoidAtCut;
use crate::id::{NamespaceId, PeerKey};
use crate::identities::Identity;
use crate::input::ExchangeId;
use crate::limits::CHALLENGE_MS;
use crate::requests::Purpose;
use crate::state::Namespace;
use crate::statement::Hello;
use crate::sync::lists::Reader;
use crate::timers::Timer;
use crate::wire::{Nonce, Refused, Request, Response};
use alloc::boxed::Box;

impl<'a> Turn<'a> {
    /// Asks a peer who it is here: later, where it came and went too often (NET-3).
    pub(super) fn challenge(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let now = self.now.mono;
        if !self.volatile.budgets.take(peer, Kind::Challenges, now) {
            let at = now.plus(CHALLENGE_MS);
            return self.volatile.timers.set(Timer::Challenge(namespace, peer), at);
        }
        let nonce = self.volatile.prng.bytes();
        self.volatile.timers.cancel(Timer::Challenge(namespace, peer));
        self.desk(namespace).identities.challenge(peer, now);
        let purpose = Purpose::Identify { namespace, peer, nonce };
        self.ask(purpose, peer, Request::Identify { namespace, nonce });
    }

    /// A peer asks who we are here.
    pub(super) fn on_challenge(
        &mut self,
        exchange: ExchangeId,
        peer: PeerKey,
        namespace: NamespaceId,
        nonce: Nonce,
    ) {
        let Some(known) = self.open_namespace(&namespace) else {
            return self.respond(exchange, Response::Refused(Refused::UnknownNamespace));
        };
        let pass = known.join.as_ref().map(|job| Box::new(job.request.clone()));
        let from = self.volatile.peer;
        let hello = Hello { namespace, member: known.me, from, to: peer, nonce };
        self.effect(Effect::Introduce { exchange, hello, pass });
    }

    /// A peer proved who it is. A proof for other ends or of another challenge is none, so it helps
    /// nobody to show our own, or one that it was shown.
    pub(super) fn on_identity(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        nonce: Nonce,
        hello: &Hello,
        pass: Option<Box<JoinRequest>>,
    ) {
        if !self.is_here(namespace, peer) {
            return;
        }
        let expected =
            Hello { namespace, member: hello.member, from: peer, to: self.volatile.peer, nonce };
        let is_own = pass.as_ref().is_none_or(|pass| {
            pass.joiner == hello.member && pass.invitation.terms.namespace == namespace
        });
        if *hello != expected || !is_own {
            return self.on_unidentified(namespace, peer);
        }
        let now = self.now.mono;
        let identities = &mut self.desk(namespace).identities;
        let round_trip_ms = identities.waited_ms(&peer, now);
        identities.insert(peer, Identity { member: hello.member, pass, round_trip_ms });
        // It is likely to know by now who we are, for it was met when we were.
        self.pull_from(namespace, peer);
        self.expect_outbox(namespace);
        self.hasten_beacon(namespace);
        self.review_readiness(namespace);
    }

    /// A peer did not prove who it is: it is challenged again, later each time.
    pub(super) fn on_unidentified(&mut self, namespace: NamespaceId, peer: PeerKey) {
        if !self.is_here(namespace, peer) {
            return;
        }
        let wait = self.desk(namespace).identities.fail(peer);
        let at = self.now.mono.plus(wait);
        self.volatile.timers.set(Timer::Challenge(namespace, peer), at);
        // What it sends is judged whoever it is.
        self.pull_from(namespace, peer);
    }

    pub(super) fn on_challenge_due(&mut self, namespace: NamespaceId, peer: PeerKey) {
        if self.is_here(namespace, peer) {
            self.challenge(namespace, peer);
        }
    }

    /// A peer takes part no longer: whoever comes with its key has to prove it again.
    pub(super) fn forget_identity(&mut self, namespace: NamespaceId, peer: PeerKey) {
        self.volatile.timers.cancel(Timer::Challenge(namespace, peer));
        if let Some(desk) = self.volatile.desks.get_mut(&namespace) {
            desk.identities.remove(&peer);
        }
    }

    /// A peer is gone from everywhere.
    pub(super) fn forget_identities(&mut self, peer: PeerKey) {
        for (namespace, desk) in &mut self.volatile.desks {
            self.volatile.timers.cancel(Timer::Challenge(*namespace, peer));
            desk.identities.remove(&peer);
        }
    }

    /// Whether a peer is served here: one who is or was a member, by whatever we know, and be it to
    /// learn that its rights were taken away; or one who holds an invitation that may admit it.
    ///
    /// # Errors
    ///
    /// What it hears instead.
    pub(super) fn may_read(
        &self,
        namespace: NamespaceId,
        peer: PeerKey,
    ) -> Result<(&'a Namespace, Reader), Refused> {
        let known = self.open_namespace(&namespace).ok_or(Refused::UnknownNamespace)?;
        let desk = self.volatile.desks.get(&namespace);
        let identity = desk.and_then(|desk| desk.identities.get(&peer)).ok_or(Refused::Stranger)?;
        let member = identity.member;
        let (graph, view) = (known.space.graph(), known.space.view());
        let has_standing = has_standing(graph, view, &member);
        if !has_standing && !known.space.is_or_was_member(&member) {
            let Some(pass) = &identity.pass else {
                let is_named = known.space.is_named(&member);
                return Err(if is_named { Refused::Ineffective } else { Refused::Stranger });
            };
            self.may_pass(known, pass)?;
        }
        Ok((known, Reader { member, has_standing }))
    }

    /// Whether an invitation lets its holder read, before it is a member. Only one who knows what
    /// the inviter knew says what is wrong with it: others may be behind, and know it soon.
    fn may_pass(&self, known: &Namespace, pass: &JoinRequest) -> Result<(), Refused> {
        let (graph, view) = (known.space.graph(), known.space.view());
        let terms = &pass.invitation.terms;
        let why = match may_be_used(graph, view, terms, &pass.joiner) {
            Ok(()) if terms.expires_at >= self.now.unix => return Ok(()),
            Ok(()) => Refused::Expired,
            Err(why) => Refused::NotAdmitted(VoidAtCut::NotAuthorised(why)),
        };
        let is_informed = terms.frontier.iter().all(|op| graph.find(op).is_some());
        Err(if is_informed { why } else { Refused::Stranger })
    }

    /// Whether we take part in a namespace, and a peer does (NET-4).
    fn is_here(&self, namespace: NamespaceId, peer: PeerKey) -> bool {
        let topics = self.volatile.peers.get(&peer);
        self.open_namespace(&namespace).is_some()
            && topics.is_some_and(|topics| topics.contains(&namespace))
    }
}

#[cfg(test)]
mod tests;
