//! The chain cover against sets of ancestors that are written out.

extern crate std;

use super::*;
use crate::bounded::Bounded;
use crate::governance::graph::{Graph, Placed};
use crate::governance::judged::Judged;
use crate::governance::op::Body;
use crate::governance::tree::{Tree, TreeChanges};
use crate::governance::verdict::VoidAtCut;
use crate::id::NamespaceId;
use crate::testing::{Author, unsigned};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::cell::Cell;
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

type Set = BTreeSet<Ix>;

/// A history: for each op its parents, among the ops before it.
type History = Vec<Vec<usize>>;

/// A graph beside the strict ancestors of each of its ops.
struct Twin {
    graph: Graph,
    past: Vec<Set>,
}

impl Twin {
    fn of(history: &[Vec<usize>]) -> Self {
        let author = Author::new(1);
        let mut twin = Self { graph: Graph::default(), past: Vec::new() };
        for (nonce, parents) in (1..).zip(history) {
            let parents: Vec<Ix> =
                parents.iter().map(|at| Ix(u32::try_from(*at).unwrap())).collect();
            let mut past: Set = parents.iter().copied().collect();
            past.extend(parents.iter().flat_map(|parent| twin.past_of(*parent)));
            let payload = author.payload(NamespaceId::default(), Body::Noop);
            let payload =
                crate::governance::op::Payload { nonce, parents: Bounded::default(), ..payload };
            let placed = Placed {
                cut: twin.graph.closure(&parents),
                generation: twin.graph.next_generation(&parents),
                parents,
            };
            twin.graph.push(&unsigned(&payload), &placed, &void(), Arc::new(Tree::root()), 0);
            twin.past.push(past);
        }
        twin
    }

    fn ops(&self) -> impl Iterator<Item = Ix> + use<> {
        (0..self.graph.len()).map(Ix)
    }

    fn past_of(&self, ix: Ix) -> &Set {
        &self.past[ix.0 as usize]
    }

    /// An op with its ancestors, in both worlds.
    fn closed(&self, ix: Ix) -> (Cut, Set) {
        let mut set = self.past_of(ix).clone();
        set.insert(ix);
        (self.graph.closure(&[ix]), set)
    }

    fn set_of(&self, cut: &Cut) -> Set {
        self.ops().filter(|ix| cut.contains(self.graph.node(*ix).place)).collect()
    }

    /// D2: ancestors, and the cut of every op.
    fn check_pasts(&self) {
        for op in self.ops() {
            let past: Set = self.ops().filter(|other| self.graph.is_past(*other, op)).collect();
            assert_eq!(past, *self.past_of(op), "the past of {op:?}");
            assert_eq!(self.set_of(&self.graph.past(op)), past, "the cut of {op:?}");
            assert_eq!(self.set_of(&self.graph.closure(&[op])), self.closed(op).1);
        }
    }

    /// Algebra of two closed sets.
    fn check_pair(&self, a: &(Cut, Set), b: &(Cut, Set)) {
        let union: Set = a.1.union(&b.1).copied().collect();
        assert_eq!(self.set_of(&a.0.union(&b.0)), union);
        assert_eq!(a.0.union(&b.0), b.0.union(&a.0));
        let beyond: Vec<Ix> = a.1.difference(&b.1).copied().collect();
        assert_eq!(self.graph.difference(&a.0, &b.0), beyond, "ascending: ancestors first");
        let apart = a.1.symmetric_difference(&b.1).count();
        assert_eq!(a.0.distance(&b.0), apart as u64);
        assert_eq!(a.0 == b.0, a.1 == b.1);
    }

    /// The ends of the chains in a set are its maximal ops and others, and quickly found.
    fn check_tops(&self, (cut, set): &(Cut, Set)) {
        let looks = Cell::new(0);
        let has = |ix| {
            looks.set(looks.get() + 1);
            set.contains(&ix)
        };
        let tops: Vec<Ix> = self.graph.tops_within(has).into_iter().collect();
        assert!(set.is_superset(&tops.iter().copied().collect()));
        assert_eq!(self.graph.closure(&tops), *cut);
        let chains: BTreeSet<_> = self.ops().map(|ix| self.graph.node(ix).place.chain).collect();
        let each = self.graph.len().ilog2() as usize + 2;
        assert!(looks.get() <= chains.len() * each, "{} looks", looks.get());
    }

