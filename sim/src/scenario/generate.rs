//! Scenarios from seeds: first what the world is like, then what goes wrong in it, then what
//! happens.

mod rare;
mod together;

use super::{Action, Deed, Forgery, Harm, Lie, Options, Profile, Role, Scenario};
use crate::cluster::{Path, Tail, Wrong};
use crate::world::Prng;
use together::peaceful;

/// The profiles of one seed in ten.
const FOCUSED: [Profile; 6] = [
    Profile::Joins,
    Profile::Removals,
    Profile::Anchors,
    Profile::Two,
    Profile::Sixteen,
    Profile::Disk,
];

/// What a villain may forge that needs no notary; joins above all.
const FORGERIES: [Forgery; 17] = [
    Forgery::Unsigned,
    Forgery::Inviter,
    Forgery::Frontier,
    Forgery::UsedUp,
    Forgery::Revoked,
    Forgery::Removed,
    Forgery::Left,
    Forgery::Senior,
    Forgery::Nothing,
    Forgery::NoGroup,
    Forgery::Deep,
    Forgery::Circle,
    Forgery::Root,
    Forgery::Again,
    Forgery::NoContext,
    Forgery::NotRoot,
    Forgery::Moved,
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
    let options = rare::crowded(seed, options(profile, faults, &mut rng));
    rare::woven(written(seed, options, faults, rng))
}

/// The scenario of a seed for so many nodes, which may be [`super::NODES_MAX`]: what goes wrong is
/// drawn as for a few.
pub fn generate_large(seed: u64, nodes: u16) -> Scenario {
    let (profile, mut rng) = (Profile::Scale, Prng::new(seed));
    let faults = Faults::draw(profile, &mut rng);
    let options = Options { nodes, ..options(profile, faults, &mut rng) };
    written(seed, options, faults, rng)
}

/// What happens in a world like this.
fn written(seed: u64, options: Options, faults: Faults, mut rng: Prng) -> Scenario {
    let (nodes, profile) = (options.nodes, options.profile);
    // Mostly one node means ill, sometimes up to all but the founder's.
    let others = usize::from(nodes.saturating_sub(1).max(1));
    let villains = if rng.chance(80) { 1 } else { rng.between(1, others) };
    let villains = u16::try_from(villains).unwrap_or(1);
    let (owners, is_older_there) = (options.owners, true);
    let (stewards, actions) = (Vec::new(), Vec::new());
    let mut writer =
        Writer { rng, faults, nodes, owners, is_older_there, villains, stewards, actions };
    writer.begin(if profile == Profile::Scale { JOINS_LARGE_MS } else { JOINS_MS });
    writer.go_on(profile);
    Scenario { seed, options, actions: writer.actions }
}

/// What may go wrong, each with probability one half unless it says another, and whether people
/// take anything from each other.
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
    /// Connections come and go, one time in five.
    churn: bool,
    /// Nothing is taken from anybody and nothing is insisted on, one time in four: then whatever
    /// an honest person writes has effect.
    peace: bool,
}

impl Faults {
    fn draw(profile: Profile, rng: &mut Prng) -> Self {
        let is_nice = profile == Profile::Nice;
        let mut is_on = |percent| !is_nice && rng.chance(percent);
        let mut faults = Self {
            network: is_on(50),
            slow: is_on(50),
            parts: is_on(50),
            crash: is_on(50),
            disk: is_on(50),
            clock: is_on(50),
            pause: is_on(50),
            villain: is_on(50),
            churn: is_on(20),
            peace: false,
        };
        faults.peace = profile != Profile::Removals && rng.chance(25);
        if profile == Profile::Disk {
            faults = Self { crash: true, disk: true, ..faults };
        }
        faults
    }
}

fn options(profile: Profile, faults: Faults, rng: &mut Prng) -> Options {
    let drawn = match rng.below(20) {
        0 => 1,
        1 => rng.between(9, 16),
        _ => rng.between(2, 8),
    };
    let fixed = [(Profile::Two, 2), (Profile::Sixteen, 16)];
    let nodes = fixed.iter().find(|(of, _)| *of == profile).map_or(drawn, |(_, nodes)| *nodes);
    let mut path = Path::default();
    if faults.network {
        path.lost = rng.below(31) as u64;
        path.doubled = rng.below(51) as u64;
    }
    if faults.slow {
        let least = rng.below(31) as u64;
        let tail = if rng.chance(20) { 30_000 } else { 1_000 };
        path.delay_ms = (least, least + rng.between(10, tail) as u64);
    }
    // A stream loses nothing by itself: what is lost there is a connection that hangs.
    let stream = Path { lost: path.lost / 4, doubled: path.doubled / 4, ..path };
    if faults.network && rng.chance(20) {
        path.lost = rng.below(61) as u64;
    }
    Options {
        profile,
        nodes: u16::try_from(nodes).unwrap_or(2),
        owners: if rng.chance(70) { 1 } else { u16::try_from(rng.between(2, 3)).unwrap_or(2) },
        snapshot_every: if rng.chance(50) { rng.between(2, 20) as u64 } else { 4_096 },
        anchor_ops: if rng.chance(30) { rng.between(3, 20) as u64 } else { 0 },
        // Little memory, so that what is rare with all of it happens.
        memory: if rng.chance(50) { 1 << rng.between(1, 6) } else { 1 },
        topic: path,
        stream,
    }
}

