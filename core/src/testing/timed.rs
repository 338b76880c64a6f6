//! A node whose time the test tells, and what other members say to it.

use super::Author;
use crate::command::{Command, CommandId, Delivery};
use crate::effect::{Effect, Forward, Notice};
use crate::governance::op::{Body, Payload};
use crate::governance::rights::Rights;
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::{Heard, Input, MessageId};
use crate::key::Signers;
use crate::readiness;
use crate::receive;
use crate::settings::Settings;
use crate::signed::{Op, Verified};
use crate::state::{Desk, State, Volatile};
use crate::statement::{Attested, Beacon, HeadSummary, Tier};
use crate::step::step;
use crate::time::{MonoMillis, Now, UnixMillis};
use crate::wire::Gossip;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What the clock of every machine shows when the monotonic one shows 0.
pub(crate) const EPOCH: u64 = 1_800_000_000_000;
/// Transport key of the node.
pub(crate) const OWN_PEER: PeerKey = PeerKey([0xee; 32]);

/// A node and its clocks, in milliseconds. Whatever it asks its signer is signed at once.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) state: State,
    pub(crate) author: Author,
    /// The monotonic clock.
    pub(crate) now: u64,
    /// By how much the clock on the wall differs from it.
    pub(crate) epoch: u64,
    pub(crate) namespace: NamespaceId,
    wake_at: Option<MonoMillis>,
    messages: u64,
    signers: Signers,
}

impl Timed {
    /// A node that knows nothing yet.
    pub(crate) fn new(author: &Author) -> Self {
        let mut node = Self {
            state: State::default(),
            author: author.clone(),
            now: 0,
            epoch: EPOCH,
            namespace: NamespaceId::default(),
            wake_at: None,
            messages: 0,
            signers: Signers::default(),
        };
        node.start(7);
        node
    }

    /// A founder, who has added `friends`, at time 0.
    pub(crate) fn founder(author: &Author, friends: &[&Author]) -> Self {
        let mut node = Self::new(author);
        let owners = crate::bounded::Bounded::truncated([author.id].into());
        node.command(Command::Found { owners });
        node.namespace = node.state.durable.namespaces.keys().next().copied().unwrap();
        for friend in friends {
            let (member, rights) = (friend.id, Rights::MEMBER);
            node.govern(Body::MemberAdded { member, rights });
        }
        node
    }

    /// The same node after a restart: what is durable remains, and the clocks go on.
    pub(crate) fn restart(&mut self, seed: u8) -> Vec<Effect> {
        self.state.volatile = Volatile::default();
        self.start(seed)
    }

    fn start(&mut self, seed: u8) -> Vec<Effect> {
        let settings = Settings { anchor_ops: 0, anchor_age_ms: 0, ..Settings::default() };
        self.input(Input::Started { seed: [seed; 32], peer: OWN_PEER, settings })
    }

    pub(crate) fn command(&mut self, wish: Command) -> Vec<Effect> {
        self.messages += 1;
        self.input(Input::CommandIssued { command: CommandId(self.messages), wish })
    }

    /// Writes an op in the root group.
    pub(crate) fn govern(&mut self, body: Body) -> Vec<Effect> {
        let (namespace, group) = (self.namespace, self.namespace.root());
        let delivery = Delivery::default();
        self.command(Command::Govern { namespace, group, body, expected_root: None, delivery })
    }

