//! Rows and their roots (GOV-20).

use super::View;
use crate::codec;
use crate::digest::{Domain, hasher};
use crate::governance::graph::Graph;
use crate::governance::op::SlotName;
use crate::governance::order::Seniority;
use crate::governance::rights::Rights;
use crate::governance::table::{GroupIx, Ix, Key};
use crate::governance::view::people::MemberRow;
use crate::id::{GroupId, MemberId, OpId};
use crate::merkle::{EMPTY_ROOT, MerkleMap, Proof};
use alloc::vec::Vec;
use borsh::BorshSerialize;
use core::mem;

/// Most groups that the map of all groups may be behind.
const STALE_MAX: usize = 64;

/// Which row of a group. Its encoding is the key in the group's Merkle map.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RowName {
    /// The parent; absent at the root.
    Parent = 0,
    /// Rights of a member.
    Member(MemberId) = 1,
    /// What a grant held above, made by this op, may still give here.
    Denied(MemberId, OpId) = 2,
    /// The winner of a slot.
    Slot(SlotName) = 3,
}

/// A row of a group: where its content stands. The content itself, which is what is hashed, would
/// take five times the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The parent group.
    Parent(GroupIx),
    /// Rights, and the most senior grant that still gives any.
    Member(MemberRow),
    /// What may still be given.
    Denied(Rights),
    /// The op that won.
    Slot(Ix),
}

impl Row {
    /// The content.
    fn encode(self, graph: &Graph) -> Vec<u8> {
        match self {
            Self::Parent(parent) => graph.groups[parent].0.to_vec(),
            Self::Slot(winner) => graph.node(winner).id.0.to_vec(),
            Self::Member(MemberRow { rights, grant }) => {
                let Seniority { tier, rank, id } = graph.seniority(grant);
                let mut bytes = Vec::with_capacity(64);
                bytes.extend_from_slice(&rights.bits().to_le_bytes());
                bytes.push(tier);
                bytes.extend_from_slice(&rank.to_le_bytes());
                bytes.extend_from_slice(&id.0);
                bytes
            }
            Self::Denied(keep) => keep.bits().to_le_bytes().to_vec(),
        }
    }
}

/// The key of a row in the Merkle map of its group.
pub fn row_key(name: &RowName) -> Vec<u8> {
    codec::encode(name)
}

impl View {
    /// Root of the rows of a group and its ancestors; zero where it does not exist (GOV-20).
    pub fn group_root(&self, graph: &Graph, group: GroupIx) -> [u8; 32] {
        self.root_of_path(graph, &self.tree.path(group))
    }

    /// As [`View::group_root`], for a path that is known already.
    pub fn root_of_path(&self, graph: &Graph, path: &[GroupIx]) -> [u8; 32] {
        if path.is_empty() {
            return [0; 32];
        }
        let mut hasher = hasher(Domain::GroupRoot);
        for step in path {
            hasher.update(&graph.groups[*step].0).update(&self.own_root(*step));
        }
        *hasher.finalize().as_bytes()
    }

    /// Root over all groups that exist: equal if and only if all rows are.
    pub fn state_root(&self) -> [u8; 32] {
        if self.stale.is_empty() {
            return self.top.root();
        }
        let mut top = self.top.clone();
        self.bring_up(&mut top);
        top.root()
    }

    /// Root of a group's own rows.
    pub fn own_root(&self, group: GroupIx) -> [u8; 32] {
        self.rows.get(group.place()).map_or(EMPTY_ROOT, MerkleMap::root)
    }

    /// Proves to somebody who knows the own root of a group whether it has a row, and which.
    pub fn prove_row(&self, graph: &Graph, group: GroupIx, name: &RowName) -> Option<Proof> {
        let rows = self.rows.get(group.place())?;
        Some(rows.prove_as(&row_key(name), |row| row.encode(graph)))
    }

    /// Number of rows of a group.
    pub fn row_count(&self, group: GroupIx) -> usize {
        self.rows.get(group.place()).map_or(0, MerkleMap::len)
    }

    pub(super) fn insert_row(&mut self, graph: &Graph, group: GroupIx, key: &[u8], row: Row) {
        let content = row.encode(graph);
        if let Some(rows) = self.rows.get_mut(group.place()) {
            rows.insert_as(key, &content, row);
        } else {
            let mut rows = MerkleMap::new();
            rows.insert_as(key, &content, row);
            self.rows.insert(group.place(), rows);
        }
        self.work.groups.insert(group);
    }

    /// Puts rows into a group that has none.
    pub(super) fn restore_rows(
        &mut self,
        graph: &Graph,
        group: GroupIx,
        rows: Vec<(Vec<u8>, Row)>,
    ) {
        let rows = rows.into_iter().map(|(key, row)| (key, row.encode(graph), row));
        self.rows.insert(group.place(), MerkleMap::of(rows));
        self.work.groups.insert(group);
    }

    pub(super) fn remove_row(&mut self, group: GroupIx, key: &[u8]) {
        if let Some(rows) = self.rows.get_mut(group.place()) {
            rows.remove(key);
        }
        self.work.groups.insert(group);
    }

    /// Brings the map of all groups up to date, once in a while: nothing that an op needs is in it.
    pub(super) fn refresh_top(&mut self) {
        if self.stale.len() > STALE_MAX {
            self.renew_top();
        }
    }

    /// Brings the map of all groups up to date now, where everything is evaluated: for whoever will
    /// ask for [`View::state_root`] again and again, and would make it anew each time.
    pub fn keep_state_root(&mut self) {
        if self.is_settled() && !self.stale.is_empty() {
            self.renew_top();
        }
    }

    fn renew_top(&mut self) {
        let mut top = mem::take(&mut self.top);
        self.bring_up(&mut top);
        self.top = top;
        self.stale.clear();
    }

    fn bring_up(&self, top: &mut MerkleMap<[u8; 32]>) {
        for (group, GroupId(id)) in &self.stale {
            if self.tree.exists(*group) {
                top.insert(id, self.own_root(*group));
            } else {
                top.remove(id);
            }
        }
    }
}
