//! Which ops make heads (R6, ruling 12).

use super::terms::{Grant, Node, Restriction};
use super::{Effect, Oracle};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{MemberId, OpId};
use std::collections::{BTreeMap, BTreeSet};

impl Oracle {
    /// The ops that change something or would, but for a self-restriction, with their pasts (R6);
    /// and how many others each signer has.
    pub(super) fn visible(
        &self,
        nodes: &[&Node],
        effect: &Effect,
    ) -> (BTreeSet<OpId>, BTreeMap<MemberId, u32>) {
        let (mut visible, mut silent) = (BTreeSet::new(), BTreeMap::new());
        for o in nodes {
            if self.is_visible(o, nodes, effect) {
                visible.insert(o.id());
                visible.extend(&o.past);
            } else {
                *silent.entry(o.op.payload.signer).or_default() += 1;
            }
        }
        (visible, silent)
    }

    /// Whether `o` makes itself and its past visible (ruling 12). What only a self-restriction
    /// voids is visible beside it: who did not know it would take the self-restriction for idle.
    fn is_visible(&self, o: &Node, nodes: &[&Node], effect: &Effect) -> bool {
        if effect.effective.contains(&o.id()) {
            !self.is_idle(o, nodes, effect)
        } else {
            o.statics().is_some() && !self.is_void_anyway(o, nodes, effect)
        }
    }

    /// Whether `o` is a self-restriction that changes nothing (ruling 12).
    fn is_idle(&self, o: &Node, nodes: &[&Node], effect: &Effect) -> bool {
        o.restriction().is_some_and(|restriction| {
            restriction.by_self
                && self.effective_grants(effect).all(|g| self.is_moot(o, restriction, g, effect))
                && self.kills_only_the_void(o, nodes, effect)
        })
    }

    /// Whether the restrictions of others leave `grant` no more than the self-restriction `s`
    /// does, wherever `s` touches it.
    fn is_moot(&self, s: &Node, own: &Restriction, grant: &Grant, effect: &Effect) -> bool {
        let others =
            || self.effective_restrictions(effect).filter(|(_, restriction)| !restriction.by_self);
        if self.binds(s, grant) {
            let left = others()
                .filter(|(r, _)| self.binds(r, grant))
                .fold(grant.rights, |left, (_, restriction)| left & restriction.keep);
            return own.keep.covers(left);
        }
        if self.shuts_out(s, grant) {
            // A denial is a row of its group, so only denials on the same group make it moot.
            let left = others()
                .filter(|(r, restriction)| {
                    restriction.group == own.group && self.shuts_out(r, grant)
                })
                .fold(Rights::ADMIN, |left, (_, restriction)| left & restriction.keep);
            return own.keep.covers(left);
        }
        true
    }

    /// Whether every op that `s` kills is void for another reason that no self-restriction makes.
    fn kills_only_the_void(&self, s: &Node, nodes: &[&Node], effect: &Effect) -> bool {
        let mut killed = nodes.iter().filter(|o| self.kills(s, o, &effect.epochs));
        killed.all(|o| self.is_void_anyway(o, nodes, effect))
    }

    /// Whether a clause of Eff other than a self-restriction voids `o`.
    fn is_void_anyway(&self, o: &Node, nodes: &[&Node], effect: &Effect) -> bool {
        let by_others = |r: &&&Node| !r.is_self_restriction();
        let others: Vec<&Node> = nodes.iter().filter(by_others).copied().collect();
        self.why_void(o, &others, &effect.effective, &effect.epochs).is_some()
    }
}
