//! Challenges: which member stands behind a connection.

use super::Turn;
use crate::effect::Effect;
use crate::governance::invitation::JoinRequest;
use crate::id::{NamespaceId, PeerKey};
use crate::identities::Identity;
use crate::input::ExchangeId;
use crate::requests::Purpose;
use crate::statement::Hello;
use crate::wire::{Nonce, Refused, Request, Response};

impl Turn<'_> {
    /// Asks a peer who it is here.
    pub(super) fn challenge(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let nonce = self.volatile.prng.bytes();
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
        let pass = known.join.as_ref().map(|job| job.request.clone());
        let from = self.volatile.peer;
        let hello = Hello { namespace, member: known.me, from, to: peer, nonce };
        self.effect(Effect::Introduce { exchange, hello, pass });
    }

    /// A peer proved who it is; a proof of something else is none.
    pub(super) fn on_identity(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        nonce: Nonce,
        hello: &Hello,
        pass: Option<JoinRequest>,
    ) {
        let expected =
            Hello { namespace, member: hello.member, from: peer, to: self.volatile.peer, nonce };
        let is_own = pass.as_ref().is_none_or(|pass| {
            pass.joiner == hello.member && pass.invitation.terms.namespace == namespace
        });
        if *hello != expected || !is_own || self.open_namespace(&namespace).is_none() {
            return;
        }
        let identity = Identity { member: hello.member, pass };
        self.desk(namespace).identities.insert(peer, identity);
    }

    /// Whether a peer is served here: one that is or was a member, or holds an invitation.
    pub(super) fn is_served(&self, _namespace: NamespaceId, _peer: PeerKey) -> bool {
        true
    }
}
