//! F: epochs, verdicts, tree and slots of a closed set (section 5, D12).

use super::effect::path;
use super::terms::{Key, Node};
use super::{Effect, Oracle, VoidReason};
use folkmoot_core::governance::op::{Body, SlotKey};
use folkmoot_core::id::{GroupId, InvitationId, MemberId, OpId};
use folkmoot_core::limits::DEPTH_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Effective ops and reasons of the others.
type Verdicts = (BTreeSet<OpId>, BTreeMap<OpId, VoidReason>);

impl Oracle {
    /// F of `set`, from scratch.
    pub(super) fn fold(&self, set: &BTreeSet<OpId>) -> Effect {
        let nodes: Vec<&Node> = set.iter().map(|id| self.node(*id)).collect();
        let anchors = chain(&nodes);
        let epochs = epochs(&nodes, &anchors);
        let (effective, void) = self.verdicts(&nodes, &epochs);
        let mut effect = Effect {
            effective,
            void,
            epochs,
            anchors: anchors.iter().map(|anchor| anchor.id()).collect(),
            ..Effect::default()
        };
        (effect.tree, effect.skipped) = self.tree(&effect);
        let (slots, losers) = self.slots(&effect);
        effect.losers = losers;
        self.write_rows(&mut effect, &slots);
        (effect.visible, effect.silent) = self.visible(&nodes, &effect);
        effect.heads = self.maximal(&effect.visible);
        effect
    }

    /// Eff of every op, in an order in which all that an op depends on comes first.
    fn verdicts(&self, nodes: &[&Node], epochs: &BTreeMap<OpId, u64>) -> Verdicts {
        let mut admitted: Vec<&Node> = nodes.to_vec();
        admitted.retain(|o| o.statics().is_some());
        admitted.sort_by_key(|o| order(o, epochs));
        // Unconditional, so they count from the start although they sort last.
        let mut effective: BTreeSet<OpId> =
            admitted.iter().filter(|o| o.is_self_restriction()).map(|o| o.id()).collect();
        let mut void = BTreeMap::new();
        for o in nodes {
            if let Err(reason) = o.verdict {
                void.insert(o.id(), VoidReason::AtCut(reason));
            }
        }
        for o in &admitted {
            match self.why_void(o, &admitted, &effective, epochs) {
                None => {
                    effective.insert(o.id());
                }
                Some(reason) => {
                    void.insert(o.id(), reason);
                }
            }
        }
        (effective, void)
    }

    /// The clauses of Eff in their order, with the effective ones of `nodes`; `None` where `o` is
    /// effective.
    pub(super) fn why_void(
        &self,
        o: &Node,
        nodes: &[&Node],
        effective: &BTreeSet<OpId>,
        epochs: &BTreeMap<OpId, u64>,
    ) -> Option<VoidReason> {
        let auths = o.statics().map_or(&[][..], |statics| &statics.auths);
        if auths.is_empty() {
            return None;
        }
        if let Some(auth) = auths.iter().find(|auth| !effective.contains(&auth.grant.op)) {
            return Some(VoidReason::Auth(auth.grant.op));
        }
        let mut others: Vec<&Node> = nodes.to_vec();
        others.retain(|other| effective.contains(&other.id()));
        others.sort_by_key(|other| order(other, epochs));
        let killers = others.iter().filter(|r| self.kills(r, o, epochs));
        let mut by: Vec<OpId> = killers.map(|r| r.id()).collect();
        if !by.is_empty() {
            by.sort_unstable();
            return Some(VoidReason::Struck { by });
        }
        others.retain(|other| order(other, epochs) < order(o, epochs));
        spent(o, others.iter().copied()).or_else(|| slot_lost(o, others.into_iter()))
    }

