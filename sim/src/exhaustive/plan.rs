//! Which worlds there are, as numbers: nothing is signed or judged here.

use crate::world::Prng;

/// One op of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// The choices before it that its author knows, a bit for each; whoever knows an op knows what
    /// that op's author knew.
    pub knows: u8,
    /// Which letter of the alphabet.
    pub letter: usize,
}

impl Choice {
    /// Whether its author knows choice number `at`.
    pub const fn knows(&self, at: usize) -> bool {
        self.knows >> at & 1 == 1
    }
}

/// Which worlds are visited. Worlds are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Part `.0` of `.1`, counted from 1.
    pub shard: (u64, u64),
    /// One of so many, by chance; 1 for all.
    pub sample: u64,
    /// This world and no other.
    pub only: Option<u64>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { shard: (1, 1), sample: 1, only: None }
    }
}

impl Selection {
    /// Whether world number `world` is visited.
    pub fn has(&self, world: u64) -> bool {
        if let Some(only) = self.only {
            return world == only;
        }
        let (part, parts) = self.shard;
        // Chance and not a stride: neighbours are alike, and a stride would meet the same letters.
        let is_drawn = || Prng::new(world).next_u64().is_multiple_of(self.sample.max(1));
        world % parts.max(1) == part.saturating_sub(1) && is_drawn()
    }
}

/// All worlds of so many ops over so many letters, in order of their numbers.
#[derive(Clone, Debug)]
pub struct Worlds {
    letters: usize,
    ops: usize,
    next: Option<Vec<Choice>>,
}

impl Worlds {
    /// Of at most 8 ops.
    pub fn new(letters: usize, ops: usize) -> Self {
        let first = Choice { knows: 0, letter: 0 };
        let ops = ops.min(8);
        let mut worlds = Self { letters, ops, next: Some(vec![first; ops]) };
        if letters == 0 || ops == 0 {
            worlds.next = None;
        } else {
            worlds.settle();
        }
        worlds
    }

    /// Goes on until the list of choices is one that is wanted.
    fn settle(&mut self) {
        while let Some(at) = self.next.as_ref().and_then(|choices| first_misfit(choices)) {
            self.turn(at);
        }
    }

    /// The next list that differs at place `at` or before it.
    fn turn(&mut self, at: usize) {
        let Some(choices) = &mut self.next else { return };
        let mut place = at;
        loop {
            let Some(choice) = choices.get_mut(place) else { return };
            choice.letter += 1;
            if choice.letter < self.letters {
                break;
            }
            choice.letter = 0;
            choice.knows += 1;
            if u32::from(choice.knows) < 1 << place {
                break;
            }
            choice.knows = 0;
            if place == 0 {
                self.next = None;
                return;
            }
            place -= 1;
        }
        for choice in choices.iter_mut().skip(place + 1) {
            *choice = Choice { knows: 0, letter: 0 };
        }
    }
}

/// The first choice that makes a list of choices one to pass over: its author knows an op without
/// what that op's author knew, or it could stand before its neighbour, where the list would be the
/// same world, or it is its neighbour once more.
fn first_misfit(choices: &[Choice]) -> Option<usize> {
    (0..choices.len()).find(|at| {
        let (before, rest) = choices.split_at(*at);
        let Some(choice) = rest.first() else { return false };
        let mut known = before.iter().enumerate().filter(|(other, _)| choice.knows(*other));
        let is_open = known.any(|(_, other)| other.knows & !choice.knows != 0);
        let could_swap = |last: &Choice| !choice.knows(*at - 1) && choice <= last;
        is_open || before.last().is_some_and(could_swap)
    })
}

impl Iterator for Worlds {
    type Item = Vec<Choice>;

    fn next(&mut self) -> Option<Vec<Choice>> {
        let world = self.next.clone()?;
        self.turn(self.ops - 1);
        self.settle();
        Some(world)
    }
}
