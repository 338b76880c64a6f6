//! Bytes and rounds by which two nodes find out where their ops differ; the ops do not count.

use super::Options;
use super::crowd::{Crowd, bare, describe, draft, stranger};
use super::history::watcher;
use super::measure::Measured;
use super::node::Node;
use super::report::{Goal, Report, Row};
use folkmoot_core::effect::Effect;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{Answer, ExchangeId, Input, RequestId};
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::settings::Settings;
use folkmoot_core::signed::{Op, Verified, verify_statement};
use folkmoot_core::state::{State, Volatile};
use folkmoot_core::step::step;
use folkmoot_core::sync::Verdict;
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_core::wire::{Request, Response};
use folkmoot_sim::kit::Author;
use std::collections::{BTreeMap, VecDeque};

/// Ops that both sets have together, about.
const OPS: usize = 100_000;
/// What may be said beside the ops: so many bytes, and so many for each op that differs.
const BYTES_MAX: usize = 4_096;
const BYTES_PER_OP_MAX: usize = 64;
/// Members who write what both have.
const AUTHORS: usize = 64;
/// Places of the history at which the scattered differences were written.
const PLACES: usize = 50;
/// How long the nodes may take, in milliseconds of their own time.
const PATIENCE_MS: u64 = 120_000;
/// Bytes of a page beside its ops: version, tag, count, total; and the length of each op.
const PAGE_BYTES: usize = 14;
const OP_LENGTH_BYTES: usize = 4;

/// Where the ops are that only one of the two has.
#[derive(Clone, Copy)]
enum Shape {
    /// At the end: the two wrote for a while without each other.
    Branches,
    /// Everywhere: each the only op of a member who knew no more than what was before it.
    Scattered,
}

struct Side {
    me: Author,
    state: State,
    wake_at: Option<MonoMillis>,
}

/// Two nodes, and what they say.
struct Talk {
    sides: [Side; 2],
    namespace: NamespaceId,
    bodies: BTreeMap<OpId, Verified<Op>>,
    now: MonoMillis,
    mail: VecDeque<(usize, Input)>,
    /// Questions under way: who asked, and by which name.
    exchanges: BTreeMap<ExchangeId, (usize, RequestId)>,
    exchange_count: u64,
    /// Bytes said beside the ops.
    bytes: usize,
    /// Questions about ranges.
    rounds: usize,
}

fn peer(at: usize) -> PeerKey {
    PeerKey([if at == 0 { 1 } else { 2 }; 32])
}

impl Talk {
    fn between(sides: [(Author, State); 2], namespace: NamespaceId, ops: &[Verified<Op>]) -> Self {
        let side = |(me, state)| Side { me, state, wake_at: None };
        Self {
            sides: sides.map(side),
            namespace,
            bodies: ops.iter().map(|op| (op.id, op.clone())).collect(),
            now: MonoMillis(0),
            mail: VecDeque::new(),
            exchanges: BTreeMap::new(),
            exchange_count: 0,
            bytes: 0,
            rounds: 0,
        }
    }

    /// Connects the two, and lets them talk until both have the same.
    fn hold(&mut self) {
        let settings = Settings { anchor_ops: 0, anchor_age_ms: 0, ..Settings::default() };
        for (at, other) in [(0, 1), (1, 0)] {
            let (peer, other) = (peer(at), peer(other));
            let settings = settings.clone();
            self.give(at, Input::Started { seed: peer.0, peer, settings });
            self.give(at, Input::PeerConnected { peer: other });
            let namespace = self.namespace;
            self.mail.push_back((at, Input::PeerSubscribed { peer: other, namespace }));
        }
        loop {
            while let Some((at, input)) = self.mail.pop_front() {
                self.give(at, input);
            }
            if self.is_over() {
                return;
            }
            let next = self.sides.iter().filter_map(|side| side.wake_at).min();
            self.now = self.now.max(next.expect("something is due"));
            assert!(self.now.0 < PATIENCE_MS, "the two do not come together");
            for at in [0, 1] {
                self.mail.push_back((at, Input::Wake));
            }
        }
    }

