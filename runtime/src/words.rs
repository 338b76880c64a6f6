//! Ops and verdicts in words.

use std::collections::BTreeSet;

use folkmoot_core::governance::op::{Body, Payload, SlotName, SlotWrite, Subject};
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::query::{OpView, Standing};

use crate::args::VisibilityArg;
use crate::call::Cx;
use crate::errors::Failure;
use crate::reply::{OpReply, Verdict, short};
use crate::scene::{Scene, written_name};

impl Cx {
    /// Ops for an answer, in the order given.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn op_replies(
        &self,
        scene: &mut Scene,
        ops: Vec<OpView>,
    ) -> Result<Vec<OpReply>, Failure> {
        let payloads = self.payloads(ops.iter().map(|op| op.id).collect()).await?;
        self.recall(scene, payloads.iter().flatten()).await?;
        let replies = ops.iter().zip(&payloads);
        Ok(replies.map(|(op, payload)| op_reply(scene, op, payload.as_ref())).collect())
    }
}

impl Cx {
    /// Learns the names of groups that these ops are about and that exist no longer.
    async fn recall(
        &self,
        scene: &mut Scene,
        payloads: impl Iterator<Item = &Payload>,
    ) -> Result<(), Failure> {
        let gone: BTreeSet<GroupId> =
            payloads.map(|payload| payload.group).filter(|group| !scene.exists(group)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let namespace = scene.namespace();
        let named = self.query(move |state| {
            let name = |group: GroupId| {
                let mut slots = state.slots(&namespace, &group).into_iter();
                let slot = slots.find(|slot| names_a_group(&slot.key.name))?;
                Some((group, slot.winner))
            };
            gone.into_iter().filter_map(name).collect::<Vec<_>>()
        });
        let named = named.await?;
        let texts = self.names(named.iter().map(|(_, op)| Some(*op)).collect()).await?;
        for ((group, _), name) in named.into_iter().zip(texts) {
            scene.remember(group, name);
        }
        Ok(())
    }
}

fn names_a_group(slot: &SlotName) -> bool {
    matches!(slot, SlotName::Metadata(Subject::Group, key) if &**key == "name")
}

/// An op for an answer.
pub fn op_reply(scene: &Scene, op: &OpView, payload: Option<&Payload>) -> OpReply {
    let body = payload.map(|payload| &payload.body);
    OpReply {
        id: op.id.to_string(),
        kind: body.map_or("unknown", Body::name).to_owned(),
        summary: payload.map_or_else(|| "not in the store".to_owned(), |it| describe(scene, it)),
        signer: scene.who(op.signer),
        group: scene.place(op.group),
        nonce: op.nonce,
        generation: op.generation,
        verdict: verdict(op),
        visible: op.is_visible,
    }
}

/// What became of an op, for an answer.
pub fn verdict(op: &OpView) -> Verdict {
    let ids = |ops: &[OpId]| ops.iter().map(OpId::to_string).collect::<Vec<_>>();
    let (rule, reason, because_of) = match &op.standing {
        Standing::Effective => {
            return Verdict {
                standing: "effective".to_owned(),
                rule: None,
                reason: op.outranked_by.map(|winner| format!("outranked by {}", brief(winner))),
                because_of: op.outranked_by.iter().map(OpId::to_string).collect(),
                is_final: op.is_final,
            };
        }
        Standing::VoidAtCut(void) => {
            let text = void.to_string();
            let (rule, reason) = text.split_once(": ").unwrap_or(("A9", &text));
            (rule.to_owned(), reason.to_owned(), Vec::new())
        }
        Standing::Unfounded(grant) => {
            let reason = format!("the grant it rests on, {}, has no effect", brief(*grant));
            ("K1".to_owned(), reason, ids(&[*grant]))
        }
        Standing::Struck(by) => {
            let list: Vec<_> = by.iter().map(|op| brief(*op)).collect();
            ("D9-D11".to_owned(), format!("struck by {}", list.join(", ")), ids(by))
        }
        Standing::Spent(joins) => {
            let reason = "its invitation was used up by others".to_owned();
            ("K7".to_owned(), reason, ids(joins))
        }
        Standing::Lost(winner) => {
            let reason = format!("strict, and {} came first", brief(*winner));
            ("R5".to_owned(), reason, ids(&[*winner]))
        }
    };
    Verdict {
        standing: "void".to_owned(),
        rule: Some(rule),
        reason: Some(reason),
        because_of,
        is_final: op.is_final,
    }
}

fn brief(op: OpId) -> String {
    short(&op.to_string())
}

/// What an op does, in words; the signer is the subject.
pub fn describe(scene: &Scene, payload: &Payload) -> String {
    let group = || scene.place(payload.group).label();
    match &payload.body {
        Body::NamespaceCreated { owners, .. } => {
            let owners: Vec<_> = owners.iter().map(|owner| scene.who(*owner).label()).collect();
            format!("founded the namespace, owned by {}", owners.join(", "))
        }
        Body::GroupCreated { visibility } => {
            format!("created a group, {}, in {}", VisibilityArg::from(*visibility), group())
        }
        Body::GroupMoved { new_parent } => {
            format!("moved {} to {}", group(), scene.place(*new_parent).label())
        }
        Body::GroupDeleted => format!("deleted {}", group()),
        Body::Anchor { notary: None, .. } => "anchored what came before".to_owned(),
        Body::Anchor { notary: Some(notary), .. } => {
            format!("anchored, with {} as the next notary", scene.who(*notary).label())
        }
        Body::Noop => "joined heads".to_owned(),
        Body::MemberAdded { member, rights } => {
            format!("gave {} {rights} in {}", scene.who(*member).label(), group())
        }
        Body::MemberRestricted { member, keep } if keep.is_empty() => {
            format!("removed {} from {}", scene.who(*member).label(), group())
        }
        Body::MemberRestricted { member, keep } => {
            format!("restricted {} to {keep} in {}", scene.who(*member).label(), group())
        }
        Body::MemberLeft => format!("left {}", group()),
        Body::MemberJoined { request } => {
            let terms = &request.invitation.terms;
            let (joiner, inviter) = (scene.who(request.joiner), scene.who(terms.inviter));
            format!(
                "admitted {} to {} with {}, invited by {}",
                joiner.label(),
                group(),
                terms.rights,
                inviter.label()
            )
        }
        Body::InvitationRevoked { invitation } => {
            format!("revoked the invitation {}", short(&invitation.terms.id().to_string()))
        }
        Body::SlotSet { write, .. } => describe_write(scene, payload, write),
        Body::ContextRegistered { .. } => format!("registered a context in {}", group()),
    }
}

fn describe_write(scene: &Scene, payload: &Payload, write: &SlotWrite) -> String {
    let group = scene.place(payload.group).label();
    match write {
        SlotWrite::Visibility(to) => format!("made {group} {}", VisibilityArg::from(*to)),
        SlotWrite::DefaultRights(rights) => {
            format!("set the default rights of {group} to {rights}")
        }
        SlotWrite::Metadata { subject, key, .. } => {
            let subject = match subject {
                Subject::Group => group,
                Subject::Member(member) => scene.who(*member).label(),
                Subject::Context(context) => short(&context.to_string()),
            };
            match (written_name(payload), &**key) {
                (Some(name), "name") => format!("named {subject} “{name}”"),
                (Some(_), key) => format!("set {key} of {subject}"),
                (None, key) => format!("removed {key} of {subject}"),
            }
        }
        SlotWrite::AutoFollow(true) => format!("follows new contexts of {group}"),
        SlotWrite::AutoFollow(false) => format!("does not follow new contexts of {group}"),
        SlotWrite::Policy { key, .. } => format!("set the policy {}", &**key),
        SlotWrite::TargetApplication(_) => format!("chose the application of {group}"),
        SlotWrite::UpgradePolicy(_) => format!("set the upgrade policy of {group}"),
        SlotWrite::Migration(_) => format!("set the migration of {group}"),
        SlotWrite::ContextDetached(context) => {
            format!("detached {} from {group}", short(&context.to_string()))
        }
        SlotWrite::ContextRights { context, member, rights } => format!(
            "set the rights of {} in {} to {rights}",
            scene.who(*member).label(),
            short(&context.to_string())
        ),
    }
}
