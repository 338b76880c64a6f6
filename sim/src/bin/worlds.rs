//! Compares the engine with the oracle over many random worlds.
//!
//! `worlds [COUNT [FIRST_SEED [ORDERS]]]`

use folkmoot_sim::compare::{Covered, compare};
use folkmoot_sim::world::{Profile, World};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let mut next = |default| match numbers.next() {
        None => Some(default),
        Some(number) => number.ok(),
    };
    let (Some(count), Some(first), Some(orders)) = (next(1000), next(1), next(3)) else {
        eprintln!("worlds [COUNT [FIRST_SEED [ORDERS]]]: whole numbers");
        return ExitCode::from(2);
    };
    let orders = usize::try_from(orders).unwrap_or(3);
    let start = Instant::now();
    let mut covered = Covered::default();
    for seed in first..first.saturating_add(count) {
        let world = World::generate(seed, Profile::of(seed));
        if let Err(mismatch) = compare(&world, orders, &mut covered) {
            eprintln!("{mismatch}");
            return ExitCode::FAILURE;
        }
        if covered.worlds.is_multiple_of(1000) {
            eprintln!("{} worlds, {} s", covered.worlds, start.elapsed().as_secs());
        }
    }
    println!("{covered:?} in {} s", start.elapsed().as_secs());
    ExitCode::SUCCESS
}
