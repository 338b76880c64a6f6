//! The nodes of an archive: by far the most of it, so they are written from the graph and read into
//! it one by one, without a list of them in between.

use super::{Archive, ArchiveError, count};
use crate::codec;
use crate::governance::graph::{Deed, Graph, Node, NodeParts};
use crate::governance::judged::Auth;
use crate::governance::table::{
    GrantIx, GroupIx, InvitationIx, Ix, PersonIx, RestrictionIx, SlotIx,
};
use crate::governance::tree::{Tree, TreeChanges};
use crate::id::OpId;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Fewest bytes of a node: bounds how many are made room for.
const NODE_BYTES_MIN: usize = 56;

/// Encodings of nodes, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Nodes {
    count: u32,
    bytes: Vec<u8>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct NodeRow<Parents> {
    id: OpId,
    record: u64,
    signer: PersonIx,
    nonce: u64,
    group: GroupIx,
    parents: Parents,
    deed: Deed,
    auths: [Option<Auth>; 2],
    /// Which of the trees is the one at its cut.
    tree: u32,
}

impl Nodes {
    /// The nodes of a graph, with the trees at their cuts.
    pub(super) fn of(graph: &Graph) -> (Self, Vec<TreeChanges>) {
        let mut trees = Trees::default();
        let mut bytes = Vec::new();
        for (_, node) in graph.nodes.iter() {
            codec::encode_into(&NodeRow::of(node, trees.number(&node.tree)), &mut bytes);
        }
        (Self { count: graph.len(), bytes }, trees.changes)
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Appends the nodes to a graph in which the tables of `archive` are.
    pub(super) fn restore(&self, archive: &Archive, graph: &mut Graph) -> Result<(), ArchiveError> {
        let trees = restore_trees(&archive.trees);
        let room = (self.count as usize).min(self.bytes.len() / NODE_BYTES_MIN);
        graph.reserve(room, archive.people.len());
        let mut rest = self.bytes.as_slice();
        for at in 0..self.count {
            let row: NodeRow<Box<[Ix]>> =
                codec::decode_next(&mut rest).map_err(|_| ArchiveError::Nodes)?;
            if !archive.is_sound(at, &row) {
                return Err(ArchiveError::Index);
            }
            let tree = trees.get(row.tree as usize).ok_or(ArchiveError::Index)?;
            graph.restore_node(row.into_parts(Arc::clone(tree)));
        }
        if rest.is_empty() { Ok(()) } else { Err(ArchiveError::Nodes) }
    }
}

impl<'a> NodeRow<&'a [Ix]> {
    fn of(node: &'a Node, tree: u32) -> Self {
        Self {
            id: node.id,
            record: node.record,
            signer: node.signer,
            nonce: node.nonce,
            group: node.group,
            parents: &node.parents,
            deed: node.deed,
            auths: node.auths,
            tree,
        }
    }
}

impl NodeRow<Box<[Ix]>> {
    fn into_parts(self, tree: Arc<Tree>) -> NodeParts {
        let Self { id, record, signer, nonce, group, parents, deed, auths, .. } = self;
        NodeParts { id, record, signer, nonce, group, parents, deed, auths, tree }
    }
}

impl Archive {
    /// Whether every index in the node at a place names a row.
    fn is_sound(&self, at: u32, row: &NodeRow<Box<[Ix]>>) -> bool {
        row.signer.0 < count(&self.people)
            && row.group.0 < count(&self.groups)
            && row.parents.iter().all(|parent| parent.0 < at)
            && row.auths.iter().flatten().all(|auth| auth.grant.0 < count(&self.grants))
            && self.deed_is_sound(row.deed)
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

/// The different trees of a graph, in the order in which its nodes come to them, each as its
/// difference from the one before. Which of them share memory tells of the restarts that a node
/// went through, and makes no difference.
#[derive(Default)]
struct Trees<'a> {
    numbers: BTreeMap<&'a Tree, u32>,
    last: Option<&'a Tree>,
    /// The tree of the last node, and its number.
    recent: Option<(&'a Arc<Tree>, u32)>,
    changes: Vec<TreeChanges>,
}

impl<'a> Trees<'a> {
    fn number(&mut self, tree: &'a Arc<Tree>) -> u32 {
        // Nodes that share a tree mostly stand together.
        let same = self.recent.filter(|(recent, _)| Arc::ptr_eq(recent, tree));
        let number = same.map_or_else(|| self.find(tree), |(_, number)| number);
        self.recent = Some((tree, number));
        number
    }

    fn find(&mut self, tree: &'a Tree) -> u32 {
        let next = u32::try_from(self.changes.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(tree).or_insert(next);
        if number == next {
            let first = Tree::default();
            self.changes.push(self.last.unwrap_or(&first).changes_to(tree));
            self.last = Some(tree);
        }
        number
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
