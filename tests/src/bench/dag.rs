//! Admission without signatures, in several orders of arrival, beside the same in order.
//!
//! Ops come by gossip, in the order of the bench. The node asks for what is missing, and its peer
//! answers one question for each page of gossip: about as fast as the ops come.

use super::Options;
use super::crowd::{Crowd, bare, describe, draft, stranger};
use super::measure::{Clock, Trial, measure};
use super::node::{Node, PEER};
use super::report::{Goal, Report, Row};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::{MemberId, OpId};
use folkmoot_core::input::{Answer, Input, RequestId};
use folkmoot_core::limits::{PAGE_OPS_MAX, PENDING_COUNT_MAX};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_core::wire::{Heads, Request};
use folkmoot_sim::world::Prng;
use std::collections::BTreeMap;
use std::thread;

/// Authors who take turns, and the width of the wide graph.
const AUTHORS: usize = 64;
/// Stack of the thread that runs this bench, in bytes.
const STACK_BYTES: usize = 512 * 1024;

/// A history: every op, parents first, behind a beginning that everybody knows.
struct History {
    base: Space,
    ops: Vec<Verified<Op>>,
    places: BTreeMap<OpId, usize>,
    root: [u8; 32],
}

impl History {
    /// One op after the other, or layers of 64 that do not know each other.
    fn write(count: usize, is_wide: bool) -> Self {
        let mut crowd = Crowd::found();
        for author in 0..AUTHORS {
            crowd.add(stranger(author), Rights::METADATA);
        }
        let base = crowd.branch();
        let mut ops = Vec::with_capacity(count);
        while ops.len() < count {
            let width = if is_wide { AUTHORS.min(count - ops.len()) } else { 1 };
            let layer: Vec<Verified<Op>> = (ops.len()..ops.len() + width)
                .map(|number| {
                    let author = stranger(number % AUTHORS);
                    bare(&draft(crowd.space(), author, describe(number, 20)))
                })
                .collect();
            for op in &layer {
                crowd.take(op.clone());
            }
            ops.extend(layer);
        }
        let places = ops.iter().enumerate().map(|(place, op)| (op.id, place)).collect();
        let root = crowd.space().view().state_root();
        Self { base: base.space().clone(), ops, places, root }
    }

    fn node(&self) -> Node {
        Node::with(&self.base, MemberId([0xdd; 32]))
    }

    /// Lets a node hear the ops in an order, and answers what it asks meanwhile.
    fn deliver(&self, node: &mut Node, order: &[usize]) {
        for page in order.chunks(PAGE_OPS_MAX) {
            for op in page.iter().filter_map(|place| self.ops.get(*place)) {
                node.hear(op.clone());
                assert!(node.pending().len() <= PENDING_COUNT_MAX, "pending is bounded");
            }
            self.answer(node);
        }
        while self.answer(node) {}
        if self.lacks(node) {
            node.give(Input::PeerSubscribed { peer: PEER, namespace: node.namespace });
            while self.answer(node) {}
        }
    }

    fn lacks(&self, node: &Node) -> bool {
        self.ops.last().is_some_and(|last| node.space().graph().find(&last.id).is_none())
    }

    /// Answers the oldest question, as a peer does that has everything; false if there is none.
    fn answer(&self, node: &mut Node) -> bool {
        let Some((request, question)) = node.asked.pop_front() else { return false };
        let answer = match question {
            Request::Heads { .. } => {
                let last = self.ops.iter().map(|op| op.id).next_back();
                let heads = Heads::truncated(last.into_iter().collect());
                Answer::Heads { heads, state_root: self.root, knows_ours: true }
            }
            Request::Fetch { want, have, from, count, .. } => self.page(&want, &have, from, count),
            Request::Join { .. }
            | Request::Identify { .. }
            | Request::Reconcile { .. }
            | Request::Ack(_) => {
                node.give(Input::RequestFailed { request });
                return true;
            }
        };
        give_answer(node, request, answer);
        true
    }

