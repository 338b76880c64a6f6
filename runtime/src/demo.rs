//! `moot demo`: three real nodes on this machine found a namespace, are cut apart, govern on both
//! sides so that a removal and the removed admin's own grant are concurrent, meet again, and agree.
//!
//! Every step is an ordinary `moot` command, run as a process of its own against one of the nodes
//! and printed as it is typed.

mod nodes;
mod report;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::errors::{Class, Failure};
use nodes::{Nodes, ids_in, text};
use report::{Outcome, Report};

/// How long the nodes may take to agree after the cut is mended.
const AGREE_WITHIN: Duration = Duration::from_secs(20);
/// How often they are asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Olga founds, Ada and Ben become admins in this order, so Ada is senior to Ben.
const OLGA: usize = 0;
const ADA: usize = 1;
const BEN: usize = 2;
/// What the people are called here; Dan has a key and no node.
const NAMES: [&str; 4] = ["Olga", "Ada", "Ben", "Dan"];

/// Runs the demonstration, and reports what happened.
///
/// # Errors
///
/// A node that does not start, a command that fails, nodes that do not agree in time, or an
/// outcome that the rules do not give.
pub fn run(is_json: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let mut nodes = Nodes::start(&NAMES[..3], !is_json)?;
    let story = Story::tell(&mut nodes)?;
    let outcome = story.outcome(&nodes)?;
    let report = Report::read(&nodes, &story.people(), outcome, start.elapsed())?;
    report.show(is_json)?;
    nodes.stop();
    report.check()
}

/// What was done, as far as the report needs it.
struct Story {
    people: [String; 4],
    removal: String,
    grant: String,
}

impl Story {
    fn tell(nodes: &mut Nodes) -> Result<Self, Failure> {
        nodes.say("Olga founds a namespace, and invites Ada and Ben as admins.");
        nodes.moot(OLGA, &["ns", "create", "Harbour"])?;
        nodes.meet_founder(OLGA)?;
        for who in [ADA, BEN] {
            let invited = nodes.moot(OLGA, &["invite", "--rights", "admin"])?;
            nodes.moot(who, &["join", &text(&invited, &["code"])?])?;
        }
        nodes.say("They nest groups.");
        nodes.moot(ADA, &["group", "create", "Crew"])?;
        nodes.until_agreed(AGREE_WITHIN)?;
        nodes.moot(BEN, &["group", "create", "Deck", "--in", "Crew"])?;
        nodes.until_agreed(AGREE_WITHIN)?;
        let people = Self::meet(nodes)?;

        nodes.say("Ben's node is cut off from the two others: connections are refused.");
        nodes.cut_off(BEN)?;
        nodes.say("On one side Ada removes Ben. On the other Ben, who cannot know, adds Dan.");
        let removed = nodes.moot(ADA, &["member", "remove", &people[BEN]])?;
        let added = nodes.moot(BEN, &["member", "add", &people[3], "member", "--timeout", "1s"])?;
        nodes.moot(OLGA, &["group", "create", "Sail", "--in", "Crew"])?;
        nodes.say("The cut is mended.");
        nodes.mend(BEN)?;
        nodes.until_agreed(AGREE_WITHIN)?;
        Ok(Self { people, removal: op_of(&removed)?, grant: op_of(&added)? })
    }

    /// Member ids of the three, and of a key that Dan made.
    fn meet(nodes: &mut Nodes) -> Result<[String; 4], Failure> {
        let dan = text(&nodes.moot(BEN, &["id", "new"])?, &["id"])?;
        Ok([nodes.me(OLGA)?, nodes.me(ADA)?, nodes.me(BEN)?, dan])
    }

    fn people(&self) -> Vec<(String, &'static str)> {
        self.people.iter().cloned().zip(NAMES).collect()
    }

    /// Whether Ben and Dan are out and the others in, at every node, and the grant is void by the
    /// removal.
    fn outcome(&self, nodes: &Nodes) -> Result<Outcome, Failure> {
        let [olga, ada, _, _] = &self.people;
        let mut members_as_due = true;
        for at in [OLGA, ADA, BEN] {
            let list = nodes.quietly(at, &["member", "list"])?;
            let mut members = ids_in(&list, "members");
            members.sort_unstable();
            let mut due = vec![olga.clone(), ada.clone()];
            due.sort_unstable();
            members_as_due &= members == due;
        }
        let grant = nodes.quietly(BEN, &["show", &self.grant])?;
        let struck = grant.to_string();
        let is_struck = struck.contains("struck") && struck.contains(&self.removal);
        Ok(Outcome {
            removal: self.removal.clone(),
            grant: self.grant.clone(),
            members_as_due,
            grant_is_struck: is_struck,
        })
    }
}

/// The op that a command wrote.
fn op_of(reply: &Value) -> Result<String, Failure> {
    let ops = reply.get("ops").and_then(Value::as_array);
    let first = ops.and_then(|ops| ops.first()).and_then(Value::as_str);
    let missing = || Failure::new(Class::Failed, "demo-failed", "a command named no op");
    first.map(str::to_owned).ok_or_else(missing)
}
