//! The engine against the oracle: on every prefix of several orders of arrival, everything that
//! the rules define must be the same.

#[cfg(test)]
mod twin;

#[cfg(test)]
pub(crate) use twin::Twin;

use crate::gifts::gifts;
use crate::oracle::{Effect, RowKey, VoidReason};
use crate::world::World;
use folkmoot_core::governance::archive::ArchiveError;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::graph::Graph;
use folkmoot_core::governance::space::{Judgement, Space};
use folkmoot_core::governance::table::{GroupIx, Ix};
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::governance::view::Cause;
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::signed::{Op, Verified};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use thiserror::Error;

/// Where engine and oracle part.
#[derive(Debug, Error)]
#[error("seed {seed}, {profile}, order {order}, after {step} ops, last {op}: {what}")]
pub struct Mismatch {
    /// The world.
    pub seed: u64,
    /// Its profile.
    pub profile: String,
    /// Which order of arrival; 0 is that of creation.
    pub order: usize,
    /// How many ops had arrived.
    pub step: usize,
    /// The last of them.
    pub op: OpId,
    /// What differs.
    pub what: String,
}

/// What a comparison covered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Covered {
    /// Worlds.
    pub worlds: u64,
    /// Prefixes compared.
    pub prefixes: u64,
    /// Ops in all worlds.
    pub ops: u64,
    /// Ops without effect at the end of their world.
    pub void: u64,
    /// Verdicts of refused ops compared.
    pub refused: u64,
}

/// Compares one world in its order of creation and `orders` others.
///
/// # Errors
///
/// The first [`Mismatch`].
pub fn compare(world: &World, orders: usize, covered: &mut Covered) -> Result<(), Mismatch> {
    let creation = (0..world.ops.len()).collect();
    let others = world.orders(world.seed ^ 0x5eed, orders);
    for (number, order) in std::iter::once(creation).chain(others).enumerate() {
        let mut run = Run { world, number, space: Space::default(), cuts: Cuts::default() };
        run.follow(&order, covered)?;
    }
    covered.worlds += 1;
    covered.ops += world.ops.len() as u64;
    covered.void += world.oracle.now().void.len() as u64;
    Ok(())
}

struct Run<'a> {
    world: &'a World,
    number: usize,
    space: Space,
    cuts: Cuts,
}

