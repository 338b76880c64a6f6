//! What the driver works on, as narrow traits: the log, the network, the clock, the keys.
//!
//! [`memory`] has the ports that live in memory, for tests and for a world that is simulated; the
//! driver cannot tell the difference.

mod appending;
mod durable;
pub mod memory;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use folkmoot_core::command::Shortage;
use folkmoot_core::id::MemberId;
use folkmoot_core::key::OwnSignature;
use folkmoot_core::record::{self, Stored};
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};

use crate::net::{NetCommand, NetGone, NetHandle};
use crate::store::{Seq, Snapshot, StoreError};

pub use appending::Appending;
pub use durable::{RESERVE_BYTES, StoreLog};

/// The durable log, as its one writer sees it.
pub trait Log: Send {
    /// Makes records durable, all or none, and gives the number of the last one of the log.
    ///
    /// # Errors
    ///
    /// After one it is unknown whether they are in the log; nothing more may be written.
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError>;

    /// Begins to make records durable, and answers later. Until then nothing else is written: what
    /// is begun is waited for before the next call of a function that writes. A log that has no
    /// thread of its own answers at once.
    fn begin_append(&mut self, records: Vec<Vec<u8>>) -> Appending {
        Appending::done(self.append(&records))
    }

    /// Notes how far the log has come, at most once a second; says whether it did.
    ///
    /// # Errors
    ///
    /// As [`Log::append`].
    fn mark(&mut self, now: MonoMillis) -> Result<bool, StoreError>;

    /// Whether the disk has less space left than is kept in reserve. Own ops are not signed then:
    /// what is signed has to be stored.
    fn shortage(&self) -> Option<Shortage>;

    /// Keeps a state to start from. A failure costs time at the next start, and nothing else. The
    /// work may go on in the background; a state is passed over while it does.
    fn save_snapshot(&mut self, snapshot: Snapshot);

    /// Ends the log cleanly, with a last state to start from, where one is given.
    ///
    /// # Errors
    ///
    /// When the last mark could not be written.
    fn close(self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError>;

    /// Where stored ops are read from, by any thread.
    fn bodies(&self) -> Arc<dyn Bodies>;
}

/// The bytes of stored ops.
pub trait Bodies: Send + Sync {
    /// The bytes of an op as they were received.
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or its record does not hold this op.
    fn body(&self, stored: &Stored) -> Result<Vec<u8>, StoreError>;

    /// The bytes of ops, each read when it is asked for: [`Bodies::body`] of one after the other,
    /// for less where they stand together.
    fn each<'a>(&'a self, ops: &'a [Stored]) -> EachBody<'a> {
        Box::new(ops.iter().map(|stored| self.body(stored)))
    }
}

/// The answer of [`Bodies::each`].
pub type EachBody<'a> = Box<dyn Iterator<Item = Result<Vec<u8>, StoreError>> + 'a>;

/// The bytes of an op out of its record.
fn body_in(record: &[u8], stored: &Stored) -> Result<Vec<u8>, StoreError> {
    let bytes = record::op_bytes(record, &stored.op).map_err(|error| StoreError::Damaged {
        what: format!("record {}: {error}", stored.record),
    });
    bytes.map(<[u8]>::to_vec)
}

/// The way to the network.
pub trait Net: Send + Sync {
    /// Hands over one order. Returns soon, whatever the other parts of the node do.
    ///
    /// # Errors
    ///
    /// [`NetGone`] when the network has ended, and the node with it.
    fn send(&self, command: NetCommand) -> Result<(), NetGone>;
}

impl Net for NetHandle {
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        Self::send(self, command)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time. Its monotonic half never goes back.
    fn now(&self) -> Now;
}

/// The clocks of this machine; monotonic time is counted from the creation of this value.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[expect(clippy::new_without_default, reason = "a default that reads a clock would surprise")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let mono = self.started.elapsed().as_millis();
        // A clock before 1970 is wrong; the reducer takes any value.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Now {
            mono: MonoMillis(u64::try_from(mono).unwrap_or(u64::MAX)),
            unix: UnixMillis(u64::try_from(unix).unwrap_or(u64::MAX)),
        }
    }
}

/// The private keys of the members that this node acts for. They never enter the reducer.
pub trait Signer: Send + Sync + 'static {
    /// The signature of `member` over a digest; `None` when the key is not here. Holds up the
    /// driver: keys are in memory.
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature>;
}

/// Locks a mutex; a panic elsewhere does not make plain data unusable.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
