//! Governance: operations, their admission and their effect under rule set SR-1.

pub mod invitation;
pub mod op;
pub mod rights;
pub mod verdict;
