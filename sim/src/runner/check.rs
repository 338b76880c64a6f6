//! The invariants of safety that are seen by looking at the nodes. Each checker is by itself, and
//! knows nothing of how the nodes came to what they have.

mod authority;
mod batch;
mod bounds;
mod deep;
mod effects;
mod facts;
mod fates;
mod once;
mod reading;
mod served;
mod timers;
mod tree;

pub(super) use deep::Deep;
pub(super) use served::Served;

use once::Version;

use super::sets::{Summary, durable_digest, maximal_visible, set_of, uncovered};
use super::{Invariant, Runner, Violation, last};
use crate::cluster::{Cluster, Node};
use crate::compare;
use crate::oracle::Oracle;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::governance::verdict::{Admission, VoidAtCut};
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::signed::verify;
use std::collections::{BTreeMap, BTreeSet};

/// Looks between two at what the log folds to.
const FOLD_EVERY: u64 = 8;
/// Samples of old states that are kept for each node.
const SAMPLES_MAX: usize = 8;
/// Ops up to which a node is looked at closely at every look: what is looked at then are all ops.
const CLOSE_OPS: u32 = 256;
/// One with more is looked at so once it has a so-manieth part more…
const CLOSE_PART: u32 = 32;
/// … or at one look in so many.
const CLOSE_LOOKS: u64 = 8;
/// Ops up to which the oracle is asked: it takes the cube of their number.
const ORACLE_OPS_MAX: u32 = 60;

/// What the checkers remember.
pub(super) struct Checks {
    /// What followed from each set of ops, and at which node that was seen first.
    by_set: BTreeMap<[u8; 32], (Summary, usize)>,
    /// The verdict on each op at its cut, and who reached it first.
    verdicts: BTreeMap<OpId, (Option<VoidAtCut>, usize)>,
    nodes: Vec<Seen>,
    looks: u64,
    /// Starts of nodes that were looked at.
    starts: u64,
}

/// What was seen of a node.
#[derive(Clone, Default)]
struct Seen {
    run: u64,
    /// When it was looked at closely, in which run, and how many ops it had.
    closely: Option<(u64, u64, u32)>,
    /// Whether it is now.
    is_close: bool,
    /// What was looked at last.
    version: Option<Version>,
    /// What was sampled last.
    sampled: Option<Version>,
    /// Ops whose verdicts were compared.
    judged: u32,
    /// The op that had waited longest for its parents, and for how long, in milliseconds.
    waiting: Option<(OpId, u64)>,
    /// States that it had, by the number of records.
    samples: Vec<(u64, [u8; 32])>,
}

impl Checks {
    pub(super) fn new(count: usize) -> Self {
        let nodes = vec![Seen::default(); count];
        Self { by_set: BTreeMap::new(), verdicts: BTreeMap::new(), nodes, looks: 0, starts: 0 }
    }

    /// Whether this look at a node is a close one.
    pub(super) fn is_close(&self, at: usize) -> bool {
        self.nodes.get(at).is_some_and(|seen| seen.is_close)
    }

    /// Sees whether it is time to look at a node closely.
    fn approach(&mut self, at: usize, run: u64, ops: u32) {
        let looks = self.looks;
        let Some(seen) = self.nodes.get_mut(at) else { return };
        seen.is_close = seen.closely.is_none_or(|(look, of, before)| {
            let is_late = looks >= look + CLOSE_LOOKS;
            of != run || ops <= CLOSE_OPS || ops >= before + ops / CLOSE_PART || is_late
        });
        if seen.is_close {
            seen.closely = Some((looks, run, ops));
        }
    }

    /// Notes the op of a node that waits longest, and gives the one that did before.
    pub(super) fn waiting(&mut self, at: usize, now: Option<(OpId, u64)>) -> Option<(OpId, u64)> {
        let seen = self.nodes.get_mut(at)?;
        std::mem::replace(&mut seen.waiting, now)
    }
}

