//! How ready this node and the other members are, by their beacons (NET-10 to NET-16).

use borsh::{BorshDeserialize, BorshSerialize};

/// What is known of the readiness of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Readiness {}
