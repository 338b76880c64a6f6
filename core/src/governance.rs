//! Governance: operations, their admission and their effect under rule set SR-1.
//!
//! [`graph`] holds what follows from an op and its ancestors, [`view`] what follows from a set of
//! ops, [`judge`] decides at a cut, [`frontier`] says what is visible, and [`space`] joins them.
//! Rule ids are those of `docs/protocol.md`.
#![expect(
    clippy::indexing_slicing,
    reason = "only typed tables are indexed here, by keys that they made; slices use `get`"
)]

pub mod archive;
pub mod cuts;
pub mod frontier;
pub mod graph;
pub mod index;
pub mod invitation;
pub mod judge;
pub mod judged;
pub mod op;
pub mod order;
pub mod reach;
pub mod relation;
pub mod rights;
pub mod space;
pub mod table;
pub mod tree;
pub mod verdict;
pub mod view;
