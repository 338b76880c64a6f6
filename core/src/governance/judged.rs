//! The result of judging an op at its cut, as it is stored beside the op.

use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, Ix};
use crate::governance::tree::TreeChanges;
use crate::governance::verdict::VoidAtCut;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A grant that authorises an op (D7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Auth {
    /// The grant.
    pub grant: GrantIx,
    /// What it must give.
    pub need: Need,
}

/// What a body requires of one grant (section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Need {
    /// Any right at all.
    Any = 0,
    /// All of these.
    All(Rights) = 1,
}

impl Need {
    /// Whether a mask suffices.
    pub const fn is_met_by(self, rights: Rights) -> bool {
        match self {
            Self::Any => !rights.is_empty(),
            Self::All(need) => rights.covers(need),
        }
    }

    /// The rights named; none for `Any`.
    pub const fn rights(self) -> Rights {
        match self {
            Self::Any => Rights::NONE,
            Self::All(need) => need,
        }
    }
}

/// What A8 to A12 found of an op that is stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Judged {
    /// Why it has no effect in any set, where that is so; nothing else is then of use.
    pub void: Option<VoidAtCut>,
    /// The signer's grant, and for a join the inviter's (D7).
    pub auths: [Option<Auth>; 2],
    /// Tier of the grant that it makes, where it makes one (D8).
    pub tier: u8,
    /// Its generation.
    pub generation: u64,
    /// The tree at its cut, against the current one.
    pub tree: TreeChanges,
    /// Moves of a group on its path that were in its past, but not effective at its cut (D11).
    pub dead_moves: Vec<Ix>,
}
