//! Integer random numbers: the same seed gives the same world on every machine.

/// A generator of the `SplitMix64` kind.
#[derive(Clone, Debug, Default)]
pub struct Prng {
    state: u64,
}

impl Prng {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds are mixed apart.
        let mut rng = Self { state: seed };
        Self { state: rng.next_u64() ^ seed.rotate_left(32) }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let drawn = self.next_u64().checked_rem(bound).unwrap_or_default();
        usize::try_from(drawn).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, `None` where there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// One of `items`, each as often as its weight says; `None` where all weights are 0.
    pub fn weighted<T: Copy>(&mut self, items: &[(T, usize)]) -> Option<T> {
        let mut drawn = self.below(items.iter().map(|(_, weight)| weight).sum());
        for (item, weight) in items {
            if drawn < *weight {
                return Some(*item);
            }
            drawn -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence() {
        let draw = |seed| {
            let mut rng = Prng::new(seed);
            [(); 4].map(|()| rng.next_u64())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn weights_are_respected() {
        let mut rng = Prng::new(3);
        let drawn: Vec<_> = (0..100).filter_map(|_| rng.weighted(&[('a', 0), ('b', 5)])).collect();
        assert!(drawn.len() == 100 && drawn.iter().all(|item| *item == 'b'));
        assert_eq!(rng.weighted(&[('a', 0)]), None);
    }
}
