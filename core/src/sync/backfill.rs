//! Fetching one list of ops page by page (NET-43): what to ask next, and whose turn it is.
//!
//! The list is fixed by what is wanted and what is had. Several pages are under way at a time and
//! may come in any order; they go on to be judged in the order of the list.

use crate::id::{OpId, PeerKey};
use crate::limits::{
    AHEAD_OPS_MAX, BACKFILL_TURN_MS, OP_BYTES_MAX, PAGE_BYTES_MAX, PAGE_OPS_MAX, PAGES_AHEAD_MAX,
};
use crate::signed::{Malformed, Op, Verified};
use crate::time::MonoMillis;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// So many pages in a row that bring nothing are too many: now and then all ops of a page come
/// meanwhile from somebody else.
const FRUITLESS_PAGES_MAX: u32 = 16;

/// Ops in one page.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const PAGE_COUNT: u32 = PAGE_OPS_MAX as u32;

/// A page of ops that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The good ones, in order.
    pub ops: Vec<Verified<Op>>,
    /// How many there were, the bad ones included.
    pub count: u64,
    /// The first refusal of a bad one.
    pub refused: Option<Malformed>,
    /// Those of newer rules, as they came.
    pub newer: Vec<Vec<u8>>,
    /// How many ops the whole list has.
    pub total: u64,
}

/// What a page was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// As much as fits one page, or the end of the list.
    Whole,
    /// Less: the rest is asked for again, and the partner has no more time for it.
    Short,
    /// The list is another one than before: compare again.
    Changed,
    /// No page of this list: the partner lies.
    Lie,
}

/// Whose list is read beyond its first page, and what that brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slot {
    /// Whose.
    pub peer: PeerKey,
    /// End of the turn, in which a page has to be worth it.
    until: MonoMillis,
    /// Whether one was.
    is_earned: bool,
}

impl Slot {
    /// A first turn.
    pub fn new(peer: PeerKey, now: MonoMillis) -> Self {
        Self { peer, until: now.plus(BACKFILL_TURN_MS), is_earned: false }
    }

    /// Notes a page; false where a turn has ended and no page of it was worth it. Only what comes
    /// is counted, never the time in which nothing was asked for.
    pub fn note(&mut self, is_worth_it: bool, now: MonoMillis) -> bool {
        self.is_earned |= is_worth_it;
        if now < self.until {
            return true;
        }
        let is_earned = self.is_earned;
        *self = Self::new(self.peer, now);
        is_earned
    }
}

/// A list on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Backfill {
    /// What is wanted.
    pub want: Vec<OpId>,
    /// What we said we have.
    pub have: Vec<OpId>,
    /// Whether one page is enough.
    is_single: bool,
    /// Length of the list, once a page told it.
    total: Option<u64>,
    /// The first op that was never asked for.
    next: u64,
    /// Ops that went on to be judged.
    taken: u64,
    /// Pages under way: first op and count.
    asked: BTreeMap<u64, u32>,
    /// Rests of short pages, to be asked for again.
    rests: BTreeMap<u64, u32>,
    /// Pages before their turn: count and ops.
    early: BTreeMap<u64, (u64, Vec<Verified<Op>>)>,
    /// Wanted ids that did not come.
    undelivered: BTreeSet<OpId>,
    /// The last op that went on.
    last: Option<OpId>,
    /// Whether there were ops of newer rules, whose ids nobody knows here.
    has_newer: bool,
    /// Pages since the last that brought something.
    fruitless: u32,
}

impl Backfill {
    /// The list of what is behind `want` and not behind `have`.
    pub fn new(want: Vec<OpId>, have: Vec<OpId>) -> Self {
        let undelivered = want.iter().copied().collect();
        Self { want, have, undelivered, ..Self::default() }
    }

    /// Its first page only.
    pub fn single(want: Vec<OpId>, have: Vec<OpId>) -> Self {
        Self { is_single: true, ..Self::new(want, have) }
    }

    /// The next page to ask for, first op and count; `None` while enough are under way.
    pub fn ask(&mut self) -> Option<(u64, u32)> {
        let next = self.peek()?;
        let (from, count) = next;
        if self.rests.remove(&from).is_none() {
            self.next = from + u64::from(count);
        }
        self.asked.insert(from, count);
        Some(next)
    }

