//! Rows 37, 38 and 67: clocks, neighbours and ways that are bad.

use crate::support::{Case, Town};
use folkmoot_core::effect::Notice;
use folkmoot_core::id::OpId;
use folkmoot_core::limits::QUIET_FACTOR;
use folkmoot_core::readiness::{Cause, State};
use folkmoot_sim::cluster::{Link, Path};
use folkmoot_sim::kit::{Author, create};

const MINUTE_MS: u64 = 60_000;
/// Longest time between two beacons of so few members, with its jitter.
const BEACON_MS: u64 = 6_000;
/// The same while there is no news.
const QUIET_MS: u64 = 24_000;

fn town(count: usize, guests: usize) -> Town {
    let (case, _, _) = Case::base();
    let mut town = Town::with_guests(&case.stage, count, guests);
    town.cluster.run(MINUTE_MS);
    town
}

/// Everybody writes something, and what it is.
fn write(town: &mut Town, ms: u64) -> Vec<OpId> {
    [0, 1, 2].into_iter().map(|at| town.govern(at, create(), ms)).collect()
}

#[test]
fn attack_37_a_clock_that_is_wrong_changes_nothing_that_lasts() {
    let year_2100 = 4_102_444_800_000 - 1_700_000_000_000;
    for ahead in [10 * 60_000, -10 * 60_000, -60 * 60_000, year_2100] {
        let mut town = town(3, 0);
        town.cluster.nodes[0].clock.ahead_ms = ahead;
        town.cluster.run(3 * MINUTE_MS);
        // Ops go both ways all the while, as fast as ever.
        for op in write(&mut town, 1_000) {
            for at in 0..3 {
                assert!(town.has(at, op), "node {at}, {ahead} ms");
            }
        }
        town.agree();
        town.cluster.nodes[0].clock.ahead_ms = 0;
        town.cluster.run(BEACON_MS);
        for at in 0..3 {
            assert_eq!(town.readiness(at), State::PeerValidated, "node {at}, {ahead} ms");
        }
    }
}

#[test]
fn attack_37_a_node_that_slept_ten_minutes_goes_on_where_it_was() {
    let mut town = town(3, 0);
    town.cluster.sleep(0, 10 * MINUTE_MS);
    let ops = [1, 2].map(|at| town.govern(at, create(), 1_000));
    town.cluster.run(10 * MINUTE_MS);
    town.cluster.run(BEACON_MS);
    town.agree();
    for op in ops {
        assert!(town.has(0, op));
    }
    assert_eq!(town.readiness(0), State::PeerValidated);
    // No timer of its own was lost: it compares, beacons and writes as before.
    let asked = |town: &Town| town.questions(0, 1) + town.questions(0, 2);
    let before = asked(&town);
    town.cluster.run(2 * MINUTE_MS);
    assert!(asked(&town) >= before + 4);
    write(&mut town, 1_000);
    town.agree();
}

/// Nodes in the hands of one attacker.
const SYBILS: usize = 20;

#[test]
fn attack_38_who_hears_only_sybils_learns_of_everything_from_members_it_asks() {
    let mut town = town(3, SYBILS);
    for at in 3..3 + SYBILS {
        town.settle(at, &Author::new((1 << 23) + at as u64));
    }
    town.cluster.run(MINUTE_MS);
    // The mesh of node 0 is full of sybils: nothing that members publish comes to it or from it.
    let apart = || Link { topic: Path::mute(), ..Link::default() };
    for member in [1, 2] {
        town.cluster.impair(member, 0, apart());
        town.cluster.impair(0, member, apart());
    }
    for at in [1, 2, 0, 1] {
        let op = town.govern(at, create(), 10);
        // Once in thirty seconds it compares with a member, never with one of twenty strangers.
        town.cluster.run(35_000);
        for at in 0..3 {
            assert!(town.has(at, op), "node {at}");
        }
    }
    // It hears nobody lately, and says so.
    town.cluster.run(2 * MINUTE_MS);
    assert_eq!(town.readiness(0), State::Degraded(Cause::NoRecentPeers));
    assert!(isolation(&town).is_empty());
    for at in 3..3 + SYBILS {
        assert_eq!(town.view(at).ops, 0);
    }
    // The mesh is mended, and it is as before.
    for member in [1, 2] {
        town.cluster.impair(member, 0, Link::default());
        town.cluster.impair(0, member, Link::default());
    }
    // With no news, a member says so once in each of the longest intervals (NET-10).
    town.cluster.run(QUIET_FACTOR * BEACON_MS);
    assert_eq!(town.readiness(0), State::PeerValidated);
}

