//! Bugs that are planted in a simulated world, to prove that the checkers see them.
//!
//! None of them is in the code of the product. Each is a part of the world that breaks its promise,
//! or something between the nodes and the world, or between the nodes and a checker, that changes
//! what passes.

use super::{Invariant, Runner, author};
use crate::cluster::{Dice, Node, Wrong};
use crate::kit::create;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::NamespaceId;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// The heads that a checker is shown lack one.
    CapHeads,
    /// A checker is shown other verdicts of one node.
    LyingVerdict,
    /// A checker is shown another root of one node.
    OtherRoot,
    /// The oracle is shown three ops only.
    BlindOracle,
    /// A join has a millisecond.
    Impatience,
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
    pub const TABLE: [(Self, &'static [Invariant]); 32] = [
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
        (Self::CapHeads, &[Invariant::I18]),
        (Self::LyingVerdict, &[Invariant::I10]),
        (Self::OtherRoot, &[Invariant::I1]),
        (Self::BlindOracle, &[Invariant::I2]),
        (Self::Impatience, &[Invariant::I28]),
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
        if self == Self::NoAnchors {
            (node.settings.anchor_ops, node.settings.anchor_age_ms) = (0, 0);
        }
        let dice = [(Self::ClockDice, Dice::OfClock), (Self::NameDice, Dice::OfName)];
        if let Some((_, dice)) = dice.iter().find(|(bug, _)| *bug == self) {
            node.dice = *dice;
        }
    }

    /// What it adds to the seed of the world.
    pub(super) fn dice(self) -> u64 {
        static THROWN: AtomicU64 = AtomicU64::new(1);
        if self == Self::Dice { THROWN.fetch_add(1, Ordering::Relaxed) } else { 0 }
    }
}

impl Runner<'_> {
    /// Two nodes with one key and one past write apart from each other.
    pub(super) fn plant_twin(&mut self) {
        let (Some(namespace), true) = (self.namespace, self.bug == Bug::Twin) else { return };
        let Some(log) = self.world.nodes.first().map(Node::log) else { return };
        self.world.give_key(1, &author(0));
        self.world.restore(1, log);
        self.world.cut(0, 1);
        self.write_apart(0, namespace, Body::Noop);
        self.write_apart(1, namespace, create());
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
}