    fn peek(&self) -> Option<(u64, u32)> {
        if self.asked.len() + self.early.len() >= PAGES_AHEAD_MAX {
            return None;
        }
        if let Some((from, count)) = self.rests.first_key_value() {
            return Some((*from, *count));
        }
        let Some(total) = self.total else {
            return (self.next == 0).then_some((0, PAGE_COUNT));
        };
        let left = total.saturating_sub(self.next).min(u64::from(PAGE_COUNT));
        let count = u32::try_from(left).unwrap_or(PAGE_COUNT);
        (count > 0).then_some((self.next, count))
    }

    /// Whether it would ask for a page while so many ops wait to be judged.
    pub fn is_hungry(&self, waiting_count: usize) -> bool {
        let has_room = || waiting_count + self.ahead_count() + PAGE_OPS_MAX <= AHEAD_OPS_MAX;
        self.peek().is_some() && has_room()
    }

    /// How many ops are asked for, or here before their turn.
    fn ahead_count(&self) -> usize {
        let asked: u64 = self.asked.values().map(|count| u64::from(*count)).sum();
        let early: u64 = self.early.values().map(|(count, _)| *count).sum();
        usize::try_from(asked + early).unwrap_or(usize::MAX)
    }

    /// Whether pages are under way.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether the list is longer than one page, and known to be.
    pub fn is_long(&self) -> bool {
        self.total.is_some_and(|total| total > u64::from(PAGE_COUNT))
    }

    /// How many ops the whole list has, as far as the partner told.
    pub fn total(&self) -> u64 {
        self.total.unwrap_or(0)
    }

    /// Takes in the page that begins at op `from` of the list.
    pub fn receive(&mut self, from: u64, page: Page) -> Worth {
        let Some(asked) = self.asked.remove(&from) else { return Worth::Lie };
        let Page { ops, count, refused, newer, total } = page;
        let end = from.saturating_add(count);
        if refused.is_some() || count > u64::from(asked) || end > total {
            return Worth::Lie;
        }
        if self.total.is_some_and(|known| known != total) {
            return Worth::Changed;
        }
        self.total = Some(if self.is_single { end } else { total });
        let mut ids: Vec<OpId> = ops.iter().map(|op| op.id).collect();
        ids.sort_unstable();
        if (count == 0 && from < total) || !ids.is_sorted_by(|a, b| a < b) {
            return Worth::Lie;
        }
        for id in &ids {
            self.undelivered.remove(id);
        }
        self.has_newer |= !newer.is_empty();
        let due = u64::from(asked).min(total - from);
        let bytes: usize = ops.iter().map(|op| op.signed.payload.len()).sum();
        let is_whole = count == due || bytes >= PAGE_BYTES_MAX - 2 * OP_BYTES_MAX;
        if let Some(rest) = u32::try_from(due - count).ok().filter(|rest| *rest > 0)
            && !self.is_single
        {
            self.rests.insert(end, rest);
        }
        if count > 0 {
            self.early.insert(from, (count, ops));
        }
        if is_whole { Worth::Whole } else { Worth::Short }
    }

    /// Takes the ops whose turn it is.
    pub fn take(&mut self) -> Option<Vec<Verified<Op>>> {
        let (count, ops) = self.early.remove(&self.taken)?;
        self.taken = self.taken.saturating_add(count);
        self.last = ops.last().map(|op| op.id).or(self.last);
        Some(ops)
    }

    /// Notes a page of which so many ops were new here, whatever else was stored meanwhile. False
    /// where so many in a row have brought nothing that the list may have no end (attack 42).
    pub fn is_fruitful(&mut self, fresh: usize) -> bool {
        self.fruitless = if fresh > 0 { 0 } else { self.fruitless.saturating_add(1) };
        self.fruitless < FRUITLESS_PAGES_MAX
    }

    /// Whether the whole list went on to be judged.
    pub fn is_complete(&self) -> bool {
        self.total == Some(self.taken)
    }

    /// The last op that went on.
    pub fn last(&self) -> Option<OpId> {
        self.last
    }

    /// Whether the partner, now that the list is complete, left out what it claimed to have.
    pub fn is_broken_promise(&self) -> bool {
        !self.is_single && !self.has_newer && !self.undelivered.is_empty()
    }
}

#[cfg(test)]
mod tests;
