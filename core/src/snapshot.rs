//! The whole state as bytes: to start from without the log, and to replay a recording from.

use crate::codec;
use crate::governance::archive::{Archive, ArchiveError};
use crate::governance::invitation::Invitation;
use crate::id::{MemberId, NamespaceId};
use crate::join::JoinJob;
use crate::state::{Durable, Namespace, State, Volatile};
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Schema of the snapshots that this version writes and reads. A snapshot is disposable: one of
/// another schema is passed over, and the log read from its beginning. It holds judgements, so it
/// changes with the roots of rows, as records do.
const SCHEMA: u8 = 4;

/// Why a snapshot is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Of another version.
    #[error("the snapshot is of schema {0}, this version reads {SCHEMA}")]
    Schema(u8),
    /// Not a snapshot.
    #[error("the snapshot does not decode")]
    Malformed,
    /// What it holds does not fit together.
    #[error("the snapshot contradicts itself: {0}")]
    Contradiction(#[from] ArchiveError),
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Stored {
    records: u64,
    namespaces: Vec<StoredNamespace>,
    volatile: Volatile,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct StoredNamespace {
    namespace: NamespaceId,
    me: MemberId,
    is_open: bool,
    space: Archive,
    parked: Vec<Vec<u8>>,
    issued: Vec<Invitation>,
    join: Option<JoinJob>,
    addresses: Vec<String>,
}

/// The state as bytes, without caches.
pub fn save(state: &State) -> Vec<u8> {
    let namespaces = state.durable.namespaces.iter();
    let stored = Stored {
        records: state.durable.records,
        namespaces: namespaces.map(|(id, known)| StoredNamespace::of(*id, known)).collect(),
        volatile: state.volatile.clone(),
    };
    let mut bytes = alloc::vec![SCHEMA];
    codec::encode_into(&stored, &mut bytes);
    bytes
}

/// The state that was saved.
///
/// # Errors
///
/// [`SnapshotError`]: start from something else.
pub fn load(bytes: &[u8]) -> Result<State, SnapshotError> {
    let stored: Stored = match bytes.split_first() {
        Some((&SCHEMA, rest)) => codec::decode_own(rest).map_err(|_| SnapshotError::Malformed)?,
        Some((other, _)) => return Err(SnapshotError::Schema(*other)),
        None => return Err(SnapshotError::Malformed),
    };
    let mut durable = Durable { records: stored.records, ..Durable::default() };
    for namespace in stored.namespaces {
        let id = namespace.namespace;
        durable.namespaces.insert(id, namespace.restore()?);
    }
    Ok(State { durable, volatile: stored.volatile })
}

impl StoredNamespace {
    fn of(namespace: NamespaceId, known: &Namespace) -> Self {
        Self {
            namespace,
            me: known.me,
            is_open: known.is_open,
            space: known.space.archive(),
            parked: known.parked.clone(),
            issued: known.issued.clone(),
            join: known.join.clone(),
            addresses: known.addresses.clone(),
        }
    }

    fn restore(self) -> Result<Namespace, ArchiveError> {
        Ok(Namespace {
            me: self.me,
            is_open: self.is_open,
            space: self.space.restore()?,
            parked: self.parked,
            issued: self.issued,
            join: self.join,
            addresses: self.addresses,
        })
    }
}

#[cfg(test)]
mod tests;
