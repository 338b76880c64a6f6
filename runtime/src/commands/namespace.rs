//! Namespaces: create, list, show, leave.

use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::governance::op::{Body, SlotWrite, Subject};
use folkmoot_core::id::{GroupId, MemberId, OpId};
use folkmoot_core::query::NamespaceView;
use serde::{Deserialize, Serialize};

use super::readiness::{readiness_name, readiness_tone};
use crate::call::{Call, Cx, Method, unexpected};
use crate::delivery::{ReceiptReply, Sent};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Who, Written, short};
use crate::scene::Scene;
use folkmoot_core::state::State;

/// Found a namespace, with you as its first owner
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct NsCreate {
    /// Its name
    pub name: String,
    /// Another owner, by the id that `moot id new` printed on their node; may be repeated
    #[arg(long = "owner", value_name = "MEMBER")]
    #[serde(default)]
    pub owners: Vec<String>,
    /// Your identity for it, made with `moot id new`; a new one unless said
    #[arg(long = "as", value_name = "MEMBER")]
    pub identity: Option<String>,
}

impl Call for NsCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/ns/create";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let naming = name_body(Subject::Group, &self.name)?;
        let others = self.owners.iter().map(|id| member_id(id)).collect::<Result<Vec<_>, _>>()?;
        let me = cx.spare_identity(self.identity.as_deref())?;
        let owners = [me].into_iter().chain(others).collect();
        let owners = Bounded::new(owners)
            .ok_or_else(|| Failure::usage("a namespace has at most 8 owners"))?;
        let outcome = cx.command(Command::Found { owners }).await?;
        let Outcome::Accepted { namespace, .. } = outcome else {
            return Err(unexpected(&outcome));
        };
        cx.keys.use_for(&me, &namespace)?;
        let mut sent = cx.chain(namespace).last(None, namespace.root(), naming).await?;
        sent.ops.insert(0, OpId(namespace.0));
        let done = format!("founded {}; you are {}", self.name, short(&me.to_string()));
        Ok(Written::new(done, sent).creating(&namespace))
    }
}

impl Cx {
    /// The identity named so, which must be here and not in use; a new one where none is named.
    ///
    /// # Errors
    ///
    /// When it is not here, is used already, or cannot be made.
    pub fn spare_identity(&self, named: Option<&str>) -> Result<MemberId, Failure> {
        let Some(named) = named else { return Ok(self.keys.create()?) };
        let member = member_id(named)?;
        if !self.keys.has(&member)? {
            let message = format!("the key of {member} is not in this node's key folder");
            return Err(Failure::new(Class::NotFound, "no-key", message).hint("`moot id show`"));
        }
        if let Some(namespace) = self.keys.used_for(&member)? {
            return Err(crate::keys::KeyError::Used { member, namespace }.into());
        }
        Ok(member)
    }
}

/// A whole member id.
///
/// # Errors
///
/// What is wrong with it.
pub fn member_id(text: &str) -> Result<MemberId, Failure> {
    text.parse().map_err(|error: folkmoot_core::id::IdError| {
        Failure::new(Class::Usage, "bad-id", error.to_string()).hint("give the whole id, mem1…")
    })
}

/// The body that names a thing.
///
/// # Errors
///
/// When the name is too long, or has characters that cannot be seen.
pub fn name_body(subject: Subject, name: &str) -> Result<Body, Failure> {
    if name.is_empty() || name.chars().count() > 64 || crate::render::safe(name) != name {
        let message = "a name has 1 to 64 characters, none of them invisible";
        return Err(Failure::new(Class::Usage, "bad-name", message));
    }
    let key = Text::new("name").unwrap_or_default();
    let value = Bytes::truncated(name.as_bytes().to_vec());
    Ok(Body::SlotSet { strict: false, write: SlotWrite::Metadata { subject, key, value } })
}

/// One namespace in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsReply {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As whom this node takes part.
    pub me: String,
    /// `joining`, `left`, or how ready this node is there.
    pub state: String,
    /// Stored ops.
    pub ops: u64,
    /// Stored ops without effect.
    pub void: u64,
    /// Ops that wait for parents.
    pub pending: u64,
    /// Heads.
    pub heads: Vec<String>,
    /// Root over all groups, in hex.
    pub state_root: String,
    /// Highest generation.
    pub generation: u64,
    /// Anchors of the chain.
    pub anchors: u64,
    /// Connected peers that take part.
    pub peers: u64,
    /// Direct members of the root.
    pub members: u64,
    /// Groups.
    pub groups: u64,
}

