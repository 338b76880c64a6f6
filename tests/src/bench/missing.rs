//! Beside many ops that wait for parents: asking for these, and adding an op that is ready.
//!
//! The yardstick of asking is copying the answer out of an ordered set that holds nothing else.

use super::Options;
use super::crowd::{Crowd, bare, describe, draft, stranger};
use super::listener::{Listener, ROUND_OPS};
use super::measure::{Clock, Trial, measure};
use super::node::{Node, time_of};
use super::report::{Goal, Report, Row};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::governance::op::Payload;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::pending::Pending;
use folkmoot_core::signed::{Op, Verified};
use std::collections::BTreeSet;
use std::hint::black_box;

/// Missing ids in one question, as the reducer asks.
const ASKED_MAX: usize = 1024;
/// Questions in a round.
const QUESTIONS: usize = 64;
/// Authors of what waits: few enough ops of each that none is turned away.
const AUTHORS: usize = 64;

/// Who waits for whom.
#[derive(Clone, Copy)]
enum Shape {
    /// Each op for an id of its own.
    Scattered,
    /// Each op for the one before it, and the first for something else.
    Chain,
}

/// So many ops that wait.
fn waiting(like: &Payload, count: usize, shape: Shape) -> Vec<Verified<Op>> {
    let mut before = OpId([0x55; 32]);
    let mut write = |number: usize| {
        let parent = match shape {
            Shape::Scattered => OpId(*blake3::hash(&number.to_le_bytes()).as_bytes()),
            Shape::Chain => before,
        };
        let signer = stranger(number % AUTHORS);
        let parents = Bounded::truncated(vec![parent]);
        let op = bare(&Payload { signer, parents, nonce: number as u64, ..like.clone() });
        before = op.id;
        op
    };
    (0..count).map(&mut write).collect()
}

/// Makes ops wait, the latest first: so each of them waits for one that is not here yet.
fn fill(pending: &mut Pending, ops: &[Verified<Op>]) {
    for op in ops.iter().rev() {
        assert!(
            pending.insert(op.clone(), &op.payload.parents, None, time_of(0).mono),
            "there is room"
        );
    }
}

struct Ask {
    pending: Pending,
    answer: BTreeSet<OpId>,
}

impl Trial for Ask {
    fn ours(&mut self) {
        for _ in 0..QUESTIONS {
            black_box(black_box(&self.pending).missing(ASKED_MAX));
        }
    }

    fn yardstick(&mut self) {
        for _ in 0..QUESTIONS {
            black_box(black_box(&self.answer).iter().copied().collect::<Vec<OpId>>());
        }
    }
}

/// One node beside ops that wait, and one beside none.
struct Ready {
    listener: Listener,
    beside_none: Node,
    waiting_count: usize,
}

impl Trial for Ready {
    fn prepare(&mut self) {
        // What the last round brought goes again on both sides.
        self.listener.refill(&mut [&mut self.beside_none]);
    }

    fn ours(&mut self) {
        for op in &self.listener.ops {
            self.listener.node.hear(op.clone());
        }
    }

    fn yardstick(&mut self) {
        for op in &self.listener.ops {
            self.beside_none.hear(op.clone());
        }
    }

    fn check(&mut self) {
        self.listener.check(&[&self.beside_none]);
        assert_eq!(self.listener.node.pending().len(), self.waiting_count);
    }
}

/// Beside 1,000 and 10,000 ops.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut crowd = Crowd::found();
    crowd.add(stranger(0), Rights::METADATA);
    let like = draft(crowd.space(), stranger(0), describe(0, 20));
    let sizes = options.sizes(&[1_000, 10_000], &[100]);
    let shapes = [("missing scattered", Shape::Scattered), ("missing chain", Shape::Chain)];
    for (name, shape) in shapes {
        let ask = |size: usize| {
            let mut pending = Pending::default();
            fill(&mut pending, &waiting(&like, size, shape));
            let answer: BTreeSet<OpId> = pending.missing(ASKED_MAX).into_iter().collect();
            let expected = match shape {
                Shape::Scattered => size.min(ASKED_MAX),
                Shape::Chain => 1,
            };
            assert_eq!(answer.len(), expected);
            let mut trial = Ask { pending, answer };
            let measured = measure(options, Clock::Cpu, QUESTIONS, &mut trial);
            Row::new(name, size, &measured, Goal::RatioAtMost(5.0))
        };
        let rows: Vec<Row> = sizes.iter().copied().map(ask).collect();
        report.rows(name, &rows, Goal::None);
    }
    for size in sizes {
        let mut listener = Listener::among(AUTHORS);
        let beside_none = Node::with(listener.node.space(), MemberId([0xdd; 32]));
        fill(listener.node.pending(), &waiting(&like, size, Shape::Scattered));
        let mut trial = Ready { listener, beside_none, waiting_count: size };
        let measured = measure(options, Clock::Cpu, ROUND_OPS, &mut trial);
        report.row(&Row::new("missing, a ready op", size, &measured, Goal::RatioAtMost(1.1)));
    }
}
