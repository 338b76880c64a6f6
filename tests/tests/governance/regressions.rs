//! Worlds in which engine and oracle once differed: `tests/regressions/worlds`.

use folkmoot_sim::compare::{Covered, compare};
use folkmoot_sim::world::{Profile, World};

const WORLDS: &str = include_str!("../../regressions/worlds");

#[test]
fn worlds_that_once_failed_do_not() {
    let mut covered = Covered::default();
    for line in WORLDS.lines().filter(|line| !line.starts_with('#')) {
        let (name, seed) = line.split_once(' ').unwrap();
        let profile = Profile::ALL.into_iter().find(|profile| format!("{profile:?}") == name);
        let world = World::generate(seed.parse().unwrap(), profile.unwrap());
        if let Err(mismatch) = compare(&world, 3, &mut covered) {
            panic!("{line}: {mismatch}");
        }
    }
    assert!(covered.worlds > 0);
}
