//! Joining a namespace by an invitation: a job of the node, which whoever asks may watch.
//!
//! The job is durable and goes on when nobody watches it, also after a restart. Joining again while
//! it runs is watching it.

use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::effect::{Notice, Phase};
use folkmoot_core::id::{MemberId, NamespaceId, OpId};
use folkmoot_core::join::JoinReport;
use folkmoot_core::limits::JOIN_MS;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::namespace::hex;
use crate::call::{Call, Cx, Method, unexpected};
use crate::code::Code;
use crate::errors::{Class, Failure};
use crate::render::{Page, Show, Tone};
use crate::reply::{Done, Place, Who, short, time};
use folkmoot_effects::node::{Heard, Noticed};

/// Join a namespace by an invitation; the same again watches a join that is under way
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Join {
    /// The invitation, moot1…; `-` reads it from standard input
    #[arg(required_unless_present = "cancel")]
    pub code: Option<String>,
    /// Your identity for it, made with `moot id new`; a new one unless said
    #[arg(long = "as", value_name = "MEMBER")]
    pub identity: Option<String>,
    /// Give up the join of this namespace; `moot ns list` shows those under way
    #[arg(long, value_name = "NS", conflicts_with_all = ["code", "identity"])]
    #[serde(skip)]
    pub cancel: Option<String>,
    /// How long it may take, in milliseconds
    #[arg(skip)]
    pub within_ms: Option<u64>,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The code holds a secret.
        out.write_str("Join")
    }
}

/// What happens while a join runs; one line of the stream each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// The job, which is named by its namespace.
    Job {
        /// The namespace.
        namespace: String,
        /// The phase it is in, where it was under way already.
        phase: Option<String>,
    },
    /// It went on to its next phase.
    Phase {
        /// The phase it is in now.
        name: String,
        /// How long the one before took, in milliseconds.
        after_ms: u64,
    },
    /// History is coming.
    Pulled {
        /// Ops received.
        ops: u64,
        /// How many the partner has to send, by its own word.
        expected: u64,
    },
    /// Something to know that does not stop it.
    Warning(String),
}

/// A join that succeeded (NET-28).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinReply {
    /// The namespace.
    pub namespace: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The group.
    pub group: Place,
    /// As whom.
    pub me: Who,
    /// The op that admits.
    pub op: String,
    /// Who wrote that op.
    pub witness: Option<Who>,
    /// Transport key of who was asked to; none where it had been done before anybody was asked.
    pub partner: Option<String>,
    /// Members besides the witness that have it; none where nobody else was heard.
    pub acked_by: Vec<Who>,
    /// Heads.
    pub heads: Vec<String>,
    /// Root over all groups, in hex.
    pub state_root: String,
    /// Ops stored since the join began, or since the node last started.
    pub ops_applied: u64,
    /// Members that are known now, this node included.
    pub members: u64,
    /// How long each phase took in all.
    pub phases: Vec<PhaseReply>,
}

/// A phase that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseReply {
    /// Which.
    pub name: String,
    /// How long it took in all, in milliseconds.
    pub ms: u64,
}

impl Show for JoinReply {
    fn show(&self, page: &mut Page) {
        let name = self.name.as_deref().unwrap_or(&self.namespace);
        page.put(Tone::Good, "joined ").put(Tone::Strong, name).end();
        page.line(&self.namespace);
        let (ops, members) = (self.ops_applied, self.members);
        let people = if members == 1 { "member" } else { "members" };
        page.line(&format!("you are {}; {ops} ops, {members} {people}", self.me.id));
        if let Some(witness) = &self.witness {
            page.put(Tone::Plain, &format!("admitted by {}", witness.label()));
            let others: Vec<_> = self.acked_by.iter().map(Who::label).collect();
            if others.is_empty() {
                page.put(Tone::Plain, "; no other member was heard to confirm it").end();
            } else {
                page.put(Tone::Plain, &format!("; confirmed by {}", others.join(", "))).end();
            }
        }
        let phases: Vec<_> =
            self.phases.iter().map(|phase| format!("{} {}", phase.name, time(phase.ms))).collect();
        page.put(Tone::Dim, &phases.join(", ")).end();
    }

    fn brief(&self, page: &mut Page) {
        page.line(&self.namespace);
    }
}

/// A phase in words.
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Validating => "validating",
        Phase::Probing => "probing",
        Phase::Pulling => "pulling",
        Phase::Asking => "asking",
        Phase::Confirmed => "confirmed",
        Phase::Failed => "failed",
    }
}

/// What a notice says of the join of a namespace.
fn progress(notice: &Notice, joined: &NamespaceId) -> Option<Progress> {
    if let Notice::JoinPhase { namespace, phase, after_ms } = notice
        && namespace == joined
    {
        let name = phase_name(*phase).to_owned();
        return Some(Progress::Phase { name, after_ms: *after_ms });
    }
    if let Notice::JoinProgress { namespace, ops, expected } = notice
        && namespace == joined
    {
        return Some(Progress::Pulled { ops: *ops, expected: *expected });
    }
    let Notice::JoinWarning { namespace, .. } = notice else { return None };
    let text = "the invitation is out of date by this machine's clock; a member will judge it";
    (namespace == joined).then(|| Progress::Warning(text.to_owned()))
}

