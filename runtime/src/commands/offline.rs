//! Commands that read the data folder themselves, without a node: verify and replay.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use folkmoot_core::id::OpId;
use folkmoot_effects::driver::input_name;
use folkmoot_effects::replay::{self, ReplayError, ReplayReport};
use folkmoot_effects::verify::verify_store;
use serde::{Deserialize, Serialize};

use super::namespace::hex;
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone, say};
use crate::reply::short;

/// Most faults that a message lists.
const FAULTS_LISTED_MAX: usize = 8;

/// One namespace, folded again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedReply {
    /// Its id.
    pub id: String,
    /// Ops.
    pub ops: u64,
    /// Heads.
    pub heads: Vec<String>,
    /// Root over all groups, in hex.
    pub state_root: String,
}

/// A log that is as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReply {
    /// Records read.
    pub records: u64,
    /// Ops among them.
    pub ops: u64,
    /// Each namespace.
    pub namespaces: Vec<VerifiedReply>,
}

impl Show for VerifyReply {
    fn show(&self, page: &mut Page) {
        page.put(Tone::Good, "the log is sound").end();
        page.line(&format!(
            "{} records, {} ops: every signature, admission, verdict and root came out the same",
            self.records, self.ops
        ));
        let row = |ns: &VerifiedReply| {
            vec![
                Cell(Tone::Strong, short(&ns.id)),
                ns.ops.into(),
                (ns.heads.len() as u64).into(),
                Cell(Tone::Dim, ns.state_root.clone()),
            ]
        };
        let rows: Vec<_> = self.namespaces.iter().map(row).collect();
        page.table(&["namespace", "ops", "heads", "state root"], &rows);
    }
}

/// Folds the log again with full admission, and compares.
///
/// # Errors
///
/// `data-damaged` with the first faults; `data-in-use` while a node runs.
pub fn verify(home: &Path) -> Result<VerifyReply, Failure> {
    let report = verify_store(home)?;
    if !report.faults.is_empty() {
        let listed = report.faults.iter().take(FAULTS_LISTED_MAX).map(ToString::to_string);
        let listed: Vec<_> = listed.collect();
        let message = format!("{} faults: {}", report.faults.len(), listed.join("; "));
        return Err(Failure::new(Class::Damaged, "verify-failed", message)
            .hint("keep the folder as it is; join again from another member into a new one"));
    }
    let namespaces = report.namespaces.iter().map(|ns| VerifiedReply {
        id: ns.namespace.to_string(),
        ops: ns.op_count,
        heads: ns.heads.iter().map(OpId::to_string).collect(),
        state_root: hex(&ns.state_root),
    });
    Ok(VerifyReply {
        records: report.record_count,
        ops: report.op_count,
        namespaces: namespaces.collect(),
    })
}

/// Replay a flight recording and compare every step
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Replay {
    /// A folder with recordings, such as the folder `recording` of a data folder, or one file
    pub recording: PathBuf,
    /// The last step to replay
    #[arg(long, value_name = "N")]
    pub until: Option<u64>,
    /// Show each step; on a terminal, wait for Enter after it
    #[arg(long)]
    pub step: bool,
}

/// One replayed step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReply {
    /// Its number.
    pub sequence: u64,
    /// What happened.
    pub input: String,
    /// Events that came of it.
    pub events: u64,
    /// Effects that came of it.
    pub effects: u64,
    /// Whether the same came of it when it was recorded.
    pub same: bool,
}

/// A recording that came out the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReply {
    /// Files read.
    pub files: u64,
    /// Steps replayed.
    pub steps: u64,
    /// Number of the first and of the last.
    pub range: Option<(u64, u64)>,
    /// The programs that recorded.
    pub programs: Vec<String>,
    /// Files whose end could not be read: a crash takes what was not written yet.
    pub torn: Vec<String>,
    /// Each step, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<StepReply>,
}

impl Show for ReplayReply {
    fn show(&self, page: &mut Page) {
        page.put(Tone::Good, "the same").end();
        page.line(&format!("{} steps of {} files: every output came out", self.steps, self.files));
        for torn in &self.torn {
            page.put(Tone::Warn, torn).end();
        }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let (class, code) = match &error {
            ReplayError::Io { .. } => (Class::Failed, "recording-io"),
            ReplayError::Empty { .. } => (Class::NotFound, "no-recording"),
            ReplayError::Foreign { .. } => (Class::Usage, "not-a-recording"),
            ReplayError::Version { .. } | ReplayError::Unknown { .. } => {
                (Class::Damaged, "recording-version")
            }
            ReplayError::Damaged { .. } => (Class::Damaged, "recording-damaged"),
            ReplayError::State { .. } => (Class::Damaged, "recording-state"),
        };
        Self::new(class, code, error.to_string())
    }
}

impl Replay {
    /// Replays. Steps are told as they go unless they are `collected` for the answer.
    ///
    /// # Errors
    ///
    /// When nothing can be replayed, or something else came of a step.
    pub fn run(self, is_collected: bool) -> Result<ReplayReply, Failure> {
        let waits = std::io::stdin().is_terminal() && !is_collected;
        let mut each = Vec::new();
        let mut see = |step: replay::Step<'_>| {
            if !self.step {
                return;
            }
            let seen = StepReply {
                sequence: step.sequence,
                input: input_name(step.input).to_owned(),
                events: step.output.events.len() as u64,
                effects: step.output.effects.len() as u64,
                same: step.is_same,
            };
            if is_collected {
                each.push(seen);
                return;
            }
            let StepReply { sequence, input, events, effects, same } = seen;
            let mark = if same { "" } else { "  DIFFERS" };
            say(&format!("{sequence}  {input}: {events} events, {effects} effects{mark}"));
            if waits {
                // A closed input ends the waiting, not the replay.
                let _ = std::io::stdin().lock().read_line(&mut String::new());
            }
        };
        let report = replay::replay(&self.recording, self.until, &mut see)?;
        judge(&report)?;
        let torn = report.torn.iter().map(|torn| {
            format!("{} ends at byte {} ({} bytes torn)", torn.path.display(), torn.at, torn.bytes)
        });
        Ok(ReplayReply {
            files: report.file_count,
            steps: report.step_count,
            range: report.range,
            programs: report.programs.clone(),
            torn: torn.collect(),
            each,
        })
    }
}

fn judge(report: &ReplayReport) -> Result<(), Failure> {
    if let Some(found) = &report.divergence {
        let message = format!(
            "step {} ({}) came out otherwise: recorded {}, now {}",
            found.sequence,
            found.input,
            hex(&found.expected),
            hex(&found.got)
        );
        return Err(Failure::new(Class::Unhealthy, "replay-differs", message)
            .hint("replay it with the version of the program that recorded it"));
    }
    if let Some(path) = &report.discontinuity {
        let message = format!(
            "{} begins with another state than the files before it lead to",
            path.display()
        );
        return Err(Failure::new(Class::Unhealthy, "replay-discontinuous", message)
            .hint("a file may be missing; replay each alone"));
    }
    Ok(())
}
