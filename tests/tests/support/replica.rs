//! One reducer without a network: what it hears is given to it, and what it orders is kept.

use super::wire;
use folkmoot_core::effect::{Effect, Notice};
use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::query::{NamespaceView, Standing};
use folkmoot_core::record;
use folkmoot_core::settings::Settings;
use folkmoot_core::signed::{Op, verify};
use folkmoot_core::state::State;
use folkmoot_core::step::step;
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_sim::kit::Author;

/// Steps that one input may lead to before a test gives up.
const STEPS_MAX: usize = 100_000;

pub(crate) struct Replica {
    pub(crate) state: State,
    /// Effects since they were last taken.
    pub(crate) effects: Vec<Effect>,
    /// Events of all steps, in order.
    pub(crate) events: Vec<Event>,
    /// The same as records of the log.
    pub(crate) log: Vec<Vec<u8>>,
    /// Milliseconds, both clocks.
    pub(crate) now: u64,
    /// Largest number of events of one step.
    pub(crate) events_of_a_step: usize,
    namespace: NamespaceId,
    messages: u64,
    wake_at: Option<u64>,
}

impl Replica {
    /// A node that takes part in a namespace of which it knows nothing yet.
    pub(crate) fn of(namespace: NamespaceId, me: &Author) -> Self {
        let mut replica = Self {
            state: State::default(),
            effects: Vec::new(),
            events: Vec::new(),
            log: Vec::new(),
            now: 0,
            events_of_a_step: 0,
            namespace,
            messages: 0,
            wake_at: None,
        };
        let opened = Event::NamespaceOpened { namespace, me: me.id };
        evolve(&mut replica.state.durable, &opened);
        replica.keep(opened);
        replica.give(Self::started([7; 32]));
        replica
    }

    /// The beginning of a run with this seed.
    pub(crate) fn started(seed: [u8; 32]) -> Input {
        Input::Started { seed, peer: Self::peer(0), settings: Settings::default() }
    }

    /// [`Replica::of`], with these ops.
    pub(crate) fn with<'a>(
        namespace: NamespaceId,
        me: &Author,
        ops: impl IntoIterator<Item = &'a Op>,
    ) -> Self {
        let mut replica = Self::of(namespace, me);
        for op in ops {
            replica.hear(op);
        }
        replica.effects.clear();
        replica
    }

    pub(crate) fn peer(number: u8) -> PeerKey {
        PeerKey([number; 32])
    }

    fn keep(&mut self, event: Event) {
        self.log.push(record::encode(&event));
        self.events.push(event);
    }

    /// Steps once, without the work that is left over.
    pub(crate) fn give_only(&mut self, input: Input) {
        let now =
            Now { mono: MonoMillis(self.now), unix: UnixMillis(1_700_000_000_000 + self.now) };
        let output = step(&mut self.state, now, input);
        self.events_of_a_step = self.events_of_a_step.max(output.events.len());
        for event in output.events {
            self.keep(event);
        }
        self.effects.extend(output.effects);
        self.wake_at = output.wake_at.map(|at| at.0);
    }

    /// Steps until no work is left over.
    pub(crate) fn give(&mut self, input: Input) {
        self.give_only(input);
        for _ in 0..STEPS_MAX {
            if self.wake_at.is_none_or(|at| at > self.now) {
                return;
            }
            self.give_only(Input::Wake);
        }
        panic!("work is left over after {STEPS_MAX} steps");
    }

    /// Lets time pass, with every timer that is due.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.give(Input::Wake);
        }
        self.now = until;
    }

    /// The ingress: bytes on the topic, from peer 1.
    pub(crate) fn hear_bytes(&mut self, bytes: &[u8]) {
        self.hear_from(1, bytes);
    }

    pub(crate) fn hear_from(&mut self, peer: u8, bytes: &[u8]) {
        self.messages += 1;
        let (namespace, message) = (self.namespace, MessageId(self.messages));
        let (peer, heard) = (Self::peer(peer), verify(bytes, namespace).map(Heard::Op));
        self.give(Input::GossipReceived { message, peer, namespace, heard });
    }

    pub(crate) fn hear(&mut self, op: &Op) {
        self.hear_bytes(&wire(op));
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.effects.iter().filter_map(|effect| {
            if let Effect::Notify(notice) = effect { Some(notice) } else { None }
        })
    }

    pub(crate) fn view(&self) -> NamespaceView {
        self.state.namespace(&self.namespace).unwrap()
    }

    pub(crate) fn standing(&self, op: OpId) -> Option<Standing> {
        self.state.op(&self.namespace, &op).map(|op| op.standing)
    }

    /// The state that the first records of the log fold to, with everything evaluated.
    pub(crate) fn replayed(&self, records: usize) -> State {
        let mut state = State::default();
        for bytes in &self.log[..records] {
            evolve(&mut state.durable, &record::decode(bytes).unwrap());
        }
        state.durable.settle();
        state
    }
}
