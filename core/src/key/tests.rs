use super::signers::POINTS_MAX;
use super::*;
use crate::testing::{Author, hex, plus_order};
use alloc::vec::Vec;

/// What the signatures below are over.
const MESSAGE: [u8; 32] = [0x5a; 32];

const KEY: &str = "c8f4cfd7ec9c81e16c77144a4d1ce0dca0339661df313cceb9203113468fb608";
const R: &str = "4faa93763d0702316ddef05a7921b30b30e81530b44cf9f35773ffee16f68638";
const S: &str = "c112e12427c45b59c985d9313dd0fc25b3393e81e5480832108644c88f474e01";

/// Signatures (key, R, S) that ZIP-215 accepts and stricter predicates do not all: made with the
/// secret of [`KEY`], adding points of small order to R or to the key.
const ODD: [(&str, &str, &str, &str); 6] = [
    (
        "a point of order 8 added to R",
        KEY,
        "c57077b154392b0b71e903bd8831bf29222550dad8280c56d2b0cc32ee16ee1f",
        "7877965d84c1e83d51c54b10145a42b9b3bad005d86336095a0d822f42983500",
    ),
    (
        "a point of order 4 added to R",
        KEY,
        "f758556248064643c2712a92d9d92293bcd2ca4443661ab798518b231062370f",
        "f05683e9c2a9752225f67a1442e86513686ce53f5d91007bf66aab529804ae04",
    ),
    (
        "a point of order 2 added to R",
        KEY,
        "9e556c89c2f8fdce92210fa586de4cf4cf17eacf4bb3060ca88c0011e90979c7",
        "609d7553354467ccbe0036c56a3b97c4c8991babbf7e80d9d239c70fd1653a08",
    ),
    (
        "a point of order 8 added to the key",
        "5e3c61e750df5f4b2c2d91c167ef3f6c5636c71b5cdc5e117920f6b9c33d9780",
        R,
        "5bbeefb8e92a773554836fef2e8fc109ea3c1034e7a666e411691a409861fb07",
    ),
    (
        "a point of order 2 added to the key",
        "250b302813637e1e9388ebb5b2e31f235fcc699e20cec33146dfceecb97049f7",
        R,
        "08fee34b034eaf8471fa8c5c0aa86036dbb2dafeb0513b2ced46e5ee6cc88e0c",
    ),
    (
        "R the neutral point, encoded as p + 1",
        KEY,
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "1ec9f49fc13bf2002fdff0fbaf1ff7b20c77a7c8f3ac6d8935a9e9a4ba20bb0d",
    ),
];

/// The points whose order divides 8, in every encoding that some library takes.
const SMALL_ORDER: [&str; 12] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn claim(key: [u8; 32], r: [u8; 32], s: [u8; 32]) -> Claim {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    Claim { key: MemberId(key), message: MESSAGE, signature: Signature(signature) }
}

fn good() -> Vec<Claim> {
    let odd = ODD.iter().map(|(_, key, r, s)| claim(hex(key), hex(r), hex(s)));
    core::iter::once(claim(hex(KEY), hex(R), hex(S))).chain(odd).collect()
}

fn bad() -> Vec<Claim> {
    let (key, r, s) = (hex(KEY), hex(R), hex(S));
    let plain = claim(key, r, s);
    let neutral = hex(SMALL_ORDER[0]);
    let mut claims: Vec<Claim> =
        good().iter().map(|valid| wrong_scalar(valid, plus_order)).collect();
    claims.push(Claim { message: [0x5b; 32], ..plain });
    claims.push(claim(key, s, r));
    claims.push(claim(key, [0xff; 32], s));
    // The same point by another name: y = 3 as p + 3, which nobody has the secret of.
    claims.push(claim(beyond_the_field(3), r, s));
    // R neutral and S zero pass for a signature of any message under a key of small order.
    claims.extend(SMALL_ORDER.iter().map(|key| claim(hex(key), neutral, [0; 32])));
    claims
}

fn wrong_scalar(claim: &Claim, change: impl Fn([u8; 32]) -> [u8; 32]) -> Claim {
    let mut changed = *claim;
    let scalar = changed.signature.0[32..].try_into().unwrap();
    changed.signature.0[32..].copy_from_slice(&change(scalar));
    changed
}

/// The encoding p + `y`.
fn beyond_the_field(y: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + y;
    bytes[31] = 0x7f;
    bytes
}

#[test]
fn a3_zip_215_accepts_what_the_cofactor_hides() {
    assert!(claim(hex(KEY), hex(R), hex(S)).is_valid());
    for (what, key, r, s) in ODD {
        assert!(claim(hex(key), hex(r), hex(s)).is_valid(), "{what}");
    }
}

#[test]
fn a3_small_order_foreign_scalars_and_other_messages_are_refused() {
    for (at, claim) in bad().iter().enumerate() {
        assert!(!claim.is_valid(), "vector {at}");
    }
}

