//! What lies between two nodes, and what goes over it.

use crate::world::Prng;

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

    /// When the copies of one message arrive, in milliseconds from now. Nothing is drawn where
    /// there is no choice, so that a test without chance is the same whatever others draw.
    pub(super) fn copies(&self, rng: &mut Prng) -> Vec<u64> {
        let happens = |rng: &mut Prng, percent| match percent {
            0 => false,
            1..100 => rng.next_u64() % 100 < percent,
            100.. => true,
        };
        if happens(rng, self.lost) {
            return Vec::new();
        }
        let count = if happens(rng, self.doubled) { 2 } else { 1 };
        let (least, most) = self.delay_ms;
        let delay = |_| {
            let more = if most > least { rng.next_u64() % (most - least + 1) } else { 0 };
            least + more
        };
        (0..count).map(delay).collect()
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