impl NsReply {
    /// A namespace for an answer.
    pub fn new(view: &NamespaceView, name: Option<String>) -> Self {
        let state = match (view.open, view.joining) {
            (_, true) => "joining",
            (false, false) => "left",
            (true, false) => readiness_name(view.readiness),
        };
        Self {
            id: view.namespace.to_string(),
            name,
            me: view.me.to_string(),
            state: state.to_owned(),
            ops: view.ops,
            void: view.void,
            pending: view.pending,
            heads: view.heads.iter().map(OpId::to_string).collect(),
            state_root: hex(&view.state_root),
            generation: view.generation,
            anchors: view.anchors,
            peers: view.peers,
            members: view.members,
            groups: view.groups,
        }
    }

    /// Name, or short id.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| short(&self.id))
    }

    fn state_cell(&self) -> Cell {
        Cell(readiness_tone(&self.state), self.state.clone())
    }
}

/// Bytes as small hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Namespaces as a table.
pub fn show_namespaces(all: &[NsReply], page: &mut Page) {
    let row = |ns: &NsReply| {
        vec![
            Cell(Tone::Strong, ns.label()),
            ns.state_cell(),
            ns.ops.into(),
            ns.void.into(),
            ns.pending.into(),
            (ns.heads.len() as u64).into(),
            ns.peers.into(),
            ns.members.into(),
            ns.groups.into(),
            Cell(Tone::Dim, ns.state_root.chars().take(12).collect()),
            short(&ns.id).into(),
        ]
    };
    let head = [
        "namespace",
        "state",
        "ops",
        "void",
        "pending",
        "heads",
        "peers",
        "members",
        "groups",
        "root",
        "id",
    ];
    page.table(&head, &all.iter().map(row).collect::<Vec<_>>());
}

/// Namespaces this node knows
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct NsList {}

/// Namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsListReply {
    /// Each of them.
    pub namespaces: Vec<NsReply>,
}

impl Show for NsListReply {
    fn show(&self, page: &mut Page) {
        if self.namespaces.is_empty() {
            page.line("no namespace yet: `moot ns create NAME`, or `moot join CODE`");
            return;
        }
        show_namespaces(&self.namespaces, page);
    }
}

impl Cx {
    /// All namespaces for an answer.
    ///
    /// # Errors
    ///
    /// When the node is stopping or the store cannot be read.
    pub async fn ns_replies(&self) -> Result<Vec<NsReply>, Failure> {
        let views = self.query(State::namespaces).await?;
        let names = self.names(views.iter().map(|view| view.name).collect()).await?;
        Ok(views.iter().zip(names).map(|(view, name)| NsReply::new(view, name)).collect())
    }
}

impl Call for NsList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/ns/list";
    type Reply = NsListReply;

    async fn answer(self, cx: &Cx) -> Result<NsListReply, Failure> {
        Ok(NsListReply { namespaces: cx.ns_replies().await? })
    }
}

/// One namespace in full
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct NsShow {
    /// Which; like -n
    pub namespace: Option<String>,
}

/// One namespace in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsShowReply {
    /// The namespace.
    #[serde(flatten)]
    pub namespace: NsReply,
    /// Its owners, in order of rank.
    pub owners: Vec<Who>,
    /// Evidence of members who signed two ops with one nonce.
    pub evidence: Vec<Evidence>,
}

/// Two ops of one member with one nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who signed twice.
    pub signer: Who,
    /// The nonce.
    pub nonce: u64,
    /// The ops.
    pub ops: Vec<String>,
}

impl Show for NsShowReply {
    fn show(&self, page: &mut Page) {
        let ns = &self.namespace;
        let owners: Vec<_> = self.owners.iter().map(Who::label).collect();
        page.fields(&[
            ("name", Cell(Tone::Strong, ns.label())),
            ("id", ns.id.clone().into()),
            ("state", ns.state_cell()),
            ("you", ns.me.clone().into()),
            ("owners", owners.join(", ").into()),
            ("members", ns.members.into()),
            ("groups", ns.groups.into()),
            ("ops", format!("{} ({} void, {} pending)", ns.ops, ns.void, ns.pending).into()),
            ("anchors", ns.anchors.into()),
            ("generation", ns.generation.into()),
            ("state root", ns.state_root.clone().into()),
        ]);
        for (at, head) in ns.heads.iter().enumerate() {
            page.fields(&[(
                if at == 0 { "heads     " } else { "          " },
                head.clone().into(),
            )]);
        }
        for evidence in &self.evidence {
            let ops: Vec<_> = evidence.ops.iter().map(|op| short(op)).collect();
            let text = format!(
                "{} signed several ops with nonce {}: {}",
                evidence.signer.label(),
                evidence.nonce,
                ops.join(", ")
            );
            page.put(Tone::Bad, &text).end();
        }
    }
}

