//! Invitations: write, list, revoke.

use ed25519_dalek::SigningKey;
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{InvitationId, MemberId};
use folkmoot_core::time::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::args::{RightsArg, duration_ms};
use crate::call::{Call, Cx, Method, unexpected};
use crate::code::Code;
use crate::errors::{Class, Failure};
use crate::keys;
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Place, Who, Written, short};
use crate::resolve::{Candidate, pick};

/// How long an invitation is valid unless said, in milliseconds.
const EXPIRES_MS: u64 = 24 * 60 * 60 * 1000;

/// The time of this machine.
pub fn unix_now() -> UnixMillis {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    UnixMillis(ms)
}

/// Write an invitation: one string to pass on
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Invite {
    /// To which group; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
    /// Role or rights that the joiner gets; member unless said
    #[arg(short, long)]
    pub rights: Option<RightsArg>,
    /// For how many joiners; one unless said
    #[arg(short, long)]
    pub uses: Option<u32>,
    /// How long it is valid, such as 30m, 24h, 7d; 24h unless said
    #[arg(short, long = "expires", value_name = "TIME", value_parser = duration_ms)]
    pub expires_ms: Option<u64>,
}

/// An invitation.
#[derive(Clone, Serialize, Deserialize)]
pub struct InviteReply {
    /// The string to pass on. Whoever has it can use it.
    pub code: String,
    /// Its id.
    pub id: String,
    /// The group.
    pub group: Place,
    /// What the joiner gets.
    pub rights: RightsArg,
    /// For how many joiners.
    pub uses: u32,
    /// Until when, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

impl Show for InviteReply {
    fn show(&self, page: &mut Page) {
        page.line(&self.code);
    }
}

impl Call for Invite {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invite";
    type Reply = InviteReply;

    async fn answer(self, cx: &Cx) -> Result<InviteReply, Failure> {
        let scene = cx.scene().await?;
        let group = scene.group(self.group.as_deref())?;
        let secret = SigningKey::from_bytes(&*keys::random()?);
        let expires_ms = self.expires_ms.unwrap_or(EXPIRES_MS);
        let wish = Command::Invite {
            namespace: scene.namespace(),
            group,
            rights: self.rights.map_or(Rights::MEMBER, |rights| rights.0),
            uses_max: self.uses.unwrap_or(1),
            expires_at: UnixMillis(unix_now().0.saturating_add(expires_ms)),
            one_time_key: MemberId(secret.verifying_key().to_bytes()),
        };
        let outcome = cx.command(wish).await?;
        let Outcome::Invited(invitation) = outcome else { return Err(unexpected(&outcome)) };
        let terms = invitation.terms.clone();
        let code = Code::new(invitation, secret, reachable(cx.node.addresses())).encode();
        let code = code.ok_or_else(|| {
            Failure::new(Class::Failed, "invitation-too-long", "the invitation is too long")
                .hint("write any op first: it joins the heads that the invitation would list")
        })?;
        Ok(InviteReply {
            code: code.to_string(),
            id: terms.id().to_string(),
            group: scene.place(group),
            rights: RightsArg(terms.rights),
            uses: terms.uses_max,
            expires_at_ms: terms.expires_at.0,
        })
    }
}

/// The addresses in the order in which they are worth trying: those of this machine alone last.
fn reachable(mut addresses: Vec<String>) -> Vec<String> {
    let is_local =
        |address: &String| address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/");
    addresses.sort_by_key(is_local);
    addresses
}

/// Invitations that this node wrote
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct InviteList {}

/// One invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationReply {
    /// Its id.
    pub id: String,
    /// The group.
    pub group: Place,
    /// What the joiner gets.
    pub rights: RightsArg,
    /// For how many joiners.
    pub uses: u32,
    /// Who joined by it.
    pub used_by: Vec<Who>,
    /// Until when, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// `open`, `used up`, `expired` or `revoked`.
    pub state: String,
}

