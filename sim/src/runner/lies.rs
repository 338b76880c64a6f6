//! Nodes that answer falsely.

use super::Runner;
use crate::cluster::{Asked, Liar};
use crate::scenario::Lie;
use crate::world::Prng;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::id::OpId;
use folkmoot_core::wire::{Refused, Response};

impl Runner<'_> {
    /// Has a node answer falsely from now on.
    pub(super) fn lie(&mut self, at: usize, lie: Lie) {
        let mut rng = Prng::new(self.scenario.seed ^ at as u64);
        let liar: Liar = Box::new(move |asked| tell(lie, asked, &mut rng));
        self.world.corrupt(at, liar);
    }
}

/// What is said instead; nothing for silence.
fn tell(lie: Lie, asked: Asked<'_>, rng: &mut Prng) -> Option<Vec<u8>> {
    let mut honest = asked.honest;
    let answer = Response::decode(&honest).ok();
    match (lie, answer) {
        (Lie::Silence, _) => return None,
        (Lie::Garbage, _) => honest = (0..rng.below(200)).map(|_| low_byte(rng)).collect(),
        (Lie::Mutate, _) => {
            let at = rng.below(honest.len());
            if let Some(byte) = honest.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        (Lie::Half, Some(Response::Ops { ops, total })) => {
            let ops = ops.iter().take(ops.len() / 2).cloned().collect();
            honest = Response::Ops { ops: Bounded::truncated(ops), total }.encode();
        }
        (Lie::Heads, Some(Response::Heads { .. })) => {
            let nowhere = OpId([low_byte(rng); 32]);
            let heads = Bounded::truncated(vec![nowhere]);
            let state_root = [low_byte(rng); 32];
            honest = Response::Heads { heads, state_root, knows_yours: true }.encode();
        }
        (Lie::Withhold, Some(Response::Ops { .. })) => {
            honest = Response::Ops { ops: Bounded::default(), total: 0 }.encode();
        }
        (Lie::Busy, _) => honest = Response::Refused(Refused::Busy).encode(),
        (Lie::Half | Lie::Heads | Lie::Withhold, _) => {}
    }
    Some(honest)
}

fn low_byte(rng: &mut Prng) -> u8 {
    rng.next_u64().to_le_bytes().first().copied().unwrap_or_default()
}
