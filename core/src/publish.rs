//! Who has what this node wrote (NET-30 to NET-34).

use borsh::{BorshDeserialize, BorshSerialize};

/// Deliveries under way, and what the outbox is derived from.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Publishing {}
