//! What takes a second run to see: the same scenario once more, or in a world that is changed in
//! something that must not matter.

use super::{Bug, Invariant, Report, Runner, Violation};
use crate::cluster::{Cluster, Path};
use crate::scenario::{Action, Harm, Scenario};

/// The invariants that are seen by running a scenario twice.
pub const TWICE: [Invariant; 4] = [Invariant::I42, Invariant::I23, Invariant::I25, Invariant::I26];
/// By how much the clocks of the second world are ahead, in milliseconds: some years.
const SHIFT_MS: i64 = 123_456_789_012;

/// How often a world that stutters sends every message again.
const STUTTER: usize = 30;

/// How the second world is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Variant {
    /// Not at all.
    #[default]
    Same,
    /// Its clocks are all ahead.
    Clocks,
    /// Every message comes twice.
    Doubled,
    /// Its nodes have other transport keys, in the same order.
    Names,
}

impl Variant {
    /// By how much the wall clocks are ahead, in milliseconds.
    pub(super) fn shift_ms(self) -> i64 {
        if self == Self::Clocks { SHIFT_MS } else { 0 }
    }

    /// What the transport keys of nodes are mixed with.
    pub(super) fn name(self) -> u8 {
        if self == Self::Names { 0x5a } else { 0 }
    }

    /// What it does to a world before that starts.
    pub(super) fn change(self, world: &mut Cluster, bug: Bug) {
        world.repeats = if bug == Bug::Stutter { STUTTER } else { (self == Self::Doubled).into() };
        world.is_fragile = self == Self::Doubled && bug == Bug::Fragile;
    }

    fn of(invariant: Invariant) -> Option<Self> {
        let variants = [Self::Same, Self::Clocks, Self::Doubled, Self::Names];
        TWICE.iter().zip(variants).find(|(it, _)| **it == invariant).map(|(_, variant)| variant)
    }
}

/// Runs a scenario, and once more where the invariant takes two runs to be seen.
pub fn twice_where_needed(scenario: &Scenario, bug: Bug, invariant: Invariant) -> Report {
    let report = Runner::new(scenario, bug, Some(invariant), Variant::Same).report();
    if report.violation.is_some() { report } else { compared(scenario, bug, invariant, report) }
}

/// Runs a scenario, and where it holds, once more in each way that takes two runs.
pub fn run_again(scenario: &Scenario) -> Report {
    TWICE.into_iter().fold(super::run(scenario), |report, invariant| {
        let is_sound = report.violation.is_none();
        if is_sound { compared(scenario, Bug::None, invariant, report) } else { report }
    })
}

/// Runs a scenario that was run once more, and compares.
pub fn compared(scenario: &Scenario, bug: Bug, invariant: Invariant, first: Report) -> Report {
    let Some(variant) = Variant::of(invariant) else { return first };
    let run = |scenario, variant| Runner::new(scenario, bug, Some(invariant), variant).report();
    let plain = match variant {
        Variant::Doubled => Some(without_chance(scenario)),
        Variant::Clocks => without_dates(scenario),
        Variant::Same | Variant::Names => None,
    };
    let before = plain.as_ref().map_or_else(|| first.clone(), |it| run(it, Variant::Same));
    let again = run(plain.as_ref().unwrap_or(scenario), variant);
    let violation = if invariant == Invariant::I42 {
        let what = "two runs of the scenario differ in what was sent";
        (again.digest != before.digest).then(|| what.to_owned())
    } else {
        differs(&before, &again)
    };
    let nodes: Vec<usize> = (0..before.pictures.len())
        .filter(|at| before.pictures.get(*at) != again.pictures.get(*at))
        .collect();
    let (seed, step, world_ms) = (before.seed, before.steps, before.world_ms);
    let violation = violation.map(|what| Violation {
        seed,
        step,
        world_ms,
        ..Violation::new(invariant, &nodes, what)
    });
    Report { violation: first.violation.clone().or(violation), ..first }
}

/// The scenario without what depends on how many messages there are: chance on the links, crashes
/// at the so-manieth touch of the world, and lies that are drawn. Nor with what a millisecond
/// decides: races for an invitation, which are won by what the witnesses had heard, joins that are
/// given up or come when the invitation expires, ops signed beside a node of their signer, which
/// may write before it hears of them, and interruptions, after which a node goes on when it tries
/// again, at a moment that it draws. Nor so many ops at once that there are more acks than a peer
/// may send, for those without are said again; nor little memory, which has no room for a question
/// that comes twice.
fn without_chance(scenario: &Scenario) -> Scenario {
    let mut plain = scenario.clone();
    (plain.options.topic, plain.options.stream) = (Path::default(), Path::default());
    plain.options.memory = 1;
    plain.actions.retain(|action| {
        let is_chance = matches!(
            action,
            Action::Crash { .. }
                | Action::Lie { .. }
                | Action::Impair { .. }
                | Action::Race { .. }
                | Action::Cancel(_)
                | Action::Late { .. }
                | Action::Many { .. }
        );
        let is_beside = matches!(action, Action::Harm { harm, .. } if is_signed_beside(*harm));
        !is_chance && !is_beside && !is_interruption(action)
    });
    plain
}

/// Whether messages do not arrive, or nobody acts on them, for a while.
fn is_interruption(action: &Action) -> bool {
    matches!(
        action,
        Action::Cut { .. }
            | Action::Isolate(_)
            | Action::Split(_)
            | Action::Bridge { .. }
            | Action::Mute { .. }
            | Action::Prune { .. }
            | Action::Stale { .. }
            | Action::Pause { .. }
    )
}

/// Whether others store what is signed, and the node of its signer hears of it from them.
fn is_signed_beside(harm: Harm) -> bool {
    matches!(
        harm,
        Harm::Equivocate
            | Harm::Backdate
            | Harm::WrongHash
            | Harm::Force { .. }
            | Harm::Fork { .. }
            | Harm::Nonce { .. }
            | Harm::Anchors
            | Harm::Omit
            | Harm::Early
            | Harm::Forge { .. }
    )
}

/// The scenario without what is signed and names a time, where anything is: other clocks make it
/// another op.
fn without_dates(scenario: &Scenario) -> Option<Scenario> {
    let is_dated = |action: &Action| matches!(action, Action::Late { .. });
    let mut plain = scenario.clone();
    plain.actions.retain(|action| !is_dated(action));
    (plain.actions.len() < scenario.actions.len()).then_some(plain)
}

fn differs(first: &Report, again: &Report) -> Option<String> {
    let (ours, theirs) = (first.ops, again.ops);
    (first.pictures != again.pictures).then(|| {
        format!(
            "in the changed world the state is another: {theirs} ops at the founder, not {ours}"
        )
    })
}