impl Runner<'_> {
    /// Looks at all nodes as if it were for the first time: also at what has not changed since.
    pub(super) fn look_afresh(&mut self) -> Result<(), Violation> {
        self.checks.nodes.iter_mut().for_each(|seen| {
            (seen.closely, seen.version, seen.sampled, seen.judged) = (None, None, None, 0);
        });
        self.deep.forget();
        self.look()
    }

    /// Looks at all nodes.
    pub(super) fn look(&mut self) -> Result<(), Violation> {
        self.checks.looks += 1;
        for at in 0..self.world.nodes.len() {
            if let Some(node) = self.world.nodes.get(at) {
                let known = self.namespace.and_then(|it| node.state().durable.namespaces.get(&it));
                let ops = known.map_or(0, |known| known.space.graph().len());
                self.checks.approach(at, node.run(), ops);
            }
            if self.is_honest(at) {
                let checked = self.look_at(at);
                self.note_waiting(at);
                self.note_room(at);
                checked.or_else(|violation| self.judge(violation))?;
            }
            if self.checks.is_close(at) {
                self.take_sample(at);
            }
        }
        if self.checks.looks.is_multiple_of(FOLD_EVERY) {
            let turn = self.checks.looks / FOLD_EVERY;
            let at = turn.checked_rem(self.world.nodes.len() as u64).unwrap_or_default();
            self.check_fold(usize::try_from(at).unwrap_or_default())
                .or_else(|violation| self.judge(violation))?;
        }
        self.look_deeper(self.checks.looks)
    }

    fn look_at(&mut self, at: usize) -> Result<(), Violation> {
        let Some(node) = self.world.nodes.get(at) else { return Ok(()) };
        check_blame(at, node, |peer| self.villains.contains(&peer))?;
        let namespace = self.namespace;
        let known = namespace.and_then(|it| node.state().durable.namespaces.get(&it));
        let space = known.map(|known| &known.space).filter(|space| space.is_settled());
        let Some(space) = space.filter(|_| self.checks.is_close(at)) else { return Ok(()) };
        let version = Version::of(node, space);
        if self.checks.nodes.get(at).is_some_and(|seen| seen.version.as_ref() == Some(&version)) {
            return Ok(());
        }
        check_signers(at, space, |signer| self.is_honest_member(signer))?;
        check_heads(at, space)?;
        let Checks { by_set, verdicts, nodes, .. } = &mut self.checks;
        check_set(at, space, by_set)?;
        let Some(seen) = nodes.get_mut(at) else { return Ok(()) };
        seen.version = Some(version);
        check_verdicts(at, space, verdicts, &mut seen.judged)
    }

    /// I3: what the log folds to is what the node has.
    fn check_fold(&mut self, at: usize) -> Result<(), Violation> {
        let Some(node) = self.world.nodes.get(at).filter(|node| node.is_up()) else {
            return Ok(());
        };
        let durable = &node.state().durable;
        let has = durable_digest(durable);
        let refolded = node.disk.refold(durable.records);
        let folded = refolded.map_err(|error| {
            Violation::new(Invariant::I3, &[at], format!("the log does not fold: {error}"))
        })?;
        if durable_digest(&folded.state.durable) != has {
            let what = format!("{} records do not fold to what is in memory", durable.records);
            return Err(Violation::new(Invariant::I3, &[at], what));
        }
        Ok(())
    }

    /// Notes the state of a node by the number of its records.
    pub(super) fn take_sample(&mut self, at: usize) {
        let Some(node) = self.world.nodes.get(at).filter(|node| node.is_up()) else { return };
        let durable = &node.state().durable;
        let known = self.namespace.and_then(|it| durable.namespaces.get(&it));
        let space = known.map(|known| &known.space).filter(|space| space.is_settled());
        let version = space.map(|space| Version::of(node, space));
        let Some(seen) = self.checks.nodes.get_mut(at) else { return };
        if version.is_some() && seen.sampled == version {
            return;
        }
        seen.sampled = version;
        let sample = (durable.records, durable_digest(durable));
        if seen.samples.last() != Some(&sample) {
            if seen.samples.len() >= SAMPLES_MAX {
                seen.samples.remove(0);
            }
            seen.samples.push(sample);
        }
    }

    /// What must hold when a node has started again.
    pub(super) fn check_restarts(&mut self) -> Result<(), Violation> {
        if self.world.starts == self.checks.starts {
            return Ok(());
        }
        self.checks.starts = self.world.starts;
        for at in 0..self.world.nodes.len() {
            let Some(node) = self.world.nodes.get(at) else { continue };
            let run = node.run();
            let is_new = self.checks.nodes.get(at).is_some_and(|seen| seen.run != run);
            if is_new && node.is_up() {
                self.note_restart(at);
                let checked = self.check_restart(at);
                checked.or_else(|violation| self.judge(violation))?;
                if let Some(seen) = self.checks.nodes.get_mut(at) {
                    (seen.run, seen.judged) = (run, 0);
                }
            }
        }
        Ok(())
    }

    fn check_restart(&mut self, at: usize) -> Result<(), Violation> {
        let Some(node) = self.world.nodes.get(at).filter(|_| self.is_honest(at)) else {
            return Ok(());
        };
        let known = self.namespace.and_then(|it| node.state().durable.namespaces.get(&it));
        let watch = self.watch.borrow();
        let promised = watch.promised.get(at);
        let is_lost = |op: &&OpId| known.is_none_or(|known| known.stored(op).is_none());
        if let Some(lost) = promised.and_then(|ops| ops.iter().find(is_lost)) {
            let what = format!("op {lost} was said to be here, and is gone after a restart");
            return Err(Violation::new(Invariant::I6, &[at], what));
        }
        drop(watch);
        last::check_snapshots(at, node, &node.state().durable)?;
        check_prefixes(at, node, self.checks.nodes.get(at).map_or(&[], |it| &it.samples))?;
        self.check_fold(at)
    }

    /// I2: the engine of a node says what the oracle says of the same ops.
    pub(super) fn check_oracle(&self, at: usize) -> Result<(), Violation> {
        let (Some(node), Some(namespace)) = (self.world.nodes.get(at), self.namespace) else {
            return Ok(());
        };
        let Some(known) = node.state().durable.namespaces.get(&namespace) else { return Ok(()) };
        let (space, graph) = (&known.space, known.space.graph());
        if graph.len() > ORACLE_OPS_MAX {
            return Ok(());
        }
        let wrong = |what: String| Violation::new(Invariant::I2, &[at], what);
        let mut oracle = Oracle::new(namespace);
        for ix in (0..graph.len()).map(Ix) {
            let bytes = node.disk.peek(&graph.stored(ix));
            let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
            let op = verify(&bytes, namespace).map_err(|error| wrong(error.to_string()))?;
            let (id, expected) = (op.id, oracle.add(op));
            let got = graph.void_at_cut(ix).map_or(Admission::Admit, |it| Admission::Void(*it));
            if got != expected {
                return Err(wrong(format!("op {id}: engine {got:?}, oracle {expected:?}")));
            }
        }
        compare::check(space, &oracle.now()).map_err(wrong)?;
        self.check_refused(at, space, oracle)
    }

    /// I2 of what a villain published and a node refused: the rules drop it. An op that is void at
    /// its cut is kept, and nothing else tells, for everybody would drop it alike.
    fn check_refused(&self, at: usize, space: &Space, mut oracle: Oracle) -> Result<(), Violation> {
        let (Some(node), Some(namespace)) = (self.world.nodes.get(at), self.namespace) else {
            return Ok(());
        };
        let Some(desk) = node.state().volatile.desks.get(&namespace) else { return Ok(()) };
        for (id, bytes) in self.forged.iter().filter(|(id, _)| desk.refused.contains(id)) {
            let Ok(op) = verify(bytes, namespace) else { continue };
            let is_here = |parent: &OpId| space.graph().find(parent).is_some();
            if !op.payload.parents.iter().all(is_here) {
                continue;
            }
            let expected = oracle.add(op);
            if !matches!(expected, Admission::Drop(_)) {
                let what = format!("op {id} was refused, and the oracle says {expected:?}");
                return Err(Violation::new(Invariant::I2, &[at], what));
            }
        }
        Ok(())
    }
}

