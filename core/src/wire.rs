//! Messages between nodes. Everything a peer sends is one of these, or is refused.

use crate::bounded::{Bounded, Bytes};
use crate::codec::{self, CodecError};
use crate::governance::invitation::JoinRequest;
use crate::governance::verdict::VoidAtCut;
use crate::id::{NamespaceId, OpId};
use crate::limits::{HEADS_MAX, OP_BYTES_MAX, PAGE_OPS_MAX, RECONCILE_BYTES_MAX};
use crate::statement::{Ack, Attested, Beacon, Hello};
use alloc::boxed::Box;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Version of the messages, their first byte.
pub const WIRE_VERSION: u8 = 1;
/// Largest message in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one signed op, not yet judged.
pub type OpBytes = Bytes<OP_BYTES_MAX>;
/// Heads of a node, as many as fit. Where that is not all, reconciliation finds the rest (NET-42).
pub type Heads = Bounded<OpId, HEADS_MAX>;
/// A message of the range-based set reconciliation.
pub type Ranges = Bytes<RECONCILE_BYTES_MAX>;
/// What a challenger drew.
pub type Nonce = [u8; 16];

/// What is published on the topic of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Gossip {
    /// A new op.
    Op(OpBytes) = 0,
    /// A member says how far it has come (NET-10).
    Beacon(Box<Attested<Beacon>>) = 1,
    /// "Anyone ready?" (NET-14)
    Probe {
        /// In which namespace (NET-1).
        namespace: NamespaceId,
        /// Makes it another message than the last one.
        nonce: Nonce,
    } = 2,
    /// An op again, which nobody but its author is known to have (NET-34).
    Again {
        /// Makes it another message than the first one, which nobody would be sent twice.
        nonce: Nonce,
        /// The op.
        op: OpBytes,
    } = 3,
}

/// What one node asks of another. Every request is answered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// "These are my heads; which are yours?"
    Heads {
        /// In which namespace.
        namespace: NamespaceId,
        /// The asker's heads.
        heads: Heads,
        /// Heads of what both are known to have, where the asker found out (NET-42).
        common: Option<Heads>,
    } = 0,
    /// "Send me these ops and what is behind them, as far as I lack it."
    Fetch {
        /// In which namespace.
        namespace: NamespaceId,
        /// The ops wanted.
        want: Heads,
        /// Heads of what the asker has.
        have: Heads,
        /// How many ops of the answer to pass over.
        from: u64,
        /// How many to send at most.
        count: u32,
    } = 1,
    /// "Let me in" (NET-25).
    Join {
        /// The invitation with the joiner's consent.
        request: Box<JoinRequest>,
    } = 2,
    /// "Who are you here?"
    Identify {
        /// In which namespace.
        namespace: NamespaceId,
        /// What the answer must sign.
        nonce: Nonce,
    } = 3,
    /// "Where do our sets of ops differ?" (NET-42)
    Reconcile {
        /// In which namespace.
        namespace: NamespaceId,
        /// The asker's ranges.
        ranges: Ranges,
    } = 4,
    /// "I have your op" (NET-32).
    Ack(Attested<Ack>) = 5,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Response {
    /// To `Heads`: mine.
    Heads {
        /// The heads.
        heads: Heads,
        /// Root over all groups.
        state_root: [u8; 32],
        /// Whether the asker's heads are all known here: then it lacks exactly what is not behind
        /// them.
        knows_yours: bool,
    } = 0,
    /// To `Fetch`: a page in topological order.
    Ops {
        /// The page.
        ops: Bounded<OpBytes, PAGE_OPS_MAX>,
        /// How many ops the whole answer has.
        total: u64,
    } = 1,
    /// To `Join`: the witness's op, admitted there.
    Joined(OpBytes) = 2,
    /// The request cannot be served.
    Refused(Refused) = 3,
    /// To `Identify`: as whom this node takes part.
    Identity {
        /// Proof of it.
        hello: Attested<Hello>,
        /// Of one that is no member yet: the invitation that it wants to use.
        pass: Option<Box<JoinRequest>>,
    } = 4,
    /// To `Reconcile`: the ranges that differ; empty when there are none.
    Ranges(Ranges) = 5,
    /// To `Ack`.
    Noted = 6,
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Refused {
    /// This node does not take part in the namespace.
    #[error("it does not take part in the namespace")]
    UnknownNamespace = 0,
    /// Not now: too much to do.
    #[error("it is busy")]
    Busy = 1,
    /// The invitation has expired by the witness's clock.
    #[error("the invitation has expired by its clock")]
    Expired = 2,
    /// The op that would admit the joiner would be void.
    #[error("{0}")]
    NotAdmitted(VoidAtCut) = 3,
    /// The asker is not known as a member here, nor as one who is invited.
    #[error("it does not know this node as a member or as invited")]
    Stranger = 4,
    /// The asker was given rights by somebody, but that has no effect here, and nobody built on it.
    #[error("what made this node a member has no effect there")]
    Ineffective = 5,
}

impl Request {
    /// The namespace that it is about.
    pub fn namespace(&self) -> NamespaceId {
        match self {
            Self::Heads { namespace, .. }
            | Self::Fetch { namespace, .. }
            | Self::Identify { namespace, .. }
            | Self::Reconcile { namespace, .. } => *namespace,
            Self::Join { request } => request.invitation.terms.namespace,
            Self::Ack(ack) => ack.statement.namespace,
        }
    }
}

impl Gossip {
    /// The message as it is published.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a published message.
    ///
    /// # Errors
    ///
    /// [`CodecError`] for anything but the canonical encoding of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        decode(bytes)
    }
}

impl Request {
    /// The message as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`CodecError`] for anything but the canonical encoding of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        decode(bytes)
    }
}

impl Response {
    /// The message as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a response.
    ///
    /// # Errors
    ///
    /// [`CodecError`] for anything but the canonical encoding of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        decode(bytes)
    }
}

fn encode<T: BorshSerialize>(message: &T) -> Vec<u8> {
    let mut bytes = alloc::vec![WIRE_VERSION];
    codec::encode_into(message, &mut bytes);
    bytes
}

fn decode<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(codec::too_large(bytes.len(), MESSAGE_BYTES_MAX));
    }
    match bytes.split_first() {
        Some((&WIRE_VERSION, body)) => codec::decode(body, MESSAGE_BYTES_MAX),
        Some(_) | None => Err(CodecError::Malformed),
    }
}
