//! What is between this node and the others of a namespace, in words.

use folkmoot_core::publish::OutboxView;
use folkmoot_core::query::{Agreement, HeardView, JoinView, NetworkView};
use folkmoot_core::readiness::{Cause, State as Readiness};
use folkmoot_core::statement::Tier;
use folkmoot_core::sync::{Shortfall, Verdict};
use serde::{Deserialize, Serialize};

use super::join::{PhaseReply, phase_name};
use crate::call::Cx;
use crate::errors::Failure;
use crate::render::{Cell, Page, Tone};
use crate::reply::{Who, short, time};

/// Members whose last beacon a page compares one by one.
const SHOWN_MAX: usize = 8;

/// How ready a node is (NET-13), in one word.
pub const fn readiness_name(state: Readiness) -> &'static str {
    match state {
        Readiness::Bootstrapping => "bootstrapping",
        Readiness::LocallyReady => "locally-ready",
        Readiness::CatchingUp { .. } => "catching-up",
        Readiness::PeerValidated => "peer-validated",
        Readiness::Degraded(Cause::PendingOps(_)) => "degraded-pending",
        Readiness::Degraded(Cause::NoRecentPeers) => "degraded-no-recent-peers",
        Readiness::Degraded(Cause::Diverged) => "degraded-diverged",
    }
}

/// The same in a sentence.
fn readiness_words(state: Readiness) -> String {
    match state {
        Readiness::Bootstrapping => "starting: others may be there who have more".to_owned(),
        Readiness::LocallyReady => "ready by its own word: nobody else was heard".to_owned(),
        Readiness::CatchingUp { missing } => {
            format!("catching up: {missing} heads that others named are not here")
        }
        Readiness::PeerValidated => "ready: it has what another member has".to_owned(),
        Readiness::Degraded(Cause::PendingOps(count)) => {
            format!("held up: {count} ops wait for others that do not come")
        }
        Readiness::Degraded(Cause::NoRecentPeers) => {
            "by itself: others were heard, and none lately".to_owned()
        }
        Readiness::Degraded(Cause::Diverged) => {
            "DIVERGED: most members with our heads have another state; stop and `moot verify`"
                .to_owned()
        }
    }
}

/// How a state of readiness looks, by its name.
pub fn readiness_tone(name: &str) -> Tone {
    match name {
        "peer-validated" | "locally-ready" => Tone::Good,
        "degraded-diverged" => Tone::Bad,
        "left" => Tone::Dim,
        _ => Tone::Warn,
    }
}

/// How ready another member is, by its own word.
pub const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::NotReady => "not-ready",
        Tier::Locally => "locally-ready",
        Tier::Validated => "peer-validated",
    }
}

/// How a tier looks, by its name.
pub fn topic_tone(tier: &str) -> Tone {
    if tier == "not-ready" { Tone::Warn } else { Tone::Good }
}

/// What is between this node and the others of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkReply {
    /// How ready this node is.
    pub readiness: String,
    /// The same in a sentence.
    pub readiness_words: String,
    /// For how long no other member has confirmed what is here, in milliseconds, where that is too
    /// long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_ms: Option<u64>,
    /// Peers that messages are sent to directly.
    pub mesh: u64,
    /// Own ops that nobody else is known to have.
    pub outbox: Outbox,
    /// How the last exchange with a peer ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
    /// Whether ops are being fetched.
    pub fetching: bool,
    /// The other members that were heard in this run.
    pub members: Vec<MemberHeard>,
    /// A join under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinRunning>,
}

/// Own ops that nobody else is known to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// How many. After a start: all, until another member is heard.
    pub undelivered: u64,
    /// How long the oldest has waited in this run, in milliseconds.
    pub oldest_ms: u64,
    /// Commands that wait for others.
    pub under_way: u64,
}

/// How an exchange with a peer ended (NET-46).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSync {
    /// With whom.
    pub peer: String,
    /// `in-sync`, `incomplete` or `diverged`.
    pub verdict: String,
    /// Why it is not in sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Ops that are known to be missing.
    pub missing: u64,
    /// How long ago, in milliseconds.
    pub age_ms: u64,
}

