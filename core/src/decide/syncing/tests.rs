mod backfills;
mod beginnings;
mod converging;
mod liars;
mod missing;
mod queues;
mod turns;
mod wide;

use crate::decide::Turn;
use crate::id::{NamespaceId, OpId};
use crate::input::Answer;
use crate::step::Output;
use crate::testing::web::{Asked, Web, peer};
use crate::time::{MonoMillis, Now};
use crate::wire::{Heads, Request};
use alloc::vec::Vec;

/// An id that nothing has.
const UNKNOWN: OpId = OpId([0xee; 32]);

/// The answer of a peer to a question for its heads.
fn heads(ids: &[OpId], state_root: [u8; 32], knows_ours: bool) -> Answer {
    Answer::Heads { heads: Heads::truncated(ids.to_vec()), state_root, knows_ours }
}

/// Tells a node that a peer is said to have more.
fn pull(web: &mut Web, at: usize, namespace: NamespaceId, from: usize) {
    let now = Now { mono: MonoMillis(web.now), ..Now::default() };
    let mut out = Output::default();
    let state = &mut web.nodes[at].state;
    let (durable, volatile) = (&state.durable, &mut state.volatile);
    Turn { durable, volatile, now, out: &mut out }.pull_from(namespace, peer(from));
    for effect in out.effects {
        if let crate::effect::Effect::Ask { request: id, question, .. } = effect {
            web.asked.push(Asked { at: web.now, from: at, to: from, id, question });
        }
    }
    // The wake-up time may have changed.
    web.give(at, crate::input::Input::Wake);
}

/// The last question about ops that a node asked a peer.
fn last(web: &Web, from: usize, to: usize) -> Asked {
    web.questions(from, to).pop().unwrap()
}

fn is_fetch(asked: &Asked) -> bool {
    matches!(asked.question, Request::Fetch { .. })
}

fn is_ranges(asked: &Asked) -> bool {
    matches!(asked.question, Request::Reconcile { .. })
}

/// When something was asked.
fn times(asked: &[Asked]) -> Vec<u64> {
    asked.iter().map(|asked| asked.at).collect()
}
