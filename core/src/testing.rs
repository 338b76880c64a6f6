//! People with keys, and the ops that they sign: for the tests of this crate.

mod stage;
pub(crate) mod timed;
pub(crate) mod web;

pub(crate) use stage::{Stage, replies, signings};

use crate::bounded::Bounded;
use crate::codec;
use crate::command::{Command, CommandId, Delivery, Outcome};
use crate::effect::{Draft, Effect};
use crate::event::Event;
use crate::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use crate::governance::op::{Body, Payload};
use crate::governance::rights::Rights;
use crate::id::{GroupId, MemberId, NamespaceId, OpId, PeerKey};
use crate::input::{Input, Signed};
use crate::key::{OwnSignature, Signature};
use crate::limits::RULES_VERSION;
use crate::readiness::{Meaning, Readiness};
use crate::settings::Settings;
use crate::signed::{Op, SignedOp, Verified, from_own_log};
use crate::state::State;
use crate::statement::{Beacon, HeadSummary, Tier};
use crate::step::step;
use crate::time::{Now, UnixMillis};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use ed25519_dalek::{Signer as _, SigningKey};

/// Notes a beacon of a member in some tier that names nothing.
pub(crate) fn hear_of(readiness: &mut Readiness, member: MemberId, tier: Tier, now: Now) {
    let beacon = Beacon {
        namespace: NamespaceId::default(),
        member,
        boot: [1; 16],
        sequence: now.mono.0,
        heads: HeadSummary::of(&[]),
        ops: 0,
        state_root: [0; 32],
        tier,
        sent_at: now.unix,
    };
    readiness.hear(MemberId([0; 32]), &beacon, PeerKey::default(), &Meaning::default(), now);
}

/// Someone with a key; the same number is the same key in every run.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    key: SigningKey,
    pub(crate) id: MemberId,
}

impl Author {
    pub(crate) fn new(number: u64) -> Self {
        let key = SigningKey::from_bytes(blake3::hash(&number.to_le_bytes()).as_bytes());
        let id = MemberId(key.verifying_key().to_bytes());
        Self { key, id }
    }

    /// A signature over any bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.key.sign(message).to_bytes())
    }

    /// A signature over a digest, with what it was made of.
    pub(crate) fn make(&self, message: &[u8; 32]) -> OwnSignature {
        OwnSignature::make(&self.key, message)
    }

    /// What a draft becomes in this author's hands.
    pub(crate) fn sign_draft(&self, draft: &Draft) -> Signed {
        match draft {
            Draft::Op(op) => Signed::Op(op.clone().seal(&self.make(&op.id().0)).unwrap()),
            Draft::Invitation(terms) => {
                let signature = self.sign(&terms.id().0);
                Signed::Invitation(Invitation { terms: terms.clone(), signature })
            }
        }
    }

    /// Signs the bytes of a payload, whatever they are.
    pub(crate) fn seal(&self, payload: Vec<u8>) -> SignedOp {
        let mut signed = SignedOp { payload, signature: Signature([0; 64]) };
        signed.signature = self.sign(&signed.id().0);
        signed
    }

    /// A payload with nothing in it but its author and what it does.
    pub(crate) fn payload(&self, namespace: NamespaceId, body: Body) -> Payload {
        Payload {
            rules: RULES_VERSION,
            namespace,
            group: namespace.root(),
            signer: self.id,
            nonce: 1,
            parents: Bounded::default(),
            state_hash: [0; 32],
            body,
        }
    }

    /// The payload of a genesis that names this author as the only owner.
    pub(crate) fn genesis(&self) -> Payload {
        let owners = Bounded::truncated([self.id].into());
        let payload =
            self.payload(NamespaceId::default(), Body::NamespaceCreated { owners, salt: [0; 16] });
        Payload { group: GroupId::default(), ..payload }
    }

    /// An invitation for one use, and its use by `joiner`.
    pub(crate) fn invite(&self, joiner: &Self, namespace: NamespaceId) -> JoinRequest {
        let secret = Self::new(u64::MAX);
        let terms = Terms {
            namespace,
            group: namespace.root(),
            inviter: self.id,
            rights: Rights::READ,
            uses_max: 1,
            expires_at: UnixMillis(u64::MAX),
            frontier: Bounded::truncated([OpId(namespace.0)].into()),
            one_time_key: secret.id,
        };
        let id = terms.id();
        JoinRequest {
            invitation: Invitation { signature: self.sign(&id.0), terms },
            joiner: joiner.id,
            signature: joiner.sign(&consent(id, joiner.id)),
            one_time_signature: secret.sign(&voucher(id, joiner.id)),
        }
    }
}

