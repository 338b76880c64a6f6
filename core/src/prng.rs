//! Random numbers of the reducer: a stream that the seed of the run fixes.

use crate::digest::{Domain, hasher};
use borsh::{BorshDeserialize, BorshSerialize};

/// A deterministic generator: block n is the digest of the seed and n.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Prng {
    seed: [u8; 32],
    count: u64,
}

impl Prng {
    /// The stream of a seed.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    /// The next 16 bytes.
    pub fn bytes(&mut self) -> [u8; 16] {
        let mut hasher = hasher(Domain::Prng);
        hasher.update(&self.seed).update(&self.count.to_le_bytes());
        self.count = self.count.wrapping_add(1);
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        bytes
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of a 128-bit draw is beyond notice.
        let draw = u128::from_le_bytes(self.bytes());
        draw.checked_rem(u128::from(bound)).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    }
}
