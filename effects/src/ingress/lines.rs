//! Events that wait to be checked, in a line for each peer (NET-3).
//!
//! The lines take turns, event by event: whoever stands in a short line does not wait for the end
//! of a long one. Several events of one line may be checked at once; what came of them leaves in
//! the order of the line.
//!
//! Before the lines there is one queue for all peers, that of the network. While the first event in
//! it finds its line full, those of other peers wait behind it, until one event has left: for each
//! event before them once, as many as the network may have waiting. What comes beyond the rates of
//! one peer is dropped before it gets there. Nothing is dropped here: an honest burst is longer
//! than a line too, and gossip that was passed over is not sent again.

use std::collections::{BTreeMap, VecDeque};

use folkmoot_core::id::PeerKey;
use folkmoot_core::input::Input;

use crate::net::NetEvent;

/// Most events in all lines together.
const EVENTS_MAX: usize = 128;

/// Most of one peer among them.
const OF_PEER_MAX: usize = 64;

/// Whose line it is. Events of no peer have one of their own.
pub(super) type Whose = Option<PeerKey>;

/// Most answers of one peer that are checked in one batch: pages of 2,048 ops. The more signatures
/// there are, the less each one costs, and the longer the first of them waits.
const TOGETHER_MAX: usize = 4;

/// Events to be checked: one, or several answers that follow each other in a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) whose: Whose,
    /// The place of the first one in that line.
    pub(super) place: u64,
    pub(super) events: Vec<NetEvent>,
}

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    by_peer: BTreeMap<Whose, Line>,
    /// The lines in which an event waits, each once; the first one is next.
    turns: VecDeque<Whose>,
    count: usize,
}

#[derive(Debug, Default)]
struct Line {
    /// Nobody took these yet.
    waiting: VecDeque<NetEvent>,
    /// What came of those that were taken before them; `None` until they are checked.
    taken: VecDeque<Option<Checked>>,
    /// How many have left: the place of the first one that was taken.
    left: u64,
    /// Whether somebody hands on what was checked. One at a time, or they would overtake.
    is_leaving: bool,
}

/// The input in an event, where there is one.
#[derive(Debug)]
struct Checked(Option<Input>);

impl Lines {
    /// Whether there is room for one more event.
    pub(super) fn has_room(&self, whose: &Whose) -> bool {
        let of_peer = self.by_peer.get(whose).map_or(0, Line::len);
        self.count < EVENTS_MAX && of_peer < OF_PEER_MAX
    }

    /// Puts an event at the end of a line.
    pub(super) fn push(&mut self, whose: Whose, event: NetEvent) {
        let line = self.by_peer.entry(whose).or_default();
        if line.waiting.is_empty() {
            self.turns.push_back(whose);
        }
        line.waiting.push_back(event);
        self.count += 1;
    }

    /// Takes an event out of the line whose turn it is, or several answers.
    pub(super) fn take(&mut self) -> Option<Task> {
        let whose = self.turns.pop_front()?;
        let line = self.by_peer.get_mut(&whose)?;
        let place = line.left + line.taken.len() as u64;
        let events = line.take();
        if !line.waiting.is_empty() {
            self.turns.push_back(whose);
        }
        Some(Task { whose, place, events })
    }

    /// Notes what came of the events of a task, in their order. Says whether the caller is to hand
    /// on what may leave, until [`Lines::leave`] has no more.
    pub(super) fn checked(&mut self, whose: Whose, place: u64, inputs: Vec<Option<Input>>) -> bool {
        let Some(line) = self.by_peer.get_mut(&whose) else { return false };
        let at = place.checked_sub(line.left).and_then(|at| usize::try_from(at).ok());
        let taken = line.taken.iter_mut().skip(at.unwrap_or(usize::MAX));
        for (taken, input) in taken.zip(inputs) {
            *taken = Some(Checked(input));
        }
        !std::mem::replace(&mut line.is_leaving, true)
    }

    /// The next input of a line, in its order; `None` where what comes next is not checked yet.
    pub(super) fn leave(&mut self, whose: Whose) -> Option<Input> {
        let line = self.by_peer.get_mut(&whose)?;
        while let Some(Some(Checked(input))) = line.taken.pop_front_if(|next| next.is_some()) {
            line.left += 1;
            self.count -= 1;
            if input.is_some() {
                return input;
            }
        }
        line.is_leaving = false;
        if line.len() == 0 {
            self.by_peer.remove(&whose);
        }
        None
    }
}

impl Line {
    /// The next event. Behind an answer also those that follow, where as many are left for others
    /// to check meanwhile.
    fn take(&mut self) -> Vec<NetEvent> {
        let mut events = Vec::from_iter(self.waiting.pop_front());
        while events.iter().all(is_answer)
            && events.len() < TOGETHER_MAX.min(self.waiting.len())
            && let Some(event) = self.waiting.pop_front_if(|event| is_answer(event))
        {
            events.push(event);
        }
        self.taken.extend(events.iter().map(|_| None));
        events
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.taken.len()
    }
}