    /// A page of what comes before the latest op that is wanted.
    fn page(&self, want: &[OpId], have: &[OpId], from: u64, count: u32) -> Answer {
        let end = |ids: &[OpId]| {
            let places = ids.iter().filter_map(|id| self.places.get(id));
            places.max().map_or(0, |place| place + 1)
        };
        let (begin, to) = (end(have), end(want));
        let total = to.saturating_sub(begin);
        let from = begin + usize::try_from(from).unwrap_or(total).min(total);
        let page = to.min(from + PAGE_OPS_MAX.min(count as usize));
        let ops = self.ops.get(from..page).unwrap_or_default().to_vec();
        let (count, total) = (ops.len() as u64, total as u64);
        Answer::Ops { ops, count, refused: None, newer: Vec::new(), total }
    }

    fn check(&self, node: &Node) {
        let graph = node.space().graph();
        assert_eq!(graph.len() as usize, self.base.graph().len() as usize + self.ops.len());
        assert_eq!(node.space().view().state_root(), self.root);
    }
}

fn give_answer(node: &mut Node, request: RequestId, answer: Answer) {
    node.give(Input::ResponseReceived { request, peer: PEER, answer });
}

/// One history in the order of the bench, and another in its own.
struct Arrival<'a> {
    ours: &'a History,
    order: Vec<usize>,
    yardstick: &'a History,
    in_order: Vec<usize>,
    nodes: Option<(Node, Node)>,
}

impl<'a> Arrival<'a> {
    fn new(ours: &'a History, order: Vec<usize>, yardstick: &'a History) -> Self {
        let in_order = (0..yardstick.ops.len()).collect();
        Self { ours, order, yardstick, in_order, nodes: None }
    }
}

impl Trial for Arrival<'_> {
    fn prepare(&mut self) {
        self.nodes = Some((self.ours.node(), self.yardstick.node()));
    }

    fn ours(&mut self) {
        if let Some((node, _)) = &mut self.nodes {
            self.ours.deliver(node, &self.order);
        }
    }

    fn yardstick(&mut self) {
        if let Some((_, node)) = &mut self.nodes {
            self.yardstick.deliver(node, &self.in_order);
        }
    }

    fn check(&mut self) {
        if let Some((ours, yardstick)) = self.nodes.take() {
            self.ours.check(&ours);
            self.yardstick.check(&yardstick);
        }
    }
}

fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut prng = Prng::new(1);
    for at in (1..count).rev() {
        order.swap(at, prng.below(at + 1));
    }
    order
}

/// 10,000 and 100,000 ops in every order, a million reversed; all on a small stack.
pub(super) fn run(options: Options, report: &mut Report) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, || measure_orders(options, report));
        thread.expect("a thread can be had").join().expect("the orders are measured");
    });
}

fn measure_orders(options: Options, report: &mut Report) {
    let mut reversed = Vec::new();
    for size in options.sizes(&[10_000, 100_000, 1_000_000], &[300]) {
        let line = History::write(size, false);
        let trial = Arrival::new(&line, (0..size).rev().collect(), &line);
        let row = measure_order(options, "dag reversed", trial, Goal::RatioAtMost(1.5));
        report.row(&row);
        reversed.push(row);
        if size > 100_000 {
            continue;
        }
        let trial = Arrival::new(&line, shuffled(size), &line);
        let row = measure_order(options, "dag shuffled", trial, Goal::RatioAtMost(1.5));
        report.row(&row);
        let layers = History::write(size, true);
        let trial = Arrival::new(&layers, (0..size).collect(), &line);
        report.row(&measure_order(options, "dag 64 wide", trial, Goal::None));
    }
    report.growth("dag reversed", &reversed, Goal::None);
}

fn measure_order(options: Options, name: &str, mut trial: Arrival<'_>, goal: Goal) -> Row {
    let count = trial.order.len();
    let measured = measure(options, Clock::Cpu, count, &mut trial);
    Row::new(name, count, &measured, goal)
}
