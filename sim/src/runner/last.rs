//! What is looked at once, when all is over: the records on the disks, and what came of each op.

use super::book::Book;
use super::sets::{Summary, durable_digest};
use super::{Invariant, Runner, Violation};
use crate::cluster::Node;
use crate::scenario::{Action, Deed};
use folkmoot_core::governance::graph::Graph;
use folkmoot_core::governance::invitation::JoinRequest;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::governance::view::Cause;
use folkmoot_core::id::{MemberId, NamespaceId, OpId};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::signed::verify;
use folkmoot_core::state::Durable;
use std::collections::{BTreeMap, BTreeSet};

/// One node at the end, with the ops of its log.
struct Last<'a> {
    at: usize,
    node: &'a Node,
    namespace: NamespaceId,
    space: &'a Space,
    book: Book,
}

impl Runner<'_> {
    /// I29, I36, I38 to I41.
    pub(super) fn check_last(&self, namespace: NamespaceId) -> Result<(), Violation> {
        let is_peaceful = self.is_peaceful();
        let looked_at = usize::try_from(self.scenario.seed).unwrap_or_default();
        for (at, node) in self.world.nodes.iter().enumerate() {
            let durable = &node.state().durable;
            let Some(known) = durable.namespaces.get(&namespace).filter(|_| self.is_honest(at))
            else {
                continue;
            };
            if self.world.nodes.len() == 1 || at == looked_at % self.world.nodes.len() {
                check_snapshots(at, node, durable).or_else(|it| self.judge(it))?;
            }
            let (space, book) = (&known.space, Book::of(node));
            let last = Last { at, node, namespace, space, book };
            last.check_evidence().or_else(|it| self.judge(it))?;
            last.check_rules(durable).or_else(|it| self.judge(it))?;
            if !space.is_settled() {
                continue;
            }
            last.check_uses(&self.promised_uses).or_else(|it| self.judge(it))?;
            let honest = |id: MemberId| self.is_honest_member(id);
            last.check_void(honest).or_else(|it| self.judge(it))?;
            if is_peaceful {
                last.check_peace(honest).or_else(|it| self.judge(it))?;
            }
        }
        Ok(())
    }

    /// Whether nobody takes anything from anybody, and nothing is there to be raced for (I40).
    fn is_peaceful(&self) -> bool {
        let takes = |deed: &Deed| {
            matches!(
                deed,
                Deed::Restrict { .. }
                    | Deed::Remove { .. }
                    | Deed::Leave
                    | Deed::Move { .. }
                    | Deed::Close { .. }
            )
        };
        let is_hard = |action: &Action| {
            let is_taking = matches!(action, Action::Govern { deed, .. } if takes(deed));
            is_taking || matches!(action, Action::Race { .. }) || action.villain().is_some()
        };
        !self.scenario.actions.iter().any(is_hard)
    }
}

/// I36: each snapshot, and the records behind it, lead to the same state as all records.
pub(super) fn check_snapshots(at: usize, node: &Node, durable: &Durable) -> Result<(), Violation> {
    let wrong = |what: String| Violation::new(Invariant::I36, &[at], what);
    if node.disk.snapshot_count() == 0 || !node.is_up() {
        return Ok(());
    }
    let folded = node.disk.refold(durable.records).map_err(|error| wrong(error.to_string()))?;
    let expected = durable_digest(&folded.state.durable);
    for snapshot in node.disk.snapshots().map_err(|error| wrong(error.to_string()))? {
        if durable_digest(&snapshot.state.durable) != expected {
            let what = format!(
                "the snapshot at record {}, with what is behind it, is not the fold of {} records",
                snapshot.snapshot_seq, durable.records
            );
            return Err(wrong(what));
        }
    }
    Ok(())
}

