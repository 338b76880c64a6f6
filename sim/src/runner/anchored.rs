//! I16: what is below an anchor of the chain keeps its verdict, on all nodes (K6).

use super::{Invariant, Runner, Violation};
use crate::scenario::{Action, Deed, Harm};
use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::OpId;
use std::collections::BTreeMap;

/// What became final.
#[derive(Default)]
pub(super) struct Finals {
    /// Whether each op below an anchor has effect, and who said so first.
    verdicts: BTreeMap<OpId, (bool, usize)>,
    /// What was looked at last, of each node: ops, anchors, root.
    seen: BTreeMap<usize, (u32, usize, [u8; 32])>,
}

impl Runner<'_> {
    /// Whether somebody who means ill may be named as the notary.
    fn is_notary_ill(&self) -> bool {
        let named = |action: &Action| {
            let (Action::Govern { deed: Deed::Notary { who }, .. }
            | Action::Harm { harm: Harm::Force { deed: Deed::Notary { who }, .. }, .. }) = action
            else {
                return None;
            };
            Some(usize::from(*who))
        };
        let mut named = self.scenario.actions.iter().filter_map(named);
        named.any(|at| !self.is_honest(at))
    }

    /// Looks at what is final at each honest node; nothing is promised where the notary means ill.
    pub(super) fn check_finals(&mut self) -> Result<(), Violation> {
        let notary = self.founder.filter(|at| self.is_honest(*at) && !self.is_notary_ill());
        let (Some(namespace), Some(_)) = (self.namespace, notary) else { return Ok(()) };
        for at in 0..self.world.nodes.len() {
            let is_looked_at = self.is_honest(at) && self.checks.is_close(at);
            let Some(node) = self.world.nodes.get(at).filter(|_| is_looked_at) else {
                continue;
            };
            let known = node.state().durable.namespaces.get(&namespace);
            let Some(space) = known.map(|known| &known.space).filter(|space| space.is_settled())
            else {
                continue;
            };
            let (graph, view) = (space.graph(), space.view());
            let seen = (graph.len(), view.anchors().len(), view.state_root());
            if seen.1 == 0 || self.finals.seen.insert(at, seen) == Some(seen) {
                continue;
            }
            let is_final = |ix: &Ix| (view.epoch(graph, *ix) as usize) < view.anchors().len();
            for ix in (0..graph.len()).map(Ix).filter(is_final) {
                let (id, has_effect) = (graph.node(ix).id, view.is_effective(graph, ix));
                let (first, whose) = *self.finals.verdicts.entry(id).or_insert((has_effect, at));
                if first != has_effect {
                    let what = format!(
                        "op {id} below an anchor had effect: {first}, and has now: {has_effect}"
                    );
                    return self.judge(Violation::new(Invariant::I16, &[whose, at], what));
                }
            }
        }
        Ok(())
    }
}
