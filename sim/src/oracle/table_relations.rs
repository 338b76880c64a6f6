//! Tables for D8 to D12, R2, R5, R6 and GOV-20.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::cases::{base, cast, group, joins};
use super::{RowKey, VoidReason};
use crate::kit::{Stage, add, create, person, remove, restrict};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::governance::op::{Body, SlotName, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, MemberId, OpId};

pub(super) fn moved(new_parent: GroupId) -> Body {
    Body::GroupMoved { new_parent }
}

pub(super) fn anchor(notary: Option<MemberId>) -> Body {
    Body::Anchor { rules: 1, notary }
}

pub(super) fn policy(strict: bool, value: u8) -> Body {
    let value = Bytes::truncated(vec![value]);
    Body::SlotSet { strict, write: SlotWrite::Policy { key: Text::default(), value } }
}

/// Rights, tier and rank in the row of a member.
fn row(stage: &Stage, on: GroupId, member: MemberId) -> (u16, u8, u64, OpId) {
    let now = stage.oracle.now();
    let value = &now.rows[&on][&RowKey::Member(member)];
    let (bits, rest) = value.split_first_chunk::<2>().unwrap();
    let (tier, rest) = rest.split_first().unwrap();
    let (rank, op) = rest.split_first_chunk::<8>().unwrap();
    let op = OpId(op.try_into().unwrap());
    (u16::from_le_bytes(*bits), *tier, u64::from_le_bytes(*rank), op)
}

#[test]
fn d8_keys() {
    let p = cast();
    let mut s = Stage::found(&[p.o, p.x]);
    let root = s.root();
    let genesis = s.genesis();
    let a = s.say(p.o, &[genesis], root, add(p.a, Rights::ADMIN));
    let m = s.say(p.a, &[a], root, add(p.m, Rights::SUBGROUPS));
    let by_admin = s.say(p.a, &[m], root, create());
    let by_member = s.say(p.m, &[by_admin], root, create());
    let local = s.say(p.a, &[by_member], group(by_admin), add(p.b, Rights::ADMIN));
    let puppet = s.say(p.m, &[local], group(by_member), add(p.d, Rights::ADMIN));
    let admin = Rights::ADMIN.bits();
    assert_eq!(row(&s, root, p.o.id), (admin, 0, 0, genesis));
    assert_eq!(row(&s, root, p.x.id), (admin, 0, 1, genesis));
    assert_eq!(row(&s, root, p.a.id), (admin, 1, 1, a));
    assert_eq!(row(&s, root, p.m.id), (Rights::SUBGROUPS.bits(), 3, 2, m));
    assert_eq!(row(&s, group(by_admin), p.a.id), (admin, 2, 3, by_admin));
    assert_eq!(row(&s, group(by_member), p.m.id), (admin, 3, 4, by_member));
    assert_eq!(row(&s, group(by_admin), p.b.id), (admin, 2, 5, local));
    assert_eq!(row(&s, group(by_member), p.d.id), (admin, 3, 6, puppet));
}

/// Of two witnesses the owner's is senior; with the inviter, who is junior to both, none is.
#[test]
fn d8_the_inviter_counts_in_the_key_of_a_join() {
    let (mut s, p, h) = base();
    let root = s.root();
    let invitation = p.b.invite(s.terms(p.b, person(40), &[h], root, Rights::READ));
    let early = s.say(p.a, &[h], root, joins(&invitation, p.d));
    let next = s.say(p.o, &[h], root, Body::Noop);
    let late = s.say(p.o, &[next], root, joins(&invitation, p.m));
    let spent = VoidReason::InvitationSpent { by: vec![early] };
    assert_eq!(s.oracle.now().void[&late], spent);
    assert!(s.is_effective(early));
}

#[test]
fn d9_a_restriction_binds_below_but_not_beside_or_above() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], group(x), create());
    let z = s.say(p.o, &[y], root, create());
    let mut head = z;
    for on in [root, group(x), group(y), group(z)] {
        head = s.say(p.o, &[head], on, add(p.d, Rights::MEMBER));
    }
    s.say(p.a, &[head], group(x), restrict(p.d, Rights::READ));
    let rights = [root, group(x), group(y), group(z)].map(|on| s.rights(p.d, on));
    assert_eq!(rights, [Rights::MEMBER, Rights::READ, Rights::READ, Rights::MEMBER]);
}

