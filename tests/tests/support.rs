//! What several areas use.

mod case;
mod engine;
mod forge;
mod orders;
mod replica;
mod town;

pub(crate) use case::{Case, cast, group, moved};
pub(crate) use engine::Engine;
pub(crate) use forge::{chain, noop, resigned, second_signature};
pub(crate) use orders::{is_causal, orders};
pub(crate) use replica::Replica;
pub(crate) use town::Town;

use folkmoot_core::codec;
use folkmoot_core::signed::Op;

/// The op as it travels.
pub(crate) fn wire(op: &Op) -> Vec<u8> {
    codec::encode(&op.signed)
}
