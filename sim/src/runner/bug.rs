//! Bugs that are planted in a simulated world, to prove that the checkers see them.
//!
//! None of them is in the code of the product, and none changes what a checker is shown. Each is a
//! part of the world that breaks its promise: a disk, a network, a clock, a user, another node; or
//! something that stands between them and a node.

mod damage;

use super::{Invariant, Runner, Violation, author};
use crate::cluster::{Damage, Dice, Flaw, Link, Node, Path, Tail, Wrong};
use crate::kit::create;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::statement::{Ack, AckOutcome};
use folkmoot_core::wire::Request;
use std::sync::atomic::{AtomicU64, Ordering};

/// Questions that a node asks at once: more than a run of inputs takes, and than a peer may ask.
const MANY: u16 = 400;
/// How long an ack travels at most, in milliseconds.
const ACK_MS: u64 = 20;

/// A planted bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bug {
    /// None.
    #[default]
    None,
    /// Disks say that they have synced, and have not: effects come before the sync.
    ForgetSync,
    /// Every crash takes one record that was synced.
    LoseRecord,
    /// Some records are written as the ones before them.
    MisdirectWrite,
    /// A node has a copy of another one's disk and key, and both write.
    Twin,
    /// An honest node is given bytes that are no message, as if of another honest one.
    Slander,
    /// Nodes compare their heads ten times a second.
    Chatter,
    /// One node is cut off for ever.
    DeafForEver,
    /// One node is cut off when all is well, before everybody writes.
    LatePart,
    /// Nothing that is published arrives any more.
    Mute,
    /// The world draws numbers that do not follow from the seed.
    Dice,
    /// A node starts from a snapshot whose heads lack one.
    CapHeads,
    /// A join has a millisecond.
    Impatience,
    /// The monotonic clock of a node stands still, and its timers with it.
    StoppedClock,
    /// Somebody has the keys of two honest members, and speaks to one node in their names.
    Impostor,
    /// A node starts from a log in which another verdict stands beside its last op.
    Misjudge,
    /// A node starts from a log in which the founder's grant authorised everything.
    Usurp,
    /// A node starts from a log in which every grant is an owner's.
    Promote,
    /// A node starts from a log in which a group was its own parent when the last op was written.
    Twist,
    /// A node starts from a log with more of one sort than may be.
    Bloat,
    /// A node acknowledges what it has not received.
    HastyAck,
    /// The network forgets where a node wants to take part.
    LostOrders,
    /// Answers to commands get lost.
    LostReplies,
    /// Alarms do not ring.
    LostAlarms,
    /// The network says wrong who asks.
    WrongNames,
    /// A node takes in all that is there, however much, before it goes on.
    EndlessRuns,
    /// The random numbers of nodes follow from their wall clocks too.
    ClockDice,
    /// The random numbers of nodes follow from their transport keys too.
    NameDice,
    /// A message that comes twice ends the process that gets it.
    Fragile,
    /// What arrives before its parents is thrown away.
    Forgetful,
    /// The notary's key is on two nodes, and both anchor.
    TwoNotaries,
    /// An invitation is for more people than was asked.
    Generous,
    /// Every message is sent thirty times more.
    Stutter,
    /// Snapshots rot on the disk, and nobody notices.
    Rot,
    /// The founder writes its secret key into a name.
    Leak,
    /// A node takes an op that its ingress did not check.
    Credulous,
    /// A node takes an op of newer rules for one of its own.
    Downgrade,
    /// A second program with the founder's key signs a wrong state hash.
    WrongHash,
    /// Whoever is invited is handed an invitation of another namespace.
    Courier,
    /// Whoever is invited is handed another one-time secret.
    Misprint,
    /// A newcomer has no room on its disk.
    NoRoom,
    /// The nodes have lost the setting that says how often to anchor.
    NoAnchors,
    /// One node misses an op, and nobody answers its questions any more.
    Gap,
}

