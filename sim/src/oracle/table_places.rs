//! More tables for D10 to D12, K5 and R6: trees, denials, moves and anchors that cross.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::RowKey;
use super::cases::{Cast, base, group, joins};
use super::table_relations::{anchor, moved, policy, two_places};
use crate::kit::{Stage, add, create, person, remove, restrict};
use folkmoot_core::bounded::Text;
use folkmoot_core::governance::op::{Body, SlotName};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{GroupId, OpId};
use std::collections::BTreeSet;

/// As [`two_places`], and D reads in Z.
fn reader() -> (Stage, Cast, [GroupId; 3], OpId) {
    let (mut s, p, places, last) = two_places();
    let [_, _, z] = places;
    let row = s.say(p.o, &[last], z, add(p.d, Rights::READ));
    (s, p, places, row)
}

/// What the denials of a group keep.
fn kept(s: &Stage, on: GroupId) -> Vec<Vec<u8>> {
    let now = s.oracle.now();
    let denials = now.rows[&on].iter().filter(|(row, _)| matches!(row, RowKey::Denied(..)));
    denials.map(|(_, keep)| keep.clone()).collect()
}

#[test]
fn d10_whose_tree_is_asked() {
    // Not seen: the tree of the grant, in which Z is still below X.
    let (mut s, p, [x, y, z], row) = reader();
    s.say(p.b, &[row], x, add(p.d, Rights::MEMBER));
    let away = s.say(p.o, &[row], z, moved(y));
    s.say(p.a, &[away], z, remove(p.d));
    assert_eq!(kept(&s, z).len(), 1);
    // Not seen: the tree of the grant, in which Z is elsewhere already.
    let (mut s, p, [x, y, z], row) = reader();
    let away = s.say(p.o, &[row], z, moved(y));
    s.say(p.b, &[away], x, add(p.d, Rights::MEMBER));
    s.say(p.a, &[row], z, remove(p.d));
    assert_eq!(kept(&s, z).len(), 0);
    // Seen: the tree of the restriction.
    let (mut s, p, [x, y, z], row) = reader();
    let grant = s.say(p.b, &[row], x, add(p.d, Rights::MEMBER));
    let away = s.say(p.o, &[grant], z, moved(y));
    s.say(p.a, &[away], z, remove(p.d));
    assert_eq!(kept(&s, z).len(), 0);
    // Seen, on a group that is gone: the tree of the grant.
    let (mut s, p, [x, y, z], row) = reader();
    let grant = s.say(p.b, &[row], x, add(p.d, Rights::MEMBER));
    let away = s.say(p.o, &[grant], z, moved(y));
    let gone = s.say(p.o, &[away], x, Body::GroupDeleted);
    s.say(p.a, &[gone], z, remove(p.d));
    assert_eq!(kept(&s, z).len(), 1);
}

#[test]
fn d10_each_denial_has_its_grant_and_its_group() {
    let (mut s, p, [x, y, _], last) = two_places();
    let root = s.root();
    let more = s.say(p.b, &[last], root, add(p.c, Rights::METADATA));
    let (read, write) = (Rights::READ, Rights::WRITE);
    let bytes = |keep: Rights| keep.bits().to_le_bytes().to_vec();
    s.say(p.a, &[more], x, restrict(p.c, read | write));
    s.say(p.o, &[more], x, restrict(p.c, write | Rights::CONTEXTS));
    s.say(p.a, &[more], y, restrict(p.c, read));
    assert_eq!(kept(&s, x), [bytes(write), bytes(write)], "one for each of two grants");
    assert_eq!(kept(&s, y), [bytes(read), bytes(read)]);
    // B's grant goes, and its denials with it.
    s.say(p.a, &[last], root, remove(p.b));
    assert_eq!((kept(&s, x), kept(&s, y)), (vec![bytes(write)], vec![bytes(read)]));
}

/// ADMIN of the root by a member's witness is of the witness's tier: junior to M.
#[test]
fn d11_the_mover_must_be_senior() {
    for (by_member, is_detached) in [(true, false), (false, true)] {
        let (mut s, p, [_, y, z], last) = two_places();
        let root = s.root();
        let invitation = p.a.invite(s.terms(p.a, person(40), &[last], root, Rights::ADMIN));
        let witness = if by_member { p.c } else { p.o };
        let join = s.say(witness, &[last], root, joins(&invitation, p.x));
        let act = s.say(p.m, &[join], z, create());
        let away = s.say(p.x, &[join], z, moved(y));
        assert!(s.is_effective(away));
        assert_eq!(!s.is_effective(act), is_detached, "by a member: {by_member}");
    }
}

#[test]
fn d11_a_move_that_was_seen_and_taken_back_detaches_nothing() {
    let (mut s, p, [x, y, z], last) = two_places();
    let away = s.say(p.o, &[last], z, moved(y));
    let back = s.say(p.o, &[away], z, moved(x));
    let act = s.say(p.m, &[back], z, create());
    assert!(s.is_effective(act));
}

/// M's act is void and then revived after the move that knew of it.
#[test]
fn d11_what_was_done_before_a_move_stays_when_it_comes_back() {
    let (mut s, p, [x, y, z], last) = two_places();
    let before = s.say(p.m, &[last], z, create());
    s.say(p.o, &[before], z, moved(y));
    s.say(p.a, &[last], x, remove(p.m));
    assert!(!s.is_effective(before));
    s.say(p.o, &[last], s.root(), remove(p.a));
    assert!(s.is_effective(before));
}

