//! Seniority and the order of evaluation (D8, section 5).

use crate::id::OpId;
use borsh::{BorshDeserialize, BorshSerialize};

/// Key of a grant; smaller is senior (D8). Also the prio of an op: the largest key of its auths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Seniority {
    /// 0 owner, 1 ADMIN on the root, 2 ADMIN elsewhere and creators, 3 the rest.
    pub tier: u8,
    /// Generation of the grant's op; for an owner the rank.
    pub rank: u64,
    /// The grant's op.
    pub id: OpId,
}

impl Seniority {
    /// Tier of owners, whose grants nothing binds.
    pub const OWNER: u8 = 0;
    /// Tier of ADMIN on the root.
    pub const ROOT_ADMIN: u8 = 1;
    /// Tier of ADMIN elsewhere, and of a group's creator.
    pub const GROUP_ADMIN: u8 = 2;
    /// Tier of every other grant.
    pub const OTHER: u8 = 3;

    /// Prio of a genesis: it comes before everything.
    pub const GENESIS: Self = Self { tier: 0, rank: 0, id: OpId([0; 32]) };

    /// Prio of a self-restriction: it needs nobody and sorts last.
    pub const fn of_self(id: OpId) -> Self {
        Self { tier: u8::MAX, rank: 0, id }
    }
}

/// Place of an op in the order of evaluation: everything it depends on is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Index of the first anchor that covers the op, or the number of anchors.
    pub epoch: u32,
    /// The largest key of its auths.
    pub prio: Seniority,
    /// Its generation.
    pub generation: u64,
    /// Its id.
    pub id: OpId,
}

/// Place of an op in the order by which the tree is built: causes before consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeOrder {
    /// As in [`Order`].
    pub epoch: u32,
    /// As in [`Order`].
    pub generation: u64,
    /// As in [`Order`].
    pub prio: Seniority,
    /// As in [`Order`].
    pub id: OpId,
}
