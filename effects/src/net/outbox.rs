//! Events on their way to the consumer.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, TrySendError};

use super::NetEvent;

/// Keeps the events that do not fit into the channel, in order.
///
/// It is as bounded as its sources: the swarm is not polled while anything is kept, and a command
/// yields at most one event.
pub(super) struct Outbox {
    kept: VecDeque<NetEvent>,
    events: SyncSender<NetEvent>,
}

/// How far the outbox could be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// All events are in the channel.
    Empty,
    /// The channel is full.
    Full,
    /// Nobody will ever take them.
    Gone,
}

impl Outbox {
    pub(super) fn new(events: SyncSender<NetEvent>) -> Self {
        Self { kept: VecDeque::new(), events }
    }

    pub(super) fn push(&mut self, event: NetEvent) {
        self.kept.push_back(event);
    }

    pub(super) fn flush(&mut self) -> Flush {
        while let Some(event) = self.kept.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.kept.push_front(event);
                    return Flush::Full;
                }
                Err(TrySendError::Disconnected(_)) => return Flush::Gone,
            }
        }
        Flush::Empty
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn event(name: &str) -> NetEvent {
        NetEvent::Listening { address: name.to_owned() }
    }

    #[test]
    fn a_full_channel_keeps_events_in_order_and_a_closed_one_is_noticed() {
        let (sender, receiver) = sync_channel(1);
        let mut outbox = Outbox::new(sender);
        assert_eq!(outbox.flush(), Flush::Empty);
        outbox.push(event("a"));
        outbox.push(event("b"));
        assert_eq!(outbox.flush(), Flush::Full);
        assert_eq!(receiver.recv().unwrap(), event("a"));
        assert_eq!(outbox.flush(), Flush::Empty);
        assert_eq!(receiver.recv().unwrap(), event("b"));
        drop(receiver);
        outbox.push(event("c"));
        assert_eq!(outbox.flush(), Flush::Gone);
    }
}
