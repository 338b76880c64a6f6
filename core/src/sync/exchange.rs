//! One exchange with a peer: where it stands.

use super::backfill::Backfill;
use super::index::{Key, Keyed};
use super::ranges::Differences;
use crate::governance::graph::Graph;
use crate::governance::reach::Cut;
use crate::governance::table::Ix;
use crate::id::OpId;
use crate::limits::HEADS_MAX;
use crate::time::MonoMillis;
use crate::wire::Refused;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// An exchange under way.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Exchange {
    /// Carried by the questions asked since it last began anew.
    pub(crate) number: u64,
    /// Where it stands.
    pub(crate) stage: Stage,
    /// Our heads, as the peer was told.
    pub(crate) sent: Vec<OpId>,
    /// What the peer told of itself.
    pub(crate) told: Option<Told>,
    /// Since when it has waited for our other lists of the peer (NET-45).
    pub(crate) queued: Option<MonoMillis>,
    /// Refusals since it last brought something.
    pub(crate) refusals: u32,
    /// How often something was fetched, and more is missing still.
    pub(crate) cycles: u32,
    /// Ops stored here when the last fetch began.
    pub(crate) stored: u32,
    /// Ops of the peer's that wait for parents.
    pub(crate) orphans: u32,
    /// Whether the peer claimed to have what we lack.
    pub(crate) was_behind: bool,
    /// Whether the peer has let us wait for its reconciliation already.
    pub(crate) has_yielded: bool,
    /// Whether ops that wait for parents were asked for once more.
    pub(crate) has_sought: bool,
}

/// Where an exchange stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Stage {
    /// Heads are asked for.
    Comparing,
    /// The peer would not answer yet; asked again by a timer.
    Waiting(Refused),
    /// Its heads are here, to be looked at when everything stored is evaluated.
    Weighing,
    /// The peer reconciles with us already: it will tell what is common.
    Yielding,
    /// The order of our own ops is being made.
    Ordering,
    /// Ranges are under way.
    Reconciling(Reconciliation),
    /// Ops are under way, or wait to be judged.
    Fetching(Backfill),
}

/// What a peer told of itself.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Told {
    /// Its heads.
    pub(crate) heads: Vec<OpId>,
    /// Root over all groups; not told where it asked.
    pub(crate) root: Option<[u8; 32]>,
    /// Whether it knows all the heads that we sent.
    pub(crate) knows_ours: bool,
}

impl Exchange {
    /// An exchange that begins.
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            stage: Stage::Comparing,
            sent: Vec::new(),
            told: None,
            queued: None,
            refusals: 0,
            cycles: 0,
            stored: 0,
            orphans: 0,
            was_behind: false,
            has_yielded: false,
            has_sought: false,
        }
    }

    /// Whether it is fetching.
    pub(crate) fn is_fetching(&self) -> bool {
        matches!(self.stage, Stage::Fetching(_))
    }

    /// Whether the peer would not answer yet.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_))
    }

    /// Whether either side has more heads than it could tell.
    pub(crate) fn is_wide(&self) -> bool {
        let theirs = self.told.as_ref().map_or(0, |told| told.heads.len());
        theirs >= HEADS_MAX || self.sent.len() >= HEADS_MAX
    }
}

/// A reconciliation under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Reconciliation {
    /// Questions so far.
    pub(crate) rounds: u32,
    /// Ops stored here when it began; nothing is said of those that came since.
    pub(crate) upto: u32,
    /// Ops that only we have.
    pub(crate) ours: BTreeSet<Ix>,
    /// Ids that only the peer has.
    pub(crate) theirs: BTreeSet<OpId>,
    /// Generation and id from which on nothing is known yet.
    pub(crate) open_from: Option<(u64, OpId)>,
}

impl Reconciliation {
    /// The differences so far, to be added to.
    pub(crate) fn take(&mut self) -> Differences {
        let (ours, theirs) = (core::mem::take(&mut self.ours), core::mem::take(&mut self.theirs));
        Differences { ours, theirs, open_from: None }
    }

    /// Keeps the differences.
    pub(crate) fn keep(&mut self, found: Differences) {
        self.ours = found.ours;
        self.theirs = found.theirs;
        self.open_from = found.open_from.map(|key| (key.generation, key.id));
    }

    /// Maximal ops of what both have, as far as it is known, below `heads`.
    ///
    /// Both sets are closed, and so is what both have: it is a beginning of each chain of the
    /// graph. So the cost is a few looks for each chain, however much is left open. Where the peer
    /// lied it may be no closed set, and what is found is still ours.
    pub(crate) fn common(&self, graph: &Graph, heads: &[Ix]) -> Vec<OpId> {
        let open_from = self.open_from.map(|(generation, id)| Key { generation, id });
        let below = graph.closure(heads);
        let is_common = |ix: Ix| {
            let is_known = open_from.is_none_or(|open| graph.key(ix) < open);
            let is_ours = self.ours.contains(&ix) || ix.0 >= self.upto;
            is_known && !is_ours && below.contains(graph.node(ix).place)
        };
        maximal(graph, &graph.tops_within(is_common))
    }
}

/// Those that no other of them descends from, at most as many as fit a message.
fn maximal(graph: &Graph, found: &BTreeSet<Ix>) -> Vec<OpId> {
    let mut below = Cut::default();
    let mut heads = Vec::new();
    // Nothing descends from what came later.
    for ix in found.iter().rev() {
        let node = graph.node(*ix);
        if !below.contains(node.place) {
            below = below.union(&graph.closure(&[*ix]));
            heads.push(node.id);
        }
        if heads.len() >= HEADS_MAX {
            break;
        }
    }
    heads.sort_unstable();
    heads
}
