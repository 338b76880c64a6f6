//! Range-based set reconciliation (NET-42): where two sets of ops differ, at the cost of the
//! difference.
//!
//! The messages are those of negentropy, version 1 (ADR 10). One end splits the order of its ops
//! into ranges and sends a fingerprint for each; the other answers for the ranges that differ with
//! smaller ones, and with the ids themselves where few are left.

use super::index::{Key, Keyed, Ordered};
use crate::governance::table::Ix;
use crate::id::OpId;
use crate::limits::{DIFFERENCES_MAX, RECONCILE_BYTES_MAX, RECONCILE_RANGES_MAX};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// First byte of each message.
const VERSION: u8 = 0x61;
/// Ranges that a range is split into.
const BUCKETS: usize = 16;
/// Bytes kept free for the end of a message.
const RESERVE: usize = 200;
/// The bound behind everything.
const END: Bound = Bound { key: Key { generation: u64::MAX, id: OpId([0; 32]) }, prefix: 0 };

/// Kinds of range.
const SKIP: u64 = 0;
const FINGERPRINT: u64 = 1;
const IDS: u64 = 2;

/// A message that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message is no message of the set reconciliation")]
pub struct Garbled;

/// What the asker has found out: sets, for the answerer chooses how often it names a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Ops that only the asker has, at most [`DIFFERENCES_MAX`].
    pub ours: BTreeSet<Ix>,
    /// Ids that only the answerer has, at most [`DIFFERENCES_MAX`].
    pub theirs: BTreeSet<OpId>,
    /// Where the part begins of which the asker knows nothing yet; `None` when it knows all.
    pub open_from: Option<Key>,
}

impl Differences {
    /// Whether no more are kept.
    fn is_full(&self) -> bool {
        self.ours.len().max(self.theirs.len()) >= DIFFERENCES_MAX
    }
}

/// The asker's first message.
pub fn begin<K: Keyed>(set: &Ordered<'_, K>) -> Vec<u8> {
    let mut out = Writer::new();
    split(set, 0, set.len(), &END, &mut out);
    out.bytes
}

/// The answer to a message of the asker.
///
/// # Errors
///
/// [`Garbled`].
pub fn answer<K: Keyed>(set: &Ordered<'_, K>, message: &[u8]) -> Result<Vec<u8>, Garbled> {
    Round { set, out: Writer::new(), ranges: 0, found: None }.run(message)
}

/// Reads an answer; the asker's next message, or `None` when all differences are known, or as many
/// as are kept (NET-3).
///
/// # Errors
///
/// [`Garbled`].
pub fn go_on<K: Keyed>(
    set: &Ordered<'_, K>,
    message: &[u8],
    found: &mut Differences,
) -> Result<Option<Vec<u8>>, Garbled> {
    found.open_from = None;
    let round = Round { set, out: Writer::new(), ranges: 0, found: Some(&mut *found) };
    let bytes = round.run(message)?;
    Ok((bytes.len() > 1 && !found.is_full()).then_some(bytes))
}

/// The end of a range: the least key with this generation and beginning of an id.
#[derive(Clone, Copy, Debug)]
struct Bound {
    key: Key,
    prefix: usize,
}

/// One message, read range by range while the answer is written.
struct Round<'a, 'k, K> {
    set: &'a Ordered<'k, K>,
    out: Writer,
    /// Ranges that were read, and those that others were split into.
    ranges: usize,
    /// Where the asker collects; nothing at the other end.
    found: Option<&'a mut Differences>,
}