/// An op that passes for verified without a signature, where signatures do not matter.
pub(crate) fn unsigned(payload: &Payload) -> Verified<Op> {
    let payload = codec::encode(payload);
    from_own_log(SignedOp { payload, signature: Signature([0; 64]) }, true).unwrap()
}

/// A node whose author signs whatever it is asked to. Its clock stands still.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) state: State,
    /// Everything that became durable.
    pub(crate) log: Vec<Event>,
    author: Author,
    commands: u64,
}

impl Node {
    /// A node that has just started for the first time.
    pub(crate) fn new(author: &Author) -> Self {
        let state = State::default();
        let mut node = Self { state, log: Vec::new(), author: author.clone(), commands: 0 };
        let (peer, settings) = (PeerKey::default(), Settings::default());
        node.input(Input::Started { seed: [7; 32], peer, settings });
        node
    }

    /// Issues a command, which must succeed at once.
    pub(crate) fn command(&mut self, wish: Command) -> Outcome {
        self.commands += 1;
        let command = CommandId(self.commands);
        let effects = self.input(Input::CommandIssued { command, wish });
        let outcome = effects.into_iter().find_map(|effect| {
            if let Effect::Reply { outcome, .. } = effect { Some(outcome) } else { None }
        });
        let outcome = outcome.unwrap();
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        outcome
    }

    /// Founds a namespace of this author.
    pub(crate) fn found(&mut self) -> NamespaceId {
        let owners = Bounded::truncated([self.author.id].into());
        self.command(Command::Found { owners });
        self.state.durable.namespaces.last_key_value().map(|(namespace, _)| *namespace).unwrap()
    }

    /// Writes an op.
    pub(crate) fn govern(&mut self, namespace: NamespaceId, group: GroupId, body: Body) -> OpId {
        let delivery = Delivery::default();
        let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
        let Outcome::Accepted { op, .. } = self.command(wish) else { unreachable!() };
        op
    }

    /// Steps until nothing is left to do, and signs on the way.
    pub(crate) fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let out = step(&mut self.state, Now::default(), input);
            self.log.extend(out.events);
            if out.wake_at == Some(Now::default().mono) {
                inputs.push_back(Input::Wake);
            }
            for effect in out.effects {
                if let Effect::Sign { request, draft, .. } = &effect {
                    let (request, signed) = (*request, self.signature(draft));
                    inputs.push_back(Input::SignatureReady { request, signed });
                }
                effects.push(effect);
            }
        }
        effects
    }

    pub(crate) fn signature(&self, draft: &Draft) -> Signed {
        self.author.sign_draft(draft)
    }
}

/// The bytes that a string of hexadecimal digits names.
pub(crate) fn hex<const N: usize>(digits: &str) -> [u8; N] {
    assert_eq!(digits.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
}

/// `scalar`, the second half of a signature, with the order of the base point added: the same
/// number to whoever forgets to compare.
pub(crate) fn plus_order(scalar: [u8; 32]) -> [u8; 32] {
    let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    core::array::from_fn(|at| {
        let [low, high] = (u16::from(scalar[at]) + u16::from(order[at]) + carry).to_le_bytes();
        carry = u16::from(high);
        low
    })
}
