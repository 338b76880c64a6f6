//! The graph of ops: what follows from an op and its ancestors alone, the same in every set.
//!
//! Append-only. Nothing here depends on which ops are effective now: that is a [`super::view`].

mod intern;
mod node;
mod place;
mod read;
mod restore;
mod writes;

pub use node::{Deed, Grant, Node, Restriction};
pub use place::Placed;
pub use restore::NodeParts;
pub use writes::Writes;

use crate::few::{Few, Rare};
use crate::governance::index::IdIndex;
use crate::governance::judged::Judged;
use crate::governance::op::SlotKey;
use crate::governance::order::Seniority;
use crate::governance::reach::{Chains, Cut, Place};
use crate::governance::table::{
    GrantIx, GroupIx, InvitationIx, Ix, PersonIx, RestrictionIx, SlotIx, Table,
};
use crate::governance::tree::Tree;
use crate::governance::verdict::VoidAtCut;
use crate::id::{GroupId, InvitationId, MemberId, NamespaceId, OpId};
use crate::record::Stored;
use crate::signed::Op;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

/// Every stored op of one namespace, with the indexes that the engine asks.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(super) nodes: Table<Ix, Node>,
    by_id: IdIndex<Ix>,
    pub(super) chains: Chains,
    pub(super) grants: Table<GrantIx, Grant>,
    pub(super) restrictions: Table<RestrictionIx, Restriction>,
    pub(super) people: Table<PersonIx, Person>,
    people_by_id: IdIndex<PersonIx>,
    pub(super) groups: Table<GroupIx, GroupId>,
    groups_by_id: BTreeMap<GroupId, GroupIx>,
    pub(super) slots: Table<SlotIx, Slot>,
    slots_by_key: BTreeMap<SlotKey, SlotIx>,
    pub(super) invitations: Table<InvitationIx, Invited>,
    invitations_by_id: BTreeMap<InvitationId, InvitationIx>,
    /// Creations, moves and deletions of groups.
    pub(super) structure: Vec<Ix>,
    pub(super) moves: BTreeMap<GroupIx, Vec<Ix>>,
    pub(super) anchors: Vec<Ix>,
    /// Anchors that name a notary, with whom they name.
    pub(super) namings: Vec<(Ix, PersonIx)>,
    pub(super) owners: Vec<PersonIx>,
    void: BTreeMap<Ix, VoidAtCut>,
    /// Moves in the past of an op that were not effective at its cut (D11); rarely any.
    pub(super) dead_moves: BTreeMap<Ix, Vec<Ix>>,
    /// All but the first of several ops of one signer with one nonce.
    forks: BTreeMap<(PersonIx, u64), Vec<Ix>>,
}

/// What is known of a member or author.
#[derive(Clone, Debug)]
pub struct Person {
    /// Its key.
    pub id: MemberId,
    /// Grants to it.
    pub grants: Few<GrantIx>,
    /// Restrictions on it.
    pub restrictions: Rare<RestrictionIx>,
    /// Its ops, one for each nonce from 1 on.
    pub ops: Rare<Ix>,
}

impl Person {
    fn new(id: MemberId) -> Self {
        Self { id, grants: Few::None, restrictions: Rare::NONE, ops: Rare::NONE }
    }
}

/// What is known of a slot.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Which one.
    pub key: SlotKey,
    /// The group that holds it.
    pub group: GroupIx,
    /// Every write of it.
    pub writes: Writes,
    /// Those writes that are strict.
    pub strict: Vec<Ix>,
}

/// What is known of an invitation.
#[derive(Clone, Debug)]
pub struct Invited {
    /// Its id.
    pub id: InvitationId,
    /// Who invited.
    pub inviter: PersonIx,
    /// How many joiners it admits.
    pub uses_max: u32,
    /// Joins by it.
    pub joins: Vec<Ix>,
    /// Revocations of it.
    pub revocations: Vec<Ix>,
}

impl Graph {
    /// Number of stored ops.
    pub fn len(&self) -> u32 {
        self.nodes.len()
    }

    /// Whether nothing is stored, not even a genesis.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The op with this id, where it is stored.
    pub fn find(&self, id: &OpId) -> Option<Ix> {
        // Asked for most: once it is stored, and as the parent of what comes next.
        let newest = Ix(self.nodes.len().checked_sub(1)?);
        if self.nodes[newest].id == *id {
            return Some(newest);
        }
        self.by_id.find(&id.0, |ix| &self.nodes[ix].id.0)
    }

