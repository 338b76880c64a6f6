//! Messages between nodes. Everything a peer sends is one of these, or is refused.

use crate::bounded::Bounded;
use crate::codec::{self, CodecError};
use crate::governance::invitation::JoinRequest;
use crate::governance::verdict::VoidAtCut;
use crate::id::{NamespaceId, OpId};
use crate::limits::{HEADS_MAX, OP_BYTES_MAX, PAGE_OPS_MAX};
use alloc::boxed::Box;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Version of the messages, their first byte.
pub const WIRE_VERSION: u8 = 1;
/// Largest message in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one signed op, not yet judged.
pub type OpBytes = Bounded<u8, OP_BYTES_MAX>;
/// Heads, complete: they are never truncated (GOV-21).
pub type Heads = Bounded<OpId, HEADS_MAX>;

/// What is published on the topic of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Gossip {
    /// A new op.
    Op(OpBytes) = 0,
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
    } = 0,
    /// "Send me these ops and what is behind them, as far as I lack it."
    Fetch {
        /// In which namespace.
        namespace: NamespaceId,
        /// The ops wanted.
        want: Heads,
        /// Heads of what the asker has.
        have: Heads,
        /// The last op of the page before, to go on behind it.
        after: Option<OpId>,
    } = 1,
    /// "Let me in" (NET-25).
    Join {
        /// The invitation with the joiner's consent.
        request: Box<JoinRequest>,
    } = 2,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Response {
    /// To `Heads`: mine.
    Heads(Heads) = 0,
    /// To `Fetch`: a page in topological order.
    Ops {
        /// The page.
        ops: Bounded<OpBytes, PAGE_OPS_MAX>,
        /// Whether more follow behind the last one.
        more: bool,
    } = 1,
    /// To `Join`: the witness's op, admitted there.
    Joined(OpBytes) = 2,
    /// The request cannot be served.
    Refused(Refused) = 3,
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Refused {
    /// This node does not take part in the namespace.
    UnknownNamespace = 0,
    /// Not now: too much to do.
    Busy = 1,
    /// The invitation has expired by the witness's clock.
    Expired = 2,
    /// The op that would admit the joiner would be void.
    NotAdmitted(VoidAtCut) = 3,
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
