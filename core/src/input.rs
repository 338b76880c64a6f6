//! What happened at the boundary. The reducer learns of the world by these alone.

use crate::command::{Command, CommandId, Shortage};
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::id::{MemberId, NamespaceId, PeerKey};
use crate::settings::Settings;
use crate::signed::{Malformed, Op, Verified};
use crate::statement::{Beacon, Hello};
use crate::wire::{Heads, Nonce, Ranges, Refused, Request};
use alloc::boxed::Box;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Names a request of the core to the world until it is answered or times out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct RequestId(pub u64);

/// Names a request of a peer until the core answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ExchangeId(pub u64);

/// Names a published message until the core says whether to forward it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct MessageId(pub u64);

/// Something that happened.
#[expect(clippy::large_enum_variant, reason = "inputs pass one by one, and are never kept")]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Input {
    /// The process started, after the log was read. Once, before anything else.
    Started {
        /// Seed of all random choices of this run.
        seed: [u8; 32],
        /// Transport key of this node.
        peer: PeerKey,
        /// What whoever runs it chose.
        settings: Settings,
    },
    /// A person or program wants something.
    CommandIssued {
        /// Names the command in its reply.
        command: CommandId,
        /// What is wanted.
        wish: Command,
    },
    /// An `Effect::Sign` was carried out, or could not be.
    SignatureReady {
        /// Which one.
        request: RequestId,
        /// What was signed.
        signed: Signed,
    },
    /// Something was published on a topic, checked by [`crate::receive`] (A1 to A3).
    GossipReceived {
        /// Names the message.
        message: MessageId,
        /// Who forwarded it, not who wrote it.
        peer: PeerKey,
        /// The topic.
        namespace: NamespaceId,
        /// What was in it.
        heard: Result<Heard, Malformed>,
    },
    /// An op of newer rules was published; its signature cannot be judged here (A2).
    NewerOpReceived {
        /// Names the message.
        message: MessageId,
        /// Who forwarded it, not who wrote it.
        peer: PeerKey,
        /// The topic.
        namespace: NamespaceId,
        /// Version of its rules.
        rules: u16,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A connected peer asks something.
    RequestReceived {
        /// Names the request in its answer.
        exchange: ExchangeId,
        /// Who asks.
        peer: PeerKey,
        /// What is asked.
        request: Request,
        /// Whether the signatures in it are valid (a join request has three, an ack one).
        signatures_valid: bool,
    },
    /// A peer answered.
    ResponseReceived {
        /// Our request.
        request: RequestId,
        /// Who answered.
        peer: PeerKey,
        /// The answer, with its ops verified.
        answer: Answer,
    },
    /// A peer will not answer: gone, timed out, or its bytes were no message.
    RequestFailed {
        /// Our request.
        request: RequestId,
    },
    /// Ops were read from a file by a person (`moot import`), verified by the ingress.
    OpsImported {
        /// Names the command in its reply.
        command: CommandId,
        /// Their namespace.
        namespace: NamespaceId,
        /// The ops.
        ops: Vec<Verified<Op>>,
    },
    /// A first connection with this peer was made.
    PeerConnected {
        /// Who.
        peer: PeerKey,
    },
    /// The last connection with this peer is gone.
    PeerDisconnected {
        /// Who.
        peer: PeerKey,
    },
    /// A connected peer takes part in a topic (NET-4).
    PeerSubscribed {
        /// Who.
        peer: PeerKey,
        /// In what.
        namespace: NamespaceId,
    },
    /// A peer takes part no longer.
    PeerUnsubscribed {
        /// Who.
        peer: PeerKey,
        /// In what.
        namespace: NamespaceId,
    },
    /// The number of peers that messages of a topic are sent to directly has changed (NET-30).
    MeshChanged {
        /// The topic.
        namespace: NamespaceId,
        /// How many there are now.
        peers: u64,
    },
    /// Time has come. A late or extra one changes nothing.
    Wake,
}

/// What was published, after the ingress.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Heard {
    /// An op.
    Op(Verified<Op>),
    /// A member says how far it has come.
    Beacon(Verified<Beacon>),
    /// Somebody looks for members.
    Probe {
        /// What makes it another message than the last one.
        nonce: Nonce,
    },
}

/// The answer of a peer, after the ingress.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// Heads.
    Heads {
        /// The heads.
        heads: Heads,
        /// Root over all groups.
        state_root: [u8; 32],
        /// Whether ours are all known there.
        knows_ours: bool,
    },
    /// A page of ops; those that A1 to A3 refuse are counted.
    Ops {
        /// The good ones, in the order of the page.
        ops: Vec<Verified<Op>>,
        /// How many ops the page had, the bad ones included.
        count: u64,
        /// The first refusal of another.
        refused: Option<Malformed>,
        /// Those of newer rules, as they came.
        newer: Vec<Vec<u8>>,
        /// How many ops the whole answer has.
        total: u64,
    },
    /// The witness's op.
    Joined(Verified<Op>),
    /// Who the peer is.
    Identity {
        /// The proof; its signature is valid.
        hello: Verified<Hello>,
        /// The invitation of one that is no member yet; its signatures are valid.
        pass: Option<Box<JoinRequest>>,
    },
    /// Ranges that differ.
    Ranges(Ranges),
    /// An ack arrived.
    Noted,
    /// Not served.
    Refused(Refused),
}

/// What came of an `Effect::Sign`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Signed {
    /// The op, signed and verified.
    Op(Verified<Op>),
    /// The invitation, signed.
    Invitation(Invitation),
    /// The key is not here.
    NoKey(MemberId),
    /// The disk is nearly full: the key was not used.
    NoRoom(Shortage),
}
