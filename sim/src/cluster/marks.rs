//! The two marks beside the log of a simulated disk, which say how far it had come (ADR 5).
//!
//! A mark is a lower bound: a log that ends before it has lost what was synced, and is refused.

use super::Cluster;
use super::disk::Tail;
use folkmoot_core::time::MonoMillis;
use folkmoot_effects::store::{MARK_INTERVAL_MS, Seq, StoreError};

/// How far the log had come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Synced once a second, and at the end.
    watermark: Seq,
    /// Written after each append, and never synced: exact after the death of a process.
    acked: Seq,
    /// When the watermark was written in this run.
    marked_at: Option<MonoMillis>,
}

impl Marks {
    /// A process starts from a log of this length.
    pub(super) fn claim(&mut self, head: Seq) {
        *self = Self { watermark: head, acked: head, marked_at: None };
    }

    /// A batch was synced.
    pub(super) fn acked(&mut self, head: Seq) {
        self.acked = head;
    }

    /// Writes the watermark where it is behind and old enough; whether it did.
    pub(super) fn mark(&mut self, head: Seq, now: MonoMillis) -> bool {
        let is_old = |at: MonoMillis| now.0.saturating_sub(at.0) >= MARK_INTERVAL_MS;
        let is_due = self.watermark != head && self.marked_at.is_none_or(is_old);
        if is_due {
            (self.watermark, self.marked_at) = (head, Some(now));
        }
        is_due
    }

    /// A run has ended in order.
    pub(super) fn close(&mut self, head: Seq) {
        self.watermark = head;
    }

    /// The process has died, and with it what the machine had not written, if the power failed.
    pub(super) fn crash(&mut self, tail: Tail) {
        if tail != Tail::Kept {
            self.acked = self.watermark;
        }
    }

    /// What a log must reach.
    pub(super) fn least(&self) -> Seq {
        self.watermark.max(self.acked)
    }

    /// Whether a log of this length is all that was synced.
    pub(super) fn check(&self, head: Seq) -> Result<(), StoreError> {
        let least = self.least();
        if head >= least {
            return Ok(());
        }
        let what = format!("it ends at record {head}, and its marks say that it had {least}");
        Err(StoreError::Damaged { what })
    }
}

impl Cluster {
    /// Kills a node whose disk then has an earlier image, so many records shorter, and starts it:
    /// its marks tell, and it is refused. Says whether there was an earlier one.
    pub fn set_back(&mut self, at: usize, records: u64) -> bool {
        self.crash(at, Tail::Kept);
        let is_set_back = self.nodes.get(at).is_some_and(|node| node.disk.set_back(records));
        self.boot(at);
        is_set_back
    }

    /// The newest image of the disk of a node is found again, and the node starts.
    pub fn put_right(&mut self, at: usize) {
        if let Some(node) = self.nodes.get(at).filter(|node| node.disk.is_set_back()) {
            node.disk.put_right();
            self.boot(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_is_written_once_a_second_and_outlives_a_power_cut() {
        let mut marks = Marks::default();
        marks.claim(3);
        assert!(!marks.mark(3, MonoMillis(0)), "there is nothing to mark");
        marks.acked(5);
        assert!(marks.mark(5, MonoMillis(10)));
        marks.acked(9);
        assert!(!marks.mark(9, MonoMillis(10 + MARK_INTERVAL_MS - 1)));
        let mut killed = marks;
        killed.crash(Tail::Kept);
        assert_eq!(
            (killed.least(), killed.check(8).is_err(), killed.check(9).is_ok()),
            (9, true, true)
        );
        marks.crash(Tail::Lost);
        assert_eq!(
            (marks.least(), marks.check(4).is_err(), marks.check(5).is_ok()),
            (5, true, true)
        );
        assert!(marks.mark(9, MonoMillis(10 + MARK_INTERVAL_MS)));
        assert_eq!(marks.least(), 9);
    }
}