struct Writer {
    rng: Prng,
    faults: Faults,
    nodes: u16,
    /// How many of the first nodes are those of owners.
    owners: u16,
    /// Whether there is an earlier image of some disk that may come in its place.
    is_older_there: bool,
    /// How many of the last nodes mean ill, if any does.
    villains: u16,
    /// Nodes whose people were invited as stewards.
    stewards: Vec<u16>,
    actions: Vec<Action>,
}

impl Writer {
    /// The namespace is founded, and most nodes join, at most so many milliseconds apart.
    fn begin(&mut self, apart_ms: usize) {
        self.actions.push(Action::Found(0));
        self.wait(200);
        for node in 1..self.nodes {
            if node + 1 < self.nodes && !self.faults.peace && self.rng.chance(14) {
                let (b, role) = (node + 1, self.role());
                self.actions.push(Action::Race { from: 0, a: node, b, role });
                self.wait(apart_ms);
            } else if self.rng.chance(90) {
                let from = if self.rng.chance(80) { 0 } else { self.node() };
                let role = if self.rng.chance(50) { Role::Admin } else { self.role() };
                if role == Role::Steward {
                    self.stewards.push(node);
                }
                self.actions.push(Action::Join { from, node, role });
                self.wait(apart_ms);
            }
        }
    }

