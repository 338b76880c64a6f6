//! Tells whoever listens. A slow listener delays nobody; it is told how much it missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use folkmoot_core::effect::Notice;
use folkmoot_core::time::UnixMillis;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// Notices that are kept for slow listeners.
pub const NOTICES_MAX: usize = 4_096;

/// A notice with its place and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// Number of the notice in this run of the node, from 1 without gaps.
    pub sequence: u64,
    /// When the step that gave it began.
    pub at: UnixMillis,
    /// What happened.
    pub notice: Notice,
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The next notice.
    Noticed(Noticed),
    /// This many notices are lost to this listener, which was too slow.
    Missed(u64),
}

/// Where notices are published. Clones are the same board.
#[derive(Clone, Debug)]
pub struct NoticeBoard {
    listeners: broadcast::Sender<Noticed>,
    count: Arc<AtomicU64>,
}

impl Default for NoticeBoard {
    fn default() -> Self {
        Self::keeping(NOTICES_MAX)
    }
}

impl NoticeBoard {
    /// A board that keeps so many notices for slow listeners, at least one.
    pub fn keeping(notices: usize) -> Self {
        Self { listeners: broadcast::Sender::new(notices.max(1)), count: Arc::default() }
    }

    /// Publishes a notice to those who listen now; an alarm is logged besides, whoever listens.
    pub fn publish(&self, at: UnixMillis, notice: Notice) {
        log_alarm(&notice);
        let sequence = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // Fails only when nobody listens.
        drop(self.listeners.send(Noticed { sequence, at, notice }));
    }

    /// Where listeners come from; it does not keep the board, so that listeners hear of its end.
    pub fn entrance(&self) -> Entrance {
        Entrance(self.listeners.downgrade())
    }
}

/// Where listeners come from.
#[derive(Clone, Debug)]
pub struct Entrance(broadcast::WeakSender<Noticed>);

impl Entrance {
    /// Listens from now on; hears nothing when the node has ended.
    pub fn listen(&self) -> Notices {
        Notices(self.0.upgrade().unwrap_or_else(|| broadcast::Sender::new(1)).subscribe())
    }
}

/// A listener.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Noticed>);

impl Notices {
    /// Waits for what comes next; `None` when the node has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(noticed) => Some(Heard::Noticed(noticed)),
            Err(RecvError::Lagged(count)) => Some(Heard::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }

    /// What was published already and not heard yet.
    pub fn next_now(&mut self) -> Option<Heard> {
        match self.0.try_recv() {
            Ok(noticed) => Some(Heard::Noticed(noticed)),
            Err(TryRecvError::Lagged(count)) => Some(Heard::Missed(count)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

fn log_alarm(notice: &Notice) {
    if let Notice::Isolated { namespace, for_ms, peers } = notice {
        tracing::warn!(
            %namespace, for_ms, peers,
            "no other member confirms what is here: `moot peers` shows who is connected"
        );
    } else if let Notice::Rejoined { namespace } = notice {
        tracing::info!(%namespace, "another member confirms what is here again");
    } else if let Notice::Diverged { namespace, .. } = notice {
        tracing::error!(%namespace, "a member has our heads and another state: `moot compare`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use folkmoot_core::id::NamespaceId;

    fn notice(rules: u16) -> Notice {
        Notice::NeedsUpgrade { namespace: NamespaceId([1; 32]), rules }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_how_many_it_missed() {
        let board = NoticeBoard::default();
        board.publish(UnixMillis(1), notice(1));
        let mut notices = board.entrance().listen();
        let extra = 3;
        for _ in 0..NOTICES_MAX as u64 + extra {
            board.publish(UnixMillis(2), notice(2));
        }
        assert_eq!(notices.next().await, Some(Heard::Missed(extra)));
        let next = Noticed { sequence: 2 + extra, at: UnixMillis(2), notice: notice(2) };
        assert_eq!(notices.next().await, Some(Heard::Noticed(next)));
        drop(board);
        while let Some(heard) = notices.next().await {
            assert!(matches!(heard, Heard::Noticed(_)));
        }
    }
}
