//! Which beacons count, and what they mean (NET-10 to NET-12, attacks 31, 32, 37 and 40).

use super::{fake, pulled, trace};
use crate::bounded::Bounded;
use crate::command::Command;
use crate::effect::{Effect, Forward, Notice};
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::id::{NamespaceId, PeerKey};
use crate::input::Input;
use crate::limits::BEACONS_BURST;
use crate::readiness::{Cause, State};
use crate::statement::{Attested, Beacon, HeadSummary, Tier};
use crate::testing::Author;
use crate::testing::timed::{Timed, announced, authors, changes, peer_of, verdicts};
use crate::time::UnixMillis;
use crate::wire::Gossip;
use alloc::boxed::Box;
use alloc::vec::Vec;

const SKEW: u64 = 60_000;

fn accepts(node: &mut Timed, member: &Author, beacon: Beacon) -> bool {
    let before = trace(node);
    let accepted = match verdicts(&node.hear(member, beacon))[..] {
        [Forward::Accept | Forward::AcceptLater] => true,
        [Forward::Ignore] => false,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(accepted, trace(node) != before, "what does not count changes nothing");
    accepted
}

#[test]
fn net_10_a_beacon_is_on_time_within_a_minute_either_way() {
    let [owner, friend] = authors();
    for (offset, expected) in [
        (-60_001, false),
        (-60_000, true),
        (-59_999, true),
        (0, true),
        (59_999, true),
        (60_000, true),
        (60_001, false),
        (-3_600_000, false),
        (365 * 24 * 3_600_000, false),
    ] {
        let mut node = Timed::founder(&owner, &[&friend]);
        let sent_at = UnixMillis(node.unix().0.checked_add_signed(offset).unwrap());
        let beacon = Beacon { sent_at, ..node.beacon_of(&friend) };
        assert_eq!(accepts(&mut node, &friend, beacon), expected, "{offset}");
    }
}

#[test]
fn net_10_attack_40_a_stranger_or_removed_member_is_not_heard_and_no_forwarder_blamed() {
    let [owner, friend, stranger] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let beacon = node.beacon_of(&stranger);
    assert!(!accepts(&mut node, &stranger, beacon));
    let beacon = node.beacon_of(&friend);
    assert!(accepts(&mut node, &friend, beacon));
    assert_eq!(node.readiness(), State::PeerValidated);

    node.now = 1000;
    let member = friend.id;
    node.govern(Body::MemberRestricted { member, keep: Rights::NONE });
    assert_eq!(node.desk().readiness.heard(&member), None);
    let beacon = node.beacon_of(&friend);
    assert!(!accepts(&mut node, &friend, beacon));
}

#[test]
fn net_10_attack_31_a_beacon_of_another_namespace_or_hand_is_refused_before() {
    let [owner, friend, liar] = authors();
    let mut node = Timed::founder(&owner, &[&friend, &liar]);
    let elsewhere = Beacon { namespace: NamespaceId([9; 32]), ..node.beacon_of(&friend) };
    let before = trace(&node);
    let effects = node.hear(&friend, elsewhere);
    assert_eq!(verdicts(&effects), [Forward::Reject]);
    // Signed by the liar in the name of the friend.
    let beacon = node.beacon_of(&friend);
    let forged = Attested::by(beacon, |_, digest| Some(liar.sign(digest))).unwrap();
    let effects = node.gossip(peer_of(&liar), &Gossip::Beacon(Box::new(forged)).encode());
    assert_eq!(verdicts(&effects), [Forward::Reject]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Charge { peer, .. }
        if *peer == peer_of(&liar))));
    assert_eq!(trace(&node), before);
}

#[test]
fn net_10_attack_31_a_replay_changes_nothing_and_is_not_forwarded() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let first = node.beacon_of(&friend);
    let second = Beacon { sequence: first.sequence + 1, ..first.clone() };
    assert!(accepts(&mut node, &friend, first.clone()));
    assert!(!accepts(&mut node, &friend, first.clone()));
    node.pass_to(5000);
    assert!(accepts(&mut node, &friend, second.clone()));
    assert!(!accepts(&mut node, &friend, second));
    assert!(!accepts(&mut node, &friend, first.clone()));
    // An hour and a year later it is too old besides.
    for ms in [3_600_000, 365 * 24 * 3_600_000] {
        node.now = ms;
        node.input(Input::Wake);
        assert!(!accepts(&mut node, &friend, first.clone()));
    }
}

