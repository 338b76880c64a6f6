//! `moot-sim soak`: seeds without end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{create_folder, write};
use crate::runner::{self, Bug, Marks, Report, TWICE, Violation};
use crate::scenario::{Scenario, generate};
use crate::shrink::shrink;
use crate::tool::{Finding, Paper, ToolError};

/// Time between two lines about the progress.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// One seed in so many is run a second time, in a changed world.
const AGAIN_EVERY: u64 = 8;

/// Run seed after seed for a while; shrink and store what fails
#[derive(Debug, clap::Args)]
pub(in crate::tool) struct Soak {
    /// How long
    #[arg(long, value_name = "M", default_value_t = 10)]
    minutes: u64,
    /// How many at once
    #[arg(long, value_name = "J", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// No more seeds than this
    #[arg(long, value_name = "K", default_value_t = u64::MAX, hide_default_value = true)]
    seeds: u64,
    /// Where failing scenarios are stored, small and whole
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    store: PathBuf,
}

/// How far it has come.
#[derive(Clone, Debug, Default, Serialize)]
struct Progress {
    seeds: u64,
    violations: u64,
    steps: u64,
    ops: u64,
    world_hours: u64,
    seconds: u64,
}

impl Progress {
    fn text(&self) -> String {
        let Self { seeds, violations, steps, ops, world_hours, seconds } = self;
        format!(
            "{seeds} seeds, {violations} violations, {steps} steps, {ops} ops, {world_hours} hours \
             of the world in {seconds} s"
        )
    }
}

/// A seed that failed.
#[derive(Debug, Serialize)]
struct Failed {
    seed: u64,
    violation: String,
    actions: usize,
    again: String,
}

impl Failed {
    fn text(&self) -> String {
        let Self { violation, actions, again, .. } = self;
        format!("{violation}\n  shrunk to {actions} actions; again: {again}")
    }
}

/// What a job has done.
struct Done {
    steps: u64,
    ops: u64,
    world_ms: u64,
    marks: Marks,
    failed: Option<(Violation, Scenario)>,
}

/// Which places of the product were reached.
#[derive(Debug, Serialize)]
struct Reached {
    marks: Vec<(&'static str, u64)>,
    never: Vec<&'static str>,
}

impl Reached {
    fn of(marks: &Marks) -> Self {
        let hit = marks.iter().filter(|(_, count)| *count > 0);
        Self { marks: hit.collect(), never: marks.missed().collect() }
    }

    fn text(&self) -> String {
        let hit = self.marks.iter().map(|(name, count)| format!("{count:>10}  {name}\n"));
        let never = if self.never.is_empty() { "none".to_owned() } else { self.never.join(", ") };
        format!("{}never reached: {never}", hit.collect::<String>())
    }
}

impl Soak {
    pub(in crate::tool) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        create_folder(&self.store)?;
        let began = Instant::now();
        let deadline = began + Duration::from_secs(self.minutes.saturating_mul(60));
        let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let (done, results) = sync_channel(64);
            for _ in 0..self.jobs {
                let (done, next, is_over) = (done.clone(), &next, &is_over);
                let (from, seeds) = (self.from, self.seeds);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) && Instant::now() < deadline {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= seeds || !job(from.wrapping_add(number), &done) {
                            break;
                        }
                    }
                });
            }
            drop(done);
            let (mut progress, mut world_ms, mut told) = (Progress::default(), 0, began);
            let mut marks = Marks::default();
            let ended = loop {
                match results.recv_timeout(TELL_EVERY) {
                    Ok(result) => {
                        let result: Done = result;
                        progress.seeds += 1;
                        progress.steps += result.steps;
                        progress.ops += result.ops;
                        world_ms += result.world_ms;
                        marks.add(&result.marks);
                        progress.violations += u64::from(result.failed.is_some());
                        if let Some((violation, small)) = result.failed
                            && let Err(error) = self.keep(paper, &violation, &small)
                        {
                            break Err(error);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break Ok(()),
                }
                progress.world_hours = world_ms / 3_600_000;
                progress.seconds = began.elapsed().as_secs();
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    eprintln!("{}", progress.text());
                }
            };
            is_over.store(true, Ordering::Relaxed);
            drop(results);
            ended?;
            progress.seconds = began.elapsed().as_secs();
            paper.put(&progress, Progress::text)?;
            paper.put(&Reached::of(&marks), Reached::text)?;
            let is_sound = progress.violations == 0;
            Ok(if is_sound { Finding::Sound } else { Finding::Broken })
        })
    }

    /// Stores a scenario that fails, and says how to see it again.
    fn keep(
        &self,
        paper: &mut Paper<'_>,
        violation: &Violation,
        small: &Scenario,
    ) -> Result<(), ToolError> {
        let name = format!("{}-{}.scenario", violation.invariant, violation.seed);
        let path = self.store.join(name);
        write(&path, &format!("{small}# {violation}\n"))?;
        let again = format!("moot-sim replay {}", path.display());
        let (seed, actions) = (violation.seed, small.actions.len());
        let failed = Failed { seed, violation: violation.to_string(), actions, again };
        paper.put(&failed, Failed::text)
    }
}

/// Runs one seed; says whether anybody still listens.
fn job(seed: u64, done: &SyncSender<Done>) -> bool {
    let scenario = generate(seed);
    let report = once_or_twice(&scenario);
    let failed = report.violation.map(|violation| {
        let small = shrink(&scenario, Bug::None, violation.invariant).scenario;
        (violation, small)
    });
    let (steps, ops, world_ms) = (report.steps, report.ops, report.world_ms);
    done.send(Done { steps, ops, world_ms, marks: report.marks, failed }).is_ok()
}

/// Runs a scenario; now and then once more, to see what takes two runs, one such thing at a time.
fn once_or_twice(scenario: &Scenario) -> Report {
    let report = runner::run(scenario);
    let turn = usize::try_from(scenario.seed / AGAIN_EVERY).unwrap_or_default();
    let is_due = scenario.seed.is_multiple_of(AGAIN_EVERY) && report.violation.is_none();
    match TWICE.get(turn % TWICE.len()).filter(|_| is_due) {
        Some(invariant) => runner::compared(scenario, Bug::None, *invariant, report),
        None => report,
    }
}
