//! The answers.

use super::{
    EvidenceView, GroupView, HistoryFilter, InvitationView, MayView, MemberView, NamespaceView,
    OpView, SlotView, Standing,
};
use crate::bounded::{Bounded, Text};
use crate::governance::cuts::Cuts;
use crate::governance::graph::Graph;
use crate::governance::op::{Body, Payload, SlotKey, SlotName, Subject};
use crate::governance::table::{GroupIx, Ix, PersonIx};
use crate::governance::verdict::Admission;
use crate::governance::view::{Cause, View};
use crate::id::{ContextId, GroupId, MemberId, NamespaceId, OpId};
use crate::limits::RULES_VERSION;
use crate::record::Stored;
use crate::signed::is_well_formed;
use crate::state::{Namespace, State};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most members named in answer to who could do something.
const WHO_COULD_MAX: usize = 16;
/// Most ops in one answer.
const HISTORY_MAX: usize = 1000;

impl State {
    /// Every namespace this node knows.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        self.durable.namespaces.keys().filter_map(|namespace| self.namespace(namespace)).collect()
    }

    /// An op of any namespace, where it is stored.
    pub fn stored(&self, op: &OpId) -> Option<Stored> {
        self.durable.namespaces.values().find_map(|known| known.stored(op))
    }

    /// One namespace.
    pub fn namespace(&self, namespace: &NamespaceId) -> Option<NamespaceView> {
        let known = self.durable.namespaces.get(namespace)?;
        let (graph, view) = (known.space.graph(), known.space.view());
        let desk = self.volatile.desks.get(namespace);
        let heads = known.space.frontier().heads();
        let generation = heads.iter().map(|head| graph.node(*head).generation).max();
        let peers = self.volatile.peers.values().filter(|topics| topics.contains(namespace));
        let void_at_cut = graph.void_at_cut_count();
        Some(NamespaceView {
            namespace: *namespace,
            me: known.me,
            open: known.is_open,
            joining: known.join.is_some(),
            readiness: desk.map(|desk| desk.readiness.state()).unwrap_or_default(),
            ops: u64::from(graph.len()),
            void: (view.void_ops().count() + void_at_cut) as u64,
            pending: desk.map_or(0, |desk| desk.pending.len() as u64),
            heads: known.space.heads(),
            state_root: view.state_root(),
            generation: generation.unwrap_or(0),
            anchors: view.anchors().len() as u64,
            peers: peers.count() as u64,
            members: members_of(graph, view, GroupIx::ROOT).count() as u64,
            groups: view.tree().groups().filter(|group| view.tree().exists(*group)).count() as u64,
            name: name_of(known, namespace.root(), Subject::Group),
        })
    }

    /// Every group that exists, parents before children.
    pub fn groups(&self, namespace: &NamespaceId) -> Vec<GroupView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let view = known.space.view();
        let existing = view.tree().groups().filter(|group| view.tree().exists(*group));
        let mut groups: Vec<GroupView> = existing.map(|group| group_view(known, group)).collect();
        groups.sort_by_key(|group| (group.depth, group.group));
        groups
    }

    /// One group.
    pub fn group(&self, namespace: &NamespaceId, group: &GroupId) -> Option<GroupView> {
        let known = self.durable.namespaces.get(namespace)?;
        let group = known.space.graph().group(group)?;
        known.space.view().tree().exists(group).then(|| group_view(known, group))
    }

    /// Direct rows of a group, the most senior first.
    pub fn members(&self, namespace: &NamespaceId, group: &GroupId) -> Vec<MemberView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let (graph, view) = (known.space.graph(), known.space.view());
        let Some(group) = graph.group(group) else { return Vec::new() };
        if !view.tree().exists(group) {
            return Vec::new();
        }
        let member_view = |person: PersonIx| {
            let row = view.member_row(graph, person, group)?;
            let member = graph.member_id(person);
            let seniority = graph.seniority(row.grant);
            Some(MemberView {
                member,
                rights: row.rights,
                tier: seniority.tier,
                rank: seniority.rank,
                by: seniority.id,
                name: name_of(known, namespace.root(), Subject::Member(member)),
            })
        };
        let mut members: Vec<MemberView> =
            members_of(graph, view, group).filter_map(member_view).collect();
        members.sort_by_key(|member| (member.tier, member.rank, member.by));
        members
    }

    /// One stored op.
    pub fn op(&self, namespace: &NamespaceId, id: &OpId) -> Option<OpView> {
        let known = self.durable.namespaces.get(namespace)?;
        Some(op_view(known, known.space.graph().find(id)?))
    }

    /// The namespace in which an op is stored.
    pub fn find_op(&self, id: &OpId) -> Option<NamespaceId> {
        let mut known = self.durable.namespaces.iter();
        known.find(|(_, known)| known.space.graph().find(id).is_some()).map(|(id, _)| *id)
    }

    /// Stored ops, the newest arrival first.
    pub fn history(&self, namespace: &NamespaceId, filter: &HistoryFilter) -> Vec<OpView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let graph = known.space.graph();
        let group = filter.group.map(|group| graph.group(&group));
        let member = filter.member.map(|member| graph.person(&member));
        let wanted = |ix: &Ix| {
            let node = graph.node(*ix);
            let in_group = group.is_none_or(|group| group == Some(node.group));
            let by_or_on = member.is_none_or(|member| {
                member == Some(node.signer) || (member.is_some() && member == graph.target_of(*ix))
            });
            in_group && by_or_on
        };
        let skip = usize::try_from(filter.skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX).min(HISTORY_MAX);
        let ops = (0..graph.len()).rev().map(Ix).filter(wanted);
        ops.skip(skip).take(limit).map(|ix| op_view(known, ix)).collect()
    }

    /// Every slot of a group that somebody wrote.
    pub fn slots(&self, namespace: &NamespaceId, group: &GroupId) -> Vec<SlotView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let (graph, view) = (known.space.graph(), known.space.view());
        let slot_view = |(slot, key): (_, &SlotKey)| {
            let contest = view.contest(slot)?;
            let losers = contest.losers.iter().map(|loser| graph.node(*loser).id).collect();
            Some(SlotView { key: key.clone(), winner: graph.node(contest.winner).id, losers })
        };
        graph.slots_of(*group).filter_map(slot_view).collect()
    }

    /// Invitations that this node signed.
    pub fn invitations(&self, namespace: &NamespaceId) -> Vec<InvitationView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let (graph, view) = (known.space.graph(), known.space.view());
        let issued = known.issued.iter().map(|invitation| {
            let id = invitation.terms.id();
            let ix = graph.invitation(&id);
            let effective = |ix: &&Ix| view.is_effective(graph, **ix);
            let joins = ix.map(|ix| graph.joins_by(ix)).unwrap_or_default();
            let used = joins.iter().filter(effective).filter_map(|ix| graph.target_of(*ix));
            let revocations = ix.map(|ix| graph.revocations_of(ix)).unwrap_or_default();
            InvitationView {
                invitation: id,
                terms: invitation.terms.clone(),
                used_by: used.map(|person| graph.member_id(person)).collect(),
                revoked: revocations.iter().any(|ix| view.is_effective(graph, *ix)),
            }
        });
        issued.collect()
    }

    /// Evidence of equivocation.
    pub fn evidence(&self, namespace: &NamespaceId) -> Vec<EvidenceView> {
        let Some(known) = self.durable.namespaces.get(namespace) else { return Vec::new() };
        let graph = known.space.graph();
        let evidence = graph.equivocations().map(|(signer, nonce, ops)| EvidenceView {
            signer: graph.member_id(signer),
            nonce,
            ops: ops.into_iter().map(|ix| graph.node(ix).id).collect(),
        });
        evidence.collect()
    }

    /// Whether a member may do something now, and if not, why, and who could (GOV-30).
    pub fn may(
        &self,
        namespace: &NamespaceId,
        member: &MemberId,
        group: &GroupId,
        body: &Body,
    ) -> MayView {
        let Some(known) = self.durable.namespaces.get(namespace) else {
            let why = String::from("this node does not take part in the namespace");
            return MayView::No { why, who_could: Vec::new() };
        };
        match try_as(known, namespace, *member, group, body) {
            Ok(by) => MayView::Yes(by),
            Err(why) => {
                MayView::No { why, who_could: who_could(known, namespace, *member, group, body) }
            }
        }
    }
}

