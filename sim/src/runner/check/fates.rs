//! I11: a verdict is final, wherever it was reached, and whatever waits for one does not wait for
//! ever.

use crate::cluster::Node;
use folkmoot_core::effect::Notice;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::governance::verdict::{Dropped, VoidAtCut};
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::PENDING_AGE_MS_MAX;
use std::collections::BTreeMap;

/// How much later than its time an op may stop to wait, in milliseconds.
const GRACE_MS: u64 = 2_000;

/// What became of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Refused(Dropped),
    Void(VoidAtCut),
    Admitted,
}

/// What became of the ops of a world, by the word of honest nodes.
#[derive(Default)]
pub(super) struct Fates(BTreeMap<OpId, Fate>);

impl Fates {
    /// Looks at what a node told since so many notices, and at what it stored from a place on.
    pub(super) fn check(
        &mut self,
        (node, namespace): (&Node, NamespaceId),
        space: &Space,
        (notices, stored): (usize, u32),
    ) -> Result<(), String> {
        for notice in node.notices.iter().skip(notices) {
            if let Notice::OpRefused { namespace: of, op, why } = notice
                && *of == namespace
            {
                self.note(*op, Fate::Refused(*why))?;
            }
        }
        let graph = space.graph();
        for ix in (stored..graph.len()).map(Ix) {
            let fate = graph.void_at_cut(ix).map_or(Fate::Admitted, |void| Fate::Void(*void));
            self.note(graph.node(ix).id, fate)?;
        }
        Ok(())
    }

    fn note(&mut self, op: OpId, fate: Fate) -> Result<(), String> {
        let first = *self.0.entry(op).or_insert(fate);
        // Which of several flaws an op is refused for depends on what is remembered (A5).
        let both_refuse = matches!((first, fate), (Fate::Refused(_), Fate::Refused(_)));
        if first == fate || both_refuse {
            return Ok(());
        }
        Err(format!("op {op} was {first:?}, and is {fate:?}"))
    }
}

/// Nothing waits for parents longer than it may.
pub(super) fn check_waiting(
    node: &Node,
    namespace: NamespaceId,
    mono_ms: u64,
) -> Result<(), String> {
    let desk = node.state().volatile.desks.get(&namespace);
    let oldest = desk.and_then(|desk| desk.pending.oldest_first().next());
    let Some(oldest) = oldest else { return Ok(()) };
    let waited = mono_ms.saturating_sub(oldest.since.0);
    if waited <= PENDING_AGE_MS_MAX + GRACE_MS {
        return Ok(());
    }
    Err(format!("op {} has waited {waited} ms for its parents", oldest.op.id))
}