impl Last<'_> {
    fn wrong(&self, invariant: Invariant, what: String) -> Violation {
        Violation::new(invariant, &[self.at], what)
    }

    fn graph(&self) -> &Graph {
        self.space.graph()
    }

    fn id(&self, ix: Ix) -> OpId {
        self.graph().node(ix).id
    }

    fn join(&self, ix: Ix) -> Option<&JoinRequest> {
        let body = &self.book.op(&self.id(ix))?.payload.body;
        if let Body::MemberJoined { request } = body { Some(request) } else { None }
    }

    /// I29: people who are effectively in by an invitation are no more than were promised.
    fn check_uses(&self, promised: &BTreeMap<MemberId, u32>) -> Result<(), Violation> {
        let mut joiners: BTreeMap<MemberId, (u32, BTreeSet<MemberId>)> = BTreeMap::new();
        for ix in (0..self.graph().len()).map(Ix) {
            let Some(request) = self.join(ix) else { continue };
            if !self.space.view().is_effective(self.graph(), ix) {
                continue;
            }
            let terms = &request.invitation.terms;
            let uses_max = promised.get(&terms.one_time_key).copied().unwrap_or(terms.uses_max);
            let entry = joiners.entry(terms.one_time_key);
            entry.or_insert((uses_max, BTreeSet::new())).1.insert(request.joiner);
        }
        match joiners.into_values().find(|(most, who)| who.len() > *most as usize) {
            Some((most, who)) => {
                let what = format!("{who:?} are in by an invitation for {most}");
                Err(self.wrong(Invariant::I29, what))
            }
            None => Ok(()),
        }
    }

    /// I38: whoever is said to have signed twice has.
    fn check_evidence(&self) -> Result<(), Violation> {
        for (signer, nonce, ops) in self.graph().equivocations() {
            let signer = self.graph().member_id(signer);
            for ix in &ops {
                let body = self.node.disk.peek(&self.graph().stored(*ix));
                let op = body.ok().and_then(|bytes| verify(&bytes, self.namespace).ok());
                let is_theirs =
                    op.is_some_and(|op| op.payload.signer == signer && op.payload.nonce == nonce);
                if ops.len() < 2 || !is_theirs {
                    let what = format!("op {} is no evidence against {signer:?}", self.id(*ix));
                    return Err(self.wrong(Invariant::I38, what));
                }
            }
        }
        Ok(())
    }

    /// I39: no op of other rules is in the graph, and those that are kept beside it change nothing.
    fn check_rules(&self, durable: &Durable) -> Result<(), Violation> {
        let mut ops = self.book.ops();
        if let Some(op) = ops.find(|op| op.payload.rules != RULES_VERSION) {
            let what = format!("op {} of rules {} was judged", op.id, op.payload.rules);
            return Err(self.wrong(Invariant::I39, what));
        }
        let parked = durable.namespaces.get(&self.namespace).map_or(0, |it| it.parked.len());
        if parked == 0 {
            return Ok(());
        }
        let mut plain = Space::default();
        let mut cuts = folkmoot_core::governance::cuts::Cuts::default();
        for ix in (0..self.graph().len()).map(Ix) {
            if let Some(op) = self.book.op(&self.id(ix)) {
                plain.admit(&mut cuts, op);
            }
        }
        if self.space.is_settled() && Summary::of(&plain) != Summary::of(self.space) {
            let what = format!("without its {parked} parked ops the state is another");
            return Err(self.wrong(Invariant::I39, what));
        }
        Ok(())
    }

    /// I41: why an honest op has no effect.
    fn check_void(&self, is_honest: impl Fn(MemberId) -> bool) -> Result<(), Violation> {
        let (graph, view) = (self.graph(), self.space.view());
        for ix in (0..graph.len()).map(Ix) {
            let signer = graph.member_id(graph.node(ix).signer);
            if view.is_effective(graph, ix) || !is_honest(signer) {
                continue;
            }
            if let Some(why) = self.strange(ix) {
                let what = format!("op {} of {signer:?}: {why}", self.id(ix));
                return Err(self.wrong(Invariant::I41, what));
            }
        }
        Ok(())
    }

    /// I40: where nobody takes anything, every honest op has effect.
    fn check_peace(&self, is_honest: impl Fn(MemberId) -> bool) -> Result<(), Violation> {
        let (graph, view) = (self.graph(), self.space.view());
        let is_void = |ix: &Ix| {
            let signer = graph.member_id(graph.node(*ix).signer);
            !view.is_effective(graph, *ix) && is_honest(signer)
        };
        match (0..graph.len()).map(Ix).find(is_void) {
            Some(ix) => {
                let what = format!("op {} has no effect, and nothing was taken", self.id(ix));
                Err(self.wrong(Invariant::I40, what))
            }
            None => Ok(()),
        }
    }

    /// Why the reason for which an op is void is none that an honest op may have.
    fn strange(&self, ix: Ix) -> Option<String> {
        let (graph, view) = (self.graph(), self.space.view());
        if let Some(void) = graph.void_at_cut(ix) {
            return Some(format!("void at its cut: {void}"));
        }
        let acts = |op: Ix| view.is_effective(graph, op) && !graph.is_past(op, ix);
        let is_fair = match view.cause(graph, ix) {
            None => false,
            Some(Cause::Auth(op)) => !view.is_effective(graph, op),
            Some(Cause::Struck(by)) => {
                !by.is_empty() && by.into_iter().all(|op| self.may_strike(op, ix))
            }
            Some(Cause::Spent(by)) => {
                let joiners: BTreeSet<MemberId> =
                    by.iter().filter_map(|op| Some(self.join(*op)?.joiner)).collect();
                let uses = self.join(ix).map(|it| it.invitation.terms.uses_max);
                uses.is_some_and(|uses| joiners.len() >= uses as usize)
                    && by.into_iter().all(|op| view.is_effective(graph, op))
            }
            Some(Cause::Lost(winner)) => acts(winner) && !graph.is_past(ix, winner),
        };
        (!is_fair).then(|| format!("void by {:?}", view.cause(graph, ix)))
    }

    /// Whether an op takes what another one needs: effective, a restriction or a move, and by the
    /// author of the other or by somebody senior.
    fn may_strike(&self, by: Ix, ix: Ix) -> bool {
        let graph = self.graph();
        let takes = self.book.op(&self.id(by)).is_some_and(|op| {
            matches!(
                op.payload.body,
                Body::MemberRestricted { .. } | Body::MemberLeft | Body::GroupMoved { .. }
            )
        });
        let is_self = graph.node(by).auth().is_none();
        let mut auths = graph.node(ix).auths();
        let is_senior = auths.any(|auth| graph.prio(by) < graph.seniority(auth.grant));
        takes && self.space.view().is_effective(graph, by) && (is_self || is_senior)
    }
}
