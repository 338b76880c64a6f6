//! The states and how one follows from another (NET-13, NET-16, I27).

use super::fake;
use crate::effect::Effect;
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::id::PeerKey;
use crate::input::Input;
use crate::readiness::{Cause, State};
use crate::statement::{Beacon, Tier};
use crate::testing::timed::{Timed, announced, authors, changes, orphan, peer_of};
use crate::timers::Timer;
use alloc::vec::Vec;

fn at<T>(done: &[(u64, Effect)], of: impl Fn(&Effect) -> Option<T>) -> Vec<(u64, T)> {
    done.iter().filter_map(|(ms, effect)| of(effect).map(|found| (*ms, found))).collect()
}

fn states(done: &[(u64, Effect)]) -> Vec<(u64, State)> {
    at(done, |effect| changes([effect]).next())
}

#[test]
fn net_13_a_founder_who_is_alone_is_ready_at_once() {
    let [owner] = authors();
    let node = Timed::founder(&owner, &[]);
    assert_eq!(node.readiness(), State::LocallyReady);
}

#[test]
fn net_13_one_who_is_not_alone_listens_for_ten_seconds() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    node.restart(8);
    assert_eq!(node.readiness(), State::Bootstrapping);
    assert_eq!(states(&node.pass_to(9999)), []);
    assert_eq!(states(&node.pass_to(10_000)), [(10_000, State::LocallyReady)]);

    // Nor is one alone whose namespace others take part in.
    let mut node = Timed::founder(&owner, &[]);
    node.restart(8);
    assert_eq!(node.readiness(), State::LocallyReady);
    let mut node = Timed::founder(&owner, &[]);
    node.state.volatile = crate::state::Volatile::default();
    let peers = &mut node.state.volatile.peers;
    peers.entry(peer_of(&friend)).or_default().insert(node.namespace);
    node.input(crate::input::Input::Started {
        seed: [8; 32],
        peer: PeerKey::default(),
        settings: crate::settings::Settings::default(),
    });
    assert_eq!(node.readiness(), State::Bootstrapping);
}

#[test]
fn net_13_a_founder_stays_ready_when_the_first_friend_comes() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    assert_eq!(node.readiness(), State::LocallyReady);
    node.meet(peer_of(&friend));
    assert_eq!(states(&node.pass_to(9000)), []);
    assert_eq!(node.readiness(), State::LocallyReady);
}

#[test]
fn net_13_one_covered_beacon_validates_and_its_age_ends_that_after_two_seconds() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    node.restart(8);
    node.now = 100;
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    assert_eq!(node.readiness(), State::PeerValidated);
    assert_eq!(states(&node.pass_to(100 + 73_999)), []);
    let lonely = State::Degraded(Cause::NoRecentPeers);
    assert_eq!(states(&node.pass_to(100 + 74_000)), [(74_100, lonely)]);
    assert_eq!(lonely.tier(), Tier::Locally);
}

#[test]
fn net_13_a_beacon_within_the_two_seconds_keeps_the_tier() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    node.pass_to(73_999);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    // The two seconds begin anew.
    let done = node.pass_to(73_999 + 73_999);
    assert_eq!(states(&done), []);
    assert_eq!(states(&node.pass_to(73_999 + 74_000)).len(), 1);
}

#[test]
fn net_11_two_beacons_that_are_lost_and_a_late_third_change_nothing() {
    let [owner, friend] = authors();
    // The third of a quiet member comes as late as it can, over a slow way, and later than that.
    for (ms, lasts) in [(3 * 24_000, true), (3 * 24_000 + 1_999, true), (3 * 24_000 + 2_000, false)]
    {
        let mut node = Timed::founder(&owner, &[&friend]);
        let beacon = node.beacon_of(&friend);
        node.hear(&friend, beacon);
        let mut done = node.pass_to(ms);
        let beacon = node.beacon_of(&friend);
        let heard = node.hear(&friend, beacon);
        done.extend(heard.into_iter().map(|effect| (ms, effect)));
        assert_eq!(states(&done).is_empty(), lasts, "{ms}");
        assert_eq!(node.readiness(), State::PeerValidated);
    }
}

