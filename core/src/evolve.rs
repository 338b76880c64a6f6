//! What a durable fact does to the durable state. Cannot fail; no clock, no crypto, no chance.

use crate::event::Event;
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::space::Space;
use crate::id::{MemberId, NamespaceId};
use crate::join::JoinJob;
use crate::state::{Durable, Namespace};
use alloc::vec::Vec;

/// Folds one fact into the durable state: the next record of the log, whether it fits or not.
///
/// A fact that does not fit (an op whose parents are missing, a namespace that is not known) is
/// passed over: it cannot come out of [`crate::step`], and a damaged log is refused before this.
pub fn evolve(durable: &mut Durable, event: &Event) {
    durable.records += 1;
    let record = durable.records;
    match event {
        Event::NamespaceOpened { namespace, me } => open(durable, *namespace, *me),
        Event::NamespaceClosed { namespace } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.is_open = false;
                known.join = None;
                // Nothing was learned: as if it had never been.
                if known.space.graph().is_empty() {
                    durable.namespaces.remove(namespace);
                }
            }
        }
        Event::OpAccepted { namespace, op, judged } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.space.store(op, judged, record);
            }
        }
        Event::OpParked { namespace, bytes } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.parked.push(bytes.clone());
            }
        }
        Event::InvitationIssued { namespace, invitation } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.issued.push(Invitation::clone(invitation));
            }
        }
        Event::JoinStarted { namespace, request, addresses, started, within_ms } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.addresses.clone_from(addresses);
                let (request, started) = (JoinRequest::clone(request), *started);
                known.join = Some(JoinJob { request, started, within_ms: *within_ms });
            }
        }
        Event::JoinEnded { namespace, .. } => {
            if let Some(known) = durable.namespaces.get_mut(namespace) {
                known.join = None;
            }
        }
    }
}

fn open(durable: &mut Durable, namespace: NamespaceId, me: MemberId) {
    let known = durable.namespaces.entry(namespace).or_insert_with(|| Namespace {
        me,
        is_open: true,
        space: Space::default(),
        parked: Vec::new(),
        issued: Vec::new(),
        join: None,
        addresses: Vec::new(),
    });
    known.me = me;
    known.is_open = true;
}