#[test]
fn net_10_a_new_boot_replaces_the_old_one_which_cannot_be_replayed() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let old = Beacon { sequence: 100, ..node.beacon_of(&friend) };
    let unheard = Beacon { sequence: 101, ..old.clone() };
    assert!(accepts(&mut node, &friend, old.clone()));
    let same_time = Beacon { boot: [2; 16], sequence: 1, ..old.clone() };
    assert!(!accepts(&mut node, &friend, same_time));
    node.pass_to(1);
    let new = Beacon { boot: [2; 16], sequence: 1, sent_at: node.unix(), ..old.clone() };
    assert!(accepts(&mut node, &friend, new.clone()));
    for beacon in [old, unheard, new.clone()] {
        assert!(!accepts(&mut node, &friend, beacon));
    }
    // The time of a boot is the latest of all its beacons: an earlier one, of a clock that was set
    // back, opens no door.
    let set_back = Beacon { sequence: 2, sent_at: UnixMillis(new.sent_at.0 - 50), ..new.clone() };
    assert!(accepts(&mut node, &friend, set_back.clone()));
    let between = Beacon { boot: [1; 16], sequence: 102, sent_at: new.sent_at, ..set_back };
    assert!(!accepts(&mut node, &friend, between));
}

#[test]
fn net_10_attack_37_a_member_is_heard_again_after_our_clock_was_a_century_ahead() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let right = node.epoch;
    node.epoch += 100 * 365 * 24 * 3_600_000;
    // Both clocks are wrong, by the same.
    let beacon = node.beacon_of(&friend);
    assert!(accepts(&mut node, &friend, beacon));
    node.epoch = right;
    node.pass_to(5000);
    let restarted = Beacon { boot: [2; 16], sequence: 1, ..node.beacon_of(&friend) };
    assert!(accepts(&mut node, &friend, restarted.clone()));
    // Then it is as strict as ever.
    assert!(!accepts(&mut node, &friend, Beacon { boot: [3; 16], ..restarted }));
}

#[test]
fn net_10_attack_37_a_wrong_clock_changes_no_tier_and_a_correction_is_felt_with_the_next_beacon() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let right = node.epoch;
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    assert_eq!(node.readiness(), State::PeerValidated);
    for wrong in [right + 600_000, right - 600_000, right - 3_600_000] {
        node.epoch = right;
        let beacon = node.beacon_of(&friend);
        node.epoch = wrong;
        assert!(!accepts(&mut node, &friend, beacon));
        node.pass_to(node.now + 120_000);
        // It goes on serving, as one that hears nobody.
        assert_eq!(node.readiness(), State::Degraded(Cause::NoRecentPeers));
        assert_eq!(node.readiness().tier(), Tier::Locally);
        node.epoch = right;
        let beacon = node.beacon_of(&friend);
        node.hear(&friend, beacon);
        assert_eq!(node.readiness(), State::PeerValidated);
    }
    // The machine sleeps for ten minutes.
    node.now += 600_000;
    node.input(Input::Wake);
    assert!(node.readiness().tier().is_ready());
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn net_10_our_own_beacon_is_no_news_but_that_of_our_other_machine_is() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let boot = node.state.volatile.boot;
    let echo = Beacon { boot, sequence: 99, ..node.beacon_of(&owner) };
    assert!(!accepts(&mut node, &owner, echo));
    let other = Beacon { tier: Tier::Validated, ..node.claim_of(&owner, &[fake(5)]) };
    let effects = node.hear(&owner, other);
    assert_eq!(verdicts(&effects), [Forward::Accept]);
    assert_eq!(pulled(&effects), [peer_of(&owner)]);
    // It is no other member.
    assert_eq!(node.readiness(), State::LocallyReady);
}

