//! What this node said in its last beacons: news is said soon and twice, the rest rarely.

use crate::limits::NEWS_COUNT;
use borsh::{BorshDeserialize, BorshSerialize};

/// The beacons of this node since there was news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Said {
    /// Digest of the heads in the last one.
    heads: [u8; 32],
    /// How many said the same, one after the other.
    times: u8,
}

impl Said {
    /// Notes a beacon with heads of this digest. Whether the next one has time.
    pub fn note(&mut self, heads: [u8; 32]) -> bool {
        let times = if heads == self.heads { self.times } else { 0 };
        *self = Self { heads, times: times.saturating_add(1) };
        self.is_quiet()
    }

    /// Notes that somebody is here, or something, that makes the next beacon news. Whether it had
    /// time until now.
    pub fn begin_again(&mut self) -> bool {
        let was_quiet = self.is_quiet();
        self.times = 0;
        was_quiet
    }

    const fn is_quiet(&self) -> bool {
        self.times >= NEWS_COUNT
    }
}
