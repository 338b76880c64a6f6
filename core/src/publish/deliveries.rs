//! Commands whose op is stored, and which wait for others to have it (NET-32, NET-33).

use super::Receipt;
use crate::command::CommandId;
use crate::id::{MemberId, OpId};
use crate::limits::{DELIVERIES_MAX, DELIVERY_ACKS_MAX};
use crate::time::MonoMillis;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Deliveries under way, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deliveries {
    under_way: BTreeMap<OpId, Waiting>,
    deadlines: BTreeSet<(MonoMillis, OpId)>,
}

/// One command that waits.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Waiting {
    command: CommandId,
    min_acks: u32,
    deadline: MonoMillis,
    acked_by: BTreeSet<MemberId>,
    /// Members that lack this many parents of the op.
    behind: BTreeMap<MemberId, u64>,
}

/// A delivery that ended, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who waits for it.
    pub command: CommandId,
    /// The op.
    pub op: OpId,
    /// What is known of it.
    pub receipt: Receipt,
}

impl Deliveries {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Waits until `min_acks` members have an op; false where as many wait as may.
    pub fn begin(
        &mut self,
        op: OpId,
        command: CommandId,
        min_acks: u32,
        deadline: MonoMillis,
    ) -> bool {
        if self.len() >= DELIVERIES_MAX || self.under_way.contains_key(&op) {
            return false;
        }
        let min_acks = min_acks.min(DELIVERY_ACKS_MAX);
        let (acked_by, behind) = (BTreeSet::new(), BTreeMap::new());
        self.under_way.insert(op, Waiting { command, min_acks, deadline, acked_by, behind });
        self.deadlines.insert((deadline, op))
    }

    /// When the first of them has waited long enough.
    pub fn next_deadline(&self) -> Option<MonoMillis> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// NET-33: a member has every op that `has` tells. It counts once for each.
    pub fn acknowledge(&mut self, member: MemberId, has: impl Fn(&OpId) -> bool) -> Vec<Ended> {
        let mut enough = Vec::new();
        for (op, waiting) in self.under_way.iter_mut().filter(|(op, _)| has(op)) {
            waiting.behind.remove(&member);
            waiting.acked_by.insert(member);
            if waiting.acked_by.len() >= waiting.min_acks as usize {
                enough.push(*op);
            }
        }
        enough.iter().filter_map(|op| self.end(op)).collect()
    }

    /// A member has an op, but lacks `missing` of its parents.
    pub fn note_behind(&mut self, op: &OpId, member: MemberId, missing: u64) {
        let Some(waiting) = self.under_way.get_mut(op) else { return };
        let is_news = !waiting.acked_by.contains(&member) && !waiting.behind.contains_key(&member);
        if is_news && waiting.behind.len() < DELIVERY_ACKS_MAX as usize {
            waiting.behind.insert(member, missing);
        }
    }

    /// Members that lack something of the past of an op under way, and the most parents each.
    pub fn behind(&self) -> Vec<(MemberId, u64)> {
        let mut most: BTreeMap<MemberId, u64> = BTreeMap::new();
        for (member, missing) in self.under_way.values().flat_map(|waiting| &waiting.behind) {
            let known = most.entry(*member).or_default();
            *known = (*missing).max(*known);
        }
        most.into_iter().collect()
    }

    /// Ends those that have waited long enough, the oldest deadline first.
    pub fn expire(&mut self, now: MonoMillis) -> Vec<Ended> {
        let due: Vec<OpId> =
            self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, op)| *op).collect();
        due.iter().filter_map(|op| self.end(op)).collect()
    }

    /// Ends all of them: nobody will be heard any more.
    pub fn end_all(&mut self) -> Vec<Ended> {
        self.expire(MonoMillis(u64::MAX))
    }

    fn end(&mut self, op: &OpId) -> Option<Ended> {
        let Waiting { command, min_acks, deadline, acked_by, .. } = self.under_way.remove(op)?;
        self.deadlines.remove(&(deadline, *op));
        let is_delivered = acked_by.len() >= min_acks as usize;
        let acked_by = acked_by.into_iter().collect();
        let receipt = if is_delivered {
            Receipt::Delivered { acked_by }
        } else {
            Receipt::Unconfirmed { acked_by }
        };
        Some(Ended { command, op: *op, receipt })
    }
}

#[cfg(test)]
mod tests;