    /// The op at a place.
    pub fn node(&self, ix: Ix) -> &Node {
        &self.nodes[ix]
    }

    /// The op at a place, for whoever reads its bytes in the log.
    pub fn stored(&self, ix: Ix) -> Stored {
        let Node { id, record, .. } = self.nodes[ix];
        Stored { op: id, record }
    }

    /// The namespace: the id of the genesis.
    pub fn namespace(&self) -> Option<NamespaceId> {
        self.nodes.get(Ix(0)).map(|genesis| genesis.id.into())
    }

    /// The person with this key, where some op names it.
    pub fn person(&self, id: &MemberId) -> Option<PersonIx> {
        self.people_by_id.find(&id.0, |person| &self.people[person].id.0)
    }

    /// The group with this id, where some op created it.
    pub fn group(&self, id: &GroupId) -> Option<GroupIx> {
        self.groups_by_id.get(id).copied()
    }

    /// The slot with this key, where some op wrote it.
    pub fn slot(&self, key: &SlotKey) -> Option<SlotIx> {
        self.slots_by_key.get(key).copied()
    }

    /// The invitation with this id, where some op names it.
    pub fn invitation(&self, id: &InvitationId) -> Option<InvitationIx> {
        self.invitations_by_id.get(id).copied()
    }

    /// Id of a group.
    pub fn group_id(&self, group: GroupIx) -> GroupId {
        self.groups[group]
    }

    /// Key of a person.
    pub fn member_id(&self, person: PersonIx) -> MemberId {
        self.people[person].id
    }

    /// Joins by an invitation, effective or not.
    pub fn joins_by(&self, invitation: InvitationIx) -> &[Ix] {
        &self.invitations[invitation].joins
    }

    /// Who gets the rights that an op grants, or is restricted by it.
    pub fn target_of(&self, ix: Ix) -> Option<PersonIx> {
        let deed = self.nodes[ix].deed;
        let granted = deed.grant().map(|grant| self.grants[grant].target);
        granted.or_else(|| deed.restriction().map(|r| self.restrictions[r].target))
    }

    /// Revocations of an invitation, effective or not.
    pub fn revocations_of(&self, invitation: InvitationIx) -> &[Ix] {
        &self.invitations[invitation].revocations
    }

    /// The op that made a grant.
    pub fn op_of_grant(&self, grant: GrantIx) -> OpId {
        self.nodes[self.grants[grant].op].id
    }

    /// Every slot of a group that somebody wrote, by name.
    pub fn slots_of(&self, group: GroupId) -> impl Iterator<Item = (SlotIx, &SlotKey)> {
        let from = SlotKey { group, name: crate::governance::op::SlotName::Visibility };
        let slots = self.slots_by_key.range(from..);
        slots.take_while(move |(key, _)| key.group == group).map(|(key, slot)| (*slot, key))
    }

    /// Every op that is void at its cut.
    pub fn ops_void_at_cut(&self) -> impl Iterator<Item = Ix> {
        self.void.keys().copied()
    }

    /// Number of ops that are void at their cut.
    pub fn void_at_cut_count(&self) -> usize {
        self.void.len()
    }

    /// Why an op is void at its cut, where it is.
    pub fn void_at_cut(&self, ix: Ix) -> Option<&VoidAtCut> {
        self.void.get(&ix)
    }

    /// Whether `past` is a strict ancestor of `op` (D2).
    pub fn is_past(&self, past: Ix, op: Ix) -> bool {
        let (past, op) = (&self.nodes[past], &self.nodes[op]);
        if past.place.chain == op.place.chain {
            past.place.position < op.place.position
        } else {
            op.past.contains(past.place)
        }
    }

    /// Whether neither op is in the other's past, and they are not the same.
    pub fn is_concurrent(&self, a: Ix, b: Ix) -> bool {
        a != b && !self.is_past(a, b) && !self.is_past(b, a)
    }

    /// The cut of a stored op: its strict ancestors.
    pub fn past(&self, ix: Ix) -> Cut {
        let node = &self.nodes[ix];
        let mut cut = node.past.clone();
        if let Some(position) = node.place.position.checked_sub(1) {
            cut.include(Place { position, ..node.place });
        }
        cut
    }