impl<K: Keyed> Round<'_, '_, K> {
    fn run(mut self, message: &[u8]) -> Result<Vec<u8>, Garbled> {
        let mut reader = Reader { bytes: message, generation: 0 };
        if reader.take(1)? != [VERSION] {
            return Err(Garbled);
        }
        let mut before = Bound { key: Key { generation: 0, id: OpId([0; 32]) }, prefix: 0 };
        let (mut lower, mut written, mut is_skipping) = (0, 0, false);
        while !reader.bytes.is_empty() {
            let bound = reader.bound()?;
            let mode = reader.number()?;
            let mut upper = self.set.rank(&bound.key).max(lower);
            let mark = self.out.bytes.len();
            let mut is_kept = false;
            match mode {
                SKIP => is_skipping = true,
                FINGERPRINT => {
                    if reader.take(16)? == fingerprint(self.set, lower, upper) {
                        is_skipping = true;
                    } else {
                        self.skip(&mut is_skipping, &before);
                        self.note_open(&before);
                        self.ranges += split(self.set, lower, upper, &bound, &mut self.out);
                    }
                }
                IDS => {
                    let ids = reader.ids()?;
                    if self.compare(lower, upper, ids) {
                        if self.found.as_ref().is_some_and(|found| found.is_full()) {
                            // Not all of this range was noted.
                            self.note_open(&before);
                            break;
                        }
                        is_skipping = true;
                    } else {
                        self.skip(&mut is_skipping, &before);
                        upper = self.list(lower, upper, &bound);
                        (written, is_kept) = (upper, true);
                    }
                }
                _ => return Err(Garbled),
            }
            self.ranges += 1;
            if self.out.is_full() {
                if !is_kept {
                    self.out.bytes.truncate(mark);
                    self.note_open(&before);
                }
                self.put_off(written);
                break;
            }
            if self.ranges >= RECONCILE_RANGES_MAX && !reader.bytes.is_empty() {
                // NET-3: what was found to be the same is not asked for again.
                self.skip(&mut is_skipping, &bound);
                self.note_open(&bound);
                self.put_off(upper);
                break;
            }
            if self.out.bytes.len() > mark {
                written = upper;
            }
            (lower, before) = (upper, bound);
        }
        Ok(self.out.bytes)
    }

    /// What is left of the order is one range more, for the next round.
    fn put_off(&mut self, from: usize) {
        let rest = fingerprint(self.set, from, self.set.len());
        self.out.range(&END, FINGERPRINT);
        self.out.bytes.extend(rest);
    }

    fn skip(&mut self, is_skipping: &mut bool, before: &Bound) {
        if core::mem::take(is_skipping) {
            self.out.range(before, SKIP);
        }
    }

    /// The asker learns that a range differs, and not yet in what.
    fn note_open(&mut self, from: &Bound) {
        if let Some(found) = &mut self.found {
            found.open_from = Some(found.open_from.map_or(from.key, |key| key.min(from.key)));
        }
    }

    /// The asker takes note of the differences in one range; false at the other end.
    fn compare(&mut self, lower: usize, upper: usize, theirs: Vec<OpId>) -> bool {
        let Some(found) = &mut self.found else { return false };
        let mut theirs: BTreeSet<OpId> = theirs.into_iter().collect();
        for ix in self.set.places(lower, upper) {
            if found.is_full() {
                break;
            }
            if !theirs.remove(&self.set.key(ix).id) {
                found.ours.insert(ix);
            }
        }
        let room = DIFFERENCES_MAX.saturating_sub(found.theirs.len());
        found.theirs.extend(theirs.into_iter().take(room));
        true
    }

    /// Lists the ids of a range, as many as fit; the rank behind the last.
    fn list(&mut self, lower: usize, upper: usize, bound: &Bound) -> usize {
        let room = (RECONCILE_BYTES_MAX - RESERVE).saturating_sub(self.out.bytes.len()) / 32;
        let end = upper.min(lower.saturating_add(room + 1));
        let next = self.set.range(end, upper).next();
        let bound = next.map_or(*bound, |key| Bound { key, prefix: 32 });
        self.out.ids(self.set, lower, end, &bound);
        end
    }
}

/// The fingerprint of a range: half of the digest of the sum of its ids and their number.
fn fingerprint<K: Keyed>(set: &Ordered<'_, K>, lower: usize, upper: usize) -> [u8; 16] {
    let mut hasher = Sha256::new();
    let sum: Vec<u8> = set.sum(lower, upper).bytes().collect();
    hasher.update(sum);
    let mut count = Vec::new();
    write_number(&mut count, upper.saturating_sub(lower) as u64);
    hasher.update(count);
    let digest: [u8; 32] = hasher.finalize().into();
    let mut bytes = digest.into_iter();
    core::array::from_fn(|_| bytes.next().unwrap_or(0))
}

