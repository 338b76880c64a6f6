//! The reducer: `(state, now, input) → (state, output)`.

use crate::codec;
use crate::decide::{Turn, decide};
use crate::digest::{Domain, digest};
use crate::effect::Effect;
use crate::event::Event;
use crate::evolve::evolve;
use crate::id::NamespaceId;
use crate::input::Input;
use crate::limits::{STEP_OPS_MAX, STEP_WORK_MAX};
use crate::state::State;
use crate::time::{MonoMillis, Now};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a step wants done. All `events` become durable as one atomic batch, then the `effects` are
/// performed in order. A failed append ends the process; nothing is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Output {
    /// Facts to make durable.
    pub events: Vec<Event>,
    /// Orders to perform afterwards.
    pub effects: Vec<Effect>,
    /// When to send `Input::Wake`, if nothing happens before.
    pub wake_at: Option<MonoMillis>,
}

impl Output {
    /// Digest of the whole output, for the flight recorder.
    pub fn digest(&self) -> [u8; 32] {
        self.digest_behind(&mut Vec::new())
    }

    /// As [`Output::digest`], with room for the encoding behind what `bytes` holds. That is left
    /// as it was.
    pub fn digest_behind(&self, bytes: &mut Vec<u8>) -> [u8; 32] {
        let end = bytes.len();
        codec::encode_into(self, bytes);
        let digest = digest(Domain::Output, bytes.split_at(end).1);
        bytes.truncate(end);
        digest
    }
}

/// Decides what an input means. Infallible and total: bad input is answered, never a panic.
///
/// Work is bounded per step; what is left over waits in the state, and `wake_at` is then `now`.
pub fn step(state: &mut State, now: Now, input: Input) -> Output {
    let mut out = Output::default();
    decide(&state.durable, &mut state.volatile, now, input, &mut out);
    let mut run = Run { work: STEP_WORK_MAX, ops: STEP_OPS_MAX, folded: 0 };
    run.fold(state, &out);
    // A piece for each that has work, one after the other: none waits for all that another has.
    while let Some(namespace) = state.volatile.busy.front().copied() {
        if run.is_over() {
            break;
        }
        let has_more = run.advance(state, now, namespace, &mut out);
        // It may have ended its part in the namespace, and so its turns.
        if state.volatile.busy.pop_front_if(|front| *front == namespace).is_some() && has_more {
            state.volatile.busy.push_back(namespace);
        }
    }
    let is_busy = !state.volatile.busy.is_empty();
    out.wake_at = if is_busy { Some(now.mono) } else { state.volatile.timers.next() };
    out
}

/// The bounded work of one step.
struct Run {
    work: u32,
    ops: usize,
    folded: usize,
}

impl Run {
    fn is_over(&self) -> bool {
        self.work == 0 || self.ops == 0
    }

    /// Folds the events that came since the last call.
    fn fold(&mut self, state: &mut State, out: &Output) {
        for event in out.events.iter().skip(self.folded) {
            evolve(&mut state.durable, event);
        }
        self.folded = out.events.len();
    }

    /// Does one piece of work of a namespace; false when there is none.
    fn advance(
        &mut self,
        state: &mut State,
        now: Now,
        namespace: NamespaceId,
        out: &mut Output,
    ) -> bool {
        let State { durable, volatile } = state;
        let desk = volatile.desks.get(&namespace);
        // An op without effect in any set leaves nothing to evaluate, and is finished all the same.
        let is_unfinished = desk.is_some_and(|desk| desk.settling.is_some());
        let changes = match durable.namespaces.get_mut(&namespace) {
            // Evaluating what was stored is no decision: it completes the fold, in pieces.
            Some(known) if is_unfinished || !known.space.is_settled() => {
                match known.space.settle(&mut self.work) {
                    Some(changes) => Some(changes),
                    None => return true,
                }
            }
            Some(_) | None => None,
        };
        let mut turn = Turn { durable, volatile, now, out };
        let more = match changes {
            Some(changes) => {
                turn.on_settled(namespace, &changes);
                true
            }
            None => turn.take_up(namespace, &mut self.work, &mut self.ops),
        };
        self.fold(state, out);
        if !more {
            rest(state, namespace);
        }
        more
    }
}

/// A namespace has no work left. Where others are heard, each of their beacons has its root
/// compared with ours, so that is completed once for all of them.
fn rest(state: &mut State, namespace: NamespaceId) {
    let desk = state.volatile.desks.get(&namespace);
    if desk.is_some_and(|desk| desk.readiness.all_heard().next().is_some())
        && let Some(known) = state.durable.namespaces.get_mut(&namespace)
    {
        known.space.keep_state_root();
    }
}
