//! Ports that live in memory. Clones share what they hold, so that a test or a simulated disk keeps
//! it when the driver is gone.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use folkmoot_core::command::Shortage;
use folkmoot_core::record::Stored;
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};

use super::{Bodies, Clock, Log, Net, body_in, locked};
use crate::driver::{RecoverError, Recovered, recover_from};
use crate::net::{NetCommand, NetGone};
use crate::store::{Seq, Snapshot, StoreError};

/// A log in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(Arc<Mutex<Rows>>);

/// What a [`MemoryLog`] holds.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The records, in order; the first has number 1.
    pub records: Vec<Vec<u8>>,
    /// The newest state to start from.
    pub snapshot: Option<Snapshot>,
    /// How many batches were appended.
    pub append_count: u64,
    /// How often the log was marked.
    pub mark_count: u64,
    /// Whether it was closed in order.
    pub is_closed: bool,
    /// What the log says of the space on its disk.
    pub shortage: Option<Shortage>,
    /// Appends fail from now on, as on a full disk.
    pub is_full: bool,
}

impl MemoryLog {
    /// Looks at the rows, or changes them behind the driver's back.
    pub fn with<T>(&self, look: impl FnOnce(&mut Rows) -> T) -> T {
        look(&mut locked(&self.0))
    }

    /// The state that the log folds to, as at a start.
    ///
    /// # Errors
    ///
    /// When a record was damaged behind the driver's back.
    pub fn recover(&self) -> Result<Recovered, RecoverError> {
        let Rows { records, snapshot, .. } = self.with(|rows| rows.clone());
        let behind = |seq: Seq| Ok((1..).zip(records).filter(move |(at, _)| *at >= seq).map(Ok));
        recover_from(snapshot, behind)
    }
}

impl Log for MemoryLog {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        self.with(|rows| {
            if rows.is_full {
                return Err(StoreError::Full { what: "append a batch to the log".to_owned() });
            }
            rows.records.extend_from_slice(records);
            rows.append_count += 1;
            Ok(rows.records.len() as u64)
        })
    }

    fn mark(&mut self, _: MonoMillis) -> Result<bool, StoreError> {
        self.with(|rows| rows.mark_count += 1);
        Ok(true)
    }

    fn shortage(&self) -> Option<Shortage> {
        self.with(|rows| rows.shortage)
    }

    fn save_snapshot(&mut self, snapshot: Snapshot) {
        self.with(|rows| rows.snapshot = Some(snapshot));
    }

    fn close(self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError> {
        self.with(|rows| {
            rows.is_closed = true;
            if last.is_some() {
                rows.snapshot = last;
            }
        });
        Ok(())
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(self.clone())
    }
}

impl Bodies for MemoryLog {
    fn body(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        let at = stored.record.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let record = self.with(|rows| rows.records.get(at?).cloned());
        body_in(&record.unwrap_or_default(), stored)
    }
}

/// A network that notes its orders.
#[derive(Clone, Debug, Default)]
pub struct MemoryNet(Arc<Mutex<Vec<NetCommand>>>);

impl MemoryNet {
    /// Takes the orders so far, in order.
    pub fn take(&self) -> Vec<NetCommand> {
        mem::take(&mut locked(&self.0))
    }
}

impl Net for MemoryNet {
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        locked(&self.0).push(command);
        Ok(())
    }
}

/// A clock that is moved by hand; both its halves show the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryClock(Arc<AtomicU64>);

impl MemoryClock {
    /// Moves the clock on, in milliseconds.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for MemoryClock {
    fn now(&self) -> Now {
        let ms = self.0.load(Ordering::Relaxed);
        Now { mono: MonoMillis(ms), unix: UnixMillis(ms) }
    }
}