/// The last beacon of another member, as it compares with what is here now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHeard {
    /// Who.
    #[serde(flatten)]
    pub who: Who,
    /// `agrees`, `behind`, `ahead` or `diverged`.
    pub agreement: String,
    /// How ready it is, by its own word.
    pub tier: String,
    /// How long ago the beacon came, in milliseconds.
    pub age_ms: u64,
    /// Whether that is recent enough to count.
    pub fresh: bool,
}

/// A join under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRunning {
    /// The phase it is in.
    pub phase: String,
    /// The finished phases.
    pub phases: Vec<PhaseReply>,
    /// How much of its time is left, in milliseconds.
    pub left_ms: u64,
    /// Ops received from the partner.
    pub ops: u64,
}

impl Cx {
    /// What is between nodes, for an answer.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn network_reply(&self, view: NetworkView) -> Result<NetworkReply, Failure> {
        let names = self.names(view.heard.iter().map(|heard| heard.name).collect()).await?;
        let members = view.heard.iter().zip(names);
        let OutboxView { undelivered, oldest_ms, under_way, .. } = view.outbox;
        Ok(NetworkReply {
            readiness: readiness_name(view.readiness).to_owned(),
            readiness_words: readiness_words(view.readiness),
            isolated_ms: view.isolated_ms,
            mesh: view.mesh,
            outbox: Outbox { undelivered, oldest_ms, under_way },
            last_sync: view
                .last_sync
                .map(|(peer, verdict, age_ms)| LastSync::new(peer.to_string(), &verdict, age_ms)),
            fetching: view.is_fetching,
            members: members.map(|(heard, name)| MemberHeard::new(heard, name)).collect(),
            join: view.join.map(JoinRunning::new),
        })
    }
}

impl LastSync {
    fn new(peer: String, verdict: &Verdict, age_ms: u64) -> Self {
        let (verdict, why, missing) = match verdict {
            Verdict::InSync { .. } => ("in-sync", None, 0),
            Verdict::Incomplete { missing, why } => {
                ("incomplete", Some(shortfall_words(why)), missing.len() as u64)
            }
            Verdict::Diverged { .. } => {
                ("diverged", Some("the same heads, another root".to_owned()), 0)
            }
        };
        Self { peer, verdict: verdict.to_owned(), why, missing, age_ms }
    }

    fn cell(&self) -> Cell {
        let (peer, age) = (short(&self.peer), time(self.age_ms));
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let tone = match self.verdict.as_str() {
            "in-sync" => Tone::Good,
            "diverged" => Tone::Bad,
            _ => Tone::Warn,
        };
        Cell(tone, format!("{} with {peer}, {age} ago{why}", self.verdict))
    }
}

fn shortfall_words(why: &Shortfall) -> String {
    match why {
        Shortfall::Stalled => "it stopped answering".to_owned(),
        Shortfall::Gone => "it went away".to_owned(),
        Shortfall::Lied => "it sent less than it claimed to have".to_owned(),
        Shortfall::Refused(why) => format!("refused: {why}"),
        Shortfall::Lacking => "something is missing there too".to_owned(),
    }
}

impl MemberHeard {
    fn new(heard: &HeardView, name: Option<String>) -> Self {
        let agreement = match heard.agreement {
            Agreement::Agrees => "agrees",
            Agreement::Diverged => "diverged",
            Agreement::Behind => "behind",
            Agreement::Ahead => "ahead",
        };
        Self {
            who: Who { id: heard.member.to_string(), name, me: false },
            agreement: agreement.to_owned(),
            tier: tier_name(heard.tier).to_owned(),
            age_ms: heard.age_ms,
            fresh: heard.is_fresh,
        }
    }
}

impl JoinRunning {
    fn new(view: JoinView) -> Self {
        let name = |phase| phase_name(phase).to_owned();
        let phases = view.spent.into_iter();
        Self {
            phase: name(view.phase),
            phases: phases.map(|(phase, ms)| PhaseReply { name: name(phase), ms }).collect(),
            left_ms: view.left_ms,
            ops: view.ops,
        }
    }
}

impl Outbox {
    fn cell(&self) -> Cell {
        match self.undelivered {
            0 => Cell(Tone::Good, "empty: others have all that was written here".to_owned()),
            count => {
                let (ops, age) = (if count == 1 { "op" } else { "ops" }, time(self.oldest_ms));
                let text = format!("{count} {ops} that nobody else is known to have, for {age}");
                Cell(Tone::Warn, text)
            }
        }
    }
}

