//! When to try again (NET-27): arithmetic, and nothing else.

use super::JoinError;
use crate::limits::JOIN_ATTEMPT_MS_MAX;
use crate::prng::Prng;
use crate::time::MonoMillis;
use borsh::{BorshDeserialize, BorshSerialize};

/// Wait after the first attempt, before jitter, in milliseconds.
const BACKOFF_MS_MIN: u64 = 3_000;
/// Longest wait between attempts, before jitter, in milliseconds.
const BACKOFF_MS_MAX: u64 = 30_000;

/// Attempts under one absolute deadline (NET-22, NET-27).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Retry {
    deadline: MonoMillis,
    backoff_ms: u64,
    /// Until when is waited for the next attempt, also while one runs that began before.
    due: Option<MonoMillis>,
}

impl Retry {
    /// No attempt was made yet.
    pub const fn new(deadline: MonoMillis) -> Self {
        Self { deadline, backoff_ms: BACKOFF_MS_MIN, due: None }
    }

    /// An attempt begins; when it ends at the latest. One that begins before the wait is over, as
    /// somebody new came, does not end the wait.
    pub fn begin(&mut self, now: MonoMillis) -> MonoMillis {
        self.due = self.due.filter(|due| *due > now);
        now.plus(JOIN_ATTEMPT_MS_MAX).min(self.deadline)
    }

    /// How long to wait after an attempt that ended now with this error, in milliseconds. `None`
    /// where waiting does not help, or leaves no time for an attempt. After an attempt that began
    /// early the wait goes on that was running: newcomers use up no attempts.
    ///
    /// `is_borne_out`: a refusal is more than the word of whoever was met, who may be anybody.
    pub fn next(
        &mut self,
        now: MonoMillis,
        prng: &mut Prng,
        last: &JoinError,
        is_borne_out: bool,
    ) -> Option<u64> {
        if !is_retried(last, is_borne_out) {
            return None;
        }
        if let Some(due) = self.due {
            return Some(due.since(now));
        }
        let delay = self.backoff_ms;
        self.backoff_ms = delay.saturating_mul(2).min(BACKOFF_MS_MAX);
        // Drawn before the budget is looked at, so that what is compared is what is waited.
        let wait = delay.saturating_add(prng.below(delay / 4));
        let fits = wait < self.deadline.since(now);
        self.due = fits.then(|| now.plus(wait));
        fits.then_some(wait)
    }
}

/// Whether another attempt may end otherwise. A failure of the transport is a partner's.
/// Nothing bears out an expiry: the clock of one who is met later may say otherwise.
const fn is_retried(error: &JoinError, is_borne_out: bool) -> bool {
    match error {
        JoinError::NoReadyPeers { .. }
        | JoinError::PartnersFailed { .. }
        | JoinError::InvitationExpired { .. } => true,
        JoinError::Refused(_) => !is_borne_out,
        JoinError::InvitationInvalid(_)
        | JoinError::PullIncomplete { .. }
        | JoinError::Unconfirmed { .. }
        | JoinError::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::wire::Refused;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const NOBODY: JoinError = JoinError::NoReadyPeers { waited_ms: 0, probes: 0, peers_seen: 0 };

    #[test]
    fn net_27_an_attempt_takes_ten_seconds_or_what_is_left() {
        for (left, ends) in [(9_999, 9_999), (10_000, 10_000), (10_001, 10_000), (0, 0)] {
            let mut retry = Retry::new(MonoMillis(7 + left));
            assert_eq!(retry.begin(MonoMillis(7)), MonoMillis(7 + ends));
        }
    }

    #[test]
    fn net_27_what_waiting_cannot_change_is_not_tried_again() {
        let partners = JoinError::PartnersFailed { tried: Vec::new() };
        let expired = JoinError::InvitationExpired { at: crate::time::UnixMillis(1) };
        let pull = JoinError::PullIncomplete { missing: Vec::new() };
        let refused = JoinError::Refused(Refused::Expired);
        // Whether it is tried again where it is only said, and where it is borne out.
        let cases = [
            (NOBODY, [true; 2]),
            (partners, [true; 2]),
            (expired, [true; 2]),
            (refused, [true, false]),
            (pull, [false; 2]),
            (JoinError::Cancelled, [false; 2]),
        ];
        for (error, again) in cases {
            let is_tried = [false, true].map(|is_borne_out| {
                let mut retry = Retry::new(MonoMillis(u64::MAX));
                let prng = &mut Prng::new([1; 32]);
                retry.next(MonoMillis(0), prng, &error, is_borne_out).is_some()
            });
            assert_eq!(is_tried, again, "{error}");
        }
    }

    #[test]
    fn net_27_it_gives_up_at_once_when_the_wait_does_not_fit() {
        let wait = Retry::new(MonoMillis(u64::MAX))
            .next(MonoMillis(5), &mut Prng::new([2; 32]), &NOBODY, false)
            .unwrap();
        for (left, fits) in [(wait - 1, false), (wait, false), (wait + 1, true)] {
            let mut retry = Retry::new(MonoMillis(5 + left));
            let next = retry.next(MonoMillis(5), &mut Prng::new([2; 32]), &NOBODY, false);
            assert_eq!(next, fits.then_some(wait));
        }
    }

    #[test]
    fn net_27_an_attempt_that_begins_early_neither_draws_nor_doubles() {
        let mut prng = Prng::new([3; 32]);
        let mut retry = Retry::new(MonoMillis(60_000));
        let wait = retry.next(MonoMillis(0), &mut prng, &NOBODY, false).unwrap();
        let before = prng.clone();
        for at in (0..wait).step_by(100) {
            retry.begin(MonoMillis(at));
            let left = retry.next(MonoMillis(at + 1), &mut prng, &NOBODY, false);
            assert_eq!(left, Some(wait.saturating_sub(at + 1)));
        }
        // One that takes longer than the wait leaves none of it.
        let late = MonoMillis(wait + 5);
        assert_eq!(retry.next(late, &mut prng, &NOBODY, false), Some(0));
        assert_eq!(prng, before);
        // What cannot be mended ends the join, also then.
        assert_eq!(retry.next(late, &mut prng, &JoinError::Cancelled, false), None);
        retry.begin(late);
        let second = retry.next(late, &mut prng, &NOBODY, false).unwrap();
        assert!((2 * BACKOFF_MS_MIN..3 * BACKOFF_MS_MIN).contains(&second));
    }

    proptest! {
        #[test]
        fn net_27_waits_double_to_their_bound_and_jitter_stays_below_a_quarter(
            seed in any::<[u8; 32]>(),
            within in 0_u64..400_000,
        ) {
            let mut retry = Retry::new(MonoMillis(within));
            let mut prng = Prng::new(seed);
            let (mut now, mut expected) = (MonoMillis(0), BACKOFF_MS_MIN);
            loop {
                now = retry.begin(now);
                prop_assert!(now.0 <= within);
                let Some(wait) = retry.next(now, &mut prng, &NOBODY, false) else {
                    // What was left is less than the longest wait that was possible.
                    prop_assert!(within - now.0 < expected + expected / 4);
                    break;
                };
                prop_assert!(wait >= expected && wait < expected + expected / 4);
                now = now.plus(wait);
                prop_assert!(now.0 < within);
                expected = (expected * 2).min(BACKOFF_MS_MAX);
            }
        }
    }
}