    /// Ops leave a set newest first and come back oldest first, one at a time.
    fn check_walk(&self, (mut cut, mut set): (Cut, Set)) {
        let whole = cut.clone();
        let ops: Vec<Ix> = set.iter().copied().collect();
        for op in ops.iter().rev() {
            cut.exclude(self.graph.node(*op).place);
            set.remove(op);
            assert_eq!(self.set_of(&cut), set);
        }
        assert_eq!(cut, Cut::default());
        for op in ops {
            cut.include(self.graph.node(op).place);
            cut.include(self.graph.node(op).place);
        }
        assert_eq!(cut, whole);
    }
}

/// What the judge says does not matter here.
fn void() -> Judged {
    Judged {
        void: Some(VoidAtCut::NothingToTake),
        auths: [None; 2],
        tier: 0,
        generation: 0,
        tree: TreeChanges::default(),
        dead_moves: Vec::new(),
    }
}

/// A random history; `reach` says how far back parents may lie.
fn history(ops: usize, reach: usize) -> impl Strategy<Value = History> {
    let parents = vec(any::<proptest::sample::Index>(), 1..5);
    vec(parents, 1..ops).prop_map(move |picks| {
        let mut history = alloc::vec![Vec::new()];
        for picks in picks {
            let known = history.len();
            let from = known.saturating_sub(reach);
            let parents: BTreeSet<usize> =
                picks.iter().map(|pick| from + pick.index(known - from)).collect();
            history.push(parents.into_iter().collect());
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn d2_cuts_are_the_sets_of_ancestors(
        history in prop_oneof![history(40, 3), history(40, 12), history(40, 40)],
        picks in vec(any::<[proptest::sample::Index; 3]>(), 8),
    ) {
        let twin = Twin::of(&history);
        twin.check_pasts();
        let pick = |index: proptest::sample::Index| {
            twin.closed(Ix(u32::try_from(index.index(history.len())).unwrap()))
        };
        for [a, b, c] in picks {
            let (a, b, c) = (pick(a), pick(b), pick(c));
            twin.check_pair(&a, &b);
            let two = (a.0.union(&b.0), a.1.union(&b.1).copied().collect());
            twin.check_pair(&two, &c);
            twin.check_tops(&two);
            twin.check_walk(two);
        }
    }
}

#[test]
fn d2_sixty_four_branches_side_by_side() {
    // A root, 64 branches that grow in turn, an op that joins them all, and one behind it.
    let mut history = alloc::vec![Vec::new()];
    for round in 0..3 {
        for branch in 0..64 {
            history.push(alloc::vec![if round == 0 { 0 } else { 1 + (round - 1) * 64 + branch }]);
        }
    }
    history.push((129..193).collect());
    history.push(alloc::vec![193]);
    let twin = Twin::of(&history);
    twin.check_pasts();
    let last = Ix(194);
    assert_eq!(twin.past_of(last).len(), 194);
    for branch in [1, 64, 100, 192] {
        twin.check_pair(&twin.closed(Ix(branch)), &twin.closed(last));
        twin.check_pair(&twin.closed(Ix(branch)), &twin.closed(Ix(130)));
    }
    twin.check_walk(twin.closed(last));
}

#[test]
fn d2_two_long_forks_that_arrive_in_turn() {
    let mut history = alloc::vec![Vec::new(), alloc::vec![0], alloc::vec![0]];
    history.extend((1..400).map(|at| alloc::vec![at]));
    let (left, right) = (Ix(400), Ix(401));
    history.push(alloc::vec![400, 401]);
    let twin = Twin::of(&history);
    assert!(twin.graph.is_concurrent(left, right));
    assert_eq!((twin.past_of(left).len(), twin.past_of(right).len()), (200, 201));
    for op in [left, right, Ix(402), Ix(7)] {
        let past: Set = twin.ops().filter(|other| twin.graph.is_past(*other, op)).collect();
        assert_eq!(past, *twin.past_of(op));
    }
    twin.check_pair(&twin.closed(left), &twin.closed(right));
    twin.check_pair(&twin.closed(Ix(402)), &twin.closed(Ix(12)));
    for op in [left, right, Ix(402), Ix(7)] {
        twin.check_tops(&twin.closed(op));
    }
    twin.check_walk(twin.closed(right));
    let chains: BTreeSet<ChainIx> = twin.ops().map(|ix| twin.graph.node(ix).place.chain).collect();
    assert_eq!(chains.len(), 2, "a fork is a chain, however the two arrive");
}
