//! Building a graph from its stored rows; the indexes are derived again.

use super::{Deed, Grant, Graph, Invited, Node, Person, Restriction, Slot};
use crate::governance::judged::Auth;
use crate::governance::op::SlotKey;
use crate::governance::reach::Place;
use crate::governance::table::{GroupIx, Ix, PersonIx};
use crate::governance::tree::Tree;
use crate::governance::verdict::VoidAtCut;
use crate::id::{GroupId, InvitationId, MemberId, OpId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What is stored of a node.
#[derive(Clone, Debug)]
pub struct NodeParts {
    /// See [`Node`].
    pub id: OpId,
    /// See [`Node`].
    pub signer: PersonIx,
    /// See [`Node`].
    pub nonce: u64,
    /// See [`Node`].
    pub group: GroupIx,
    /// See [`Node`].
    pub parents: Vec<Ix>,
    /// See [`Node`].
    pub deed: Deed,
    /// By which grants.
    pub auths: [Option<Auth>; 2],
    /// See [`Node`].
    pub tree: Arc<Tree>,
}

impl Graph {
    pub(in crate::governance) fn restore_person(&mut self, id: MemberId) {
        let (grants, restrictions, ops) = (Vec::new(), Vec::new(), Vec::new());
        let person = self.people.push(Person { id, grants, restrictions, ops });
        self.people_by_id.insert(id, person);
    }

    pub(in crate::governance) fn restore_group(&mut self, id: GroupId) {
        let group = self.groups.push(id);
        self.groups_by_id.insert(id, group);
    }

    pub(in crate::governance) fn restore_slot(&mut self, key: SlotKey, group: GroupIx) {
        let (writes, strict) = (Vec::new(), Vec::new());
        let slot = self.slots.push(Slot { key: key.clone(), group, writes, strict });
        self.slots_by_key.insert(key, slot);
    }

    pub(in crate::governance) fn restore_invitation(
        &mut self,
        id: InvitationId,
        inviter: PersonIx,
        uses_max: u32,
    ) {
        let (joins, revocations) = (Vec::new(), Vec::new());
        let invitation =
            self.invitations.push(Invited { id, inviter, uses_max, joins, revocations });
        self.invitations_by_id.insert(id, invitation);
    }

    pub(in crate::governance) fn restore_grant(&mut self, grant: Grant) {
        let target = grant.target;
        let grant = self.grants.push(grant);
        self.people[target].grants.push(grant);
    }

    pub(in crate::governance) fn restore_restriction(&mut self, restriction: Restriction) {
        let r = self.restrictions.push(restriction);
        self.people[restriction.target].restrictions.push(r);
    }

    pub(in crate::governance) fn restore_void_at_cut(&mut self, void: Vec<(Ix, VoidAtCut)>) {
        self.void = void.into_iter().collect();
    }

    pub(in crate::governance) fn all_void_at_cut(&self) -> Vec<(Ix, VoidAtCut)> {
        self.void.iter().map(|(ix, why)| (*ix, *why)).collect()
    }

    /// Appends a node; its place in the chain cover comes out as it was, because chains depend on
    /// the order of arrival alone.
    pub(in crate::governance) fn restore_node(&mut self, parts: NodeParts) {
        let ix = Ix(self.nodes.len());
        let cut = self.closure(&parts.parents);
        let parents = &parts.parents;
        let places: Vec<Place> = parents.iter().map(|parent| self.nodes[*parent].place).collect();
        let highest = parents.iter().map(|parent| self.nodes[*parent].generation).max();
        let nodes = &self.nodes;
        let place = self.chains.assign(ix, &places, &cut, |ix| nodes[ix].place);
        let past = self.shared_past(parents, place, cut);
        let (id, signer, nonce) = (parts.id, parts.signer, parts.nonce);
        self.nodes.push(Node {
            id,
            signer,
            nonce,
            generation: highest.map_or(0, |highest| highest + 1),
            group: parts.group,
            parents: parts.parents.into_boxed_slice(),
            place,
            past,
            deed: parts.deed,
            auths: parts.auths,
            tree: parts.tree,
        });
        self.by_id.insert(id, ix);
        self.note_nonce(ix, signer, nonce);
        self.index(ix);
    }
}
