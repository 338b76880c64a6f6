//! The node itself: status, stop, version.

use std::collections::BTreeMap;

use folkmoot_core::limits::RULES_VERSION;
use serde::{Deserialize, Serialize};

use super::namespace::{NsReply, show_namespaces};
use super::readiness::NetworkReply;
use crate::call::{Call, Cx, Method};
use crate::errors::Failure;
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::Done;

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The node on one screen
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Status {
    /// Look again every second, until Ctrl-C
    #[arg(short, long)]
    #[serde(skip)]
    pub watch: bool,
}

/// One namespace, and what is between this node and the others of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsStatus {
    /// The namespace.
    #[serde(flatten)]
    pub ns: NsReply,
    /// What is between nodes; none where this node does not take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkReply>,
}

/// The node on one screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReply {
    /// Its transport key.
    pub peer: String,
    /// Version of the running program.
    pub version: String,
    /// Id of its process.
    pub pid: u32,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Connected peers.
    pub peers: u64,
    /// Its namespaces.
    pub namespaces: Vec<NsStatus>,
}

impl Show for StatusReply {
    fn show(&self, page: &mut Page) {
        let peers = if self.peers == 0 {
            Cell(Tone::Warn, "none connected".to_owned())
        } else {
            Cell(Tone::Good, format!("{} connected", self.peers))
        };
        page.fields(&[
            ("node", Cell(Tone::Strong, self.peer.clone())),
            ("running", format!("version {}, process {}", self.version, self.pid).into()),
            ("peers", peers),
        ]);
        for (at, address) in self.addresses.iter().enumerate() {
            let title = if at == 0 { "address" } else { "       " };
            page.fields(&[(title, address.clone().into())]);
        }
        page.end();
        if self.namespaces.is_empty() {
            page.line("no namespace yet: `moot ns create NAME`, or `moot join CODE`");
        }
        let table: Vec<_> = self.namespaces.iter().map(|status| status.ns.clone()).collect();
        if !table.is_empty() {
            show_namespaces(&table, page);
        }
        for NsStatus { ns, network } in &self.namespaces {
            if let Some(network) = network {
                page.end();
                page.put(Tone::Strong, &ns.label()).end();
                network.show(page);
            }
        }
    }
}

impl Call for Status {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/status";
    type Reply = StatusReply;

    async fn answer(self, cx: &Cx) -> Result<StatusReply, Failure> {
        let now = cx.node.now().mono;
        let views = cx.query(move |state| {
            let all = state.durable.namespaces.keys();
            let views = all.filter_map(|id| Some((id.to_string(), state.network(id, now)?)));
            views.collect::<BTreeMap<_, _>>()
        });
        let mut views = views.await?;
        let mut namespaces = Vec::new();
        for ns in cx.ns_replies().await? {
            let network = match views.remove(&ns.id) {
                Some(view) => Some(cx.network_reply(view).await?),
                None => None,
            };
            namespaces.push(NsStatus { ns, network });
        }
        Ok(StatusReply {
            peer: cx.node.local_peer().to_string(),
            version: VERSION.to_owned(),
            pid: std::process::id(),
            addresses: cx.node.addresses(),
            peers: u64::try_from(cx.node.peers().len()).unwrap_or(u64::MAX),
            namespaces,
        })
    }
}

/// Stop the node
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Down {}

impl Call for Down {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/down";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        cx.stop.notify_one();
        Ok(Done::new("stopped"))
    }
}

/// Versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionReply {
    /// Of this program.
    pub version: String,
    /// Of the rules it implements.
    pub rules: u16,
}

impl VersionReply {
    /// Of this program.
    pub fn this() -> Self {
        Self { version: VERSION.to_owned(), rules: RULES_VERSION }
    }
}

impl Show for VersionReply {
    fn show(&self, page: &mut Page) {
        page.line(&format!("moot {} (rules {})", self.version, self.rules));
    }
}