impl NetworkReply {
    /// Writes it on a page, below the name of the namespace.
    pub fn show(&self, page: &mut Page) {
        let ready = Cell(readiness_tone(&self.readiness), self.readiness_words.clone());
        let mut fields = vec![("  state    ", ready), ("  outbox   ", self.outbox.cell())];
        if let Some(ms) = self.isolated_ms {
            let text = format!("for {} no other member has confirmed what is here", time(ms));
            fields.push(("  alarm    ", Cell(Tone::Bad, text)));
        }
        if let Some(last) = &self.last_sync {
            fields.push(("  last sync", last.cell()));
        }
        if let Some(join) = &self.join {
            let (left, ops) = (time(join.left_ms), join.ops);
            let text = format!("{}, {ops} ops received, {left} left", join.phase);
            fields.push(("  join     ", Cell(Tone::Warn, text)));
        }
        fields.push(("  agreement", self.agreement()));
        page.fields(&fields);
    }

    /// Which members' last beacons agree.
    fn agreement(&self) -> Cell {
        if self.members.is_empty() {
            return Cell(Tone::Dim, "no other member was heard since the start".to_owned());
        }
        let say = |member: &MemberHeard| {
            let name = member.who.name.clone().unwrap_or_else(|| short(&member.who.id));
            format!("{name} {} ({} ago)", member.agreement, time(member.age_ms))
        };
        let tone = if self.members.iter().any(|member| member.agreement == "diverged") {
            Tone::Bad
        } else if self.members.iter().all(|member| member.agreement == "agrees") {
            Tone::Good
        } else {
            Tone::Warn
        };
        // Those that differ first.
        let mut members: Vec<&MemberHeard> = self.members.iter().collect();
        members.sort_by_key(|member| member.agreement == "agrees");
        let (shown, rest) = members.split_at(members.len().min(SHOWN_MAX));
        let mut text = shown.iter().map(|member| say(member)).collect::<Vec<_>>().join(", ");
        if !rest.is_empty() {
            let agree = rest.iter().filter(|member| member.agreement == "agrees").count();
            let more = format!(", and {} more, of whom {agree} agree", rest.len());
            text.push_str(&more);
        }
        Cell(tone, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(number: usize, agreement: &str) -> MemberHeard {
        let who = Who { id: format!("mem1{number}"), name: None, me: false };
        let (agreement, tier) = (agreement.to_owned(), "peer-validated".to_owned());
        MemberHeard { who, agreement, tier, age_ms: 1500, fresh: true }
    }

    fn reply(members: Vec<MemberHeard>) -> NetworkReply {
        NetworkReply {
            readiness: "peer-validated".to_owned(),
            readiness_words: String::new(),
            isolated_ms: None,
            mesh: 1,
            outbox: Outbox { undelivered: 0, oldest_ms: 0, under_way: 0 },
            last_sync: None,
            fetching: false,
            members,
            join: None,
        }
    }

    #[test]
    fn those_that_differ_are_named_first_and_of_many_some() {
        assert_eq!(reply(Vec::new()).agreement().0, Tone::Dim);
        let Cell(tone, text) = reply(vec![heard(1, "agrees"), heard(2, "behind")]).agreement();
        assert_eq!(
            (tone, text.as_str()),
            (Tone::Warn, "mem12 behind (1.5 s ago), mem11 agrees (1.5 s ago)")
        );
        let mut many: Vec<_> = (0..10).map(|number| heard(number, "agrees")).collect();
        assert_eq!(reply(many.clone()).agreement().0, Tone::Good);
        many.push(heard(99, "diverged"));
        let Cell(tone, text) = reply(many).agreement();
        assert_eq!(tone, Tone::Bad);
        assert!(
            text.starts_with("mem199 diverged") && text.ends_with("3 more, of whom 3 agree"),
            "{text}"
        );
    }

    #[test]
    fn attack_38_the_alarm_stands_on_the_page_while_it_lasts() {
        for (isolated_ms, expected) in [(None, false), (Some(125_000), true)] {
            let mut page = Page::new(false);
            NetworkReply { isolated_ms, ..reply(Vec::new()) }.show(&mut page);
            let text = page.into_text();
            assert_eq!(text.contains("alarm"), expected, "{text}");
            assert_eq!(text.contains("no other member has confirmed what is here"), expected);
        }
    }
}
