//! What a node has, in a few digests.

use crate::cluster::Node;
use folkmoot_core::codec;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::OpId;
use folkmoot_core::state::Durable;
use std::collections::BTreeSet;

/// What follows from a set of ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) state_root: [u8; 32],
    pub(super) heads: Vec<OpId>,
    /// The ops that have effect.
    pub(super) effective: [u8; 32],
}

impl Summary {
    pub(super) fn of(space: &Space) -> Self {
        let (graph, view) = (space.graph(), space.view());
        let has_effect = |ix: &Ix| view.is_effective(graph, *ix);
        Self {
            state_root: view.state_root(),
            heads: space.heads(),
            effective: mixed(space, all(space).filter(has_effect)),
        }
    }
}

/// A name of the set of effective ops that are visible: what everybody comes to have (R6).
pub(super) fn shown_of(space: &Space) -> [u8; 32] {
    let (graph, view) = (space.graph(), space.view());
    let is_shown =
        |ix: &Ix| view.is_effective(graph, *ix) && space.frontier().is_visible(graph, *ix);
    mixed(space, all(space).filter(is_shown))
}

/// A name of the set of ops that a node has.
pub(super) fn set_of(space: &Space) -> [u8; 32] {
    mixed(space, all(space))
}

fn all(space: &Space) -> impl Iterator<Item = Ix> {
    (0..space.graph().len()).map(Ix)
}

/// A name of a set, whatever its order: ids are digests, so their sum is as good as one.
fn mixed(space: &Space, ops: impl Iterator<Item = Ix>) -> [u8; 32] {
    ops.fold([0; 32], |mut sum, ix| {
        let id = space.graph().node(ix).id.0;
        sum.iter_mut().zip(id).for_each(|(byte, other)| *byte ^= other);
        sum
    })
}

/// The visible ops that no visible op has in its past, found without any index (R6).
pub(super) fn maximal_visible(space: &Space) -> BTreeSet<OpId> {
    let (graph, frontier) = (space.graph(), space.frontier());
    let visible: Vec<Ix> = all(space).filter(|ix| frontier.is_visible(graph, *ix)).collect();
    let mut covered = vec![false; graph.len() as usize];
    let mut left: Vec<Ix> = visible.clone();
    while let Some(ix) = left.pop() {
        for parent in &graph.node(ix).parents {
            if let Some(is_covered) = covered.get_mut(parent.0 as usize)
                && !std::mem::replace(is_covered, true)
            {
                left.push(*parent);
            }
        }
    }
    let is_maximal = |ix: &Ix| covered.get(ix.0 as usize) == Some(&false);
    visible.into_iter().filter(is_maximal).map(|ix| graph.node(ix).id).collect()
}

/// An op with effect that no head covers. What somebody gave up may show nothing (R6), and is left
/// out.
pub(super) fn uncovered(space: &Space) -> Option<OpId> {
    let (graph, view) = (space.graph(), space.view());
    let heads = space.frontier().heads();
    let covered = graph.closure(heads);
    let mut shown = all(space).filter(|ix| {
        let node = graph.node(*ix);
        let gives_up = node.deed.restriction().is_some() && node.auth().is_none();
        view.is_effective(graph, *ix) && !gives_up
    });
    shown.find(|ix| !covered.contains(graph.node(*ix).place)).map(|ix| graph.node(ix).id)
}

/// A digest of the durable state, with what is left to be evaluated done: of what it says, and not
/// of how that is kept in memory, which tells of the restarts that a node went through.
pub(super) fn durable_digest(durable: &Durable) -> [u8; 32] {
    let namespaces = &durable.namespaces;
    if !namespaces.values().all(|known| known.space.is_settled()) {
        let mut settled = durable.clone();
        settled.settle();
        return durable_digest(&settled);
    }
    let mut bytes = codec::encode(&(durable.records, namespaces.len() as u64));
    for (namespace, known) in namespaces {
        codec::encode_into(&(namespace, known.me, known.is_open), &mut bytes);
        let lists = (&known.parked, &known.issued, &known.join, &known.addresses);
        codec::encode_into(&lists, &mut bytes);
        let (space, graph) = (&known.space, known.space.graph());
        let (heads, root) = (space.heads(), space.view().state_root());
        codec::encode_into(&(heads, root, space.since_anchor(), graph.len()), &mut bytes);
        for ix in all(space) {
            let node = graph.node(ix);
            let (void, has_effect) = (graph.void_at_cut(ix), space.view().is_effective(graph, ix));
            codec::encode_into(&(node.id, node.record, void.copied(), has_effect), &mut bytes);
        }
    }
    *blake3::hash(&bytes).as_bytes()
}

/// What a node has, without anything that tells of how and when it came to it: so without what is
/// not visible, which only those have who heard of it in time (R6).
pub(super) fn picture(node: &Node) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for (namespace, known) in &node.state().durable.namespaces {
        let (space, graph) = (&known.space, known.space.graph());
        let visible = || all(space).filter(|ix| space.frontier().is_visible(graph, *ix));
        let void = visible().filter(|ix| graph.void_at_cut(*ix).is_some());
        let names = (mixed(space, visible()), mixed(space, void), shown_of(space));
        let (heads, root) = (space.heads(), space.view().state_root());
        hasher.update(&codec::encode(&(namespace, known.me, known.is_open, names)));
        hasher.update(&codec::encode(&(root, heads)));
    }
    *hasher.finalize().as_bytes()
}