/// I8: on a part of its log, a node has the state that it had then.
fn check_prefixes(at: usize, node: &Node, samples: &[(u64, [u8; 32])]) -> Result<(), Violation> {
    for (records, had) in samples.first().into_iter().chain(samples.last()) {
        let folded = node.disk.refold(*records).map(|it| durable_digest(&it.state.durable));
        if folded.ok() != Some(*had) {
            let what = format!("{records} records fold to something else than at their time");
            return Err(Violation::new(Invariant::I8, &[at], what));
        }
    }
    Ok(())
}

/// I31: whom an honest node blames is no honest node.
fn check_blame(
    at: usize,
    node: &Node,
    is_villain: impl Fn(usize) -> bool,
) -> Result<(), Violation> {
    let blamed = node.charged().into_iter().map(Cluster::number_of);
    match blamed.into_iter().find(|peer| !is_villain(*peer)) {
        Some(peer) => Err(Violation::new(Invariant::I31, &[at, peer], "one blames the other")),
        None => Ok(()),
    }
}

/// I9: no honest member has signed two ops with one nonce.
fn check_signers(
    at: usize,
    space: &Space,
    is_honest: impl Fn(MemberId) -> bool,
) -> Result<(), Violation> {
    let graph = space.graph();
    for (signer, nonce, ops) in graph.equivocations() {
        let signer = graph.member_id(signer);
        if is_honest(signer) {
            let ops: Vec<OpId> = ops.into_iter().map(|ix| graph.node(ix).id).collect();
            let what = format!("{signer:?} signed {ops:?} with nonce {nonce}");
            return Err(Violation::new(Invariant::I9, &[at], what));
        }
    }
    Ok(())
}

