//! The alarm of a node that no other member confirms (attack 38).

use super::fake;
use crate::effect::{Effect, Notice};
use crate::governance::op::Body;
use crate::id::PeerKey;
use crate::limits::ISOLATED_MS;
use crate::statement::{Beacon, Tier};
use crate::testing::timed::{Timed, authors, peer_of};
use crate::testing::web::Web;
use alloc::vec::Vec;

/// For how long nobody had confirmed anything when the alarm began; 0 where it ended.
fn alarm(notice: &Notice) -> Option<u64> {
    if let Notice::Isolated { for_ms, .. } = notice {
        Some(*for_ms)
    } else {
        matches!(notice, Notice::Rejoined { .. }).then_some(0)
    }
}

/// When the alarm began or ended.
fn alarms(done: &[(u64, Effect)]) -> Vec<(u64, u64)> {
    let alarm = |(at, effect): &(u64, Effect)| {
        let Effect::Notify(notice) = effect else { return None };
        Some((*at, alarm(notice)?))
    };
    done.iter().filter_map(alarm).collect()
}

fn isolated_ms(node: &Timed) -> Option<u64> {
    node.state.network(&node.namespace, crate::time::MonoMillis(node.now)).unwrap().isolated_ms
}

#[test]
fn attack_38_two_minutes_without_a_member_that_confirms_raise_one_alarm() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let sybils = 100;
    for number in 0..sybils {
        node.meet(PeerKey([number + 100; 32]));
    }
    node.pass_to(5_000);
    let beacon = node.beacon_of(&friend);
    node.hear(&friend, beacon);
    assert_eq!(alarms(&node.pass_to(5_000 + ISOLATED_MS - 1)), []);
    assert_eq!(isolated_ms(&node), None);
    let done = node.pass_to(5_000 + ISOLATED_MS);
    assert_eq!(alarms(&done), [(5_000 + ISOLATED_MS, ISOLATED_MS)]);
    let (namespace, peers) = (node.namespace, u64::from(sybils));
    let told = Effect::Notify(Notice::Isolated { namespace, for_ms: ISOLATED_MS, peers });
    assert!(done.iter().any(|(_, effect)| *effect == told));
    // Once, however long it lasts; and the first member that confirms ends it.
    assert_eq!(alarms(&node.pass_to(1_000_000)), []);
    assert_eq!(isolated_ms(&node), Some(1_000_000 - 5_000));
    let beacon = node.beacon_of(&friend);
    let done = node.hear(&friend, beacon).into_iter().map(|effect| (0, effect));
    assert_eq!(alarms(&done.collect::<Vec<_>>()), [(0, 0)]);
    assert_eq!(isolated_ms(&node), None);
}

#[test]
fn attack_38_a_root_that_differs_and_heads_that_never_come_confirm_nothing() {
    type Change = fn(Beacon) -> Beacon;
    let [owner, friend] = authors();
    let table: [(&str, Change, bool); 4] = [
        ("the same", |beacon| beacon, false),
        ("another root", |beacon| Beacon { state_root: [9; 32], ..beacon }, true),
        ("not ready", |beacon| Beacon { tier: Tier::NotReady, ..beacon }, true),
        (
            "a head that nobody has",
            |beacon| Beacon { heads: crate::statement::HeadSummary::of(&[fake(1)]), ..beacon },
            true,
        ),
    ];
    for (what, change, is_raised) in table {
        let mut node = Timed::founder(&owner, &[&friend]);
        node.meet(peer_of(&friend));
        let mut done = Vec::new();
        for second in 0..=ISOLATED_MS / 1_000 {
            done.extend(node.pass_to(second * 1_000));
            let beacon = change(node.beacon_of(&friend));
            node.hear(&friend, beacon);
        }
        let expected = is_raised.then_some((ISOLATED_MS, ISOLATED_MS));
        assert_eq!(alarms(&done), Vec::from_iter(expected), "{what}");
    }
}

#[test]
fn attack_38_another_node_of_our_own_confirms_nothing() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    node.pass_to(60_000);
    let beacon = node.beacon_of(&owner);
    node.hear(&owner, beacon);
    let done = node.pass_to(ISOLATED_MS);
    assert_eq!(alarms(&done), [(ISOLATED_MS, ISOLATED_MS)]);
}

#[test]
fn attack_38_what_a_member_named_confirms_when_it_comes() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    // The friend is ahead of us by one op of ours, as after a restore from a copy.
    let mut ahead = node.clone();
    ahead.govern(Body::Noop);
    node.pass_to(60_000);
    let claim = node.claim_of(&friend, &ahead.heads());
    node.hear(&friend, claim);
    node.pass_to(70_000);
    node.govern(Body::Noop);
    assert_eq!(node.heads(), ahead.heads());
    // It counts from when it was said.
    assert_eq!(alarms(&node.pass_to(60_000 + ISOLATED_MS - 1)), []);
    assert_eq!(alarms(&node.pass_to(60_000 + ISOLATED_MS)).len(), 1);
}

#[test]
fn attack_38_an_exchange_with_a_member_confirms_as_a_beacon_does() {
    let (mut web, namespace) = Web::new(2, 3);
    let told = |web: &Web| {
        let alarms = web.nodes[0].notices.iter().filter_map(alarm);
        alarms.collect::<Vec<_>>()
    };
    web.connect(0, 1, namespace);
    // No beacon comes through: what is compared every thirty seconds is enough.
    web.run(5 * ISOLATED_MS);
    assert_eq!(told(&web), []);
    web.silent.extend([(0, 1), (1, 0)]);
    web.run(ISOLATED_MS + 30_000);
    assert_eq!(told(&web), [ISOLATED_MS]);
    web.silent.clear();
    web.run(60_000);
    assert_eq!(told(&web), [ISOLATED_MS, 0]);
}