/// A removes B beside what B did, and the notary signs two anchors beside each other: one covers
/// both, the other only what B did, which then stays. The least id counts, also if it comes last.
#[test]
fn d12_the_least_of_two_anchors_counts_whenever_it_comes() {
    let mut seen = BTreeSet::new();
    for ((rights, _), order) in Rights::NAMES.into_iter().flat_map(|r| [0, 1, 2].map(|n| (r, n))) {
        let (mut s, p, h) = base();
        let root = s.root();
        let act = s.say(p.b, &[h], root, add(p.d, rights));
        let removal = s.say(p.a, &[h], root, remove(p.b));
        let signed = |known: &[OpId]| p.o.sign(&s.oracle, known, root, anchor(None));
        let (both, one) = (signed(&[act, removal]), signed(&[act]));
        let (covers_both, stays) = (both.id, one.id < both.id);
        let mut anchors = [both, one];
        if order == 1 {
            anchors.reverse();
        }
        for op in anchors {
            let id = op.id;
            assert_eq!(s.submit(op), Admission::Admit);
            if id == covers_both && order < 2 {
                s.say(p.o, &[id], root, anchor(None));
            }
        }
        assert_eq!(s.is_effective(act), stays, "order {order}");
        seen.insert((stays, order));
    }
    assert_eq!(seen.len(), 6, "whichever is less, it comes first and last");
}

/// What an anchor covers comes first, whoever is senior.
#[test]
fn d12_an_anchor_decides_between_moves() {
    let (mut s, p, [x, y, _], last) = two_places();
    let root = s.root();
    let places = |s: &Stage| [x, y].map(|on| s.oracle.now().tree[&on]);
    let senior = s.say(p.a, &[last], x, moved(y));
    let junior = s.say(p.b, &[last], y, moved(x));
    assert_eq!(places(&s), [Some(y), Some(root)]);
    s.say(p.o, &[junior], root, anchor(None));
    assert_eq!(places(&s), [Some(root), Some(x)]);
    assert!(s.is_effective(senior));
}

#[test]
fn d12_an_anchor_decides_between_writes() {
    let (mut s, p, h) = base();
    let root = s.root();
    let slot = RowKey::Slot(SlotName::Policy(Text::default()));
    let senior = s.say(p.a, &[h], root, policy(false, 1));
    let junior = s.say(p.b, &[h], root, policy(false, 2));
    assert_eq!(s.oracle.now().rows[&root][&slot], senior.0);
    s.say(p.o, &[junior], root, anchor(None));
    assert_eq!(s.oracle.now().rows[&root][&slot], junior.0);
}

#[test]
fn k5_what_leaves_a_deleted_group_exists_with_all_below() {
    let (mut s, p, [x, y, z], last) = two_places();
    let below = s.say(p.o, &[last], z, create());
    s.say(p.a, &[below], x, Body::GroupDeleted);
    assert_eq!(s.oracle.now().tree.get(&group(below)), None);
    s.say(p.o, &[below], z, moved(y));
    assert_eq!(s.oracle.now().tree.get(&group(below)), Some(&Some(z)));
}

/// What is said on the places of [`reader`], where C is a member of the root; last by himself.
type Said = fn(&mut Stage, &Cast, [GroupId; 3], OpId) -> OpId;

/// What others do, what somebody does to himself, and whether that is idle.
const RESTRICTED: [(&str, Said, bool); 7] = [
    (
        "as little",
        |s, p, _, h| {
            s.say(p.a, &[h], s.root(), restrict(p.c, Rights::READ));
            s.say(p.c, &[h], s.root(), restrict(p.c, Rights::READ))
        },
        true,
    ),
    (
        "nothing, without effect",
        |s, p, _, h| {
            s.say(p.b, &[h], s.root(), remove(p.c));
            s.say(p.a, &[h], s.root(), remove(p.b));
            s.say(p.c, &[h], s.root(), Body::MemberLeft)
        },
        false,
    ),
    (
        "all, and he twice",
        |s, p, _, h| {
            s.say(p.c, &[h], s.root(), restrict(p.c, Rights::READ));
            s.say(p.c, &[h], s.root(), Body::MemberLeft)
        },
        false,
    ),
    (
        "as little of a grant below",
        |s, p, [_, _, z], h| {
            s.say(p.a, &[h], s.root(), restrict(p.d, Rights::NONE));
            s.say(p.d, &[h], z, Body::MemberLeft)
        },
        true,
    ),
    (
        "as little in the same place",
        |s, p, [x, ..], h| {
            s.say(p.a, &[h], x, remove(p.c));
            s.say(p.c, &[h], x, remove(p.c))
        },
        true,
    ),
    (
        "as little in a place below",
        |s, p, [x, _, z], h| {
            s.say(p.a, &[h], z, remove(p.c));
            s.say(p.c, &[h], x, remove(p.c))
        },
        false,
    ),
    (
        "nothing of the grant, and no denial",
        |s, p, [x, ..], h| {
            s.say(p.a, &[h], s.root(), remove(p.c));
            s.say(p.c, &[h], x, remove(p.c))
        },
        false,
    ),
];

#[test]
fn r6_what_others_left() {
    for (what, said, is_idle) in RESTRICTED {
        let (mut s, p, places, last) = reader();
        let own = said(&mut s, &p, places, last);
        let now = s.oracle.now();
        assert!(now.effective.contains(&own), "{what}");
        assert_eq!(!now.heads.contains(&own), is_idle, "{what}");
    }
}
