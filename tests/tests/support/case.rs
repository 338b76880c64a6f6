//! A small history, judged by the oracle and by the engine at once.

#![expect(
    clippy::many_single_char_names,
    reason = "people and groups have the names of the protocol document"
)]

use super::{Engine, orders};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_sim::kit::{Author, Stage, add, copied, create, person, remove};
use std::collections::BTreeSet;

/// Orders of arrival that a case is run in.
const ORDERS_MAX: usize = 24;

/// The people of the cases.
#[derive(Clone, Copy)]
pub(crate) struct Cast {
    /// Owner.
    pub(crate) o: &'static Author,
    /// Admin of the root, senior to B.
    pub(crate) a: &'static Author,
    /// Admin of the root.
    pub(crate) b: &'static Author,
    /// Member of the root.
    pub(crate) c: &'static Author,
    /// Nobody yet.
    pub(crate) d: &'static Author,
    /// Nobody yet.
    pub(crate) m: &'static Author,
    /// Nobody yet.
    pub(crate) x: &'static Author,
}

pub(crate) fn cast() -> Cast {
    let [o, a, b, c, d, m, x] = [0, 1, 2, 3, 4, 5, 6].map(person);
    Cast { o, a, b, c, d, m, x }
}

/// The group that this op created.
pub(crate) fn group(creation: OpId) -> GroupId {
    creation.into()
}

pub(crate) fn moved(new_parent: GroupId) -> Body {
    Body::GroupMoved { new_parent }
}

pub(crate) struct Case {
    pub(crate) stage: Stage,
    pub(crate) engine: Engine,
}

impl Case {
    /// A namespace of these owners.
    pub(crate) fn found(owners: &[&Author]) -> Self {
        let stage = Stage::found(owners);
        let mut engine = Engine::new(stage.oracle.namespace());
        assert_eq!(engine.add(&stage.log[0]), Admission::Admit);
        Self { stage, engine }
    }

    /// O owner, A admin senior to B, B admin, C member; and the last op.
    pub(crate) fn base() -> (Self, Cast, OpId) {
        let people = cast();
        let mut case = Self::found(&[people.o]);
        let root = case.root();
        let mut head = case.stage.genesis();
        for (member, rights) in
            [(people.a, Rights::ADMIN), (people.b, Rights::ADMIN), (people.c, Rights::MEMBER)]
        {
            head = case.say(people.o, &[head], root, add(member, rights));
        }
        (case, people, head)
    }

    /// A history in which everything meets: removals, a race for an invitation, crossing moves, an
    /// anchor. Its bytes stand in `tests/golden/`, so it stays as it is.
    pub(crate) fn crowded() -> Self {
        let (mut case, p, h) = Self::base();
        let root = case.root();
        let x = case.say(p.o, &[h], root, create());
        let y = case.say(p.b, &[x], root, create());
        let secret = person(40);
        let invitation = p.b.invite(case.stage.terms(p.b, secret, &[y], root, Rights::MEMBER));
        let joins =
            |joiner: &Author| Body::MemberJoined { request: joiner.accept(&invitation, secret) };
        let join = case.say(p.c, &[y], root, joins(p.d));
        case.say(p.a, &[y], root, joins(p.m));
        case.say(p.a, &[y], group(x), moved(group(y)));
        case.say(p.b, &[y], group(y), moved(group(x)));
        case.say(p.o, &[join], root, Body::Anchor { rules: 1, notary: None });
        case.say(p.a, &[y], root, remove(p.b));
        case.say(p.b, &[join], root, remove(p.c));
        case.say(p.c, &[y], root, Body::MemberLeft);
        case
    }

    pub(crate) fn root(&self) -> GroupId {
        self.stage.root()
    }

    /// Hands an op to both; they must agree, on the op and on everything that follows.
    pub(crate) fn submit(&mut self, op: &Verified<Op>) -> Admission {
        let expected = self.stage.submit(copied(op));
        let got = self.engine.add(op);
        assert_eq!(got, expected, "K12: {} by {:?}", op.payload.body.name(), op.payload.signer);
        let all = self.stage.oracle.all();
        self.engine.agrees(&self.stage.oracle, &all).unwrap();
        got
    }

    /// Signs an op at the cut `known` and submits it.
    pub(crate) fn attempt(
        &mut self,
        author: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> (OpId, Admission) {
        let op = author.sign(&self.stage.oracle, known, group, body);
        (op.id, self.submit(&op))
    }

    /// [`Case::attempt`] of an op that must be admitted.
    pub(crate) fn say(
        &mut self,
        author: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> OpId {
        let name = body.name();
        let (id, admission) = self.attempt(author, known, group, body);
        assert_eq!(admission, Admission::Admit, "{name} by {:?} on {group:?}", author.id);
        id
    }

    /// [`Case::attempt`], the verdict only.
    pub(crate) fn try_it(
        &mut self,
        author: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> Admission {
        self.attempt(author, known, group, body).1
    }

    /// Runs the history in other orders of arrival, all of them where they are few: on every
    /// prefix the engine is what the oracle says, with every op arriving twice and with a restart
    /// from a snapshot. The engine of the last order answers for all of them.
    pub(crate) fn end(&self) -> Engine {
        let oracle = &self.stage.oracle;
        let mut last = None;
        for (number, order) in orders(&self.stage.log, ORDERS_MAX).iter().enumerate() {
            let mut engine = Engine::new(oracle.namespace());
            let mut known = BTreeSet::new();
            for (step, at) in order.iter().enumerate() {
                let op = &self.stage.log[*at];
                let void = oracle.void_at_cut(op.id);
                let expected = void.map_or(Admission::Admit, Admission::Void);
                known.insert(op.id);
                for copy in ["first", "second"] {
                    assert_eq!(engine.add(op), expected, "{copy} copy of {}", op.id);
                    engine.agrees(oracle, &known).unwrap();
                }
                if (step + number) % 3 == 0 {
                    engine.restart();
                    engine.agrees(oracle, &known).unwrap();
                }
            }
            last = Some(engine);
        }
        last.unwrap()
    }
}