#[test]
fn d9_a_grant_that_was_seen_counts_where_it_is_now() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], root, create());
    let z = s.say(p.o, &[y], group(x), create());
    let g = s.say(p.o, &[z], group(z), add(p.d, Rights::MEMBER));
    let away = s.say(p.o, &[g], group(z), moved(group(y)));
    // Seen: by the tree at the restriction's cut. Not seen: by the tree at the grant's.
    let direct = s.say(p.o, &[away], group(x), add(p.d, Rights::READ));
    s.say(p.a, &[direct], group(x), remove(p.d));
    assert_eq!(s.rights(p.d, group(z)), Rights::MEMBER);
    let other = s.say(p.o, &[z], group(x), add(p.d, Rights::READ));
    let unseen = s.say(p.a, &[other], group(x), remove(p.d));
    assert_eq!(s.rights(p.d, group(z)), Rights::NONE);
    assert!(s.is_effective(unseen));
}

#[test]
fn d9_a_creator_is_bound_above_the_group_he_makes() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let removal = s.say(p.a, &[x], group(x), remove(p.c));
    let made = s.say(p.c, &[x], group(x), create());
    let act = s.say(p.c, &[made], group(made), add(p.d, Rights::READ));
    let now = s.oracle.now();
    assert_eq!(now.void[&made], VoidReason::Struck { by: vec![removal] });
    assert_eq!(now.void[&act], VoidReason::Auth(made));
}

#[test]
fn d10_what_is_denied_and_what_is_not() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], group(x), create());
    let z = s.say(p.o, &[y], root, create());
    let denial = s.say(p.a, &[z], group(x), restrict(p.c, Rights::READ));
    let later = s.say(p.o, &[denial], root, add(p.c, Rights::MEMBER | Rights::METADATA));
    let acts = [root, group(x), group(y), group(z)].map(|on| s.say(p.c, &[z], on, create()));
    assert_eq!(acts.map(|act| s.is_effective(act)), [true, false, false, true]);
    // A grant that cites the denial is not denied, and the row says which one is.
    s.say(p.c, &[later], group(y), create());
    let now = s.oracle.now();
    let denied: Vec<_> =
        now.rows[&group(x)].keys().filter(|row| matches!(row, RowKey::Denied(..))).collect();
    assert_eq!(denied, [&RowKey::Denied(p.c.id, h)]);
    let row = &now.rows[&group(x)][&RowKey::Denied(p.c.id, h)];
    assert_eq!(*row, Rights::READ.bits().to_le_bytes());
    assert_eq!(now.rights(p.c.id, group(x)), Rights::NONE);
}

#[test]
fn d10_a_group_that_the_grant_does_not_know() {
    let (mut s, p, h) = base();
    let root = s.root();
    let early = s.say(p.o, &[h], root, add(p.d, Rights::READ));
    let x = s.say(p.o, &[early], root, create());
    s.say(p.a, &[x], group(x), remove(p.d));
    // Concurrent to the denial, made where the group did not exist: denied by its tree (ruling 3).
    let grant = s.say(p.b, &[early], root, add(p.d, Rights::MEMBER));
    let act = s.say(p.d, &[grant, x], group(x), create());
    assert!(!s.is_effective(act));
    assert!(s.oracle.now().rows[&group(x)].contains_key(&RowKey::Denied(p.d.id, grant)));
}

/// X and Y below the root, Z below X; M with ADMIN on X; and the last op.
pub(super) fn two_places() -> (Stage, super::cases::Cast, [GroupId; 3], OpId) {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], root, create());
    let z = s.say(p.o, &[y], group(x), create());
    let last = s.say(p.o, &[z], group(x), add(p.m, Rights::ADMIN));
    (s, p, [x, y, z].map(group), last)
}

