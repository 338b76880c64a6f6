//! The end of a node: the first part that ends takes the others with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::NodeError;
use crate::driver::Message;
use crate::net::{NetCommand, NetGone, NetHandle};

/// The part that hands over what peers send.
pub(super) const INGRESS: &str = "ingress";
/// The part that owns the state and the log.
pub(super) const DRIVER: &str = "driver";

/// More than there are parts, so that a report always fits.
const REPORTS_MAX: usize = 16;

/// Waits for the end of a node.
///
/// The end has an order: the network stops, so that nothing new comes; the ingress hands over what
/// was received; the driver steps and commits it, keeps a snapshot, marks the log, and closes it.
#[derive(Debug)]
pub struct NodeExit(JoinHandle<Result<(), NodeError>>);

impl NodeExit {
    /// Waits until every part has ended.
    ///
    /// # Errors
    ///
    /// [`NodeError`] when the node did not end because it was told to, or not in order.
    pub async fn wait(self) -> Result<(), NodeError> {
        self.0.await.unwrap_or(Err(NodeError::Panicked("supervisor")))
    }
}

/// Tells a node to end, and whether it has.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    wanted: Arc<Notify>,
    /// Closed when the node has ended.
    ended: watch::Receiver<()>,
}

impl Ending {
    /// Has the node end, and waits until it has.
    pub(super) async fn end(&self) {
        self.wanted.notify_one();
        let mut ended = self.ended.clone();
        // Nothing is ever sent: this returns when the other end is dropped.
        while ended.changed().await.is_ok() {}
    }
}

/// How a part ended.
type Report = (&'static str, Result<(), NodeError>);

/// The threads of a node.
pub(super) struct Parts {
    reports: mpsc::Sender<Report>,
    ended: mpsc::Receiver<Report>,
}

/// Reports the end of a part, also when it panics.
struct Reporter {
    part: &'static str,
    result: Option<Result<(), NodeError>>,
    reports: mpsc::Sender<Report>,
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or(Err(NodeError::Panicked(self.part)));
        // Fails only when nobody waits for the end of the node.
        drop(self.reports.try_send((self.part, result)));
    }
}

impl Parts {
    pub(super) fn new() -> Self {
        let (reports, ended) = mpsc::channel(REPORTS_MAX);
        Self { reports, ended }
    }

    /// Starts a thread that is watched.
    pub(super) fn spawn(
        &mut self,
        part: &'static str,
        run: impl FnOnce() -> Result<(), NodeError> + Send + 'static,
    ) -> Result<(), NodeError> {
        let reports = self.reports.clone();
        let watched = move || {
            let mut reporter = Reporter { part, result: None, reports };
            reporter.result = Some(run());
        };
        let builder = thread::Builder::new().name(format!("folkmoot-{part}"));
        builder.spawn(watched).map_err(|source| NodeError::Thread { part, source })?;
        Ok(())
    }

    /// Watches over the parts from now on; dials `dial` first.
    pub(super) fn watch(
        self,
        net: NetHandle,
        inbox: SyncSender<Message>,
        dial: Vec<String>,
    ) -> (NodeExit, Ending) {
        let (running, ended) = watch::channel(());
        let ending = Ending { wanted: Arc::default(), ended };
        let watcher = Watcher {
            net,
            inbox,
            reports: self.ended,
            wanted: Arc::clone(&ending.wanted),
            ended: BTreeSet::new(),
            cause: None,
        };
        let task = tokio::spawn(async move {
            let result = watcher.run(dial).await;
            drop(running);
            result
        });
        (NodeExit(task), ending)
    }
}

/// Waits for the first part that ends, then ends the others in order.
struct Watcher {
    net: NetHandle,
    inbox: SyncSender<Message>,
    reports: mpsc::Receiver<Report>,
    wanted: Arc<Notify>,
    ended: BTreeSet<&'static str>,
    cause: Option<NodeError>,
}

impl Watcher {
    async fn run(mut self, dial: Vec<String>) -> Result<(), NodeError> {
        for address in dial {
            self.order(NetCommand::DialAlways { address }).await;
        }
        tokio::select! {
            () = self.wanted.notified() => {}
            report = self.reports.recv() => {
                let part = report.as_ref().map_or("supervisor", |(part, _)| part);
                self.cause = Some(NodeError::Ended(part));
                if let Some(report) = report {
                    self.note(report);
                }
            }
            () = self.net.closed() => self.cause = Some(NetGone.into()),
        }
        self.order(NetCommand::Shutdown).await;
        self.wait_for(INGRESS).await;
        let inbox = self.inbox.clone();
        // The driver may be gone already, and with it the inbox.
        drop(spawn_blocking(move || inbox.send(Message::Stop).is_ok()).await);
        self.wait_for(DRIVER).await;
        // Not before: what has ended first is often not what failed first.
        if let Some(why) = &self.cause {
            tracing::error!(%why, "the node has ended");
        }
        self.cause.map_or(Ok(()), Err)
    }

    /// Notes the end of a part. A failure says more than an end, and that of the driver most:
    /// others end because of it, and may be heard of before.
    fn note(&mut self, (part, result): Report) {
        self.ended.insert(part);
        let is_vague = matches!(self.cause, None | Some(NodeError::Ended(_)));
        if let Err(why) = result
            && (is_vague || part == DRIVER)
        {
            self.cause = Some(why);
        }
    }

    async fn wait_for(&mut self, part: &'static str) {
        while !self.ended.contains(part) {
            // Every part reports once, however it ends.
            let Some(report) = self.reports.recv().await else { return };
            self.note(report);
        }
    }

    async fn order(&self, command: NetCommand) {
        let net = self.net.clone();
        // A network that is gone has nothing to be told.
        drop(spawn_blocking(move || net.send(command)).await);
    }
}
