//! What chance alone never brings about: joins that end in a rare way, and nodes that are full.
//!
//! All of it is drawn from dice of its own, so that a seed which has none of it is the same
//! scenario as if nothing of this were here.

use super::{Action, Harm, Options, Profile, Role, Scenario};
use crate::world::Prng;

/// Makes these dice others than those of the rest.
const DICE: u64 = 0x7261_7265;
/// Of a hundred seeds, how many are crowded.
const CROWDED_PERCENT: usize = 2;
/// Of a hundred seeds, how many have joins that end in a rare way.
const JOINS_PERCENT: usize = 10;
/// Of a hundred seeds, in how many somebody fills the memory of the others.
const FLOOD_PERCENT: usize = 6;
/// Of a hundred seeds, how many have more ops than go into one page.
const LONG_PERCENT: usize = 2;
/// The least memory that a node may have, as one part in so many.
const MEMORY_LEAST: u8 = 64;
/// Memory with which one list is all that there is room for, and a hundred ops can be written.
const MEMORY_LONG: u8 = 16;
/// A join that comes to nothing has ended by then, in milliseconds.
const JOIN_MS: u64 = 65_000;
/// Ops written at once, and how often: together more than go into one page.
const LONG: (u16, usize) = (50, 12);

/// A world like this, or now and then one of some twenty nodes with hardly any memory.
pub(super) fn crowded(seed: u64, options: Options) -> Options {
    let mut rng = Prng::new(seed ^ DICE);
    if options.profile != Profile::Mixed || !rng.chance(CROWDED_PERCENT) {
        return options;
    }
    let nodes = u16::try_from(rng.between(18, 24)).unwrap_or(18);
    Options { profile: Profile::Crowd, nodes, memory: MEMORY_LEAST, ..options }
}

/// The scenario, now and then with something rare in it.
pub(super) fn woven(mut scenario: Scenario) -> Scenario {
    let mut rng = Prng::new(scenario.seed ^ !DICE);
    let drawn = [JOINS_PERCENT, FLOOD_PERCENT, LONG_PERCENT].map(|percent| rng.chance(percent));
    let [has_joins, has_flood, is_long] = drawn;
    if scenario.options.profile == Profile::Nice || scenario.options.nodes < 2 {
        return scenario;
    }
    let mut weaver = Weaver { rng, scenario: &mut scenario };
    if has_joins {
        weaver.joins();
    }
    if has_flood {
        weaver.flood();
    } else if is_long {
        weaver.write_long();
    }
    scenario
}

struct Weaver<'a> {
    rng: Prng,
    scenario: &'a mut Scenario,
}

impl Weaver<'_> {
    /// Somebody who is not in yet begins to join, and that comes to nothing.
    fn joins(&mut self) {
        for _ in 0..self.rng.between(1, 4) {
            let (from, role) = (0, Role::Member);
            let node = 1 + self.below(self.scenario.options.nodes - 1);
            let actions = match self.rng.below(4) {
                3 => {
                    self.come_too_late(node);
                    continue;
                }
                0 => {
                    let wait = Action::Wait(self.rng.between(1, 300) as u64);
                    vec![Action::Join { from, node, role }, wait, Action::Cancel(node)]
                }
                1 => {
                    // Mostly it expires before it is used, sometimes while it is.
                    let longest = if self.rng.chance(60) { 10 } else { 2_000 };
                    let ms = self.rng.between(1, longest) as u64;
                    vec![Action::Late { from, node, role, ms }]
                }
                _ => vec![Action::Spoilt { from, node, role, bit: self.below(512) }],
            };
            // Behind the founding, and mostly before the node comes in otherwise.
            let joins = |it: &Action| matches!(it, Action::Join { node: own, .. } if *own == node);
            let first = self.scenario.actions.iter().position(joins);
            let first = first.unwrap_or(self.scenario.actions.len());
            let at = self.rng.between(2, first.max(2));
            self.insert(at, actions);
        }
    }

    /// Somebody who never came comes at the end, with an invitation that has expired, and is waited
    /// for until the join has come to its end.
    fn come_too_late(&mut self, node: u16) {
        let brings_in = |action: &Action| {
            let is_other = matches!(action, Action::Race { a, b, .. } if *a == node || *b == node);
            let is_it = matches!(
                action,
                Action::Join { node: other, .. } | Action::Late { node: other, .. }
                    if *other == node
            );
            is_other || is_it
        };
        self.scenario.actions.retain(|action| !brings_in(action));
        let late = Action::Late { from: 0, node, role: Role::Member, ms: 1 };
        let end = [Action::Mend, Action::Wait(1_000), late, Action::Wait(JOIN_MS)];
        self.scenario.actions.extend(end);
    }

    /// The last node publishes more than the others have room for: ops that wait, ops that are
    /// refused, and ops of other rules.
    fn flood(&mut self) {
        self.scenario.options.memory = MEMORY_LEAST;
        let node = self.scenario.options.nodes - 1;
        let harms = [
            Harm::Newers { count: 12 },
            Harm::Strangers { count: 170 },
            Harm::Intruders { count: 90 },
        ];
        for harm in harms {
            let count = self.scenario.actions.len();
            let at = self.rng.between(count / 2, count);
            let wait = Action::Wait(self.rng.between(200, 3_000) as u64);
            self.insert(at, vec![Action::Harm { node, harm }, wait]);
        }
    }

    /// The founder writes more than goes into one page, for whoever comes later to read.
    fn write_long(&mut self) {
        self.scenario.options.memory = MEMORY_LONG;
        let (count, times) = LONG;
        for _ in 0..times {
            self.scenario.actions.extend([Action::Many { node: 0, count }, Action::Wait(500)]);
        }
    }

    fn insert(&mut self, at: usize, actions: Vec<Action>) {
        let at = at.min(self.scenario.actions.len());
        self.scenario.actions.splice(at..at, actions);
    }

    fn below(&mut self, bound: u16) -> u16 {
        u16::try_from(self.rng.below(usize::from(bound.max(1)))).unwrap_or_default()
    }
}
