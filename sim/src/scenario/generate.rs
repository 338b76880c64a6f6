//! Scenarios from seeds: first what the world is like, then what goes wrong in it, then what
//! happens.

use super::{Action, Deed, Harm, Lie, Options, Profile, Role, Scenario};
use crate::cluster::{Path, Tail, Wrong};
use crate::world::Prng;

/// The profiles of one seed in ten.
const FOCUSED: [Profile; 6] = [
    Profile::Joins,
    Profile::Removals,
    Profile::Anchors,
    Profile::Two,
    Profile::Sixteen,
    Profile::Disk,
];

/// Longest time between the joins of two nodes, in milliseconds.
const JOINS_MS: usize = 2_000;
/// The same where there are many: as fast as one can be made of the one before.
const JOINS_LARGE_MS: usize = 200;

/// The scenario of a seed. One seed in ten has a focused profile, one in twenty is nice weather.
pub fn generate(seed: u64) -> Scenario {
    let mut rng = Prng::new(seed);
    let profile = match rng.below(20) {
        0 => Profile::Nice,
        1 | 2 => rng.pick(&FOCUSED).copied().unwrap_or(Profile::Mixed),
        _ => Profile::Mixed,
    };
    let faults = Faults::draw(profile, &mut rng);
    let options = options(profile, faults, &mut rng);
    let mut writer = Writer { rng, faults, nodes: options.nodes, actions: Vec::new() };
    writer.begin(JOINS_MS);
    writer.go_on(profile);
    Scenario { seed, options, actions: writer.actions }
}

/// The scenario of a seed for so many nodes, which may be [`super::NODES_MAX`]: what goes wrong is
/// drawn as for a few.
pub fn generate_large(seed: u64, nodes: u16) -> Scenario {
    let (profile, mut rng) = (Profile::Scale, Prng::new(seed));
    let faults = Faults::draw(profile, &mut rng);
    let options = Options { nodes, ..options(profile, faults, &mut rng) };
    let mut writer = Writer { rng, faults, nodes, actions: Vec::new() };
    writer.begin(JOINS_LARGE_MS);
    writer.go_on(profile);
    Scenario { seed, options, actions: writer.actions }
}

/// What may go wrong, each with probability one half, and the node that means ill.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each class is on or off by itself")]
struct Faults {
    network: bool,
    slow: bool,
    parts: bool,
    crash: bool,
    disk: bool,
    clock: bool,
    pause: bool,
    villain: bool,
}

impl Faults {
    fn draw(profile: Profile, rng: &mut Prng) -> Self {
        let is_nice = profile == Profile::Nice;
        let mut is_on = || !is_nice && rng.chance(50);
        let mut faults = Self {
            network: is_on(),
            slow: is_on(),
            parts: is_on(),
            crash: is_on(),
            disk: is_on(),
            clock: is_on(),
            pause: is_on(),
            villain: is_on(),
        };
        if profile == Profile::Disk {
            faults = Self { crash: true, disk: true, ..faults };
        }
        faults
    }
}

fn options(profile: Profile, faults: Faults, rng: &mut Prng) -> Options {
    let drawn = rng.between(2, 8);
    let fixed = [(Profile::Two, 2), (Profile::Sixteen, 16)];
    let nodes = fixed.iter().find(|(of, _)| *of == profile).map_or(drawn, |(_, nodes)| *nodes);
    let mut path = Path::default();
    if faults.network {
        path.lost = rng.below(31) as u64;
        path.doubled = rng.below(51) as u64;
    }
    if faults.slow {
        let least = rng.below(31) as u64;
        path.delay_ms = (least, least + rng.between(10, 1_000) as u64);
    }
    // A stream loses nothing by itself: what is lost there is a connection that hangs.
    let stream = Path { lost: path.lost / 4, doubled: 0, ..path };
    Options {
        profile,
        nodes: u16::try_from(nodes).unwrap_or(2),
        owners: if rng.chance(70) { 1 } else { 2 },
        snapshot_every: if rng.chance(50) { rng.between(2, 20) as u64 } else { 4_096 },
        anchor_ops: if rng.chance(30) { rng.between(3, 20) as u64 } else { 0 },
        topic: path,
        stream,
    }
}

struct Writer {
    rng: Prng,
    faults: Faults,
    nodes: u16,
    actions: Vec<Action>,
}

impl Writer {
    /// The namespace is founded, and most nodes join, at most so many milliseconds apart.
    fn begin(&mut self, apart_ms: usize) {
        self.actions.push(Action::Found(0));
        self.wait(200);
        for node in 1..self.nodes {
            if self.rng.chance(90) {
                let from = if self.rng.chance(80) { 0 } else { self.node() };
                let role = if self.rng.chance(50) { Role::Admin } else { self.role() };
                self.actions.push(Action::Join { from, node, role });
                self.wait(apart_ms);
            }
        }
    }

    fn go_on(&mut self, profile: Profile) {
        let count = self.rng.between(20, 90);
        for _ in 0..count {
            let action = if self.rng.chance(35) { self.fault() } else { None };
            let action = action.unwrap_or_else(|| self.work(profile));
            self.actions.push(action);
            let longest = if self.rng.chance(10) { 60_000 } else { 1_500 };
            self.wait(longest);
        }
    }

    fn wait(&mut self, longest: usize) {
        if self.rng.chance(70) {
            self.actions.push(Action::Wait(self.rng.between(1, longest) as u64));
        }
    }

    fn node(&mut self) -> u16 {
        self.below(self.nodes)
    }

    fn below(&mut self, bound: u16) -> u16 {
        u16::try_from(self.rng.below(usize::from(bound))).unwrap_or_default()
    }