#[test]
fn d11_whom_a_move_detaches() {
    let (mut s, p, [x, y, z], last) = two_places();
    let row = s.say(p.o, &[last], z, add(p.d, Rights::MEMBER));
    s.say(p.o, &[row], z, moved(y));
    let acts = [
        (p.m, z, true),
        (p.m, x, false),
        (p.d, z, false),
        (p.a, z, false),
        (p.o, z, false),
        (p.c, z, false),
    ];
    for (at, (who, on, is_detached)) in acts.into_iter().enumerate() {
        let act = s.say(who, &[row], on, create());
        assert_eq!(!s.is_effective(act), is_detached, "row {at}");
    }
    // What was done before the move stays.
    let (mut s, p, [_, y, z], last) = two_places();
    let before = s.say(p.m, &[last], z, create());
    s.say(p.o, &[before], z, moved(y));
    assert!(s.is_effective(before));
}

#[test]
fn d11_a_deeper_place_keeps() {
    let (mut s, p, [x, y, z], last) = two_places();
    let root = s.root();
    let late = s.say(p.o, &[last], root, add(p.d, Rights::ADMIN));
    let deeper = s.say(p.o, &[late], x, create());
    s.say(p.o, &[deeper], z, moved(group(deeper)));
    let act = s.say(p.m, &[deeper], z, create());
    assert!(s.is_effective(act), "still below the group where M is admin");
    let moved_by_admin = s.say(p.d, &[deeper], z, moved(y));
    // ADMIN on the root is tier 1: senior to any grant below the root.
    assert!(!s.is_effective(act) && s.is_effective(moved_by_admin));
}

#[test]
fn d12_the_chain_of_anchors() {
    let p = cast();
    let mut s = Stage::found(&[p.o, p.a]);
    let root = s.root();
    let g = s.say(p.o, &[s.genesis()], root, add(p.b, Rights::ADMIN));
    let first = s.say(p.o, &[g], root, anchor(None));
    let beside = s.say(p.b, &[g], root, add(p.c, Rights::READ));
    let handover = s.say(p.o, &[first, beside], root, anchor(Some(p.a.id)));
    let stale = s.say(p.o, &[first], root, anchor(None));
    let third = s.say(p.a, &[handover], root, anchor(None));
    let after = s.say(p.b, &[third], root, Body::Noop);
    let now = s.oracle.now();
    // The old notary signed two seconds: the least id counts, and the office may not move.
    if handover < stale {
        assert_eq!(now.anchors, [first, handover, third]);
        let epochs = [g, first, beside, handover, stale, third, after].map(|id| now.epochs[&id]);
        assert_eq!(epochs, [0, 0, 1, 1, 3, 2, 3]);
    } else {
        assert_eq!(now.anchors, [first, stale]);
        let epochs = [g, first, beside, handover, stale, third, after].map(|id| now.epochs[&id]);
        assert_eq!(epochs, [0, 0, 2, 2, 1, 2, 2]);
    }
}

#[test]
fn r2_void_ops_are_revived() {
    let (mut s, p, h) = base();
    let root = s.root();
    let act = s.say(p.c, &[h], root, create());
    let removal = s.say(p.b, &[h], root, remove(p.c));
    assert!(!s.is_effective(act));
    s.say(p.a, &[h], root, remove(p.b));
    assert!(s.is_effective(act) && !s.is_effective(removal));
}

#[test]
fn r5_slots() {
    let (mut s, p, h) = base();
    let root = s.root();
    let junior = s.say(p.b, &[h], root, policy(false, 1));
    let strict = s.say(p.b, &[h], root, policy(true, 2));
    let senior = s.say(p.a, &[h], root, policy(false, 3));
    let now = s.oracle.now();
    let winner = now.rows[&root].iter().find(|(row, _)| matches!(row, RowKey::Slot(_)));
    assert_eq!(winner.map(|(_, value)| value.as_slice()), Some(senior.0.as_slice()));
    assert_eq!(now.void[&strict], VoidReason::SlotLost { winner: senior });
    assert_eq!(now.losers.values().flatten().copied().collect::<Vec<_>>(), [junior]);
    let last = s.say(p.b, &[junior, senior], root, policy(true, 4));
    let now = s.oracle.now();
    let slot = RowKey::Slot(SlotName::Policy(Text::default()));
    assert_eq!(now.rows[&root][&slot], last.0, "whoever has seen them may overwrite");
    assert!(now.losers.is_empty());
}