    /// The cut of an op to come: `parents` with their ancestors.
    pub fn closure(&self, parents: &[Ix]) -> Cut {
        self.sibling_cut(parents).unwrap_or_else(|| self.close(self.joined_past(parents), parents))
    }

    /// The cut of the latest op, where it has the same parents: siblings come one after the other.
    fn sibling_cut(&self, parents: &[Ix]) -> Option<Cut> {
        let latest = Ix(self.nodes.len().checked_sub(1)?);
        (*self.nodes[latest].parents == *parents).then(|| self.past(latest))
    }

    /// What precedes any of these ops, but for what precedes each on its own chain. Siblings share
    /// what precedes them, so that it is united once.
    fn joined_past(&self, ops: &[Ix]) -> Cut {
        let mut pasts = ops.iter().map(|ix| &self.nodes[*ix].past);
        let Some(mut last) = pasts.next() else { return Cut::default() };
        let mut joined = last.clone();
        for past in pasts {
            if !past.is_same(last) {
                joined = joined.union(past);
            }
            last = past;
        }
        joined
    }

    /// Adds ops to a cut that holds what precedes them off their own chains.
    fn close(&self, mut cut: Cut, ops: &[Ix]) -> Cut {
        for ix in ops {
            cut.include(self.nodes[*ix].place);
        }
        cut
    }

    /// The last op of each chain that is in a causally closed set: all its maximal ops, and others.
    pub fn tops_within(&self, has: impl Fn(Ix) -> bool) -> BTreeSet<Ix> {
        self.chains.tops_within(has).collect()
    }

    /// The ops in `larger` that are not in `smaller`, in topological order.
    pub fn difference(&self, larger: &Cut, smaller: &Cut) -> Vec<Ix> {
        self.chains.difference(larger, smaller)
    }

    /// Key of a grant (D8).
    pub fn seniority(&self, grant: GrantIx) -> Seniority {
        let grant = &self.grants[grant];
        Seniority { tier: grant.tier, rank: grant.rank, id: self.nodes[grant.op].id }
    }

    /// The largest key of the auths of an op; a self-restriction sorts last (D8).
    pub fn prio(&self, ix: Ix) -> Seniority {
        let node = &self.nodes[ix];
        match (node.auth(), &node.deed) {
            (Some(auth), _) => {
                let first = self.seniority(auth);
                node.inviter_auth().map_or(first, |second| first.max(self.seniority(second)))
            }
            (None, Deed::Genesis) => Seniority::GENESIS,
            (None, _) => Seniority::of_self(node.id),
        }
    }

    /// Other ops of the same signer with the same nonce: equivocation.
    pub fn rivals(&self, ix: Ix) -> Vec<Ix> {
        let node = &self.nodes[ix];
        self.with_nonce(node.signer, node.nonce).filter(|other| *other != ix).collect()
    }

    /// Ops of one signer with one nonce.
    fn with_nonce(&self, signer: PersonIx, nonce: u64) -> impl Iterator<Item = Ix> {
        let at = nonce.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let first = at.and_then(|at| self.people[signer].ops.get(at)).copied();
        let rest = self.forks.get(&(signer, nonce)).into_iter().flatten().copied();
        first.into_iter().chain(rest)
    }

    /// Evidence: every signer and nonce with more than one op, with those ops.
    pub fn equivocations(&self) -> impl Iterator<Item = (PersonIx, u64, Vec<Ix>)> {
        self.forks
            .keys()
            .map(|(signer, nonce)| (*signer, *nonce, self.with_nonce(*signer, *nonce).collect()))
    }

    /// Every op of a signer.
    pub fn ops_of(&self, signer: PersonIx) -> impl Iterator<Item = Ix> {
        let chain = self.people[signer].ops.iter().copied();
        let forks = self.forks.range((signer, 0)..=(signer, u64::MAX));
        chain.chain(forks.flat_map(|(_, ops)| ops.iter().copied()))
    }

    /// The latest op of a signer, by nonce; of several the first to arrive.
    pub fn last_of(&self, signer: PersonIx) -> Option<Ix> {
        self.people[signer].ops.last().copied()
    }

