//! Three owners; the first one's node is watched.

mod acks;
mod deliveries;
mod outbox;

use super::Turn;
use crate::bounded::{Bytes, Text};
use crate::command::{Command, CommandId, Delivery, Outcome};
use crate::effect::Effect;
use crate::event::Event;
use crate::governance::op::{Body, SlotWrite, Subject, Visibility};
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::identities::Identity;
use crate::input::{ExchangeId, Input};
use crate::publish::{OutboxView, Receipt};
use crate::signed::{Op, Verified};
use crate::statement::{Ack, AckOutcome, Attested, Tier};
use crate::step::Output;
use crate::testing::{Author, Stage, hear_of, replies};
use crate::time::{MonoMillis, Now};
use crate::wire::Request;
use alloc::vec::Vec;

/// Peers behind which nobody stands unless a test says so.
const NEAR: PeerKey = PeerKey([1; 32]);
const FAR: PeerKey = PeerKey([2; 32]);

struct World {
    stage: Stage,
    namespace: NamespaceId,
    me: Author,
    friend: Author,
    other: Author,
}

impl World {
    /// Nobody is connected.
    fn alone() -> Self {
        let [me, friend, other] = [1, 2, 3].map(Author::new);
        let (stage, namespace) = Stage::found(&[&me, &friend, &other]);
        Self { stage, namespace, me, friend, other }
    }

    /// A peer is connected, and the outbox is empty.
    fn met() -> Self {
        let mut world = Self::alone();
        world.meet(0, NEAR);
        let friend = world.friend.id;
        world.cover(0, friend);
        assert_eq!(world.outbox().undelivered, 0);
        world
    }

    /// The same log with another run, where the peer is connected again at `ms`.
    fn restart(&mut self) {
        self.stage = Stage::with_log(&self.me, &self.stage.node.log);
    }

    /// Writes an op, and says under which command.
    fn write(&mut self, ms: u64, body: Body, delivery: Delivery) -> (CommandId, Vec<Effect>) {
        let namespace = self.namespace;
        let group = namespace.root();
        let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
        self.stage.command(ms, wish)
    }

    /// Writes an op that others have to be waited for: its id.
    fn publish(&mut self, ms: u64, body: Body, delivery: Delivery) -> OpId {
        let (_, effects) = self.write(ms, body, delivery);
        assert_eq!(replies(&effects), []);
        assert!(effects.iter().any(is_publishing), "{effects:?}");
        self.last()
    }

    /// The own op that was written last.
    fn last(&self) -> OpId {
        let graph = self.stage.node.state.durable.namespaces[&self.namespace].space.graph();
        let me = graph.person(&self.me.id).unwrap();
        graph.node(graph.last_of(me).unwrap()).id
    }

    fn ack(&mut self, ms: u64, by: &Author, op: OpId, outcome: AckOutcome) -> Vec<Effect> {
        let ack = Ack { namespace: self.namespace, op, outcome, member: by.id };
        self.hear_ack(ms, attested(by, ack))
    }

    fn hear_ack(&mut self, ms: u64, ack: Attested<Ack>) -> Vec<Effect> {
        let signatures_valid = ack.is_signed();
        let (exchange, peer, request) = (ExchangeId(ms), NEAR, Request::Ack(ack));
        self.stage.give(ms, Input::RequestReceived { exchange, peer, request, signatures_valid })
    }

    /// A member names the heads that we have.
    fn cover(&mut self, ms: u64, member: MemberId) -> Vec<Effect> {
        let heads = self.stage.node.state.namespace(&self.namespace).unwrap().heads;
        self.beacon(ms, member, &heads)
    }

    fn beacon(&mut self, ms: u64, member: MemberId, heads: &[OpId]) -> Vec<Effect> {
        let now = Now { mono: MonoMillis(ms), ..Now::default() };
        let mut out = Output::default();
        let state = &mut self.stage.node.state;
        let (durable, volatile) = (&state.durable, &mut state.volatile);
        let mut turn = Turn { durable, volatile, now, out: &mut out };
        hear_of(&mut turn.desk(self.namespace).readiness, member, Tier::Locally, now);
        turn.on_covered(self.namespace, member, heads);
        assert_eq!(out.events, []);
        out.effects
    }

    /// A member says that it takes part no longer.
    fn farewell(&mut self, ms: u64, member: MemberId) {
        let now = Now { mono: MonoMillis(ms), ..Now::default() };
        let desk = self.stage.node.state.volatile.desks.get_mut(&self.namespace).unwrap();
        hear_of(&mut desk.readiness, member, Tier::NotReady, now);
    }

    /// A peer has proved as whom it takes part.
    fn identify(&mut self, peer: PeerKey, member: MemberId) {
        let desk = self.stage.node.state.volatile.desks.get_mut(&self.namespace).unwrap();
        desk.identities.insert(peer, Identity { member, pass: None, round_trip_ms: 0 });
    }

    /// A peer comes that has proved to be the friend.
    fn meet(&mut self, ms: u64, peer: PeerKey) -> Vec<Effect> {
        self.identify(peer, self.friend.id);
        self.stage.meet(ms, peer, self.namespace)
    }

    fn outbox(&self) -> OutboxView {
        let now = MonoMillis(self.stage.ms);
        self.stage.node.state.outbox(&self.namespace, now).unwrap()
    }
}

fn attested(by: &Author, ack: Ack) -> Attested<Ack> {
    Attested::by(ack, |_, digest| Some(by.sign(digest))).unwrap()
}

fn name(value: &str) -> Body {
    let (subject, key) = (Subject::Group, Text::new("name").unwrap());
    let value = Bytes::new(value.as_bytes().to_vec()).unwrap();
    Body::SlotSet { strict: false, write: SlotWrite::Metadata { subject, key, value } }
}

fn group() -> Body {
    Body::GroupCreated { visibility: Visibility::Open }
}

/// The op that an event stored.
fn stored_op(event: &Event) -> Option<Verified<Op>> {
    let Event::OpAccepted { op, .. } = event else { return None };
    Some(op.clone())
}

fn is_publishing(effect: &Effect) -> bool {
    matches!(effect, Effect::Publish { .. })
}

/// The receipts among some effects, in order.
fn receipts(effects: &[Effect]) -> Vec<Receipt> {
    let receipt = |(_, outcome)| {
        let Outcome::Accepted { receipt, .. } = outcome else { return None };
        Some(receipt)
    };
    replies(effects).into_iter().filter_map(receipt).collect()
}

fn unconfirmed(acked_by: &[MemberId]) -> Receipt {
    Receipt::Unconfirmed { acked_by: acked_by.to_vec() }
}

fn delivered(mut acked_by: Vec<MemberId>) -> Receipt {
    acked_by.sort_unstable();
    Receipt::Delivered { acked_by }
}

/// What is published again among some effects.
fn again(effects: &[Effect]) -> Vec<OpId> {
    let stored = |effect: &Effect| {
        let Effect::PublishStored { op, .. } = effect else { return None };
        Some(op.op)
    };
    effects.iter().filter_map(stored).collect()
}
