//! `moot-sim`: the command line of the simulator.
//!
//! A command is a type with arguments ([`clap`]) and a `run` that writes its findings, for people
//! or as JSON, and says whether all is well. What it looks for is elsewhere in this crate and knows
//! nothing of a command line.

mod bench;
mod exhaustive;
mod replay;
mod scenarios;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use folkmoot_effects::replay::ReplayError;
use serde::Serialize;
use thiserror::Error;

use crate::scenario::ParseError;

const EXIT_CODES: &str = "Exit codes:
  0  all is as it should be
  1  an invariant was violated, or two things differ that should be the same
  2  the command was not understood, or what it was given cannot be read: nothing was found out";

/// Folkmoot in a box: checks of the core in a deterministic world
#[derive(Debug, Parser)]
#[command(name = "moot-sim", after_help = EXIT_CODES)]
struct Cli {
    /// One JSON object for each line on standard output
    #[arg(long, global = true)]
    json: bool,
    /// The command.
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    Replay(replay::Replay),
    Exhaustive(exhaustive::Exhaustive),
    Run(scenarios::Run),
    Soak(scenarios::Soak),
    Shrink(scenarios::Shrink),
    List(scenarios::List),
    Bench(bench::Bench),
}

impl Command {
    fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        match self {
            Self::Replay(replay) => replay.run(paper),
            Self::Exhaustive(exhaustive) => exhaustive.run(paper),
            Self::Run(run) => run.run(paper),
            Self::Soak(soak) => soak.run(paper),
            Self::Shrink(shrink) => shrink.run(paper),
            Self::List(scenarios::List {}) => scenarios::List::run(paper),
            Self::Bench(bench) => bench.run(paper),
        }
    }
}

/// What a command that ran to its end found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// All is as it should be.
    Sound,
    /// Something is not, and was written down.
    Broken,
}

/// Why a command could not do what it was told.
#[derive(Debug, Error)]
enum ToolError {
    /// The recording cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The recording has no step at all.
    #[error("the recording holds no step; nothing was recorded before it ended")]
    NoStep,
    /// The recording does not have this step.
    #[error("the recording has no step {step}; it holds steps {first} to {last}")]
    NoSuchStep {
        /// What was asked for.
        step: u64,
        /// The first that there is.
        first: u64,
        /// The last.
        last: u64,
    },
    /// No namespace has an id like this.
    #[error("the node knows no namespace whose id begins with `{name}`; it knows {known}")]
    NoSuchNamespace {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// There are not so many worlds.
    #[error("there is no world {world}; there are {count}, numbered from 0")]
    NoSuchWorld {
        /// What was asked for.
        world: u64,
        /// How many there are.
        count: u64,
    },
    /// A file cannot be read.
    #[error("could not read {}: {source}", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("could not write {}: {source}", path.display())]
    Unwritten {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no scenario.
    #[error("{}: {source}", path.display())]
    Scenario {
        /// Which.
        path: PathBuf,
        /// Where, and what was expected.
        source: ParseError,
    },
    /// The scene of a measurement could not be set.
    #[error("node {node} could not do its part in setting the scene: {outcome}")]
    Scene {
        /// Which node.
        node: usize,
        /// How its command ended.
        outcome: String,
    },
    /// Standard output is gone.
    #[error("could not write the findings: {0}")]
    Output(#[from] io::Error),
}

/// Where findings are written.
struct Paper<'a> {
    out: &'a mut dyn Write,
    is_json: bool,
}

impl Paper<'_> {
    /// Writes a line: `value` as JSON, or what `text` says of it.
    fn put<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), ToolError> {
        let line = if self.is_json {
            serde_json::to_string(value).map_err(io::Error::from)?
        } else {
            text(value)
        };
        writeln!(self.out, "{line}")?;
        Ok(())
    }
}

/// Reads the command line and carries it out.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help is no error. Where it cannot be printed, there is nobody to tell.
            drop(error.print());
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    let mut out = io::stdout().lock();
    let mut paper = Paper { out: &mut out, is_json: cli.json };
    match cli.command.run(&mut paper) {
        Ok(Finding::Sound) => ExitCode::SUCCESS,
        Ok(Finding::Broken) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
