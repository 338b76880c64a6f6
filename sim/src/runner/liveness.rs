//! What must come true when nothing goes wrong any more.
//!
//! The core is every honest node whose member the founder's node counts: nobody serves one who was
//! removed, so nothing is promised to them.

use super::sets::shown_of;
use super::{Bug, Invariant, Runner, Violation, member};
use crate::cluster::{Link, Node};
use folkmoot_core::command::{CommandId, Outcome, Refusal};
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::OUTBOX_OPS_MAX;
use folkmoot_core::query::{NamespaceView, Standing};
use folkmoot_core::readiness::State;
use folkmoot_core::time::MonoMillis;
use std::collections::BTreeSet;

/// Within this time everybody has everything, in milliseconds, besides the delays.
const CONVERGE_MS: u64 = 60_000;
/// Twice the longest time between two beacons of so few members, with its jitter.
const BEACONS_MS: u64 = 50_000;
/// So long what was written just now may be on its way.
const ON_ITS_WAY_MS: u64 = 1_000;
/// Within this time what is written is everywhere.
const WRITE_MS: u64 = 10_000;
const MINUTE_MS: u64 = 60_000;
/// Of more nodes, so many write to show that all can, far from each other.
const WRITERS_MAX: usize = 64;

impl Runner<'_> {
    /// Mends everything, and sees that what was promised comes true.
    pub(super) fn live(&mut self) -> Result<(), Violation> {
        let now = self.world.now();
        let asleep = self.world.nodes.iter().map(Node::asleep_until).max().unwrap_or(0);
        self.invite_before_healing()?;
        self.relieve();
        self.mend(&Link::default());
        self.plant_lasting_gap();
        self.plant_parting(Bug::DeafForEver);
        if self.bug == Bug::Mute {
            let topic = crate::cluster::Path::mute();
            self.mend(&Link { topic, ..Link::default() });
        }
        self.wait(asleep.saturating_sub(now))?;
        let slowest = self.scenario.options.topic.delay_ms.1;
        self.wait(CONVERGE_MS + 3 * slowest)?;
        let Some(namespace) = self.namespace else { return Ok(()) };
        self.check_invited()?;
        self.wait(BEACONS_MS)?;
        // Who left, and nobody knew, is no longer one of them.
        let core = self.core(namespace);
        if !self.are_level(namespace, &core) {
            // Anchors are written by the clock, also now (D12).
            self.wait(ON_ITS_WAY_MS)?;
        }
        self.check_equal(namespace, &core)?;
        self.check_ready(namespace, &core)?;
        if let Some(at) = core.first() {
            self.check_oracle(*at).or_else(|violation| self.judge(violation))?;
            self.check_orders(*at, namespace)?;
        }
        self.check_all_again(&core)?;
        self.check_quiet(namespace, &core)?;
        self.plant_parting(Bug::LatePart);
        self.check_writing(namespace, &core)?;
        self.check_anchors(namespace, &core)?;
        self.check_newcomer(namespace, &core)?;
        self.check_thrift(namespace)?;
        self.check_secrets()?;
        self.look_afresh()?;
        self.check_last(namespace)
    }

    /// The honest nodes of whoever is a member at the founder's node; none where that is a
    /// villain's, or of one who left.
    fn core(&self, namespace: NamespaceId) -> Vec<usize> {
        let takes_part = |at: &usize| {
            let view = self.view(*at, namespace);
            let takes_part = view.is_some_and(|view| view.open && !view.joining);
            self.is_honest(*at) && !self.lost.contains(at) && takes_part
        };
        let Some(founder) = self.founder.filter(takes_part) else { return Vec::new() };
        let Some(node) = self.world.nodes.get(founder) else { return Vec::new() };
        let groups = node.state().groups(&namespace);
        let members: BTreeSet<_> = groups
            .iter()
            .flat_map(|group| node.state().members(&namespace, &group.group))
            .map(|row| row.member)
            .collect();
        let is_member = |at: &usize| members.contains(&member(*at));
        let nodes = (0..self.world.nodes.len()).filter(|at| takes_part(at) && is_member(at));
        let core: Vec<usize> = nodes.collect();
        if core.contains(&founder) { core } else { Vec::new() }
    }

    fn view(&self, at: usize, namespace: NamespaceId) -> Option<NamespaceView> {
        self.world.nodes.get(at)?.state().namespace(&namespace)
    }

    /// Whether all have the same heads.
    fn are_level(&self, namespace: NamespaceId, core: &[usize]) -> bool {
        let heads = |at: &usize| self.view(*at, namespace).map(|view| view.heads);
        let first = core.first().map(heads);
        core.iter().all(|at| Some(heads(at)) == first)
    }

    /// L1, L2 and L3.
    fn check_equal(&self, namespace: NamespaceId, core: &[usize]) -> Result<(), Violation> {
        let Some(first) = core.first() else { return Ok(()) };
        // What is not visible is not told to who does not ask, so sets may differ in that.
        let shown = |at: usize| {
            let durable = &self.world.nodes.get(at)?.state().durable;
            durable.namespaces.get(&namespace).map(|known| shown_of(&known.space))
        };
        let Some(expected) = self.view(*first, namespace) else { return Ok(()) };
        for at in core {
            let Some(view) = self.view(*at, namespace) else { continue };
            let fail = |invariant, what: String| {
                self.judge(Violation::new(invariant, &[*first, *at], what))
            };
            if (&view.heads, view.state_root) != (&expected.heads, expected.state_root) {
                let (ours, theirs) = (&expected.heads, &view.heads);
                let what = format!(
                    "heads {ours:?} of {} ops, and {theirs:?} of {}",
                    expected.ops, view.ops
                );
                fail(Invariant::L1, what)?;
            }
            if shown(*at) != shown(*first) {
                fail(Invariant::L2, format!("{} ops, and {}", expected.ops, view.ops))?;
            }
            if let Some(op) = self.waits_in_vain(namespace, *at, core) {
                let what = format!("{} ops wait, and {op} that is missing is there", view.pending);
                fail(Invariant::L3, what)?;
            }
        }
        Ok(())
    }

    /// An op that a node waits for, and another one has and tells of. What is not visible there is
    /// in no comparison: whoever waits for it has to ask the right one, and no honest op rests on
    /// it.
    fn waits_in_vain(&self, namespace: NamespaceId, at: usize, core: &[usize]) -> Option<OpId> {
        let desk = self.world.nodes.get(at)?.state().volatile.desks.get(&namespace)?;
        let is_told = |op: &OpId, node: &Node| {
            let known = node.state().durable.namespaces.get(&namespace);
            known.is_some_and(|known| {
                let graph = known.space.graph();
                graph.find(op).is_some_and(|ix| known.space.frontier().is_visible(graph, ix))
            })
        };
        let is_there = |op: &OpId| {
            let mut nodes = core.iter().filter_map(|other| self.world.nodes.get(*other));
            nodes.any(|node| is_told(op, node))
        };
        desk.pending.missing(usize::MAX).into_iter().find(is_there)
    }

    /// L4.
    fn check_ready(&self, namespace: NamespaceId, core: &[usize]) -> Result<(), Violation> {
        for at in core.iter().filter(|_| core.len() > 1) {
            let state = self.world.nodes.get(*at).and_then(|node| node.readiness(&namespace));
            if state != Some(State::PeerValidated) {
                let what = format!("readiness is {state:?} in a core of {core:?}");
                return self.judge(Violation::new(Invariant::L4, &[*at], what));
            }
        }
        Ok(())
    }

    /// L10. Who has written what nobody else has says it again (NET-34): so many ops at once, and
    /// twice a minute at most, for the time between is that long by then.
    fn check_quiet(&mut self, namespace: NamespaceId, core: &[usize]) -> Result<(), Violation> {
        let said = |runner: &Self| runner.watch.borrow().said.clone();
        let before = said(self);
        self.wait(MINUTE_MS)?;
        let after = said(self);
        let beside = 60 + 2 * self.world.nodes.len() as u64;
        for at in core {
            let count = |said: &[u64]| said.get(*at).copied().unwrap_or_default();
            let minute = count(&after) - count(&before);
            let most = beside + 2 * self.owed(*at, namespace).min(OUTBOX_OPS_MAX);
            if minute > most {
                let what = format!("{minute} messages in a quiet minute, and {most} are allowed");
                return self.judge(Violation::new(Invariant::L10, &[*at], what));
            }
        }
        Ok(())
    }

    /// Ops of a node that nobody else is known to have.
    fn owed(&self, at: usize, namespace: NamespaceId) -> u64 {
        let Some(node) = self.world.nodes.get(at) else { return 0 };
        let mono = MonoMillis(node.clock.mono_at(self.world.now()));
        node.state().outbox(&namespace, mono).map_or(0, |outbox| outbox.undelivered)
    }

    /// L7: whoever writes has it everywhere.
    fn check_writing(&mut self, namespace: NamespaceId, core: &[usize]) -> Result<(), Violation> {
        let mut commands: Vec<(usize, CommandId)> = Vec::new();
        let every = core.len().div_ceil(WRITERS_MAX).max(1);
        for at in core.iter().step_by(every) {
            let written = self.write_apart(*at, namespace, Body::Noop);
            commands.extend(written.map(|command| (*at, command)));
        }
        self.wait(WRITE_MS)?;
        for (at, command) in commands {
            let fail = |runner: &Self, nodes: &[usize], what: String| {
                runner.judge(Violation::new(Invariant::L7, nodes, what))
            };
            let op = match self.world.outcome(at, command) {
                Some(Outcome::Accepted { op, .. }) => op,
                // Who may only look, or only in a group below, writes nothing here.
                Some(Outcome::Refused(Refusal::WouldBeVoid(_))) => continue,
                other => return fail(self, &[at], format!("writing ended with {other:?}")),
            };
            for other in core {
                let view =
                    self.world.nodes.get(*other).and_then(|it| it.state().op(&namespace, &op));
                if view.as_ref().map(|view| &view.standing) != Some(&Standing::Effective) {
                    let what = format!("{op} has no effect there: {view:?}");
                    return fail(self, &[at, *other], what);
                }
            }
        }
        Ok(())
    }
}
