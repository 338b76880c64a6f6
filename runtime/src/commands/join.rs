//! Joining a namespace by an invitation; the phases are streamed while it runs.

use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::effect::{Notice, Phase};
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::join::JoinReport;
use folkmoot_core::limits::JOIN_MS;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::invite::unix_now;
use crate::call::{Cx, unexpected};
use crate::code::Code;
use crate::errors::{Class, Failure};
use crate::render::{Page, Show, Tone};
use crate::reply::{Place, Who};
use folkmoot_effects::node::{Heard, Noticed};

/// Join a namespace by an invitation
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Join {
    /// The invitation, moot1…; `-` reads it from standard input
    pub code: String,
    /// Your identity for it, made with `moot id new`; a new one unless said
    #[arg(long = "as", value_name = "MEMBER")]
    pub identity: Option<String>,
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
    /// It went on to its next phase.
    Phase(String),
    /// Something to know that does not stop it.
    Warning(String),
}

/// A join that succeeded.
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
}

impl Show for JoinReply {
    fn show(&self, page: &mut Page) {
        let name = self.name.as_deref().unwrap_or(&self.namespace);
        page.put(Tone::Good, "joined ").put(Tone::Strong, name).end();
        page.line(&self.namespace);
    }
}

/// A phase in words.
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Probing => "probing",
        Phase::Pulling => "pulling",
        Phase::Asking => "asking",
        Phase::Confirmed => "confirmed",
        Phase::Failed => "failed",
        Phase::Validating => "validating",
    }
}

/// Passes on a phase of this join.
async fn tell(heard: &Heard, joined: &NamespaceId, progress: &mpsc::Sender<Progress>) {
    if let Heard::Noticed(Noticed { notice: Notice::JoinPhase { namespace, phase, .. }, .. }) =
        heard
        && namespace == joined
    {
        // A listener who has gone away does not stop the join.
        let _ = progress.send(Progress::Phase(phase_name(*phase).to_owned())).await;
    }
}

impl Join {
    /// The route.
    pub const PATH: &'static str = "/v1/join";
}

/// Joins; tells `progress` what happens. A listener who has gone away does not stop it.
///
/// # Errors
///
/// What is wrong with the code, or why the join did not succeed.
pub async fn run(
    call: Join,
    cx: &Cx,
    progress: &mpsc::Sender<Progress>,
) -> Result<JoinReply, Failure> {
    let code = Code::decode(&call.code)?;
    let namespace = code.invitation.terms.namespace;
    if code.is_expired(unix_now()) {
        let text = "the invitation is out of date by this machine's clock".to_owned();
        let _ = progress.send(Progress::Warning(text)).await;
    }
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
    let command = cx.command(wish);
    let mut command = std::pin::pin!(command);
    let outcome = loop {
        tokio::select! {
            outcome = command.as_mut() => break outcome,
            notice = notices.next() => match notice {
                Some(heard) => tell(&heard, &namespace, progress).await,
                // The node is stopping: the command says so.
                None => break command.as_mut().await,
            },
        }
    };
    // The last phases may not have been heard before the outcome.
    while let Some(heard) = notices.next_now() {
        tell(&heard, &namespace, progress).await;
    }
    let outcome = outcome?;
    let Outcome::Joined(JoinReport { namespace, group, op, .. }) = outcome else {
        return Err(unexpected(&outcome));
    };
    let scene = cx.scene_of(namespace).await?;
    Ok(JoinReply {
        namespace: namespace.to_string(),
        name: scene.place(scene.root()).name,
        group: scene.place(group),
        me: scene.who(me),
        op: op.to_string(),
    })
}

impl Cx {
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
        let member = self.spare_identity(named)?;
        self.keys.use_for(&member, namespace)?;
        Ok(member)
    }
}
