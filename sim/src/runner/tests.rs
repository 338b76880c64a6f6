use super::*;
use crate::scenario::generate;

#[test]
fn the_first_seeds_hold() {
    for seed in 0..12 {
        let report = run(&generate(seed));
        assert_eq!(report.violation, None, "seed {seed}");
    }
}

#[test]
fn i42_a_scenario_has_one_run() {
    for seed in [2, 9, 38] {
        let scenario = generate(seed);
        let (one, two) = (run(&scenario), run(&scenario));
        assert_eq!(one, two);
        let other = Scenario { seed: seed + 1_000, ..scenario };
        assert_ne!(run(&other).digest, one.digest, "the digest says nothing");
    }
}

#[test]
fn every_planted_bug_is_caught_by_the_checker_that_it_is_for() {
    const SEEDS: u64 = 40;
    for (bug, invariants) in Bug::TABLE {
        for invariant in invariants {
            let is_caught = |seed: &u64| {
                let scenario = generate(*seed);
                let report = twice_where_needed(&scenario, bug, *invariant);
                report.violation.is_some_and(|violation| violation.invariant == *invariant)
            };
            let caught = (0..SEEDS).find(is_caught);
            assert!(caught.is_some(), "{bug:?} is not caught by {invariant} in {SEEDS} seeds");
            println!("{bug:?} caught by {invariant} with seed {caught:?}");
        }
    }
}

#[test]
fn any_part_of_a_scenario_is_one() {
    let scenario = generate(4);
    for skipped in [2, 3, 5] {
        let actions = scenario.actions.iter().enumerate();
        let left = actions.filter(|(at, _)| at % skipped != 0).map(|(_, action)| action.clone());
        let part = Scenario { actions: left.collect(), ..scenario.clone() };
        assert_eq!(run(&part).violation, None);
    }
    let nothing = Scenario { actions: Vec::new(), ..scenario };
    assert_eq!(run(&nothing).violation, None);
}
