//! What the ops of a world say, each read once out of the log of whoever had it first.

use crate::cluster::Node;
pub(super) use crate::gifts::Gift;
use crate::gifts::gifts;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::signed::{Op, Verified, verify};
use std::collections::BTreeMap;

/// The ops of a world, by id.
#[derive(Default)]
pub(super) struct Facts(BTreeMap<OpId, Verified<Op>>);

impl Facts {
    /// Reads the ops of a node from a place on; whether all of them could be read.
    pub(super) fn learn(&mut self, node: &Node, space: &Space, from: u32) -> bool {
        let graph = space.graph();
        let Some(namespace) = graph.namespace() else { return true };
        (from..graph.len()).map(Ix).all(|ix| {
            let id = graph.node(ix).id;
            if !self.0.contains_key(&id) {
                let bytes = node.disk.peek(&graph.stored(ix)).ok();
                let op = bytes.and_then(|bytes| verify(&bytes, namespace).ok());
                self.0.extend(op.map(|op| (id, op)));
            }
            self.0.contains_key(&id)
        })
    }

    /// An op.
    pub(super) fn get(&self, id: &OpId) -> Option<&Verified<Op>> {
        self.0.get(id)
    }

    /// The op at a place.
    pub(super) fn at(&self, space: &Space, ix: Ix) -> Option<&Op> {
        self.get(&space.graph().node(ix).id).map(|op| &**op)
    }

    /// What the op at a place gives; nothing where it is void at its cut.
    pub(super) fn gifts(&self, space: &Space, ix: Ix) -> Vec<Gift> {
        let is_void = space.graph().void_at_cut(ix).is_some();
        self.at(space, ix).filter(|_| !is_void).map(gifts).unwrap_or_default()
    }
}

/// Whom an op restricts, and what it leaves (D5).
pub(super) fn taken(op: &Op) -> Option<(MemberId, Rights)> {
    if let Body::MemberRestricted { member, keep } = &op.payload.body {
        return Some((*member, *keep));
    }
    matches!(op.payload.body, Body::MemberLeft).then_some((op.payload.signer, Rights::NONE))
}
