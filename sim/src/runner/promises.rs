//! What else must come true when nothing goes wrong any more: joins, newcomers, anchors.

use super::{Bug, Invariant, Runner, Violation, author, member};
use crate::cluster::{Link, Node, Wrong};
use crate::scenario::{Action, Deed, Harm, Role};
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::query::NamespaceView;

/// Within this time a newcomer has everything, in milliseconds.
const NEWCOMER_MS: u64 = 30_000;
/// How often one looks whether it has.
const SLICE_MS: u64 = 500;
/// Within this time an anchor that is due is written, in milliseconds.
const ANCHOR_MS: u64 = 5_000;

impl Runner<'_> {
    /// L5 begins: the founder invites somebody who never was there, and who begins to join while
    /// the world is as bad as it got.
    pub(super) fn invite_before_healing(&mut self) -> Result<(), Violation> {
        let founder = self.founder.filter(|at| self.is_honest(*at));
        let (Some(namespace), Some(founder)) = (self.namespace, founder) else { return Ok(()) };
        let Some(host) = self.world.nodes.get(founder).filter(|node| node.is_up()) else {
            return Ok(());
        };
        // Whoever sleeps on is not healed yet.
        if self.world.nodes.iter().any(|node| !node.is_awake(self.world.now())) {
            return Ok(());
        }
        let known = host.state().durable.namespaces.get(&namespace);
        let is_new = |at: &usize| {
            let node = self.world.nodes.get(*at).filter(|node| node.is_up());
            let is_there = |node: &Node| node.state().durable.namespaces.contains_key(&namespace);
            self.is_honest(*at)
                && !self.lost.contains(at)
                && !self.is_taken_from(*at)
                && node.is_some_and(|node| !is_there(node))
                && known.is_some_and(|known| !known.space.is_named(&member(*at)))
        };
        if let Some(at) = (0..self.world.nodes.len()).find(is_new) {
            self.invite_one(founder, at, Role::Member, true);
            self.settle_pending()?;
        }
        Ok(())
    }

    /// Whether somebody may have taken something from a person, before it ever was there: who wrote
    /// that need not have met the founder since, and an invitation does not undo it.
    fn is_taken_from(&self, at: usize) -> bool {
        let is_hit = |deed: &Deed| {
            matches!(deed, Deed::Remove { who } | Deed::Restrict { who, .. }
                if usize::from(*who) == at)
        };
        let deeds = self.scenario.actions.iter().filter_map(|action| {
            if let Action::Govern { deed, .. }
            | Action::Harm { harm: Harm::Force { deed, .. }, .. } = action
            {
                Some(deed)
            } else {
                None
            }
        });
        deeds.into_iter().any(is_hit)
    }

    /// L5: who began to join then is in.
    pub(super) fn check_invited(&self) -> Result<(), Violation> {
        match self.pending.iter().find(|pending| pending.must_join()) {
            Some(pending) if !self.is_outdated() => {
                let what = "a join by a valid invitation has not ended in a world without faults";
                self.judge(Violation::new(Invariant::L5, &[pending.node()], what))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the founder's last invitation names an op that shows no longer, for somebody took
    /// its effect away meanwhile: no join has that in its past, so none is let in (A10).
    pub(super) fn is_outdated(&self) -> bool {
        let Some(founder) = self.founder else { return false };
        let (Some(known), Some(invitation)) = (self.known(founder), self.last_issued(founder))
        else {
            return false;
        };
        let (graph, frontier) = (known.space.graph(), known.space.frontier());
        let is_shown = |id| graph.find(id).is_some_and(|ix| frontier.is_visible(graph, ix));
        !invitation.terms.frontier.iter().all(is_shown)
    }

    /// L6: somebody who comes new joins, and has everything soon.
    pub(super) fn check_newcomer(
        &mut self,
        namespace: NamespaceId,
        core: &[usize],
    ) -> Result<(), Violation> {
        let founder = self.founder.filter(|at| core.contains(at) && self.world.nodes.len() < 1_000);
        let Some(founder) = founder else { return Ok(()) };
        let known = self.world.nodes.get(founder).map(|it| &it.state().durable.namespaces);
        let newcomer = member(self.world.nodes.len());
        if known.and_then(|it| it.get(&namespace)).is_some_and(|it| it.space.is_named(&newcomer)) {
            return Ok(());
        }
        let mut node = Node::default();
        node.clock.shift_ms = self.shift_ms;
        if self.bug == Bug::NoRoom {
            node.disk.set_wrong(Wrong::Full);
        }
        node.give_key(&author(self.world.nodes.len()));
        let at = self.world.add(node, &Link::default());
        self.invite_one(founder, at, Role::Member, false);
        let deadline = self.world.now() + NEWCOMER_MS;
        while self.world.now() < deadline {
            self.wait(SLICE_MS)?;
            if self.has_all_of(at, founder, namespace) {
                return Ok(());
            }
        }
        let known = |at| self.seen(at, namespace).map(|view| (view.ops, view.joining));
        let what = format!("a newcomer has {:?}, and the founder {:?}", known(at), known(founder));
        self.judge(Violation::new(Invariant::L6, &[founder, at], what))
    }

    fn has_all_of(&self, at: usize, founder: usize, namespace: NamespaceId) -> bool {
        let views = (self.seen(at, namespace), self.seen(founder, namespace));
        let (Some(theirs), Some(ours)) = views else { return false };
        !theirs.joining && (theirs.heads, theirs.state_root) == (ours.heads, ours.state_root)
    }

    fn seen(&self, at: usize, namespace: NamespaceId) -> Option<NamespaceView> {
        self.world.nodes.get(at)?.state().namespace(&namespace)
    }

    /// L8: where the notary's node is in the core, an anchor is there as soon as it is due.
    pub(super) fn check_anchors(
        &mut self,
        namespace: NamespaceId,
        core: &[usize],
    ) -> Result<(), Violation> {
        let due = self.scenario.options.anchor_ops;
        let notary = |runner: &Self, at: usize| {
            let known = runner.world.nodes.get(at)?.state().durable.namespaces.get(&namespace)?;
            let (graph, view) = (known.space.graph(), known.space.view());
            let notary = view.notary(graph).map(|person| graph.member_id(person));
            (notary == Some(member(at))).then(|| known.space.since_anchor())
        };
        let at = core.iter().copied().find(|at| notary(self, *at).is_some());
        let Some(at) = at.filter(|_| due > 0) else { return Ok(()) };
        let left = due.saturating_sub(notary(self, at).unwrap_or_default());
        for _ in 0..left {
            self.write_apart(at, namespace, Body::Noop);
        }
        self.wait(ANCHOR_MS)?;
        match notary(self, at) {
            Some(since) if since >= due => {
                let what = format!("{since} ops since the last anchor, which is due every {due}");
                self.judge(Violation::new(Invariant::L8, &[at], what))
            }
            Some(_) | None => Ok(()),
        }
    }
}
