//! Pieces that answers are made of.

use folkmoot_core::id::OpId;
use serde::{Deserialize, Serialize};

use crate::delivery::{ReceiptReply, Sent};
use crate::render::{Cell, Page, Show, Tone};

/// Characters of an id that are shown where space is dear; they can be typed as they are.
const SHORT_CHARS: usize = 9;

/// The beginning of an id, long enough to tell it from others.
pub fn short(id: &str) -> String {
    let prefix = id.find('1').map_or(0, |at| at + 1);
    id.chars().take(prefix + SHORT_CHARS).collect()
}

/// A span of time for people.
pub fn time(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        3_600_000.. => format!("{} h", ms / 3_600_000),
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is this node's identity.
    pub me: bool,
}

impl Who {
    /// Name and short id.
    pub fn label(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("{name} "));
        let me = if self.me { " (you)" } else { "" };
        format!("{name}{}{me}", short(&self.id))
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is the root.
    pub root: bool,
}

impl Place {
    /// Name, or short id.
    pub fn label(&self) -> String {
        match (&self.name, self.root) {
            (Some(name), true) => format!("{name} (root)"),
            (Some(name), false) => format!("{name} {}", short(&self.id)),
            (None, true) => "root".to_owned(),
            (None, false) => short(&self.id),
        }
    }
}

/// What became of an op.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `effective` or `void`.
    pub standing: String,
    /// The rule that decided, where it is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why it is void, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ops because of which it is void.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because_of: Vec<String>,
    /// Whether the verdict can never change again.
    #[serde(rename = "final")]
    pub is_final: bool,
}

impl Verdict {
    /// Whether the op has effect.
    pub fn is_effective(&self) -> bool {
        self.standing == "effective"
    }

    /// The verdict in one word.
    pub fn cell(&self) -> Cell {
        match (self.is_effective(), self.is_final) {
            (true, true) => Cell(Tone::Good, "final".to_owned()),
            (true, false) => Cell(Tone::Good, "effective".to_owned()),
            (false, true) => Cell(Tone::Bad, "void, final".to_owned()),
            (false, false) => Cell(Tone::Bad, "void".to_owned()),
        }
    }
}

/// An op in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpReply {
    /// Its id.
    pub id: String,
    /// Name of its body.
    pub kind: String,
    /// What it does, in words.
    pub summary: String,
    /// Its author.
    pub signer: Who,
    /// The group it acts on.
    pub group: Place,
    /// Position on its author's chain.
    pub nonce: u64,
    /// Longest way from the genesis.
    pub generation: u64,
    /// What became of it.
    pub verdict: Verdict,
    /// Whether it is visible to others.
    pub visible: bool,
}

impl OpReply {
    /// The op as a row of a table.
    pub fn row(&self) -> Vec<Cell> {
        let reason = self.verdict.reason.clone().unwrap_or_default();
        vec![
            Cell(Tone::Strong, short(&self.id)),
            self.generation.into(),
            self.signer.label().into(),
            self.summary.clone().into(),
            self.verdict.cell(),
            Cell(Tone::Dim, reason),
        ]
    }

    /// Titles of the columns of [`OpReply::row`].
    pub const COLUMNS: [&str; 6] = ["op", "gen", "by", "what", "verdict", "why"];
}

/// Ops that a command wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// What was done, in words.
    pub done: String,
    /// The namespace.
    pub namespace: String,
    /// The ops, in the order in which they were written.
    pub ops: Vec<String>,
    /// Id of what was created, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who else has the last of the ops, and with it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptReply>,
}

impl Written {
    /// What was done by these ops.
    pub fn new(done: impl Into<String>, sent: Sent) -> Self {
        Self {
            done: done.into(),
            namespace: sent.namespace.to_string(),
            ops: sent.ops.iter().map(OpId::to_string).collect(),
            created: None,
            receipt: Some(sent.receipt),
        }
    }

    /// The same, with what was created.
    #[must_use]
    pub fn creating(self, id: &impl ToString) -> Self {
        Self { created: Some(id.to_string()), ..self }
    }
}

impl Show for Written {
    fn show(&self, page: &mut Page) {
        page.put(Tone::Plain, &self.done);
        for op in &self.ops {
            page.put(Tone::Dim, &format!("  {}", short(op)));
        }
        page.end();
        if let Some(created) = &self.created {
            page.put(Tone::Strong, created).end();
        }
        if let Some(receipt) = &self.receipt {
            receipt.show(page);
        }
    }

    fn brief(&self, page: &mut Page) {
        if let Some(id) = self.created.as_ref().or(self.ops.last()) {
            page.line(id);
        }
    }
}

/// Something was done, and there is nothing else to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What was done, in words.
    pub done: String,
}

impl Done {
    /// In words.
    pub fn new(done: impl Into<String>) -> Self {
        Self { done: done.into() }
    }
}

impl Show for Done {
    fn show(&self, page: &mut Page) {
        page.line(&self.done);
    }

    fn brief(&self, _: &mut Page) {}
}
