//! Performs actions. Each means nothing where it does not apply.

use super::bodies::body;
use super::guests::Guests;
use super::marks::of_outcome;
use super::{Bug, Invariant, Runner, Violation, author, link};
use crate::cluster::{Link, Tail, Wrong};
use crate::kit::Author;
use crate::scenario::{Action, Deed};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::command::{Command, CommandId, Delivery, Outcome};
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{GroupId, NamespaceId};

/// How long a join may take, in milliseconds.
pub(super) const JOIN_MS: u64 = 60_000;
/// How long any other command may take, in milliseconds: it may wait for a join, and then for acks.
const ANSWER_MS: u64 = 90_000;
/// How much later than its deadline a join may end, in milliseconds: its answer is on its way.
const GRACE_MS: u64 = 1_000;

/// A command that has not ended.
pub(super) struct Pending {
    node: usize,
    /// The run of the node that took it: with that it is gone.
    run: u64,
    command: CommandId,
    /// It must end by this time of the monotonic clock of the node.
    by: u64,
    then: Then,
}

impl Pending {
    /// Whether it is a join that nothing excuses from coming to a good end.
    pub(super) fn must_join(&self) -> bool {
        matches!(
            self.then,
            Then::Joined { is_owed: true, .. }
                | Then::Invited { guests: Guests { is_owed: true, .. }, .. }
        )
    }

    /// The node that was told to.
    pub(super) fn node(&self) -> usize {
        self.node
    }
}

/// What is done with an outcome.
pub(super) enum Then {
    /// The namespace of this world is known.
    Founded,
    /// Another namespace of the founder is known.
    FoundedOther,
    /// These nodes use the invitation.
    Invited { guests: Guests, secret: Box<Author> },
    /// The joiner is in this namespace; it must be, if that is owed.
    Joined { namespace: NamespaceId, is_owed: bool },
    /// Whatever.
    Written,
}