    fn space(&self, at: usize) -> Option<&Space> {
        let known = self.sides.get(at)?.state.durable.namespaces.get(&self.namespace)?;
        Some(&known.space)
    }

    fn is_over(&self) -> bool {
        let [one, other] = [0, 1].map(|at| self.space(at).map(|space| space.graph().len()));
        let is_in_sync = |side: &Side| {
            let desk = side.state.volatile.desks.get(&self.namespace);
            let last = desk.and_then(|desk| desk.syncing.last());
            last.is_some_and(|last| matches!(last.verdict, Verdict::InSync { .. }))
        };
        one == other && self.sides.iter().all(is_in_sync)
    }

    fn give(&mut self, at: usize, input: Input) {
        let now = Now { mono: self.now, unix: UnixMillis(1 << 40) };
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let Some(side) = self.sides.get_mut(at) else { return };
            let output = step(&mut side.state, now, input);
            side.wake_at = output.wake_at;
            for effect in output.effects {
                self.perform(at, effect);
            }
            next = output.wake_at.is_some_and(|at| at <= now.mono).then_some(Input::Wake);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nobody else is there")]
    fn perform(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Ask { request, question, .. } => self.ask(at, request, question),
            Effect::Respond { exchange, response } => {
                let bytes = response.encode().len();
                let answer = match response {
                    Response::Heads { heads, state_root, knows_yours } => {
                        Answer::Heads { heads, state_root, knows_ours: knows_yours }
                    }
                    Response::Ranges(ranges) => Answer::Ranges(ranges),
                    Response::Refused(why) => Answer::Refused(why),
                    other => panic!("not an answer about ops: {other:?}"),
                };
                self.answer(exchange, answer, bytes);
            }
            Effect::RespondWithOps { exchange, ops, total, .. } => {
                let ops =
                    ops.iter().take(PAGE_OPS_MAX).filter_map(|stored| self.bodies.get(&stored.op));
                let ops: Vec<Verified<Op>> = ops.cloned().collect();
                let (count, bytes) = (ops.len() as u64, PAGE_BYTES + OP_LENGTH_BYTES * ops.len());
                let answer = Answer::Ops { ops, count, refused: None, newer: Vec::new(), total };
                self.answer(exchange, answer, bytes);
            }
            Effect::Introduce { exchange, hello, pass } => {
                let Some(side) = self.sides.get(at) else { return };
                let hello = verify_statement(side.me.attest(hello), self.namespace);
                let hello = hello.expect("it is signed");
                self.answer(exchange, Answer::Identity { hello, pass }, 0);
            }
            _ => {}
        }
    }

    fn ask(&mut self, at: usize, request: RequestId, question: Request) {
        match &question {
            Request::Heads { .. } | Request::Fetch { .. } => self.bytes += question.encode().len(),
            Request::Reconcile { .. } => {
                self.bytes += question.encode().len();
                self.rounds += 1;
            }
            Request::Identify { .. } => {}
            other @ (Request::Join { .. } | Request::Ack(_)) => panic!("not asked here: {other:?}"),
        }
        self.exchange_count += 1;
        let (exchange, from) = (ExchangeId(self.exchange_count), peer(at));
        self.exchanges.insert(exchange, (at, request));
        let (request, signatures_valid) = (question, true);
        let asked = Input::RequestReceived { exchange, peer: from, request, signatures_valid };
        self.mail.push_back((1 - at, asked));
    }

    fn answer(&mut self, exchange: ExchangeId, answer: Answer, bytes: usize) {
        self.bytes += bytes;
        let (at, request) = self.exchanges.remove(&exchange).expect("it was asked");
        self.mail.push_back((at, Input::ResponseReceived { request, peer: peer(1 - at), answer }));
    }
}

/// What both have, and what only the first and only the second has.
struct Sets {
    crowd: Crowd,
    only: [Vec<Verified<Op>>; 2],
}

