//! Which worlds there are; a sample of them; and that a difference is found.

use super::alphabet::Base;
use super::explore::{Visitor, spell};
use super::*;
use std::collections::BTreeSet;

fn choice(letter: usize, knows: u8) -> Choice {
    Choice { knows, letter }
}

/// The worlds of two ops are counted by hand: for `n` letters, `n * n` in which the second knows
/// the first, and `n * (n - 1) / 2` in which neither knows the other.
#[test]
fn every_world_of_two_ops_is_there_once() {
    for letters in 1..6 {
        let worlds: Vec<_> = Worlds::new(letters, 2).collect();
        assert_eq!(worlds.len(), letters * letters + letters * (letters - 1) / 2);
        let distinct: BTreeSet<_> = worlds.iter().cloned().collect();
        assert_eq!(distinct.len(), worlds.len());
    }
    assert_eq!(Worlds::new(2, 1).collect::<Vec<_>>(), [[choice(0, 0)], [choice(1, 0)]]);
    assert_eq!(Worlds::new(0, 3).count() + Worlds::new(3, 0).count(), 0);
}

/// A world of three ops with every letter another is a set of ops with a past for each; however it
/// is listed, it is among the worlds.
#[test]
fn every_world_of_three_ops_is_there_in_one_listing() {
    type World = BTreeSet<(usize, BTreeSet<usize>)>;
    let world = |choices: &[Choice]| -> World {
        let past = |choice: &Choice| {
            let known = choices.iter().enumerate().filter(|(at, _)| choice.knows(*at));
            known.map(|(_, other)| other.letter).collect()
        };
        choices.iter().map(|choice| (choice.letter, past(choice))).collect()
    };
    let visited: BTreeSet<World> = Worlds::new(3, 3).map(|choices| world(&choices)).collect();
    let mut expected: BTreeSet<World> = BTreeSet::new();
    for letters in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for knows in (0..8).map(|bits: u8| [0, bits & 1, bits >> 1]) {
            let is_closed = knows[2] & 2 == 0 || knows[1] & !knows[2] == 0;
            if is_closed {
                expected.insert(world(&[0, 1, 2].map(|at| choice(letters[at], knows[at]))));
            }
        }
    }
    assert!(expected.is_subset(&visited), "{} expected", expected.len());
}

#[test]
fn shards_are_parts_of_the_whole() {
    let has = |shard, sample| {
        let selection = Selection { shard, sample, only: None };
        (0..3_000).filter(|world| selection.has(*world)).collect::<Vec<u64>>()
    };
    let mut parts = [has((1, 3), 1), has((2, 3), 1), has((3, 3), 1)].concat();
    parts.sort_unstable();
    assert_eq!(parts, has((1, 1), 1));
    let sample = has((1, 1), 10).len();
    assert!((200..400).contains(&sample), "{sample} of 3000");
}

/// K1 to K12, as far as three ops reach: all worlds of one op, and a sample of those of two and
/// three. All worlds are visited on demand by `moot-sim exhaustive`.
fn agree_on_a_sample(base: &Base) {
    let mut all = Vec::new();
    for (ops, sample) in [(1, 1), (2, 4), (3, 300)] {
        let selection = Selection { sample, ..Selection::default() };
        let covered = explore(base, ops, selection, &mut |_| {});
        all.push(covered.unwrap_or_else(|difference| panic!("{difference}")));
    }
    assert_eq!(all[0].visited, base.letters.len() as u64);
    assert!(all[1].visited > 200 && all[2].visited > 300, "{all:?}");
    assert!(all[2].voided > 0 && all[2].void_at_cut > 0, "{all:?}");
}

#[test]
fn k12_engine_and_oracle_agree_on_a_sample_of_small_worlds_about_people() {
    agree_on_a_sample(&Base::people());
}

#[test]
fn k12_engine_and_oracle_agree_on_a_sample_of_small_worlds_about_places() {
    agree_on_a_sample(&Base::places());
}

/// The engine is given another op than the oracle: the planted bug that this has to catch.
#[test]
fn an_engine_that_judges_otherwise_is_found() {
    let base = Base::people();
    let number = |name| base.letters.iter().position(|letter| letter.name == name).unwrap();
    let choices = [choice(number("P removes Q"), 0), choice(number("Q makes M an admin"), 0)];
    let other = [choices[0], choice(number("Q removes M"), 0)];
    let mut visitor = Visitor::new(&base);
    visitor.visit(&choices).unwrap();
    visitor.place(&other);
    let planted = visitor.placed[1].op.clone();
    visitor.place(&choices);
    visitor.placed[1].op = planted;
    let (order, what) = visitor.deliver().unwrap_err();
    assert!(order == [2] || order == [1, 2], "{order:?}: {what}");
    assert_eq!(
        spell(&base.letters, &choices),
        "1. P removes Q, knowing none; 2. Q makes M an admin, knowing none"
    );
}
