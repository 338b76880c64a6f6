//! What need not be looked at twice: a node that has not changed.

use crate::cluster::Node;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::OpId;

/// Tells whether the rules' part of a node's state may have changed since the last look. All of it
/// follows from the records of its log, in each run; the rest is here so that one who changes it
/// without a record is seen as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    run: u64,
    records: u64,
    ops: u32,
    state_root: [u8; 32],
    heads: Vec<OpId>,
}

impl Version {
    pub(super) fn of(node: &Node, space: &Space) -> Self {
        Self {
            run: node.run(),
            records: node.state().durable.records,
            ops: space.graph().len(),
            state_root: space.view().state_root(),
            heads: space.heads(),
        }
    }
}
