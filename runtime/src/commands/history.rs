//! The history: ops, newest first; one op in full; and anchoring.

use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::query::OpView;
use serde::{Deserialize, Serialize};

use super::namespace::hex;
use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{OpReply, Written};
use crate::resolve::{Candidate, pick};
use crate::scene::Scene;
use folkmoot_core::query::HistoryFilter;

/// Most ops in one answer.
const OPS_MAX: u64 = 1000;
/// Ops asked of the state at once, when all are gone through.
const PAGE_OPS: u64 = 1000;

/// Ops, newest first
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct History {
    /// Only ops on this group
    #[arg(short, long)]
    pub group: Option<String>,
    /// Only ops by this member
    #[arg(short, long)]
    pub member: Option<String>,
    /// How many, at most 1000
    #[arg(short, long, default_value_t = 50)]
    #[serde(default = "default_limit")]
    pub limit: u64,
    /// How many of the newest to pass over
    #[arg(long, default_value_t = 0)]
    #[serde(default)]
    pub skip: u64,
}

const fn default_limit() -> u64 {
    50
}

/// Ops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryReply {
    /// Each, newest first.
    pub ops: Vec<OpReply>,
}

impl Show for HistoryReply {
    fn show(&self, page: &mut Page) {
        page.table(&OpReply::COLUMNS, &self.ops.iter().map(OpReply::row).collect::<Vec<_>>());
    }
}

impl Call for History {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/history";
    type Reply = HistoryReply;

    async fn answer(self, cx: &Cx) -> Result<HistoryReply, Failure> {
        let mut scene = cx.scene().await?;
        let filter = HistoryFilter {
            group: self.group.as_deref().map(|text| scene.group(Some(text))).transpose()?,
            member: self.member.as_deref().map(|text| scene.member(text)).transpose()?,
            skip: self.skip,
            limit: self.limit.min(OPS_MAX),
        };
        let namespace = scene.namespace();
        let ops = cx.query(move |state| state.history(&namespace, &filter)).await?;
        Ok(HistoryReply { ops: cx.op_replies(&mut scene, ops).await? })
    }
}