    /// The tree, and what did not fit it (section 5, ruling 9).
    fn tree(&self, effect: &Effect) -> (BTreeMap<GroupId, Option<GroupId>>, Vec<OpId>) {
        let mut tree = BTreeMap::new();
        let mut tombstones = BTreeSet::new();
        let mut skipped = Vec::new();
        let mut writes: Vec<&Node> = effect.effective.iter().map(|id| self.node(*id)).collect();
        writes.sort_by_key(|o| {
            let (epoch, prio, generation, id) = order(o, &effect.epochs);
            (epoch, generation, prio, id)
        });
        for o in writes {
            let (id, group) = (o.id(), o.op.payload.group);
            if let Body::NamespaceCreated { .. } = o.op.payload.body {
                tree.insert(id.into(), None);
            } else if let Body::GroupCreated { .. } = o.op.payload.body {
                let depth = path(&tree, group).len();
                if (1..DEPTH_MAX).contains(&depth) {
                    tree.insert(id.into(), Some(group));
                } else {
                    skipped.push(id);
                }
            } else if let Body::GroupMoved { new_parent } = o.op.payload.body {
                let up = path(&tree, new_parent);
                let fits = up.len() + height(&tree, group) <= DEPTH_MAX;
                let known = tree.contains_key(&group) && tree.contains_key(&new_parent);
                if known && fits && !up.contains(&group) {
                    tree.insert(group, Some(new_parent));
                } else {
                    skipped.push(id);
                }
            } else if let Body::GroupDeleted = o.op.payload.body {
                tombstones.insert(group);
            }
        }
        let whole = tree.clone();
        tree.retain(|group, _| path(&whole, *group).iter().all(|up| !tombstones.contains(up)));
        (tree, skipped)
    }

    /// The winner of each slot, and the writes that lost although nobody had seen them.
    fn slots(&self, effect: &Effect) -> (BTreeMap<SlotKey, OpId>, BTreeMap<SlotKey, Vec<OpId>>) {
        let mut writes: BTreeMap<SlotKey, Vec<&Node>> = BTreeMap::new();
        for o in effect.effective.iter().map(|id| self.node(*id)) {
            if let Some(slot) = slot_of(o) {
                writes.entry(slot).or_default().push(o);
            }
        }
        let (mut winners, mut losers) = (BTreeMap::new(), BTreeMap::new());
        for (slot, writes) in writes {
            let is_seen = |o: &Node| writes.iter().any(|later| later.past.contains(&o.id()));
            let mut maximal: Vec<&Node> = writes.iter().copied().filter(|o| !is_seen(o)).collect();
            maximal.sort_by_key(|o| order(o, &effect.epochs));
            let mut ids = maximal.iter().map(|o| o.id());
            if let Some(winner) = ids.next() {
                winners.insert(slot.clone(), winner);
            }
            let mut lost: Vec<OpId> = ids.collect();
            if !lost.is_empty() {
                lost.sort_unstable();
                losers.insert(slot, lost);
            }
        }
        (winners, losers)
    }

    /// Who may write the next anchor of the chain within the closed set `past` (D12); `None` where
    /// `past` is empty.
    pub fn notary(&self, past: &BTreeSet<OpId>) -> Option<MemberId> {
        let nodes: Vec<&Node> = past.iter().map(|id| self.node(*id)).collect();
        let genesis = nodes.iter().find(|o| o.past.is_empty())?;
        Some(notary_after(genesis, &chain(&nodes)))
    }
}

/// Groups on the longest path from `group` down, itself included.
pub(super) fn height(tree: &BTreeMap<GroupId, Option<GroupId>>, group: GroupId) -> usize {
    let below = tree.keys().map(|leaf| path(tree, *leaf));
    below.filter_map(|up| up.iter().position(|at| *at == group)).max().map_or(0, |far| far + 1)
}

/// The slot that an op writes.
pub(super) fn slot_of(o: &Node) -> Option<SlotKey> {
    o.op.payload.slot_key(o.id())
}

/// The invitation that a join uses, and who joins by it.
pub(super) fn join_of(o: &Node) -> Option<(InvitationId, MemberId)> {
    if let Body::MemberJoined { request } = &o.op.payload.body {
        Some((request.invitation.terms.id(), request.joiner))
    } else {
        None
    }
}