#[test]
fn net_10_a_beacon_without_news_is_forwarded_later_and_one_with_any_at_once() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let first = node.beacon_of(&friend);
    let mut sequence = first.sequence;
    let mut forwarded = |beacon: &Beacon| {
        (sequence, node.now) = (sequence + 1, node.now + 1_000);
        let beacon = Beacon { sequence, sent_at: node.unix(), ..beacon.clone() };
        verdicts(&node.hear(&friend, beacon))[0]
    };
    assert_eq!(forwarded(&first), Forward::Accept);
    assert_eq!(forwarded(&first), Forward::AcceptLater);
    let empty = Bounded::new(Vec::new()).unwrap();
    let others = [
        Beacon { tier: Tier::Validated, ..first.clone() },
        Beacon { state_root: [7; 32], ..first.clone() },
        Beacon { heads: HeadSummary::All(empty), ..first.clone() },
    ];
    for other in &others {
        assert_eq!(forwarded(other), Forward::Accept, "{other:?}");
        assert_eq!(forwarded(&first), Forward::Accept, "after {other:?}");
    }
    assert_eq!(forwarded(&first), Forward::AcceptLater);
}

#[test]
fn net_3_a_member_is_heard_so_often_and_no_oftener() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let mut sequence = 0;
    let mut flood = |node: &mut Timed| {
        let count = (0..50).filter(|_| {
            sequence += 1;
            let beacon = Beacon { sequence, ..node.beacon_of(&friend) };
            accepts(node, &friend, beacon)
        });
        count.count() as u64
    };
    assert_eq!(flood(&mut node), BEACONS_BURST);
    node.now = 999;
    assert_eq!(flood(&mut node), 0);
    node.now = 1000;
    assert_eq!(flood(&mut node), 1);
    node.now = 4000;
    assert_eq!(flood(&mut node), 3);
    node.now = 1_000_000;
    assert_eq!(flood(&mut node), BEACONS_BURST);
}

#[test]
fn net_11_a_beacon_is_fresh_for_three_times_24_seconds_of_our_own_clock() {
    let [owner, friend] = authors();
    for (age, is_fresh) in [(71_999, true), (72_000, false), (72_001, false)] {
        let mut node = Timed::founder(&owner, &[&friend]);
        node.pass_to(500);
        // Sent long ago by its own word, and fresh from its arrival.
        let sent_at = UnixMillis(node.unix().0 - SKEW);
        let beacon = Beacon { sent_at, ..node.beacon_of(&friend) };
        assert!(accepts(&mut node, &friend, beacon));
        node.pass_to(500 + age);
        let now = crate::time::MonoMillis(node.now);
        assert_eq!(node.desk().readiness.fresh_count(now), u64::from(is_fresh), "{age}");
    }
}

#[test]
fn net_12_heads_are_compared_and_never_counters() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    // A boast without a head behind it is nothing (attack 32).
    let beacon = Beacon { ops: u64::MAX, ..node.beacon_of(&friend) };
    let effects = node.hear(&friend, beacon);
    assert_eq!(pulled(&effects), []);
    assert_eq!(node.readiness(), State::PeerValidated);
    // It lacks what we have: nothing follows.
    let behind = node.claim_of(&friend, &[crate::id::OpId(node.namespace.0)]);
    node.now = 1000;
    let effects = node.hear(&friend, Beacon { sequence: 2, ..behind });
    assert_eq!(pulled(&effects), []);
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn net_12_a_head_we_lack_is_pulled_from_its_member_or_from_the_forwarder() {
    let [owner, friend] = authors();
    let forwarder = PeerKey([0xf0; 32]);
    let mut node = Timed::founder(&owner, &[&friend]);
    let claim = node.claim_of(&friend, &[fake(5)]);
    let effects = node.hear_via(forwarder, &friend, claim);
    assert_eq!(pulled(&effects), [forwarder]);

    let mut node = Timed::founder(&owner, &[&friend]);
    let identity = crate::identities::Identity { member: friend.id, pass: None, round_trip_ms: 1 };
    let desk = node.state.volatile.desks.get_mut(&node.namespace).unwrap();
    desk.identities.insert(peer_of(&friend), identity);
    node.input(Input::PeerConnected { peer: peer_of(&friend) });
    let claim = node.claim_of(&friend, &[fake(5)]);
    let effects = node.hear_via(forwarder, &friend, claim);
    assert_eq!(pulled(&effects), [peer_of(&friend)]);
}

