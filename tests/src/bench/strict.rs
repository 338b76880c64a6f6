//! Checking signatures one by one, by the predicate that others use.

use super::history::claims;
use ed25519_dalek::{Signature, VerifyingKey};
use folkmoot_core::signed::{Op, Verified};
use std::num::NonZero;
use std::thread;

/// Signatures that are checked in a round.
const SIGNATURES: usize = 4_096;

/// The signatures of some ops, with keys that are parsed already.
pub(super) struct Strict(Vec<(VerifyingKey, [u8; 32], Signature)>);

impl Strict {
    /// Those of the last ones.
    pub(super) fn of(ops: &[Verified<Op>]) -> Self {
        let last = ops.get(ops.len().saturating_sub(SIGNATURES)..).unwrap_or_default();
        let claims = claims(last).into_iter().map(|claim| {
            let key = VerifyingKey::from_bytes(&claim.key.0).expect("a key of the kit");
            (key, claim.message, Signature::from_bytes(&claim.signature.0))
        });
        Self(claims.collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Checks them.
    #[expect(clippy::disallowed_methods, reason = "the yardstick")]
    pub(super) fn check(&self) {
        let is_valid = |(key, message, signature): &(VerifyingKey, [u8; 32], Signature)| {
            key.verify_strict(message, signature).is_ok()
        };
        assert!(self.0.iter().all(is_valid));
    }

    /// Checks them on every processor at once, and says how many were checked in all.
    pub(super) fn check_everywhere(&self) -> usize {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| self.check());
            }
        });
        count * self.len()
    }
}