impl Run<'_> {
    fn follow(&mut self, order: &[usize], covered: &mut Covered) -> Result<(), Mismatch> {
        let mut known = BTreeSet::new();
        for (step, op) in order.iter().filter_map(|at| self.world.ops.get(*at)).enumerate() {
            let expected = match self.world.oracle.void_at_cut(op.id) {
                Some(void) => Admission::Void(void),
                None => Admission::Admit,
            };
            let got = self.space.admit(&mut self.cuts, op);
            if got != expected {
                let what = format!("K12: verdict {got:?}, expected {expected:?}");
                return Err(self.mismatch(step, op.id, what));
            }
            known.insert(op.id);
            let effect = self.world.oracle.effect(&known);
            check(&self.space, &effect).map_err(|what| self.mismatch(step, op.id, what))?;
            covered.prefixes += 1;
            if step % 7 == self.number % 7 {
                let restored = restore(&self.space)
                    .map_err(|why| self.mismatch(step, op.id, format!("restoring: {why}")))?;
                check(&restored, &effect)
                    .map_err(|what| self.mismatch(step, op.id, format!("I8 restored: {what}")))?;
                self.space = restored;
            }
        }
        self.ask(order.len())?;
        self.refuse(order.len(), covered)
    }

    /// What the reducer asks besides, when all has arrived: who is named, who is or was a member
    /// (R6), and what an author's next op must say (A7, A9, R6).
    fn ask(&self, step: usize) -> Result<(), Mismatch> {
        let (world, space) = (self.world, &self.space);
        let effect = world.oracle.now();
        let people: BTreeSet<MemberId> =
            world.ops.iter().flat_map(|op| given_to(op).chain([op.payload.signer])).collect();
        for (at, who) in people.iter().enumerate() {
            let gives = |op: &&Verified<Op>| {
                world.oracle.void_at_cut(op.id).is_none() && given_to(op).any(|to| to == *who)
            };
            let mut grants = world.ops.iter().filter(gives);
            let is_named = grants.clone().next().is_some();
            let is_or_was = grants.any(|op| effect.visible.contains(&op.id));
            let asked = self
                .ask_evidence(*who)
                .and_then(|()| same("is named", &space.is_named(who), &is_named))
                .and_then(|()| same("R6: member", &space.is_or_was_member(who), &is_or_was));
            // A cut for each is a lot to ask of the oracle: in each order some.
            let asked = if at % 8 == self.number % 8 {
                asked.and_then(|()| self.ask_next(*who, &effect.heads))
            } else {
                asked
            };
            let last = world.ops.last().map_or(OpId::default(), |op| op.id);
            asked.map_err(|what| self.mismatch(step, last, format!("{who:?}: {what}")))?;
        }
        Ok(())
    }

    /// Every op of an author, and of each those that it signed with the same nonce.
    fn ask_evidence(&self, who: MemberId) -> Result<(), String> {
        let graph = self.space.graph();
        let Some(person) = graph.person(&who) else { return Ok(()) };
        let own: Vec<_> = self.world.ops.iter().filter(|op| op.payload.signer == who).collect();
        let sorted = |mut ids: Vec<OpId>| {
            ids.sort_unstable();
            ids
        };
        let all: Vec<Ix> = graph.ops_of(person).collect();
        same("ops", &ids(graph, &all), &sorted(own.iter().map(|op| op.id).collect()))?;
        let forks = graph.equivocations().filter(|(signer, ..)| *signer == person);
        let forked: BTreeSet<OpId> = forks.flat_map(|(.., ops)| ids(graph, &ops)).collect();
        for ix in all {
            let (nonce, id) = (graph.node(ix).nonce, graph.node(ix).id);
            let rivals = own.iter().filter(|op| op.payload.nonce == nonce && op.id != id);
            let rivals = sorted(rivals.map(|op| op.id).collect());
            same("rivals", &ids(graph, &graph.rivals(ix)), &rivals)?;
            same("evidence", &forked.contains(&id), &!rivals.is_empty())?;
        }
        Ok(())
    }

    /// What an author's next op must say. Of several last ops with one nonce, it builds on the one
    /// that came first, which no rule asks.
    fn ask_next(&self, who: MemberId, heads: &[OpId]) -> Result<(), String> {
        let oracle = &self.world.oracle;
        let own = self.world.ops.iter().filter(|op| op.payload.signer == who);
        let nonce = own.clone().map(|op| op.payload.nonce).max();
        let last: Vec<OpId> =
            own.filter(|op| Some(op.payload.nonce) == nonce).map(|op| op.id).collect();
        let Some(person) = self.space.graph().person(&who) else { return Ok(()) };
        if last.len() > 1 {
            return Ok(());
        }
        let past = oracle.closed(&[heads, &last].concat());
        let next = self.space.next_op(&mut Cuts::default(), person, oracle.root());
        same("R6: parents", &next.parents, &oracle.maximal(&past))?;
        same("A7: nonce", &next.nonce, &oracle.next_nonce(who, &past))?;
        same("A9: state hash", &next.state_hash, &oracle.effect(&past).group_root(oracle.root()))
    }

    /// Ops that are not stored get the verdict that the oracle gave them.
    fn refuse(&mut self, step: usize, covered: &mut Covered) -> Result<(), Mismatch> {
        let mut refused = BTreeSet::new();
        for (op, expected) in &self.world.refused {
            let is_refused = |id: &OpId| refused.contains(id);
            let judgement = self.space.judge(&mut self.cuts, op, is_refused, &mut u32::MAX.clone());
            let got = match judgement {
                Judgement::Refuse(refusal) => refusal,
                Judgement::Store(judged) => judged.void.map_or(Admission::Admit, Admission::Void),
                Judgement::Later => continue,
            };
            if got != *expected {
                let what = format!("refused op: {got:?}, expected {expected:?}");
                return Err(self.mismatch(step, op.id, what));
            }
            if let Admission::Drop(_) = got {
                refused.insert(op.id);
            }
            covered.refused += 1;
        }
        Ok(())
    }

    fn mismatch(&self, step: usize, op: OpId, what: String) -> Mismatch {
        Mismatch {
            seed: self.world.seed,
            profile: format!("{:?}", self.world.profile),
            order: self.number,
            step: step + 1,
            op,
            what,
        }
    }
}