    fn go_on(&mut self, profile: Profile) {
        let count = self.rng.between(20, 90);
        for _ in 0..count {
            if self.faults.churn && self.rng.chance(25) {
                self.churn();
            }
            if self.faults.villain && self.owners.min(self.nodes) > 1 && self.rng.chance(2) {
                self.usurp();
            }
            if !self.faults.peace && self.rng.chance(4) {
                self.together();
                self.wait(1_500);
            }
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

    /// A person: mostly one with a node.
    fn person(&mut self) -> u16 {
        if self.rng.chance(85) { self.other() } else { 1_000 + self.below(16) }
    }

    fn role(&mut self) -> Role {
        let roles =
            [Role::Admin, Role::Member, Role::Member, Role::Reader, Role::Inviter, Role::Steward];
        self.rng.pick(&roles).copied().unwrap_or(Role::Member)
    }

    fn work(&mut self, profile: Profile) -> Action {
        if self.rng.chance(if profile == Profile::Joins { 10 } else { 2 }) && !self.faults.peace {
            let (from, a, b) = (self.node(), self.other(), self.other());
            return Action::Race { from, a, b, role: self.role() };
        }
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
        let deed = if self.faults.peace { peaceful(deed) } else { deed };
        let group = if self.rng.chance(60) { 0 } else { self.below(24) };
        let node = if matches!(deed, Deed::Leave) { self.other() } else { self.node() };
        Action::Govern { node, group, deed }
    }

    fn casting(&mut self) -> Deed {
        let (who, role) = (self.person(), self.role());
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
            13..=15 => Deed::Move { to: self.below(24) },
            16 => Deed::Delete,
            17 if self.rng.chance(75) => Deed::Anchor,
            17 => Deed::Notary { who: self.below(self.owners) },
            18 | 19 => Deed::Default { role: self.role() },
            20..=23 => Deed::Name { value: u8::try_from(self.below(4)).unwrap_or_default() },
            24..=26 => Deed::Close { open: self.rng.chance(50) },
            27 => Deed::Context,
            28 => Deed::Revoke,
            _ => Deed::Noop,
        }
    }

    /// Something that goes wrong, or is mended; nothing where that class is off.
    fn fault(&mut self) -> Option<Action> {
        match self.rng.below(6) {
            0 if self.faults.parts => Some(self.part()),
            1 if self.faults.crash => Some(self.crash()),
            2 if self.faults.disk && self.is_older_there && self.rng.chance(10) => {
                // Of one node at most: a disk of an earlier image is no intact copy of anything.
                self.is_older_there = false;
                let back = [1, 2, 5, 1_000];
                let records = self.rng.pick(&back).copied().unwrap_or(1);
                Some(Action::SetBack { node: self.other(), records })
            }
            2 if self.faults.disk => {
                let wrongs =
                    [Wrong::Sync, Wrong::Full, Wrong::Short, Wrong::Unreadable, Wrong::Nothing];
                let wrong = self.rng.pick(&wrongs).copied().unwrap_or_default();
                Some(Action::Disk { node: self.node(), wrong })
            }
            3 if self.faults.clock => Some(self.clock()),
            4 if self.faults.pause => {
                Some(Action::Pause { node: self.node(), ms: self.rng.between(10, 300_000) as u64 })
            }
            5 if self.faults.villain => Some(self.harm()),
            _ => None,
        }
    }

    fn part(&mut self) -> Action {
        let (a, b, mask) = (self.node(), self.node(), self.rng.next_u64() & 0xffff);
        match self.rng.below(12) {
            9 | 10 => Action::Prune { from: a, to: b },
            11 => Action::Stale { node: a, ms: self.rng.between(10, 600_000) as u64 },
            0 => Action::Isolate(a),
            1 | 2 => Action::Split(mask),
            3 => Action::Bridge { node: a, mask },
            4 => Action::Mute { from: a, to: b },
            5 => Action::Cut { a, b },
            6 => Action::Heal { a, b },
            _ => Action::Mend,
        }
    }

    /// One connection comes and goes a few times, or what several nodes say vanishes for a while,
    /// and comes back in another order.
    fn churn(&mut self) {
        if self.rng.chance(20) {
            return self.flap();
        }
        if self.rng.chance(70) {
            let (a, b) = (self.node(), self.node());
            for _ in 0..self.rng.between(1, 5) {
                self.actions.push(Action::Cut { a, b });
                self.wait(200);
                self.actions.push(Action::Heal { a, b });
                self.wait(200);
            }
            return;
        }
        let mut muted: Vec<(u16, u16)> = (0..3).map(|_| (self.node(), self.node())).collect();
        self.actions.extend(muted.iter().map(|(from, to)| Action::Mute { from: *from, to: *to }));
        while !muted.is_empty() {
            self.wait(2_000);
            let at = self.rng.below(muted.len());
            let (a, b) = muted.swap_remove(at);
            self.actions.push(Action::Heal { a, b });
        }
    }

    /// A partition comes and goes, and then mostly stays for longer than anything is waited for.
    fn flap(&mut self) {
        let mask = self.rng.next_u64() & 0xffff;
        for _ in 0..self.rng.between(1, 4) {
            self.actions.push(Action::Split(mask));
            self.wait(3_000);
            self.actions.push(Action::Mend);
            self.wait(3_000);
        }
        if self.rng.chance(1) {
            self.actions.push(Action::Split(mask));
            self.actions.push(Action::Wait(self.rng.between(600_000, 7_200_000) as u64));
        }
    }

    fn crash(&mut self) -> Action {
        let node = self.node();
        let tails = [Tail::Kept, Tail::Lost, Tail::Torn];
        let tail = self.rng.pick(&tails).copied().unwrap_or_default();
        if self.rng.chance(3) && self.nodes > 2 {
            return Action::Lose(self.other());
        }
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
        match self.rng.below(5) {
            4 => Action::Freeze { node, ms: self.rng.between(1, 30_000) as u64 },
            0 => Action::Clock { node, ahead_ms: sign * amount(&mut self.rng, 3_600_000) },
            1 => Action::Clock { node, ahead_ms: 0 },
            2 => Action::Clock { node, ahead_ms: sign * amount(&mut self.rng, 600_000) },
            _ => Action::Drift { node, ppm: sign * amount(&mut self.rng, 10_000) },
        }
    }

    /// The second owner is made the notary, and means ill.
    fn usurp(&mut self) {
        let deed = Deed::Notary { who: 1 };
        self.actions.push(Action::Govern { node: 0, group: 0, deed });
        for _ in 0..self.rng.between(1, 4) {
            self.wait(5_000);
            let not_owner = Harm::Forge { forgery: Forgery::NotOwner };
            let harms = [Harm::Anchors, Harm::Anchors, Harm::Omit, Harm::Early, not_owner];
            let harm = self.rng.pick(&harms).copied().unwrap_or(Harm::Anchors);
            self.actions.push(Action::Harm { node: 1, harm });
        }
    }

    /// One of the last nodes means ill.
    fn harm(&mut self) -> Action {
        let back = 1 + self.below(self.villains);
        let node = self.nodes.saturating_sub(back).max(1);
        let lies = [
            Lie::Silence,
            Lie::Garbage,
            Lie::Mutate,
            Lie::Half,
            Lie::Heads,
            Lie::Withhold,
            Lie::Busy,
        ];
        if self.rng.chance(40) {
            let forgery = self.rng.pick(&FORGERIES).copied().unwrap_or(Forgery::Moved);
            return Action::Harm { node, harm: Harm::Forge { forgery } };
        }
        if let (true, Some(lie)) = (self.rng.chance(35), self.rng.pick(&lies)) {
            return Action::Lie { node, lie: *lie };
        }
        let bit = self.below(4_096);
        // Now and then more than one signer, or one peer, has a right to.
        let count = if bit.is_multiple_of(8) { 300 } else { 20 };
        let replay = if bit % 4 == 1 { Harm::Ask { count: 300 } } else { Harm::Replay };
        let (group, deed) = (self.below(24), self.deed());
        let nonces = [0, 1, 2, 1_000, u64::MAX];
        let nonce = self.rng.pick(&nonces).copied().unwrap_or_default();
        let harms = [
            Harm::Early,
            Harm::Force { group: 0, deed },
            Harm::Force { group: 0, deed },
            Harm::Force { group, deed },
            Harm::Force { group, deed },
            Harm::Related,
            Harm::Child,
            Harm::Fork { count: if self.rng.chance(30) { 70 } else { 4 } },
            Harm::Nonce { nonce },
            Harm::Newer,
            Harm::Foreign,
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
