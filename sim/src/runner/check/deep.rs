//! The invariants that take a closer look at a node: at what it keeps, and where that comes from.

use super::authority::{Record, Standing};
use super::facts::Facts;
use super::fates::{Fates, check_waiting};
use super::reading::Reading;
use super::{bounds, effects, timers, tree};
use crate::cluster::Node;
use crate::runner::sets::{Summary, set_of};
use crate::runner::{Invariant, Runner, Violation};
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::NamespaceId;
use std::collections::BTreeSet;

/// Looks between two at all that the ops of a node come to.
const REBUILD_EVERY: u64 = 8;

/// What these checkers remember.
pub(in crate::runner) struct Deep {
    facts: Facts,
    fates: Fates,
    nodes: Vec<Seen>,
    /// Sets of ops that were evaluated again, with what they came to.
    rebuilt: BTreeSet<([u8; 32], [u8; 32], [u8; 32])>,
}

/// How far a node was looked at.
#[derive(Default)]
struct Seen {
    run: u64,
    /// Ops that were looked at in this run.
    ops: u32,
    /// Notices.
    notices: usize,
    reading: Reading,
}

impl Deep {
    pub(in crate::runner) fn new(count: usize) -> Self {
        let nodes = (0..count).map(|_| Seen::default()).collect();
        let (facts, fates) = (Facts::default(), Fates::default());
        Self { facts, fates, nodes, rebuilt: BTreeSet::new() }
    }

    /// Forgets how far each node was looked at, and not what was seen.
    pub(super) fn forget(&mut self) {
        for seen in &mut self.nodes {
            (seen.ops, seen.reading) = (0, Reading::default());
        }
    }
}

impl Runner<'_> {
    /// Takes a closer look at all nodes, and at one of them in turn the closest.
    pub(in crate::runner) fn look_deeper(&mut self, look: u64) -> Result<(), Violation> {
        let Some(namespace) = self.namespace else { return Ok(()) };
        let count = self.world.nodes.len();
        // A villain may have said anything, and of a node that is down nothing can be seen.
        let is_open = self.villains.is_empty() && self.world.nodes.iter().all(Node::is_up);
        for at in 0..count {
            if self.is_honest(at) {
                if is_open {
                    self.hear(Invariant::I7, at, self.check_outbox(at, namespace))?;
                }
                self.check_keeping(at, namespace)?;
                if self.checks.is_close(at) {
                    self.check_growth(at, namespace)?;
                }
            }
        }
        if look.is_multiple_of(REBUILD_EVERY) {
            let turn = (look / REBUILD_EVERY).checked_rem(count as u64).unwrap_or_default();
            let at = usize::try_from(turn).unwrap_or_default();
            self.rebuild(at, namespace)?;
        }
        Ok(())
    }

    /// Rebuilds what each of these nodes has.
    pub(in crate::runner) fn check_all_again(&mut self, nodes: &[usize]) -> Result<(), Violation> {
        let Some(namespace) = self.namespace else { return Ok(()) };
        nodes.iter().try_for_each(|at| self.rebuild(*at, namespace))
    }

    /// What changes with every input: I7, I11, I19, I21 and I22.
    fn check_keeping(&self, at: usize, namespace: NamespaceId) -> Result<(), Violation> {
        let now = self.world.now();
        let Some(node) = self.world.nodes.get(at).filter(|node| node.is_up()) else {
            return Ok(());
        };
        let hear = |invariant, found: Result<(), String>| self.hear(invariant, at, found);
        hear(Invariant::I7, effects::check_topics(node))?;
        hear(Invariant::I19, bounds::check_sizes(node, namespace, self.world.nodes.len()))?;
        if !node.is_awake(now) {
            return Ok(());
        }
        let mono_ms = node.clock.mono_at(now);
        hear(Invariant::I11, check_waiting(node, namespace, mono_ms))?;
        hear(Invariant::I21, bounds::check_steps(node, mono_ms))?;
        hear(Invariant::I22, timers::check(node, mono_ms))
    }

    /// What changes with the ops that are stored: I11, I12, I13 and I17.
    fn check_growth(&mut self, at: usize, namespace: NamespaceId) -> Result<(), Violation> {
        let Some(node) = self.world.nodes.get(at).filter(|node| node.is_up()) else {
            return Ok(());
        };
        let known = node.state().durable.namespaces.get(&namespace);
        let Some(space) = known.map(|known| &known.space).filter(|space| space.is_settled()) else {
            return Ok(());
        };
        let Some(seen) = self.deep.nodes.get_mut(at) else { return Ok(()) };
        if seen.run != node.run() {
            (seen.run, seen.ops, seen.reading) = (node.run(), 0, Reading::default());
        }
        let (from, notices, len) = (seen.ops, seen.notices, space.graph().len());
        (seen.ops, seen.notices) = (len, node.notices.len());
        let fates = self.deep.fates.check((node, namespace), space, (notices, from));
        let is_new = from < len;
        // What cannot be read is the matter of I3.
        let is_known = is_new && self.deep.facts.learn(node, space, from);
        self.hear(Invariant::I11, at, fates)?;
        if is_new {
            self.hear(Invariant::I17, at, tree::check(space, from))?;
        }
        if is_known
            && let Some(seen) = self.deep.nodes.get_mut(at)
            && seen.reading.go_on(space, &self.deep.facts)
        {
            let standing = Standing { space, reading: &seen.reading };
            let (chains, rules) = (standing.check_chains(), standing.check_rules());
            self.hear(Invariant::I13, at, chains)?;
            self.hear(Invariant::I12, at, rules)?;
        }
        Ok(())
    }

    /// I4, I15 and K3 of I12: what all of a node's ops come to, once for each set of them.
    fn rebuild(&mut self, at: usize, namespace: NamespaceId) -> Result<(), Violation> {
        let node = self.world.nodes.get(at).filter(|node| node.is_up() && self.is_honest(at));
        let Some(node) = node else { return Ok(()) };
        let known = node.state().durable.namespaces.get(&namespace);
        let Some(space) = known.map(|known| &known.space).filter(|space| space.is_settled()) else {
            return Ok(());
        };
        if !self.deep.facts.learn(node, space, 0) || !self.deep.rebuilt.insert(name_of(space)) {
            return Ok(());
        }
        let record = Record { space, facts: &self.deep.facts };
        self.hear(Invariant::I4, at, record.check_batch())?;
        self.hear(Invariant::I12, at, record.check_struck())?;
        self.hear(Invariant::I15, at, record.check_removed())
    }

    fn hear(
        &self,
        invariant: Invariant,
        at: usize,
        found: Result<(), String>,
    ) -> Result<(), Violation> {
        found.or_else(|what| self.judge(Violation::new(invariant, &[at], what)))
    }
}

/// Names a set of ops, and what a node made of it.
fn name_of(space: &Space) -> ([u8; 32], [u8; 32], [u8; 32]) {
    let Summary { state_root, heads, effective } = Summary::of(space);
    let mut hasher = blake3::Hasher::new();
    for head in &heads {
        hasher.update(&head.0);
    }
    hasher.update(&effective);
    (set_of(space), state_root, *hasher.finalize().as_bytes())
}