/// Passes on what happens to this join.
async fn tell(heard: &Heard, joined: &NamespaceId, listener: &mpsc::Sender<Progress>) {
    if let Heard::Noticed(Noticed { notice, .. }) = heard
        && let Some(progress) = progress(notice, joined)
    {
        // A listener who has gone away does not stop the join.
        let _ = listener.send(progress).await;
    }
}

impl Join {
    /// The route.
    pub const PATH: &'static str = "/v1/join";
}

/// Joins; tells `listener` what happens. A listener who has gone away does not stop it.
///
/// # Errors
///
/// What is wrong with the code, or why the join did not succeed.
pub async fn run(
    call: Join,
    cx: &Cx,
    listener: &mpsc::Sender<Progress>,
) -> Result<JoinReply, Failure> {
    let code = call.code.ok_or_else(|| Failure::usage("there is no invitation"))?;
    let code = Code::decode(&code)?;
    let namespace = code.invitation.terms.namespace;
    let me = cx.identity_for(&namespace, call.identity.as_deref())?;
    let request = code.request(me, |message| Some(cx.keys.sign(&me, message)?.signature()));
    let no_key = || Failure::new(Class::Failed, "no-key", format!("{me} cannot sign here"));
    let wish = Command::Join {
        request: request.ok_or_else(no_key)?,
        addresses: code.addresses.clone(),
        within_ms: call.within_ms.unwrap_or(JOIN_MS),
    };
    // Listening starts before the command, so that no phase is missed.
    let mut notices = cx.node.notices();
    let running = cx.network(namespace).await?.and_then(|network| network.join);
    let phase = running.map(|join| phase_name(join.phase).to_owned());
    let job = Progress::Job { namespace: namespace.to_string(), phase };
    let _ = listener.send(job).await;
    let command = cx.command(wish);
    let mut command = std::pin::pin!(command);
    let outcome = loop {
        tokio::select! {
            outcome = command.as_mut() => break outcome,
            notice = notices.next() => match notice {
                Some(heard) => tell(&heard, &namespace, listener).await,
                // The node is stopping: the command says so.
                None => break command.as_mut().await,
            },
        }
    };
    // The last phases may not have been heard before the outcome.
    while let Some(heard) = notices.next_now() {
        tell(&heard, &namespace, listener).await;
    }
    let outcome = outcome?;
    let Outcome::Joined(report) = outcome else { return Err(unexpected(&outcome)) };
    cx.join_reply(me, report).await
}

/// Give up a join; the identity is kept for the next try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinCancel {
    /// Of which namespace.
    pub namespace: String,
}

impl Call for JoinCancel {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/join/cancel";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        let view = cx.namespace_named(Some(&self.namespace)).await?;
        cx.command(Command::CancelJoin { namespace: view.namespace }).await?;
        let namespace = short(&view.namespace.to_string());
        Ok(Done::new(format!(
            "the join of {namespace} is given up; the same code can be tried again"
        )))
    }
}

impl Cx {
    async fn join_reply(&self, me: MemberId, report: JoinReport) -> Result<JoinReply, Failure> {
        let (namespace, op) = (report.namespace, report.op);
        let scene = self.scene_of(namespace).await?;
        let admission = self.query(move |state| state.op(&namespace, &op)).await?;
        let phase = |(phase, ms): &(Phase, u64)| PhaseReply {
            name: phase_name(*phase).to_owned(),
            ms: *ms,
        };
        Ok(JoinReply {
            namespace: namespace.to_string(),
            name: scene.place(scene.root()).name,
            group: scene.place(report.group),
            me: scene.who(me),
            op: op.to_string(),
            witness: admission.map(|admission| scene.who(admission.signer)),
            partner: report.partner.map(|peer| peer.to_string()),
            acked_by: report.acked_by.iter().map(|member| scene.who(*member)).collect(),
            heads: report.heads.iter().map(OpId::to_string).collect(),
            state_root: hex(&report.state_root),
            ops_applied: report.ops_applied,
            members: report.members_learned,
            phases: report.phases.iter().map(phase).collect(),
        })
    }

    /// The identity for a namespace that is being joined: the one noted for it, so that a retry
    /// uses the same; else the one named; else a new one. It is noted at once.
    fn identity_for(
        &self,
        namespace: &NamespaceId,
        named: Option<&str>,
    ) -> Result<MemberId, Failure> {
        let noted = self.keys.identity_for(namespace)?;
        if let (Some(member), None) = (noted, named) {
            return Ok(member);
        }
        if let (Some(member), Some(named)) = (noted, named)
            && member.to_string() == named
        {
            return Ok(member);
        }
        if named.is_none() {
            return Ok(self.keys.create_for(namespace)?);
        }
        let member = self.spare_identity(named)?;
        self.keys.use_for(&member, namespace)?;
        Ok(member)
    }
}
