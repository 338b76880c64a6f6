//! Whole nodes in this process, on loopback.

use super::disk;
use super::pipeline::{Key, Known};
use folkmoot_core::effect::Notice;
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::settings::Settings;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_effects::node::{self, Heard, NodeConfig, NodeExit, NodeHandle, Noticed, Notices};
use folkmoot_sim::kit::Author;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// How often a node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How often the notices of a node are read.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How long a node that gives no notice is not asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long anything may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// What drives the networks of all nodes.
pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("threads can be had")
}

/// A running node.
pub(super) struct Live {
    /// The way to it.
    pub(super) handle: NodeHandle,
    /// Where it is reached.
    pub(super) address: String,
    exit: NodeExit,
    _home: TempDir,
}

/// A data folder for a node.
pub(super) fn home() -> TempDir {
    TempDir::new().expect("a folder can be had")
}

/// A data folder with these ops, of a node of this member.
pub(super) fn home_with(namespace: NamespaceId, me: MemberId, ops: &[Verified<Op>]) -> TempDir {
    let home = home();
    disk::write(home.path(), me, &[(namespace, ops)]);
    home
}

/// How a node is set up here: TCP on loopback, and no anchors but by hand.
pub(super) fn config(home: &Path) -> NodeConfig {
    NodeConfig {
        listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
        quic: false,
        mdns: false,
        settings: Settings { anchor_ops: 0, anchor_age_ms: 0, ..Settings::default() },
        ..NodeConfig::new(home.to_path_buf())
    }
}

/// Whether an exchange has ended, by the notices that were not read yet.
fn has_ended(notices: &mut Notices, namespace: NamespaceId) -> bool {
    let is_end = |heard: Heard| {
        let Heard::Noticed(Noticed { notice, .. }) = heard else { return false };
        matches!(notice, Notice::SyncEnded { namespace: of, .. } if of == namespace)
    };
    std::iter::from_fn(|| notices.next_now()).any(is_end)
}

impl Live {
    /// Starts a node of this author, with a transport key of this number.
    pub(super) async fn start(home: TempDir, author: &Author, number: u64) -> Self {
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        let keys = Arc::new(Key(author.clone()));
        let (handle, exit) = node::start(config(home.path()), keys, secret).expect("it can start");
        let started = Instant::now();
        let address = loop {
            if let Some(address) = handle.addresses().pop() {
                break address;
            }
            assert!(started.elapsed() < PATIENCE, "the node does not listen");
            sleep(ASK_EVERY).await;
        };
        Self { handle, address, exit, _home: home }
    }

    /// What it knows of a namespace, all of it durable.
    pub(super) async fn known(&self, namespace: NamespaceId) -> Option<Known> {
        self.handle.query(move |state| Known::of(state, namespace)).await.expect("it runs")
    }

    /// Waits until everything that its peer had is here.
    ///
    /// The node is asked when it says that an exchange has ended, and not in between: a question is
    /// answered when all before it is durable, and nothing is stepped meanwhile.
    pub(super) async fn until_in_sync(
        &self,
        namespace: NamespaceId,
        op_count: usize,
        root: [u8; 32],
    ) {
        let mut notices = self.handle.notices();
        let started = Instant::now();
        loop {
            let known = self.known(namespace).await;
            if known.as_ref().is_some_and(|known| known.is_in_sync(op_count, root)) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "not {op_count} ops in sync, but {known:?}");
            let asked = Instant::now();
            while !has_ended(&mut notices, namespace) && asked.elapsed() < ASK_AGAIN {
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Waits until so many members are known to be connected.
    pub(super) async fn until_met(&self, namespace: NamespaceId, count: usize) {
        let started = Instant::now();
        loop {
            let met = self.handle.query(move |state| {
                let desk = state.volatile.desks.get(&namespace);
                desk.map_or(0, |desk| desk.identities.iter().count())
            });
            let met = met.await.expect("it runs");
            if met >= count {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{met} members met, not {count}");
            sleep(ASK_EVERY).await;
        }
    }

    /// Ends it in order.
    pub(super) async fn stop(self) {
        self.handle.shutdown().await;
        self.exit.wait().await.expect("it ends well");
    }
}
