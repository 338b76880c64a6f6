//! The running node: start, serve, stop; in the foreground or detached.

mod detached;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_core::id::MemberId;
use folkmoot_core::key::OwnSignature;
use folkmoot_effects::net::NetError;
use folkmoot_effects::node::{self, ExitClass, NodeConfig, NodeError, NodeHandle, Signer};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::call::Cx;
use crate::config::Config;
use crate::delivery::Wanted;
use crate::errors::{Class, Failure};
use crate::home::{self, KNOWN, LOCK, PID, SOCKET};
use crate::keys::Keystore;
use crate::port;
use crate::render::{Page, Show, Tone};
use crate::server;
use folkmoot_core::state::State;

pub use detached::{detach, is_detached, settle_detached};

/// How long a start waits to learn where the node can be reached.
const ADDRESSES_WITHIN: Duration = Duration::from_secs(2);
/// How long open connections of the API may take to end.
const DRAIN: Duration = Duration::from_secs(2);
/// How often something is looked at again.
const POLL: Duration = Duration::from_millis(20);

impl Signer for Keystore {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        Self::sign(self, member, message)
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        if let NodeError::Net(NetError::Listen { .. }) = error {
            return Self::new(Class::Failed, "cannot-listen", error.to_string()).hint(
                "the node that has the port may be one of yours: `moot status` at its --home",
            );
        }
        if error.is_other_format() {
            return Self::new(Class::Damaged, "other-format", error.to_string());
        }
        let (class, code) = match error.class() {
            ExitClass::Damaged => (Class::Damaged, "data-damaged"),
            ExitClass::InUse => (Class::InUse, "data-in-use"),
            ExitClass::Storage => (Class::Storage, "storage-failed"),
            ExitClass::Other => (Class::Failed, "node-failed"),
        };
        Self::new(class, code, error.to_string())
    }
}

/// A node that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Its transport key.
    pub peer: String,
    /// Its data folder.
    pub home: PathBuf,
    /// Its process.
    pub pid: u32,
    /// Where it can be reached.
    pub addresses: Vec<String>,
}

impl Show for Ready {
    fn show(&self, page: &mut Page) {
        let place = self.addresses.first().map_or("no address", String::as_str);
        page.put(Tone::Good, "ready");
        page.put(Tone::Plain, &format!(": node in {}, on {place}", self.home.display())).end();
    }
}

/// Runs a node until it is told to stop or ends. `ready` is called when it serves.
///
/// # Errors
///
/// Why it did not start, or ended by itself.
pub async fn run(
    home: &Path,
    config: Config,
    ready: impl FnOnce(&Ready) -> Result<(), Failure>,
) -> Result<(), Failure> {
    home::prepare(home)?;
    let keys = Arc::new(Keystore::open(home)?);
    let secret = keys.transport()?;
    let signer: Arc<dyn Signer> = keys.clone();
    // From here on the folder is locked, and ours.
    let (node, exit) = node::start(node_config(home, config), signer, *secret)?;
    let mut ended = pin!(exit.wait());

    let stop = Arc::new(Notify::new());
    let cx = Cx {
        node: node.clone(),
        keys,
        stop: Arc::clone(&stop),
        ns: None,
        wanted: Wanted::default(),
    };
    let (drain, drained) = watch::channel(());
    let serving = match serve(home, &cx, drained) {
        Ok(serving) => serving,
        Err(failure) => {
            vacate(home);
            node.shutdown().await;
            return Err(failure);
        }
    };
    let served = async {
        note_identities(&cx).await?;
        ready(&announce(home, &node).await)?;
        wait_for_stop(&stop).await
    };
    let first = tokio::select! {
        result = ended.as_mut() => Err(result),
        told = served => Ok(told),
    };
    // While the folder is ours, but where the node ended by itself: it may soon be another's.
    vacate(home);
    let result = match first {
        Err(result) => result.map_err(Failure::from),
        Ok(told) => {
            tracing::info!("stopping");
            node.shutdown().await;
            told.and(ended.await.map_err(Failure::from))
        }
    };
    drop(drain);
    // A reader who does not leave does not keep the node.
    let _ = tokio::time::timeout(DRAIN, serving).await;
    result
}

/// Takes away the socket and the process id, unless another node has put its own there.
fn vacate(home: &Path) {
    let pid = home.join(PID);
    if fs::read_to_string(&pid).is_ok_and(|written| written == own_pid()) {
        remove(&home.join(SOCKET));
        remove(&pid);
    }
}