/// Whom an op gives rights, if it has effect (D4).
fn given_to(op: &Op) -> impl Iterator<Item = MemberId> {
    gifts(op).into_iter().map(|gift| gift.member)
}

fn restore(space: &Space) -> Result<Space, ArchiveError> {
    space.archive().restore()
}

/// Compares everything at one prefix.
///
/// # Errors
///
/// What differs, in words.
pub fn check(space: &Space, effect: &Effect) -> Result<(), String> {
    let (graph, view) = (space.graph(), space.view());
    let all = || (0..graph.len()).map(Ix);
    let id = |ix: Ix| graph.node(ix).id;
    let effective: BTreeSet<OpId> =
        all().filter(|ix| view.is_effective(graph, *ix)).map(id).collect();
    same_items("K8: effective ops", &effective, &effect.effective)?;
    let epochs: BTreeMap<OpId, u64> =
        all().map(|ix| (id(ix), u64::from(view.epoch(graph, ix)))).collect();
    same_items("D12: epochs", &epochs, &effect.epochs)?;
    let anchors: Vec<OpId> = view.anchors().iter().map(|ix| id(*ix)).collect();
    same_items("D12: anchors", &anchors, &effect.anchors)?;
    let void: BTreeMap<OpId, VoidReason> =
        all().filter_map(|ix| Some((id(ix), reason(space, ix)?))).collect();
    same_items("reasons", &void, &effect.void)?;
    check_places(space, effect)?;
    check_people(space, effect)?;
    same_items("R6: heads", &space.heads(), &effect.heads)?;
    let visible: BTreeSet<OpId> =
        all().filter(|ix| space.frontier().is_visible(graph, *ix)).map(id).collect();
    same_items("R6: visible ops", &visible, &effect.visible)?;
    for group in effect.tree.keys() {
        same("GOV-20: group root", &space.group_root(group), &effect.group_root(*group))?;
    }
    same("GOV-20: state root", &view.state_root(), &effect.state_root)
}

/// Who stands where (section 5), and what counts against whom (R6).
fn check_people(space: &Space, effect: &Effect) -> Result<(), String> {
    let (graph, view) = (space.graph(), space.view());
    let (mut rows, mut holders) = (BTreeMap::new(), Vec::new());
    let groups: Vec<GroupIx> = view.tree().groups().filter(|it| view.tree().exists(*it)).collect();
    for who in view.people() {
        let member = graph.member_id(who);
        let direct = view.member_rows(graph, who);
        for group in &groups {
            let place = (graph.group_id(*group), member);
            rows.extend(direct.get(group).map(|row| (place, row.rights)));
            holders.extend(view.has_row(graph, who, *group).then_some(place));
        }
    }
    holders.sort_unstable();
    same_items("rows", &holders, &rows.keys().copied().collect())?;
    let members = |rows: &BTreeMap<RowKey, Vec<u8>>| -> Vec<MemberId> {
        let member = |row: &RowKey| if let RowKey::Member(who) = row { Some(*who) } else { None };
        rows.keys().filter_map(member).collect()
    };
    let expected = effect.rows.iter().flat_map(|(group, rows)| {
        members(rows).into_iter().map(|who| ((*group, who), effect.rights(who, *group)))
    });
    same_items("rights", &rows, &expected.collect())?;
    let signers = (0..graph.len()).map(|at| graph.node(Ix(at)).signer);
    let mut silent: BTreeMap<MemberId, u32> = signers
        .map(|signer| (graph.member_id(signer), space.frontier().silent_count(signer)))
        .collect();
    silent.retain(|_, count| *count > 0);
    same_items("R6: silent ops", &silent, &effect.silent)
}

