//! Row 23: keys and signatures on the edge. One predicate, alone and in a page.

use crate::support::second_signature;
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::Identity as _;
use folkmoot_core::id::MemberId;
use folkmoot_core::key::{Claim, Signature, are_valid, is_key, is_valid};
use folkmoot_sim::kit::Author;

/// The order of the base point, least significant byte first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const MESSAGE: [u8; 32] = [0x5a; 32];

/// S + L: the same number modulo the order, another encoding.
fn plus_order(signature: Signature) -> Signature {
    let mut bytes = signature.0;
    let mut carry = 0_u16;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    Signature(bytes)
}

/// y + p for the few y below 19 that leave room for it: the same point, not canonical.
fn not_canonical(y: u8, sign: bool) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + y;
    bytes[31] = if sign { 0xff } else { 0x7f };
    bytes
}

/// Claims with what they must be judged as.
fn vectors() -> Vec<(&'static str, Claim, bool)> {
    let author = Author::new(77);
    let key = author.id;
    let good = author.endorse(&MESSAGE);
    let of = |key, signature| Claim { key, message: MESSAGE, signature };
    let mut vectors = vec![
        ("an honest signature", of(key, good), true),
        ("S + L", of(key, plus_order(good)), false),
        ("another message", Claim { message: [1; 32], ..of(key, good) }, false),
        ("another key", of(Author::new(78).id, good), false),
        ("nothing", of(key, Signature([0; 64])), false),
    ];
    for torsion in EIGHT_TORSION {
        // ZIP-215 is cofactored: a part of small order in R does not count.
        vectors.push(("torsion in R", of(key, second_signature(77, &MESSAGE, torsion)), true));
        // A key of small order signs everything: never a key.
        let weak = MemberId(torsion.compress().0);
        let mut anything = [0; 64];
        anything[..32].copy_from_slice(EdwardsPoint::identity().compress().as_bytes());
        vectors.push(("small order A", of(weak, Signature(anything)), false));
        // A small R with S = 0 under an honest key.
        let mut small = [0; 64];
        small[..32].copy_from_slice(torsion.compress().as_bytes());
        vectors.push(("small order R", of(key, Signature(small)), false));
    }
    for y in 0..19 {
        for sign in [false, true] {
            let odd = MemberId(not_canonical(y, sign));
            vectors.push(("y of A not below p", of(odd, good), false));
        }
    }
    vectors
}

#[test]
fn attack_23_a3_every_vector_is_judged_as_written_alone_and_in_a_page() {
    let vectors = vectors();
    for (what, claim, expected) in &vectors {
        let alone = is_valid(&claim.key, &claim.message, &claim.signature);
        assert_eq!(alone, *expected, "{what}, alone");
        assert_eq!(are_valid(&[*claim]), [*expected], "{what}, a page of one");
    }
    // Every vector beside honest ones, and all of them together.
    let honest = vectors[0].1;
    for (what, claim, expected) in &vectors {
        assert_eq!(are_valid(&[honest, *claim, honest]), [true, *expected, true], "{what}");
    }
    let claims: Vec<Claim> = vectors.iter().map(|(_, claim, _)| *claim).collect();
    let expected: Vec<bool> = vectors.iter().map(|(_, _, expected)| *expected).collect();
    assert_eq!(are_valid(&claims), expected);
    let (good, _): (Vec<_>, Vec<_>) = vectors.into_iter().partition(|(_, _, expected)| *expected);
    let good: Vec<Claim> = good.into_iter().map(|(_, claim, _)| claim).collect();
    assert!(good.len() > 8 && are_valid(&good).iter().all(|valid| *valid));
}

#[test]
fn attack_23_keys_are_canonical_and_not_of_small_order() {
    for torsion in EIGHT_TORSION {
        assert!(!is_key(&MemberId(torsion.compress().0)));
    }
    for y in 0..19 {
        for sign in [false, true] {
            assert!(!is_key(&MemberId(not_canonical(y, sign))));
        }
    }
    // A part of small order beside one of large order is no harm (section 4 of the protocol).
    let point = CompressedEdwardsY(Author::new(77).id.0).decompress().unwrap();
    for torsion in EIGHT_TORSION {
        assert!(is_key(&MemberId((point + torsion).compress().0)));
    }
    // y = 2 is on no point of the curve.
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    assert!(CompressedEdwardsY(nowhere).decompress().is_none() && !is_key(&MemberId(nowhere)));
}