    /// The op of a signer with this nonce; of several the first to arrive.
    pub fn nth_of(&self, signer: PersonIx, nonce: u64) -> Option<Ix> {
        self.with_nonce(signer, nonce).next()
    }

    /// Stores an op that was judged; `record` of the log holds its bytes.
    pub fn push(
        &mut self,
        op: &Op,
        placed: &Placed,
        judged: &Judged,
        tree: Arc<Tree>,
        record: u64,
    ) -> Ix {
        let ix = Ix(self.nodes.len());
        let signer = self.intern_person(op.payload.signer);
        let parts = NodeParts {
            id: op.id,
            record,
            signer,
            nonce: op.payload.nonce,
            group: self.group(&op.payload.group).unwrap_or(GroupIx::ROOT),
            parents: placed.parents.as_slice().into(),
            deed: self.read_deed(ix, op, judged),
            auths: judged.auths,
            tree,
        };
        let (place, past) = self.cover(&parts.parents, placed.cut.clone());
        self.append(parts, place, past, placed.generation);
        let nodes = &self.nodes;
        self.by_id.insert(ix, &op.id.0, |ix| &nodes[ix].id.0);
        if let Some(void) = judged.void {
            self.void.insert(ix, void);
        } else if !judged.dead_moves.is_empty() {
            self.dead_moves.insert(ix, judged.dead_moves.clone());
        }
        ix
    }

    /// Takes a place in the chain cover for the next op; gives it with the ancestors off its chain.
    fn cover(&mut self, parents: &[Ix], cut: Cut) -> (Place, Cut) {
        let nodes = &self.nodes;
        let ends: Vec<Place> = parents.iter().map(|parent| nodes[*parent].place).collect();
        let ix = Ix(nodes.len());
        let place = self.chains.assign(ix, &ends, &cut, |ix| nodes[ix].place);
        (place, self.shared_past(parents, place, cut))
    }

    /// Appends a node whose rows are in the tables. It is not found by its id yet.
    fn append(&mut self, parts: NodeParts, place: Place, past: Cut, generation: u64) {
        let NodeParts { id, record, signer, nonce, group, parents, deed, auths, tree } = parts;
        let ix = Ix(self.nodes.len());
        self.nodes.push(Node {
            id,
            record,
            signer,
            nonce,
            generation,
            group,
            parents,
            place,
            past,
            deed,
            auths,
            tree,
        });
        self.note_nonce(ix, signer, nonce);
        self.index(ix);
    }

    /// Along a chain all ops share one map: what precedes on the own chain is implied.
    fn shared_past(&self, parents: &[Ix], place: Place, cut: Cut) -> Cut {
        match parents {
            [only] if self.nodes[*only].place.chain == place.chain => {
                self.nodes[*only].past.clone()
            }
            _ => cut,
        }
    }

    fn note_nonce(&mut self, ix: Ix, signer: PersonIx, nonce: u64) {
        let ops = &mut self.people[signer].ops;
        if ops.len() as u64 + 1 == nonce {
            ops.push(ix);
        } else {
            self.forks.entry((signer, nonce)).or_default().push(ix);
        }
    }

    fn index(&mut self, ix: Ix) {
        for auth in self.nodes[ix].auths() {
            self.grants[auth.grant].used.push(ix);
        }
        match self.nodes[ix].deed {
            Deed::Create { .. } | Deed::Delete => self.structure.push(ix),
            Deed::Move { .. } => {
                self.structure.push(ix);
                self.moves.entry(self.nodes[ix].group).or_default().push(ix);
            }
            Deed::Anchor { notary } => {
                self.anchors.push(ix);
                self.namings.extend(notary.map(|notary| (ix, notary)));
            }
            Deed::Join { invitation, .. } => self.invitations[invitation].joins.push(ix),
            Deed::Revoke { invitation } => self.invitations[invitation].revocations.push(ix),
            Deed::Write { slot, strict } => {
                let mut writes = mem::take(&mut self.slots[slot].writes);
                writes.push(ix, |past| self.is_past(past, ix));
                self.slots[slot].writes = writes;
                if strict {
                    self.slots[slot].strict.push(ix);
                }
            }
            Deed::Void | Deed::Genesis | Deed::Noop | Deed::Grant(_) | Deed::Restrict(_) => {}
        }
    }
}
