//! What a state holds, in lines for people.

use std::fmt::Debug;

use folkmoot_core::id::NamespaceId;
use folkmoot_core::pending::Waiting;
use folkmoot_core::query::{GroupView, HistoryFilter, MemberView, OpView};
use folkmoot_core::state::State;
use folkmoot_core::time::MonoMillis;
use folkmoot_effects::replay::Stop;
use serde::Serialize;

/// Most ops of a history.
const HISTORY_MAX: u64 = 1_000;
/// Most missing parents that are named.
const MISSING_MAX: usize = 64;

/// What can be shown of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Topic {
    /// Heads of each namespace
    Heads,
    /// Root over all groups, and of each group
    Roots,
    /// Direct members of each group
    Members,
    /// Groups and their parents
    Groups,
    /// The newest ops and what became of them
    Ops,
    /// Ops that wait for parents
    Pending,
    /// How ready the node is, and what it heard of others
    Readiness,
    /// Own ops that nobody else is known to have, exchanges, a join under way
    Network,
    /// Members who signed two ops with one nonce
    Evidence,
    /// Deadlines of the node, the earliest first
    Timers,
    /// Questions of the node that are open
    Requests,
    /// Connected peers and the topics they take part in
    Peers,
}

/// One topic of one namespace, or of the whole node.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    show: Topic,
    step: u64,
    namespace: Option<String>,
    lines: Vec<String>,
}

impl Shown {
    pub(super) fn text(&self) -> String {
        let name = format!("{:?}", self.show).to_lowercase();
        let of = self.namespace.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
        let head = format!("{name}{of} after step {}:", self.step);
        let none = self.lines.is_empty().then(|| "none".to_owned());
        let lines = self.lines.iter().chain(none.as_ref()).map(|line| format!("  {line}"));
        [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
    }
}

/// A topic, for each of these namespaces where it is about one.
pub(super) fn pages(topic: Topic, stop: &Stop, namespaces: &[NamespaceId]) -> Vec<Shown> {
    let (state, now) = (&stop.state, stop.now.mono);
    let page = |namespace: Option<&NamespaceId>, lines| {
        let namespace = namespace.map(ToString::to_string);
        Shown { show: topic, step: stop.sequence, namespace, lines }
    };
    let each = |lines: &dyn Fn(&NamespaceId) -> Vec<String>| {
        namespaces.iter().map(|id| page(Some(id), lines(id))).collect()
    };
    match topic {
        Topic::Heads => each(&|id| heads(state, id)),
        Topic::Roots => each(&|id| roots(state, id)),
        Topic::Members => each(&|id| members(state, id)),
        Topic::Groups => each(&|id| groups(state, id)),
        Topic::Ops => each(&|id| ops(state, id)),
        Topic::Pending => each(&|id| pending(state, id, now)),
        Topic::Readiness => each(&|id| readiness(state, id, now)),
        Topic::Network => each(&|id| network(state, id, now)),
        Topic::Evidence => each(&|id| debugged(state.evidence(id))),
        Topic::Timers => vec![page(None, timers(state, now))],
        Topic::Requests => vec![page(None, debugged(state.volatile.requests.iter()))],
        Topic::Peers => vec![page(None, debugged(state.volatile.peers.iter()))],
    }
}

fn debugged<T: Debug>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| format!("{item:?}")).collect()
}

fn hex(root: [u8; 32]) -> String {
    blake3::Hash::from_bytes(root).to_string()
}

fn heads(state: &State, namespace: &NamespaceId) -> Vec<String> {
    let heads = state.namespace(namespace).map(|view| view.heads).unwrap_or_default();
    heads.iter().map(ToString::to_string).collect()
}

fn roots(state: &State, namespace: &NamespaceId) -> Vec<String> {
    let all = state.namespace(namespace).map(|view| format!("all {}", hex(view.state_root)));
    let each = state.groups(namespace).into_iter();
    all.into_iter().chain(each.map(|view| format!("{} {}", view.group, hex(view.root)))).collect()
}

fn members(state: &State, namespace: &NamespaceId) -> Vec<String> {
    let row = |MemberView { member, rights, tier, rank, by, .. }: MemberView| {
        format!("  {member} {rights:?}, tier {tier}, rank {rank}, by {by:?}")
    };
    let of_group = |view: GroupView| {
        let rows = state.members(namespace, &view.group).into_iter().map(row);
        [view.group.to_string()].into_iter().chain(rows).collect::<Vec<_>>()
    };
    state.groups(namespace).into_iter().flat_map(of_group).collect()
}

fn groups(state: &State, namespace: &NamespaceId) -> Vec<String> {
    let row = |GroupView { group, parent, depth, members, contexts, .. }: GroupView| {
        let parent = parent.map_or_else(|| "-".to_owned(), |parent| parent.to_string());
        let contexts = contexts.len();
        format!("{group} in {parent}, depth {depth}, {members} members, {contexts} contexts")
    };
    state.groups(namespace).into_iter().map(row).collect()
}

fn ops(state: &State, namespace: &NamespaceId) -> Vec<String> {
    let row = |OpView { id, signer, nonce, generation, standing, .. }: OpView| {
        format!("{id} generation {generation}, {signer:?} nonce {nonce}: {standing:?}")
    };
    let filter = HistoryFilter { limit: HISTORY_MAX, ..HistoryFilter::default() };
    state.history(namespace, &filter).into_iter().map(row).collect()
}

fn pending(state: &State, namespace: &NamespaceId, now: MonoMillis) -> Vec<String> {
    let Some(desk) = state.volatile.desks.get(namespace) else { return Vec::new() };
    let row = |Waiting { op, missing, since, from, .. }: &Waiting| {
        let (age, parents) = (now.since(*since), &op.payload.parents[..]);
        format!("{} for {age} ms, lacks {missing} of {parents:?}, from {from:?}", op.id)
    };
    let missing = desk.pending.missing(MISSING_MAX);
    let missing = missing.iter().map(|id| format!("not here: {id}"));
    desk.pending.oldest_first().map(row).chain(missing).collect()
}

fn readiness(state: &State, namespace: &NamespaceId, now: MonoMillis) -> Vec<String> {
    let Some(view) = state.network(namespace, now) else { return Vec::new() };
    [format!("{:?}", view.readiness)].into_iter().chain(debugged(view.heard)).collect()
}

fn network(state: &State, namespace: &NamespaceId, now: MonoMillis) -> Vec<String> {
    let Some(view) = state.network(namespace, now) else { return Vec::new() };
    vec![
        format!("mesh: {} peers", view.mesh),
        format!("outbox: {:?}", view.outbox),
        format!("last exchange: {:?}", view.last_sync),
        format!("is fetching: {}", view.is_fetching),
        format!("join: {:?}", view.join),
    ]
}

fn timers(state: &State, now: MonoMillis) -> Vec<String> {
    let row = |(at, timer): (MonoMillis, _)| format!("in {} ms: {timer:?}", at.since(now));
    state.volatile.timers.iter().map(row).collect()
}
