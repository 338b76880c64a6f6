//! Two branches of concurrent ops meet, page by page, beside as many ops in one line.

use super::Options;
use super::crowd::{Crowd, stranger};
use super::measure::{Clock, Trial, measure};
use super::node::Node;
use super::report::{Goal, Report, Row};
use folkmoot_core::command::CommandId;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::MemberId;
use folkmoot_core::input::Input;
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::signed::{Op, Verified};

/// Members before the branches part.
const MEMBERS: usize = 100;

/// Ops in the order in which they come.
struct Story {
    ops: Vec<Verified<Op>>,
    member_count: usize,
}

struct Meeting {
    base: Space,
    branches: Story,
    line: Story,
    nodes: Option<(Node, Node)>,
}

impl Meeting {
    /// Two branches of `length` ops, and a line of twice as many.
    fn new(length: usize) -> Self {
        let mut base = Crowd::of(MEMBERS);
        let authors = [stranger(1_000_001), stranger(1_000_002)];
        for author in authors {
            base.add(author, Rights::MEMBERS | Rights::READ);
        }
        let [left, right] = authors;
        let known = base.space().view().people().count();
        let member_count = known + 2 * length;

        let mut branches = Vec::new();
        for (number, author) in [(0, left), (1, right)] {
            let mut branch = base.branch();
            branches.extend((0..length).map(|at| add(&mut branch, author, 2 * at + number)));
        }
        let mut line = base.branch();
        let line = (0..2 * length)
            .map(|at| add(&mut line, if at % 2 == 0 { left } else { right }, at))
            .collect();
        Self {
            base: base.space().clone(),
            branches: Story { ops: branches, member_count },
            line: Story { ops: line, member_count },
            nodes: None,
        }
    }
}

fn add(crowd: &mut Crowd, author: MemberId, number: usize) -> Verified<Op> {
    let member = stranger(2_000_000 + number);
    crowd.say(author, Body::MemberAdded { member, rights: Rights::READ })
}

impl Story {
    fn tell(&self, node: &mut Node) {
        for page in self.ops.chunks(PAGE_OPS_MAX) {
            let (command, namespace) = (CommandId(0), node.namespace);
            node.give(Input::OpsImported { command, namespace, ops: page.to_vec() });
        }
    }

    fn check(&self, node: &Node, base: &Space) {
        let space = node.space();
        assert_eq!(space.graph().len() as usize, base.graph().len() as usize + self.ops.len());
        assert_eq!(space.view().people().count(), self.member_count);
        assert_eq!(space.graph().void_at_cut_count(), 0);
    }
}

impl Trial for Meeting {
    fn prepare(&mut self) {
        let node = || Node::with(&self.base, MemberId([0xdd; 32]));
        self.nodes = Some((node(), node()));
    }

    fn ours(&mut self) {
        if let Some((node, _)) = &mut self.nodes {
            self.branches.tell(node);
        }
    }

    fn yardstick(&mut self) {
        if let Some((_, node)) = &mut self.nodes {
            self.line.tell(node);
        }
    }

    fn check(&mut self) {
        if let Some((branches, line)) = self.nodes.take() {
            self.branches.check(&branches, &self.base);
            self.line.check(&line, &self.base);
            assert_eq!(branches.space().heads().len(), 2);
        }
    }
}

/// Branches of 1,000 and 10,000 ops.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut rows = Vec::new();
    for size in options.sizes(&[1_000, 10_000], &[30]) {
        let mut trial = Meeting::new(size);
        let measured = measure(options, Clock::Cpu, 2 * size, &mut trial);
        rows.push(Row::new("branches", size, &measured, Goal::RatioAtMost(2.0)));
    }
    report.rows("branches", &rows, Goal::None);
}
