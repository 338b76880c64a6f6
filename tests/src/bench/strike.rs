//! A removal that comes late and voids everything that the removed member did meanwhile.

use super::Options;
use super::crowd::{Crowd, stranger};
use super::measure::{Clock, Measured, Samples, Trial, cpu_time, measure};
use super::node::Node;
use super::report::{Goal, Report, Row};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::MemberId;
use folkmoot_core::input::Input;
use folkmoot_core::signed::{Op, Verified};
use std::time::Duration;

/// What one step may take, in microseconds.
const STEP_US_MAX: f64 = 10_000.0;

struct Strike {
    /// Before the member did anything.
    base: Space,
    /// What it did: additions of members.
    deeds: Vec<Verified<Op>>,
    /// The removal, written by somebody who knew of nothing.
    removal: Verified<Op>,
    struck: Option<Node>,
    adding: Option<Node>,
    root: [u8; 32],
    longest: Samples,
}

impl Strike {
    fn new(count: usize) -> Self {
        let mut base = Crowd::of(100);
        let member = stranger(1_000_000);
        base.add(member, Rights::MEMBERS | Rights::READ);
        let mut removing = base.branch();
        let body = Body::MemberRestricted { member, keep: Rights::NONE };
        let removal = removing.say(base.owner.id, body);
        let mut doing = base.branch();
        let deed = |number: usize| {
            let member = stranger(2_000_000 + number);
            doing.say(stranger(1_000_000), Body::MemberAdded { member, rights: Rights::READ })
        };
        Self {
            base: base.space().clone(),
            deeds: (0..count).map(deed).collect(),
            removal,
            struck: None,
            adding: None,
            root: removing.space().view().state_root(),
            longest: Samples::default(),
        }
    }

    fn node(&self) -> Node {
        Node::with(&self.base, MemberId([0xdd; 32]))
    }
}

impl Trial for Strike {
    fn prepare(&mut self) {
        let mut node = self.node();
        self.deeds.iter().for_each(|deed| node.hear(deed.clone()));
        self.struck = Some(Node::with(node.space(), MemberId([0xdd; 32])));
        self.adding = Some(self.node());
    }

    fn ours(&mut self) {
        let Some(node) = &mut self.struck else { return };
        let mut longest = Duration::ZERO;
        let mut input = node.gossip(self.removal.clone());
        loop {
            let before = cpu_time();
            let output = node.step(input);
            longest = longest.max(cpu_time().saturating_sub(before));
            if !node.is_due(&output) {
                break;
            }
            input = Input::Wake;
        }
        self.longest.add(longest, 1);
    }

    fn yardstick(&mut self) {
        let Some(node) = &mut self.adding else { return };
        self.deeds.iter().for_each(|deed| node.hear(deed.clone()));
    }

    fn check(&mut self) {
        let (Some(struck), Some(_)) = (self.struck.take(), self.adding.take()) else { return };
        let space = struck.space();
        let is_void = |deed: &Verified<Op>| {
            let ix = space.graph().find(&deed.id);
            ix.is_some_and(|ix| !space.view().is_effective(space.graph(), ix))
        };
        assert!(self.deeds.iter().all(is_void));
        assert_eq!(space.heads(), [self.removal.id]);
        // As if the member had done nothing.
        assert_eq!(space.view().state_root(), self.root);
    }
}

/// Removals that void 10 to 10,000 ops.
pub(super) fn run(options: Options, report: &mut Report) {
    let (mut rows, mut steps) = (Vec::new(), Vec::new());
    for size in options.sizes(&[10, 1_000, 10_000], &[10, 40]) {
        let mut trial = Strike::new(size);
        let measured = measure(options, Clock::Cpu, size, &mut trial);
        rows.push(Row::new("strike, each op", size, &measured, Goal::None));
        let mut limit = Samples::default();
        limit.note(STEP_US_MAX);
        let longest = Measured { ours: trial.longest, yardstick: limit };
        steps.push(Row::new("strike, longest step", size, &longest, Goal::AtMost(STEP_US_MAX)));
    }
    report.rows("strike, each op", &rows, Goal::RatioAtMost(1.5));
    for row in &steps {
        report.row(row);
    }
}
