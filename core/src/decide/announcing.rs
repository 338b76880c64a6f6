//! Beacons and probes, and what follows from them for our own readiness (NET-10 to NET-16).

use super::Turn;
use crate::effect::Forward;
use crate::id::{NamespaceId, PeerKey};
use crate::input::MessageId;
use crate::statement::Beacon;
use alloc::vec::Vec;

impl Turn<'_> {
    /// A member says how far it has come.
    pub(super) fn on_beacon(
        &mut self,
        message: MessageId,
        _peer: PeerKey,
        _namespace: NamespaceId,
        _beacon: &Beacon,
    ) {
        self.forward(message, Forward::Ignore);
    }

    /// Somebody looks for members.
    pub(super) fn on_probe(&mut self, message: MessageId, _namespace: NamespaceId) {
        self.forward(message, Forward::Accept);
    }

    /// This node takes part from here on.
    pub(super) fn begin_readiness(&mut self, _namespace: NamespaceId) {}

    /// It takes part no longer: one last beacon says so.
    pub(super) fn end_readiness(&mut self, _namespace: NamespaceId) {}

    /// Something changed that readiness depends on: an op, a peer, a beacon, or the time.
    pub(super) fn review_readiness(&mut self, _namespace: NamespaceId) {}

    pub(super) fn on_beacon_due(&mut self, _namespace: NamespaceId) {}

    pub(super) fn on_probe_answer_due(&mut self, _namespace: NamespaceId) {}

    /// NET-12: the same heads and another root. Nothing is repaired by itself.
    pub(super) fn on_roots_differ(&mut self, _namespace: NamespaceId, _theirs: [u8; 32]) {}

    /// Connected peers of a namespace, the best partner first (NET-15).
    pub(super) fn partners(&self, namespace: NamespaceId) -> Vec<PeerKey> {
        self.peers_of(namespace)
    }
}
