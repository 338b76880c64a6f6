//! Own ops that no other member is known to have, and when they are published again (NET-34).
//!
//! The own chain tells which ops there are; all that is kept here is how far others are known to
//! have it. A restart forgets that, until a beacon or an ack says it again.

use crate::limits::{LACKING_MS, OUTBOX_MS_MAX, OUTBOX_MS_MIN, OUTBOX_OPS_MAX, OUTBOX_TIMES_MAX};
use crate::time::MonoMillis;
use alloc::collections::VecDeque;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::RangeInclusive;

/// How far others have the own chain. Ops are named by their nonces, which count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Outbox {
    /// The highest nonce that another member has, with all below it.
    covered: u64,
    /// When the first ops above that were written in this run, ascending.
    written: VecDeque<(u64, MonoMillis)>,
    /// Not after any op was written whose time is not kept.
    since: MonoMillis,
    /// How long until the next turn but one, in milliseconds.
    delay_ms: u64,
    /// The last turn.
    last_turn: Option<MonoMillis>,
}

impl Outbox {
    /// The highest nonce that another member is known to have; 0 for none.
    pub const fn covered(&self) -> u64 {
        self.covered
    }

    /// How many ops up to the own `last` nobody else is known to have.
    pub const fn undelivered(&self, last: u64) -> u64 {
        last.saturating_sub(self.covered)
    }

    /// The namespace is taken part in from here on.
    pub fn begin(&mut self, now: MonoMillis) {
        self.since = now;
    }

    /// An own op was written.
    pub fn note_written(&mut self, nonce: u64, now: MonoMillis) {
        if self.written.len() < OUTBOX_TIMES_MAX {
            self.written.push_back((nonce, now));
        }
    }

    /// Another member has everything up to this nonce. True where that is news.
    pub fn cover(&mut self, nonce: u64) -> bool {
        if nonce <= self.covered {
            return false;
        }
        self.covered = nonce;
        while let Some((_, at)) = self.written.pop_front_if(|(written, _)| *written <= nonce) {
            self.since = at;
        }
        true
    }

    /// Since when the oldest undelivered op has waited in this run, at most.
    pub fn oldest_since(&self, last: u64) -> Option<MonoMillis> {
        let oldest = (self.undelivered(last) > 0).then(|| self.covered.saturating_add(1))?;
        let first = self.written.front().filter(|(nonce, _)| *nonce == oldest);
        Some(first.map_or(self.since, |(_, at)| *at))
    }

    /// Begins with the shortest delay again: when the first turn is.
    pub const fn restart(&mut self, now: MonoMillis) -> MonoMillis {
        self.delay_ms = 0;
        now.plus(OUTBOX_MS_MIN)
    }

    /// When the next turn is, after a member was seen to lack something.
    pub fn hurry(&self, now: MonoMillis) -> MonoMillis {
        let soonest = self.last_turn.map_or(now, |last| last.plus(LACKING_MS));
        soonest.max(now.plus(OUTBOX_MS_MIN))
    }

    /// The nonces to publish now, the oldest first, and when the next turn is: `None` where
    /// others have everything up to `last`.
    pub fn turn(
        &mut self,
        last: u64,
        now: MonoMillis,
    ) -> Option<(RangeInclusive<u64>, MonoMillis)> {
        let due = self.oldest_since(last)?.plus(OUTBOX_MS_MIN);
        let first = self.covered.saturating_add(1);
        if now < due {
            // Those that the turn was for are delivered; what was written since has its second.
            return Some((first..=self.covered, due));
        }
        self.last_turn = Some(now);
        self.delay_ms = (self.delay_ms * 2).clamp(2 * OUTBOX_MS_MIN, OUTBOX_MS_MAX);
        let end = last.min(self.covered.saturating_add(OUTBOX_OPS_MAX));
        Some((first..=end, now.plus(self.delay_ms)))
    }
}

#[cfg(test)]
mod tests;