/// The alarms of node 0: for how long no member had confirmed what it has; 0 when one has again.
fn isolation(town: &Town) -> Vec<u64> {
    let alarm = |notice: &Notice| {
        if let Notice::Isolated { for_ms, .. } = notice {
            Some(*for_ms)
        } else {
            matches!(notice, Notice::Rejoined { .. }).then_some(0)
        }
    };
    town.cluster.nodes[0].notices.iter().filter_map(alarm).collect()
}

#[test]
fn attack_38_who_has_sybils_for_all_neighbours_is_told_after_two_minutes() {
    let mut town = town(3, SYBILS);
    for at in 3..3 + SYBILS {
        town.settle(at, &Author::new((1 << 23) + at as u64));
    }
    town.cluster.run(MINUTE_MS);
    assert!(isolation(&town).is_empty());
    // Nothing of the members passes, one way or the other; the sybils are there, and answer.
    for member in [1, 2] {
        town.cluster.impair(member, 0, Link::mute());
        town.cluster.impair(0, member, Link::mute());
    }
    let missed = town.govern(1, create(), 1_000);
    // The last word of a member is no older than a beacon.
    town.cluster.run(2 * MINUTE_MS - QUIET_MS);
    assert!(isolation(&town).is_empty());
    town.cluster.run(QUIET_MS);
    assert_eq!(isolation(&town), [2 * MINUTE_MS]);
    assert!(!town.has(0, missed));
    for member in [1, 2] {
        town.cluster.impair(member, 0, Link::default());
        town.cluster.impair(0, member, Link::default());
    }
    town.cluster.run(MINUTE_MS);
    assert_eq!(isolation(&town), [2 * MINUTE_MS, 0]);
    assert!(town.has(0, missed));
}

/// Writes at all three, lets time pass, and gives the root that all have.
fn writes_and_agrees(town: &mut Town, ms: u64) -> usize {
    for at in [0, 1, 2, 0, 1] {
        town.wish(at, create());
        town.cluster.run(2_000);
    }
    town.cluster.run(ms);
    let heads = |at: usize| (town.view(at).heads, town.view(at).state_root);
    assert_eq!(heads(1), heads(0));
    assert_eq!(heads(2), heads(0));
    assert_eq!(town.view(0).pending, 0);
    town.cluster.nodes[0].state().groups(&town.namespace).len()
}

fn everywhere(town: &mut Town, link: &Link) {
    for a in 0..3 {
        for b in (0..3).filter(|b| *b != a) {
            town.cluster.impair(a, b, link.clone());
        }
    }
}

#[test]
fn attack_67_a_topic_that_reorders_doubles_and_delays_ten_minutes_only_delays() {
    let mut town = town(3, 0);
    let topic = Path { lost: 0, doubled: 50, delay_ms: (5, 10 * MINUTE_MS) };
    everywhere(&mut town, &Link { topic, ..Link::default() });
    // What is asked is answered: no more than a round of comparisons passes.
    assert_eq!(writes_and_agrees(&mut town, 90_000), 6);
    // And what comes ten minutes late, in whatever order, changes nothing.
    let before = town.view(0);
    town.cluster.run(11 * MINUTE_MS);
    town.agree();
    assert_eq!(town.view(0).state_root, before.state_root);
    for node in &town.cluster.nodes {
        assert_eq!(node.charged(), []);
    }
}

#[test]
fn attack_67_a_network_that_is_bad_in_every_way_only_delays() {
    let mut town = town(3, 0);
    let path = Path { lost: 30, doubled: 50, delay_ms: (5, 3_000) };
    everywhere(&mut town, &Link { is_down: false, topic: path.clone(), stream: path });
    assert_eq!(writes_and_agrees(&mut town, 5 * MINUTE_MS), 6);
}

#[test]
fn attack_67_a_link_that_works_one_way_only_delays() {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut town = town(3, 0);
        town.cluster.impair(from, to, Link::mute());
        // What one says the other does not hear goes by the third.
        assert_eq!(writes_and_agrees(&mut town, 5_000), 6);
    }
    // With no third, nothing is settled over a link that works one way, and all of it later.
    let (case, _, _) = Case::base();
    let mut town = Town::of(&case.stage, 2);
    town.cluster.impair(0, 1, Link::mute());
    let unheard = town.govern(0, create(), 20_000);
    let heard = town.govern(1, create(), 20_000);
    assert!(!town.has(1, unheard) && town.has(0, heard));
    town.cluster.impair(0, 1, Link::default());
    town.cluster.run(2 * MINUTE_MS);
    town.agree();
}
