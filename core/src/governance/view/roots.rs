//! Rows and their roots (GOV-20).

use super::View;
use crate::codec;
use crate::digest::{Domain, hasher};
use crate::governance::graph::Graph;
use crate::governance::op::SlotName;
use crate::governance::rights::Rights;
use crate::governance::table::{GroupIx, Key};
use crate::governance::view::people::MemberRow;
use crate::id::{GroupId, MemberId, OpId};
use crate::merkle::{MerkleMap, MerkleValue, Proof};
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

/// Content of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The parent group.
    Parent(GroupId),
    /// Rights, and the most senior grant that still gives any.
    Member(MemberRow),
    /// What may still be given.
    Denied(Rights),
    /// The op that won.
    Slot(OpId),
    /// In the map of groups: root of a group's own rows.
    Own([u8; 32]),
}

impl MerkleValue for Row {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Parent(GroupId(bytes)) | Self::Slot(OpId(bytes)) | Self::Own(bytes) => {
                out.extend_from_slice(bytes);
            }
            Self::Member(MemberRow { rights, seniority }) => {
                out.extend_from_slice(&rights.bits().to_le_bytes());
                out.push(seniority.tier);
                out.extend_from_slice(&seniority.rank.to_le_bytes());
                out.extend_from_slice(&seniority.id.0);
            }
            Self::Denied(keep) => out.extend_from_slice(&keep.bits().to_le_bytes()),
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
        self.rows.get(group.place()).map_or_else(|| MerkleMap::<Row>::new().root(), MerkleMap::root)
    }

    /// Proves to somebody who knows the own root of a group whether it has a row, and which.
    pub fn prove_row(&self, group: GroupIx, name: &RowName) -> Option<Proof> {
        Some(self.rows.get(group.place())?.prove(&row_key(name)))
    }

    /// Number of rows of a group.
    pub fn row_count(&self, group: GroupIx) -> usize {
        self.rows.get(group.place()).map_or(0, MerkleMap::len)
    }

    pub(super) fn insert_row(&mut self, group: GroupIx, key: &[u8], row: Row) {
        if let Some(rows) = self.rows.get_mut(group.place()) {
            rows.insert(key, row);
        } else {
            let mut rows = MerkleMap::new();
            rows.insert(key, row);
            self.rows.insert(group.place(), rows);
        }
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
            let mut top = mem::take(&mut self.top);
            self.bring_up(&mut top);
            self.top = top;
            self.stale.clear();
        }
    }

    fn bring_up(&self, top: &mut MerkleMap<Row>) {
        for (group, GroupId(id)) in &self.stale {
            if self.tree.exists(*group) {
                top.insert(id, Row::Own(self.own_root(*group)));
            } else {
                top.remove(id);
            }
        }
    }
}