#[test]
fn net_12_what_two_members_name_and_we_lack_makes_us_catch_up_after_two_seconds() {
    let [owner, friend, other] = authors();
    let mut node = Timed::founder(&owner, &[&friend, &other]);
    for member in [&friend, &other] {
        let claim = node.claim_of(member, &[fake(5), fake(6)]);
        node.hear(member, claim);
    }
    let done = node.pass_to(1999);
    assert_eq!(changes(done.iter().map(|(_, effect)| effect)).count(), 0);
    assert_eq!(node.readiness(), State::LocallyReady);
    let done = node.pass_to(2000);
    let effects: Vec<&Effect> = done.iter().map(|(_, effect)| effect).collect();
    assert_eq!(
        changes(effects.iter().copied()).collect::<Vec<_>>(),
        [State::CatchingUp { missing: 2 }]
    );
    // One last beacon says so.
    let last: Vec<Tier> = announced(effects.iter().copied()).map(|beacon| beacon.tier).collect();
    assert_eq!(last, [Tier::NotReady]);
    // Both turn out to have no more than we do: that is the end of it.
    for member in [&friend, &other] {
        let beacon = node.beacon_of(member);
        node.hear(member, beacon);
    }
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn net_12_equal_heads_and_another_root_is_divergence_with_both_roots_told_once() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let theirs = [9; 32];
    let ours = node.root();
    let namespace = node.namespace;
    let beacon = Beacon { state_root: theirs, ..node.beacon_of(&friend) };
    let effects = node.hear(&friend, beacon.clone());
    let told = Effect::Notify(Notice::Diverged { namespace, ours, theirs });
    assert!(effects.contains(&told));
    node.pass_to(1999);
    assert!(node.readiness().tier().is_ready());
    node.pass_to(2000);
    assert_eq!(node.readiness(), State::Degraded(Cause::Diverged));
    let again = Beacon { sequence: 9, sent_at: node.unix(), ..beacon };
    assert!(!node.hear(&friend, again).contains(&told));
    // Both are silent now, and that is no reconciliation.
    node.pass_to(600_000);
    assert_eq!(node.readiness(), State::Degraded(Cause::Diverged));
    let agreeing = node.beacon_of(&friend);
    node.hear(&friend, agreeing);
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn net_12_other_heads_with_another_root_are_no_divergence() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let genesis = crate::id::OpId(node.namespace.0);
    let claim = Beacon { state_root: [9; 32], ..node.claim_of(&friend, &[genesis]) };
    let effects = node.hear(&friend, claim);
    let is_told = |effect: &Effect| matches!(effect, Effect::Notify(Notice::Diverged { .. }));
    assert!(!effects.iter().any(is_told));
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn attack_32_one_liar_takes_nobody_out_of_a_ready_state() {
    let [owner, friend, liar] = authors();
    let mut node = Timed::founder(&owner, &[&friend, &liar]);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    assert_eq!(node.readiness(), State::PeerValidated);
    let mut pulls = Vec::new();
    for round in 1..=30_u8 {
        let beacon = node.beacon_of(&friend);
        node.hear(&friend, beacon);
        // Another fake head and another fake root each time, and the largest counters.
        let claim = node.claim_of(&liar, &[fake(round)]);
        let lie = Beacon { ops: u64::MAX, tier: Tier::Validated, ..claim };
        pulls.extend(pulled(&node.hear(&liar, lie)));
        let root = Beacon { state_root: [round; 32], ..node.beacon_of(&liar) };
        node.hear(&liar, Beacon { sequence: node.now + 2, ..root });
        let done = node.pass_to(node.now + 4000);
        assert_eq!(changes(done.iter().map(|(_, effect)| effect)).count(), 0);
        assert_eq!(node.readiness(), State::PeerValidated);
    }
    // The friend leaves: then nobody is left to believe, and the node is still ready.
    node.pass_to(node.now + 70_000);
    let claim = node.claim_of(&liar, &[fake(99)]);
    node.hear(&liar, claim);
    node.pass_to(node.now + 10_000);
    assert!(node.readiness().tier().is_ready());
}

#[test]
fn net_12_a_summary_of_many_heads_is_looked_into_by_a_pull() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let heads = HeadSummary::Many { digest: [3; 32], count: 65 };
    let beacon = Beacon { heads, ..node.beacon_of(&friend) };
    let effects = node.hear(&friend, beacon);
    assert_eq!(verdicts(&effects), [Forward::Accept]);
    assert_eq!(pulled(&effects), [peer_of(&friend)]);
    assert_eq!(node.readiness(), State::LocallyReady);
}

