//! What one peer may make this node take in (NET-3).

use std::time::{Duration, Instant};

/// The size of a bucket, by the time it takes to fill.
const BURST: Duration = Duration::from_secs(4);

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// What each peer may send in a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) bytes: u64,
    pub(super) messages: u64,
}

/// Gossip and requests beyond which a peer has to wait. Each message may cost the check of a
/// signature, however few bytes it has, so both are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    bytes: Bucket,
    messages: Bucket,
}

impl Allowance {
    /// Everything that a peer may send at once.
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        let Rates { bytes, messages } = rates;
        Self { bytes: Bucket::new(bytes, now), messages: Bucket::new(messages, now) }
    }

    /// Counts a message with so many bytes, if the peer may send it.
    pub(super) fn take(&mut self, bytes: usize, rates: Rates, now: Instant) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.fill(rates, now);
        let is_allowed = bytes <= self.bytes.left && self.messages.left > 0;
        if is_allowed {
            self.bytes.left -= bytes;
            self.messages.left -= 1;
        }
        is_allowed
    }

    /// Counts an answer. This node asked for it, and for no more than it can take: it is never
    /// refused, and leaves the peer less to say besides.
    pub(super) fn answered(&mut self, rates: Rates, now: Instant) {
        self.messages.fill(rates.messages, now);
        self.messages.left = self.messages.left.saturating_sub(1);
    }

    /// Whether it is as good as a new one.
    pub(super) fn is_full(&mut self, rates: Rates, now: Instant) -> bool {
        self.fill(rates, now);
        self.bytes.left >= filled(rates.bytes, BURST)
            && self.messages.left >= filled(rates.messages, BURST)
    }

    fn fill(&mut self, rates: Rates, now: Instant) {
        self.bytes.fill(rates.bytes, now);
        self.messages.fill(rates.messages, now);
    }
}

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at: Instant,
}

impl Bucket {
    fn new(per_second: u64, now: Instant) -> Self {
        Self { left: filled(per_second, BURST), at: now }
    }

    /// Time that is too short for one more stays for the next fill: `at` moves by what was filled.
    fn fill(&mut self, per_second: u64, now: Instant) {
        let more = filled(per_second, now.saturating_duration_since(self.at));
        if more > 0 {
            self.left = self.left.saturating_add(more).min(filled(per_second, BURST));
            self.at = (self.at + time_to_fill(per_second, more)).min(now);
        }
    }
}

fn filled(per_second: u64, time: Duration) -> u64 {
    let filled = u128::from(per_second).saturating_mul(time.as_nanos()) / NANOS_PER_SECOND;
    u64::try_from(filled).unwrap_or(u64::MAX)
}

/// Rounded up, so that nobody gains by sending often.
fn time_to_fill(per_second: u64, count: u64) -> Duration {
    let nanos = u128::from(count) * NANOS_PER_SECOND;
    let nanos = nanos.div_ceil(u128::from(per_second.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn net_3_a_peer_has_a_burst_of_bytes_and_then_so_many_a_second() {
        let rates = Rates { bytes: 1_000, messages: 1_000 };
        let start = Instant::now();
        let mut allowance = Allowance::new(rates, start);
        assert!(!allowance.take(4_001, rates, start));
        assert!(allowance.take(4_000, rates, start));
        assert!(!allowance.take(1, rates, start));
        let later = start + HALF;
        assert!(!allowance.take(501, rates, later));
        assert!(allowance.take(500, rates, later));
        assert!(!allowance.take(4_001, rates, later + BURST * 9), "never more than a burst");
        assert!(allowance.take(4_000, rates, later + BURST * 9));
    }

    #[test]
    fn net_3_small_messages_are_counted_beside_their_bytes() {
        let rates = Rates { bytes: 1 << 20, messages: 10 };
        let start = Instant::now();
        let mut allowance = Allowance::new(rates, start);
        let taken = |allowance: &mut Allowance, now| {
            (0..1_000).take_while(|_| allowance.take(1, rates, now)).count()
        };
        assert_eq!(taken(&mut allowance, start), 40);
        assert_eq!(taken(&mut allowance, start + HALF), 5);
        assert_eq!(taken(&mut allowance, start + BURST * 9), 40, "never more than a burst");
    }

    #[test]
    fn net_3_who_sends_often_has_all_of_its_rate_and_no_more() {
        // Neither 19 bytes nor a message is a whole number of milliseconds.
        let often = Duration::from_micros(1_900);
        let sent = |rates: Rates, bytes| {
            let start = Instant::now();
            let mut allowance = Allowance::new(rates, start);
            let times = (0..50_000).map(|number| start + often * number);
            times.filter(|now| allowance.take(bytes, rates, *now)).count()
        };
        let seconds = often * 49_999 + BURST;
        let by_bytes = Rates { bytes: 10_000, messages: 1_000 };
        assert_eq!(sent(by_bytes, 19), 50_000, "as much as it may");
        assert_eq!(sent(by_bytes, 25) as u128, seconds.as_millis() * 10 / 25);
        let by_messages = Rates { bytes: 1 << 20, messages: 100 };
        assert_eq!(sent(by_messages, 1) as u128, seconds.as_millis() / 10);
    }

    #[test]
    fn net_3_answers_are_never_refused_and_counted_with_the_rest() {
        let rates = Rates { bytes: 1 << 20, messages: 10 };
        let start = Instant::now();
        let mut allowance = Allowance::new(rates, start);
        (0..39).for_each(|_| allowance.answered(rates, start));
        assert!(allowance.take(1, rates, start));
        assert!(!allowance.take(1, rates, start));
        (0..100).for_each(|_| allowance.answered(rates, start));
        assert!(allowance.take(1, rates, start + HALF), "they make no debts");
    }

    #[test]
    fn net_3_what_was_used_is_full_again_after_a_burst_at_the_latest() {
        let rates = Rates { bytes: 1_000, messages: 10 };
        let start = Instant::now();
        let mut allowance = Allowance::new(rates, start);
        assert!(allowance.is_full(rates, start));
        assert!(allowance.take(4_000, rates, start));
        assert!(!allowance.is_full(rates, start + HALF));
        assert!(allowance.is_full(rates, start + BURST));
        (0..40).for_each(|_| allowance.answered(rates, start + BURST));
        assert!(!allowance.is_full(rates, start + BURST + HALF), "both are counted");
        assert!(allowance.is_full(rates, start + BURST * 2));
    }
}
