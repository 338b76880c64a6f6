//! What a person asks of the node, and what it answers.

use crate::bounded::Bounded;
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::governance::verdict::{Dropped, VoidAtCut};
use crate::id::{GroupId, MemberId, NamespaceId, OpId};
use crate::limits::OWNERS_MAX;
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
    /// Stop taking part: no topic, no requests, no new ops. What is stored stays.
    Close {
        /// Which namespace.
        namespace: NamespaceId,
    },
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
    },
    /// The invitation, signed and durable.
    Invited(Invitation),
    /// This node is a member: it holds the op that admits it, and finds it effective.
    Joined {
        /// The namespace.
        namespace: NamespaceId,
        /// The group.
        group: GroupId,
        /// The op.
        op: OpId,
    },
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
    /// The join did not succeed in time.
    #[error("not joined: {0}")]
    NotJoined(JoinError),
    /// The namespace was closed before the command was done.
    #[error("the namespace was closed")]
    Closed,
    /// The disk is nearly full. Nothing was signed.
    #[error("nothing is signed: {0}")]
    NoRoom(Shortage),
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

/// Why a join did not succeed (NET-26).
#[derive(Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum JoinError {
    /// Nobody of the namespace was reached.
    #[error("no member was reached in {waited_ms} ms ({peers_seen} peers seen)")]
    NoPeers {
        /// How long was waited.
        waited_ms: u64,
        /// Peers of the topic seen.
        peers_seen: u64,
    },
    /// Members were reached, but what they sent is incomplete.
    #[error("the history is incomplete after {waited_ms} ms ({ops} ops received)")]
    PullIncomplete {
        /// How long was waited.
        waited_ms: u64,
        /// Ops received.
        ops: u64,
    },
    /// A witness refused.
    #[error("a member refused: {0}")]
    Refused(String),
    /// A witness answered, but the op that admits is not effective here.
    #[error("the op that admits is not effective: {0}")]
    NotEffective(OpId),
    /// No witness answered.
    #[error("no member answered in {waited_ms} ms")]
    NoWitness {
        /// How long was waited.
        waited_ms: u64,
    },
}
