//! The ops of a node as its log has them: read from the records, and not from what the node made
//! of them.

use crate::cluster::Node;
use folkmoot_core::event::Event;
use folkmoot_core::id::OpId;
use folkmoot_core::record;
use folkmoot_core::signed::{Op, Verified};
use std::collections::BTreeMap;

/// Ops by id.
#[derive(Default)]
pub(super) struct Book {
    ops: BTreeMap<OpId, Verified<Op>>,
}

impl Book {
    /// What a node has on its disk.
    pub(super) fn of(node: &Node) -> Self {
        let events = node.log().into_iter().filter_map(|record| record::decode(&record).ok());
        let ops = events.filter_map(|event| {
            if let Event::OpAccepted { op, .. } = event { Some((op.id, op)) } else { None }
        });
        Self { ops: ops.collect() }
    }

    /// An op.
    pub(super) fn op(&self, id: &OpId) -> Option<&Op> {
        self.ops.get(id).map(|op| &**op)
    }

    /// All of them.
    pub(super) fn ops(&self) -> impl Iterator<Item = &Verified<Op>> {
        self.ops.values()
    }
}
