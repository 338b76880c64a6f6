use super::*;
use crate::scenario::generate;

mod faults;

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
    const SEEDS: u64 = 80;
    let mut missed = Vec::new();
    for (bug, invariants) in Bug::TABLE {
        for invariant in invariants {
            let is_caught = |seed: &u64| {
                let scenario = generate(*seed);
                let report = twice_where_needed(&scenario, bug, *invariant);
                report.violation.is_some_and(|violation| violation.invariant == *invariant)
            };
            let caught = (0..SEEDS).find(is_caught);
            println!("{bug:?} caught by {invariant} with seed {caught:?}");
            if caught.is_none() {
                missed.push((bug, *invariant));
            }
        }
    }
    assert_eq!(missed, [], "not caught in {SEEDS} seeds");
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

#[test]
fn attack_55_a_crash_at_every_touch_of_the_world_loses_nothing_that_was_said() {
    let mut fallen = 0;
    for node in [0, 1] {
        for tail in ["kept", "lost", "torn"] {
            for touch in 1..=30 {
                let text = format!(
                    "folkmoot scenario 1\nnodes 2\nsnapshots 2\nfound 0\nwait 100\n\
                     join 0 1 admin\nwait 2000\ncrash {node} {touch} {tail}\n\
                     govern 0 0 create\ngovern 1 0 create\nwait 300\ngovern {node} 0 name 1\n\
                     wait 3000\n"
                );
                let scenario = Scenario::parse(&text).unwrap();
                let mut runner = Runner::new(&scenario, Bug::None, None, Variant::Same);
                assert_eq!(runner.go().err(), None, "{text}");
                fallen += runner.world.nodes.iter().filter(|node| node.run() > 1).count();
            }
        }
    }
    assert!(fallen > 120, "{fallen} of 180 crash points were reached");
}

#[test]
fn every_class_of_faults_is_drawn() {
    let all: Vec<String> =
        (0..200).flat_map(|seed| generate(seed).actions).map(|it| it.to_string()).collect();
    let words = [
        "found", "join", "race", "govern", "kill", "crash", "stop", "boot", "lose", "disk", "cut",
        "heal", "isolate", "split", "bridge", "mute", "mend", "clock", "freeze", "drift", "pause",
        "lie", "harm",
    ];
    for word in words {
        assert!(all.iter().any(|action| action.starts_with(word)), "{word}");
    }
    let profiles: BTreeSet<String> =
        (0..400).map(|seed| format!("{:?}", generate(seed).options.profile)).collect();
    assert_eq!(profiles.len(), 9, "{profiles:?}");
}

/// Marks that the first seeds have to hit.
const MUST: [&str; 54] = [
    "A7: nonce",
    "A8: stranger",
    "A9: state hash",
    "A10: signer",
    "cut off",
    "epoch moved",
    "equivocation",
    "found again",
    "full: lists",
    "full: notes on peers",
    "full: ops of newer rules",
    "full: refused ids",
    "full: waiting ops",
    "full: waiting ops of a signer",
    "heads joined",
    "join: asking",
    "join: cancelled",
    "join: confirmed",
    "join: expired",
    "join: invitation invalid",
    "join: nobody there",
    "join: partners failed",
    "join: pull incomplete",
    "join: pulling",
    "join: refused",
    "op judged at an old cut",
    "op parked",
    "op revived",
    "op voided",
    "ready: alone",
    "ready: catching up",
    "ready: nobody heard",
    "ready: ops wait",
    "ready: validated",
    "refused: member already",
    "refused: no room",
    "refused: unknown namespace",
    "refused: would be dropped",
    "refused: would be void",
    "sync: gone",
    "sync: in sync",
    "sync: lacking",
    "sync: lied",
    "sync: refused",
    "sync: stalled",
    "void: invitation spent",
    "void: slot lost",
    "void: struck",
    "world: crash point",
    "world: disk full",
    "world: node lost",
    "world: op unreadable",
    "world: restart from a snapshot",
    "world: sync failed",
];

#[test]
fn some_hundred_seeds_reach_what_they_must() {
    let mut marks = Marks::default();
    for seed in 0..200 {
        let report = run(&generate(seed));
        assert_eq!(report.violation, None, "seed {seed}");
        marks.add(&report.marks);
    }
    let missed: Vec<&str> = marks.missed().filter(|name| MUST.contains(name)).collect();
    println!("never reached: {:?}", marks.missed().collect::<Vec<_>>());
    assert_eq!(missed, Vec::<&str>::new());
}
