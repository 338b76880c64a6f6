//! What the threads of the ingress share: the lines, and when there is something to do.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use folkmoot_core::input::Input;

use super::lines::{Lines, Task, Whose};
use crate::net::NetEvent;
use crate::ports::locked;

/// The lines, between the one thread that fills them and those that check.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    /// Something waits to be checked, or never will again.
    filled: Condvar,
    /// Something has left, or nothing is taken any more.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Lines,
    /// No more events come.
    is_closed: bool,
    /// Nobody takes what is checked.
    is_given_up: bool,
}

impl Queue {
    /// Puts an event into its line, when there is room; false where that is of no use any more.
    ///
    /// What the network has for other peers waits meanwhile.
    pub(super) fn push(&self, whose: Whose, event: NetEvent) -> bool {
        let mut state = locked(&self.state);
        while !state.is_given_up && !state.lines.has_room(&whose) {
            state = wait(&self.emptied, state);
        }
        if !state.is_given_up {
            state.lines.push(whose, event);
            self.filled.notify_one();
        }
        !state.is_given_up
    }

    /// Takes a task, when there is one; `None` where none comes any more.
    pub(super) fn take(&self) -> Option<Task> {
        let mut state = locked(&self.state);
        while !state.is_given_up {
            if let Some(task) = state.lines.take() {
                return Some(task);
            }
            if state.is_closed {
                break;
            }
            state = wait(&self.filled, state);
        }
        None
    }

    /// Takes a task, where there is one now.
    pub(super) fn try_take(&self) -> Option<Task> {
        let mut state = locked(&self.state);
        if state.is_given_up { None } else { state.lines.take() }
    }

    /// Notes what came of the events of a task. What may leave the line then is to be handed on.
    pub(super) fn checked(
        &self,
        whose: Whose,
        place: u64,
        inputs: Vec<Option<Input>>,
    ) -> Leaving<'_> {
        let is_ours = locked(&self.state).lines.checked(whose, place, inputs);
        Leaving { queue: self, whose, is_ours }
    }

    fn leave(&self, whose: Whose) -> Option<Input> {
        let input = locked(&self.state).lines.leave(whose);
        self.emptied.notify_one();
        input
    }

    /// No more events come. What is here is checked still.
    pub(super) fn close(&self) {
        locked(&self.state).is_closed = true;
        self.filled.notify_all();
    }

    /// Nobody takes what is checked: ends everything that waits.
    pub(super) fn give_up(&self) {
        locked(&self.state).is_given_up = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }
}

/// What leaves a line, in its order. Until there is no more, nobody else hands on anything of that
/// line: all that left it before has been, and nothing of what comes after.
#[derive(Debug)]
pub(super) struct Leaving<'a> {
    queue: &'a Queue,
    whose: Whose,
    is_ours: bool,
}

impl Iterator for Leaving<'_> {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        let input = if self.is_ours { self.queue.leave(self.whose) } else { None };
        self.is_ours = input.is_some();
        input
    }
}

fn wait<'a>(until: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    until.wait(state).unwrap_or_else(PoisonError::into_inner)
}
