//! Random worlds: on every prefix of several orders of arrival, engine and oracle are the same.

use folkmoot_sim::compare::{Covered, compare};
use folkmoot_sim::world::{Profile, World};

/// Worlds of each profile.
const SEEDS: u64 = 24;

#[test]
fn k8_k9_k12_every_profile_engine_and_oracle_agree() {
    let mut covered = Covered::default();
    for profile in Profile::ALL {
        for seed in 0..SEEDS {
            let world = World::generate(seed, profile);
            if let Err(mismatch) = compare(&world, 1, &mut covered) {
                panic!("{mismatch}\nagain: moot-worlds seed {seed}, profile {profile:?}");
            }
        }
    }
    println!("{covered:?}");
    assert_eq!(covered.worlds, SEEDS * Profile::ALL.len() as u64);
    // Not a comparison of nothing with nothing.
    assert!(covered.void > 1_000 && covered.refused > 1_000, "{covered:?}");
}