    /// Gives an input now, and lets the node do all that it leads to.
    pub(crate) fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut inputs = Vec::from([input]);
        while let Some(input) = inputs.pop() {
            let now = Now { mono: MonoMillis(self.now), unix: self.unix() };
            let out = step(&mut self.state, now, input);
            self.wake_at = out.wake_at;
            if out.wake_at.is_some_and(|at| at <= now.mono) {
                inputs.push(Input::Wake);
            }
            for effect in out.effects {
                if let Effect::Sign { request, draft, .. } = &effect {
                    let (request, signed) = (*request, self.author.sign_draft(draft));
                    inputs.push(Input::SignatureReady { request, signed });
                }
                effects.push(effect);
            }
        }
        effects
    }

    /// Lets time pass until `ms`, waking the node whenever it wants to be: when it did what.
    pub(crate) fn pass_to(&mut self, ms: u64) -> Vec<(u64, Effect)> {
        let mut done = Vec::new();
        while let Some(at) = self.wake_at.filter(|at| at.0 <= ms) {
            self.now = self.now.max(at.0);
            let now = self.now;
            done.extend(self.input(Input::Wake).into_iter().map(|effect| (now, effect)));
        }
        self.now = ms;
        done
    }

    pub(crate) fn unix(&self) -> UnixMillis {
        UnixMillis(self.epoch + self.now)
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.state.volatile.desks[&self.namespace]
    }

    pub(crate) fn readiness(&self) -> readiness::State {
        self.desk().readiness.state()
    }

    pub(crate) fn heads(&self) -> Vec<OpId> {
        self.state.durable.namespaces[&self.namespace].space.heads()
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        self.state.durable.namespaces[&self.namespace].space.view().state_root()
    }

    /// A peer connects and takes part.
    pub(crate) fn meet(&mut self, peer: PeerKey) -> Vec<Effect> {
        let mut effects = self.input(Input::PeerConnected { peer });
        let namespace = self.namespace;
        effects.extend(self.input(Input::PeerSubscribed { peer, namespace }));
        effects
    }

    /// What a member beacons now that has what this node has; the first of its boot.
    pub(crate) fn beacon_of(&self, member: &Author) -> Beacon {
        Beacon {
            namespace: self.namespace,
            member: member.id,
            boot: [1; 16],
            sequence: self.now + 1,
            heads: HeadSummary::of(&self.heads()),
            ops: 1,
            state_root: self.root(),
            tier: Tier::Locally,
            sent_at: self.unix(),
        }
    }

    /// The same with other heads.
    pub(crate) fn claim_of(&self, member: &Author, heads: &[OpId]) -> Beacon {
        Beacon { heads: HeadSummary::of(heads), ..self.beacon_of(member) }
    }

    /// A message of the topic, as it comes off the wire.
    pub(crate) fn gossip(&mut self, via: PeerKey, bytes: &[u8]) -> Vec<Effect> {
        if !self.state.volatile.peers.contains_key(&via) {
            self.input(Input::PeerConnected { peer: via });
        }
        self.messages += 1;
        let message = MessageId(self.messages);
        let input = receive::gossip(&mut self.signers, message, via, self.namespace, bytes);
        self.input(input)
    }

    /// A member's beacon, forwarded by a peer.
    pub(crate) fn hear_via(
        &mut self,
        via: PeerKey,
        member: &Author,
        beacon: Beacon,
    ) -> Vec<Effect> {
        let beacon = Attested::by(beacon, |_, digest| Some(member.sign(digest))).unwrap();
        self.gossip(via, &Gossip::Beacon(Box::new(beacon)).encode())
    }

    /// A member's beacon, forwarded by its own peer.
    pub(crate) fn hear(&mut self, member: &Author, beacon: Beacon) -> Vec<Effect> {
        self.hear_via(peer_of(member), member, beacon)
    }

    /// An op of the topic.
    pub(crate) fn hear_op(&mut self, via: PeerKey, op: Verified<Op>) -> Vec<Effect> {
        self.messages += 1;
        let (message, namespace) = (MessageId(self.messages), self.namespace);
        let heard = Ok(Heard::Op(op));
        self.input(Input::GossipReceived { message, peer: via, namespace, heard })
    }
}

/// The peer behind which a member stands.
pub(crate) fn peer_of(member: &Author) -> PeerKey {
    PeerKey(member.id.0)
}

/// An op with one parent, which nobody has.
pub(crate) fn orphan(author: &Author, namespace: NamespaceId, parent: u8) -> Verified<Op> {
    let payload = author.payload(namespace, Body::Noop);
    let parents = crate::bounded::Bounded::truncated([OpId([parent; 32])].into());
    super::unsigned(&Payload { parents, ..payload })
}

/// The beacons among what was done.
pub(crate) fn announced<'a>(
    effects: impl IntoIterator<Item = &'a Effect>,
) -> impl Iterator<Item = &'a Beacon> {
    effects.into_iter().filter_map(|effect| {
        if let Effect::Announce(beacon) = effect { Some(beacon) } else { None }
    })
}

/// The verdicts on messages among what was done.
pub(crate) fn verdicts(effects: &[Effect]) -> Vec<Forward> {
    let verdict = |effect: &Effect| {
        if let Effect::Validate { verdict, .. } = effect { Some(*verdict) } else { None }
    };
    effects.iter().filter_map(verdict).collect()
}

/// The changes of readiness among what was done.
pub(crate) fn changes<'a>(
    effects: impl IntoIterator<Item = &'a Effect>,
) -> impl Iterator<Item = readiness::State> {
    effects.into_iter().filter_map(|effect| {
        if let Effect::Notify(Notice::Readiness { state, .. }) = effect {
            Some(*state)
        } else {
            None
        }
    })
}

/// Members' keys, by number.
pub(crate) fn authors<const N: usize>() -> [Author; N] {
    core::array::from_fn(|number| Author::new(number as u64 + 1))
}
