//! Records on their way to the disk.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use crate::store::{Seq, StoreError};

/// The answer of a log that may still be writing.
#[derive(Debug)]
pub struct Appending(Answer);

#[derive(Debug)]
enum Answer {
    Here(Result<Seq, StoreError>),
    Coming(Receiver<Result<Seq, StoreError>>),
}

impl Appending {
    /// The answer of a log that has written already.
    pub fn done(answer: Result<Seq, StoreError>) -> Self {
        Self(Answer::Here(answer))
    }

    /// An answer that comes from another thread, and the way for it.
    pub fn coming() -> (SyncSender<Result<Seq, StoreError>>, Self) {
        let (sender, answer) = sync_channel(1);
        (sender, Self(Answer::Coming(answer)))
    }

    /// Whether [`Appending::wait`] would answer at once.
    pub fn is_done(&mut self) -> bool {
        if let Answer::Coming(coming) = &self.0 {
            let answer = match coming.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => Err(StoreError::Poisoned),
            };
            self.0 = Answer::Here(answer);
        }
        true
    }

    /// Waits until the records are durable, and gives the number of the last one of the log.
    ///
    /// # Errors
    ///
    /// As [`Log::append`](super::Log::append). [`StoreError::Poisoned`] where the thread that
    /// writes is gone.
    pub fn wait(self) -> Result<Seq, StoreError> {
        match self.0 {
            Answer::Here(answer) => answer,
            Answer::Coming(coming) => coming.recv().unwrap_or(Err(StoreError::Poisoned)),
        }
    }
}
