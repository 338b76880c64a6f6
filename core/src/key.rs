//! Keys and signatures: one predicate for the whole network.
//!
//! A signature is valid by ZIP-215 under a key that is a canonical encoding of a point that is not
//! of small order (A3). ZIP-215 makes a batch agree with single checks by construction, so a page
//! may be verified in one go without two nodes ever disagreeing.

mod signers;

use crate::digest::{Domain, hasher};
use crate::id::MemberId;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::convert::Infallible;
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};
use ed25519_zebra::batch;
use ed25519_zebra::{VerificationKey, VerificationKeyBytes};

pub use signers::Signers;

/// An ed25519 signature, not yet judged.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(out, "sig:{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// A signature that this process made, beside what it was made of.
///
/// It is valid because nothing but [`OwnSignature::make`] makes one: no check is needed to believe
/// it. It holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSignature {
    claim: Claim,
}

impl OwnSignature {
    /// Signs a digest. The key is borrowed for the call and kept nowhere.
    pub fn make(key: &SigningKey, message: &[u8; 32]) -> Self {
        let claim = Claim {
            key: MemberId(key.verifying_key().to_bytes()),
            message: *message,
            signature: Signature(key.sign(message).to_bytes()),
        };
        debug_assert!(claim.is_valid(), "a signature of our own is not valid");
        Self { claim }
    }

    /// Whether it is one of `key` over `message`.
    pub fn is_of(&self, key: &MemberId, message: &[u8; 32]) -> bool {
        self.claim.key == *key && self.claim.message == *message
    }

    /// What it says, which is so.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The signature alone.
    pub fn signature(&self) -> Signature {
        self.claim.signature
    }
}

/// The order of the field, 2^255 - 19, least significant byte first, without its first byte (0xed)
/// and last byte (0x7f), which are compared apart.
fn is_reduced(key: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = key;
    let maximal = last & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    !maximal || *first < 0xed
}

/// Whether `key` is the canonical encoding of a point whose order is not small.
pub fn is_key(key: &MemberId) -> bool {
    may_be_key(key) && ed25519_dalek::VerifyingKey::from_bytes(&key.0).is_ok()
}

/// What can be said of a key without looking for its point: [`is_key`], if there is one.
fn may_be_key(key: &MemberId) -> bool {
    is_reduced(&key.0) && !has_small_order(&key.0)
}

/// The y coordinates of the eight points of small order, least significant byte first.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether an encoding has the y coordinate of a point of small order.
fn has_small_order(key: &[u8; 32]) -> bool {
    let mut y = *key;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER_Y.contains(&y)
}

/// Whether `signature` is one of `key` over `message`, by ZIP-215.
///
/// Asks of the key what [`is_key`] asks, without finding its point twice.
pub fn is_valid(key: &MemberId, message: &[u8], signature: &Signature) -> bool {
    point_of(key).is_some_and(|point| fits(&point, message, signature))
}

/// The point of a key; `None` where [`is_key`] does not hold.
fn point_of(key: &MemberId) -> Option<VerificationKey> {
    if may_be_key(key) { VerificationKey::try_from(key.0).ok() } else { None }
}

/// Whether a signature is one of the key with this point.
fn fits(point: &VerificationKey, message: &[u8], signature: &Signature) -> bool {
    point.verify(&signature.0.into(), message).is_ok()
}

/// One signature of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who is said to have signed.
    pub key: MemberId,
    /// What was signed: a digest.
    pub message: [u8; 32],
    /// The signature.
    pub signature: Signature,
}

impl Claim {
    /// Whether the signature is valid, judged alone.
    pub fn is_valid(&self) -> bool {
        is_valid(&self.key, &self.message, &self.signature)
    }
}

/// Judges many signatures at once; element by element the same answers as [`Claim::is_valid`].
///
/// The whole page is one batch, which finds the point of each key once. Where that fails, each
/// signature is judged alone.
pub fn are_valid(claims: &[Claim]) -> Vec<bool> {
    // The arithmetic of a batch of none takes half as long as that of one signature.
    if claims.is_empty() {
        return Vec::new();
    }
    // What is no point fails the batch; finding each point here as well would double its cost.
    let usable = |claim: &Claim| may_be_key(&claim.key);
    let mut page = batch::Verifier::new();
    for claim in claims.iter().filter(|claim| usable(claim)) {
        let key = VerificationKeyBytes::from(claim.key.0);
        page.queue((key, claim.signature.0.into(), &claim.message));
    }
    if page.verify(Factors::of(claims)).is_ok() {
        return claims.iter().map(usable).collect();
    }
    claims.iter().map(Claim::is_valid).collect()
}

/// The random factors of a batch, drawn from a digest of all that is in it: nobody can choose
/// signatures that cancel out without changing the factors.
struct Factors(blake3::OutputReader);

impl Factors {
    fn of(claims: &[Claim]) -> Self {
        let mut hasher = hasher(Domain::Batch);
        for claim in claims {
            hasher.update(&claim.key.0).update(&claim.message).update(&claim.signature.0);
        }
        Self(hasher.finalize_xof())
    }
}

impl rand_core::TryRng for Factors {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Factors {}

#[cfg(test)]
mod tests;
