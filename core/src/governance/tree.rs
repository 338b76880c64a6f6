//! The tree of groups (section 5), as a persistent value: one for each cut that differs.

use crate::governance::table::{GroupIx, Key};
use crate::limits::DEPTH_MAX;
use crate::pmap::PMap;
use alloc::vec::Vec;

/// Parents and tombstones of all groups that effective ops created.
///
/// A group below a tombstone stays in the map, and vanishes from every answer. Trees are ordered so
/// that one can be found among many, and the order says nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree {
    parents: PMap<GroupIx>,
    tombstones: PMap<()>,
}

/// Why a structure op changes nothing in the tree, although it is effective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The group or the parent does not exist.
    Missing,
    /// The path would be longer than 16 groups.
    TooDeep,
    /// The group would be below itself.
    Circle,
}

impl Tree {
    /// The tree of a genesis: the root alone, which is its own parent here.
    pub fn root() -> Self {
        let mut tree = Self::default();
        tree.parents.insert(GroupIx::ROOT.place(), GroupIx::ROOT);
        tree
    }

    /// The groups from `group` to the root; empty where it does not exist.
    pub fn path(&self, group: GroupIx) -> Vec<GroupIx> {
        let path = self.walk(group);
        let dead = path.iter().any(|step| self.tombstones.get(step.place()).is_some());
        if dead { Vec::new() } else { path }
    }

    /// Whether the path of `group` reaches the root without a tombstone.
    pub fn exists(&self, group: GroupIx) -> bool {
        let mut at = group;
        for _ in 0..DEPTH_MAX {
            let Some(parent) = self.parents.get(at.place()).copied() else { return false };
            if self.tombstones.get(at.place()).is_some() {
                return false;
            }
            if parent == at {
                return true;
            }
            at = parent;
        }
        false
    }

    /// Whether `above` is `below` or on its path to the root.
    pub fn is_at_or_above(&self, above: GroupIx, below: GroupIx) -> bool {
        self.path(below).contains(&above)
    }

    /// The parent; `None` at the root and where the group does not exist.
    pub fn parent(&self, group: GroupIx) -> Option<GroupIx> {
        self.path(group).get(1).copied()
    }

    /// The path of `group`, tombstones or not.
    fn walk(&self, group: GroupIx) -> Vec<GroupIx> {
        let mut path = Vec::with_capacity(4);
        let mut at = group;
        // A path is at most 16 long, because nothing longer is ever entered.
        for _ in 0..DEPTH_MAX {
            let Some(parent) = self.parents.get(at.place()).copied() else { return Vec::new() };
            path.push(at);
            if parent == at {
                return path;
            }
            at = parent;
        }
        Vec::new()
    }

    /// Number of existing groups on the longest path down from `group`, itself included.
    pub fn height(&self, group: GroupIx) -> usize {
        self.longest_below(group, |candidate| self.path(candidate))
    }

    fn longest_below(&self, group: GroupIx, path: impl Fn(GroupIx) -> Vec<GroupIx>) -> usize {
        let depth_below = |candidate: GroupIx| {
            path(candidate).iter().position(|step| *step == group).map_or(0, |at| at + 1)
        };
        self.groups().map(depth_below).max().unwrap_or(0)
    }

    /// Whether a group is in the map, tombstones or not.
    pub fn knows(&self, group: GroupIx) -> bool {
        self.parents.get(group.place()).is_some()
    }

    /// Every group in the map, tombstones or not, ascending.
    pub fn groups(&self) -> impl Iterator<Item = GroupIx> {
        self.parents.iter().map(|(place, _)| GroupIx(place))
    }

    /// Enters a created group.
    ///
    /// # Errors
    ///
    /// [`Skipped`], with nothing changed.
    pub fn create(&mut self, group: GroupIx, parent: GroupIx) -> Result<(), Skipped> {
        let depth = self.walk(parent).len();
        if depth == 0 {
            return Err(Skipped::Missing);
        }
        if depth >= DEPTH_MAX {
            return Err(Skipped::TooDeep);
        }
        self.parents.insert(group.place(), parent);
        Ok(())
    }

    /// Moves a group with all below it.
    ///
    /// # Errors
    ///
    /// [`Skipped`], with nothing changed.
    pub fn relocate(&mut self, group: GroupIx, parent: GroupIx) -> Result<(), Skipped> {
        let path = self.walk(parent);
        if path.is_empty() || self.walk(group).is_empty() {
            return Err(Skipped::Missing);
        }
        if path.contains(&group) {
            return Err(Skipped::Circle);
        }
        if path.len() + self.longest_below(group, |at| self.walk(at)) > DEPTH_MAX {
            return Err(Skipped::TooDeep);
        }
        self.parents.insert(group.place(), parent);
        Ok(())
    }

    /// Sets a tombstone.
    pub fn delete(&mut self, group: GroupIx) {
        self.tombstones.insert(group.place(), ());
    }

    /// What turns `self` into `other`.
    pub fn changes_to(&self, other: &Self) -> TreeChanges {
        let mut changes = TreeChanges::default();
        self.parents.diff(&other.parents, &mut |group, _, parent| {
            changes.parents.push((GroupIx(group), parent.copied()));
        });
        self.tombstones.diff(&other.tombstones, &mut |group, _, dead| {
            changes.tombstones.push((GroupIx(group), dead.is_some()));
        });
        changes
    }

    /// The tree that differs from `self` by `changes`.
    #[must_use]
    pub fn with(&self, changes: &TreeChanges) -> Self {
        let mut tree = self.clone();
        for (group, parent) in &changes.parents {
            match parent {
                Some(parent) => tree.parents.insert(group.place(), *parent),
                None => tree.parents.remove(group.place()),
            };
        }
        for (group, dead) in &changes.tombstones {
            if *dead {
                tree.tombstones.insert(group.place(), ());
            } else {
                tree.tombstones.remove(group.place());
            }
        }
        tree
    }
}

/// The difference between two trees.
#[derive(Clone, Debug, Default, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize)]
pub struct TreeChanges {
    /// Groups with another parent, or none.
    pub parents: Vec<(GroupIx, Option<GroupIx>)>,
    /// Groups with a tombstone set or taken away.
    pub tombstones: Vec<(GroupIx, bool)>,
}

impl TreeChanges {
    /// Whether the two trees are the same.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.tombstones.is_empty()
    }
}

#[cfg(test)]
mod tests;
