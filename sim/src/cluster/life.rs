//! How long a process lives: until it has touched the world so many times.
//!
//! Every touch is a place where a crash may fall: before a batch is written, before it is synced,
//! before and between the effects, while a snapshot is saved. So one number names a crash point.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const FOR_EVER: u64 = u64::MAX;

/// How many touches of the world a process has left. Clones are the same life.
#[derive(Clone, Debug)]
pub(super) struct Life(Arc<AtomicU64>);

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(FOR_EVER)))
    }
}

impl Life {
    /// A new process.
    #[cfg(test)]
    pub(super) fn begin(&self) {
        self.0.store(FOR_EVER, Ordering::Relaxed);
    }

    /// The process ends at its `touches`th touch of the world, counted from 1, which is not made.
    pub(super) fn end_after(&self, touches: u64) {
        self.0.store(touches.max(1), Ordering::Relaxed);
    }

    /// Counts a touch; whether the process lives to make it.
    pub(super) fn goes_on(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left == FOR_EVER {
            return true;
        }
        let left = left.saturating_sub(1);
        self.0.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
