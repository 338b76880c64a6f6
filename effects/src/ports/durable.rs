//! The log on the disk, with snapshots written in the background.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use folkmoot_core::command::Shortage;
use folkmoot_core::record::Stored;
use folkmoot_core::time::MonoMillis;

use super::{Bodies, EachBody, Log, body_in};
use crate::store::{Reader, Seq, Snapshot, Store, StoreError};

/// Bytes of the disk that are kept in reserve, unless configured: two of the largest runs, and
/// what peers may add meanwhile.
pub const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// A [`Store`] as the driver's log.
pub struct StoreLog {
    store: Store,
    reserve_bytes: u64,
    saver: Option<Saver>,
}

/// The thread that writes snapshots: a sync of a large file must not delay a commit.
struct Saver {
    orders: SyncSender<Snapshot>,
    thread: JoinHandle<()>,
}

impl StoreLog {
    /// A log on `store`. Where no thread can be had, snapshots are only kept at the end.
    pub fn new(store: Store) -> Self {
        // Without room: an order is taken by a thread that waits for one, or not at all.
        let (orders, snapshots) = sync_channel::<Snapshot>(0);
        let reader = store.reader();
        let save_all = move || snapshots.iter().for_each(|snapshot| save(&reader, &snapshot));
        let builder = thread::Builder::new().name("folkmoot-snapshot".to_owned());
        let saver = match builder.spawn(save_all) {
            Ok(thread) => Some(Saver { orders, thread }),
            Err(error) => {
                tracing::warn!(%error, "no thread for snapshots: the next start may take longer");
                None
            }
        };
        Self { store, reserve_bytes: RESERVE_BYTES, saver }
    }

    /// The same, with another reserve of the disk; 0 for none.
    #[must_use]
    pub fn with_reserve(mut self, reserve_bytes: u64) -> Self {
        self.reserve_bytes = reserve_bytes;
        self
    }
}

impl Log for StoreLog {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Seq, StoreError> {
        self.store.append(records)
    }

    fn mark(&mut self, now: MonoMillis) -> Result<bool, StoreError> {
        self.store.mark(now.0)
    }

    fn shortage(&self) -> Option<Shortage> {
        let reserve_bytes = self.reserve_bytes;
        if reserve_bytes == 0 {
            return None;
        }
        let free_bytes = self.store.free_bytes()?;
        (free_bytes < reserve_bytes).then_some(Shortage { free_bytes, reserve_bytes })
    }

    fn save_snapshot(&mut self, snapshot: Snapshot) {
        let seq = snapshot.seq;
        if self.saver.as_ref().is_none_or(|saver| saver.orders.try_send(snapshot).is_err()) {
            tracing::debug!(seq, "snapshot passed over: the one before is being written");
        }
    }

    fn close(mut self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError> {
        if let Some(Saver { orders, thread }) = self.saver.take() {
            drop(orders);
            if thread.join().is_err() {
                tracing::warn!("the thread for snapshots failed: the next start may take longer");
            }
        }
        if let Some(snapshot) = last {
            save(&self.store.reader(), &snapshot);
        }
        self.store.close()
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(self.store.reader())
    }
}

impl Bodies for Reader {
    fn body(&self, stored: &Stored) -> Result<Vec<u8>, StoreError> {
        body_in(self.lookup().record(stored.record)?, stored)
    }

    fn each<'a>(&'a self, ops: &'a [Stored]) -> EachBody<'a> {
        let mut lookup = self.lookup();
        Box::new(ops.iter().map(move |stored| body_in(lookup.record(stored.record)?, stored)))
    }
}

fn save(reader: &Reader, snapshot: &Snapshot) {
    let Snapshot { seq, body } = snapshot;
    match reader.save_snapshot(*seq, |file| file.write_all(body)) {
        Ok(()) => tracing::debug!(seq, bytes = body.len(), "snapshot saved"),
        Err(error) => tracing::warn!(seq, %error, "snapshot not saved; the log is not affected"),
    }
}