impl Runner<'_> {
    pub(super) fn perform(&mut self, action: &Action) {
        let count = self.world.nodes.len();
        let at = usize::from;
        match action {
            Action::Wait(_) => {}
            Action::Found(node) => self.found(at(*node)),
            Action::Join { from, node, role } => {
                self.invite_one(at(*from), at(*node), *role, false);
            }
            Action::Race { from, a, b, role } => {
                self.invite(at(*from), &Guests::new(vec![at(*a), at(*b)], *role));
            }
            Action::Late { from, node, role, ms } => {
                let guests = Guests::new(vec![at(*node)], *role);
                self.invite(at(*from), &Guests { lasts_ms: Some(*ms), ..guests });
            }
            Action::Spoilt { from, node, role, bit } => {
                let guests = Guests::new(vec![at(*node)], *role);
                self.invite(at(*from), &Guests { spoilt: Some(*bit), ..guests });
            }
            Action::Cancel(node) => self.cancel_join(at(*node)),
            Action::Many { node, count } => {
                (0..*count).for_each(|_| self.govern(at(*node), 0, Deed::Noop));
            }
            Action::Govern { node, group, deed } => self.govern(at(*node), at(*group), *deed),
            Action::Kill { node, tail } => {
                self.take_sample(at(*node));
                self.world.crash(at(*node), *tail);
                self.world.revive(at(*node));
            }
            Action::Crash { node, touch, tail } => self.world.crash_at(at(*node), *touch, *tail),
            Action::Stop(node) => self.world.stop(at(*node)),
            Action::Boot(node) if self.lost.contains(&at(*node)) => {}
            Action::Boot(node) => self.world.boot(at(*node)),
            Action::Lose(node) => self.lose(at(*node)),
            Action::Freeze { node, ms } => {
                let now = self.world.now();
                if let Some(node) = self.world.nodes.get_mut(at(*node)) {
                    node.clock.freeze(now, *ms);
                }
            }
            Action::Disk { node, wrong } => self.set_wrong(at(*node), *wrong),
            Action::SetBack { node, records } => self.set_back(at(*node), *records),
            Action::PutRight(node) => self.world.put_right(at(*node)),
            Action::Cut { a, b } => self.cut(at(*a), at(*b)),
            Action::Heal { a, b } => self.heal(at(*a), at(*b)),
            Action::Isolate(node) => (0..count).for_each(|other| self.cut(at(*node), other)),
            Action::Split(mask) => self.split(*mask, None),
            Action::Bridge { node, mask } => self.split(*mask, Some(at(*node))),
            Action::Mute { from, to } => self.impair(at(*from), at(*to), &Link::mute()),
            Action::Impair { from, to, path } => {
                let link = Link { is_down: false, topic: path.clone(), stream: path.clone() };
                self.impair(at(*from), at(*to), &link);
            }
            Action::Prune { from, to } => self.prune(at(*from), at(*to)),
            Action::Stale { node, ms } => self.world.stale(at(*node), *ms),
            Action::Mend => self.mend(&link(self.scenario)),
            Action::Clock { node, ahead_ms } => {
                if let Some(node) = self.world.nodes.get_mut(at(*node)) {
                    node.clock.ahead_ms = *ahead_ms;
                }
            }
            Action::Drift { node, ppm } => self.world.drift(at(*node), *ppm),
            Action::Pause { node, ms } => self.world.sleep(at(*node), *ms),
            Action::Lie { node, lie } => self.lie(at(*node), *lie),
            Action::Harm { node, harm } => self.harm(at(*node), *harm),
        }
    }

    /// A node is gone for good: it ends, and nobody can reach it whatever becomes of it.
    fn lose(&mut self, at: usize) {
        if at < self.world.nodes.len() && self.founder != Some(at) {
            (0..self.world.nodes.len()).for_each(|other| self.cut(at, other));
            self.world.stop(at);
            if let Some(node) = self.world.nodes.get_mut(at) {
                node.give_up();
            }
            self.lost.insert(at);
            self.marks.hit("world: node lost");
        }
    }

    fn set_wrong(&mut self, at: usize, wrong: Wrong) {
        if let Some(node) = self.world.nodes.get(at).filter(|_| !self.bug.is_of_disks()) {
            node.disk.set_wrong(wrong);
            if wrong == Wrong::Unreadable {
                self.marks.hit("world: op unreadable");
            }
        }
    }

    /// An earlier image on a disk keeps its node down: where it does not, what the node has said is
    /// gone, and that is looked for.
    fn set_back(&mut self, at: usize, records: u64) {
        if self.bug.is_of_disks() || self.lost.contains(&at) {
            return;
        }
        self.take_sample(at);
        if self.world.set_back(at, records)
            && self.world.nodes.get(at).is_some_and(|node| !node.is_up())
        {
            self.marks.hit("world: set back");
        }
    }

    fn cut(&mut self, a: usize, b: usize) {
        let count = self.world.nodes.len();
        if a != b && a < count && b < count {
            self.world.cut(a, b);
        }
    }

    fn heal(&mut self, a: usize, b: usize) {
        let count = self.world.nodes.len();
        let is_lost = self.lost.contains(&a) || self.lost.contains(&b);
        if a != b && a < count && b < count && !is_lost {
            let link = link(self.scenario);
            self.greetings += 1;
            self.world.impair(a, b, link.clone());
            self.world.impair(b, a, link);
            self.world.graft(a, b);
            self.world.connect(a, b);
        }
    }

    fn impair(&mut self, from: usize, to: usize, link: &Link) {
        let count = self.world.nodes.len();
        if from != to && from < count && to < count && self.world.is_linked(from, to) {
            self.world.impair(from, to, link.clone());
        }
    }

    fn prune(&mut self, from: usize, to: usize) {
        let count = self.world.nodes.len();
        if from != to && from < count && to < count {
            self.world.prune(from, to);
        }
    }

    fn split(&mut self, mask: u64, bridge: Option<usize>) {
        let count = self.world.nodes.len();
        let side = |at: usize| (mask >> (at % 64)) & 1;
        for a in 0..count {
            for b in 0..a {
                if side(a) != side(b) && bridge != Some(a) && bridge != Some(b) {
                    self.cut(a, b);
                }
            }
        }
    }

    /// Makes all connections as good as a link.
    pub(super) fn mend(&mut self, link: &Link) {
        for a in (0..self.world.nodes.len()).filter(|at| !self.lost.contains(at)) {
            for b in (0..a).filter(|at| !self.lost.contains(at)) {
                self.greetings += 1;
                self.world.impair(a, b, link.clone());
                self.world.impair(b, a, link.clone());
                self.world.graft(a, b);
                self.world.connect(a, b);
            }
        }
    }

    fn found(&mut self, at: usize) {
        let is_founding = self.pending.iter().any(|it| matches!(it.then, Then::Founded));
        if self.namespace.is_some() || is_founding || at >= self.world.nodes.len() {
            return;
        }
        let others = (0..).filter(|other| *other != at);
        let count = usize::from(self.scenario.options.owners.max(1)).min(self.world.nodes.len());
        let owners = std::iter::once(at).chain(others).take(count).map(|it| author(it).id);
        let owners = Bounded::truncated(owners.collect());
        self.issue(at, Command::Found { owners }, Then::Founded);
    }

    fn govern(&mut self, at: usize, group: usize, deed: Deed) {
        let Some((group, body)) =
            self.target(at, group).and_then(|group| Some((group, body(self, at, deed)?)))
        else {
            return;
        };
        if let Some(namespace) = self.namespace {
            self.issue(at, govern(namespace, group, body), Then::Written);
        }
    }

    /// Has a node write; what comes of it is left to the caller.
    pub(super) fn write_apart(
        &mut self,
        at: usize,
        namespace: NamespaceId,
        body: Body,
    ) -> Option<CommandId> {
        self.world.nodes.get(at).filter(|node| node.is_up())?;
        Some(self.world.issue(at, govern(namespace, namespace.root(), body)))
    }

    /// A group that exists at a node, by number.
    pub(super) fn target(&self, at: usize, number: usize) -> Option<GroupId> {
        let namespace = self.namespace?;
        let known = self.world.nodes.get(at)?.state().durable.namespaces.get(&namespace)?;
        let (graph, tree) = (known.space.graph(), known.space.view().tree());
        let groups: Vec<_> = tree.groups().filter(|group| tree.exists(*group)).collect();
        let group = groups.get(number.checked_rem(groups.len())?)?;
        Some(graph.group_id(*group))
    }

    pub(super) fn issue(&mut self, node: usize, wish: Command, then: Then) {
        let Some(host) = self.world.nodes.get(node).filter(|node| node.is_up()) else { return };
        let patience = match then {
            Then::Joined { .. } if self.bug == Bug::Impatience => 1,
            Then::Joined { .. } => JOIN_MS + GRACE_MS,
            Then::Founded | Then::FoundedOther | Then::Invited { .. } | Then::Written => ANSWER_MS,
        };
        let (run, by) = (host.run(), host.clock.mono_at(self.world.now()) + patience);
        let command = self.world.issue(node, wish);
        self.pending.push(Pending { node, run, command, by, then });
    }

    /// Goes on with what has ended.
    pub(super) fn settle_pending(&mut self) -> Result<(), Violation> {
        let now = self.world.now();
        let mut at = 0;
        while let Some(pending) = self.pending.get(at) {
            let (node, command, run) = (pending.node, pending.command, pending.run);
            let is_over =
                self.world.nodes.get(node).is_none_or(|it| !it.is_up() || it.run() != run);
            if let Some(outcome) = self.world.outcome(node, command) {
                let pending = self.pending.remove(at);
                self.on_outcome(pending, outcome)?;
            } else if is_over {
                self.pending.remove(at);
            } else {
                self.check_deadline(at, now)?;
                at += 1;
            }
        }
        Ok(())
    }

    fn check_deadline(&self, at: usize, now: u64) -> Result<(), Violation> {
        let Some(Pending { node, by, then, .. }) = self.pending.get(at) else { return Ok(()) };
        let Some(host) = self.world.nodes.get(*node).filter(|host| host.is_awake(now)) else {
            return Ok(());
        };
        let mono = host.clock.mono_at(now);
        if mono <= *by {
            return Ok(());
        }
        let (invariant, what) = match then {
            Then::Joined { .. } => (Invariant::I28, "a join"),
            Then::Founded | Then::FoundedOther | Then::Invited { .. } | Then::Written => {
                (Invariant::I7, "a command")
            }
        };
        let what = format!("{what} has not ended {} ms after it had to", mono - by);
        self.judge(Violation::new(invariant, &[*node], what))
    }

    fn on_outcome(&mut self, pending: Pending, outcome: Outcome) -> Result<(), Violation> {
        if let Some(name) = of_outcome(&outcome) {
            self.marks.hit(name);
        }
        match (pending.then, outcome) {
            (Then::Founded, Outcome::Accepted { namespace, .. }) => {
                (self.namespace, self.founder) = (Some(namespace), Some(pending.node));
                self.watch.borrow_mut().namespace = Some(namespace);
                self.plant_slander(namespace);
                self.plant_at_founding(pending.node, namespace);
            }
            (Then::FoundedOther, Outcome::Accepted { namespace, .. }) => {
                self.other = Some(namespace);
            }
            (Then::Invited { guests, secret }, Outcome::Invited(invitation)) => {
                self.let_in(&guests, &invitation, &secret);
            }
            (Then::Joined { namespace, .. }, Outcome::Joined(report))
                if report.namespace != namespace =>
            {
                let what = format!("invited to {namespace:?}, and joined {:?}", report.namespace);
                return self.judge(Violation::new(Invariant::I30, &[pending.node], what));
            }
            (Then::Joined { is_owed: true, .. }, Outcome::Refused(why)) if !self.is_outdated() => {
                let what = format!("a join by a valid invitation ended badly: {why}");
                return self.judge(Violation::new(Invariant::L5, &[pending.node], what));
            }
            (
                Then::Founded
                | Then::FoundedOther
                | Then::Invited { .. }
                | Then::Joined { .. }
                | Then::Written,
                _,
            ) => {}
        }
        Ok(())
    }

    /// Whatever was done to nodes is over.
    pub(super) fn relieve(&mut self) {
        for at in 0..self.world.nodes.len() {
            self.world.reform(at);
            self.world.drift(at, 0);
            self.world.refresh(at);
            if let Some(node) = self.world.nodes.get_mut(at) {
                node.clock.ahead_ms = 0;
                node.end_after(u64::MAX, Tail::Lost);
                if !self.bug.is_of_disks() {
                    node.disk.set_wrong(Wrong::Nothing);
                }
            }
            if !self.lost.contains(&at) {
                self.world.put_right(at);
                self.world.boot(at);
            }
        }
    }
}

fn govern(namespace: NamespaceId, group: GroupId, body: Body) -> Command {
    let delivery = Delivery::default();
    Command::Govern { namespace, group, body, expected_root: None, delivery }
}
