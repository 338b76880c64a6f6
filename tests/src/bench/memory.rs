//! Resident bytes of a node for each op and each member, measured in a process of its own.

use super::Options;
use super::crowd::{Crowd, bare, describe, draft, stranger};
use super::measure::Measured;
use super::report::{Goal, Report, Row};
use folkmoot_core::bounded::Bytes;
use folkmoot_core::governance::op::{Body, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use std::env;
use std::fs;
use std::process::Command;

/// Bytes that calimero-dag 0.10.0 keeps for a delta beside its body, at best, on such a machine.
const OTHERS_OP_BYTES: f64 = 600.0;
/// What an op may take.
const OP_BYTES_MAX: f64 = 250.0;
/// What a member may take, beside the op that added it.
const MEMBER_BYTES_MAX: f64 = 350.0;
/// Authors who take turns.
const AUTHORS: usize = 64;

/// What a namespace is full of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Members, each with the op that added it.
    Members(usize),
    /// Ops of a few members.
    Ops {
        /// How many.
        count: usize,
        /// How large the body of each is, about.
        body_bytes: usize,
    },
}

impl Shape {
    fn argument(self) -> String {
        match self {
            Self::Members(count) => format!("resident:members:{count}"),
            Self::Ops { count, body_bytes } => format!("resident:ops:{count}:{body_bytes}"),
        }
    }

    fn fill(self, crowd: &mut Crowd) {
        match self {
            Self::Members(count) => {
                (0..count).for_each(|number| crowd.add(stranger(AUTHORS + number), Rights::READ));
            }
            Self::Ops { count, body_bytes } => {
                for number in 0..count {
                    let author = stranger(number % AUTHORS);
                    let body = body(number, body_bytes);
                    crowd.take(bare(&draft(crowd.space(), author, body)));
                    crowd.anchor_if_due();
                }
            }
        }
    }
}

fn body(number: usize, bytes: usize) -> Body {
    if bytes <= 4096 {
        return describe(number, bytes);
    }
    let mut script = number.to_le_bytes().to_vec();
    script.resize(bytes, 0xaa);
    let write = SlotWrite::Migration(Bytes::truncated(script));
    Body::SlotSet { strict: false, write }
}

/// Resident bytes of this process.
pub(super) fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("the system says what is resident");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    let kilobytes: Option<usize> = kilobytes.and_then(|number| number.parse().ok());
    kilobytes.expect("it says so in kB") * 1024
}

/// Fills a namespace, and prints by how much this process has grown.
pub(super) fn print_resident(shape: Shape) {
    let mut crowd = Crowd::found();
    for author in 0..AUTHORS {
        crowd.add(stranger(author), Rights::METADATA | Rights::APPLICATION);
    }
    let (before, ops_before) = (resident_bytes(), crowd.space().graph().len());
    shape.fill(&mut crowd);
    let grown = resident_bytes().saturating_sub(before);
    let (Shape::Members(count) | Shape::Ops { count, .. }) = shape;
    assert!(crowd.space().graph().len() as usize >= ops_before as usize + count);
    println!("{grown}");
}

fn resident_of(shape: Shape) -> f64 {
    let this = env::current_exe().expect("this program knows where it is");
    let output = Command::new(this).args(["--child", &shape.argument()]).output();
    let output = output.expect("this program can be run again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let grown: usize = text.trim().parse().expect("the child prints a number");
    grown as f64
}

fn row(name: &str, size: usize, bytes: f64, others: f64, goal: f64) -> Row {
    let mut measured = Measured::default();
    measured.ours.note(bytes / size as f64);
    measured.yardstick.note(others);
    Row::in_unit("B", name, size, &measured, Goal::AtMost(goal))
}

/// 100,000 and a million ops with small and large bodies; as many members.
pub(super) fn run(options: Options, report: &mut Report) {
    let sizes = options.sizes(&[100_000, 1_000_000], &[300]);
    let (mut small, mut members) = (Vec::new(), Vec::new());
    for size in sizes.iter().copied() {
        let ops = resident_of(Shape::Ops { count: size, body_bytes: 200 });
        let row_of = row("memory, op of 200 B", size, ops, OTHERS_OP_BYTES, OP_BYTES_MAX);
        report.row(&row_of);
        small.push(row_of);
        let large = resident_of(Shape::Ops { count: size, body_bytes: 5_000 });
        report.row(&row("memory, op of 5 kB", size, large, OTHERS_OP_BYTES, OP_BYTES_MAX));
        let whole = resident_of(Shape::Members(size));
        let each = (whole - ops).max(0.0);
        let row_of = row("memory, member", size, each, MEMBER_BYTES_MAX, MEMBER_BYTES_MAX);
        report.row(&row_of);
        members.push(row_of);
    }
    report.growth("memory, op of 200 B", &small, Goal::None);
    report.growth("memory, member", &members, Goal::None);
}