fn own_pid() -> String {
    format!("{}\n", std::process::id())
}

fn node_config(home: &Path, config: Config) -> NodeConfig {
    let Config { listen, dial, quic, mdns, record, reserve_mib, reducer, wide, .. } = config;
    let listen = port::settle(home, listen);
    let known_files = KNOWN.iter().map(|name| (*name).to_owned()).collect();
    NodeConfig {
        known_files,
        listen,
        dial,
        quic,
        mdns,
        record,
        reserve_bytes: u64::from(reserve_mib) << 20,
        settings: reducer.into(),
        wide: wide.into(),
        ..NodeConfig::new(home.to_path_buf())
    }
}

/// Waits for a signal or a command to stop.
async fn wait_for_stop(stop: &Notify) -> Result<(), Failure> {
    let mut interrupt = on_signal(SignalKind::interrupt())?;
    let mut terminate = on_signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = stop.notified() => {}
    }
    Ok(())
}

fn on_signal(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind).map_err(|error| {
        Failure::new(Class::Failed, "signals", format!("cannot listen to signals: {error}"))
    })
}

/// Binds the socket and serves the API. The folder is locked by this process: a socket that is
/// there belongs to a node that is dead.
fn serve(
    home: &Path,
    cx: &Cx,
    mut drained: watch::Receiver<()>,
) -> Result<tokio::task::JoinHandle<()>, Failure> {
    home::make_private(home)?;
    // First of all: a node that ended just now leaves what is no longer its own.
    let pid = home.join(PID);
    let written = fs::write(&pid, own_pid());
    written.map_err(|source| Failure::file("write", &pid, &source))?;
    let socket = home.join(SOCKET);
    remove(&socket);
    let listener = UnixListener::bind(&socket).map_err(|source| {
        let failure = Failure::file("listen on", &socket, &source);
        if source.kind() == io::ErrorKind::InvalidInput {
            return failure.hint("the path is too long for a socket: choose a shorter --home");
        }
        failure
    })?;
    let private = fs::set_permissions(&socket, fs::Permissions::from_mode(0o600));
    private.map_err(|source| Failure::file("set the permissions of", &socket, &source))?;
    let router = server::router(cx.clone());
    Ok(tokio::spawn(async move {
        let draining = async move {
            // Nothing is ever sent: this returns when the other end is dropped.
            while drained.changed().await.is_ok() {}
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(draining).await;
        if let Err(error) = served {
            tracing::error!(%error, "the local API ended");
        }
    }))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "cannot remove");
    }
}

/// Notes what each identity is used for, where a crash came between an op and its note.
async fn note_identities(cx: &Cx) -> Result<(), Failure> {
    for view in cx.query(State::namespaces).await? {
        if cx.keys.has(&view.me)? {
            cx.keys.use_for(&view.me, &view.namespace)?;
        } else {
            tracing::warn!(namespace = %view.namespace, me = %view.me, "the key is not here");
        }
    }
    Ok(())
}

/// What there is to say when the node is ready; waits a moment for its addresses.
async fn announce(home: &Path, node: &NodeHandle) -> Ready {
    let known = async {
        while node.addresses().is_empty() {
            tokio::time::sleep(POLL).await;
        }
    };
    let _ = tokio::time::timeout(ADDRESSES_WITHIN, known).await;
    Ready {
        peer: node.local_peer().to_string(),
        home: home.to_path_buf(),
        pid: std::process::id(),
        addresses: node.addresses(),
    }
}

/// Waits until no process holds the data folder.
///
/// # Errors
///
/// `timeout` when one still does after `within`.
pub async fn wait_until_free(home: &Path, within: Duration) -> Result<(), Failure> {
    let path = home.join(LOCK);
    let is_free = || match fs::File::open(&path) {
        // A shared lock does not stand in the way of others who ask as we do.
        Ok(file) => Ok(file.try_lock_shared().is_ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Failure::file("open", &path, &source)),
    };
    let free = async {
        while !is_free()? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    tokio::time::timeout(within, free).await.unwrap_or_else(|_| {
        let message = format!("the node in {} is still stopping", home.display());
        Err(Failure::new(Class::Timeout, "timeout", message).hint("wait with a longer --timeout"))
    })
}

#[cfg(test)]
mod tests;
