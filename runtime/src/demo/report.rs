//! What happened: each op with its verdict, and what the three nodes have in the end.

use std::time::Duration;

use serde_json::{Value, json};

use super::nodes::{Nodes, Step, text};
use crate::errors::{Class, Failure};
use crate::render::{print, safe_json};

/// Whether the outcome is the one that the rules give.
pub(super) struct Outcome {
    pub(super) removal: String,
    pub(super) grant: String,
    pub(super) members_as_due: bool,
    pub(super) grant_is_struck: bool,
}

/// Everything that is printed at the end.
pub(super) struct Report {
    steps: Vec<Value>,
    ops: Vec<[String; 5]>,
    ends: Vec<End>,
    outcome: Outcome,
    elapsed: Duration,
}

/// What one node has in the end.
struct End {
    name: &'static str,
    heads: Vec<String>,
    root: String,
}

impl Report {
    pub(super) fn read(
        nodes: &Nodes,
        people: &[(String, &str)],
        outcome: Outcome,
        elapsed: Duration,
    ) -> Result<Self, Failure> {
        // Ben's node has every op, those that came to nothing too.
        let history = nodes.quietly(nodes.count() - 1, &["history"])?;
        let ops = history.get("ops").and_then(Value::as_array).into_iter().flatten();
        let ops = ops.map(|op| row(op, people)).collect();
        let end = |at| {
            let status = nodes.quietly(at, &["status"])?;
            let heads = status.pointer("/namespaces/0/heads").and_then(Value::as_array);
            let heads = heads.into_iter().flatten().filter_map(Value::as_str);
            Ok(End {
                name: nodes.name(at),
                heads: heads.map(str::to_owned).collect(),
                root: text(&status, &["namespaces", "0", "state_root"])?,
            })
        };
        let ends = (0..nodes.count()).map(end).collect::<Result<_, Failure>>()?;
        let steps = nodes.steps().iter();
        let step =
            |step: &Step| json!({ "by": step.by, "command": step.command, "told": step.told });
        Ok(Self { steps: steps.map(step).collect(), ops, ends, outcome, elapsed })
    }

    /// Prints it.
    pub(super) fn show(&self, is_json: bool) -> Result<(), Failure> {
        let text =
            if is_json { safe_json(&self.as_json().to_string()) + "\n" } else { self.words() };
        print(&text).map_err(|error| {
            Failure::new(Class::Failed, "output-failed", format!("nothing can be printed: {error}"))
        })
    }

    /// Whether the three agree and the outcome is as due.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.agree() {
            let message = "the nodes have different heads or state roots";
            return Err(Failure::new(Class::Unhealthy, "no-agreement", message));
        }
        if !(self.outcome.members_as_due && self.outcome.grant_is_struck) {
            let message = "the nodes agree, but not on what the rules say";
            return Err(Failure::new(Class::Unhealthy, "wrong-outcome", message));
        }
        Ok(())
    }

    fn agree(&self) -> bool {
        self.ends.windows(2).all(|pair| match pair {
            [a, b] => a.heads == b.heads && a.root == b.root,
            _ => true,
        })
    }

    fn as_json(&self) -> Value {
        let ops: Vec<Value> = self
            .ops
            .iter()
            .map(|[id, by, what, verdict, why]| {
                json!({ "id": id, "by": by, "what": what, "verdict": verdict, "why": why })
            })
            .collect();
        let nodes: Vec<Value> = self
            .ends
            .iter()
            .map(|end| json!({ "name": end.name, "heads": end.heads, "state_root": end.root }))
            .collect();
        json!({ "ok": self.check().is_ok(), "data": {
            "steps": self.steps,
            "ops": ops,
            "nodes": nodes,
            "agree": self.agree(),
            "removal": self.outcome.removal,
            "grant": self.outcome.grant,
            "members_as_due": self.outcome.members_as_due,
            "grant_is_struck": self.outcome.grant_is_struck,
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        }})
    }

    fn words(&self) -> String {
        let mut lines = vec![String::from("\nWhat happened, newest first, as Ben's node has it:")];
        let width = |column: usize| {
            let cells = self.ops.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (by_width, what_width, verdict_width) = (width(1), width(2), width(3));
        for [id, by, what, verdict, why] in &self.ops {
            let id: String = id.chars().take(12).collect();
            let line = format!(
                "  {id}  {by:by_width$}  {what:what_width$}  {verdict:verdict_width$}  {why}"
            );
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::from("\nWhat the three nodes have:"));
        for end in &self.ends {
            let heads: Vec<String> =
                end.heads.iter().map(|head| head.chars().take(12).collect()).collect();
            let (name, heads) = (end.name, heads.join(" "));
            lines.push(format!("  {name:>5}  heads {heads}  state root {}", end.root));
        }
        lines.push(String::new());
        lines.push(match self.check() {
            Ok(()) => format!(
                "They agree to the byte: Ben is out, and Dan, whom he added while nobody could \
                 tell him, never was in. {:.1} s.",
                self.elapsed.as_secs_f32()
            ),
            Err(failure) => failure.message,
        });
        lines.push(String::new());
        lines.join("\n")
    }
}

/// One op, with people by their names.
fn row(op: &Value, people: &[(String, &str)]) -> [String; 5] {
    let part = |path: &str| op.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let named = |text: &str| {
        people.iter().fold(text.replace(" (you)", ""), |text, (id, name)| {
            let short: String = id.chars().take(13).collect();
            text.replace(id, name).replace(&short, name)
        })
    };
    [
        part("/id").to_owned(),
        named(part("/signer/id")),
        named(part("/summary")),
        part("/verdict/standing").to_owned(),
        named(part("/verdict/reason")),
    ]
}
