//! What a person asks of the node, and what it answers.

use crate::bounded::Bounded;
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::governance::verdict::{Dropped, VoidAtCut};
use crate::id::{GroupId, MemberId, NamespaceId, OpId};
pub use crate::join::JoinError;
use crate::join::JoinReport;
use crate::limits::OWNERS_MAX;
use crate::publish::Receipt;
use crate::time::UnixMillis;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Names one command until it is answered. Chosen by whoever issues it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct CommandId(pub u64);

/// A wish of a person or program.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Command {
    /// Found a namespace.
    Found {
        /// The owners in order of rank; the first is this node's identity for it.
        owners: Bounded<MemberId, OWNERS_MAX>,
    },
    /// Write one op at the current heads.
    Govern {
        /// In which namespace.
        namespace: NamespaceId,
        /// On which group (the parent, for a new group).
        group: GroupId,
        /// What to do; neither a genesis nor a join.
        body: Body,
        /// Refuse unless the group's rows have this root (GOV-30).
        expected_root: Option<[u8; 32]>,
        /// What is to be known of its delivery before the answer.
        delivery: Delivery,
    },
    /// Sign an invitation.
    Invite {
        /// In which namespace.
        namespace: NamespaceId,
        /// To which group.
        group: GroupId,
        /// What the joiner gets.
        rights: Rights,
        /// For how many joiners.
        uses_max: u32,
        /// Until when, by the witness's clock.
        expires_at: UnixMillis,
        /// Public half of the one-time secret, which never enters the core.
        one_time_key: MemberId,
    },
    /// Join a namespace.
    Join {
        /// The invitation with this node's consent; its signatures were checked (NET-20).
        request: JoinRequest,
        /// Where members may be reached.
        addresses: Vec<String>,
        /// How long it may take, in milliseconds.
        within_ms: u64,
    },
    /// Give up a join; the identity stays for the next try (NET-29).
    CancelJoin {
        /// Of which namespace.
        namespace: NamespaceId,
    },
    /// Stop taking part: no topic, no requests, no new ops. What is stored stays.
    Close {
        /// Which namespace.
        namespace: NamespaceId,
    },
}

/// What is to be known of the delivery of an op before its command is answered (NET-30, NET-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delivery {
    /// Whether nothing is signed while the mesh is too small for the op to spread.
    pub strict: bool,
    /// How many other members are to say that they have it; more than 1,024 count as that many. 0:
    /// nobody is waited for.
    pub min_acks: u32,
    /// How long to wait for them, in milliseconds, at most 60,000; by the kind of op unless said.
    pub within_ms: Option<u64>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { strict: false, min_acks: 1, within_ms: None }
    }
}

/// How a command ended. Every command ends exactly once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// The op is signed, judged and durable; voiding it later is an event (GOV-34).
    Accepted {
        /// Its namespace.
        namespace: NamespaceId,
        /// Its id.
        op: OpId,
        /// Who else has it, as far as was known in time.
        receipt: Receipt,
    },
    /// The ops of a file wait to be judged.
    Imported {
        /// Their namespace.
        namespace: NamespaceId,
    },
    /// The invitation, signed and durable.
    Invited(Invitation),
    /// This node is a member: it holds the op that admits it, finds it effective, and another
    /// member, where there is one, has it too (NET-25).
    Joined(JoinReport),
    /// The node takes part no longer.
    Closed,
    /// Nothing was written.
    Refused(Refusal),
}

/// Why a command was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum Refusal {
    /// This node does not take part in the namespace.
    #[error("this node does not take part in namespace {0}")]
    UnknownNamespace(NamespaceId),
    /// It does already.
    #[error("this node takes part in namespace {0} already")]
    AlreadyMember(NamespaceId),
    /// The node takes part in as many namespaces as it may.
    #[error("this node takes part in {0} namespaces, as many as it may")]
    TooManyNamespaces(u64),
    /// The rules would make the op void.
    #[error("{0}")]
    WouldBeVoid(VoidAtCut),
    /// The rules would drop the op.
    #[error("{0}")]
    WouldBeDropped(Dropped),
    /// The state is not the one that the command expected.
    #[error("the state has changed since it was read")]
    StateChanged {
        /// What the command expected.
        expected: [u8; 32],
        /// What it is.
        actual: [u8; 32],
    },
    /// Not a body that a person writes, or a value no op may hold.
    #[error("not something to write: {0}")]
    Malformed(String),
    /// The key that should sign is not here.
    #[error("the key of {0} is not in this node's key folder")]
    NoKey(MemberId),
    /// Too many commands wait already.
    #[error("{0} commands wait already; try again")]
    Busy(u64),
    /// The join has not succeeded.
    #[error("{0}")]
    NotJoined(JoinError),
    /// A strict command, and too few peers to send its op to (NET-30).
    #[error("the mesh of the topic has {mesh} peers, and {required} are required; try again")]
    TransportNotReady {
        /// Peers that messages are sent to directly.
        mesh: u64,
        /// How many there should be.
        required: u64,
    },
    /// No join is under way there.
    #[error("no join of namespace {0} is under way")]
    NotJoining(NamespaceId),
    /// The namespace was closed before the command was done.
    #[error("the namespace was closed")]
    Closed,
    /// The disk is nearly full. Nothing was signed.
    #[error("nothing is signed: {0}")]
    NoRoom(Shortage),
    /// Another invitation is being used there.
    #[error("this node is joining namespace {0} with another invitation, or as somebody else")]
    JoiningOtherwise(NamespaceId),
}

/// Less space on the disk than is kept in reserve for what was promised already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[error("the disk has {free_bytes} bytes left, and {reserve_bytes} are kept in reserve")]
pub struct Shortage {
    /// Bytes that are left.
    pub free_bytes: u64,
    /// Bytes that have to be left.
    pub reserve_bytes: u64,
}
