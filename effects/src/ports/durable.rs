//! The log on the disk, with threads for what its driver need not wait for.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use folkmoot_core::command::Shortage;
use folkmoot_core::record::Stored;
use folkmoot_core::time::MonoMillis;

use super::{Appending, Bodies, EachBody, Log, body_in, locked};
use crate::store::{Reader, Seq, Snapshot, Store, StoreError};

/// Bytes of the disk that are kept in reserve, unless configured: two of the largest runs, and
/// what peers may add meanwhile.
pub const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// A [`Store`] as the driver's log.
pub struct StoreLog {
    store: Arc<Mutex<Store>>,
    reader: Reader,
    reserve_bytes: u64,
    writer: Option<Worker<Order>>,
    saver: Option<Worker<Snapshot>>,
}

/// Records to be written, and where the answer goes.
type Order = (Vec<Vec<u8>>, SyncSender<Result<Seq, StoreError>>);

/// A thread that takes orders of one kind.
struct Worker<T> {
    orders: SyncSender<T>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Worker<T> {
    /// A thread for which so many orders may wait; without one, the caller has to do their work.
    fn spawn(name: &str, room: usize, mut work: impl FnMut(T) + Send + 'static) -> Option<Self> {
        let (orders, taken) = sync_channel(room);
        let run = move || taken.iter().for_each(&mut work);
        match thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(thread) => Some(Self { orders, thread }),
            Err(error) => {
                tracing::warn!(%error, name, "a thread is missing: the node is slower without it");
                None
            }
        }
    }

    /// Waits until what was ordered is done.
    fn finish(self) {
        let Self { orders, thread } = self;
        drop(orders);
        if thread.join().is_err() {
            tracing::warn!("a thread of the log failed: the next start may take longer");
        }
    }
}

impl StoreLog {
    /// A log on `store`.
    pub fn new(store: Store) -> Self {
        let reader = store.reader();
        let store = Arc::new(Mutex::new(store));
        // A log that is dropped is closed at once, as if its process had died.
        let written = Arc::downgrade(&store);
        let write = move |(records, answer): Order| {
            if let Some(store) = written.upgrade() {
                // Whoever does not wait for it has ended.
                drop(answer.send(locked(&store).append(&records)));
            }
        };
        let saved = reader.clone();
        Self {
            store,
            reader,
            reserve_bytes: RESERVE_BYTES,
            writer: Worker::spawn("folkmoot-log", 1, write),
            // A sync of a large file must not delay a commit. Without room: an order is taken by a
            // thread that waits for one, or not at all.
            saver: Worker::spawn("folkmoot-snapshot", 0, move |snapshot| save(&saved, &snapshot)),
        }
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
        locked(&self.store).append(records)
    }

    fn begin_append(&mut self, records: Vec<Vec<u8>>) -> Appending {
        let Some(writer) = &self.writer else { return Appending::done(self.append(&records)) };
        let (answer, appending) = Appending::coming();
        // A thread that is gone leaves the way back without a sender, which is an answer.
        drop(writer.orders.send((records, answer)));
        appending
    }

    fn mark(&mut self, now: MonoMillis) -> Result<bool, StoreError> {
        locked(&self.store).mark(now.0)
    }

    fn shortage(&self) -> Option<Shortage> {
        let reserve_bytes = self.reserve_bytes;
        if reserve_bytes == 0 {
            return None;
        }
        let free_bytes = locked(&self.store).free_bytes()?;
        (free_bytes < reserve_bytes).then_some(Shortage { free_bytes, reserve_bytes })
    }

    fn save_snapshot(&mut self, snapshot: Snapshot) {
        let seq = snapshot.seq;
        if self.saver.as_ref().is_none_or(|saver| saver.orders.try_send(snapshot).is_err()) {
            tracing::debug!(seq, "snapshot passed over: the one before is being written");
        }
    }

    fn close(self: Box<Self>, last: Option<Snapshot>) -> Result<(), StoreError> {
        let Self { store, reader, writer, saver, .. } = *self;
        writer.into_iter().for_each(Worker::finish);
        saver.into_iter().for_each(Worker::finish);
        if let Some(snapshot) = last {
            save(&reader, &snapshot);
        }
        // The thread that shared it has ended.
        let store = Arc::into_inner(store).ok_or(StoreError::Poisoned)?;
        store.into_inner().map_err(|_| StoreError::Poisoned)?.close()
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(self.reader.clone())
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