/// Invitations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteListReply {
    /// Each of them.
    pub invitations: Vec<InvitationReply>,
}

impl Show for InviteListReply {
    fn show(&self, page: &mut Page) {
        let row = |invitation: &InvitationReply| {
            let tone = if invitation.state == "open" { Tone::Good } else { Tone::Dim };
            let used_by: Vec<_> = invitation.used_by.iter().map(Who::label).collect();
            vec![
                Cell(Tone::Strong, short(&invitation.id)),
                invitation.group.label().into(),
                invitation.rights.to_string().into(),
                format!("{}/{}", invitation.used_by.len(), invitation.uses).into(),
                Cell(tone, invitation.state.clone()),
                used_by.join(", ").into(),
            ]
        };
        let rows: Vec<_> = self.invitations.iter().map(row).collect();
        page.table(&["invitation", "group", "rights", "used", "state", "used by"], &rows);
    }
}

impl Call for InviteList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/invite/list";
    type Reply = InviteListReply;

    async fn answer(self, cx: &Cx) -> Result<InviteListReply, Failure> {
        let scene = cx.scene().await?;
        let namespace = scene.namespace();
        let views = cx.query(move |state| state.invitations(&namespace)).await?;
        let now = unix_now();
        let reply = views.into_iter().map(|view| {
            let used = u32::try_from(view.used_by.len()).unwrap_or(u32::MAX);
            let state = if view.revoked {
                "revoked"
            } else if used >= view.terms.uses_max {
                "used up"
            } else if view.terms.expires_at < now {
                "expired"
            } else {
                "open"
            };
            InvitationReply {
                id: view.invitation.to_string(),
                group: scene.place(view.terms.group),
                rights: RightsArg(view.terms.rights),
                uses: view.terms.uses_max,
                used_by: view.used_by.into_iter().map(|who| scene.who(who)).collect(),
                expires_at_ms: view.terms.expires_at.0,
                state: state.to_owned(),
            }
        });
        Ok(InviteListReply { invitations: reply.collect() })
    }
}

/// Revoke an invitation
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct InviteRevoke {
    /// Its id, if this node wrote it; else the whole code
    #[arg(value_name = "INVITATION")]
    pub invitation: String,
}

impl std::fmt::Debug for InviteRevoke {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The code holds a secret.
        out.write_str("InviteRevoke")
    }
}

impl Call for InviteRevoke {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invite/revoke";
    type Reply = Written;

    async fn answer(self, cx: &Cx) -> Result<Written, Failure> {
        let invitation = if self.invitation.to_ascii_lowercase().starts_with("moot1") {
            Code::decode(&self.invitation)?.invitation
        } else {
            let namespace = cx.namespace().await?.namespace;
            let issued = cx.query(move |state| {
                let namespace = state.durable.namespaces.get(&namespace);
                namespace.map_or_else(Vec::new, |namespace| namespace.issued.clone())
            });
            let candidates: Vec<_> = issued.await?.into_iter().map(candidate).collect();
            pick("invitation", InvitationId::PREFIX, &self.invitation, &candidates)?
        };
        let (namespace, group) = (invitation.terms.namespace, invitation.terms.group);
        let done = format!("revoked {}", invitation.terms.id());
        let scene = cx.scene_of(namespace).await?;
        let sent = cx.govern(&scene, group, Body::InvitationRevoked { invitation }).await?;
        Ok(Written::new(done, sent))
    }
}

fn candidate(invitation: Invitation) -> Candidate<Invitation> {
    Candidate { id: invitation.terms.id().to_string(), name: None, value: invitation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_come_last() {
        let all = ["/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.7/tcp/1", "/ip6/::1/tcp/1"];
        let sorted = reachable(all.map(str::to_owned).to_vec());
        assert_eq!(sorted, ["/ip4/192.0.2.7/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"]);
    }
}
