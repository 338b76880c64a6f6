//! What must hold, by its id, and word of what did not.

use std::fmt;

/// Something that must hold. The ids are those of the design of verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Equal sets of ops have equal roots, rows, verdicts and effects.
    I1,
    /// The engine says what the oracle says.
    I2,
    /// The log folds to the durable state.
    I3,
    /// What a node came to step by step is what its ops come to at once.
    I4,
    /// Nothing that can be observed refers to what its sender has not synced.
    I5,
    /// What a node said that it has, it has after a crash.
    I6,
    /// What a node ordered is performed, or still owed.
    I7,
    /// A node that starts on a part of its log has the state of that part.
    I8,
    /// An honest node never signs two ops with one nonce.
    I9,
    /// The verdict of an op at its cut is equal on all nodes.
    I10,
    /// A verdict is final, and what waits for one does not wait for ever.
    I11,
    /// The invariants of the rules, as far as a state shows them.
    I12,
    /// Every right comes from the genesis.
    I13,
    /// Who never was a member is served nothing.
    I14,
    /// What a removed person signs later changes nothing.
    I15,
    /// What is below an anchor of the chain keeps its verdict.
    I16,
    /// The tree of groups is a tree, at every cut.
    I17,
    /// The heads are the maximal visible ops, exactly.
    I18,
    /// Nothing grows beyond its limit.
    I19,
    /// No peer gets more than its share.
    I20,
    /// No step and no run of steps does more than it may.
    I21,
    /// No deadline has passed, none is lost, none is for nothing.
    I22,
    /// Other clocks change no verdict, row or hash.
    I23,
    /// Another order of arrival changes no root.
    I24,
    /// Messages that come twice change no state.
    I25,
    /// Other names of nodes change nothing but names.
    I26,
    /// Who is ready has what others have, and one liar makes nobody less ready.
    I27,
    /// A join ends by its deadline, with one outcome.
    I28,
    /// An invitation admits no more people than it was made for.
    I29,
    /// A joiner is in the namespace of its invitation.
    I30,
    /// No honest node blames another one.
    I31,
    /// What is sent is in proportion to what is needed.
    I32,
    /// A snapshot and the records behind it fold to what all records fold to.
    I36,
    /// No secret key leaves the place where it is kept.
    I37,
    /// Evidence against somebody has two valid signatures.
    I38,
    /// Ops of unknown rules change no row.
    I39,
    /// Where nobody takes anything from anybody, whatever honest people write has effect.
    I40,
    /// What honest people write is void only by a senior's restriction, a strict write, or a race
    /// for an invitation.
    I41,
    /// One scenario has one run.
    I42,
    /// Everybody comes to the same heads and root.
    L1,
    /// What an honest member of the core wrote, the core has.
    L2,
    /// Nothing waits for its parents for ever.
    L3,
    /// Everybody is ready.
    L4,
    /// Who was joining when things went wrong joins when they are well.
    L5,
    /// Who comes new gets everything.
    L6,
    /// Everybody can write, and what is written is everywhere.
    L7,
    /// Anchors are written as often as they should.
    L8,
    /// Who has nothing to do is quiet.
    L10,
}

impl Invariant {
    /// Every one that is checked.
    pub const ALL: [Self; 48] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::I14,
        Self::I15,
        Self::I16,
        Self::I17,
        Self::I18,
        Self::I19,
        Self::I20,
        Self::I21,
        Self::I22,
        Self::I23,
        Self::I24,
        Self::I25,
        Self::I26,
        Self::I27,
        Self::I28,
        Self::I29,
        Self::I30,
        Self::I31,
        Self::I32,
        Self::I36,
        Self::I37,
        Self::I38,
        Self::I39,
        Self::I40,
        Self::I41,
        Self::I42,
        Self::L1,
        Self::L2,
        Self::L3,
        Self::L4,
        Self::L5,
        Self::L6,
        Self::L7,
        Self::L8,
        Self::L10,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub invariant: Invariant,
    /// Seed of the scenario.
    pub seed: u64,
    /// After how many runs of inputs.
    pub step: u64,
    /// When, in milliseconds of the world.
    pub world_ms: u64,
    /// The nodes that it is about.
    pub nodes: Vec<usize>,
    /// What differs.
    pub what: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, nodes: &[usize], what: impl Into<String>) -> Self {
        let (nodes, what) = (nodes.to_vec(), what.into());
        Self { invariant, seed: 0, step: 0, world_ms: 0, nodes, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, seed, step, world_ms, nodes, what } = self;
        write!(
            f,
            "{invariant} violated, seed {seed}, step {step}, after {world_ms} ms, nodes {nodes:?}: \
             {what}"
        )
    }
}
