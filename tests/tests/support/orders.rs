//! Orders of arrival.

use folkmoot_core::id::OpId;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_sim::world::Prng;
use std::collections::BTreeSet;

/// Whether no op stands before one of its parents.
pub(crate) fn is_causal(log: &[Verified<Op>], order: &[usize]) -> bool {
    let mut known = BTreeSet::new();
    order.iter().all(|at| {
        known.insert(log[*at].id);
        log[*at].payload.parents.iter().all(|parent| known.contains(parent))
    })
}

/// Orders in which parents come first, as positions in `log`: all of them where there are at most
/// `most`, otherwise `most` random ones, the same in every run.
pub(crate) fn orders(log: &[Verified<Op>], most: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    extend(log, &mut Vec::new(), &mut all, most + 1);
    if all.len() <= most {
        return all;
    }
    let mut rng = Prng::new(log.len() as u64);
    (0..most).map(|_| random(log, &mut rng)).collect()
}

fn ready(log: &[Verified<Op>], taken: &[usize]) -> Vec<usize> {
    let known: BTreeSet<OpId> = taken.iter().map(|at| log[*at].id).collect();
    let is_ready = |at: &usize| {
        let op = &log[*at];
        !known.contains(&op.id) && op.payload.parents.iter().all(|id| known.contains(id))
    };
    (0..log.len()).filter(is_ready).collect()
}

fn extend(log: &[Verified<Op>], taken: &mut Vec<usize>, all: &mut Vec<Vec<usize>>, most: usize) {
    if taken.len() == log.len() {
        all.push(taken.clone());
        return;
    }
    for next in ready(log, taken) {
        if all.len() >= most {
            return;
        }
        taken.push(next);
        extend(log, taken, all, most);
        taken.pop();
    }
}

fn random(log: &[Verified<Op>], rng: &mut Prng) -> Vec<usize> {
    let mut taken = Vec::new();
    while taken.len() < log.len() {
        let ready = ready(log, &taken);
        taken.push(*rng.pick(&ready).unwrap());
    }
    taken
}