/// Whether an event may be a page of ops.
const fn is_answer(event: &NetEvent) -> bool {
    matches!(event, NetEvent::ResponseReceived { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ExchangeId;

    fn peer(number: u8) -> PeerKey {
        PeerKey([number; 32])
    }

    /// The event that is the `number`th of a line.
    fn event(number: usize) -> NetEvent {
        NetEvent::Listening { address: number.to_string() }
    }

    fn push(lines: &mut Lines, whose: Whose, count: usize) {
        (0..count).for_each(|number| lines.push(whose, event(number)));
    }

    /// What stands for the `number`th event when it is checked.
    fn input(number: u8) -> Input {
        Input::PeerConnected { peer: peer(number) }
    }

    #[test]
    fn net_3_a_short_line_does_not_wait_for_the_end_of_a_long_one() {
        let mut lines = Lines::default();
        let (flooder, friend) = (Some(peer(1)), Some(peer(2)));
        push(&mut lines, flooder, OF_PEER_MAX);
        push(&mut lines, friend, 1);
        push(&mut lines, None, 1);
        let order: Vec<Whose> = (0..4).filter_map(|_| Some(lines.take()?.whose)).collect();
        assert_eq!(order, [flooder, friend, None, flooder]);
    }

    #[test]
    fn net_3_one_peer_fills_its_line_and_all_of_them_have_an_end() {
        let mut lines = Lines::default();
        let [first, second, third] = [1, 2, 3].map(|number| Some(peer(number)));
        push(&mut lines, first, OF_PEER_MAX);
        assert!(!lines.has_room(&first) && lines.has_room(&second));
        push(&mut lines, second, EVENTS_MAX - OF_PEER_MAX);
        assert!(!lines.has_room(&third));
        // What was taken counts until it has left.
        let Task { whose, place, .. } = lines.take().unwrap();
        assert!(!lines.has_room(&third));
        assert!(lines.checked(whose, place, vec![None]));
        assert_eq!(lines.leave(whose), None);
        assert!(lines.has_room(&third) && lines.has_room(&first) && !lines.has_room(&second));
    }

    fn answer(number: u64) -> NetEvent {
        NetEvent::ResponseReceived { exchange: ExchangeId(number), peer: peer(1), bytes: vec![] }
    }

    #[test]
    fn answers_of_one_peer_are_taken_together_and_half_of_them_left_for_others() {
        let mut lines = Lines::default();
        let whose = Some(peer(1));
        (0..12).for_each(|number| lines.push(whose, answer(number)));
        push(&mut lines, whose, 2);
        lines.push(whose, answer(12));
        lines.push(whose, answer(13));
        let mut sizes = Vec::new();
        let mut order = Vec::new();
        while let Some(task) = lines.take() {
            assert_eq!(task.place, order.len() as u64);
            sizes.push(task.events.len());
            order.extend(task.events);
        }
        // The last two stand alone: one is left for whoever comes next.
        assert_eq!(sizes, [4, 4, 4, 1, 1, 1, 1]);
        let expected = (0..12).map(answer).chain([event(0), event(1), answer(12), answer(13)]);
        assert!(order.into_iter().eq(expected));
    }

    #[test]
    fn what_came_of_answers_taken_together_leaves_in_their_order() {
        let mut lines = Lines::default();
        let whose = Some(peer(1));
        (0..4).for_each(|number| lines.push(whose, answer(number)));
        let (first, second) = (lines.take().unwrap(), lines.take().unwrap());
        assert_eq!((first.events.len(), second.events.len()), (2, 1));
        assert!(lines.checked(whose, second.place, vec![Some(input(2))]));
        assert_eq!(lines.leave(whose), None);
        assert!(lines.checked(whose, first.place, vec![Some(input(0)), None]));
        assert_eq!(lines.leave(whose), Some(input(0)));
        assert_eq!(lines.leave(whose), Some(input(2)));
        assert_eq!(lines.leave(whose), None);
        assert_eq!(lines.count, 1);
    }

    #[test]
    fn events_of_one_peer_are_checked_beside_each_other_and_leave_in_order() {
        let mut lines = Lines::default();
        let whose = Some(peer(1));
        push(&mut lines, whose, 4);
        let tasks: Vec<Task> = (0..4).filter_map(|_| lines.take()).collect();
        assert!(tasks.iter().flat_map(|task| &task.events).eq(&[0, 1, 2, 3].map(event)));
        assert_eq!(lines.take(), None);
        let check = |lines: &mut Lines, at: usize, input| {
            lines.checked(whose, tasks[at].place, vec![input])
        };
        // The last ones are ready first, and wait.
        assert!(check(&mut lines, 3, Some(input(3))));
        assert_eq!(lines.leave(whose), None);
        assert!(check(&mut lines, 1, None));
        assert_eq!(lines.leave(whose), None);
        assert!(check(&mut lines, 0, Some(input(0))));
        assert_eq!(lines.leave(whose), Some(input(0)));
        // While one hands on, nobody else does.
        assert!(!check(&mut lines, 2, Some(input(2))));
        assert_eq!(lines.leave(whose), Some(input(2)));
        assert_eq!(lines.leave(whose), Some(input(3)));
        assert_eq!(lines.leave(whose), None);
        assert!(lines.by_peer.is_empty() && lines.count == 0);
    }
}
