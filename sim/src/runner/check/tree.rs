//! I17: the tree of groups is a tree, now and at every cut by which authority was judged.

use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GroupIx, Ix};
use folkmoot_core::governance::tree::Tree;
use folkmoot_core::limits::DEPTH_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// I17: the tree now, and those at the cuts of the ops from a place on.
pub(super) fn check(space: &Space, from: u32) -> Result<(), String> {
    let graph = space.graph();
    if graph.is_empty() {
        return Ok(());
    }
    check_tree(space.view().tree()).map_err(|what| format!("the tree: {what}"))?;
    let mut last: Option<&Arc<Tree>> = None;
    // A genesis has no tree before it.
    for ix in (from.max(1)..graph.len()).map(Ix) {
        let (node, is_void) = (graph.node(ix), graph.void_at_cut(ix).is_some());
        if !last.is_some_and(|last| Arc::ptr_eq(last, &node.tree)) {
            check_tree(&node.tree).map_err(|what| format!("at op {}: {what}", node.id))?;
            last = Some(&node.tree);
        }
        if !is_void && !node.tree.exists(node.group) {
            return Err(format!("op {} acts on a group that is not there at its cut", node.id));
        }
    }
    Ok(())
}

/// From the root down, by children: every group that exists is come to once, within the depth.
fn check_tree(tree: &Tree) -> Result<(), String> {
    let existing: BTreeSet<GroupIx> = tree.groups().filter(|group| tree.exists(*group)).collect();
    let mut children: BTreeMap<GroupIx, Vec<GroupIx>> = BTreeMap::new();
    for group in &existing {
        match tree.parent(*group) {
            Some(parent) => children.entry(parent).or_default().push(*group),
            None if *group == GroupIx::ROOT => {}
            None => return Err(format!("{group:?} is a second root")),
        }
    }
    let mut found = BTreeSet::new();
    let mut level = vec![GroupIx::ROOT];
    for _ in 0..DEPTH_MAX {
        if let Some(twice) = level.iter().find(|group| !found.insert(**group)) {
            return Err(format!("{twice:?} is there twice"));
        }
        level = level.iter().filter_map(|group| children.get(group)).flatten().copied().collect();
    }
    match existing.difference(&found).next() {
        Some(lost) => Err(format!("{lost:?} is not within {DEPTH_MAX} groups of the root")),
        None if found.is_subset(&existing) => Ok(()),
        None => Err("a parent does not exist".to_owned()),
    }
}