/// B's first write falls with A's removal of B, and comes back with O's removal of A.
#[test]
fn r5_a_write_that_comes_back_stays_behind_what_followed_it() {
    let (mut s, p, h) = base();
    let root = s.root();
    let junior = s.say(p.o, &[h], root, add(p.d, Rights::ADMIN));
    let first = s.say(p.b, &[junior], root, policy(false, 1));
    let last = s.say(p.d, &[first], root, policy(false, 2));
    let slot = RowKey::Slot(SlotName::Policy(Text::default()));
    let wins = |s: &Stage| s.oracle.now().rows[&root][&slot] == last.0;
    let removal = s.say(p.a, &[h], root, remove(p.b));
    assert!(!s.is_effective(first) && wins(&s));
    s.say(p.o, &[h], root, remove(p.a));
    assert!(!s.is_effective(removal) && s.is_effective(first) && wins(&s));
    assert!(s.oracle.now().losers.is_empty());
}

#[test]
fn r6_an_idle_leave_makes_no_head() {
    let (mut s, p, h) = base();
    let root = s.root();
    let removal = s.say(p.a, &[h], root, remove(p.c));
    let idle = s.say(p.c, &[h], root, Body::MemberLeft);
    assert!(s.is_effective(idle));
    assert_eq!(s.oracle.now().heads, [removal]);
    // Beside a removal that keeps something, the leave is what takes the rest.
    let (mut s, p, h) = base();
    let part = s.say(p.a, &[h], root, restrict(p.c, Rights::READ));
    let leave = s.say(p.c, &[h], root, Body::MemberLeft);
    let mut heads = vec![part, leave];
    heads.sort_unstable();
    assert_eq!(s.oracle.now().heads, heads);
}

#[test]
fn r6_a_leave_that_voids_something_is_visible() {
    let (mut s, p, h) = base();
    let root = s.root();
    let act = s.say(p.c, &[h], root, create());
    let removal = s.say(p.a, &[act], root, remove(p.c));
    let leave = s.say(p.c, &[h], root, Body::MemberLeft);
    assert!(!s.is_effective(act), "signed beside his own leave");
    let mut heads = vec![removal, leave];
    heads.sort_unstable();
    assert_eq!(s.oracle.now().heads, heads);
}

#[test]
fn r6_two_leaves_do_not_hide_each_other() {
    let (mut s, p, h) = base();
    let root = s.root();
    let inviter = s.say(p.o, &[h], root, add(p.d, Rights::MEMBER | Rights::INVITE));
    let invitation = p.d.invite(s.terms(p.d, person(40), &[inviter], root, Rights::READ));
    let join = s.say(p.c, &[inviter], root, joins(&invitation, p.x));
    // Both removals know the join; both leaves do not.
    let witness_gone = s.say(p.a, &[join], root, remove(p.c));
    s.say(p.a, &[witness_gone], root, remove(p.d));
    s.say(p.c, &[inviter], root, Body::MemberLeft);
    s.say(p.d, &[inviter], root, Body::MemberLeft);
    let now = s.oracle.now();
    assert!(!now.effective.contains(&join));
    let awake = s.oracle.effect(&now.visible);
    assert_eq!((awake.state_root, &awake.heads), (now.state_root, &now.heads));
}

#[test]
fn gov_20_group_root_is_the_digest_of_the_roots_on_the_path() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let now = s.oracle.now();
    let parts = [group(x).0, now.roots[&group(x)], root.0, now.roots[&root]];
    assert_eq!(now.group_root(group(x)), digest(Domain::GroupRoot, &parts.concat()));
    assert_eq!(now.group_root(GroupId([9; 32])), [0; 32]);
    let keys: Vec<_> = now.rows[&group(x)].keys().cloned().collect();
    assert_eq!(keys, [RowKey::Parent, RowKey::Member(p.o.id)]);
    assert_eq!(RowKey::Parent.encode(), [0]);
    assert_eq!(RowKey::Member(p.o.id).encode().len(), 33);
    assert_eq!(RowKey::Denied(p.o.id, h).encode().len(), 65);
    assert_eq!(RowKey::Slot(SlotName::Visibility).encode(), [3, 0]);
}
