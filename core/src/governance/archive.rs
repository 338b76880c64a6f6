//! A space as bytes: what cannot be derived, and the root by which the rest is checked.

mod nodes;

use crate::few::Rare;
use crate::governance::graph::{Grant, Graph, Restriction};
use crate::governance::op::SlotKey;
use crate::governance::rights::Rights;
use crate::governance::space::Space;
use crate::governance::table::{GroupIx, Ix, PersonIx};
use crate::governance::tree::TreeChanges;
use crate::governance::verdict::VoidAtCut;
use crate::id::{GroupId, InvitationId, MemberId};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::mem;
use nodes::Nodes;
use thiserror::Error;

/// What contradicts itself in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ArchiveError {
    /// An index names nothing.
    #[error("an index names nothing")]
    Index,
    /// Two rows of a table have one id.
    #[error("two rows of a table have the same id")]
    Twice,
    /// There are more or fewer nodes than it says, or something else.
    #[error("the nodes do not decode")]
    Nodes,
    /// The root over all rows is another than when it was saved.
    #[error("the state root is another than when it was saved")]
    Root,
}

/// What a space is made of.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Archive {
    people: Vec<MemberId>,
    groups: Vec<GroupId>,
    slots: Vec<(SlotKey, GroupIx)>,
    invitations: Vec<(InvitationId, PersonIx, u32)>,
    grants: Vec<GrantRow>,
    restrictions: Vec<RestrictionRow>,
    owners: Vec<PersonIx>,
    trees: Vec<TreeChanges>,
    nodes: Nodes,
    void_at_cut: Vec<(Ix, VoidAtCut)>,
    dead_moves: Vec<(Ix, Vec<Ix>)>,
    /// Admitted ops that are not effective.
    void: Vec<Ix>,
    idle: Vec<Ix>,
    heads: Vec<Ix>,
    since_anchor: u64,
    state_root: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct GrantRow {
    op: Ix,
    target: PersonIx,
    group: GroupIx,
    rights: Rights,
    tier: u8,
    rank: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct RestrictionRow {
    op: Ix,
    target: PersonIx,
    group: GroupIx,
    keep: Rights,
    by_self: bool,
}

impl Space {
    /// The space as something that can be stored. It must be settled.
    pub fn archive(&self) -> Archive {
        let graph = self.graph();
        let (nodes, trees) = Nodes::of(graph);
        Archive {
            people: graph.people.iter().map(|(_, person)| person.id).collect(),
            groups: graph.groups.iter().map(|(_, group)| *group).collect(),
            slots: graph.slots.iter().map(|(_, slot)| (slot.key.clone(), slot.group)).collect(),
            invitations: graph
                .invitations
                .iter()
                .map(|(_, invited)| (invited.id, invited.inviter, invited.uses_max))
                .collect(),
            grants: graph.grants.iter().map(|(_, grant)| GrantRow::of(grant)).collect(),
            restrictions: graph.restrictions.iter().map(|(_, r)| RestrictionRow::of(r)).collect(),
            owners: graph.owners.clone(),
            trees,
            nodes,
            void_at_cut: graph.all_void_at_cut(),
            dead_moves: graph.dead_moves.iter().map(|(ix, dead)| (*ix, dead.clone())).collect(),
            void: self.view().void_ops().collect(),
            idle: self.frontier().idle().iter().copied().collect(),
            heads: self.frontier().heads().to_vec(),
            since_anchor: self.since_anchor(),
            state_root: self.view().state_root(),
        }
    }
}

impl Archive {
    /// The space that was stored.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] where the parts do not fit together.
    pub fn restore(mut self) -> Result<Space, ArchiveError> {
        self.check()?;
        let mut graph = Graph::default();
        self.restore_tables(&mut graph);
        mem::take(&mut self.nodes).restore(&self, &mut graph)?;
        graph.restore_indexes().ok_or(ArchiveError::Twice)?;
        let space = Space::restore(graph, &self.void, self.heads, self.idle, self.since_anchor);
        if space.view().state_root() == self.state_root {
            Ok(space)
        } else {
            Err(ArchiveError::Root)
        }
    }

    fn restore_tables(&mut self, graph: &mut Graph) {
        for id in &self.people {
            graph.restore_person(*id);
        }
        for id in &self.groups {
            graph.enter_group(*id);
        }
        for (key, group) in &self.slots {
            graph.enter_slot(key.clone(), *group);
        }
        for (id, inviter, uses_max) in &self.invitations {
            graph.enter_invitation(*id, *inviter, *uses_max);
        }
        for row in &self.grants {
            graph.enter_grant(row.grant());
        }
        for row in &self.restrictions {
            graph.enter_restriction(row.restriction());
        }
        graph.owners.clone_from(&self.owners);
        graph.dead_moves = mem::take(&mut self.dead_moves).into_iter().collect();
        graph.restore_void_at_cut(mem::take(&mut self.void_at_cut));
    }

    /// Every index names a row, so that nothing after this can go astray.
    fn check(&self) -> Result<(), ArchiveError> {
        let nodes = self.nodes.count();
        let op = |ix: &Ix| ix.0 < nodes;
        let person = |ix: &PersonIx| ix.0 < count(&self.people);
        let group = |ix: &GroupIx| ix.0 < count(&self.groups);
        let tree_is_sound = |tree: &TreeChanges| {
            tree.parents.iter().all(|(child, parent)| group(child) && parent.iter().all(&group))
                && tree.tombstones.iter().all(|(dead, _)| group(dead))
        };
        let sound = self.slots.iter().all(|(_, at)| group(at))
            && self.invitations.iter().all(|(_, inviter, _)| person(inviter))
            && self
                .grants
                .iter()
                .all(|row| op(&row.op) && person(&row.target) && group(&row.group))
            && self
                .restrictions
                .iter()
                .all(|row| op(&row.op) && person(&row.target) && group(&row.group))
            && self.owners.iter().all(person)
            && self.trees.iter().all(tree_is_sound)
            && self.void_at_cut.iter().all(|(ix, _)| op(ix))
            && self.dead_moves.iter().all(|(ix, dead)| op(ix) && dead.iter().all(op))
            && self.void.iter().chain(&self.idle).chain(&self.heads).all(op);
        if sound { Ok(()) } else { Err(ArchiveError::Index) }
    }
}

fn count<T>(rows: &[T]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(u32::MAX)
}

impl GrantRow {
    fn of(grant: &Grant) -> Self {
        let Grant { op, target, group, rights, tier, rank, .. } = *grant;
        Self { op, target, group, rights, tier, rank }
    }

    fn grant(&self) -> Grant {
        let Self { op, target, group, rights, tier, rank } = *self;
        Grant { op, target, group, rights, tier, rank, used: Rare::NONE }
    }
}

impl RestrictionRow {
    fn of(restriction: &Restriction) -> Self {
        let Restriction { op, target, group, keep, by_self } = *restriction;
        Self { op, target, group, keep, by_self }
    }

    fn restriction(&self) -> Restriction {
        let Self { op, target, group, keep, by_self } = *self;
        Restriction { op, target, group, keep, by_self }
    }
}