impl Bug {
    /// Every bug, and the invariants that must be found violated, each by itself.
    pub const TABLE: [(Self, &'static [Invariant]); 42] = [
        (Self::ForgetSync, &[Invariant::I3, Invariant::I5]),
        (Self::LoseRecord, &[Invariant::I6, Invariant::I8]),
        (Self::MisdirectWrite, &[Invariant::I3]),
        (Self::Twin, &[Invariant::I9]),
        (Self::Slander, &[Invariant::I31]),
        (Self::Chatter, &[Invariant::L10]),
        (Self::DeafForEver, &[Invariant::L1, Invariant::L2, Invariant::L4]),
        (Self::LatePart, &[Invariant::L7]),
        (Self::Mute, &[Invariant::L4]),
        (Self::Dice, &[Invariant::I42]),
        (Self::CapHeads, &[Invariant::I18, Invariant::I4]),
        (Self::Impatience, &[Invariant::I28]),
        (Self::StoppedClock, &[Invariant::I27]),
        (Self::Impostor, &[Invariant::I27]),
        (
            Self::Misjudge,
            &[Invariant::I1, Invariant::I2, Invariant::I4, Invariant::I10, Invariant::I11],
        ),
        (Self::Usurp, &[Invariant::I13, Invariant::I15]),
        (Self::Promote, &[Invariant::I12, Invariant::I15]),
        (Self::Twist, &[Invariant::I17]),
        (Self::Bloat, &[Invariant::I19]),
        (Self::HastyAck, &[Invariant::I7]),
        (Self::LostOrders, &[Invariant::I7]),
        (Self::LostReplies, &[Invariant::I7]),
        (Self::LostAlarms, &[Invariant::I22]),
        (Self::WrongNames, &[Invariant::I14, Invariant::I20]),
        (Self::EndlessRuns, &[Invariant::I21]),
        (Self::ClockDice, &[Invariant::I23]),
        (Self::NameDice, &[Invariant::I26]),
        (Self::Fragile, &[Invariant::I25]),
        (Self::Forgetful, &[Invariant::I24]),
        (Self::TwoNotaries, &[Invariant::I16]),
        (Self::Generous, &[Invariant::I29]),
        (Self::Stutter, &[Invariant::I32]),
        (Self::Rot, &[Invariant::I36]),
        (Self::Leak, &[Invariant::I37]),
        (Self::Credulous, &[Invariant::I38]),
        (Self::Downgrade, &[Invariant::I39]),
        (Self::WrongHash, &[Invariant::I40, Invariant::I41]),
        (Self::Courier, &[Invariant::I30]),
        (Self::Misprint, &[Invariant::L5]),
        (Self::NoRoom, &[Invariant::L6]),
        (Self::NoAnchors, &[Invariant::L8]),
        (Self::Gap, &[Invariant::L3]),
    ];

    /// Whether it is one of the disks, which nothing mends.
    pub(super) fn is_of_disks(self) -> bool {
        matches!(self, Self::ForgetSync | Self::LoseRecord | Self::MisdirectWrite | Self::Rot)
    }

    /// What it does to a node before that starts.
    pub(super) fn spoil(self, node: &mut Node) {
        let wrongs = [
            (Self::ForgetSync, Wrong::Forgets),
            (Self::LoseRecord, Wrong::Loses),
            (Self::MisdirectWrite, Wrong::Misdirects),
            (Self::Rot, Wrong::Rots),
        ];
        if let Some((_, wrong)) = wrongs.iter().find(|(bug, _)| *bug == self) {
            node.disk.set_wrong(*wrong);
        }
        if self == Self::Chatter {
            node.settings.compare_every_ms = 100;
        }
        if self == Self::CapHeads {
            node.snapshot_every = 1;
        }
        if self == Self::NoAnchors {
            (node.settings.anchor_ops, node.settings.anchor_age_ms) = (0, 0);
        }
        let dice = [(Self::ClockDice, Dice::OfClock), (Self::NameDice, Dice::OfName)];
        if let Some((_, dice)) = dice.iter().find(|(bug, _)| *bug == self) {
            node.dice = *dice;
        }
    }

    /// What it makes of a disk.
    fn damage(self) -> Option<Damage> {
        let damages = [
            (Self::CapHeads, damage::CAP_HEADS),
            (Self::Misjudge, damage::MISJUDGE),
            (Self::Usurp, damage::USURP),
            (Self::Promote, damage::PROMOTE),
            (Self::Twist, damage::TWIST),
            (Self::Bloat, damage::BLOAT),
        ];
        damages.into_iter().find(|(bug, _)| *bug == self).map(|(_, damage)| damage)
    }

    /// What it makes of a world.
    pub(super) fn flaw(self) -> Flaw {
        let flaws = [
            (Self::LostOrders, Flaw::LostOrders),
            (Self::LostReplies, Flaw::LostReplies),
            (Self::LostAlarms, Flaw::LostAlarms),
            (Self::WrongNames, Flaw::WrongNames),
            (Self::EndlessRuns, Flaw::EndlessRuns),
        ];
        flaws.into_iter().find(|(bug, _)| *bug == self).map_or(Flaw::Nothing, |(_, flaw)| flaw)
    }

    /// What it adds to the seed of the world.
    pub(super) fn dice(self) -> u64 {
        static THROWN: AtomicU64 = AtomicU64::new(1);
        if self == Self::Dice { THROWN.fetch_add(1, Ordering::Relaxed) } else { 0 }
    }
}

impl Runner<'_> {
    /// What happens after the actions of a scenario, because of a bug.
    pub(super) fn plant_late(&mut self) -> Result<(), Violation> {
        self.plant_twin();
        self.plant_removal()?;
        self.plant_damage();
        self.plant_questions();
        self.plant_ack()
    }