impl Sets {
    fn of(shape: Shape, ops: usize, differences: usize) -> Self {
        let mut crowd = Crowd::found();
        for number in [0, 1] {
            crowd.add(watcher(number).id, Rights::READ);
        }
        let rights = Rights::METADATA | Rights::READ;
        (0..AUTHORS + 2).for_each(|number| crowd.add(stranger(number), rights));
        let mut sets = Self { crowd, only: [Vec::new(), Vec::new()] };
        match shape {
            Shape::Branches => {
                sets.write(ops - differences);
                sets.branch(differences);
            }
            Shape::Scattered => sets.scatter(ops, differences),
        }
        sets
    }

    /// Both sides come to so many ops.
    fn write(&mut self, ops: usize) {
        while (self.crowd.space().graph().len() as usize) < ops {
            let number = self.crowd.space().graph().len() as usize;
            self.crowd.say(stranger(number % AUTHORS), describe(number, 50));
            self.crowd.anchor_if_due();
        }
    }

    fn branch(&mut self, differences: usize) {
        for (only, number) in self.only.iter_mut().zip([0, 1]) {
            let mut branch = self.crowd.branch();
            let author = stranger(AUTHORS + number);
            let count = usize::midpoint(differences, number);
            only.extend((0..count).map(|at| branch.say(author, describe(at, 50))));
        }
    }

    fn scatter(&mut self, ops: usize, differences: usize) {
        let strangers = AUTHORS + 2..AUTHORS + 2 + differences;
        for number in strangers.clone() {
            self.crowd.add(stranger(number), Rights::METADATA | Rights::READ);
        }
        let begin = self.crowd.space().graph().len() as usize;
        let places = PLACES.min(differences).max(1);
        for (number, place) in
            strangers.collect::<Vec<_>>().chunks(differences.div_ceil(places)).zip(1..)
        {
            self.write(begin + (ops - differences).saturating_sub(begin) * place / places);
            for number in number {
                let op = bare(&draft(self.crowd.space(), stranger(*number), describe(*number, 50)));
                let [first, second] = &mut self.only;
                if number % 2 == 0 { second.push(op) } else { first.push(op) }
            }
        }
        self.write(ops - differences);
    }

    fn talk(&self) -> Talk {
        let [one, other] = [0, 1].map(|at| {
            let me = watcher(at);
            let mut node = Node::with(self.crowd.space(), me.id);
            for op in self.only.get(at).into_iter().flatten() {
                node.hear(op.clone());
            }
            // As after a restart: nothing is remembered of how they came.
            node.state.volatile = Volatile::default();
            (me, node.state)
        });
        let bodies = self.only.concat();
        Talk::between([one, other], self.crowd.node.namespace, &bodies)
    }
}

fn note(figure: usize, most: f64) -> Measured {
    let mut measured = Measured::default();
    measured.ours.note(figure as f64);
    measured.yardstick.note(most);
    measured
}

/// Two sets of 100,000 ops that differ in 1, 100 and 10,000, at the end and everywhere.
pub(super) fn run(options: Options, report: &mut Report) {
    let ops = if options.tiny { 400 } else { OPS };
    for (shape, name) in [(Shape::Branches, "at the end"), (Shape::Scattered, "everywhere")] {
        for size in options.sizes(&[1, 100, 10_000], &[1, 20]) {
            let sets = Sets::of(shape, ops, size);
            let mut talk = sets.talk();
            talk.hold();
            let [one, other] = [0, 1].map(|at| talk.space(at).expect("it is open"));
            assert_eq!(
                one.graph().len() as usize,
                sets.crowd.space().graph().len() as usize + size
            );
            assert_eq!(one.view().state_root(), other.view().state_root());
            let most = (BYTES_MAX + BYTES_PER_OP_MAX * size) as f64;
            let name = format!("reconcile, {name}");
            let bytes = note(talk.bytes, most);
            report.row(&Row::in_unit("B", &name, size, &bytes, Goal::RatioAtMost(1.0)));
            let rounds = note(talk.rounds, (ops as f64).log(16.0) + 2.0);
            report.row(&Row::in_unit("x", "  rounds", size, &rounds, Goal::RatioAtMost(1.0)));
        }
    }
}