/// I18: the heads are the maximal visible ops.
fn check_heads(at: usize, space: &Space) -> Result<(), Violation> {
    let heads: BTreeSet<OpId> = space.heads().into_iter().collect();
    let expected = maximal_visible(space);
    if heads == expected {
        return match uncovered(space) {
            None => Ok(()),
            Some(op) => {
                let what = format!("op {op} has effect, and is behind none of {heads:?}");
                Err(Violation::new(Invariant::I18, &[at], what))
            }
        };
    }
    let what = format!("heads {heads:?}, and the maximal visible ops are {expected:?}");
    Err(Violation::new(Invariant::I18, &[at], what))
}

/// I1: whoever has the same ops has the same of everything that follows from them.
fn check_set(
    at: usize,
    space: &Space,
    by_set: &mut BTreeMap<[u8; 32], (Summary, usize)>,
) -> Result<(), Violation> {
    let summary = Summary::of(space);
    let (first, whose) = by_set.entry(set_of(space)).or_insert_with(|| (summary.clone(), at));
    if *first == summary {
        return Ok(());
    }
    let what = format!("the same ops, and {first:?} against {summary:?}");
    Err(Violation::new(Invariant::I1, &[*whose, at], what))
}

/// I10: whoever reached a verdict on an op reached the same.
fn check_verdicts(
    at: usize,
    space: &Space,
    verdicts: &mut BTreeMap<OpId, (Option<VoidAtCut>, usize)>,
    judged: &mut u32,
) -> Result<(), Violation> {
    let graph = space.graph();
    for ix in (*judged..graph.len()).map(Ix) {
        let verdict = graph.void_at_cut(ix).copied();
        let id = graph.node(ix).id;
        let (first, whose) = verdicts.entry(id).or_insert((verdict, at));
        if *first != verdict {
            let what = format!("op {id}: {first:?} against {verdict:?}");
            return Err(Violation::new(Invariant::I10, &[*whose, at], what));
        }
    }
    *judged = graph.len();
    Ok(())
}
