//! Getting what other members have (NET-40 to NET-46).

use crate::id::OpId;
use crate::wire::Refused;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Exchanges under way in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Syncing {}

/// How one exchange with a peer ended (NET-46).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Verdict {
    /// Everything that the peer had is here.
    InSync {
        /// Our heads.
        heads: Vec<OpId>,
        /// Root over all groups.
        root: [u8; 32],
    },
    /// Something is missing still.
    Incomplete {
        /// Ids that were wanted and did not come, at most 64.
        missing: Vec<OpId>,
        /// Why.
        why: Shortfall,
    },
    /// The same heads and another root: a bug, or a lie.
    Diverged {
        /// Our root.
        ours: [u8; 32],
        /// The peer's.
        theirs: [u8; 32],
    },
}

/// Why an exchange ended before everything was here.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Shortfall {
    /// The peer did not answer in time.
    Stalled,
    /// It went away.
    Gone,
    /// It sent what is no answer, or less than it claimed to have.
    Lied,
    /// It would not serve us.
    Refused(Refused),
}
