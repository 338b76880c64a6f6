//! One thing after the other: what is due is delivered, and what nodes order is carried out.

use super::inbox::Held;
use super::net::message;
use super::node::{Asked, Question};
use super::queue::Item;
use super::{Cluster, Flaw, OF_TESTS, Parcel, Tail};
use folkmoot_core::input::{Input, MessageId};
use folkmoot_effects::driver::RUN_MAX;
use folkmoot_effects::net::{ExchangeId, NetCommand, NetEvent, RequestFailure, Verdict};
use folkmoot_effects::store::StoreError;
use std::iter::repeat_n;
use std::rc::Rc;

/// How long a peer that was hung up on is not dialled, in milliseconds.
const REDIAL_MS: u64 = 1_000;

impl Cluster {
    /// Delivers what comes next, if it is due by `deadline`: to one node, as much as is due there
    /// at that moment, as one run of inputs.
    pub fn advance(&mut self, deadline: u64) -> bool {
        if self.next_at().is_none_or(|next| next > deadline) {
            return false;
        }
        let Some((due, Item { to: at, run, parcel })) = self.queue.pop() else { return false };
        self.now = self.now.max(due);
        let Some(mut taken) = self.deliver(at, run, parcel) else { return true };
        let most = if self.flaw == Flaw::EndlessRuns { usize::MAX } else { RUN_MAX };
        for _ in 1..most {
            let is_next = self
                .queue
                .first()
                .is_some_and(|(when, next)| when <= due && next.to == at && next.parcel.is_input());
            if !is_next {
                break;
            }
            let Some((_, Item { run, parcel, .. })) = self.queue.pop() else { break };
            if taken.is_ok() {
                taken = self.deliver(at, run, parcel).unwrap_or(Ok(()));
            }
        }
        self.commit(at, taken);
        true
    }

    /// When something happens next.
    pub fn next_at(&self) -> Option<u64> {
        self.queue.first().map(|(at, _)| at)
    }

    /// Delivers one thing; nothing where it does not concern the process of the node.
    fn deliver(&mut self, at: usize, run: u64, parcel: Parcel) -> Option<Result<(), StoreError>> {
        if matches!(parcel, Parcel::Mesh) {
            self.remesh();
            return None;
        }
        let node = self.nodes.get(at)?;
        if node.run != run {
            return None;
        }
        if matches!(parcel, Parcel::Rise) {
            self.rise(at);
            return None;
        }
        let is_behind = node.asleep_until > self.now || !node.held.is_empty();
        if is_behind && !matches!(parcel, Parcel::Boot) {
            self.hold(at, parcel);
            return None;
        }
        self.open(at, parcel)
    }

