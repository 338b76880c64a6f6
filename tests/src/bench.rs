//! Benchmarks: the work of the node and a yardstick, interleaved in one process.
//!
//! Machines differ and are noisy, so every goal is a ratio to something measured in the same
//! minute: A, B, A, B, … after a warm-up. Compute is CPU time of the process, disk is wall time.
//! Each bench asserts the result of the work that it times. Figures are medians, with the minimum
//! beside them; nothing here passes or fails by time.
#![expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "figures are for people; nothing replicated is computed here"
)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot do its work has no figure to give, and ends"
)]

mod apply;
mod backfill;
mod bare;
mod branches;
mod catch_up;
mod commit;
mod crowd;
mod dag;
mod disk;
mod gossip;
mod heal;
mod history;
mod idle;
mod join;
mod listener;
mod measure;
mod memory;
mod missing;
mod node;
mod nodes;
mod pipeline;
mod reconcile;
mod replay;
mod report;
mod restart;
mod step;
mod strict;
mod strike;

use clap::ValueEnum;
use report::Report;
use std::path::PathBuf;
use std::str::FromStr;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bench {
    /// One op at our heads: verify, judge, fold, hash.
    Apply,
    /// The reducer alone, on verified ops.
    Step,
    /// Admission in several orders of arrival.
    Dag,
    /// Asking for missing parents, and ready ops beside many that wait.
    Missing,
    /// Two branches that meet.
    Branches,
    /// A removal that voids many ops.
    Strike,
    /// Local commands, until they are durable.
    Commit,
    /// A history from the pages of a peer to a durable log.
    Backfill,
    /// A node that missed a history gets it from another.
    CatchUp,
    /// Finding out where two sets of ops differ.
    Reconcile,
    /// Two halves that wrote without each other meet.
    Heal,
    /// From the dial to a confirmed member.
    Join,
    /// From one node to all others.
    Gossip,
    /// Nothing happens.
    Idle,
    /// Resident bytes.
    Memory,
    /// From a data folder to a state.
    Restart,
    /// A recording, beside the run that made it.
    Replay,
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// One JSON object per row instead of a table.
    pub json: bool,
    /// One round at a tiny size.
    pub tiny: bool,
    /// The largest size.
    pub max_size: usize,
}

impl Options {
    /// The sizes to measure: `full` as far as allowed, or `tiny`.
    fn sizes(&self, full: &[usize], tiny: &[usize]) -> Vec<usize> {
        let sizes = if self.tiny { tiny } else { full };
        sizes.iter().copied().filter(|size| *size <= self.max_size).collect()
    }
}

/// Part of a bench that runs in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    /// Builds a namespace and prints its resident bytes.
    Resident(memory::Shape),
    /// Writes a data folder of so many ops, and waits to be killed.
    Write {
        /// The folder.
        home: PathBuf,
        /// How many ops.
        ops: usize,
    },
    /// Starts a node, has it dial, and prints what it costs while nothing happens.
    Idle {
        /// Whether only to see that it works.
        is_tiny: bool,
        /// Where its data folder may lie.
        folder: PathBuf,
        /// Whom to dial.
        addresses: Vec<String>,
    },
}

impl FromStr for Child {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("{text} is no part of a bench");
        let number = |text: &str| text.parse().map_err(|_| unknown());
        match text.splitn(4, ':').collect::<Vec<_>>().as_slice() {
            ["resident", "members", count] => {
                Ok(Self::Resident(memory::Shape::Members(number(count)?)))
            }
            ["resident", "ops", count, bytes] => {
                let (count, body_bytes) = (number(count)?, number(bytes)?);
                Ok(Self::Resident(memory::Shape::Ops { count, body_bytes }))
            }
            ["write", ops, home] => Ok(Self::Write { home: home.into(), ops: number(ops)? }),
            ["idle", size, folder, addresses] => Ok(Self::Idle {
                is_tiny: *size == "tiny",
                folder: folder.into(),
                addresses: addresses.split(',').map(str::to_owned).collect(),
            }),
            _ => Err(unknown()),
        }
    }
}

/// Runs benches, all of them without names, and prints what they say.
pub fn run(names: &[Bench], options: Options) {
    let names = if names.is_empty() { Bench::value_variants() } else { names };
    let mut report = Report::new(options);
    for name in names {
        match name {
            Bench::Apply => apply::run(options, &mut report),
            Bench::Step => step::run(options, &mut report),
            Bench::Dag => dag::run(options, &mut report),
            Bench::Missing => missing::run(options, &mut report),
            Bench::Branches => branches::run(options, &mut report),
            Bench::Strike => strike::run(options, &mut report),
            Bench::Commit => commit::run(options, &mut report),
            Bench::Backfill => backfill::run(options, &mut report),
            Bench::CatchUp => catch_up::run(options, &mut report),
            Bench::Reconcile => reconcile::run(options, &mut report),
            Bench::Heal => heal::run(options, &mut report),
            Bench::Join => join::run(options, &mut report),
            Bench::Gossip => gossip::run(options, &mut report),
            Bench::Idle => idle::run(options, &mut report),
            Bench::Memory => memory::run(options, &mut report),
            Bench::Restart => restart::run(options, &mut report),
            Bench::Replay => replay::run(options, &mut report),
        }
    }
}

/// Runs the part of a bench that another process asked for.
pub fn run_child(child: &Child) {
    match child {
        Child::Resident(shape) => memory::print_resident(*shape),
        Child::Write { home, ops } => restart::write_and_wait(home, *ops),
        Child::Idle { is_tiny, folder, addresses } => {
            idle::print_idle(*is_tiny, folder, addresses);
        }
    }
}