/// Whether an op by this member at the heads would be admitted.
fn try_as(
    known: &Namespace,
    namespace: &NamespaceId,
    member: MemberId,
    group: &GroupId,
    body: &Body,
) -> Result<Option<OpId>, String> {
    let graph = known.space.graph();
    let person = graph.person(&member);
    let next = person.map(|person| known.space.next_op(&mut Cuts::default(), person, *group));
    let payload = Payload {
        rules: RULES_VERSION,
        namespace: *namespace,
        group: *group,
        signer: member,
        nonce: next.as_ref().map_or(1, |next| next.nonce),
        parents: Bounded::truncated(next.map(|next| next.parents).unwrap_or_default()),
        state_hash: known.space.group_root(group),
        body: body.clone(),
    };
    is_well_formed(&payload).map_err(|why| why.to_string())?;
    match known.space.preflight(&payload) {
        Ok(auth) => Ok(auth.map(|grant| graph.op_of_grant(grant))),
        Err(Admission::Drop(why)) => Err(why.to_string()),
        Err(Admission::Void(why)) => Err(why.to_string()),
        Err(Admission::Admit | Admission::Pending { .. }) => Err(String::new()),
    }
}

/// Members of the group and the groups above it who could, the most senior first.
fn who_could(
    known: &Namespace,
    namespace: &NamespaceId,
    except: MemberId,
    group: &GroupId,
    body: &Body,
) -> Vec<MemberId> {
    let (graph, view) = (known.space.graph(), known.space.view());
    let path = graph.group(group).map(|group| view.tree().path(group)).unwrap_or_default();
    let mut candidates: Vec<_> = path
        .iter()
        .flat_map(|step| members_of(graph, view, *step).map(move |person| (*step, person)))
        .filter_map(|(step, person)| {
            Some((graph.seniority(view.member_row(graph, person, step)?.grant), person))
        })
        .collect();
    candidates.sort_unstable();
    let mut able = Vec::new();
    for (_, person) in candidates {
        let member = graph.member_id(person);
        let fresh = member != except && !able.contains(&member);
        if fresh && try_as(known, namespace, member, group, body).is_ok() {
            able.push(member);
            if able.len() >= WHO_COULD_MAX {
                break;
            }
        }
    }
    able
}

