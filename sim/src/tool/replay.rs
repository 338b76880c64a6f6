//! `moot-sim replay`: the recording of a real node, step by step.

mod inspect;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use folkmoot_core::id::NamespaceId;
use folkmoot_core::state::State;
use folkmoot_core::step::Output;
use folkmoot_effects::driver::{effect_name, event_name, input_name};
use folkmoot_effects::replay::{ReplayReport, Step, Torn, replay_to};
use serde::Serialize;

use super::{Finding, Paper, ToolError};
use inspect::Topic;

/// Replay a recording of a real node (`moot up --record`) and look into it, or a scenario
///
/// Of a scenario it is seen whether every invariant holds, and whether two runs go the same way.
///
/// Every step is done again from the recorded inputs, and must come out the same. Whatever cannot
/// be read is found before anything runs; only an end that a crash took is passed over.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// A folder of .rec files, such as the folder `recording` of a data folder, or one such file;
    /// or a stored scenario
    recording: PathBuf,
    /// The last step to replay
    #[arg(long, value_name = "STEP")]
    until: Option<u64>,
    /// What to show of the state after the last step
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    show: Vec<Topic>,
    /// Show only the namespace whose id begins like this
    #[arg(long = "ns", value_name = "ID")]
    namespace: Option<String>,
    /// A line for each step: its number, the input, and what came of it
    #[arg(long)]
    each: bool,
}

/// One step.
#[derive(Debug, Serialize)]
struct Line {
    step: u64,
    /// By the monotonic clock of the node.
    mono_ms: u64,
    input: &'static str,
    events: Vec<&'static str>,
    effects: Vec<&'static str>,
    same: bool,
}

impl Line {
    fn of(step: &Step<'_>) -> Self {
        let Output { events, effects, .. } = step.output;
        Self {
            step: step.sequence,
            mono_ms: step.now.mono.0,
            input: input_name(step.input),
            events: events.iter().map(event_name).collect(),
            effects: effects.iter().map(effect_name).collect(),
            same: step.is_same,
        }
    }

    fn text(&self) -> String {
        let Self { step, mono_ms, input, events, effects, same } = self;
        let (events, effects) = (in_short(events), in_short(effects));
        let mark = if *same { "" } else { "  DIFFERS" };
        format!("{step:>8} {mono_ms:>12} ms  {input}  events {events}  effects {effects}{mark}")
    }
}

/// Names in a row, those that repeat with their number.
fn in_short(names: &[&str]) -> String {
    let runs = names.chunk_by(|a, b| a == b);
    let runs = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some((*one).to_owned()),
        [first, ..] => Some(format!("{first}*{}", run.len())),
    });
    let runs: Vec<String> = runs.collect();
    if runs.is_empty() { "-".to_owned() } else { runs.join(",") }
}

/// What came of all steps.
#[derive(Debug, Serialize)]
struct Summary {
    files: u64,
    steps: u64,
    first: u64,
    last: u64,
    programs: Vec<String>,
    /// What was passed over.
    notes: Vec<String>,
    /// The first thing that was not as it was recorded.
    difference: Option<String>,
}

impl Summary {
    fn of(report: ReplayReport, (first, last): (u64, u64)) -> Self {
        let torn = |torn: &Torn| {
            let (path, at, bytes) = (torn.path.display(), torn.at, torn.bytes);
            format!("{path} ends at byte {at}: a crash took the rest, {bytes} bytes are left of it")
        };
        let step = report.divergence.map(|found| {
            let (at, input) = (found.sequence, found.input);
            format!("step {at} ({input}) came out otherwise than it was recorded")
        });
        let file = report.discontinuity.as_ref().map(|path| {
            format!("{} begins with another state than the steps before lead to", path.display())
        });
        Self {
            files: report.file_count,
            steps: report.step_count,
            first,
            last,
            notes: report.torn.iter().map(torn).collect(),
            programs: report.programs,
            difference: step.or(file),
        }
    }

    fn text(&self) -> String {
        let Self { files, steps, first, last, programs, notes, difference } = self;
        let mut lines: Vec<String> = notes.iter().map(|note| format!("note: {note}")).collect();
        let by = programs.join(", ");
        lines.push(format!("{steps} steps, {first} to {last}, of {files} files by {by}"));
        lines.push(difference.as_ref().map_or_else(
            || "every output is as it was recorded".to_owned(),
            |what| format!("DIFFERS: {what}"),
        ));
        lines.join("\n")
    }
}

impl Replay {
    pub(super) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        if super::scenarios::is_scenario(&self.recording) {
            return super::scenarios::replay(&self.recording, paper);
        }
        let mut written = Ok(());
        let mut see = |step: Step<'_>| {
            if self.each && written.is_ok() {
                written = paper.put(&Line::of(&step), Line::text);
            }
        };
        let (report, stop) = replay_to(&self.recording, self.until, &mut see)?;
        written?;
        let (Some(range), Some(stop)) = (report.range, stop) else {
            return Err(ToolError::NoStep);
        };
        if let Some(step) = self.until.filter(|until| report.is_same() && range.1 != *until) {
            return Err(ToolError::NoSuchStep { step, first: range.0, last: range.1 });
        }
        let is_same = report.is_same();
        let namespaces = self.namespaces(&stop.state)?;
        paper.put(&Summary::of(report, range), Summary::text)?;
        for topic in &self.show {
            for page in inspect::pages(*topic, &stop, &namespaces) {
                paper.put(&page, inspect::Shown::text)?;
            }
        }
        Ok(if is_same { Finding::Sound } else { Finding::Broken })
    }

    /// The namespaces that are asked for.
    fn namespaces(&self, state: &State) -> Result<Vec<NamespaceId>, ToolError> {
        let all = || state.durable.namespaces.keys().copied();
        let Some(name) = &self.namespace else { return Ok(all().collect()) };
        let found: Vec<_> = all().filter(|id| id.to_string().starts_with(name)).collect();
        if found.is_empty() {
            let known: Vec<String> = all().map(|id| id.to_string()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(ToolError::NoSuchNamespace { name: name.clone(), known });
        }
        Ok(found)
    }
}
