//! Building a graph from its stored rows; the indexes are derived again.

use super::{Deed, Graph, Person};
use crate::governance::index::IdIndex;
use crate::governance::judged::Auth;
use crate::governance::reach::{Cut, Place};
use crate::governance::table::{GroupIx, Ix, PersonIx};
use crate::governance::tree::Tree;
use crate::governance::verdict::VoidAtCut;
use crate::id::{MemberId, OpId};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is stored of a node.
#[derive(Clone, Debug)]
pub struct NodeParts {
    /// See [`super::Node`].
    pub id: OpId,
    /// See [`super::Node`].
    pub record: u64,
    /// See [`super::Node`].
    pub signer: PersonIx,
    /// See [`super::Node`].
    pub nonce: u64,
    /// See [`super::Node`].
    pub group: GroupIx,
    /// See [`super::Node`].
    pub parents: Box<[Ix]>,
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
        let generation = self.next_generation(&parts.parents);
        let (place, past) = self.follow(&parts.parents).unwrap_or_else(|| {
            let cut = self.closure(&parts.parents);
            self.cover(&parts.parents, cut)
        });
        self.append(parts, place, past, generation);
    }

    /// The place of an op that goes on where its only parent ended, for which its cut need not be
    /// made: most ops do.
    fn follow(&mut self, parents: &[Ix]) -> Option<(Place, Cut)> {
        let [only] = parents else { return None };
        let parent = &self.nodes[*only];
        let place = self.chains.follow(Ix(self.nodes.len()), parent.place)?;
        Some((place, parent.past.clone()))
    }

    /// Makes rows that were restored known by their ids; `None` where two have the same.
    pub(in crate::governance) fn restore_indexes(&mut self) -> Option<()> {
        self.by_id = IdIndex::of(self.nodes.len(), |ix| &self.nodes[ix].id.0)?;
        self.people_by_id = IdIndex::of(self.people.len(), |person| &self.people[person].id.0)?;
        Some(())
    }

    /// Makes room for so many nodes and people.
    pub(in crate::governance) fn reserve(&mut self, nodes: usize, people: usize) {
        self.nodes.reserve(nodes);
        self.people.reserve(people);
    }

    /// Appends a person that [`Graph::restore_indexes`] will make known.
    pub(in crate::governance) fn restore_person(&mut self, id: MemberId) {
        self.people.push(Person::new(id));
    }

    /// The set of everything stored.
    pub(in crate::governance) fn everything(&self) -> Cut {
        self.chains.all()
    }
}
