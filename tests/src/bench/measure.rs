//! Measuring two pieces of work against each other.

use super::Options;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Rounds that are measured after the warm-up.
const ROUNDS: usize = 7;
/// All rounds of one trial together take about this long at most; there are fewer then.
const TRIAL_MAX: Duration = Duration::from_secs(25);

/// Our work, and its yardstick.
pub(super) trait Trial {
    /// Makes ready what a round needs; not measured.
    fn prepare(&mut self) {}
    /// Our work.
    fn ours(&mut self);
    /// Clears away what our work left open; not measured.
    fn between(&mut self) {}
    /// What it is compared with.
    fn yardstick(&mut self);
    /// Asserts the result of both; not measured.
    fn check(&mut self) {}
}

/// Which time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Of this process, on all its threads.
    Cpu,
    /// On the wall.
    Wall,
}

/// CPU time of this process.
pub(super) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How long `work` takes.
pub(super) fn time(clock: Clock, work: impl FnOnce()) -> Duration {
    match clock {
        Clock::Cpu => {
            let before = cpu_time();
            work();
            cpu_time().saturating_sub(before)
        }
        Clock::Wall => {
            let before = Instant::now();
            work();
            before.elapsed()
        }
    }
}

/// Samples of one quantity.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    /// Takes up one duration, in microseconds for each of `count` pieces of work.
    pub(super) fn add(&mut self, duration: Duration, count: usize) {
        self.0.push(duration.as_secs_f64() * 1e6 / count.max(1) as f64);
    }

    /// Takes up a figure of another kind.
    pub(super) fn note(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The median; of an even number the lower one.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
    }

    /// The least.
    pub(super) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }
}

/// Samples of our work and of its yardstick.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// Our work.
    pub(super) ours: Samples,
    /// The yardstick.
    pub(super) yardstick: Samples,
}

impl Measured {
    /// Takes up the samples of another.
    pub(super) fn join(&mut self, other: Self) {
        self.ours.0.extend(other.ours.0);
        self.yardstick.0.extend(other.yardstick.0);
    }
}

/// Measures a trial of `count` pieces of work: a warm-up, then ours and the yardstick in turns.
pub(super) fn measure(
    options: Options,
    clock: Clock,
    count: usize,
    trial: &mut impl Trial,
) -> Measured {
    repeat(options, |measured| round(clock, count, trial, measured))
}

/// Does a round as often as the time allows, after a warm-up, and gives what it noted.
pub(super) fn repeat<T: Default>(options: Options, mut round: impl FnMut(&mut T)) -> T {
    let started = Instant::now();
    let mut warm_up = T::default();
    round(&mut warm_up);
    if options.tiny {
        return warm_up;
    }
    let each = started.elapsed();
    let (mut noted, mut count) = (T::default(), 0);
    while count < ROUNDS && started.elapsed() + each < TRIAL_MAX {
        round(&mut noted);
        count += 1;
    }
    // What takes so long does not need to be warmed up.
    if count == 0 { warm_up } else { noted }
}

fn round(clock: Clock, count: usize, trial: &mut impl Trial, measured: &mut Measured) {
    trial.prepare();
    measured.ours.add(time(clock, || trial.ours()), count);
    trial.between();
    measured.yardstick.add(time(clock, || trial.yardstick()), count);
    trial.check();
}

/// The exponent by which a cost grows from one size to another: 0 is flat, 1 is linear.
pub(super) fn exponent(small: (usize, f64), large: (usize, f64)) -> f64 {
    (large.1 / small.1).ln() / (large.0 as f64 / small.0 as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_minimum_and_exponent() {
        let mut samples = Samples::default();
        for figure in [5.0, 1.0, 3.0, 9.0] {
            samples.note(figure);
        }
        assert_eq!((samples.len(), samples.median(), samples.min()), (4, 3.0, 1.0));
        assert!((exponent((10, 2.0), (1_000, 20.0)) - 0.5).abs() < 1e-9);
    }

    struct Turns(String);

    impl Trial for Turns {
        fn prepare(&mut self) {
            self.0.push('p');
        }

        fn ours(&mut self) {
            self.0.push('a');
        }

        fn yardstick(&mut self) {
            self.0.push('b');
        }

        fn check(&mut self) {
            self.0.push('c');
        }
    }

    #[test]
    fn ours_and_the_yardstick_take_turns_after_a_warm_up() {
        let mut trial = Turns(String::new());
        let options = Options { json: false, tiny: false, max_size: 1 };
        let measured = measure(options, Clock::Cpu, 1, &mut trial);
        assert_eq!((measured.ours.len(), measured.yardstick.len()), (ROUNDS, ROUNDS));
        assert_eq!(trial.0, "pabc".repeat(ROUNDS + 1));
    }
}