#[test]
fn a3_a_key_is_canonical_and_not_of_small_order() {
    assert!(SMALL_ORDER.iter().all(|key| !is_key(&MemberId(hex(key)))));
    let mut point = [0; 32];
    for y in [3, 4, 5, 6, 9, 10, 14, 15, 16, 18] {
        point[0] = y;
        assert!(is_key(&MemberId(point)), "y = {y} is on the curve");
        assert!(!is_key(&MemberId(beyond_the_field(y))), "p + {y} is another name of it");
    }
    point[0] = 2;
    assert!(!is_key(&MemberId(point)), "y = 2 is not on the curve");
}

#[test]
fn a3_a_page_judges_each_signature_as_if_alone() {
    let (good, bad) = (good(), bad());
    assert_eq!(are_valid(&good), [true; 7]);
    assert!(are_valid(&bad).iter().all(|valid| !valid));
    assert!(are_valid(&[]).is_empty());
    for wrong in bad {
        for at in 0..=good.len() {
            let mut page = good.clone();
            page.insert(at, wrong);
            let expected: Vec<bool> = (0..page.len()).map(|other| other != at).collect();
            assert_eq!(are_valid(&page), expected);
        }
    }
}

#[test]
fn a3_any_flipped_bit_of_a_signature_is_noticed() {
    let author = Author::new(1);
    let signature = author.sign(&MESSAGE);
    let whole = Claim { key: author.id, message: MESSAGE, signature };
    assert!(whole.is_valid());
    for bit in 0..512 {
        let mut flipped = whole;
        flipped.signature.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(are_valid(&[whole, flipped]), [true, false], "bit {bit}");
    }
}

#[test]
fn a3_the_table_of_small_orders_is_what_the_curve_says() {
    for y in SMALL_ORDER_Y {
        for sign in [0, 0x80] {
            let mut key = y;
            key[31] |= sign;
            let point = ed25519_dalek::VerifyingKey::from_bytes(&key);
            assert!(point.is_ok_and(|point| point.is_weak()), "{key:02x?}");
            assert!(has_small_order(&key) && !is_key(&MemberId(key)));
        }
    }
    for seed in 0..64 {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
        assert!(!has_small_order(&key) && is_key(&MemberId(key)));
    }
}

#[test]
fn a3_known_signers_are_judged_as_if_unknown() {
    let mut signers = Signers::default();
    let (good, bad) = (good(), bad());
    for _ in 0..2 {
        for claim in good.iter().chain(&bad) {
            assert_eq!(signers.judge(claim), claim.is_valid());
        }
        // A known key does not make another message or signature valid.
        for (claim, other) in good.iter().zip(good.iter().skip(1)) {
            let message = [!claim.message[0]; 32];
            let signature = other.signature;
            for wrong in [Claim { message, ..*claim }, Claim { signature, ..*claim }] {
                assert_eq!(signers.judge(&wrong), wrong.is_valid());
            }
        }
    }
    assert!(good.iter().all(|claim| signers.points.contains_key(&claim.key)));
    for seed in 0..=POINTS_MAX as u64 {
        let author = Author::new(seed);
        let signature = author.sign(&MESSAGE);
        assert!(signers.judge(&Claim { key: author.id, message: MESSAGE, signature }));
        assert!(signers.points.len() <= POINTS_MAX);
    }
}

#[test]
fn a3_what_is_remembered_is_judged_as_if_met_for_the_first_time() {
    let (good, bad) = (good(), bad());
    let mut signers = Signers::remembering(64);
    let page: Vec<Claim> = good.iter().chain(&bad).copied().collect();
    let alone: Vec<bool> = page.iter().map(Claim::is_valid).collect();
    for _ in 0..2 {
        assert_eq!(signers.judge_page(&page), alone);
        for claim in &page {
            assert_eq!(signers.judge(claim), claim.is_valid());
            assert_eq!(signers.judge_once(&[*claim]), claim.is_valid());
            // Nothing but the very claim is remembered.
            let message = [!claim.message[0]; 32];
            let wrong = Claim { message, ..*claim };
            assert_eq!(signers.judge(&wrong), wrong.is_valid());
        }
        assert!(!signers.judge_once(&page) && signers.judge_once(&good));
    }
}

#[test]
fn a3_only_what_was_signed_here_is_vouched_for() {
    let author = Author::new(1);
    let (own, other) = (author.make(&MESSAGE), author.make(&[1; 32]));
    let mut signers = Signers::remembering(1);
    signers.vouch(&own);
    assert!(signers.recalls(own.claim()) && signers.judge(own.claim()));
    let stolen = Claim { key: Author::new(2).id, ..*own.claim() };
    assert!(!signers.judge(&stolen) && !signers.recalls(&stolen));
    signers.vouch(&other);
    assert!(!signers.recalls(own.claim()), "there is room for one");
    assert!(signers.judge(own.claim()), "and it is valid all the same");
    let mut forgetful = Signers::default();
    forgetful.vouch(&own);
    assert!(!forgetful.recalls(own.claim()));
}
