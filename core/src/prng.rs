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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode_own, encode};
    use alloc::collections::BTreeSet;

    #[test]
    fn a_seed_fixes_the_stream_and_another_gives_another() {
        let draws = |seed: u8| -> [[u8; 16]; 4] {
            let mut prng = Prng::new([seed; 32]);
            core::array::from_fn(|_| prng.bytes())
        };
        assert_eq!(draws(1), draws(1));
        let different: BTreeSet<[u8; 16]> = [draws(1), draws(2)].into_iter().flatten().collect();
        assert_eq!(different.len(), 8);
    }

    #[test]
    fn a_stored_generator_goes_on_where_it_was() {
        let mut prng = Prng::new([3; 32]);
        prng.bytes();
        let mut restored: Prng = decode_own(&encode(&prng)).unwrap();
        assert_eq!(restored.bytes(), prng.bytes());
        assert_eq!(restored, prng);
    }

    #[test]
    fn numbers_are_below_their_bound_and_reach_all_of_it() {
        let mut prng = Prng::new([4; 32]);
        assert_eq!((prng.below(0), prng.below(1)), (0, 0));
        let seen: BTreeSet<u64> = (0..200).map(|_| prng.below(7)).collect();
        assert!(seen.iter().copied().eq(0..7));
        assert!((0..8).any(|_| prng.below(u64::MAX) > u64::from(u32::MAX)));
    }
}
