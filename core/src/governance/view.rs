//! The effect F of a closed set (section 5), kept up incrementally (section 7).
//!
//! A view is a set of ops and everything that follows from it: which are effective, who stands
//! where, the tree, the slots, the rows and their roots. An op is included after its ancestors, or
//! excluded before them; either way only what depends on it is evaluated again, in ascending order,
//! so the result is the same as from scratch (K8). All parts are persistent: a clone costs nothing,
//! and the view at an old cut is a clone moved by the difference.

mod anchors;
mod effect;
mod people;
mod places;
mod roots;
mod settle;
mod slots;

pub use effect::Cause;
pub use people::{MemberRow, Standing};
pub use roots::{Row, row_key};
pub use settle::Changes;
pub use slots::Contest;

use crate::governance::graph::{Deed, Graph};
use crate::governance::order::{Order, TreeOrder};
use crate::governance::reach::Cut;
use crate::governance::table::{GroupIx, Ix, Key, PersonIx, SlotIx};
use crate::governance::tree::Tree;
use crate::id::GroupId;
use crate::merkle::MerkleMap;
use crate::pmap::PMap;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// F of one closed set.
#[derive(Clone, Debug, Default)]
pub struct View {
    cut: Cut,
    /// Admitted ops of the set that are not effective.
    void: PMap<()>,
    people: PMap<Standing>,
    tree: Arc<Tree>,
    /// The last structure op in the order by which the tree was built.
    tree_end: Option<TreeOrder>,
    slots: PMap<Contest>,
    rows: PMap<MerkleMap<Row>>,
    /// The root of each group's own rows, but for those that are [`View::stale`].
    top: MerkleMap<[u8; 32]>,
    /// Groups whose own root changed since the map of all groups was brought up to date.
    stale: BTreeMap<GroupIx, GroupId>,
    anchors: Arc<Vec<Ix>>,
    work: Work,
}

/// What is still to be evaluated. Empty in a settled view.
#[derive(Clone, Debug, Default)]
struct Work {
    ops: BTreeSet<(Order, Ix)>,
    people: BTreeSet<PersonIx>,
    slots: BTreeMap<SlotIx, SlotWork>,
    groups: BTreeSet<GroupIx>,
    /// Structure ops that became effective, or `None` when the tree must be built again.
    tree: TreeWork,
    flipped: Vec<(Ix, bool)>,
    evaluated: BTreeSet<Ix>,
}

#[derive(Clone, Debug, Default)]
enum TreeWork {
    #[default]
    None,
    Append(Vec<Ix>),
    Rebuild,
}

/// What happened to a slot.
#[derive(Clone, Debug, Default)]
struct SlotWork {
    /// Writes that became effective.
    fresh: Vec<Ix>,
    /// The newest write that was maximal and may not count any more: what it covered may.
    lost: Option<Ix>,
}

impl View {
    /// The set of ops.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// Whether the set holds an op.
    pub fn holds(&self, graph: &Graph, ix: Ix) -> bool {
        self.cut.contains(graph.node(ix).place)
    }

    /// Whether an op of the set is effective.
    pub fn is_effective(&self, graph: &Graph, ix: Ix) -> bool {
        self.holds(graph, ix)
            && self.void.get(ix.place()).is_none()
            && graph.node(ix).deed != Deed::Void
    }

    /// Whether nothing is left to evaluate.
    pub fn is_settled(&self) -> bool {
        self.work.ops.is_empty()
            && self.work.people.is_empty()
            && self.work.slots.is_empty()
            && self.work.groups.is_empty()
            && matches!(self.work.tree, TreeWork::None)
    }

    /// The tree of groups.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The chain of anchors (D12).
    pub fn anchors(&self) -> &[Ix] {
        &self.anchors
    }

    /// What a person has.
    pub fn standing(&self, person: PersonIx) -> Option<&Standing> {
        self.people.get(person.place())
    }

    /// The winner of a slot and its rivals, where an effective op wrote it.
    pub fn contest(&self, slot: SlotIx) -> Option<&Contest> {
        self.slots.get(slot.place())
    }

    /// Index of the first anchor of the chain that covers an op, or the chain's length (D12).
    pub fn epoch(&self, graph: &Graph, ix: Ix) -> u32 {
        let covers = |anchor: &Ix| *anchor == ix || graph.is_past(ix, *anchor);
        let epoch = match self.anchors.last() {
            Some(last) if covers(last) => self.anchors.partition_point(|anchor| !covers(anchor)),
            Some(_) | None => self.anchors.len(),
        };
        u32::try_from(epoch).unwrap_or(u32::MAX)
    }

    /// Place of an op in the order of evaluation.
    pub fn order(&self, graph: &Graph, ix: Ix) -> Order {
        let node = graph.node(ix);
        Order {
            epoch: self.epoch(graph, ix),
            prio: graph.prio(ix),
            generation: node.generation,
            id: node.id,
        }
    }

    /// Adds an op whose ancestors are in the set. Follow with [`View::settle`].
    pub fn include(&mut self, graph: &Graph, ix: Ix) {
        let node = graph.node(ix);
        if self.cut.contains(node.place) {
            return;
        }
        self.cut.include(node.place);
        if node.deed == Deed::Void {
            return;
        }
        // Not effective until it is evaluated.
        self.void.insert(ix.place(), ());
        if let Deed::Anchor { .. } = node.deed {
            self.note_anchor(graph, ix);
        }
        self.mark(graph, ix);
    }

    /// Takes out an op that is maximal in the set. Follow with [`View::settle`].
    pub fn exclude(&mut self, graph: &Graph, ix: Ix) {
        let node = graph.node(ix);
        if node.deed == Deed::Void {
            self.cut.exclude(node.place);
            return;
        }
        self.cut.exclude(node.place);
        if let Deed::Anchor { .. } = node.deed {
            self.note_anchor(graph, ix);
        }
        if self.void.remove(ix.place()).is_none() {
            self.flip(graph, ix, false);
        }
    }

    /// Admitted ops of the set that are not effective.
    pub fn void_ops(&self) -> impl Iterator<Item = Ix> {
        self.void.iter().map(|(place, ())| Ix(place))
    }

    /// The view of everything in a graph, given which admitted ops are not effective.
    pub(super) fn restore(graph: &Graph, void: &[Ix]) -> Self {
        let mut view = Self {
            cut: graph.everything(),
            void: void.iter().map(|ix| (ix.place(), ())).collect(),
            ..Self::default()
        };
        view.restore_anchors(graph);
        view.restore_people(graph);
        // Nothing counts yet: all may.
        let work = SlotWork { lost: Some(Ix(u32::MAX)), ..SlotWork::default() };
        view.work.slots.extend(graph.slots.keys().map(|slot| (slot, work.clone())));
        view.work.tree = if graph.is_empty() { TreeWork::None } else { TreeWork::Rebuild };
        view.settle_all(graph);
        view
    }

    /// Marks an op to be evaluated.
    fn mark(&mut self, graph: &Graph, ix: Ix) {
        if graph.node(ix).deed != Deed::Void && self.holds(graph, ix) {
            let order = self.order(graph, ix);
            self.work.ops.insert((order, ix));
        }
    }
}
