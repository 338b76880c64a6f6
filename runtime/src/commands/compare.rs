//! Comparing a namespace with a peer, now: heads, root, and where the two sets of ops differ.
//!
//! It only looks: what is missing comes by the exchanges that the nodes hold anyway.

use std::collections::BTreeSet;
use std::time::Duration;

use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::input::Answer;
use folkmoot_core::limits::ROUNDS_MAX;
use folkmoot_core::sync::index::{Index, Key, Keyed};
use folkmoot_core::sync::ranges::{self, Differences};
use folkmoot_core::wire::{Heads, Ranges, Refused, Request};
use serde::{Deserialize, Serialize};

use super::namespace::hex;
use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{OpReply, Who, short};

/// How often a busy peer is asked again, and after how long.
const BUSY_RETRIES: u32 = 20;
const BUSY_WAIT: Duration = Duration::from_millis(250);
/// Ids that an answer names.
const NAMED_MAX: usize = 16;

/// Compare heads and state with a peer, and say what is missing on either side
///
/// Ends with 0 where both have the same, with 7 where they have the same ops and another state, and
/// with 1 where one of them lacks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Compare {
    /// With whom: its id, the beginning of it, or the name of the member behind it
    pub peer: String,
}

/// How two nodes compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The same ops, the same state.
    Equal,
    /// The same heads, another state: a bug, or a lie.
    Diverged,
    /// This node lacks something.
    Behind,
    /// The other one does.
    Ahead,
    /// Both do.
    Apart,
}

/// What one node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its heads.
    pub heads: Vec<String>,
    /// Root over all groups, in hex.
    pub state_root: String,
    /// Ops that only it has.
    pub only: u64,
    /// Some of them, by id.
    pub some: Vec<String>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareReply {
    /// Transport key of the other node.
    pub peer: String,
    /// The member behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Who>,
    /// The namespace.
    pub namespace: String,
    /// How they compare.
    pub relation: Relation,
    /// What is here.
    pub here: Side,
    /// What is there.
    pub there: Side,
    /// Whether every difference was found; if not, the numbers are too small.
    pub complete: bool,
    /// The first op, from the founding on, that is here and not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<OpReply>,
}

impl CompareReply {
    /// The exit code of the command, where it is not 0.
    pub const fn class(&self) -> Option<Class> {
        match self.relation {
            Relation::Equal => None,
            Relation::Diverged => Some(Class::Unhealthy),
            Relation::Behind | Relation::Ahead | Relation::Apart => Some(Class::Failed),
        }
    }

    fn verdict(&self) -> Cell {
        let at_least = if self.complete { "" } else { "at least " };
        let (ours, theirs) = (ops(self.here.only), ops(self.there.only));
        let here = format!("this node lacks {at_least}{theirs}");
        let there = format!("it lacks {at_least}{ours}");
        match self.relation {
            Relation::Equal => Cell(Tone::Good, "equal: the same ops, the same state".to_owned()),
            Relation::Diverged => {
                let text = "DIVERGED: the same heads, another state; `moot verify` on both";
                Cell(Tone::Bad, text.to_owned())
            }
            Relation::Behind => Cell(Tone::Warn, format!("behind: {here}")),
            Relation::Ahead => Cell(Tone::Warn, format!("ahead: {there}")),
            Relation::Apart => Cell(Tone::Warn, format!("apart: {here}, and {there}")),
        }
    }
}

fn ops(count: u64) -> String {
    format!("{count} {}", if count == 1 { "op" } else { "ops" })
}

impl Show for CompareReply {
    fn show(&self, page: &mut Page) {
        let Cell(tone, verdict) = self.verdict();
        page.put(tone, &verdict).end();
        let member = self.member.as_ref().map_or_else(String::new, Who::label);
        let heads = |side: &Side| {
            let heads: Vec<_> = side.heads.iter().take(NAMED_MAX).map(|id| short(id)).collect();
            let more = side.heads.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Cell(Tone::Plain, format!("{}{more}", heads.join(" ")))
        };
        page.fields(&[
            ("with", format!("{} {member}", short(&self.peer)).into()),
            ("heads here", heads(&self.here)),
            ("heads there", heads(&self.there)),
            ("root here", self.here.state_root.clone().into()),
            ("root there", self.there.state_root.clone().into()),
        ]);
        for (title, side) in [("only here", &self.here), ("only there", &self.there)] {
            if !side.some.is_empty() {
                let some: Vec<_> = side.some.iter().map(|id| short(id)).collect();
                page.fields(&[(title, some.join(" ").into())]);
            }
        }
        if let Some(first) = &self.first {
            page.put(Tone::Dim, "first op that is missing there").end();
            page.table(&OpReply::COLUMNS, &[first.row()]);
        }
    }
}

impl Call for Compare {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/compare";
    type Reply = CompareReply;