/// Splits a range that differs: into smaller ones, or into ids where it is small. How many ranges
/// it comes to.
fn split<K: Keyed>(
    set: &Ordered<'_, K>,
    lower: usize,
    upper: usize,
    bound: &Bound,
    out: &mut Writer,
) -> usize {
    let count = upper - lower;
    if count < 2 * BUCKETS {
        out.ids(set, lower, upper, bound);
        return 1;
    }
    let (each, more) = (count / BUCKETS, count % BUCKETS);
    let mut from = lower;
    for bucket in 0..BUCKETS {
        let to = from + each + usize::from(bucket < more);
        let end = if to == upper { *bound } else { bound_between(set, to) };
        out.range(&end, FINGERPRINT);
        out.bytes.extend(fingerprint(set, from, to));
        from = to;
    }
    BUCKETS
}

/// The shortest bound between the op at a rank and the one before it.
fn bound_between<K: Keyed>(set: &Ordered<'_, K>, rank: usize) -> Bound {
    let mut around = set.range(rank - 1, rank + 1);
    let (Some(before), Some(mut key)) = (around.next(), around.next()) else { return END };
    let shared = before.id.0.iter().zip(&key.id.0).take_while(|(a, b)| a == b).count();
    let prefix = if before.generation == key.generation { shared + 1 } else { 0 };
    for byte in key.id.0.iter_mut().skip(prefix) {
        *byte = 0;
    }
    Bound { key, prefix }
}

struct Writer {
    bytes: Vec<u8>,
    /// Generation of the last bound, from which the next is counted.
    generation: u64,
}

impl Writer {
    fn new() -> Self {
        Self { bytes: alloc::vec![VERSION], generation: 0 }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() > RECONCILE_BYTES_MAX - RESERVE
    }

    fn range(&mut self, bound: &Bound, mode: u64) {
        let generation = bound.key.generation;
        let ahead = generation.saturating_sub(self.generation).saturating_add(1);
        write_number(&mut self.bytes, if generation == u64::MAX { 0 } else { ahead });
        self.generation = generation;
        write_number(&mut self.bytes, bound.prefix as u64);
        self.bytes.extend(bound.key.id.0.iter().take(bound.prefix));
        write_number(&mut self.bytes, mode);
    }

    fn ids<K: Keyed>(&mut self, set: &Ordered<'_, K>, lower: usize, upper: usize, bound: &Bound) {
        self.range(bound, IDS);
        write_number(&mut self.bytes, upper.saturating_sub(lower) as u64);
        for key in set.range(lower, upper) {
            self.bytes.extend(key.id.0);
        }
    }
}

/// Seven bits a byte, the highest first; all but the last have the top bit set.
fn write_number(bytes: &mut Vec<u8>, number: u64) {
    let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let bits = u8::try_from((number >> (7 * group)) & 0x7f).unwrap_or(0);
        bytes.push(if group == 0 { bits } else { bits | 0x80 });
    }
}

struct Reader<'m> {
    bytes: &'m [u8],
    generation: u64,
}

impl<'m> Reader<'m> {
    fn take(&mut self, count: usize) -> Result<&'m [u8], Garbled> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Garbled)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Garbled> {
        let mut number: u64 = 0;
        for _ in 0..10 {
            let (byte, rest) = self.bytes.split_first().ok_or(Garbled)?;
            self.bytes = rest;
            number = (number << 7) | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Garbled)
    }

    fn bound(&mut self) -> Result<Bound, Garbled> {
        let ahead = self.number()?;
        let ahead = ahead.checked_sub(1).unwrap_or(u64::MAX);
        self.generation = self.generation.saturating_add(ahead);
        let prefix = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        let mut id = [0; 32];
        id.get_mut(..prefix).ok_or(Garbled)?.copy_from_slice(self.take(prefix)?);
        Ok(Bound { key: Key { generation: self.generation, id: OpId(id) }, prefix })
    }

    fn ids(&mut self) -> Result<Vec<OpId>, Garbled> {
        let count = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        let bytes = self.take(count.checked_mul(32).ok_or(Garbled)?)?;
        let (ids, _) = bytes.as_chunks::<32>();
        Ok(ids.iter().map(|id| OpId(*id)).collect())
    }
}

#[cfg(test)]
mod tests;
