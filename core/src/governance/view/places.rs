//! Building the tree from effective structure ops (section 5).

use super::{Row, TreeWork, View, row_key};
use crate::governance::graph::{Deed, Graph};
use crate::governance::order::TreeOrder;
use crate::governance::table::{GroupIx, Ix};
use crate::governance::tree::{Skipped, Tree};
use crate::governance::view::roots::RowName;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

impl View {
    /// Place of a structure op in the order by which the tree is built.
    fn tree_order(&self, graph: &Graph, ix: Ix) -> TreeOrder {
        let order = self.order(graph, ix);
        TreeOrder {
            epoch: order.epoch,
            generation: order.generation,
            prio: order.prio,
            id: order.id,
        }
    }

    pub(super) fn settle_tree(&mut self, graph: &Graph) {
        let appended = match mem::take(&mut self.work.tree) {
            TreeWork::None => return,
            TreeWork::Append(ops) => Some(self.sorted(graph, ops)),
            TreeWork::Rebuild => None,
        };
        // What does not come last in the order changes the meaning of what comes after it.
        let is_last = |ops: &Vec<(TreeOrder, Ix)>| {
            ops.first().is_none_or(|(first, _)| self.tree_end.is_none_or(|end| *first > end))
        };
        let (mut tree, ops) = match appended.filter(is_last) {
            Some(ops) => (Tree::clone(&self.tree), ops),
            None => (Tree::root(), self.all_structure(graph)),
        };
        for (_, ix) in &ops {
            // What is skipped stays effective; the tree just does not take it up.
            let _ = apply(graph, &mut tree, *ix);
        }
        let end = ops.last().map(|(order, _)| *order);
        self.tree_end = end.or(self.tree_end);
        self.adopt_tree(graph, tree);
    }

    /// Structure ops that are effective and yet change nothing, with the reason.
    pub fn skipped(&self, graph: &Graph) -> Vec<(Ix, Skipped)> {
        let mut tree = Tree::root();
        let ops = self.all_structure(graph).into_iter();
        ops.filter_map(|(_, ix)| Some((ix, apply(graph, &mut tree, ix).err()?))).collect()
    }

    fn all_structure(&self, graph: &Graph) -> Vec<(TreeOrder, Ix)> {
        let ops = graph.structure.iter().copied();
        let effective = ops.filter(|ix| self.is_effective(graph, *ix)).collect();
        self.sorted(graph, effective)
    }

    fn sorted(&self, graph: &Graph, ops: Vec<Ix>) -> Vec<(TreeOrder, Ix)> {
        let mut ops: Vec<_> = ops.into_iter().map(|ix| (self.tree_order(graph, ix), ix)).collect();
        ops.sort_unstable();
        ops
    }

    fn adopt_tree(&mut self, graph: &Graph, tree: Tree) {
        let changes = self.tree.changes_to(&tree);
        if changes.is_empty() {
            return;
        }
        let old = mem::replace(&mut self.tree, Arc::new(tree));
        let key = row_key(&RowName::Parent);
        let mut only_created = changes.tombstones.is_empty();
        for (group, parent) in changes.parents {
            only_created &= !old.knows(group) && parent.is_some();
            match parent.filter(|parent| *parent != group) {
                Some(parent) => self.insert_row(graph, group, &key, Row::Parent(parent)),
                None => self.remove_row(group, &key),
            }
            self.work.groups.insert(group);
        }
        if !only_created {
            // A tombstone, or a path that changed, decides the existence of all below.
            self.work.groups.extend(graph.groups.keys());
        }
    }
}

fn apply(graph: &Graph, tree: &mut Tree, ix: Ix) -> Result<(), Skipped> {
    let node = graph.node(ix);
    if let Deed::Create { group, .. } = node.deed {
        return tree.create(group, node.group);
    }
    if let Deed::Move { to } = node.deed {
        return tree.relocate(node.group, to);
    }
    if node.deed == Deed::Delete && node.group != GroupIx::ROOT {
        tree.delete(node.group);
    }
    Ok(())
}
