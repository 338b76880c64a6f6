//! Until when the last beacons of members are fresh, in order: what is asked at every beacon must
//! not cost a look at every member. It follows from the beacons, and is not saved.

use super::Heard;
use crate::time::MonoMillis;
use alloc::vec::Vec;

/// The ends, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Of beacons in a ready tier.
    ready: Vec<MonoMillis>,
    /// Of all others.
    rest: Vec<MonoMillis>,
}

impl Freshness {
    pub(super) fn of<'a>(beacons: impl Iterator<Item = &'a Heard>) -> Self {
        let mut freshness = Self::default();
        beacons.for_each(|heard| freshness.note(heard));
        freshness
    }

    pub(super) fn note(&mut self, heard: &Heard) {
        let (ends, end) = (self.ends(heard), heard.fresh_until);
        ends.insert(ends.partition_point(|other| *other <= end), end);
    }

    pub(super) fn forget(&mut self, heard: &Heard) {
        let ends = self.ends(heard);
        if let Ok(at) = ends.binary_search(&heard.fresh_until) {
            ends.remove(at);
        }
    }

    /// How many are fresh and in a ready tier.
    pub(super) fn ready_count(&self, now: MonoMillis) -> u64 {
        after(&self.ready, now).len() as u64
    }

    /// When the next one will not be fresh any more.
    pub(super) fn next_end(&self, now: MonoMillis) -> Option<MonoMillis> {
        let next = [&self.ready, &self.rest].map(|ends| after(ends, now).first().copied());
        next.into_iter().flatten().min()
    }

    fn ends(&mut self, heard: &Heard) -> &mut Vec<MonoMillis> {
        if heard.beacon.tier.is_ready() { &mut self.ready } else { &mut self.rest }
    }
}

/// Those that are still to come.
fn after(ends: &[MonoMillis], now: MonoMillis) -> &[MonoMillis] {
    ends.get(ends.partition_point(|end| *end <= now)..).unwrap_or_default()
}
