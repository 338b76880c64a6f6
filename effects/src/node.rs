//! A running node: its parts put together, and the handle by which programs use it.
//!
//! The node ends as a whole: the first part that ends takes the others with it, in an order that
//! loses nothing that was received (see [`NodeExit`]).

mod config;
mod error;
mod exit;
mod handle;
mod import;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::runtime::Handle;
use zeroize::Zeroize;

use crate::driver::{self, Driver, Executor, ExecutorConfig, INBOX_MAX, Message, Recovered};
use crate::ingress::{self, Book, Helper, Ingress, Queue};
use crate::net::{self, NetConfig, NetEvent, NetHandle};
use crate::perform::{Asked, Charges, NoticeBoard, Outside, Performer, Serving, serve_pages};
use crate::ports::{Bodies, Clock, Log, Net, StoreLog, SystemClock};
use crate::recorder::Recorder;
use crate::store::{BootId, Home, Opened, Store};

pub use crate::perform::{Heard, Noticed, Notices};
pub use crate::ports::Signer;
pub use config::NodeConfig;
pub use error::{ExitClass, NodeError};
pub use exit::NodeExit;
pub use handle::{AskError, Gone, NodeHandle};
pub use import::ImportReport;

use exit::{DRIVER, INGRESS, Parts};

/// Events of the network that may wait for the ingress.
const NET_EVENTS_MAX: usize = 256;

/// Starts a node. To be called inside a runtime, whose threads drive the network; it blocks while
/// the log is read.
///
/// `transport_secret` is the ed25519 seed by which peers know this node.
///
/// # Errors
///
/// [`NodeError`] when the data folder cannot be used, an address not be listened on, or a thread
/// not be had. Nothing runs then.
pub fn start(
    config: NodeConfig,
    keys: Arc<dyn Signer>,
    mut transport_secret: [u8; 32],
) -> Result<(NodeHandle, NodeExit), NodeError> {
    let started = try_start(config, keys, transport_secret);
    transport_secret.zeroize();
    started
}

fn try_start(
    config: NodeConfig,
    keys: Arc<dyn Signer>,
    transport_secret: [u8; 32],
) -> Result<(NodeHandle, NodeExit), NodeError> {
    let boot = new_boot()?;
    let seed = random()?;
    let (store, recovered) = open(&config, boot)?;
    let reader = store.reader();
    let recorder = config.record.then(|| open_recorder(&config, boot)).flatten();

    let (events, received) = sync_channel::<NetEvent>(NET_EVENTS_MAX);
    let net = net::spawn(&net_config(&config), transport_secret, events, &Handle::current())?;
    let (inbox, messages) = sync_channel::<Message>(INBOX_MAX);
    let log = Box::new(StoreLog::new(store).with_reserve(config.reserve_bytes));
    let ingress = Ingress {
        asked: Asked::default(),
        charges: Charges::default(),
        book: Book::default(),
        net: Arc::new(net.clone()),
    };
    let notices = NoticeBoard::default();
    let entrance = notices.entrance();

    let mut parts = Parts::new();
    let outside = Outside {
        net: Arc::new(net.clone()),
        bodies: log.bodies(),
        keys,
        serving: Some(spawn_pages(&mut parts, log.bodies(), &net)?),
        asked: ingress.asked.clone(),
        charges: ingress.charges.clone(),
        notices,
    };
    let (taking, to_driver, queue) = (ingress.clone(), inbox.clone(), Arc::new(Queue::default()));
    let helper = Helper::new(ingress.clone(), Arc::clone(&queue));
    parts.spawn(INGRESS, move || {
        ingress::run(&taking, &queue, ingress::workers_count(), (&received, &to_driver));
        Ok(())
    })?;
    let clock = Arc::new(SystemClock::new());
    let performer = Performer::new(outside);
    let snapshot_every = config.snapshot_every;
    let setup = ExecutorConfig { log, performer, recorder, snapshot_every };
    let driver = Driver::new(
        Executor::new(recovered, setup),
        messages,
        Arc::clone(&clock) as Arc<dyn Clock>,
    )
    .with_helper(helper);
    let (peer, settings) = (net.local_peer(), config.settings);
    parts.spawn(DRIVER, move || Ok(driver.run(seed, peer, settings)?))?;

    let (exit, ending) = parts.watch(net.clone(), inbox.clone(), config.dial);
    let Ingress { asked, charges, book, .. } = ingress;
    let notices = entrance;
    let handle = NodeHandle { inbox, reader, notices, book, asked, charges, net, clock, ending };
    Ok((handle, exit))
}

/// Claims the data folder, opens the log, and folds it.
fn open(config: &NodeConfig, boot: BootId) -> Result<(Store, Recovered), NodeError> {
    let known: Vec<&str> = config.known_files.iter().map(String::as_str).collect();
    let home = Home::claim(&config.home, &known)?;
    let (store, opened, recovered) = driver::open(home, boot)?;
    let Opened { head, created, clean, torn_bytes, .. } = opened;
    tracing::info!(
        records = head.seq,
        snapshot = recovered.snapshot_seq,
        created,
        clean,
        torn_bytes,
        "log folded"
    );
    Ok((store, recovered))
}

/// A recorder that cannot record is no reason not to start.
fn open_recorder(config: &NodeConfig, boot: BootId) -> Option<Recorder> {
    let dir = config.home.join("recording");
    match Recorder::open(&dir, config.recording, boot) {
        Ok(recorder) => Some(recorder),
        Err(error) => {
            tracing::warn!(%error, dir = %dir.display(), "not recording");
            None
        }
    }
}

fn net_config(config: &NodeConfig) -> NetConfig {
    let NodeConfig { listen, quic, mdns, wide, .. } = config.clone();
    NetConfig { listen, quic, mdns, wide, ..NetConfig::default() }
}

fn spawn_pages(
    parts: &mut Parts,
    bodies: Arc<dyn Bodies>,
    net: &NetHandle,
) -> Result<Serving, NodeError> {
    let (serving, tasks) = Serving::new();
    let net: Arc<dyn Net> = Arc::new(net.clone());
    parts.spawn("pages", move || {
        serve_pages(&tasks, bodies.as_ref(), net.as_ref());
        Ok(())
    })?;
    Ok(serving)
}

/// A name for this run.
pub(crate) fn new_boot() -> Result<BootId, NodeError> {
    random()
}

fn random<const N: usize>() -> Result<[u8; N], NodeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NodeError::Random(error.to_string()))?;
    Ok(bytes)
}
