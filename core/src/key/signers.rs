//! Those who signed, and what of theirs was found valid before.
//!
//! Saves work and nothing else: every answer is the one that looking again would give.

use super::{Claim, OwnSignature, Signature, are_valid, fits, point_of};
use crate::id::{MemberId, OpId};
use crate::signed::{Op, SignedOp, Verified};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ed25519_zebra::VerificationKey;

/// Most points remembered.
pub(super) const POINTS_MAX: usize = 1024;

/// The points of those who signed lately. Finding a point is a tenth of judging a signature.
///
/// A key gets in by a valid signature; when there are too many, all are forgotten. A node meets a
/// message once, so nothing else is worth its memory there. Where many nodes share one process,
/// each message is met by all of them, and judged for the first ([`Signers::remembering`]).
#[derive(Clone, Debug, Default)]
pub struct Signers {
    pub(super) points: BTreeMap<MemberId, VerificationKey>,
    memory: Option<Memory>,
}

/// Valid signatures and checked ops.
#[derive(Clone, Debug)]
struct Memory {
    /// What each of these signatures signs.
    claims: BTreeMap<[u8; 64], Claim>,
    ops: BTreeMap<OpId, Verified<Op>>,
    /// How many there may be of each; when there are too many, all are forgotten.
    max: usize,
}

impl Signers {
    /// Signers of whom up to `max` signatures and ops are remembered.
    pub fn remembering(max: usize) -> Self {
        let memory = Memory { claims: BTreeMap::new(), ops: BTreeMap::new(), max };
        Self { points: BTreeMap::new(), memory: Some(memory) }
    }

    /// Believes a signature that was made here, which needs no check.
    pub fn vouch(&mut self, own: &OwnSignature) {
        self.note(own.claim());
    }

    /// Whether a signature is valid.
    pub fn judge(&mut self, claim: &Claim) -> bool {
        let Claim { key, message, signature } = claim;
        if self.recalls(claim) {
            return true;
        }
        if let Some(point) = self.points.get(key) {
            let is_valid = fits(point, message, signature);
            return self.note_valid(is_valid, claim);
        }
        let point = point_of(key).filter(|point| fits(point, message, signature));
        if let Some(point) = point {
            if self.points.len() >= POINTS_MAX {
                self.points.clear();
            }
            self.points.insert(*key, point);
        }
        self.note_valid(point.is_some(), claim)
    }

    /// Whether all of these signatures are valid, of signers who are not likely to be met again.
    pub fn judge_once(&mut self, claims: &[Claim]) -> bool {
        claims.iter().all(|claim| {
            self.recalls(claim) || {
                let is_valid = claim.is_valid();
                self.note_valid(is_valid, claim)
            }
        })
    }

    /// Judges many signatures at once, as [`are_valid`] does.
    pub fn judge_page(&mut self, claims: &[Claim]) -> Vec<bool> {
        if self.memory.is_none() {
            return are_valid(claims);
        }
        let recalled: Vec<bool> = claims.iter().map(|claim| self.recalls(claim)).collect();
        let is_open = |(claim, recalled): (&Claim, &bool)| (!recalled).then_some(*claim);
        let open: Vec<Claim> = claims.iter().zip(&recalled).filter_map(is_open).collect();
        let mut verdicts = are_valid(&open).into_iter();
        let mut judge = |(recalled, claim)| {
            recalled || {
                let is_valid = verdicts.next().unwrap_or(false);
                self.note_valid(is_valid, claim)
            }
        };
        recalled.into_iter().zip(claims).map(&mut judge).collect()
    }

    /// An op with these bytes, where it was checked before.
    pub(crate) fn recall_op(&self, signed: &SignedOp) -> Option<Verified<Op>> {
        let memory = self.memory.as_ref()?;
        // A second signature makes no second op, and has to be judged all the same (D1).
        memory.ops.get(&signed.id()).filter(|op| op.signed == *signed).cloned()
    }

    /// Remembers an op that was checked.
    pub(crate) fn note_op(&mut self, op: &Verified<Op>) {
        let Some(memory) = &mut self.memory else { return };
        if memory.ops.len() >= memory.max {
            memory.ops.clear();
        }
        memory.ops.insert(op.id, op.clone());
    }

    pub(super) fn recalls(&self, claim: &Claim) -> bool {
        let Signature(signature) = &claim.signature;
        let memory = self.memory.as_ref();
        memory.and_then(|memory| memory.claims.get(signature)) == Some(claim)
    }

    fn note_valid(&mut self, is_valid: bool, claim: &Claim) -> bool {
        if is_valid {
            self.note(claim);
        }
        is_valid
    }

    fn note(&mut self, claim: &Claim) {
        let Some(memory) = &mut self.memory else { return };
        if memory.claims.len() >= memory.max {
            memory.claims.clear();
        }
        memory.claims.insert(claim.signature.0, *claim);
    }
}
