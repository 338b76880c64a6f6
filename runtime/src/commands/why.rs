//! Why an op counts or not, and why a member may not do something.

use std::collections::BTreeSet;

use folkmoot_core::id::OpId;
use folkmoot_core::query::{MayView, OpView, Standing};
use serde::{Deserialize, Serialize};

use crate::call::{Call, Cx, Method};
use crate::errors::Failure;
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{OpReply, Place, Who, short};

/// Most ops that an explanation walks through; what lies behind is left out.
const WALK_MAX: usize = 1024;

/// Walk the authority of an op: by which grant, given by which op of whom, to the genesis
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Why {
    /// Which
    pub op: String,
}

/// One step of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The op.
    #[serde(flatten)]
    pub op: OpReply,
    /// The ops whose grants authorise it.
    pub authority: Vec<String>,
}

/// Why an op counts or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyReply {
    /// The op, then what authorises it, and so on to the genesis.
    pub authority: Vec<Step>,
    /// The ops because of which it has no effect, each followed by what authorises it.
    pub because_of: Vec<Step>,
    /// Whether something was left out.
    pub truncated: bool,
}

impl Show for WhyReply {
    fn show(&self, page: &mut Page) {
        let Some(Step { op, .. }) = self.authority.first() else { return };
        page.put(Tone::Strong, &short(&op.id)).put(Tone::Plain, "  ");
        page.put(Tone::Plain, &format!("{} {}", op.signer.label(), op.summary)).end();
        let Cell(tone, verdict) = op.verdict.cell();
        page.put(tone, &verdict);
        if let Some(rule) = &op.verdict.rule {
            page.put(Tone::Plain, &format!(" by {rule}"));
        }
        if let Some(reason) = &op.verdict.reason {
            page.put(Tone::Plain, &format!(": {reason}"));
        }
        page.end();
        for (title, steps) in [
            ("authority", self.authority.get(1..).unwrap_or_default()),
            ("struck by", &self.because_of),
        ] {
            if steps.is_empty() {
                continue;
            }
            page.end();
            page.put(Tone::Dim, title).end();
            for Step { op, authority } in steps {
                let Cell(tone, verdict) = op.verdict.cell();
                page.put(Tone::Plain, "  ").put(Tone::Strong, &short(&op.id));
                page.put(Tone::Plain, &format!("  {} {}  ", op.signer.label(), op.summary));
                page.put(tone, &verdict);
                let mut by: Vec<_> = authority.iter().map(|op| short(op)).collect();
                // A join often has one grant for witness and inviter.
                by.dedup();
                let by =
                    if by.is_empty() { String::new() } else { format!("  by {}", by.join(", ")) };
                page.put(Tone::Dim, &by).end();
            }
        }
        if self.truncated {
            page.put(Tone::Dim, "  … (more was left out)").end();
        }
    }
}

/// The ops because of which another has no effect.
fn causes(op: &OpView) -> Vec<OpId> {
    match &op.standing {
        Standing::Effective | Standing::VoidAtCut(_) | Standing::Unfounded(_) => Vec::new(),
        Standing::Struck(by) | Standing::Spent(by) => by.clone(),
        Standing::Lost(winner) => vec![*winner],
    }
}

/// `first` and all that authorises them, nearest first, through the genesis.
fn walk(first: Vec<OpId>, look: impl Fn(&OpId) -> Option<OpView>) -> (Vec<OpView>, bool) {
    let mut queue: std::collections::VecDeque<_> = first.into();
    let mut seen: BTreeSet<_> = queue.iter().copied().collect();
    let mut walked = Vec::new();
    while let Some(id) = queue.pop_front() {
        if walked.len() == WALK_MAX {
            return (walked, true);
        }
        let Some(view) = look(&id) else { continue };
        queue.extend(view.authority.iter().copied().filter(|grant| seen.insert(*grant)));
        walked.push(view);
    }
    (walked, false)
}

impl Call for Why {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/why";
    type Reply = WhyReply;

