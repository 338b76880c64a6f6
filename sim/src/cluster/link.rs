//! What lies between two nodes, and what goes over it.

use crate::world::Prng;
use std::rc::Rc;

/// How long a message travels, in milliseconds, unless a test says otherwise.
const DELAY_MS: u64 = 5;

/// How messages travel from one node to another. The way back may be another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Whether there is no connection, of which both ends know.
    pub is_down: bool,
    /// The way of what is published.
    pub topic: Path,
    /// The way of questions and answers.
    pub stream: Path,
}

/// How messages of one sort travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Of a hundred messages, how many vanish without either end being told.
    pub lost: u64,
    /// Of a hundred messages, how many come twice.
    pub doubled: u64,
    /// Shortest and longest time that a message travels, in milliseconds. Where they differ,
    /// messages overtake each other.
    pub delay_ms: (u64, u64),
}

impl Default for Path {
    fn default() -> Self {
        Self { lost: 0, doubled: 0, delay_ms: (DELAY_MS, DELAY_MS) }
    }
}

impl Link {
    /// No connection.
    pub fn down() -> Self {
        Self { is_down: true, ..Self::default() }
    }

    /// A connection of which both ends know, and over which nothing passes this way.
    pub fn mute() -> Self {
        Self { is_down: false, topic: Path::mute(), stream: Path::mute() }
    }
}

impl Path {
    /// Nothing passes.
    pub fn mute() -> Self {
        Self { lost: 100, ..Self::default() }
    }

    /// When the two copies that there may be of one message arrive, in milliseconds from now.
    /// Nothing is drawn where there is no choice, so that a test without chance is the same
    /// whatever others draw.
    pub(super) fn copies(&self, rng: &mut Prng) -> [Option<u64>; 2] {
        let happens = |rng: &mut Prng, percent| match percent {
            0 => false,
            1..100 => rng.next_u64() % 100 < percent,
            100.. => true,
        };
        if happens(rng, self.lost) {
            return [None, None];
        }
        let is_doubled = happens(rng, self.doubled);
        let (least, most) = self.delay_ms;
        let mut delay = || {
            let more = if most > least { rng.next_u64() % (most - least + 1) } else { 0 };
            least + more
        };
        [Some(delay()), is_doubled.then(&mut delay)]
    }
}

/// The way from one node to another.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    /// How messages travel over it; `None` where there is no way.
    pub(super) link: Option<Rc<Link>>,
    /// Counts how often it was cut: what was on it then is lost.
    pub(super) cuts: u64,
    pub(super) traffic: Traffic,
}

impl Wire {
    pub(super) fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_down)
    }
}

/// The ways between all nodes.
#[derive(Default)]
pub(super) struct Wires {
    /// From each node to each other.
    rows: Vec<Vec<Wire>>,
}

impl Wires {
    pub(super) fn get(&self, from: usize, to: usize) -> Option<&Wire> {
        self.rows.get(from)?.get(to)
    }

    pub(super) fn get_mut(&mut self, from: usize, to: usize) -> Option<&mut Wire> {
        self.rows.get_mut(from)?.get_mut(to)
    }

    /// Lays a wire where there is none yet, and changes it.
    pub(super) fn change(&mut self, from: usize, to: usize, change: impl FnOnce(&mut Wire)) {
        let (rows, length) = (&mut self.rows, from.max(to) + 1);
        if rows.len() < length {
            rows.resize_with(length, Vec::new);
        }
        let Some(row) = rows.get_mut(from) else { return };
        if row.len() < length {
            row.resize_with(length, Wire::default);
        }
        if let Some(wire) = row.get_mut(to) {
            change(wire);
        }
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.rows.iter_mut().flatten()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Wire> {
        self.rows.iter().flatten()
    }
}

/// What went from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages of all kinds.
    pub messages: u64,
    /// Questions among them.
    pub questions: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Traffic {
    /// Counts a message.
    pub(super) fn note(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}

impl std::iter::Sum for Traffic {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            messages: sum.messages + one.messages,
            questions: sum.questions + one.questions,
            bytes: sum.bytes + one.bytes,
        })
    }
}
