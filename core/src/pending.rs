//! Ops that wait for parents (A5, NET-41): bounded, oldest out first.

use crate::id::{MemberId, OpId, PeerKey};
use crate::limits::{
    PENDING_AGE_MS_MAX, PENDING_BYTES_MAX, PENDING_COUNT_MAX, PENDING_PER_SIGNER_MAX,
};
use crate::settings::Share;
use crate::signed::{Op, Verified};
use crate::time::MonoMillis;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// No id is greater.
const LAST_ID: OpId = OpId([0xff; 32]);

/// Ops whose parents are not all here.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pending {
    ops: BTreeMap<OpId, Waiting>,
    /// A missing id and an op that waits for it; an op stands under each of its missing parents.
    children: BTreeSet<(OpId, OpId)>,
    /// Missing ids that do not wait themselves: what to ask for.
    wanted: BTreeSet<OpId>,
    /// Order of arrival.
    arrivals: BTreeMap<u64, OpId>,
    next_arrival: u64,
    per_signer: BTreeMap<MemberId, u64>,
    bytes: u64,
    /// How much room there is.
    #[borsh(skip)]
    pub share: Share,
}

/// One op that waits.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Waiting {
    /// The op.
    pub op: Verified<Op>,
    /// How many of its parents are missing.
    pub missing: u64,
    /// When it came.
    pub since: MonoMillis,
    /// Who sent it.
    pub from: Option<PeerKey>,
    arrival: u64,
}

impl Pending {
    /// Number of ops that wait.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Whether this op waits.
    pub fn contains(&self, id: &OpId) -> bool {
        self.ops.contains_key(id)
    }

    /// The ops that wait, in order of arrival.
    pub fn oldest_first(&self) -> impl Iterator<Item = &Waiting> {
        self.arrivals.values().filter_map(|id| self.ops.get(id))
    }

    /// Ids that some op waits for and that do not wait themselves, at most `count`.
    pub fn missing(&self, count: usize) -> Vec<OpId> {
        self.wanted.iter().take(count).copied().collect()
    }

    /// The ops that wait for an id.
    pub fn waiting_for(&self, id: &OpId) -> impl Iterator<Item = &Verified<Op>> {
        let children = self.children_of(id);
        children.filter_map(|child| self.ops.get(&child)).map(|waiting| &waiting.op)
    }

    /// Makes an op wait for `missing`. Whatever does not fit is dropped, oldest first, and the op
    /// itself where its signer has too many already: it can be fetched again.
    pub fn insert(
        &mut self,
        op: Verified<Op>,
        missing: &[OpId],
        from: Option<PeerKey>,
        now: MonoMillis,
    ) -> bool {
        let count = self.per_signer.get(&op.payload.signer).copied().unwrap_or(0);
        if self.contains(&op.id) || count >= self.share.of(PENDING_PER_SIGNER_MAX) as u64 {
            return false;
        }
        for parent in missing {
            self.children.insert((*parent, op.id));
            if !self.contains(parent) {
                self.wanted.insert(*parent);
            }
        }
        self.wanted.remove(&op.id);
        *self.per_signer.entry(op.payload.signer).or_default() += 1;
        self.bytes += size_of(&op);
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.arrivals.insert(arrival, op.id);
        let id = op.id;
        let waiting = Waiting { op, missing: missing.len() as u64, since: now, from, arrival };
        self.ops.insert(id, waiting);
        let most = self.share.of(PENDING_COUNT_MAX);
        let most_bytes = self.share.of(PENDING_BYTES_MAX) as u64;
        while self.ops.len() > most || self.bytes > most_bytes {
            let Some((_, oldest)) = self.arrivals.first_key_value() else { break };
            self.remove(&oldest.clone());
        }
        self.contains(&id)
    }

    /// An id has been stored, and does not wait: the ops that waited for nothing else, in order of
    /// arrival.
    pub fn resolve(&mut self, id: &OpId) -> Vec<Waiting> {
        let mut ready = Vec::new();
        // What is stored does not wait itself: so it is wanted, or nothing waits for it.
        if !self.wanted.remove(id) {
            return ready;
        }
        let children: Vec<OpId> = self.children_of(id).collect();
        for child in children {
            self.children.remove(&(*id, child));
            let Some(waiting) = self.ops.get_mut(&child) else { continue };
            waiting.missing = waiting.missing.saturating_sub(1);
            if waiting.missing == 0 {
                ready.extend(self.remove(&child));
            }
        }
        ready.sort_by_key(|waiting| waiting.arrival);
        ready
    }

    /// An id was refused: the ops that waited for it, which will be too (A5), in order of arrival.
    pub fn orphan(&mut self, id: &OpId) -> Vec<Waiting> {
        let children: Vec<OpId> = self.children_of(id).collect();
        let mut orphans: Vec<Waiting> =
            children.iter().filter_map(|child| self.remove(child)).collect();
        orphans.sort_by_key(|waiting| waiting.arrival);
        orphans
    }

    /// Ids of the ops that wait for an id.
    fn children_of(&self, id: &OpId) -> impl Iterator<Item = OpId> {
        let children = self.children.range((*id, OpId::default())..=(*id, LAST_ID));
        children.map(|(_, child)| *child)
    }

    /// Drops what has waited five minutes, to be fetched again.
    pub fn expire(&mut self, now: MonoMillis) -> u64 {
        let mut dropped = 0;
        while let Some((_, oldest)) = self.arrivals.first_key_value() {
            let oldest = *oldest;
            let fresh = |waiting: &Waiting| now.since(waiting.since) < PENDING_AGE_MS_MAX;
            if self.ops.get(&oldest).is_some_and(fresh) {
                break;
            }
            self.remove(&oldest);
            dropped += 1;
        }
        dropped
    }

    /// When the oldest op will have waited too long.
    pub fn next_expiry(&self) -> Option<MonoMillis> {
        let (_, oldest) = self.arrivals.first_key_value()?;
        Some(self.ops.get(oldest)?.since.plus(PENDING_AGE_MS_MAX))
    }

    fn remove(&mut self, id: &OpId) -> Option<Waiting> {
        let waiting = self.ops.remove(id)?;
        self.arrivals.remove(&waiting.arrival);
        self.bytes = self.bytes.saturating_sub(size_of(&waiting.op));
        let signer = waiting.op.payload.signer;
        if let Some(count) = self.per_signer.get_mut(&signer) {
            *count -= 1;
            if *count == 0 {
                self.per_signer.remove(&signer);
            }
        }
        for parent in waiting.op.payload.parents.iter() {
            self.children.remove(&(*parent, *id));
            if self.children_of(parent).next().is_none() {
                self.wanted.remove(parent);
            }
        }
        if self.children_of(id).next().is_some() {
            self.wanted.insert(*id);
        }
        Some(waiting)
    }
}

fn size_of(op: &Op) -> u64 {
    // Each parent that is missing costs an entry in the index besides.
    let parents = op.payload.parents.len() as u64;
    op.signed.payload.len() as u64 + 64 + 64 * parents
}

#[cfg(test)]
mod tests;
