//! I22: no deadline has passed, none is lost, and none is for what is not there.

use crate::cluster::Node;
use folkmoot_core::id::PeerKey;
use folkmoot_core::requests::Purpose;
use folkmoot_core::state::{Durable, Volatile};
use folkmoot_core::timers::Timer;
use std::collections::BTreeMap;

/// What is due at this moment may still be on its way, and a clock that is fast passes over a
/// millisecond, in milliseconds.
const GRACE_MS: u64 = 2;

/// I22 of a node that is awake and has been stepped.
pub(super) fn check(node: &Node, mono_ms: u64) -> Result<(), String> {
    let (durable, volatile) = (&node.state().durable, &node.state().volatile);
    let timers: BTreeMap<Timer, u64> = volatile.timers.iter().map(|(at, it)| (it, at.0)).collect();
    let late = timers.iter().find(|(_, at)| **at + GRACE_MS < mono_ms);
    if let Some((timer, at)) = late {
        return Err(format!("{timer:?} was due at {at}, and it is {mono_ms}"));
    }
    let unknown = timers.keys().find(|timer| !is_for(timer, durable, volatile));
    if let Some(unknown) = unknown {
        return Err(format!("{unknown:?} is for what is not there"));
    }
    let owed = owed(durable, volatile);
    match owed.into_iter().find(|(timer, at)| timers.get(timer).is_none_or(|set| set > at)) {
        Some((timer, at)) => {
            Err(format!("{timer:?} by {at} is owed, and {:?} is set", timers.get(&timer)))
        }
        None => Ok(()),
    }
}

/// Whether what a timer is for is there.
fn is_for(timer: &Timer, durable: &Durable, volatile: &Volatile) -> bool {
    if let Timer::Request(request) = timer {
        return volatile.requests.iter().any(|(open, _)| open == request);
    }
    if let Timer::Retry(_, peer) | Timer::Challenge(_, peer) | Timer::Page(_, peer) = timer
        && !volatile.peers.contains_key(peer)
        && !is_asked(volatile, peer)
    {
        return false;
    }
    let known = timer.namespace().and_then(|namespace| durable.namespaces.get(&namespace));
    known.is_some_and(|known| known.is_open)
}

/// Whether a peer was asked something: also one that had gone by then, which soon shows.
fn is_asked(volatile: &Volatile, whom: &PeerKey) -> bool {
    volatile.requests.iter().any(|(_, purpose)| match purpose {
        Purpose::Compare { exchange }
        | Purpose::Fetch { exchange, .. }
        | Purpose::Reconcile { exchange } => exchange.peer == *whom,
        Purpose::Identify { peer, .. } | Purpose::Admit { peer, .. } => peer == whom,
        Purpose::Sign { .. } | Purpose::Tell | Purpose::Acknowledge => false,
    })
}

/// The timers that must be set, each by a time at most.
fn owed(durable: &Durable, volatile: &Volatile) -> Vec<(Timer, u64)> {
    let requests = volatile.requests.iter();
    let mut owed: Vec<(Timer, u64)> =
        requests.map(|(request, _)| (Timer::Request(*request), u64::MAX)).collect();
    for (namespace, _) in durable.namespaces.iter().filter(|(_, known)| known.is_open) {
        owed.push((Timer::Compare(*namespace), u64::MAX));
        let Some(desk) = volatile.desks.get(namespace) else { continue };
        let pending = desk.pending.next_expiry().map(|at| (Timer::Pending(*namespace), at.0));
        let delivery = desk.publishing.deliveries.next_deadline();
        let delivery = delivery.map(|at| (Timer::Delivery(*namespace), at.0));
        let join = desk.joining.as_ref().map(|it| (Timer::Join(*namespace), it.deadline.0));
        owed.extend([pending, delivery, join].into_iter().flatten());
    }
    owed
}
