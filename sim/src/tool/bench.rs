//! `moot-sim bench`: how much faster than the real world the simulated one is.

use std::time::Instant;

use folkmoot_core::bounded::Bounded;
use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::time::UnixMillis;
use serde::Serialize;

use super::{Finding, Paper, ToolError};
use crate::cluster::{Cluster, Link, Path, Traffic};
use crate::kit::{Author, create};

/// How long a join may take, in simulated milliseconds.
const JOIN_MS: u64 = 60_000;

/// Measure the cluster: simulated against real time, and steps and messages per second
///
/// Nodes of one namespace, up to 200 all connected, over links that lose, double and reorder
/// messages. One after the other writes an op each simulated second.
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=1_000))]
    nodes: u16,
    /// How long, in simulated seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    nodes: u16,
    /// Real milliseconds until all nodes were members.
    setup_ms: u64,
    simulated_ms: u64,
    real_ms: u64,
    /// Runs of inputs that nodes committed.
    steps: u64,
    messages: u64,
    bytes: u64,
    /// Simulated time for each unit of real time.
    times_real: u64,
    steps_per_second: u64,
    messages_per_second: u64,
    /// Nodes with the heads of the first one, at the end.
    agree: u64,
}

impl Measured {
    fn text(&self) -> String {
        let Self { nodes, setup_ms, simulated_ms, real_ms, steps, messages, bytes, .. } = self;
        let Self { times_real, steps_per_second, messages_per_second, agree, .. } = self;
        format!(
            "{nodes} nodes, {simulated_ms} ms simulated in {real_ms} ms (after {setup_ms} ms to \
             set up): {times_real} times real time, {steps} steps, {messages} messages of {bytes} \
             bytes, {steps_per_second} steps/s, {messages_per_second} messages/s; {agree} nodes \
             have the same heads at the end"
        )
    }
}

impl Bench {
    pub(super) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        let Self { nodes, seconds } = self;
        let start = Instant::now();
        let (mut cluster, namespace) = found(usize::from(nodes))?;
        let setup_ms = millis_since(start);
        let (before, stepped) = (traffic(&cluster), cluster.steps);
        let began = Instant::now();
        for second in 0..seconds {
            let author = usize::try_from(second).unwrap_or_default() % usize::from(nodes);
            cluster.issue(author, group_in(namespace));
            cluster.run(1_000);
        }
        let real_ms = millis_since(began).max(1);
        let after = traffic(&cluster);
        let (messages, bytes) = (after.0 - before.0, after.1 - before.1);
        let (simulated_ms, steps) = (seconds * 1_000, cluster.steps - stepped);
        let heads = |at: usize| Some(cluster.nodes.get(at)?.state().namespace(&namespace)?.heads);
        let first = heads(0);
        let agree = (0..usize::from(nodes)).filter(|at| heads(*at) == first).count() as u64;
        let measured = Measured {
            nodes,
            setup_ms,
            simulated_ms,
            real_ms,
            steps,
            messages,
            bytes,
            times_real: simulated_ms / real_ms,
            steps_per_second: steps * 1_000 / real_ms,
            messages_per_second: messages * 1_000 / real_ms,
            agree,
        };
        paper.put(&measured, Measured::text)?;
        Ok(Finding::Sound)
    }
}

fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Messages between all nodes so far, and their bytes.
fn traffic(cluster: &Cluster) -> (u64, u64) {
    let Traffic { messages, bytes, .. } = cluster.traffic_of_all();
    (messages, bytes)
}

fn person(at: usize) -> Author {
    Author::new(10_000 + at as u64)
}

fn group_in(namespace: NamespaceId) -> Command {
    Command::Govern {
        namespace,
        group: namespace.root(),
        body: create(),
        expected_root: None,
        delivery: Delivery { min_acks: 0, ..Delivery::default() },
    }
}

/// A namespace of which all nodes are members, over links that are not good.
fn found(nodes: usize) -> Result<(Cluster, NamespaceId), ToolError> {
    let mut cluster = Cluster::new(nodes);
    let (owner, secret) = (person(0), person(nodes));
    cluster.give_key(0, &owner);
    let owners = Bounded::truncated(vec![owner.id]);
    let founded = cluster.command(0, Command::Found { owners });
    let Outcome::Accepted { namespace, .. } = founded else { return Err(scene(0, &founded)) };
    let invited = cluster.command(
        0,
        Command::Invite {
            namespace,
            group: namespace.root(),
            rights: Rights::MEMBER | Rights::INVITE | Rights::SUBGROUPS,
            uses_max: 10_000,
            expires_at: UnixMillis(u64::MAX),
            one_time_key: secret.id,
        },
    );
    let Outcome::Invited(invitation) = invited else { return Err(scene(0, &invited)) };
    for at in 1..nodes {
        cluster.give_key(at, &person(at));
        let request = person(at).accept(&invitation, &secret);
        let wish = Command::Join { request, addresses: Vec::new(), within_ms: JOIN_MS };
        let joined = cluster.command(at, wish);
        if !matches!(joined, Outcome::Joined(_)) {
            return Err(scene(at, &joined));
        }
    }
    let path = Path { lost: 5, doubled: 5, delay_ms: (5, 200) };
    for from in 0..nodes {
        for to in (0..nodes).filter(|to| *to != from) {
            let (topic, stream) = (path.clone(), path.clone());
            cluster.impair(from, to, Link { is_down: false, topic, stream });
        }
    }
    Ok((cluster, namespace))
}

fn scene(node: usize, outcome: &Outcome) -> ToolError {
    ToolError::Scene { node, outcome: format!("{outcome:?}") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;

    #[test]
    fn a_small_cluster_is_measured_and_has_done_its_work() {
        let ran = run(&["bench", "--nodes", "3", "--seconds", "2", "--json"]).unwrap();
        let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.exit, found["simulated_ms"].as_u64()), (0, Some(2_000)));
        assert!(found["messages"].as_u64() > Some(0), "{found}");
    }
}
