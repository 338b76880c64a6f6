//! The writes of one slot, in the order in which they were stored.

use crate::governance::table::Ix;
use alloc::vec::Vec;

/// How many of the last writes are tried as one that a new write follows.
const LOOK_BACK_MAX: usize = 8;
/// By how many writes more than that one a new write is looked at to cover.
const LOOK_ON_MAX: usize = 256;

/// Every write of a slot, and of each how many of the first ones it is known to cover: those need
/// not be looked at where it counts. Usually that is all before it.
#[derive(Clone, Debug, Default)]
pub struct Writes(Vec<Write>);

#[derive(Clone, Copy, Debug)]
struct Write {
    ix: Ix,
    covers: u32,
}

impl Writes {
    /// Appends a write that was stored after all others; `is_past` tells which are in its past.
    pub(super) fn push(&mut self, ix: Ix, is_past: impl Fn(Ix) -> bool) {
        let mut last = self.0.iter().enumerate().rev().take(LOOK_BACK_MAX);
        let known = last.find(|(_, write)| is_past(write.ix)).map_or(0, |(at, write)| {
            let covers = write.covers as usize;
            if covers == at { at + 1 } else { covers }
        });
        let more = self.0.iter().skip(known).take(LOOK_ON_MAX);
        let covers = known + more.take_while(|write| is_past(write.ix)).count();
        self.0.push(Write { ix, covers: u32::try_from(covers).unwrap_or(u32::MAX) });
    }

    /// How many of the first writes are known to be in the past of one.
    pub fn covered_by(&self, write: Ix) -> usize {
        let at = self.0.binary_search_by_key(&write, |write| write.ix);
        at.ok().and_then(|at| self.0.get(at)).map_or(0, |write| write.covers as usize)
    }

    /// Writes stored before `end`, newest first, each with how many were stored before it.
    pub fn before(&self, end: Ix) -> impl Iterator<Item = (usize, Ix)> + '_ {
        let count = self.0.partition_point(|write| write.ix < end);
        self.0.iter().map(|write| write.ix).enumerate().take(count).rev()
    }

    /// Writes that are not known to be in the past of one of them.
    pub fn beside(&self, write: Ix) -> impl Iterator<Item = Ix> + '_ {
        self.0.iter().skip(self.covered_by(write)).map(|write| write.ix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pasts: &[&[u32]]) -> Writes {
        let mut writes = Writes::default();
        for (at, past) in (0..).zip(pasts) {
            writes.push(Ix(at * 10), |ix| past.contains(&(ix.0 / 10)));
        }
        writes
    }

    #[test]
    fn in_one_line_each_write_covers_all_before_it() {
        let writes = of(&[&[], &[0], &[0, 1], &[0, 1, 2]]);
        assert_eq!([0, 10, 20, 30].map(|ix| writes.covered_by(Ix(ix))), [0, 1, 2, 3]);
        assert_eq!(writes.beside(Ix(30)).collect::<Vec<_>>(), [Ix(30)]);
        assert_eq!(writes.before(Ix(20)).collect::<Vec<_>>(), [(1, Ix(10)), (0, Ix(0))]);
        assert_eq!(writes.before(Ix(u32::MAX)).count(), 4);
        assert_eq!(writes.covered_by(Ix(15)), 0, "of another slot");
    }

    #[test]
    fn on_two_branches_a_write_covers_what_came_before_they_parted() {
        // 0 and 1, then 2 and 4 beside 3 and 5, then 6 that joins them.
        let writes =
            of(&[&[], &[0], &[0, 1], &[0, 1], &[0, 1, 2], &[0, 1, 3], &[0, 1, 2, 3, 4, 5]]);
        let covers: Vec<usize> = (0..7).map(|at| writes.covered_by(Ix(at * 10))).collect();
        // 4 covers 2 too, beside which 3 stands.
        assert_eq!(covers, [0, 1, 2, 2, 3, 2, 6]);
        assert_eq!(writes.beside(Ix(50)).collect::<Vec<_>>(), [20, 30, 40, 50, 60].map(Ix));
    }

    #[test]
    fn what_is_known_is_never_too_much_and_looking_ends() {
        // Nothing follows anything, for a thousand writes; the last one follows all.
        let mut writes = Writes::default();
        for at in 0..1000 {
            writes.push(Ix(at), |_| false);
        }
        writes.push(Ix(1000), |_| true);
        assert_eq!(writes.covered_by(Ix(1000)), LOOK_ON_MAX);
        writes.push(Ix(1001), |_| true);
        assert_eq!(writes.covered_by(Ix(1001)), 2 * LOOK_ON_MAX);
    }
}
