//! The clocks of a node: its own idea of the time, made of the time of the world.

use super::START_UNIX_MS;
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};

/// Parts in a whole, of a drift.
const MILLION: i64 = 1_000_000;

/// The clocks of one node.
///
/// The monotonic clock counts from the start of the process, stands still while the machine
/// sleeps, and never goes back. The wall clock is whatever somebody set it to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeClock {
    /// How far the wall clock is ahead, in milliseconds.
    pub ahead_ms: i64,
    /// How far all wall clocks of this world are ahead of [`START_UNIX_MS`], in milliseconds.
    pub shift_ms: i64,
    /// From when until when the wall clock stands still, by the time of the world.
    frozen: Option<(u64, u64)>,
    /// By how many millionths the monotonic clock is fast.
    drift_ppm: i64,
    /// When the drift began, and what the monotonic clock said then.
    since: u64,
    mono_ms: u64,
}

impl NodeClock {
    /// What both clocks say at a time of the world, in milliseconds since its beginning.
    pub(super) fn at(&self, now: u64) -> Now {
        let mono = self.mono_ms.saturating_add(self.passed(now));
        let stands = self.frozen.filter(|(from, until)| (*from..*until).contains(&now));
        let now = stands.map_or(now, |(from, _)| from);
        let ahead_ms = self.ahead_ms.saturating_add(self.shift_ms);
        let unix = (START_UNIX_MS + now).saturating_add_signed(ahead_ms);
        Now { mono: MonoMillis(mono), unix: UnixMillis(unix) }
    }

    /// What the monotonic clock says, in milliseconds since the start of the process.
    pub fn mono_at(&self, now: u64) -> u64 {
        self.at(now).mono.0
    }

    /// What the wall clock says, in milliseconds since 1970.
    pub fn unix_at(&self, now: u64) -> u64 {
        self.at(now).unix.0
    }

    /// When the monotonic clock will say this, by the time of the world.
    pub(super) fn due(&self, mono: MonoMillis) -> u64 {
        let ms = mono.0.saturating_sub(self.mono_ms);
        let rate = u64::try_from(MILLION + self.drift_ppm).unwrap_or(1).max(1);
        let world = u128::from(ms) * u128::from(MILLION.unsigned_abs());
        let world = u64::try_from(world.div_ceil(u128::from(rate))).unwrap_or(u64::MAX);
        self.since.saturating_add(world)
    }

    /// The process starts: its monotonic clock begins anew.
    pub(super) fn boot(&mut self, now: u64) {
        self.settle(now);
        self.mono_ms = 0;
    }

    /// The machine sleeps for so many milliseconds from now on.
    pub(crate) fn sleep(&mut self, now: u64, ms: u64) {
        let mono_ms = self.at(now).mono.0;
        self.settle(now.saturating_add(ms));
        self.mono_ms = mono_ms;
    }

    /// The wall clock stands still for so many milliseconds from now on, and then jumps to where it
    /// would be. The monotonic clock goes on.
    pub fn freeze(&mut self, now: u64, ms: u64) {
        self.frozen = Some((now, now.saturating_add(ms)));
    }

    /// Goes faster or slower from now on, by at most a tenth.
    pub(super) fn drift(&mut self, now: u64, ppm: i64) {
        self.settle(now);
        self.drift_ppm = ppm.clamp(-MILLION / 10, MILLION / 10);
    }

    /// Begins to count anew, from what both clocks say.
    fn settle(&mut self, now: u64) {
        let says = self.at(now);
        (self.since, self.mono_ms) = (now.max(self.since), says.mono.0);
    }

    /// What the monotonic clock gained since the drift began.
    fn passed(&self, now: u64) -> u64 {
        let rate = u128::try_from(MILLION + self.drift_ppm).unwrap_or_default();
        let real = u128::from(now.saturating_sub(self.since));
        u64::try_from(real * rate / u128::from(MILLION.unsigned_abs())).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_when_the_clock_says_so_and_not_before() {
        for ppm in [-10_000, -1, 0, 1, 10_000] {
            let mut clock = NodeClock::default();
            clock.boot(500);
            clock.drift(500, ppm);
            for ms in [0, 1, 7, 1_000, 3_600_000] {
                let due = clock.due(MonoMillis(ms));
                assert!(clock.at(due).mono.0 >= ms, "{ppm} {ms}");
                assert!(due == 500 || clock.at(due - 1).mono.0 < ms, "{ppm} {ms}");
            }
        }
    }

    #[test]
    fn a_frozen_wall_clock_stands_still_and_the_monotonic_one_goes_on() {
        let mut clock = NodeClock { shift_ms: 7, ..NodeClock::default() };
        clock.freeze(1_000, 10_000);
        let (before, frozen, after) = (clock.at(1_000), clock.at(10_999), clock.at(11_000));
        assert_eq!(before.unix, frozen.unix);
        assert_eq!(frozen.mono.0, before.mono.0 + 9_999);
        assert_eq!(after.unix.0, START_UNIX_MS + 11_007);
    }

    #[test]
    fn the_monotonic_clock_stands_still_in_sleep_and_never_goes_back() {
        let mut clock = NodeClock { ahead_ms: 5, ..NodeClock::default() };
        let before = clock.at(1_000).mono;
        clock.sleep(1_000, 60_000);
        assert_eq!(clock.at(30_000).mono, before);
        assert_eq!(clock.at(61_000).mono, before);
        // Whatever happens to it in its sleep does not wake it.
        clock.sleep(61_000, 1_000);
        clock.drift(61_500, -10_000);
        assert_eq!(clock.at(62_000).mono, before);
        assert!(clock.at(62_010).mono > before);
        assert_eq!(clock.at(62_000).unix.0, START_UNIX_MS + 62_005);
        clock.boot(70_000);
        assert_eq!(clock.at(70_000).mono, MonoMillis(0));
    }
}
