//! The thread that owns the reducer and the log.
//!
//! It waits for messages, steps a bounded run of inputs, makes all their events durable with one
//! sync, and then performs all their effects (group commit). While there is more to step, a run is
//! written as the next one is stepped. Nothing is observable before the sync: not an effect, not an
//! answer to a query. A failed append ends the node; nothing is tried again.

mod describe;
mod executor;
mod recover;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};

use folkmoot_core::command::Command;
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_core::settings::Settings;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::state::State;

use crate::ingress::Helper;
use crate::perform::Reply;
use crate::ports::Clock;
use crate::store::StoreError;

pub use describe::{effect_name, event_name, input_name};
pub use executor::{Executor, ExecutorConfig, RUN_BYTES_MAX, SNAPSHOT_EVERY, UPKEEP_MS};
pub(crate) use recover::decode as recover_record;
pub use recover::{RecoverError, Recovered, open, recover, recover_from};

/// Messages that may wait for the driver.
pub const INBOX_MAX: usize = 1_024;

/// Inputs that share one sync.
pub const RUN_MAX: usize = 256;

/// A look at the state, on the driver's thread, after everything before it is durable.
pub type Query = Box<dyn FnOnce(&State) + Send>;

/// What the driver is told.
pub enum Message {
    /// Something happened.
    Input(Input),
    /// A person or program wants something.
    Command {
        /// What.
        wish: Command,
        /// Who waits for the outcome.
        reply: Reply,
    },
    /// Ops that a person brought, verified.
    Import {
        /// Where they belong.
        namespace: NamespaceId,
        /// The ops.
        ops: Vec<Verified<Op>>,
        /// Who waits until they are taken.
        reply: Reply,
    },
    /// Somebody wants to know something.
    Query(Query),
    /// The node ends: finish what came before.
    Stop,
}

/// The loop around an [`Executor`].
pub struct Driver {
    executor: Executor,
    inbox: Receiver<Message>,
    clock: Arc<dyn Clock>,
    /// Taken out of the inbox, and not looked at yet.
    next: VecDeque<Message>,
    /// Something to do while the inbox is empty.
    helper: Option<Helper>,
    queries: Vec<Query>,
    is_stopping: bool,
}

impl Driver {
    /// A driver that takes its messages from `inbox`.
    pub fn new(executor: Executor, inbox: Receiver<Message>, clock: Arc<dyn Clock>) -> Self {
        let (next, queries) = (VecDeque::new(), Vec::new());
        Self { executor, inbox, clock, next, helper: None, queries, is_stopping: false }
    }

    /// The same, which checks what peers sent while its inbox is empty.
    #[must_use]
    pub fn with_helper(mut self, helper: Helper) -> Self {
        self.helper = Some(helper);
        self
    }

    /// Runs until it is told to stop, or nobody could tell it anything any more.
    ///
    /// `seed` is that of all random choices of this run, `peer` the transport key of the node.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the log fails. What was not durable then was not observable either.
    pub fn run(
        mut self,
        seed: [u8; 32],
        peer: PeerKey,
        settings: Settings,
    ) -> Result<(), StoreError> {
        self.executor.take(self.clock.now(), Input::Started { seed, peer, settings })?;
        self.commit()?;
        while !self.is_stopping || !self.next.is_empty() {
            self.wait()?;
            self.drain()?;
            let now = self.clock.now();
            if self.executor.wakeup().is_step_due(now.mono) {
                self.executor.take(now, Input::Wake)?;
            }
            if self.has_more() {
                let now = self.clock.now();
                self.executor.commit_behind(now)?;
                self.executor.upkeep(now)?;
            } else {
                self.commit()?;
            }
        }
        self.executor.stop()
    }

    /// Whether the next run begins at once. Questions are answered before: what they are about is
    /// durable.
    fn has_more(&mut self) -> bool {
        if self.is_stopping || !self.queries.is_empty() {
            return false;
        }
        if self.next.is_empty() {
            self.next.extend(self.inbox.try_recv());
        }
        !self.next.is_empty() || self.executor.wakeup().is_step_due(self.clock.now().mono)
    }

    /// Waits for the first message of a run, as long as there is nothing else to do.
    fn wait(&mut self) -> Result<(), StoreError> {
        if !self.has_more() && !self.is_stopping {
            self.help();
        }
        if let Some(message) = self.next.pop_front() {
            return self.on_message(message);
        }
        let timeout = self.executor.wakeup().timeout(self.clock.now().mono);
        match self.inbox.recv_timeout(timeout) {
            Ok(message) => self.on_message(message)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.is_stopping = true,
        }
        Ok(())
    }

    /// Checks an event of the network, where one waits. What comes of it is put behind what is in
    /// the inbox: earlier ones of the same peer are there.
    fn help(&mut self) {
        let Some(leaving) = self.helper.as_mut().and_then(Helper::help) else { return };
        self.next.extend(self.inbox.try_iter().take(INBOX_MAX));
        self.next.extend(leaving.map(Message::Input));
    }

    /// Takes what waits besides, as far as it shares a sync.
    fn drain(&mut self) -> Result<(), StoreError> {
        for _ in 1..RUN_MAX {
            let message = match self.next.pop_front() {
                Some(message) => message,
                None if self.is_stopping => break,
                None => match self.inbox.try_recv() {
                    Ok(message) => message,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        self.is_stopping = true;
                        break;
                    }
                },
            };
            self.on_message(message)?;
        }
        Ok(())
    }

    fn on_message(&mut self, message: Message) -> Result<(), StoreError> {
        let input = match message {
            Message::Input(input) => input,
            Message::Command { wish, reply } => {
                Input::CommandIssued { command: self.executor.expect(reply), wish }
            }
            Message::Import { namespace, ops, reply } => {
                Input::OpsImported { command: self.executor.expect(reply), namespace, ops }
            }
            Message::Query(query) => {
                self.queries.push(query);
                return Ok(());
            }
            Message::Stop => {
                self.is_stopping = true;
                return Ok(());
            }
        };
        self.executor.take(self.clock.now(), input)
    }

    /// Ends a run: all of it durable, then all of it performed, then the questions.
    fn commit(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.executor.commit(now)?;
        for query in self.queries.drain(..) {
            query(self.executor.state());
        }
        self.executor.upkeep(now)
    }
}