#[test]
fn net_13_a_member_that_leaves_its_tier_validates_nobody() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon.clone());
    let last = Beacon { tier: Tier::NotReady, sequence: 2, ..beacon };
    node.hear(&friend, last);
    assert_eq!(states(&node.pass_to(1999)), []);
    assert_eq!(states(&node.pass_to(2000)).len(), 1);
    assert_eq!(node.readiness(), State::Degraded(Cause::NoRecentPeers));
}

#[test]
fn net_13_who_starts_and_hears_of_more_catches_up_while_it_is_pulled() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    node.restart(8);
    let claim = node.claim_of(&friend, &[fake(5)]);
    node.hear(&friend, claim);
    assert_eq!(node.readiness(), State::CatchingUp { missing: 1 });
    // Nothing comes of it: when the pull is over, the node is ready on its own word.
    assert_eq!(states(&node.pass_to(4000)), []);
    node.pass_to(30_000);
    assert_eq!(node.readiness(), State::LocallyReady);
}

#[test]
fn net_13_ops_that_wait_for_parents_longer_than_five_seconds_degrade() {
    let [owner, friend] = authors();
    // Who was validated leaves that tier, which takes two seconds more.
    for (is_validated, ms) in [(false, 5_000), (true, 7_000)] {
        let mut node = Timed::founder(&owner, &[&friend]);
        if is_validated {
            let beacon = node.beacon_of(&friend);
            node.hear(&friend, beacon);
        }
        let op = orphan(&friend, node.namespace, 5);
        node.hear_op(peer_of(&friend), op);
        assert_eq!(states(&node.pass_to(ms - 1)), []);
        let state = State::Degraded(Cause::PendingOps(1));
        assert_eq!(states(&node.pass_to(ms)), [(ms, state)]);
        // After five minutes it is dropped.
        assert_eq!(states(&node.pass_to(299_999)), []);
        let after = states(&node.pass_to(300_000));
        assert!(matches!(after[..], [(300_000, state)] if state.tier() == Tier::Locally));
    }
}

#[test]
fn net_13_i27_who_is_held_up_goes_on_speaking_and_the_word_of_another_frees_it() {
    let [owner, friend, liar] = authors();
    let mut node = Timed::founder(&owner, &[&friend, &liar]);
    node.restart(8);
    node.now = 0;
    for parent in 1..=9 {
        node.hear_op(peer_of(&liar), orphan(&liar, node.namespace, parent));
    }
    // It listens for others first, as whoever starts does.
    let held_up = State::Degraded(Cause::PendingOps(9));
    let done = node.pass_to(60_000);
    assert_eq!(states(&done), [(10_000, held_up)]);
    // The friend heard the same and is held up too: neither may wait for the other in silence.
    let beacons = at(&done, |effect| announced([effect]).next().cloned());
    assert!(beacons.len() > 1 && beacons.iter().all(|(_, said)| said.tier == Tier::Locally));
    let beacon = node.beacon_of(&friend);
    assert_eq!(beacon.tier, held_up.tier());
    node.hear(&friend, beacon);
    assert_eq!(node.readiness(), State::PeerValidated);
}

#[test]
fn net_13_i27_ops_of_strangers_or_of_one_whom_another_contradicts_degrade_nobody() {
    let [owner, friend, liar, stranger] = authors();
    let mut node = Timed::founder(&owner, &[&friend, &liar]);
    let namespace = node.namespace;
    for parent in 1..=9 {
        node.hear_op(peer_of(&stranger), orphan(&stranger, namespace, parent));
    }
    node.pass_to(20_000);
    assert_eq!(node.readiness(), State::LocallyReady);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    for parent in 1..=9 {
        node.hear_op(peer_of(&liar), orphan(&liar, namespace, parent));
    }
    node.pass_to(40_000);
    assert_eq!(node.readiness(), State::PeerValidated);
    // Two authors are believed.
    node.hear_op(peer_of(&friend), orphan(&friend, namespace, 1));
    node.pass_to(47_000);
    assert_eq!(node.readiness(), State::Degraded(Cause::PendingOps(10)));
}

