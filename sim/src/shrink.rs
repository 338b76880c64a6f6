//! Makes a failing scenario small: fewer actions, then fewer nodes, then plainer options, then
//! shorter times, as long as the same invariant fails.

use crate::runner::{Bug, Invariant, twice_where_needed};
use crate::scenario::{Action, Options, Scenario};

/// Runs that a search may take.
const RUNS_MAX: u64 = 2_000;

/// A scenario that was made small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest that was found.
    pub scenario: Scenario,
    /// How many runs that took.
    pub runs: u64,
}

/// Makes a scenario small in which an invariant fails; one in which it does not stays as it is.
pub fn shrink(scenario: &Scenario, bug: Bug, invariant: Invariant) -> Shrunk {
    let is_failing = |candidate: &Scenario| {
        let report = twice_where_needed(candidate, bug, invariant);
        report.violation.is_some_and(|violation| violation.invariant == invariant)
    };
    search(scenario, is_failing)
}

/// Makes a scenario small as long as `is_failing` says that it fails.
fn search(scenario: &Scenario, is_failing: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut search = Search { best: scenario.clone(), runs: 0, is_failing };
    // What is left out may make something else superfluous.
    loop {
        let before = search.best.clone();
        search.fewer_actions();
        search.fewer_nodes();
        search.plainer_options();
        search.shorter_times();
        if search.best == before || search.is_over() {
            break;
        }
    }
    Shrunk { scenario: search.best, runs: search.runs }
}

struct Search<F> {
    best: Scenario,
    runs: u64,
    is_failing: F,
}

impl<F: FnMut(&Scenario) -> bool> Search<F> {
    fn is_over(&self) -> bool {
        self.runs >= RUNS_MAX
    }

    /// Takes a candidate that fails too; says whether it does.
    fn take(&mut self, candidate: Scenario) -> bool {
        if self.is_over() || candidate == self.best {
            return false;
        }
        self.runs += 1;
        let is_failing = (self.is_failing)(&candidate);
        if is_failing {
            self.best = candidate;
        }
        is_failing
    }

    /// Leaves out runs of actions, long ones first.
    fn fewer_actions(&mut self) {
        let mut length = self.best.actions.len().div_ceil(2);
        while length > 0 && !self.is_over() {
            let mut at = 0;
            while at < self.best.actions.len() {
                let mut candidate = self.best.clone();
                let end = candidate.actions.len().min(at + length);
                candidate.actions.drain(at..end);
                if !self.take(candidate) {
                    at += length;
                }
            }
            length /= 2;
        }
    }

    fn fewer_nodes(&mut self) {
        for nodes in 1..self.best.options.nodes {
            let mut candidate = self.best.clone();
            candidate.options.nodes = nodes;
            if self.take(candidate) {
                return;
            }
        }
    }

    fn plainer_options(&mut self) {
        let plain = Options::default();
        let changes: [fn(&mut Options, &Options); 7] = [
            |options, plain| options.profile = plain.profile,
            |options, plain| options.owners = plain.owners,
            |options, plain| options.snapshot_every = plain.snapshot_every,
            |options, plain| options.anchor_ops = plain.anchor_ops,
            |options, plain| options.memory = plain.memory,
            |options, plain| options.topic = plain.topic.clone(),
            |options, plain| options.stream = plain.stream.clone(),
        ];
        for change in changes {
            let mut candidate = self.best.clone();
            change(&mut candidate.options, &plain);
            self.take(candidate);
        }
    }

    fn shorter_times(&mut self) {
        for at in 0..self.best.actions.len() {
            for shorter in [|_| 0, |ms: u64| ms / 10, |ms: u64| ms / 2] {
                let mut candidate = self.best.clone();
                let Some(Action::Wait(ms) | Action::Pause { ms, .. } | Action::Freeze { ms, .. }) =
                    candidate.actions.get_mut(at)
                else {
                    break;
                };
                *ms = shorter(*ms);
                if self.take(candidate) {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::run_with;
    use crate::scenario::generate;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let scenario = generate(5);
        let is_failing = |candidate: &Scenario| {
            let waits = candidate.actions.iter().filter(|it| matches!(it, Action::Wait(_)));
            candidate.options.nodes >= 2 && waits.count() >= 3
        };
        assert!(is_failing(&scenario));
        let Shrunk { scenario, .. } = search(&scenario, is_failing);
        assert_eq!(scenario.actions, [Action::Wait(0), Action::Wait(0), Action::Wait(0)]);
        assert_eq!(scenario.options, Options { nodes: 2, ..Options::default() });
    }

    #[test]
    fn a_failure_is_shrunk_below_thirty_actions_and_fails_again_from_its_text() {
        let (bug, invariant) = (Bug::LoseRecord, Invariant::I6);
        let failing = (0..100)
            .map(generate)
            .find(|scenario| run_with(scenario, bug, Some(invariant)).violation.is_some());
        let Shrunk { scenario, runs } = shrink(&failing.unwrap(), bug, invariant);
        assert!(scenario.actions.len() < 30, "{scenario}");
        println!("{runs} runs\n{scenario}");
        let read = Scenario::parse(&scenario.to_string()).unwrap();
        let found = run_with(&read, bug, Some(invariant)).violation.map(|it| it.invariant);
        assert_eq!(found, Some(invariant));
    }
}