/// People with a direct row in a group.
fn members_of<'a>(
    graph: &'a Graph,
    view: &'a View,
    group: GroupIx,
) -> impl Iterator<Item = PersonIx> + 'a {
    view.people().filter(move |person| view.has_row(graph, *person, group))
}

fn group_view(known: &Namespace, group: GroupIx) -> GroupView {
    let (graph, view) = (known.space.graph(), known.space.view());
    let id = graph.group_id(group);
    let winner = |name| {
        let slot = graph.slot(&SlotKey { group: id, name })?;
        Some(graph.node(view.contest(slot)?.winner).id)
    };
    let context = |key: &SlotKey| {
        let SlotName::Context(context) = key.name else { return None };
        (winner(key.name.clone()) == Some(OpId(context.0))).then_some(context)
    };
    let contexts: Vec<ContextId> = graph.slots_of(id).filter_map(|(_, key)| context(key)).collect();
    GroupView {
        group: id,
        parent: view.tree().parent(group).map(|parent| graph.group_id(parent)),
        depth: view.tree().path(group).len() as u64,
        visibility: winner(SlotName::Visibility),
        name: name_of(known, id, Subject::Group),
        members: members_of(graph, view, group).count() as u64,
        contexts,
        root: view.group_root(graph, group),
    }
}

/// Winner of the metadata slot `name` of a subject.
pub(super) fn name_of(known: &Namespace, group: GroupId, subject: Subject) -> Option<OpId> {
    let (graph, view) = (known.space.graph(), known.space.view());
    let name = SlotName::Metadata(subject, Text::new("name")?);
    let slot = graph.slot(&SlotKey { group, name })?;
    Some(graph.node(view.contest(slot)?.winner).id)
}

fn op_view(known: &Namespace, ix: Ix) -> OpView {
    let (graph, view) = (known.space.graph(), known.space.view());
    let node = graph.node(ix);
    let id_of = |ix: &Ix| graph.node(*ix).id;
    let epoch = view.epoch(graph, ix) as usize;
    OpView {
        id: node.id,
        signer: graph.member_id(node.signer),
        nonce: node.nonce,
        generation: node.generation,
        group: graph.group_id(node.group),
        parents: node.parents.iter().map(id_of).collect(),
        standing: standing(known, ix),
        is_final: epoch < view.anchors().len(),
        is_visible: known.space.frontier().is_visible(graph, ix),
        authority: node.auths().map(|auth| graph.op_of_grant(auth.grant)).collect(),
        outranked_by: view.outranked_by(graph, ix).map(|winner| graph.node(winner).id),
    }
}

fn standing(known: &Namespace, ix: Ix) -> Standing {
    let (graph, view) = (known.space.graph(), known.space.view());
    let ids = |ops: Vec<Ix>| ops.into_iter().map(|ix| graph.node(ix).id).collect();
    if let Some(void) = graph.void_at_cut(ix) {
        return Standing::VoidAtCut(*void);
    }
    if view.is_effective(graph, ix) {
        return Standing::Effective;
    }
    match view.cause(graph, ix) {
        Some(Cause::Auth(op)) => Standing::Unfounded(graph.node(op).id),
        Some(Cause::Struck(by)) => Standing::Struck(ids(by)),
        Some(Cause::Spent(by)) => Standing::Spent(ids(by)),
        Some(Cause::Lost(winner)) => Standing::Lost(graph.node(winner).id),
        None => Standing::Effective,
    }
}