    async fn answer(self, cx: &Cx) -> Result<WhyReply, Failure> {
        let (mut scene, view) = cx.op(&self.op).await?;
        let (namespace, id) = (scene.namespace(), view.id);
        let walks = cx.query(move |state| {
            let authority = walk(vec![id], |op| state.op(&namespace, op));
            // What an unfounded op rests on lies on the walk already: its cause is there.
            let causes: Vec<_> = authority.0.iter().flat_map(causes).collect();
            let because_of = walk(causes, |op| state.op(&namespace, op));
            (authority, because_of)
        });
        let ((authority, cut), (because_of, also_cut)) = walks.await?;
        let steps = |views: Vec<OpView>, replies: Vec<OpReply>| {
            let pairs = views.into_iter().zip(replies);
            let step = |(view, op): (OpView, OpReply)| Step {
                op,
                authority: view.authority.iter().map(OpId::to_string).collect(),
            };
            pairs.map(step).collect::<Vec<_>>()
        };
        let authority_replies = cx.op_replies(&mut scene, authority.clone()).await?;
        let because_replies = cx.op_replies(&mut scene, because_of.clone()).await?;
        Ok(WhyReply {
            authority: steps(authority, authority_replies),
            because_of: steps(because_of, because_replies),
            truncated: cut || also_cut,
        })
    }
}

/// The actions, as they are typed.
const ACTIONS: &str = "What: add:MEMBER[:RIGHTS], remove:MEMBER, restrict:MEMBER:RIGHTS, leave, \
     create-group[:restricted], move:GROUP:TO, delete[:GROUP], rename[:GROUP], \
     visibility[:restricted], defaults:RIGHTS, register, detach:CONTEXT, anchor";

/// Say which rule refuses an action of a member, and who could do it
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct WhyNot {
    /// Who; `me` for yourself
    pub member: String,
    /// What it would do.
    #[arg(help = ACTIONS)]
    pub action: String,
    /// Where; the root unless said
    #[arg(short, long)]
    pub group: Option<String>,
}

/// Whether a member may do something now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNotReply {
    /// Who.
    pub member: Who,
    /// What.
    pub action: String,
    /// Where.
    pub group: Place,
    /// Whether it may.
    pub may: bool,
    /// The op whose grant allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OpReply>,
    /// Which rule refuses it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Members who could do it, the most senior first.
    pub who_could: Vec<Who>,
}

impl Show for WhyNotReply {
    fn show(&self, page: &mut Page) {
        page.put(Tone::Strong, &self.member.label());
        let what = format!("{} in {}", self.action, self.group.label());
        if self.may {
            page.put(Tone::Good, " may ").put(Tone::Plain, &what);
            if let Some(op) = &self.by {
                page.put(Tone::Plain, &format!(", by {}: ", short(&op.id)));
                page.put(Tone::Plain, &format!("{} {}", op.signer.label(), op.summary));
            }
            page.end();
            return;
        }
        page.put(Tone::Bad, " may not ").put(Tone::Plain, &what).end();
        page.put(Tone::Plain, self.why.as_deref().unwrap_or_default()).end();
        let could: Vec<_> = self.who_could.iter().map(Who::label).collect();
        if could.is_empty() {
            page.line("nobody could do it as things are");
        } else {
            page.line(&format!("could do it: {}", could.join(", ")));
        }
    }
}

impl Call for WhyNot {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/why-not";
    type Reply = WhyNotReply;

    async fn answer(self, cx: &Cx) -> Result<WhyNotReply, Failure> {
        let mut scene = cx.scene().await?;
        let member = scene.member(&self.member)?;
        let group = scene.group(self.group.as_deref())?;
        let (group, body) = cx.action(&scene, group, &self.action).await?;
        let namespace = scene.namespace();
        let may = cx.query(move |state| state.may(&namespace, &member, &group, &body)).await?;
        let mut reply = WhyNotReply {
            member: scene.who(member),
            action: self.action,
            group: scene.place(group),
            may: matches!(may, MayView::Yes(_)),
            by: None,
            why: None,
            who_could: Vec::new(),
        };
        match may {
            MayView::Yes(grant) => {
                reply.by = cx.ops(&mut scene, grant.into_iter().collect()).await?.pop();
            }
            MayView::No { why, who_could } => {
                reply.why = Some(why);
                reply.who_could = who_could.into_iter().map(|who| scene.who(who)).collect();
            }
        }
        Ok(reply)
    }
}
