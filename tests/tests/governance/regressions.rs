//! What once failed: worlds in which engine and oracle differed (`tests/regressions/worlds`), and
//! scenarios of the simulator in which something did not hold (`tests/regressions/scenarios/`).

use folkmoot_sim::compare::{Covered, compare};
use folkmoot_sim::runner::run_again;
use folkmoot_sim::scenario::Scenario;
use folkmoot_sim::world::{Profile, World};
use std::fs;
use std::path::Path;

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

#[test]
fn scenarios_that_once_failed_do_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions/scenarios");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(run_again(&scenario).violation, None, "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
}