#[test]
fn net_21_while_joining_a_beacon_of_an_unknown_key_tells_where_to_pull_and_no_more() {
    let [owner, joiner] = authors();
    let there = Timed::founder(&owner, &[]);
    let namespace = there.namespace;
    let mut node = Timed::new(&joiner);
    node.namespace = namespace;
    let request = owner.invite(&joiner, namespace);
    node.command(Command::Join { request, addresses: Vec::new(), within_ms: 30_000 });
    let peer = peer_of(&owner);
    for (tier, offset, pulls) in [
        (Tier::NotReady, 0, &[][..]),
        (Tier::Locally, 60_001, &[]),
        (Tier::Locally, 60_000, &[peer]),
    ] {
        let sent_at = UnixMillis(node.unix().0 - offset);
        let beacon = Beacon { tier, sent_at, ..there.beacon_of(&owner) };
        let effects = node.hear(&owner, beacon);
        assert_eq!(verdicts(&effects), [Forward::Ignore]);
        assert_eq!(pulled(&effects), pulls);
        assert_eq!(node.readiness(), State::Bootstrapping);
    }
    assert_eq!(node.desk().readiness.heard(&owner.id), None);
}

#[test]
fn i27_attack_32_a_member_that_writes_names_and_stalls_takes_nobody_out_of_a_ready_state() {
    use crate::bounded::Bounded;
    use crate::governance::op::Payload;
    use crate::input::{Answer, RequestId};
    use crate::wire::{Heads, Request};
    let [owner, friend, liar] = authors();
    let there = peer_of(&liar);
    let mut node = Timed::founder(&owner, &[&friend, &liar]);
    node.meet(there);
    node.meet(peer_of(&friend));
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    let asked = |effects: &[Effect]| -> Vec<RequestId> {
        let asked = |effect: &Effect| {
            let Effect::Ask { request, peer, question: Request::Heads { .. } } = effect else {
                return None;
            };
            (*peer == there).then_some(*request)
        };
        effects.iter().filter_map(asked).collect()
    };
    let (mut open, mut pulls) = (Vec::new(), 0);
    for second in 1..=120_u8 {
        let mut done = Vec::new();
        if second % 5 == 0 {
            let beacon = node.beacon_of(&friend);
            done.extend(node.hear(&friend, beacon));
        }
        // It writes something valid, and names a head that there is not.
        let space = &node.state.durable.namespaces[&node.namespace].space;
        let state_hash = space.group_root(&node.namespace.root());
        let parents = Bounded::truncated(node.heads());
        let (nonce, op) = (second.into(), liar.payload(node.namespace, Body::Noop));
        let op = crate::testing::unsigned(&Payload { nonce, parents, state_hash, ..op });
        done.extend(node.hear_op(there, op));
        let lie = node.claim_of(&liar, &[fake(second)]);
        let heard = node.hear(&liar, lie);
        pulls += asked(&heard).len();
        done.extend(heard);
        done.extend(node.pass_to(node.now + 1000).into_iter().map(|(_, effect)| effect));
        // It answers after three seconds that it has nothing more.
        if let Some(at) = open.iter().position(|(asked, _)| second >= *asked + 3) {
            let (_, request) = open.remove(at);
            let heads = Heads::truncated(node.heads());
            let answer = Answer::Heads { heads, state_root: node.root(), knows_ours: true };
            let input = Input::ResponseReceived { request, peer: there, answer };
            let answered = node.input(input);
            pulls += asked(&answered).len();
            done.extend(answered);
        }
        // Heads are compared every half minute besides.
        open.extend(asked(&done).into_iter().map(|request| (second, request)));
        assert!(node.readiness().tier().is_ready(), "{second}");
    }
    // A pull in half a minute, and one exchange behind it for what was named meanwhile.
    assert!((1..=8).contains(&pulls), "{pulls}");
}
