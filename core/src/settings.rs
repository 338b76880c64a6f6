//! What whoever runs a node may choose. Nothing here enters a verdict; nodes that differ agree.

use crate::limits::{
    ANCHOR_AGE_MS, ANCHOR_OPS, COMPARE_EVERY_MS, DELIVER_CASCADE_MS, DELIVER_CHEAP_MS,
    DELIVER_STRUCTURE_MS, JOIN_MS, MESH_LOW, PAGE_MS,
};
use borsh::{BorshDeserialize, BorshSerialize};

/// Local choices, given at the start of a run.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// Effective ops after the last anchor that make the notary's node anchor by itself; 0: never,
    /// anchors are made by hand.
    pub anchor_ops: u64,
    /// Time after the last anchor that makes it do so, in milliseconds; 0: never.
    pub anchor_age_ms: u64,
    /// Absolute deadline of a join that goes on after a restart, in milliseconds (NET-22).
    pub join_ms: u64,
    /// Peers in the mesh of a topic that a strict command wants, or all known if those are fewer
    /// (NET-30).
    pub mesh_low: u64,
    /// How long an author waits for acks of an op that writes a slot, in milliseconds (NET-32).
    pub deliver_cheap_ms: u64,
    /// How long it waits after one that changes members or groups, in milliseconds.
    pub deliver_structure_ms: u64,
    /// How long it waits after one that may take the effect of others, in milliseconds.
    pub deliver_cascade_ms: u64,
    /// How often heads are compared with one connected member, in milliseconds (NET-40).
    pub compare_every_ms: u64,
    /// How long a partner may let us wait for a page, in milliseconds (NET-43).
    pub page_ms: u64,
    /// How much of the room for what may be forgotten there is. A program has all of it; only a
    /// simulation gives less, so that a recording needs to say nothing of it.
    #[borsh(skip)]
    pub share: Share,
}

/// A part of the room for what may be forgotten: one in so many. What does not fit is fetched or
/// asked again, so no verdict depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u8);

impl Default for Share {
    fn default() -> Self {
        Self(1)
    }
}

impl Share {
    /// What is left of a limit, at least 1.
    pub fn of(self, limit: usize) -> usize {
        limit.div_ceil(usize::from(self.0.max(1))).max(1)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            anchor_ops: ANCHOR_OPS,
            anchor_age_ms: ANCHOR_AGE_MS,
            join_ms: JOIN_MS,
            mesh_low: MESH_LOW,
            deliver_cheap_ms: DELIVER_CHEAP_MS,
            deliver_structure_ms: DELIVER_STRUCTURE_MS,
            deliver_cascade_ms: DELIVER_CASCADE_MS,
            compare_every_ms: COMPARE_EVERY_MS,
            page_ms: PAGE_MS,
            share: Share::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode_own, encode};

    #[test]
    fn a_share_leaves_something_of_every_limit_and_is_not_written_down() {
        assert_eq!([1, 2, 64].map(|part| Share(part).of(256)), [256, 128, 4]);
        assert_eq!((Share(64).of(8), Share(0).of(8)), (1, 8));
        let settings = Settings { share: Share(64), ..Settings::default() };
        let read: Settings = decode_own(&encode(&settings)).unwrap();
        assert_eq!(read, Settings::default());
    }
}
