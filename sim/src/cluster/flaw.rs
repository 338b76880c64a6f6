//! What may be wrong with a world, so that whoever watches it can be seen to notice.

use folkmoot_effects::net::NetCommand;

/// A promise that a world breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    Nothing,
    /// The network takes one peer for another when it says who asks.
    WrongNames,
    /// The network forgets in which topics a node wants to take part.
    LostOrders,
    /// Every third answer to a command gets lost between a node and its user.
    LostReplies,
    /// Every fifth alarm does not ring.
    LostAlarms,
    /// A node takes whatever is there as one run of inputs.
    EndlessRuns,
}

impl Flaw {
    /// Whether an order to the network gets lost.
    pub(super) fn loses(self, command: &NetCommand) -> bool {
        self == Self::LostOrders && matches!(command, NetCommand::Subscribe(_))
    }

    /// Whether an alarm of this number does not ring.
    pub(super) fn silences(self, number: u64) -> bool {
        self == Self::LostAlarms && number.is_multiple_of(5)
    }

    /// Who seems to ask a node, where `from` does, in a world of `count` nodes.
    pub(super) fn named(self, (at, from): (usize, usize), sequence: u64, count: usize) -> usize {
        if self != Self::WrongNames {
            return from;
        }
        let others: Vec<usize> = (0..count).filter(|other| *other != at).collect();
        let turn = sequence.checked_rem(others.len() as u64).and_then(|turn| turn.try_into().ok());
        turn.and_then(|turn: usize| others.get(turn).copied()).unwrap_or(from)
    }
}

/// How much a process did at once, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Inputs since the last commit.
    inputs: u64,
    /// Most inputs between two commits.
    pub inputs_max: u64,
    /// Most facts that came of one input, before any signature.
    pub facts_max: u64,
}

impl Load {
    /// An input led to so many facts.
    pub(super) fn note(&mut self, facts: u64) {
        self.inputs += 1;
        self.inputs_max = self.inputs_max.max(self.inputs);
        self.facts_max = self.facts_max.max(facts);
    }

    /// What was stepped is committed.
    pub(super) fn end_run(&mut self) {
        self.inputs = 0;
    }
}
