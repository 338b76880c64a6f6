//! A node that missed ops gets them from another over libp2p, beside `verify_strict` alone on all
//! processors.

use super::Options;
use super::history::{History, check_in_pages, claims, watcher};
use super::measure::{Clock, Measured, cpu_time, repeat, time};
use super::nodes::{Live, home_with, runtime};
use super::report::{Goal, Report, Row};
use super::strict::Strict;
use folkmoot_core::key::Claim;
use std::time::Instant;
use tokio::runtime::Runtime;

/// Who signs what was missed.
const SIGNERS: usize = 16;

struct CatchUp {
    runtime: Runtime,
    history: History,
    /// How many ops both have from the beginning.
    shared: usize,
    strict: Strict,
    claims: Vec<Claim>,
    /// Has everything.
    partner: Live,
    rounds: u64,
}

#[derive(Default)]
struct Figures {
    /// Ops per second, beside those that `verify_strict` checks on all processors.
    rates: Measured,
    /// CPU time of both nodes in microseconds for each op, beside the batches alone.
    cpu: Measured,
}

impl CatchUp {
    fn of(missed: usize) -> Self {
        let runtime = runtime();
        let mut history = History::of(SIGNERS);
        let shared = history.ops.len();
        history.write(missed);
        let me = watcher(0);
        let home = home_with(history.namespace(), me.id, &history.ops);
        let partner = runtime.block_on(Live::start(home, &me, 0));
        let strict = Strict::of(&history.ops);
        let claims = claims(history.ops.split_at(shared).1);
        Self { runtime, history, shared, strict, claims, partner, rounds: 0 }
    }

    /// From the dial to `InSync` with the same root.
    fn round(&mut self, figures: &mut Figures) {
        self.rounds += 1;
        let (namespace, me) = (self.history.namespace(), watcher(1));
        let (shared, count) = (self.history.ops.split_at(self.shared).0, self.history.ops.len());
        let home = home_with(namespace, me.id, shared);
        let root = self.history.space().view().state_root();
        let (taken, cpu) = self.runtime.block_on(async {
            let node = Live::start(home, &me, self.rounds).await;
            let (started, before) = (Instant::now(), cpu_time());
            node.handle.dial(self.partner.address.clone()).await;
            node.until_in_sync(namespace, count, root).await;
            let taken = (started.elapsed(), cpu_time().saturating_sub(before));
            node.stop().await;
            taken
        });
        let Figures { rates, cpu: costs } = figures;
        costs.ours.add(cpu, count - self.shared);
        let batches = time(Clock::Cpu, || check_in_pages(&self.claims));
        costs.yardstick.add(batches, self.claims.len());
        rates.ours.note((count - self.shared) as f64 / taken.as_secs_f64());
        let mut checked = 0;
        let taken = time(Clock::Wall, || checked = self.strict.check_everywhere());
        rates.yardstick.note(checked as f64 / taken.as_secs_f64());
    }
}

/// A node that missed 10,000 and 100,000 ops.
pub(super) fn run(options: Options, report: &mut Report) {
    for size in options.sizes(&[10_000, 100_000], &[1_000]) {
        let mut trial = CatchUp::of(size);
        let figures: Figures = repeat(options, |figures| trial.round(figures));
        trial.runtime.block_on(trial.partner.stop());
        let goal = Goal::RatioAtLeast(2.0);
        report.row(&Row::in_unit("op/s", "catch-up, two nodes", size, &figures.rates, goal));
        report.row(&Row::new("  CPU of both, beside batches", size, &figures.cpu, Goal::None));
    }
}