#[test]
fn net_13_who_is_removed_is_ready_no_longer() {
    let [owner, friend] = authors();
    let mut friends = Timed::founder(&owner, &[&friend]);
    // The same history at the friend's own node.
    friends.author = friend.clone();
    let known = friends.state.durable.namespaces.get_mut(&friends.namespace).unwrap();
    known.me = friend.id;
    friends.restart(8);
    friends.pass_to(10_000);
    assert_eq!(friends.readiness(), State::LocallyReady);
    let done = friends.govern(Body::MemberLeft);
    assert_eq!(changes(&done).count(), 0);
    let done = friends.pass_to(12_000);
    assert_eq!(states(&done).last(), Some(&(12_000, State::Bootstrapping)));
    assert_eq!(friends.pass_to(60_000).len(), 0, "and falls silent");
}

#[test]
fn net_16_a_founder_who_only_authors_and_a_node_that_restarts_beacon_like_any_other() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let mut beacons = Vec::new();
    for _ in 0..12 {
        node.govern(Body::Noop);
        let done = node.pass_to(node.now + 5000);
        beacons.extend(at(&done, |effect| announced([effect]).next().cloned()));
    }
    let times: Vec<u64> = beacons.iter().map(|(ms, _)| *ms).collect();
    assert!((9..=15).contains(&beacons.len()), "{times:?}");
    assert!(beacons.iter().all(|(_, beacon)| beacon.tier == Tier::Locally));
    let sequences = beacons.iter().map(|(_, beacon)| beacon.sequence);
    assert!(sequences.collect::<Vec<_>>().is_sorted_by(|a, b| a < b));

    let before = node.state.volatile.boot;
    let start = node.now;
    node.restart(9);
    assert_ne!(node.state.volatile.boot, before);
    // It listens again: its clock went on, so it is ready ten seconds later.
    let done = node.pass_to(start + 10_000);
    let first = at(&done, |effect| announced([effect]).next().cloned());
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].0, first[0].1.tier), (start + 10_000, Tier::Locally));
    assert_eq!(first[0].1.boot, node.state.volatile.boot);
    // Once more soon, and every twenty seconds.
    let done = node.pass_to(start + 120_000);
    assert!((5..=8).contains(&at(&done, |effect| announced([effect]).next().cloned()).len()));
}

/// Whether an input has a node look at its readiness, which sets a timer that was taken away.
fn is_reviewed(node: &mut Timed, act: impl FnOnce(&mut Timed)) -> bool {
    let timer = Timer::Readiness(node.namespace);
    node.state.volatile.timers.cancel(timer);
    act(node);
    let timers = node.state.volatile.timers.clone();
    node.state.volatile.timers.cancel(timer);
    timers != node.state.volatile.timers
}

#[test]
fn net_13_readiness_is_looked_at_when_something_changed_that_it_follows_from() {
    let [owner, friend, other] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let write = |node: &mut Timed| drop(node.govern(Body::Noop));
    let add = |node: &mut Timed| {
        let (member, rights) = (other.id, Rights::MEMBER);
        node.govern(Body::MemberAdded { member, rights });
    };
    assert!(!is_reviewed(&mut node, write));
    assert!(is_reviewed(&mut node, add));
    assert!(is_reviewed(&mut node, |node| drop(node.meet(peer_of(&friend)))));
    assert!(is_reviewed(&mut node, |node| {
        let beacon = node.beacon_of(&friend);
        node.hear(&friend, beacon);
    }));
    assert!(!is_reviewed(&mut node, write));
    // Of what waits for parents only the time matters.
    let waiting = orphan(&friend, node.namespace, 9);
    assert!(is_reviewed(&mut node, |node| drop(node.hear_op(peer_of(&friend), waiting))));
    assert!(!is_reviewed(&mut node, write));
    let (peer, namespace) = (peer_of(&friend), node.namespace);
    assert!(is_reviewed(&mut node, |node| {
        node.input(Input::PeerUnsubscribed { peer, namespace });
    }));
}
