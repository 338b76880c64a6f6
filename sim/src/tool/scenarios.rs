//! `moot-sim run`, `soak`, `shrink` and `list`: scenarios.

mod soak;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Finding, Paper, ToolError};
use crate::runner::{self, Bug, Invariant, Progress, Report};
use crate::scenario::{NODES_MAX, Scenario, generate, generate_large};
use crate::shrink::shrink;

pub(super) use soak::Soak;

/// How often a long run says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Run the scenarios of some seeds
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many seeds, one after the other
    #[arg(long, value_name = "K", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// So many nodes, instead of a few
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=i64::from(NODES_MAX)))]
    scale: Option<u16>,
    /// Run each one again, the same and in changed worlds: all must go the same way
    #[arg(long)]
    twice: bool,
    /// Print the scenario of the first seed, and run nothing
    #[arg(long)]
    print: bool,
}

/// Make a failing scenario small
///
/// Leaves out what the failure does not need, as long as the same invariant is violated.
#[derive(Debug, clap::Args)]
pub(super) struct Shrink {
    /// A scenario, as a failing run or a soak stores it
    scenario: PathBuf,
    /// Where to write the small one; printed if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// List the invariants that are checked, and the planted bugs that show it
#[derive(Debug, clap::Args)]
pub(super) struct List {}

/// How a scenario went, for people and programs.
#[derive(Debug, Serialize)]
struct Line {
    seed: u64,
    options: String,
    digest: String,
    steps: u64,
    world_ms: u64,
    ops: u64,
    took_ms: u64,
    /// What did not hold.
    violation: Option<String>,
    /// How to see it again.
    again: Option<String>,
}

impl Line {
    fn of(scenario: &Scenario, report: Report, began: Instant, again: impl Fn() -> String) -> Self {
        let text = scenario.to_string();
        // What follows the title and the seed, before the actions.
        let options: Vec<&str> = text.lines().skip(2).take(8).collect();
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self {
            seed: report.seed,
            options: options.join(", "),
            digest: blake3::Hash::from_bytes(report.digest).to_hex().to_string(),
            steps: report.steps,
            world_ms: report.world_ms,
            ops: report.ops,
            took_ms,
            again: report.violation.is_some().then(again),
            violation: report.violation.map(|violation| violation.to_string()),
        }
    }

    fn text(&self) -> String {
        let Self { seed, options, digest, steps, world_ms, ops, took_ms, .. } = self;
        let short = digest.get(..16).unwrap_or(digest);
        let found = self.violation.iter().zip(&self.again);
        let found = found.map(|(violation, again)| format!("\n  {violation}\n  again: {again}"));
        let found: String = found.collect();
        format!(
            "seed {seed}: {options}\n  {steps} steps, {ops} ops, {} s of the world in {took_ms} \
             ms, digest {short}{found}",
            world_ms / 1_000
        )
    }

    fn finding(&self) -> Finding {
        if self.violation.is_some() { Finding::Broken } else { Finding::Sound }
    }
}

impl Run {
    pub(super) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        let scenario = |seed| match self.scale {
            Some(nodes) => generate_large(seed, nodes),
            None => generate(seed),
        };
        if self.print {
            let text = scenario(self.seed).to_string();
            paper.put(&text, |text| text.trim_end().to_owned())?;
            return Ok(Finding::Sound);
        }
        let mut finding = Finding::Sound;
        for seed in (self.seed..).take(usize::try_from(self.count).unwrap_or(usize::MAX)) {
            let (scenario, began) = (scenario(seed), Instant::now());
            let report = carry_out(&scenario, self.twice);
            let scale = self.scale.map(|nodes| format!(" --scale {nodes}")).unwrap_or_default();
            let twice = if self.twice { " --twice" } else { "" };
            let again = || format!("moot-sim run --seed {seed}{scale}{twice}");
            let line = Line::of(&scenario, report, began, again);
            paper.put(&line, Line::text)?;
            if line.finding() == Finding::Broken {
                finding = Finding::Broken;
            }
        }
        Ok(finding)
    }
}

/// Runs a scenario, and once more where it is to be seen that it goes the same way.
fn carry_out(scenario: &Scenario, twice: bool) -> Report {
    if twice { runner::run_again(scenario) } else { runner::run_told(scenario, teller()) }
}

/// Says on the standard error how far a run is, once in a while.
fn teller() -> runner::Listener<'static> {
    let began = Instant::now();
    let mut told = began;
    Box::new(move |progress: Progress| {
        if told.elapsed() < TELL_EVERY {
            return;
        }
        told = Instant::now();
        let Progress { done, actions, steps, world_ms, ops } = progress;
        let (world_s, real_s) = (world_ms / 1_000, began.elapsed().as_secs());
        eprintln!(
            "{real_s} s: {done} of {actions} actions, {world_s} s of the world, {steps} steps, \
             {ops} ops"
        );
    })
}

impl Shrink {
    pub(super) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        let scenario = read(&self.scenario)?;
        let Some(violation) = runner::run_again(&scenario).violation else {
            let path = self.scenario.display();
            paper.put(&"sound", |_| format!("{path}: no invariant is violated"))?;
            return Ok(Finding::Sound);
        };
        let small = shrink(&scenario, Bug::None, violation.invariant).scenario.to_string();
        match &self.out {
            Some(out) => write(out, &small)?,
            None => paper.put(&small, |small| small.trim_end().to_owned())?,
        }
        Ok(Finding::Broken)
    }
}

/// One row of the list.
#[derive(Debug, Serialize)]
struct Row {
    invariant: String,
    bugs: Vec<String>,
}

impl List {
    pub(super) fn run(paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        for invariant in Invariant::ALL {
            let bugs = Bug::TABLE.iter().filter(|(_, caught)| caught.contains(&invariant));
            let bugs = bugs.map(|(bug, _)| format!("{bug:?}")).collect();
            let row = Row { invariant: invariant.to_string(), bugs };
            paper.put(&row, |row| format!("{:<4} {}", row.invariant, row.bugs.join(", ")))?;
        }
        Ok(Finding::Sound)
    }
}

/// Whether a file holds a scenario, and not a recording.
pub(super) fn is_scenario(path: &Path) -> bool {
    let content = if path.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
    content.starts_with(b"folkmoot scenario")
}

/// Runs the scenario in a file.
pub(super) fn replay(path: &Path, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
    let (scenario, began) = (read(path)?, Instant::now());
    let report = carry_out(&scenario, true);
    let again = || format!("moot-sim replay {}", path.display());
    let line = Line::of(&scenario, report, began, again);
    paper.put(&line, Line::text)?;
    Ok(line.finding())
}

fn read(path: &Path) -> Result<Scenario, ToolError> {
    let unread = |source| ToolError::Unread { path: path.to_path_buf(), source };
    let text = fs::read_to_string(path).map_err(unread)?;
    let malformed = |source| ToolError::Scenario { path: path.to_path_buf(), source };
    Scenario::parse(&text).map_err(malformed)
}

fn write(path: &Path, text: &str) -> Result<(), ToolError> {
    fs::write(path, text).map_err(unwritten(path))
}

/// Makes a folder for what may have to be written, so that this cannot fail after hours.
fn create_folder(path: &Path) -> Result<(), ToolError> {
    fs::create_dir_all(path).map_err(unwritten(path))
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> ToolError {
    |source| ToolError::Unwritten { path: path.to_path_buf(), source }
}
