//! What one peer may make this node take in (NET-3).

use std::time::{Duration, Instant};

/// Bytes of gossip and requests, beyond which a peer has to wait: a bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u64,
    at: Instant,
}

/// The size of a bucket, by the time it takes to fill.
const BURST: Duration = Duration::from_secs(4);

impl Allowance {
    /// A full bucket.
    pub(super) fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self { left: filled(bytes_per_second, BURST), at: now }
    }

    /// Takes so many bytes out, if there are as many.
    pub(super) fn take(&mut self, bytes: usize, bytes_per_second: u64, now: Instant) -> bool {
        let more = filled(bytes_per_second, now.saturating_duration_since(self.at));
        if more > 0 {
            let most = filled(bytes_per_second, BURST);
            self.left = self.left.saturating_add(more).min(most);
            self.at = now;
        }
        let rest = u64::try_from(bytes).ok().and_then(|bytes| self.left.checked_sub(bytes));
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

fn filled(bytes_per_second: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes_per_second.saturating_mul(millis) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_3_a_peer_has_a_burst_and_then_so_much_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(1_000, start);
        assert!(!allowance.take(4_001, 1_000, start));
        assert!(allowance.take(4_000, 1_000, start));
        assert!(!allowance.take(1, 1_000, start));
        let later = start + Duration::from_millis(500);
        assert!(!allowance.take(501, 1_000, later));
        assert!(allowance.take(500, 1_000, later));
        assert!(!allowance.take(4_001, 1_000, later + BURST * 9), "never more than a burst");
        assert!(allowance.take(4_000, 1_000, later + BURST * 9));
    }
}