impl Cx {
    /// Every op of a namespace with its generation, in no order that is promised.
    ///
    /// # Errors
    ///
    /// When the node is stopping.
    pub async fn all_ops(&self, namespace: NamespaceId) -> Result<Vec<(u64, OpId)>, Failure> {
        let mut all = Vec::new();
        loop {
            let filter = HistoryFilter {
                group: None,
                member: None,
                skip: u64::try_from(all.len()).unwrap_or(u64::MAX),
                limit: PAGE_OPS,
            };
            let page = self.query(move |state| {
                let ops = state.history(&namespace, &filter).into_iter();
                ops.map(|op| (op.generation, op.id)).collect::<Vec<_>>()
            });
            let page = page.await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The op that was named by its id or the beginning of it, with its namespace.
    ///
    /// # Errors
    ///
    /// When no namespace of this node has it, or several ops begin so.
    pub async fn op(&self, text: &str) -> Result<(Scene, OpView), Failure> {
        let (namespace, id) = if let Ok(id) = text.parse::<OpId>() {
            let found = self.query(move |state| state.find_op(&id)).await?;
            (found.ok_or_else(|| not_stored(text))?, id)
        } else {
            let namespace = self.namespace().await?.namespace;
            let all = self.all_ops(namespace).await?.into_iter();
            let candidates: Vec<_> = all
                .map(|(_, id)| Candidate { value: id, id: id.to_string(), name: None })
                .collect();
            (namespace, pick("op", OpId::PREFIX, text, &candidates)?)
        };
        let scene = self.scene_of(namespace).await?;
        let view = self.query(move |state| state.op(&namespace, &id)).await?;
        Ok((scene, view.ok_or_else(|| not_stored(text))?))
    }
}

fn not_stored(text: &str) -> Failure {
    Failure::new(Class::NotFound, "not-found", format!("this node has no op `{text}`"))
        .hint("`moot history` shows those it has")
}

/// One op in full
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct ShowOp {
    /// Which
    pub op: String,
}

/// One op in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowOpReply {
    /// The op.
    #[serde(flatten)]
    pub op: OpReply,
    /// Its namespace.
    pub namespace: String,
    /// Version of the rules by which it is judged.
    pub rules: u16,
    /// Its parents.
    pub parents: Vec<OpReply>,
    /// Root of the group's rows that its author saw, in hex.
    pub state_hash: String,
    /// The ops whose grants authorise it.
    pub authority: Vec<OpReply>,
    /// Bytes of the signed op.
    pub bytes: u64,
}

impl Show for ShowOpReply {
    fn show(&self, page: &mut Page) {
        let op = &self.op;
        page.fields(&[
            ("op", Cell(Tone::Strong, op.id.clone())),
            ("kind", op.kind.clone().into()),
            ("what", op.summary.clone().into()),
            ("by", op.signer.label().into()),
            ("on", op.group.label().into()),
            ("verdict", op.verdict.cell()),
            ("why", op.verdict.reason.clone().unwrap_or_else(|| "-".to_owned()).into()),
            ("nonce", op.nonce.into()),
            ("generation", op.generation.into()),
            ("visible", if op.visible { "yes" } else { "no, dormant" }.into()),
            ("state hash", self.state_hash.clone().into()),
            ("rules", u64::from(self.rules).into()),
            ("bytes", self.bytes.into()),
            ("namespace", self.namespace.clone().into()),
        ]);
        for (title, ops) in [("parents", &self.parents), ("authority", &self.authority)] {
            if !ops.is_empty() {
                page.end();
                page.put(Tone::Dim, title).end();
                page.table(&OpReply::COLUMNS, &ops.iter().map(OpReply::row).collect::<Vec<_>>());
            }
        }
    }
}

impl Cx {
    /// Stored ops of a namespace by id; those that are not stored are passed over.
    ///
    /// # Errors
    ///
    /// When the node is stopping or the store cannot be read.
    pub async fn ops(&self, scene: &mut Scene, ids: Vec<OpId>) -> Result<Vec<OpReply>, Failure> {
        let namespace = scene.namespace();
        let views = self.query(move |state| {
            ids.iter().filter_map(|id| state.op(&namespace, id)).collect::<Vec<_>>()
        });
        let views = views.await?;
        self.op_replies(scene, views).await
    }
}

impl Call for ShowOp {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/show";
    type Reply = ShowOpReply;

    async fn answer(self, cx: &Cx) -> Result<ShowOpReply, Failure> {
        let (mut scene, view) = cx.op(&self.op).await?;
        let parents = cx.ops(&mut scene, view.parents.clone()).await?;
        let authority = cx.ops(&mut scene, view.authority.clone()).await?;
        let payload = cx.payloads(vec![view.id]).await?.pop().flatten();
        let payload = payload.ok_or_else(|| not_stored(&self.op))?;
        let size = folkmoot_core::codec::encode(&payload).len();
        let op = crate::words::op_reply(&scene, &view, Some(&payload));
        Ok(ShowOpReply {
            op,
            namespace: scene.namespace().to_string(),
            rules: payload.rules,
            parents,
            state_hash: hex(&payload.state_hash),
            authority,
            bytes: u64::try_from(size).unwrap_or(u64::MAX),
        })
    }
}

/// Make all that is effective now final (the notary only)
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Anchor {
    /// The owner who is notary from here on
    #[arg(long, value_name = "MEMBER")]
    pub notary: Option<String>,
}

impl Call for Anchor {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/anchor";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let scene = cx.scene().await?;
        let notary = self.notary.as_deref().map(|text| scene.member(text)).transpose()?;
        let body = Body::Anchor { rules: RULES_VERSION, notary };
        let sent = cx.govern(&scene, scene.root(), body).await?;
        Ok(Written::new("anchored: what is below is final", sent))
    }
}