    /// One of the others: the founder stays, so that there is somebody to agree with.
    fn other(&mut self) -> u16 {
        1 + self.below(self.nodes.saturating_sub(1).max(1))
    }

    fn role(&mut self) -> Role {
        let roles = [Role::Admin, Role::Member, Role::Member, Role::Reader, Role::Inviter];
        self.rng.pick(&roles).copied().unwrap_or(Role::Member)
    }

    fn work(&mut self, profile: Profile) -> Action {
        if self.rng.chance(if profile == Profile::Joins { 60 } else { 6 }) {
            return Action::Join { from: self.node(), node: self.other(), role: self.role() };
        }
        let is_focused = self.rng.chance(65);
        let deed = if is_focused && profile == Profile::Removals {
            self.casting()
        } else if is_focused && profile == Profile::Anchors {
            Deed::Anchor
        } else {
            self.deed()
        };
        let group = if self.rng.chance(60) { 0 } else { self.below(8) };
        let node = if matches!(deed, Deed::Leave) { self.other() } else { self.node() };
        Action::Govern { node, group, deed }
    }

    fn casting(&mut self) -> Deed {
        let (who, role) = (self.other(), self.role());
        match self.rng.below(4) {
            0 => Deed::Restrict { who, role },
            1 => Deed::Remove { who },
            _ => Deed::Add { who, role },
        }
    }

    fn deed(&mut self) -> Deed {
        match self.rng.below(30) {
            0..=5 => self.casting(),
            6 => Deed::Leave,
            7..=12 => Deed::Create,
            13..=15 => Deed::Move { to: self.below(8) },
            16 => Deed::Delete,
            17 => Deed::Anchor,
            18 | 19 => Deed::Default { role: self.role() },
            20..=23 => Deed::Name { value: u8::try_from(self.below(4)).unwrap_or_default() },
            24..=26 => Deed::Close { open: self.rng.chance(50) },
            27 => Deed::Context,
            _ => Deed::Noop,
        }
    }

    /// Something that goes wrong, or is mended; nothing where that class is off.
    fn fault(&mut self) -> Option<Action> {
        match self.rng.below(6) {
            0 if self.faults.parts => Some(self.part()),
            1 if self.faults.crash => Some(self.crash()),
            2 if self.faults.disk => {
                let wrongs = [Wrong::Sync, Wrong::Full, Wrong::Short, Wrong::Nothing];
                let wrong = self.rng.pick(&wrongs).copied().unwrap_or_default();
                Some(Action::Disk { node: self.node(), wrong })
            }
            3 if self.faults.clock => Some(self.clock()),
            4 if self.faults.pause => {
                Some(Action::Pause { node: self.node(), ms: self.rng.between(10, 120_000) as u64 })
            }
            5 if self.faults.villain => Some(self.harm()),
            _ => None,
        }
    }

    fn part(&mut self) -> Action {
        let (a, b, mask) = (self.node(), self.node(), self.rng.next_u64() & 0xffff);
        match self.rng.below(9) {
            0 => Action::Isolate(a),
            1 | 2 => Action::Split(mask),
            3 => Action::Bridge { node: a, mask },
            4 => Action::Mute { from: a, to: b },
            5 => Action::Cut { a, b },
            6 => Action::Heal { a, b },
            _ => Action::Mend,
        }
    }

    fn crash(&mut self) -> Action {
        let node = self.node();
        let tails = [Tail::Kept, Tail::Lost, Tail::Torn];
        let tail = self.rng.pick(&tails).copied().unwrap_or_default();
        match self.rng.below(8) {
            0 => Action::Kill { node, tail },
            1 => Action::Stop(node),
            2 | 3 => Action::Boot(node),
            _ => Action::Crash { node, touch: self.rng.between(1, 40) as u64, tail },
        }
    }

    fn clock(&mut self) -> Action {
        let node = self.node();
        let sign = if self.rng.chance(50) { 1 } else { -1 };
        let amount = |rng: &mut Prng, most| i64::try_from(rng.below(most)).unwrap_or_default();
        match self.rng.below(4) {
            0 => Action::Clock { node, ahead_ms: sign * amount(&mut self.rng, 3_600_000) },
            1 => Action::Clock { node, ahead_ms: 0 },
            2 => Action::Clock { node, ahead_ms: sign * amount(&mut self.rng, 600_000) },
            _ => Action::Drift { node, ppm: sign * amount(&mut self.rng, 10_000) },
        }
    }

    /// The last node is the one that means ill.
    fn harm(&mut self) -> Action {
        let node = self.nodes.saturating_sub(1).max(1);
        let lies = [
            Lie::Silence,
            Lie::Garbage,
            Lie::Mutate,
            Lie::Half,
            Lie::Heads,
            Lie::Withhold,
            Lie::Busy,
        ];
        if let (true, Some(lie)) = (self.rng.chance(35), self.rng.pick(&lies)) {
            return Action::Lie { node, lie: *lie };
        }
        let bit = self.below(4_096);
        // Now and then more than one signer, or one peer, has a right to.
        let count = if bit.is_multiple_of(8) { 300 } else { 20 };
        let replay = if bit % 4 == 1 { Harm::Ask { count: 300 } } else { Harm::Replay };
        let harms = [
            Harm::Equivocate,
            Harm::Equivocate,
            Harm::Backdate,
            Harm::WrongHash,
            Harm::Flood { count },
            replay,
            Harm::Malformed,
            Harm::Mutate { bit },
            Harm::Beacon,
            Harm::Ack,
        ];
        let harm = self.rng.pick(&harms).copied().unwrap_or(Harm::Replay);
        Action::Harm { node, harm }
    }
}
