//! The value of F: what a closed set of ops amounts to.

use super::rows::RowKey;
use folkmoot_core::digest::{Domain, hasher};
use folkmoot_core::governance::op::SlotKey;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::VoidAtCut;
use folkmoot_core::id::{GroupId, MemberId, OpId};
use std::collections::{BTreeMap, BTreeSet};

/// What a closed set of ops amounts to (section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The ops with Eff.
    pub effective: BTreeSet<OpId>,
    /// Every other op of the set, and why.
    pub void: BTreeMap<OpId, VoidReason>,
    /// Epoch of every op of the set (D12).
    pub epochs: BTreeMap<OpId, u64>,
    /// The chain of anchors, oldest first (D12).
    pub anchors: Vec<OpId>,
    /// Maximal visible ops, ascending (R6, ruling 12).
    pub heads: Vec<OpId>,
    /// The visible ops (R6, ruling 12).
    pub visible: BTreeSet<OpId>,
    /// How many of a signer's ops do not show themselves, where there are any (R6).
    pub silent: BTreeMap<MemberId, u32>,
    /// Every existing group with its parent; the root has none.
    pub tree: BTreeMap<GroupId, Option<GroupId>>,
    /// Effective creations and moves that do not fit the tree, in the order of evaluation.
    pub skipped: Vec<OpId>,
    /// Causally maximal effective writes that lost their slot.
    pub losers: BTreeMap<SlotKey, Vec<OpId>>,
    /// Rows of every existing group (GOV-20, ruling 11).
    pub rows: BTreeMap<GroupId, BTreeMap<RowKey, Vec<u8>>>,
    /// Root of the own rows of every existing group.
    pub roots: BTreeMap<GroupId, [u8; 32]>,
    /// Root over all existing groups.
    pub state_root: [u8; 32],
}

/// Why an op of the graph has no effect in a set: the first that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoidReason {
    /// It has none in any set.
    AtCut(VoidAtCut),
    /// This op, whose grant it relies on, is not effective.
    Auth(OpId),
    /// Effective restrictions or moves kill it.
    Struck {
        /// All of them, ascending.
        by: Vec<OpId>,
    },
    /// As many other joiners as the invitation allows come first.
    InvitationSpent {
        /// Their effective joins, ascending.
        by: Vec<OpId>,
    },
    /// A strict write that does not win among its concurrent writes.
    SlotLost {
        /// The first of the writes that come before it.
        winner: OpId,
    },
}

impl Effect {
    /// Rows of `group` and of the groups above it in one digest; zero where it does not exist
    /// (GOV-20).
    pub fn group_root(&self, group: GroupId) -> [u8; 32] {
        let up = path(&self.tree, group);
        if up.is_empty() {
            return [0; 32];
        }
        let mut hasher = hasher(Domain::GroupRoot);
        for (group, root) in up.iter().filter_map(|group| self.roots.get_key_value(group)) {
            hasher.update(&group.0).update(root);
        }
        *hasher.finalize().as_bytes()
    }

    /// Direct rights of `member` on `group` (section 5).
    pub fn rights(&self, member: MemberId, group: GroupId) -> Rights {
        let row = self.rows.get(&group).and_then(|rows| rows.get(&RowKey::Member(member)));
        let bits = row.and_then(|value| value.first_chunk()).map(|head| u16::from_le_bytes(*head));
        bits.and_then(Rights::from_bits).unwrap_or(Rights::NONE)
    }

    /// Whether `member` has a direct right in some existing group.
    pub fn is_member(&self, member: MemberId) -> bool {
        self.rows.values().any(|rows| rows.contains_key(&RowKey::Member(member)))
    }
}

/// The groups from `group` to the root; none where `group` is not in `tree`.
pub fn path(tree: &BTreeMap<GroupId, Option<GroupId>>, group: GroupId) -> Vec<GroupId> {
    let mut up = Vec::new();
    let mut next = Some(group).filter(|group| tree.contains_key(group));
    while let Some(group) = next {
        up.push(group);
        next = tree.get(&group).copied().flatten();
    }
    up
}