    async fn answer(self, cx: &Cx) -> Result<CompareReply, Failure> {
        let peer = cx.peer(&self.peer).await?;
        let topic = cx.topic_of(peer).await?;
        let namespace = topic.namespace;
        let here = cx.query(move |state| state.summit(&namespace)).await?;
        let here = here.ok_or_else(|| Failure::protocol("this node has left the namespace"))?;
        let (heads, state_root) = cx.heads_of(peer, namespace, &here.heads).await?;
        let is_level = heads == here.heads;
        let found = if is_level {
            Differences::default()
        } else {
            cx.differences(peer, namespace, &here.ops).await?
        };
        let relation = relation(is_level, state_root == here.state_root, &found);
        let mut scene = cx.scene_of(namespace).await?;
        let ours = keys_of(&here.ops, &found.ours);
        let first = ours.first().map(|key| key.id).into_iter().collect();
        let first = cx.ops(&mut scene, first).await?.pop();
        let ours = ours.into_iter().map(|key| key.id).collect();
        let side = |heads: &[OpId], root: &[u8; 32], only: &BTreeSet<OpId>| Side {
            heads: heads.iter().map(OpId::to_string).collect(),
            state_root: hex(root),
            only: only.len() as u64,
            some: only.iter().take(NAMED_MAX).map(OpId::to_string).collect(),
        };
        Ok(CompareReply {
            peer: peer.to_string(),
            member: topic.member.map(|member| scene.who(member)),
            namespace: namespace.to_string(),
            relation,
            here: side(&here.heads, &here.state_root, &ours),
            there: side(&heads, &state_root, &found.theirs),
            complete: found.open_from.is_none(),
            first,
        })
    }
}

fn relation(is_level: bool, same_root: bool, found: &Differences) -> Relation {
    match (is_level, same_root, found.ours.is_empty(), found.theirs.is_empty()) {
        (true, true, ..) => Relation::Equal,
        (true, false, ..) => Relation::Diverged,
        (false, _, true, false) => Relation::Behind,
        (false, _, false, true) => Relation::Ahead,
        (false, ..) => Relation::Apart,
    }
}

/// Some ops in order, from the founding on.
fn keys_of(all: &impl Keyed, some: &BTreeSet<Ix>) -> BTreeSet<Key> {
    some.iter().map(|ix| all.key(*ix)).collect()
}

impl Cx {
    /// The heads and the root of a peer.
    async fn heads_of(
        &self,
        peer: PeerKey,
        namespace: NamespaceId,
        ours: &[OpId],
    ) -> Result<(Vec<OpId>, [u8; 32]), Failure> {
        let heads = Heads::truncated(ours.to_vec());
        let question = Request::Heads { namespace, heads, common: None };
        let answer = self.ask_patiently(peer, &question).await?;
        let Answer::Heads { heads, state_root, .. } = answer else {
            return Err(unfit(peer, answer));
        };
        Ok((heads.into_vec(), state_root))
    }

    /// Where our set of ops and that of a peer differ, as far as it is found out.
    async fn differences(
        &self,
        peer: PeerKey,
        namespace: NamespaceId,
        ops: &Vec<Key>,
    ) -> Result<Differences, Failure> {
        let mut order = Index::default();
        order.catch_up(ops, u32::MAX);
        let order = order.ordered(ops);
        let mut found = Differences::default();
        let mut message = Some(ranges::begin(&order));
        for _ in 0..ROUNDS_MAX {
            let Some(bytes) = message.take() else { break };
            let question = Request::Reconcile { namespace, ranges: Ranges::truncated(bytes) };
            let answer = self.ask_patiently(peer, &question).await?;
            let Answer::Ranges(ranges) = answer else { return Err(unfit(peer, answer)) };
            message = ranges::go_on(&order, &ranges, &mut found)
                .map_err(|garbled| Failure::protocol(garbled.to_string()))?;
        }
        Ok(found)
    }

    /// Asks, and asks again while the peer is busy.
    async fn ask_patiently(&self, peer: PeerKey, question: &Request) -> Result<Answer, Failure> {
        let mut retries = 0;
        loop {
            let (answer, _) = self.node.ask(peer, question).await?;
            if answer != Answer::Refused(Refused::Busy) || retries >= BUSY_RETRIES {
                return Ok(answer);
            }
            retries += 1;
            tokio::time::sleep(BUSY_WAIT).await;
        }
    }
}

/// An answer that is no use.
fn unfit(peer: PeerKey, answer: Answer) -> Failure {
    let peer = short(&peer.to_string());
    let Answer::Refused(why) = answer else {
        return Failure::protocol(format!("{peer} answered something else"));
    };
    let is_denied = matches!(why, Refused::Stranger | Refused::Ineffective);
    let class = if is_denied { Class::Denied } else { Class::Failed };
    Failure::new(class, "peer-refused", format!("{peer} does not answer: {why}"))
        .hint("try again in a moment; `moot peers` shows who it takes this node for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> OpId {
        OpId([number; 32])
    }

    #[test]
    fn a_comparison_is_of_heads_then_roots_then_ops() {
        let found = |ours: &[u8], theirs: &[u8]| Differences {
            ours: ours.iter().map(|number| Ix((*number).into())).collect(),
            theirs: theirs.iter().map(|number| id(*number)).collect(),
            open_from: None,
        };
        for (is_level, same_root, found, due) in [
            (true, true, found(&[], &[]), Relation::Equal),
            (true, false, found(&[], &[]), Relation::Diverged),
            (false, false, found(&[], &[1]), Relation::Behind),
            (false, false, found(&[1], &[]), Relation::Ahead),
            (false, true, found(&[1], &[2]), Relation::Apart),
        ] {
            assert_eq!(relation(is_level, same_root, &found), due);
        }
    }

    #[test]
    fn the_first_difference_is_the_oldest() {
        let key = |generation, number| Key { generation, id: id(number) };
        let all = vec![key(1, 9), key(3, 1), key(2, 7), key(2, 6)];
        let some = keys_of(&all, &[Ix(1), Ix(2), Ix(3)].into());
        assert_eq!(some.first(), Some(&key(2, 6)));
    }
}
