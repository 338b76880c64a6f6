//! Beacons and probes, driven through `step` with times told by hand.

mod hearing;
mod partners;
mod sending;
mod states;
mod watching;

use crate::effect::Effect;
use crate::id::{OpId, PeerKey};
use crate::testing::timed::Timed;
use crate::wire::Request;
use alloc::vec::Vec;

/// A head that nobody has.
fn fake(number: u8) -> OpId {
    OpId([number; 32])
}

/// The peers that were asked for their heads.
fn pulled(effects: &[Effect]) -> Vec<PeerKey> {
    let asked = |effect: &Effect| {
        let Effect::Ask { peer, question: Request::Heads { .. }, .. } = effect else { return None };
        Some(*peer)
    };
    effects.iter().filter_map(asked).collect()
}

/// What can be compared of a node before and after a message that is to change nothing.
fn trace(node: &Timed) -> (crate::readiness::Readiness, Vec<OpId>) {
    (node.desk().readiness.clone(), node.heads())
}