    /// Two nodes with one key and one past write apart from each other.
    fn plant_twin(&mut self) {
        let (Some(namespace), true) = (self.namespace, self.bug == Bug::Twin) else { return };
        let Some(log) = self.world.nodes.first().map(Node::log) else { return };
        self.world.give_key(1, &author(0));
        self.world.restore(1, log);
        self.world.cut(0, 1);
        self.write_apart(0, namespace, Body::Noop);
        self.write_apart(1, namespace, create());
    }

    /// The first node is killed, and starts from what a damaged disk has.
    fn plant_damage(&mut self) {
        let Some(damage) = self.bug.damage() else { return };
        if let Some(node) = self.world.nodes.first() {
            node.disk.set_damage(damage);
        }
        self.world.boot(0);
        self.world.crash(0, Tail::Kept);
        self.world.boot(0);
    }

    /// Every node asks the first for its heads, more often than it may.
    fn plant_questions(&mut self) {
        let is_on = matches!(self.bug, Bug::WrongNames | Bug::EndlessRuns);
        let count = self.world.nodes.len();
        if is_on {
            self.mend(&Link::default());
            (1..count).for_each(|at| self.ask_often(at, 0, MANY));
        }
    }

    /// The second node says that it has what the first has written, which nobody received.
    fn plant_ack(&mut self) -> Result<(), Violation> {
        let (Some(namespace), true) = (self.namespace, self.bug == Bug::HastyAck) else {
            return Ok(());
        };
        self.mend(&Link::default());
        let deaf = Link { topic: Path::mute(), stream: Path::mute(), ..Link::default() };
        (1..self.world.nodes.len()).for_each(|to| self.world.impair(0, to, deaf.clone()));
        self.write_apart(0, namespace, create());
        let known = self.world.nodes.first().map(|node| &node.state().durable.namespaces);
        let last = known.and_then(|namespaces| {
            let known = namespaces.get(&namespace)?;
            let graph = known.space.graph();
            let last = graph.person(&known.me).and_then(|me| graph.last_of(me))?;
            Some(graph.node(last).id)
        });
        let Some(op) = last else { return Ok(()) };
        let ack = Ack { namespace, op, outcome: AckOutcome::Applied, member: author(1).id };
        self.world.ask_as(1, 0, &Request::Ack(author(1).attest(ack)).encode());
        self.wait(ACK_MS)?;
        self.look()
    }

    /// One node is blamed for what it did not send.
    pub(super) fn plant_slander(&mut self, namespace: NamespaceId) {
        if self.bug == Bug::Slander {
            self.world.whisper(0, 1, namespace, b"no message");
        }
    }

    /// The last honest node is parted from all others, and the link is not mended.
    pub(super) fn plant_parting(&mut self, bug: Bug) {
        let count = self.world.nodes.len();
        let last = (1..count).rev().find(|at| self.is_honest(*at));
        if let (Some(last), true) = (last, self.bug == bug) {
            (0..count).filter(|at| *at != last).for_each(|at| self.world.cut(at, last));
        }
    }

    /// A node asks another one for its heads so many times.
    pub(super) fn ask_often(&mut self, at: usize, to: usize, count: u16) {
        let Some(namespace) = self.namespace.filter(|_| at != to) else { return };
        let heads = Bounded::default();
        let question = Request::Heads { namespace, heads, common: None }.encode();
        (0..count).for_each(|_| self.world.ask_as(at, to, &question));
    }
}
