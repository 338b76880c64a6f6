//! A reducer with one namespace, without anything around it.

use folkmoot_core::effect::Effect;
use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::{MemberId, NamespaceId, PeerKey};
use folkmoot_core::input::{Heard, Input, MessageId, RequestId};
use folkmoot_core::pending::Pending;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::state::{Desk, State};
use folkmoot_core::step::{Output, step};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_core::wire::Request;
use std::collections::VecDeque;

/// The one peer.
pub(super) const PEER: PeerKey = PeerKey([7; 32]);

/// A node that takes part in one namespace, as a stranger unless it is told otherwise.
pub(super) struct Node {
    /// Its state.
    pub(super) state: State,
    /// The namespace.
    pub(super) namespace: NamespaceId,
    /// What it asked its peer, oldest first.
    pub(super) asked: VecDeque<(RequestId, Request)>,
    message_count: u64,
}

/// The time after so many published ops: one comes each millisecond, as fast as a peer may.
pub(super) fn time_of(message_count: u64) -> Now {
    Now { mono: MonoMillis(message_count), unix: UnixMillis(message_count) }
}

impl Node {
    /// A node that knows nothing of the namespace yet.
    pub(super) fn new(namespace: NamespaceId, me: MemberId) -> Self {
        let mut state = State::default();
        evolve(&mut state.durable, &Event::NamespaceOpened { namespace, me });
        Self { state, namespace, asked: VecDeque::new(), message_count: 0 }
    }

    /// A node that knows what `space` holds, and shares no memory with it.
    pub(super) fn with(space: &Space, me: MemberId) -> Self {
        let namespace = space.graph().namespace().expect("the space has a genesis");
        let mut node = Self::new(namespace, me);
        let known = node.state.durable.namespaces.get_mut(&namespace).expect("it is open");
        known.space = space.archive().restore().expect("an archive fits together");
        node
    }

    /// The namespace as it knows it.
    pub(super) fn space(&self) -> &Space {
        &self.state.durable.namespaces.get(&self.namespace).expect("it is open").space
    }

    /// What waits for parents.
    pub(super) fn pending(&mut self) -> &mut Pending {
        &mut self.desk().pending
    }

    fn desk(&mut self) -> &mut Desk {
        self.state.volatile.desks.entry(self.namespace).or_default()
    }

    /// One step; what it asks of its peer is kept.
    pub(super) fn step(&mut self, input: Input) -> Output {
        let mut output = step(&mut self.state, time_of(self.message_count), input);
        for effect in output.effects.extract_if(.., |effect| matches!(effect, Effect::Ask { .. })) {
            if let Effect::Ask { request, question, .. } = effect {
                self.asked.push_back((request, question));
            }
        }
        output
    }

    /// Steps until nothing is left to do at once.
    pub(super) fn give(&mut self, input: Input) {
        let mut output = self.step(input);
        while self.is_due(&output) {
            output = self.step(Input::Wake);
        }
    }

    /// Whether a step left something to be done at once.
    pub(super) fn is_due(&self, output: &Output) -> bool {
        output.wake_at.is_some_and(|at| at <= time_of(self.message_count).mono)
    }

    /// The input that brings a published op.
    pub(super) fn gossip(&mut self, op: Verified<Op>) -> Input {
        self.message_count += 1;
        let message = MessageId(self.message_count);
        let heard = Ok(Heard::Op(op));
        Input::GossipReceived { message, peer: PEER, namespace: self.namespace, heard }
    }

    /// An op is published.
    pub(super) fn hear(&mut self, op: Verified<Op>) {
        let input = self.gossip(op);
        self.give(input);
    }
}
