//! Time as an input.

use borsh::{BorshDeserialize, BorshSerialize};

/// Milliseconds of a clock that never goes back, counted from an arbitrary start of the process.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize,
)]
pub struct MonoMillis(pub u64);

impl MonoMillis {
    /// The moment `ms` milliseconds later; saturates at the end of time.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, 0 if that lies in the future.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since 1970-01-01 UTC by the clock of this machine, which may be wrong.
///
/// Shown to people and used for expiry at a witness; never part of a verdict.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize,
)]
pub struct UnixMillis(pub u64);

/// The time that comes with each input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Now {
    /// For timers and ages.
    pub mono: MonoMillis,
    /// For people, and for expiry.
    pub unix: UnixMillis,
}
