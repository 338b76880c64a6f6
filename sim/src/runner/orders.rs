//! I24: the same ops in another order of arrival, with some of them twice, have the same effect.

use super::book::Book;
use super::sets::Summary;
use super::{Bug, Invariant, Runner, Violation};
use crate::kit::{Author, copied};
use crate::solo::Solo;
use crate::world::Prng;
use folkmoot_core::command::CommandId;
use folkmoot_core::event::Event;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::input::Input;
use folkmoot_core::signed::{Op, Verified};
use std::collections::BTreeSet;

/// Ops that arrive at once.
const PAGE: usize = 16;
/// Steps that a page may take until it is judged.
const STEPS_MAX: u64 = 10_000;

impl Runner<'_> {
    /// Hands what a node has to one that knows nothing, shuffled, and compares what came of it.
    pub(super) fn check_orders(&self, at: usize, namespace: NamespaceId) -> Result<(), Violation> {
        let Some(node) = self.world.nodes.get(at) else { return Ok(()) };
        let Some(known) = node.state().durable.namespaces.get(&namespace) else { return Ok(()) };
        if !known.space.is_settled() {
            return Ok(());
        }
        let mut rng = Prng::new(self.scenario.seed ^ at as u64);
        let mut ops: Vec<Verified<Op>> = Book::of(node).ops().map(copied).collect();
        let twice: Vec<Verified<Op>> = ops.iter().step_by(5).map(copied).collect();
        ops.extend(twice);
        for last in (1..ops.len()).rev() {
            ops.swap(last, rng.below(last + 1));
        }
        if self.bug == Bug::Forgetful {
            forget_orphans(&mut ops);
        }
        let opened = Event::NamespaceOpened { namespace, me: Author::new(u64::MAX).id };
        let mut stranger = Solo::start_after(&[opened], &[], None);
        let mut left = usize::MAX;
        // What found no room to wait in is handed over again, as it would be fetched again.
        while ops.len() < left {
            left = ops.len();
            hand_over(&mut stranger, namespace, &ops);
            let known = stranger.state.durable.namespaces.get(&namespace);
            ops.retain(|op| known.is_none_or(|known| known.stored(&op.id).is_none()));
        }
        let other = stranger.state.durable.namespaces.get(&namespace);
        let (ours, theirs) = (Summary::of(&known.space), other.map(|it| Summary::of(&it.space)));
        if theirs.as_ref() == Some(&ours) {
            return Ok(());
        }
        let what = format!("in another order the same ops give {theirs:?} and not {ours:?}");
        self.judge(Violation::new(Invariant::I24, &[at], what))
    }
}

/// Hands ops over, the last ones first, page after page.
fn hand_over(stranger: &mut Solo, namespace: NamespaceId, ops: &[Verified<Op>]) {
    for page in ops.rchunks(PAGE) {
        let (command, ops) = (CommandId(0), page.iter().map(copied).collect());
        stranger.give(Input::OpsImported { command, namespace, ops });
        let mut steps = 0;
        while !stranger.state.volatile.busy.is_empty() && steps < STEPS_MAX {
            stranger.advance(0);
            steps += 1;
        }
    }
}

/// A planted bug: what arrives before its parents is thrown away, and never asked for again.
fn forget_orphans(ops: &mut Vec<Verified<Op>>) {
    let mut known: BTreeSet<OpId> = BTreeSet::new();
    let mut kept = Vec::new();
    for op in std::mem::take(ops).into_iter().rev() {
        if op.payload.parents.iter().all(|parent| known.contains(parent)) {
            known.insert(op.id);
            kept.push(op);
        }
    }
    kept.reverse();
    *ops = kept;
}
