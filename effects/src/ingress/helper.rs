//! The driver lends a hand while it has nothing to do itself.
//!
//! Where a history is fetched, checking it is most of the work, and what a page has the driver do
//! takes about as long as one more page to check. With a thread less than processors for checking,
//! and the driver in turn at both, all of them are busy and none has to be woken for it.

use std::sync::Arc;

use folkmoot_core::input::Input;
use folkmoot_core::key::Signers;

use super::lines::Task;
use super::{Ingress, Queue};

/// Checks events on a thread that has something else to do.
pub struct Helper {
    ingress: Ingress,
    queue: Arc<Queue>,
    signers: Signers,
}

impl Helper {
    /// A helper of those that take their events from `queue`.
    pub fn new(ingress: Ingress, queue: Arc<Queue>) -> Self {
        Self { ingress, queue, signers: Signers::default() }
    }

    /// Checks what waits first, where nobody took it. What may be handed on then comes behind all
    /// that has been; `None`: nothing waits.
    pub(crate) fn help(&mut self) -> Option<impl Iterator<Item = Input>> {
        let Task { whose, place, events } = self.queue.try_take()?;
        let inputs = self.ingress.take_all(events, &mut self.signers);
        Some(self.queue.checked(whose, place, inputs))
    }
}