    /// What came to a node that sleeps, or behind that, waits in its order.
    fn hold(&mut self, at: usize, parcel: Parcel) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let is_first = node.held.is_empty();
        node.held.push_back((node.run, parcel));
        let after = node.asleep_until.saturating_sub(now);
        if is_first {
            self.send(at, after, Parcel::Rise);
        }
    }

    /// A node wakes up, unless its sleep has become longer.
    fn rise(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        if let Some(after) = node.asleep_until.checked_sub(now).filter(|after| *after > 0) {
            return self.send(at, after, Parcel::Rise);
        }
        for (run, parcel) in std::mem::take(&mut node.held) {
            let is_current = self.run_of(at) == run;
            if let Some(taken) = is_current.then(|| self.open(at, parcel)).flatten() {
                self.commit(at, taken);
            }
        }
    }

    /// What a parcel does to a node that is awake.
    fn open(&mut self, at: usize, parcel: Parcel) -> Option<Result<(), StoreError>> {
        match parcel {
            Parcel::Event(event) => self.take(at, event),
            Parcel::Gossip { from, cuts, letter, again } => {
                if self.is_cut(from, at, cuts) {
                    return None;
                }
                self.gossip(at, Held { from, letter }, again)
            }
            Parcel::Question { from, run, cuts, exchange, bytes } => {
                if self.is_cut(from, at, cuts) || !self.is_linked(at, from) {
                    return None;
                }
                let question = Question { from, run, exchange, bytes };
                self.question(at, question)
            }
            Parcel::Answer { from, cuts, exchange, bytes } => {
                if self.is_cut(from, at, cuts) {
                    return None;
                }
                self.answer(at, from, exchange, bytes)
            }
            Parcel::Expiry { exchange, to } => {
                self.fail(at, exchange, to, RequestFailure::TimedOut);
                None
            }
            Parcel::Hangup { peer, run, topics } => {
                if self.run_of(peer) == run {
                    let own = self.process(at).map(|it| it.topics.clone()).unwrap_or_default();
                    self.lose(at, peer, &own.intersection(&topics).copied().collect());
                }
                None
            }
            Parcel::Alarm(number) => {
                let process = self.process_mut(at)?;
                let is_set = process.alarm.is_some_and(|(_, set)| set == number);
                is_set.then(|| process.alarm = None).map(Ok)
            }
            Parcel::Boot => {
                self.boot(at);
                None
            }
            Parcel::Refresh => {
                self.refresh(at);
                None
            }
            Parcel::Meet(other) => {
                self.connect(at, other);
                None
            }
            Parcel::Mesh | Parcel::Rise => None,
        }
    }

    fn take(&mut self, at: usize, event: NetEvent) -> Option<Result<(), StoreError>> {
        let now = self.now;
        let node = self.nodes.get_mut(at)?;
        let input = node.process.as_ref()?.ingress.take(event, &mut self.judged.signers());
        Some(input.map_or(Ok(()), |input| node.take(now, input)))
    }

    fn gossip(&mut self, at: usize, held: Held, again: bool) -> Option<Result<(), StoreError>> {
        self.sequence += 1;
        let (now, letter) = (self.now, Rc::clone(&held.letter));
        let node = self.nodes.get(at)?;
        let process = node.process.as_ref()?;
        let is_subscribed = process.topics.contains(&letter.topic);
        // A copy of what was not let in, for another one had brought it before, is no second of
        // anything: it would tell that this neighbour has it too, and be acted on (I25).
        let is_stray = again && self.repeats > 0 && !process.messages.has(&held);
        // Every message passes once, unless the network goes mad.
        if !is_subscribed || (!letter.comes(now, at, node.run) && !again) || is_stray {
            return None;
        }
        let (name, peer) = (message(self.sequence), self.key_of(held.from));
        if again && self.is_fragile {
            self.crash(at, Tail::Kept);
            self.revive(at);
            return None;
        }
        let process = self.nodes.get_mut(at)?.process.as_mut()?;
        process.messages.insert(name, held);
        let checked = letter.input.get_or_init(|| {
            let (topic, bytes) = (letter.topic, letter.bytes.to_vec());
            let event = NetEvent::Gossip { message: name, from: peer, topic, bytes };
            process.ingress.take(event, &mut self.judged.signers())
        });
        let input = addressed(checked.as_ref()?, MessageId(name.0), peer);
        Some(self.nodes.get_mut(at)?.take(now, input))
    }

    fn question(&mut self, at: usize, question: Question) -> Option<Result<(), StoreError>> {
        self.sequence += 1;
        let name = self.flaw.named((at, question.from), self.sequence, self.nodes.len());
        let (exchange, peer) = (ExchangeId(self.sequence), self.key_of(name));
        let bytes = question.bytes.clone();
        self.process_mut(at)?.exchanges.insert(exchange, question);
        self.take(at, NetEvent::RequestReceived { exchange, peer, bytes })
    }

    fn answer(
        &mut self,
        at: usize,
        from: usize,
        exchange: ExchangeId,
        bytes: Option<Vec<u8>>,
    ) -> Option<Result<(), StoreError>> {
        let peer = self.key_of(from);
        if exchange.0 >= OF_TESTS {
            self.process_mut(at)?.asking.remove(&exchange);
            self.nodes.get_mut(at)?.answers.extend(bytes);
            return None;
        }
        // A question ends once, whatever a network that doubles messages makes of its answer.
        self.process_mut(at)?.asking.remove(&exchange)?;
        self.take(
            at,
            match bytes {
                Some(bytes) => NetEvent::ResponseReceived { exchange, peer, bytes },
                None => NetEvent::RequestFailed { exchange, peer, why: RequestFailure::Unanswered },
            },
        )
    }

    /// Performs an order of a node.
    pub(super) fn carry_out(&mut self, at: usize, command: NetCommand) {
        self.note(at, &command);
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(at, topic),
            NetCommand::Unsubscribe(topic) => self.unsubscribe(at, topic),
            NetCommand::Publish { topic, bytes } => self.flood(at, topic, &bytes),
            NetCommand::Validate { message, verdict } => {
                let Some(process) = self.process_mut(at) else { return };
                let Some(held) = process.messages.remove(message) else { return };
                if let Some(node) = self.nodes.get_mut(at) {
                    node.verdicts.push((held.from, verdict));
                }
                // Who has it already drops it, so it makes no difference when it comes.
                if matches!(verdict, Verdict::Accept | Verdict::AcceptLater) {
                    self.forward(at, &held);
                }
            }
            NetCommand::Request { exchange, peer, bytes } => self.ask(at, exchange, peer, &bytes),
            NetCommand::Respond { exchange, bytes } => {
                if let Some(said) = self.said(at, exchange, bytes) {
                    self.respond(at, exchange, Some(said));
                }
            }
            NetCommand::Refuse { exchange } => self.respond(at, exchange, None),
            NetCommand::Disconnect { peer } => {
                let other = Self::number_of(peer);
                self.disconnect(at, other);
                self.send(at, REDIAL_MS, Parcel::Meet(other));
            }
            NetCommand::Block { peer } => {
                let other = Self::number_of(peer);
                self.disconnect(at, other);
                if let Some(process) = self.process_mut(at) {
                    process.blocked.insert(other);
                }
            }
            NetCommand::Unblock { peer } => {
                let other = Self::number_of(peer);
                if let Some(process) = self.process_mut(at) {
                    process.blocked.remove(&other);
                }
                self.send(at, REDIAL_MS, Parcel::Meet(other));
            }
            // Whoever can be reached is connected anyway.
            NetCommand::Dial { .. }
            | NetCommand::DialAlways { .. }
            | NetCommand::StopDialing { .. }
            | NetCommand::Shutdown => {}
        }
    }

    /// What a node answers, after its liar.
    fn said(&mut self, at: usize, exchange: ExchangeId, honest: Vec<u8>) -> Option<Vec<u8>> {
        let node = self.nodes.get_mut(at)?;
        let Some(liar) = &mut node.liar else { return Some(honest) };
        let asked = node.process.as_ref()?.exchanges.get(&exchange)?;
        liar(Asked { from: asked.from, question: &asked.bytes, honest })
    }

    /// Adds an order to the digest of this world.
    fn note(&mut self, at: usize, command: &NetCommand) {
        let (name, content): (&[u8], &[u8]) = match command {
            NetCommand::Subscribe(topic) => (b"subscribe", &topic.0),
            NetCommand::Unsubscribe(topic) => (b"unsubscribe", &topic.0),
            NetCommand::Publish { bytes, .. } => (b"publish", bytes),
            NetCommand::Request { bytes, .. } => (b"request", bytes),
            NetCommand::Respond { bytes, .. } => (b"respond", bytes),
            NetCommand::Validate { verdict, .. } => match verdict {
                Verdict::Accept => (b"accept", &[]),
                Verdict::Ignore => (b"ignore", &[]),
                Verdict::Reject => (b"reject", &[]),
                Verdict::AcceptLater => (b"accept later", &[]),
            },
            NetCommand::Refuse { .. } => (b"refuse", &[]),
            NetCommand::Disconnect { peer } => (b"disconnect", &peer.0),
            NetCommand::Block { peer } => (b"block", &peer.0),
            NetCommand::Unblock { peer } => (b"unblock", &peer.0),
            NetCommand::Dial { address }
            | NetCommand::DialAlways { address }
            | NetCommand::StopDialing { address } => (b"dial", address.as_bytes()),
            NetCommand::Shutdown => (b"shutdown", &[]),
        };
        self.trace.add(self.now, at, name, content);
    }

    /// Has a node woken when it wants to be.
    pub(super) fn set_alarm(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(due) = node.wakes_at(now) else { return };
        let Some(process) = &mut node.process else { return };
        if process.alarm.is_some_and(|(set, _)| set == due) {
            return;
        }
        let number = self.sequence + 1;
        process.alarm = Some((due, number));
        if self.flaw.silences(number) {
            self.sequence = number;
        } else {
            self.send(at, due - now, Parcel::Alarm(number));
        }
    }

    /// Puts something on its way to the present run of a node.
    pub(super) fn send(&mut self, to: usize, after: u64, parcel: Parcel) {
        self.sequence += 1;
        let run = self.run_of(to);
        self.queue.push(self.now + after, Item { to, run, parcel });
    }

    /// Sends something over a wire, which may lose or double it: a topic what was published, and a
    /// stream what was asked or answered.
    pub(super) fn carry(&mut self, from: usize, to: usize, parcel: Parcel) {
        let is_published = matches!(parcel, Parcel::Gossip { .. });
        let Some(wire) = self.wires.get_mut(from, to) else { return };
        wire.traffic.note(parcel.bytes_count() * (1 + self.repeats));
        let Some(link) = &wire.link else { return };
        let path = if is_published { &link.topic } else { &link.stream };
        let [Some(delay), twin] = path.copies(&mut self.rng) else { return };
        if twin.is_none() && self.repeats == 0 {
            return self.send(to, delay, parcel);
        }
        let mut copy = parcel.clone();
        if let Parcel::Gossip { again, .. } = &mut copy {
            *again = true;
        }
        self.send(to, delay, parcel);
        let again = repeat_n(delay, self.repeats);
        let twins = twin.into_iter().flat_map(|delay| repeat_n(delay, 1 + self.repeats));
        let delays: Vec<u64> = again.chain(twins).collect();
        for delay in delays {
            self.send(to, delay, copy.clone());
        }
    }
}

impl Parcel {
    /// Whether it is something that a process takes as an input.
    fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Event(_)
                | Self::Gossip { .. }
                | Self::Question { .. }
                | Self::Answer { .. }
                | Self::Alarm(_)
        )
    }

    /// How many bytes of content go over a wire.
    fn bytes_count(&self) -> usize {
        match self {
            Self::Gossip { letter, .. } => letter.bytes.len(),
            Self::Question { bytes, .. } => bytes.len(),
            Self::Answer { bytes, .. } => bytes.as_ref().map_or(0, Vec::len),
            Self::Event(_)
            | Self::Expiry { .. }
            | Self::Hangup { .. }
            | Self::Alarm(_)
            | Self::Meet(_)
            | Self::Rise
            | Self::Refresh
            | Self::Boot
            | Self::Mesh => 0,
        }
    }
}

/// The same content under the name that it has at another node.
fn addressed(input: &Input, message: MessageId, peer: folkmoot_core::id::PeerKey) -> Input {
    let mut input = input.clone();
    if let Input::GossipReceived { message: name, peer: from, .. }
    | Input::NewerOpReceived { message: name, peer: from, .. } = &mut input
    {
        (*name, *from) = (message, peer);
    }
    input
}
