//! I19 and I21: nothing grows beyond its limit, and no step does more than it may.

use crate::cluster::Node;
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::limits::{
    COMMANDS_WAITING_MAX, DELIVERIES_MAX, DORMANT_PER_SIGNER_MAX, JOINERS_MAX, LISTS_MAX,
    NAMESPACES_MAX, PAGE_OPS_MAX, PAGES_AHEAD_MAX, PARKED_COUNT_MAX, PENDING_BYTES_MAX,
    PENDING_COUNT_MAX, PENDING_PER_SIGNER_MAX, QUESTIONS_PER_JOINER_MAX, STEP_OPS_MAX,
};
use folkmoot_core::settings::Share;
use folkmoot_core::state::{Desk, Namespace};
use folkmoot_effects::driver::RUN_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Gossip that waits to be judged, at most, and the pages that may come on top of that.
const READY_MAX: usize = 4_096 + PAGES_AHEAD_MAX * PAGE_OPS_MAX;
/// Questions of one peer that may be open at once.
const ASKED_PER_PEER_MAX: usize = 512;
/// Wishes besides those of commands: an anchor, and joined heads.
const OWN_WISHES_MAX: usize = 2;
/// Facts of a step besides stored ops: an invitation, a join that begins or ends, a namespace.
const OTHER_FACTS_MAX: u64 = 16;

/// I19: what a node keeps, and what its network keeps for it.
pub(super) fn check_sizes(node: &Node, namespace: NamespaceId, peers: usize) -> Result<(), String> {
    let (durable, volatile) = (&node.state().durable, &node.state().volatile);
    let share = volatile.settings.share;
    within("namespaces", durable.namespaces.len(), NAMESPACES_MAX)?;
    within("lists", volatile.lists.len(), share.of(LISTS_MAX))?;
    within("peers", volatile.peers.len(), peers)?;
    within("open questions", volatile.requests.iter().count(), ASKED_PER_PEER_MAX * (peers + 1))?;
    let (questions, messages) = node.waiting_count();
    within("questions of others", questions, ASKED_PER_PEER_MAX * (peers + 1))?;
    within("messages without a verdict", messages, READY_MAX + PENDING_COUNT_MAX)?;
    if let Some(known) = durable.namespaces.get(&namespace) {
        check_stored(known, share)?;
    }
    volatile.desks.get(&namespace).map_or(Ok(()), |desk| check_desk(desk, share))
}

fn check_stored(known: &Namespace, share: Share) -> Result<(), String> {
    within("ops of newer rules", known.parked.len(), share.of(PARKED_COUNT_MAX))?;
    let (graph, frontier) = (known.space.graph(), known.space.frontier());
    let signers: BTreeSet<_> = graph.ops_void_at_cut().map(|ix| graph.node(ix).signer).collect();
    let most = signers.into_iter().map(|signer| frontier.silent_count(signer)).max();
    // Ops by others may have needed one more.
    let most = usize::try_from(most.unwrap_or_default()).unwrap_or(usize::MAX);
    within("silent ops of a signer", most, 2 * DORMANT_PER_SIGNER_MAX as usize)
}

fn check_desk(desk: &Desk, share: Share) -> Result<(), String> {
    within("ops to be judged", desk.ready.len(), READY_MAX)?;
    within("wishes", desk.wishes.len(), share.of(COMMANDS_WAITING_MAX) + OWN_WISHES_MAX)?;
    within("deliveries", desk.publishing.deliveries.len(), DELIVERIES_MAX)?;
    within("joiners", desk.joiners.len(), share.of(JOINERS_MAX))?;
    let most = desk.joiners.values().map(Vec::len).max().unwrap_or_default();
    within("questions of a joiner", most, share.of(QUESTIONS_PER_JOINER_MAX))?;
    within("ops without parents", desk.pending.len(), share.of(PENDING_COUNT_MAX))?;
    let mut bytes = 0;
    let mut by_signer: BTreeMap<MemberId, usize> = BTreeMap::new();
    for waiting in desk.pending.oldest_first() {
        bytes += waiting.op.signed.payload.len();
        *by_signer.entry(waiting.op.payload.signer).or_default() += 1;
    }
    within("bytes without parents", bytes, share.of(PENDING_BYTES_MAX))?;
    let most = by_signer.into_values().max().unwrap_or_default();
    within("ops of a signer without parents", most, share.of(PENDING_PER_SIGNER_MAX))
}

/// I21: what one step and one run did at most; and what is left over has its turn at once.
pub(super) fn check_steps(node: &Node, mono_ms: u64) -> Result<(), String> {
    let load = node.load();
    if load.inputs_max > RUN_MAX as u64 {
        return Err(format!("{} inputs in one run of at most {RUN_MAX}", load.inputs_max));
    }
    if load.facts_max > STEP_OPS_MAX as u64 + OTHER_FACTS_MAX {
        return Err(format!("{} facts of one step", load.facts_max));
    }
    let volatile = &node.state().volatile;
    let busy: BTreeSet<_> = volatile.busy.iter().collect();
    if busy.len() < volatile.busy.len() {
        return Err(format!("somebody has two turns: {:?}", volatile.busy));
    }
    let is_due = node.wants_step_at().is_some_and(|due| due.0 <= mono_ms);
    if !busy.is_empty() && !is_due {
        return Err(format!("there is work left in {busy:?}, and nobody is to be woken"));
    }
    Ok(())
}

fn within(what: &str, count: usize, most: usize) -> Result<(), String> {
    if count <= most { Ok(()) } else { Err(format!("{count} {what}, and at most {most} may be")) }
}
