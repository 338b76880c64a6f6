//! The reducer alone, on verified ops at its heads, beside the hash of their bytes.

use super::Options;
use super::listener::{Listener, ROUND_OPS};
use super::measure::{Clock, Trial, measure};
use super::report::{Goal, Report, Row};
use std::hint::black_box;

/// What one op may cost, in microseconds.
const STEP_US_MAX: f64 = 8.0;

struct Step(Listener);

impl Trial for Step {
    fn prepare(&mut self) {
        self.0.refill(&mut []);
    }

    fn ours(&mut self) {
        for op in &self.0.ops {
            self.0.node.hear(op.clone());
        }
    }

    fn yardstick(&mut self) {
        for bytes in &self.0.wire {
            black_box(blake3::hash(black_box(bytes)));
        }
    }

    fn check(&mut self) {
        self.0.check(&[]);
    }
}

/// Groups of 10 to 100,000 members.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut rows = Vec::new();
    for size in options.sizes(&[10, 1_000, 100_000], &[10, 50]) {
        let mut trial = Step(Listener::among(size));
        let measured = measure(options, Clock::Cpu, ROUND_OPS, &mut trial);
        rows.push(Row::new("step", size, &measured, Goal::AtMost(STEP_US_MAX)));
    }
    report.rows("step", &rows, Goal::None);
}