fn check_places(space: &Space, effect: &Effect) -> Result<(), String> {
    let (graph, view) = (space.graph(), space.view());
    let parent = |group| view.tree().parent(group).map(|parent| graph.group_id(parent));
    let existing = view.tree().groups().filter(|group| view.tree().exists(*group));
    let tree: BTreeMap<_, _> =
        existing.map(|group| (graph.group_id(group), parent(group))).collect();
    same_items("K5: tree", &tree, &effect.tree)?;
    let skipped: BTreeSet<OpId> =
        view.skipped(graph).into_iter().map(|(ix, _)| graph.node(ix).id).collect();
    same_items("skipped", &skipped, &effect.skipped.iter().copied().collect())?;
    // Also of slots of which the oracle says that nobody lost.
    let written = view.tree().groups().flat_map(|group| graph.slots_of(graph.group_id(group)));
    let elsewhere = effect.losers.keys().filter(|key| !effect.tree.contains_key(&key.group));
    let contested = elsewhere.filter_map(|key| Some((graph.slot(key)?, key)));
    let losers: BTreeMap<_, Vec<OpId>> = written
        .chain(contested)
        .filter_map(|(slot, key)| {
            let lost = &view.contest(slot)?.losers;
            (!lost.is_empty()).then(|| (key.clone(), ids(graph, lost)))
        })
        .collect();
    same_items("slots", &losers, &effect.losers)?;
    let is_outranked = |ix: &Ix| view.outranked_by(graph, *ix).is_some();
    let outranked: Vec<Ix> = (0..graph.len()).map(Ix).filter(is_outranked).collect();
    let lost: BTreeSet<OpId> = effect.losers.values().flatten().copied().collect();
    same_items("outranked", &ids(graph, &outranked), &lost.into_iter().collect())
}

fn reason(space: &Space, ix: Ix) -> Option<VoidReason> {
    let (graph, view) = (space.graph(), space.view());
    if let Some(void) = graph.void_at_cut(ix) {
        return Some(VoidReason::AtCut(*void));
    }
    if view.is_effective(graph, ix) {
        return None;
    }
    Some(match view.cause(graph, ix)? {
        Cause::Auth(op) => VoidReason::Auth(graph.node(op).id),
        Cause::Struck(by) => VoidReason::Struck { by: ids(graph, &by) },
        Cause::Spent(by) => VoidReason::InvitationSpent { by: ids(graph, &by) },
        Cause::Lost(winner) => VoidReason::SlotLost { winner: graph.node(winner).id },
    })
}

fn ids(graph: &Graph, ops: &[Ix]) -> Vec<OpId> {
    let mut ids: Vec<OpId> = ops.iter().map(|ix| graph.node(*ix).id).collect();
    ids.sort_unstable();
    ids
}

fn same<T: PartialEq + Debug>(what: &str, engine: &T, oracle: &T) -> Result<(), String> {
    if engine == oracle {
        return Ok(());
    }
    Err(format!("{what}: engine {engine:?}, oracle {oracle:?}"))
}

/// As [`same`]: what only one of two collections holds, or both where they differ in order alone.
fn same_items<'a, T>(what: &str, engine: &'a T, oracle: &'a T) -> Result<(), String>
where
    T: PartialEq + Debug,
    &'a T: IntoIterator<Item: PartialEq + Debug>,
{
    if engine == oracle {
        return Ok(());
    }
    let (ours, theirs) = (only(engine, oracle), only(oracle, engine));
    if ours.is_empty() && theirs.is_empty() {
        return same(what, engine, oracle);
    }
    Err(format!("{what}: only engine {ours:?}, only oracle {theirs:?}"))
}

/// The items of one collection that another lacks.
fn only<'a, T>(one: &'a T, other: &'a T) -> Vec<<&'a T as IntoIterator>::Item>
where
    &'a T: IntoIterator<Item: PartialEq>,
{
    one.into_iter().filter(|item| !other.into_iter().any(|its| its == *item)).collect()
}

#[cfg(test)]
mod tests;
