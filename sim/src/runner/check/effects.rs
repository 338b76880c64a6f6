//! I7: what a node ordered is performed, or it is still owed.

use crate::cluster::Node;
use crate::runner::Runner;
use folkmoot_core::id::NamespaceId;
use folkmoot_effects::net::Topic;
use std::collections::BTreeSet;

/// The network takes part where the node does.
pub(super) fn check_topics(node: &Node) -> Result<(), String> {
    let namespaces = node.state().durable.namespaces.iter();
    let open: BTreeSet<Topic> =
        namespaces.filter(|(_, known)| known.is_open).map(|(id, _)| Topic(id.0)).collect();
    let topics = node.topics();
    if open == topics {
        return Ok(());
    }
    Err(format!("it takes part in {open:?}, and its network in {topics:?}"))
}

impl Runner<'_> {
    /// What a node no longer publishes again is at another one, where all are honest and up.
    pub(super) fn check_outbox(&self, at: usize, namespace: NamespaceId) -> Result<(), String> {
        let nodes = &self.world.nodes;
        let Some(node) = nodes.get(at) else { return Ok(()) };
        let state = node.state();
        let known = state.durable.namespaces.get(&namespace);
        let desk = state.volatile.desks.get(&namespace);
        let (Some(known), Some(desk)) = (known, desk) else { return Ok(()) };
        let covered = desk.publishing.outbox.covered();
        if covered == 0 {
            return Ok(());
        }
        let graph = known.space.graph();
        let last = graph.person(&known.me).and_then(|me| graph.nth_of(me, covered));
        let Some(last) = last.map(|ix| graph.node(ix).id) else {
            return Err(format!("others have {covered} own ops, and there are not so many"));
        };
        let has = |node: &Node| {
            let known = node.state().durable.namespaces.get(&namespace);
            known.is_some_and(|known| known.stored(&last).is_some())
        };
        let mut others = nodes.iter().enumerate().filter(|(other, _)| *other != at);
        if others.any(|(_, other)| has(other)) {
            return Ok(());
        }
        Err(format!("own op {last} is not owed any more, and nobody else has it"))
    }
}
