//! A space as bytes: what cannot be derived, and the root by which the rest is checked.

use crate::few::Few;
use crate::governance::graph::{Deed, Grant, Graph, NodeParts, Restriction};
use crate::governance::judged::Auth;
use crate::governance::op::SlotKey;
use crate::governance::rights::Rights;
use crate::governance::space::Space;
use crate::governance::table::{
    GrantIx, GroupIx, InvitationIx, Ix, PersonIx, RestrictionIx, SlotIx,
};
use crate::governance::tree::{Tree, TreeChanges};
use crate::governance::verdict::VoidAtCut;
use crate::id::{GroupId, InvitationId, MemberId, OpId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// What contradicts itself in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ArchiveError {
    /// An index names nothing.
    #[error("an index names nothing")]
    Index,
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
    nodes: Vec<NodeRow>,
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

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct NodeRow {
    id: OpId,
    signer: PersonIx,
    nonce: u64,
    group: GroupIx,
    parents: Vec<Ix>,
    deed: Deed,
    auths: [Option<Auth>; 2],
    /// Which of the trees is the one at its cut.
    tree: u32,
}

impl Space {
    /// The space as something that can be stored. It must be settled.
    pub fn archive(&self) -> Archive {
        let graph = self.graph();
        let mut trees = Trees::default();
        let nodes = graph.nodes.iter().map(|(_, node)| NodeRow {
            id: node.id,
            signer: node.signer,
            nonce: node.nonce,
            group: node.group,
            parents: node.parents.to_vec(),
            deed: node.deed,
            auths: node.auths,
            tree: trees.number(&node.tree),
        });
        let nodes = nodes.collect();
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
            trees: trees.changes,
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
    pub fn restore(self) -> Result<Space, ArchiveError> {
        self.check()?;
        let mut graph = Graph::default();
        for id in &self.people {
            graph.enter_person(*id);
        }
        for id in &self.groups {
            graph.enter_group(*id);
        }
        for (key, group) in self.slots {
            graph.enter_slot(key, group);
        }
        for (id, inviter, uses_max) in self.invitations {
            graph.enter_invitation(id, inviter, uses_max);
        }
        for row in &self.grants {
            graph.enter_grant(row.grant());
        }
        for row in &self.restrictions {
            graph.enter_restriction(row.restriction());
        }
        graph.owners = self.owners;
        graph.dead_moves = self.dead_moves.into_iter().collect();
        graph.restore_void_at_cut(self.void_at_cut);
        let trees = restore_trees(&self.trees);
        for row in self.nodes {
            let tree = trees.get(row.tree as usize).cloned().ok_or(ArchiveError::Index)?;
            graph.restore_node(NodeParts {
                id: row.id,
                signer: row.signer,
                nonce: row.nonce,
                group: row.group,
                parents: row.parents,
                deed: row.deed,
                auths: row.auths,
                tree,
            });
        }
        let space = Space::restore(graph, &self.void, self.heads, self.idle, self.since_anchor);
        if space.view().state_root() == self.state_root {
            Ok(space)
        } else {
            Err(ArchiveError::Root)
        }
    }

    /// Every index names a row, so that nothing after this can go astray.
    fn check(&self) -> Result<(), ArchiveError> {
        let nodes = count(&self.nodes);
        let op = |ix: &Ix| ix.0 < nodes;
        let person = |ix: &PersonIx| ix.0 < count(&self.people);
        let group = |ix: &GroupIx| ix.0 < count(&self.groups);
        let grant = |ix: GrantIx| ix.0 < count(&self.grants);
        let tree_is_sound = |tree: &TreeChanges| {
            tree.parents.iter().all(|(child, parent)| group(child) && parent.iter().all(&group))
                && tree.tombstones.iter().all(|(dead, _)| group(dead))
        };
        let node_is_sound = |(at, node): (u32, &NodeRow)| {
            person(&node.signer)
                && group(&node.group)
                && node.parents.iter().all(|parent| parent.0 < at)
                && node.auths.iter().flatten().all(|auth| grant(auth.grant))
                && self.deed_is_sound(node.deed)
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
            && (0..).zip(&self.nodes).all(node_is_sound)
            && self.void_at_cut.iter().all(|(ix, _)| op(ix))
            && self.dead_moves.iter().all(|(ix, dead)| op(ix) && dead.iter().all(op))
            && self.void.iter().chain(&self.idle).chain(&self.heads).all(op);
        if sound { Ok(()) } else { Err(ArchiveError::Index) }
    }

    fn deed_is_sound(&self, deed: Deed) -> bool {
        let grant = |ix: GrantIx| ix.0 < count(&self.grants);
        let group = |ix: GroupIx| ix.0 < count(&self.groups);
        let invitation = |ix: InvitationIx| ix.0 < count(&self.invitations);
        match deed {
            Deed::Void | Deed::Genesis | Deed::Noop | Deed::Delete => true,
            Deed::Grant(made) => grant(made),
            Deed::Join { grant: made, invitation: used } => grant(made) && invitation(used),
            Deed::Create { group: made, grant: given } => group(made) && grant(given),
            Deed::Move { to } => group(to),
            Deed::Restrict(RestrictionIx(r)) => r < count(&self.restrictions),
            Deed::Revoke { invitation: revoked } => invitation(revoked),
            Deed::Write { slot: SlotIx(slot), .. } => slot < count(&self.slots),
            Deed::Anchor { notary } => notary.is_none_or(|PersonIx(p)| p < count(&self.people)),
        }
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
        Grant { op, target, group, rights, tier, rank, used: Few::None }
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

/// The different trees of a graph, each as its difference from the one before.
#[derive(Default)]
struct Trees {
    known: Vec<Arc<Tree>>,
    changes: Vec<TreeChanges>,
}

impl Trees {
    fn number(&mut self, tree: &Arc<Tree>) -> u32 {
        // Nodes that share a tree mostly stand together.
        let found = self.known.iter().rposition(|known| Arc::ptr_eq(known, tree));
        let at = found.unwrap_or_else(|| {
            let before = self.known.last().map(|last| Tree::clone(last)).unwrap_or_default();
            self.changes.push(before.changes_to(tree));
            self.known.push(Arc::clone(tree));
            self.known.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}

fn restore_trees(changes: &[TreeChanges]) -> Vec<Arc<Tree>> {
    let mut tree = Tree::default();
    let mut trees = Vec::with_capacity(changes.len());
    for change in changes {
        tree = tree.with(change);
        trees.push(Arc::new(tree.clone()));
    }
    trees
}
