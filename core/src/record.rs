//! Records of the log: a schema number, then the event. The bytes of ops are kept apart, by id.

use crate::codec;
use crate::event::Event;
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::judged::Judged;
use crate::id::{MemberId, NamespaceId, OpId};
use crate::limits::OP_BYTES_MAX;
use crate::signed::{SignedOp, from_own_log};
use crate::time::UnixMillis;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Schema of the records that this version writes.
pub const SCHEMA: u8 = 1;
/// Largest record in bytes; the parts of a record are bounded one by one.
const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Schema and event, without the bytes of its op.
    pub bytes: Vec<u8>,
    /// The op's bytes, by its id, where the event stores one.
    pub body: Option<(OpId, Vec<u8>)>,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("the log has records of schema {0}, newer than this version reads: upgrade it")]
    Newer(u8),
    /// No record of any schema.
    #[error("a record of the log does not decode")]
    Malformed,
    /// The op that it names is not stored, or is another.
    #[error("the bytes of op {0} are missing from the store, or altered")]
    Body(OpId),
}

/// [`Event`] with the op's id in the place of its bytes.
#[derive(BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum Stored {
    NamespaceOpened {
        namespace: NamespaceId,
        me: MemberId,
    } = 0,
    NamespaceClosed {
        namespace: NamespaceId,
    } = 1,
    OpAccepted {
        namespace: NamespaceId,
        op: OpId,
        inner_valid: bool,
        judged: Judged,
    } = 2,
    OpParked {
        namespace: NamespaceId,
        bytes: Vec<u8>,
    } = 3,
    InvitationIssued {
        namespace: NamespaceId,
        invitation: Box<Invitation>,
    } = 4,
    /// Read and never written: its deadline was not kept.
    JoinStarted {
        namespace: NamespaceId,
        request: Box<JoinRequest>,
        addresses: Vec<String>,
    } = 5,
    JoinEnded {
        namespace: NamespaceId,
        op: Option<OpId>,
    } = 6,
    JoinStartedAt {
        namespace: NamespaceId,
        request: Box<JoinRequest>,
        addresses: Vec<String>,
        started: UnixMillis,
        within_ms: u64,
    } = 7,
}

/// The record of an event.
pub fn encode(event: &Event) -> Record {
    let (stored, body) = match event.clone() {
        Event::NamespaceOpened { namespace, me } => {
            (Stored::NamespaceOpened { namespace, me }, None)
        }
        Event::NamespaceClosed { namespace } => (Stored::NamespaceClosed { namespace }, None),
        Event::OpAccepted { namespace, op, judged } => {
            let body = (op.id, codec::encode(&op.signed));
            let inner_valid = op.inner_valid;
            (Stored::OpAccepted { namespace, op: op.id, inner_valid, judged }, Some(body))
        }
        Event::OpParked { namespace, bytes } => (Stored::OpParked { namespace, bytes }, None),
        Event::InvitationIssued { namespace, invitation } => {
            (Stored::InvitationIssued { namespace, invitation }, None)
        }
        Event::JoinStarted { namespace, request, addresses, started, within_ms } => {
            (Stored::JoinStartedAt { namespace, request, addresses, started, within_ms }, None)
        }
        Event::JoinEnded { namespace, op } => (Stored::JoinEnded { namespace, op }, None),
    };
    let mut bytes = alloc::vec![SCHEMA];
    codec::encode_into(&stored, &mut bytes);
    Record { bytes, body }
}

/// Reads a record; `body` finds the bytes of an op by its id.
///
/// # Errors
///
/// [`RecordError`]: the log is newer than this version, or damaged.
pub fn decode(
    bytes: &[u8],
    mut body: impl FnMut(&OpId) -> Option<Vec<u8>>,
) -> Result<Event, RecordError> {
    let stored = match bytes.split_first() {
        Some((&SCHEMA, rest)) => codec::decode::<Stored>(rest, RECORD_BYTES_MAX),
        Some((newer, _)) if *newer > SCHEMA => return Err(RecordError::Newer(*newer)),
        Some(_) | None => return Err(RecordError::Malformed),
    };
    Ok(match stored.map_err(|_| RecordError::Malformed)? {
        Stored::NamespaceOpened { namespace, me } => Event::NamespaceOpened { namespace, me },
        Stored::NamespaceClosed { namespace } => Event::NamespaceClosed { namespace },
        Stored::OpAccepted { namespace, op: id, inner_valid, judged } => {
            let bytes = body(&id).ok_or(RecordError::Body(id))?;
            let signed: SignedOp =
                codec::decode(&bytes, OP_BYTES_MAX).map_err(|_| RecordError::Body(id))?;
            let op = from_own_log(signed, inner_valid).map_err(|_| RecordError::Body(id))?;
            if op.id != id {
                return Err(RecordError::Body(id));
            }
            Event::OpAccepted { namespace, op, judged }
        }
        Stored::OpParked { namespace, bytes } => Event::OpParked { namespace, bytes },
        Stored::InvitationIssued { namespace, invitation } => {
            Event::InvitationIssued { namespace, invitation }
        }
        Stored::JoinStarted { namespace, request, addresses } => {
            let (started, within_ms) = (UnixMillis(0), u64::MAX);
            Event::JoinStarted { namespace, request, addresses, started, within_ms }
        }
        Stored::JoinStartedAt { namespace, request, addresses, started, within_ms } => {
            Event::JoinStarted { namespace, request, addresses, started, within_ms }
        }
        Stored::JoinEnded { namespace, op } => Event::JoinEnded { namespace, op },
    })
}

#[cfg(test)]
mod tests;