impl Call for NsShow {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/ns/show";
    type Reply = NsShowReply;

    async fn answer(self, cx: &Cx) -> Result<NsShowReply, Failure> {
        let view = cx.namespace_named(self.namespace.as_deref().or(cx.ns.as_deref())).await?;
        let scene = cx.scene_of(view.namespace).await?;
        let namespace = view.namespace;
        let evidence = cx.query(move |state| state.evidence(&namespace)).await?;
        let mut owners: Vec<_> = scene
            .members
            .get(&scene.root())
            .into_iter()
            .flatten()
            .filter(|row| row.tier == 0)
            .collect();
        owners.sort_by_key(|row| row.rank);
        let evidence = evidence.into_iter().map(|found| Evidence {
            signer: scene.who(found.signer),
            nonce: found.nonce,
            ops: found.ops.iter().map(OpId::to_string).collect(),
        });
        Ok(NsShowReply {
            namespace: NsReply::new(&scene.view, scene.place(scene.root()).name),
            owners: owners.into_iter().map(|row| scene.who(row.member)).collect(),
            evidence: evidence.collect(),
        })
    }
}

/// Leave a namespace: give up your rows, then stop taking part
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct NsLeave {
    /// Which; like -n
    pub namespace: Option<String>,
    /// Only stop this node from taking part, and stay a member
    #[arg(long)]
    #[serde(default)]
    pub local: bool,
}

/// A namespace was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What was done, in words.
    pub done: String,
    /// The namespace.
    pub namespace: String,
    /// Who else knows of it; none where nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptReply>,
}

impl Show for Left {
    fn show(&self, page: &mut Page) {
        page.line(&self.done);
        match &self.receipt {
            // It is published no more.
            Some(receipt) if receipt.acked_by.is_empty() => {
                let text = "nobody else knows of it yet: come back to tell them";
                page.put(Tone::Warn, text).end();
            }
            Some(receipt) => receipt.show(page),
            None => {}
        }
    }

    fn brief(&self, _: &mut Page) {}
}

async fn leave(cx: &Cx, scene: &Scene, rows: Vec<GroupId>, last: GroupId) -> Result<Sent, Failure> {
    let mut chain = cx.chain(scene.namespace());
    for group in rows {
        chain.next(group, Body::MemberLeft).await?;
    }
    chain.last(Some(scene), last, Body::MemberLeft).await
}

impl Call for NsLeave {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/ns/leave";
    type Reply = Left;

    async fn answer(self, cx: &Cx) -> Result<Left, Failure> {
        let view = cx.namespace_named(self.namespace.as_deref().or(cx.ns.as_deref())).await?;
        let scene = cx.scene_of(view.namespace).await?;
        let mut rows = if self.local || view.joining { Vec::new() } else { topmost_rows(&scene) };
        let mut sent = None;
        if let Some(last) = rows.pop() {
            // Others are to know of it before this node speaks no more.
            let left = leave(cx, &scene, rows, last).await.map_err(|failure| {
                if failure.code == "not-senior" {
                    return failure.hint("owners stay: stop this node with --local");
                }
                failure
            });
            sent = Some(left?);
        }
        cx.command(Command::Close { namespace: view.namespace }).await?;
        let done = format!("left {}; its history stays on this node", view.namespace);
        let receipt = sent.map(|sent| sent.receipt);
        Ok(Left { done, namespace: view.namespace.to_string(), receipt })
    }
}

/// The groups in which this node has a direct row and in none above them.
fn topmost_rows(scene: &Scene) -> Vec<GroupId> {
    let me = scene.view.me;
    // Parents come before children, so one pass settles what is covered from above.
    let mut covered = std::collections::BTreeSet::new();
    let mut topmost = Vec::new();
    for group in &scene.groups {
        if group.parent.is_some_and(|parent| covered.contains(&parent)) {
            covered.insert(group.group);
        } else if scene.row(&group.group, &me).is_some() {
            covered.insert(group.group);
            topmost.push(group.group);
        }
    }
    topmost
}
