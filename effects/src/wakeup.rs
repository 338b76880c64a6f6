//! When the driver has to look up although nothing came.

use std::time::Duration;

use folkmoot_core::time::MonoMillis;

/// The longest sleep: a deadline is never missed by more, whatever the clock did meanwhile.
const SLEEP_MS_MAX: u64 = 60_000;

/// Deadlines of the reducer and of the housekeeping around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wakeup {
    /// When the reducer wants an [`Input::Wake`](folkmoot_core::input::Input::Wake).
    pub step: Option<MonoMillis>,
    /// When a mark or a flush is due.
    pub upkeep: Option<MonoMillis>,
}

impl Wakeup {
    /// Whether the reducer is to be woken.
    pub fn is_step_due(&self, now: MonoMillis) -> bool {
        self.step.is_some_and(|at| at <= now)
    }

    /// Whether housekeeping is due.
    pub fn is_upkeep_due(&self, now: MonoMillis) -> bool {
        self.upkeep.is_some_and(|at| at <= now)
    }

    /// How long to sleep at most.
    pub fn timeout(&self, now: MonoMillis) -> Duration {
        let next = [self.step, self.upkeep].into_iter().flatten().min();
        let ms = next.map_or(SLEEP_MS_MAX, |at| at.since(now).min(SLEEP_MS_MAX));
        Duration::from_millis(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_deadline_counts_and_a_past_one_is_due_at_once() {
        let wakeup = Wakeup { step: Some(MonoMillis(50)), upkeep: Some(MonoMillis(20)) };
        assert_eq!(wakeup.timeout(MonoMillis(5)), Duration::from_millis(15));
        assert_eq!(wakeup.timeout(MonoMillis(30)), Duration::ZERO);
        assert!(wakeup.is_upkeep_due(MonoMillis(20)) && !wakeup.is_step_due(MonoMillis(49)));
    }

    #[test]
    fn without_a_deadline_the_sleep_is_long_but_bounded() {
        let sleep = Wakeup::default().timeout(MonoMillis(0));
        assert_eq!(sleep, Duration::from_millis(SLEEP_MS_MAX));
    }
}