/// The place of `o` in the order of evaluation.
fn order(o: &Node, epochs: &BTreeMap<OpId, u64>) -> (u64, Key, u64, OpId) {
    let epoch = epochs.get(&o.id()).copied().unwrap_or_default();
    let last = Key { tier: u8::MAX, rank: 0, op: o.id() };
    (epoch, o.statics().map_or(last, |statics| statics.prio), o.generation, o.id())
}

/// A join is void once as many other joiners as the invitation allows come before it.
fn spent<'a>(o: &Node, earlier: impl Iterator<Item = &'a Node>) -> Option<VoidReason> {
    let Body::MemberJoined { request } = &o.op.payload.body else { return None };
    let id = request.invitation.terms.id();
    let rivals: Vec<(MemberId, OpId)> = earlier
        .filter_map(|other| join_of(other).map(|join| (join, other.id())))
        .filter(|((used, joiner), _)| *used == id && *joiner != request.joiner)
        .map(|((_, joiner), op)| (joiner, op))
        .collect();
    let joiners: BTreeSet<MemberId> = rivals.iter().map(|(joiner, _)| *joiner).collect();
    let mut by: Vec<OpId> = rivals.into_iter().map(|(_, op)| op).collect();
    by.sort_unstable();
    let allowed = usize::try_from(request.invitation.terms.uses_max).unwrap_or(usize::MAX);
    (joiners.len() >= allowed).then_some(VoidReason::InvitationSpent { by })
}

/// A strict write is void where an effective concurrent write of its slot comes before it (R5).
fn slot_lost<'a>(o: &Node, mut earlier: impl Iterator<Item = &'a Node>) -> Option<VoidReason> {
    let Body::SlotSet { strict: true, .. } = o.op.payload.body else { return None };
    let slot = slot_of(o);
    earlier
        .find(|other| slot_of(other) == slot && other.is_concurrent_with(o))
        .map(|winner| VoidReason::SlotLost { winner: winner.id() })
}

/// The chain of anchors (D12): from genesis, the least id among the notary's nearest anchors.
fn chain<'a>(nodes: &[&'a Node]) -> Vec<&'a Node> {
    let Some(genesis) = nodes.iter().find(|o| o.past.is_empty()) else { return Vec::new() };
    let anchors: Vec<&Node> = nodes
        .iter()
        .copied()
        .filter(|o| o.statics().is_some() && matches!(o.op.payload.body, Body::Anchor { .. }))
        .collect();
    let mut chain: Vec<&Node> = Vec::new();
    loop {
        let tip = chain.last().unwrap_or(genesis).id();
        let notary = notary_after(genesis, &chain);
        let after: Vec<&Node> = anchors
            .iter()
            .copied()
            .filter(|anchor| anchor.op.payload.signer == notary && anchor.past.contains(&tip))
            .collect();
        let is_minimal = |anchor: &&&Node| !after.iter().any(|a| anchor.past.contains(&a.id()));
        match after.iter().filter(is_minimal).min_by_key(|anchor| anchor.id()) {
            Some(next) => chain.push(next),
            None => return chain,
        }
    }
}

/// The last owner that the chain names, the owner of rank 0 where it names none.
fn notary_after(genesis: &Node, chain: &[&Node]) -> MemberId {
    let named = chain.iter().rev().find_map(|anchor| {
        if let Body::Anchor { notary, .. } = anchor.op.payload.body { notary } else { None }
    });
    named.unwrap_or(genesis.op.payload.signer)
}

/// Epoch of every op: the first anchor of the chain at or above it (D12).
fn epochs(nodes: &[&Node], chain: &[&Node]) -> BTreeMap<OpId, u64> {
    let covers = |anchor: &Node, id: OpId| anchor.id() == id || anchor.past.contains(&id);
    let epoch = |id| chain.iter().take_while(|anchor| !covers(anchor, id)).count();
    nodes.iter().map(|o| (o.id(), u64::try_from(epoch(o.id())).unwrap_or(u64::MAX))).collect()
}
