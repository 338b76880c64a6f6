//! Building a graph from its stored rows; the indexes are derived again.

use super::{Deed, Graph};
use crate::governance::judged::Auth;
use crate::governance::table::{GroupIx, Ix, PersonIx};
use crate::governance::tree::Tree;
use crate::governance::verdict::VoidAtCut;
use crate::id::OpId;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is stored of a node.
#[derive(Clone, Debug)]
pub struct NodeParts {
    /// See [`super::Node`].
    pub id: OpId,
    /// See [`super::Node`].
    pub signer: PersonIx,
    /// See [`super::Node`].
    pub nonce: u64,
    /// See [`super::Node`].
    pub group: GroupIx,
    /// See [`super::Node`].
    pub parents: Vec<Ix>,
    /// See [`super::Node`].
    pub deed: Deed,
    /// By which grants.
    pub auths: [Option<Auth>; 2],
    /// See [`super::Node`].
    pub tree: Arc<Tree>,
}

impl Graph {
    pub(in crate::governance) fn restore_void_at_cut(&mut self, void: Vec<(Ix, VoidAtCut)>) {
        self.void = void.into_iter().collect();
    }

    pub(in crate::governance) fn all_void_at_cut(&self) -> Vec<(Ix, VoidAtCut)> {
        self.void.iter().map(|(ix, why)| (*ix, *why)).collect()
    }

    /// Appends a node; its place in the chain cover comes out as it was, because chains depend on
    /// the order of arrival alone.
    pub(in crate::governance) fn restore_node(&mut self, parts: NodeParts) {
        let cut = self.closure(&parts.parents);
        let generation = self.next_generation(&parts.parents);
        self.append(parts, cut, generation);
    }
}
