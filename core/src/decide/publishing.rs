//! Acknowledged publishing: who has what this node wrote (NET-30 to NET-34).

use super::Turn;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::input::ExchangeId;
use crate::signed::Op;
use crate::statement::{Ack, AckOutcome, Attested};
use crate::wire::Response;

impl Turn<'_> {
    /// The mesh of a topic has grown or shrunk (NET-30).
    pub(super) fn on_mesh_changed(&mut self, _namespace: NamespaceId, _peers: u64) {}

    /// Tells the author of a published op what became of it here, where it is connected.
    pub(super) fn acknowledge(
        &mut self,
        _namespace: NamespaceId,
        _op: &Op,
        _from: Option<PeerKey>,
        _outcome: AckOutcome,
    ) {
    }

    /// A member acknowledges an op (NET-33).
    pub(super) fn on_ack(
        &mut self,
        exchange: ExchangeId,
        _peer: PeerKey,
        _ack: Attested<Ack>,
        _signature_valid: bool,
    ) {
        self.respond(exchange, Response::Noted);
    }

    /// Another member has these heads: what is behind them is delivered to it.
    pub(super) fn on_covered(
        &mut self,
        namespace: NamespaceId,
        member: MemberId,
        heads: &[OpId],
    ) {
        self.note_join_covered(namespace, member, heads);
    }

    pub(super) fn on_delivery_due(&mut self, _namespace: NamespaceId) {}

    pub(super) fn on_outbox_due(&mut self, _namespace: NamespaceId) {}

    /// A peer of the topic came: it may lack what we wrote.
    pub(super) fn offer(&mut self, _namespace: NamespaceId, _peer: PeerKey) {}
}
