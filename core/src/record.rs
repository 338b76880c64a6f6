//! Records of the log: a schema number, then the event, with the bytes of its op.

use crate::codec;
use crate::event::Event;
use crate::id::{NamespaceId, OpId};
use crate::signed::SignedOp;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Schema of the records that this version writes and reads. It changes with the roots of rows too,
/// since the judgement in a record was made with them (A9).
pub const SCHEMA: u8 = 3;
/// Largest record in bytes; the parts of a record are bounded one by one.
const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Room for what a record usually holds beside the payload of an op.
const SMALL_BYTES: usize = 192;
/// The discriminant of [`Event::OpAccepted`].
const OP_ACCEPTED: u8 = 2;

/// A stored op, and the record that holds its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stored {
    /// The op.
    pub op: OpId,
    /// The number of its record in the log; the first is 1.
    pub record: u64,
}

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Of another version.
    #[error("it is of schema {0}, and this program reads schema {SCHEMA} only")]
    Schema(u8),
    /// No record of this schema.
    #[error("it does not decode")]
    Malformed,
    /// It does not hold this op.
    #[error("it does not hold op {0}")]
    OtherOp(OpId),
}

/// The record of an event.
pub fn encode(event: &Event) -> Vec<u8> {
    let op_bytes =
        if let Event::OpAccepted { op, .. } = event { op.signed.payload.len() } else { 0 };
    let mut bytes = Vec::with_capacity(op_bytes + SMALL_BYTES);
    bytes.push(SCHEMA);
    codec::encode_into(event, &mut bytes);
    bytes
}

/// Reads a record of the own log, whose ops were verified before they were written.
///
/// # Errors
///
/// [`RecordError`]: the log is of another version, or damaged.
pub fn decode(record: &[u8]) -> Result<Event, RecordError> {
    codec::decode(event_of(record)?, RECORD_BYTES_MAX).map_err(|_| RecordError::Malformed)
}

/// The bytes of an op inside the record that stored it, as they were received. What stands behind
/// them is not looked at.
///
/// # Errors
///
/// [`RecordError`]: another record, or a damaged one.
pub fn op_bytes<'a>(record: &'a [u8], op: &OpId) -> Result<&'a [u8], RecordError> {
    let other = RecordError::OtherOp(*op);
    let mut rest = event_of(record)?.strip_prefix(&[OP_ACCEPTED]).ok_or(other)?;
    codec::decode_next::<NamespaceId>(&mut rest).map_err(|_| RecordError::Malformed)?;
    let (id, bytes) = SignedOp::first_in(rest).ok_or(RecordError::Malformed)?;
    if id == *op { Ok(bytes) } else { Err(other) }
}

fn event_of(record: &[u8]) -> Result<&[u8], RecordError> {
    match record.split_first() {
        Some((&SCHEMA, event)) => Ok(event),
        Some((other, _)) => Err(RecordError::Schema(*other)),
        None => Err(RecordError::Malformed),
    }
}

#[cfg(test)]
mod tests;
