//! When beacons are sent: in time, and in answer to probes (NET-14, attack 35).

use super::trace;
use crate::command::Command;
use crate::effect::{Effect, Forward};
use crate::governance::op::Body;
use crate::id::PeerKey;
use crate::statement::{Beacon, Tier};
use crate::testing::Author;
use crate::testing::timed::{Timed, announced, authors, verdicts};
use crate::wire::Gossip;
use alloc::vec::Vec;

fn probe(node: &mut Timed, nonce: u64) -> Vec<Effect> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&nonce.to_le_bytes());
    let probe = Gossip::Probe { namespace: node.namespace, nonce: bytes };
    node.gossip(PeerKey([0xaa; 32]), &probe.encode())
}

/// When beacons were sent.
fn times(done: &[(u64, Effect)]) -> Vec<u64> {
    let sent = done.iter().filter(|(_, effect)| announced([effect]).next().is_some());
    sent.map(|(ms, _)| *ms).collect()
}

/// Times between a beacon at `from` and those that follow it.
fn gaps(node: &mut Timed, from: u64, to: u64) -> Vec<u64> {
    let mut sent = times(&node.pass_to(to));
    sent.insert(0, from);
    sent.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn without_news_a_ready_node_beacons_every_twenty_seconds_with_a_jitter_of_a_fifth() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let gaps = gaps(&mut node, 0, 4_000_000);
    // What is new is said twice.
    assert!((4000..=6000).contains(&gaps[0]), "{gaps:?}");
    let quiet = &gaps[1..];
    assert!(quiet.iter().all(|gap| (16_000..=24_000).contains(gap)), "{quiet:?}");
    assert!(quiet.iter().any(|gap| *gap < 17_000) && quiet.iter().any(|gap| *gap > 23_000));
    assert!((180..=220).contains(&gaps.len()), "{}", gaps.len());
}

#[test]
fn with_news_a_ready_node_beacons_within_five_seconds_and_once_more_soon() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let mut waits = Vec::new();
    for round in 1..=40 {
        let now = round * 100_000;
        node.pass_to(now);
        node.govern(Body::Noop);
        let gaps = gaps(&mut node, now, now + 90_000);
        assert!(gaps[0] <= 5000, "{gaps:?}");
        assert!((4000..=6000).contains(&gaps[1]), "{gaps:?}");
        assert!(gaps[2..].iter().all(|gap| (16_000..=24_000).contains(gap)), "{gaps:?}");
        waits.push(gaps[0]);
    }
    assert!(waits.iter().any(|wait| *wait < 1000) && waits.iter().any(|wait| *wait > 4000));
}

#[test]
fn a_beacon_says_what_the_node_has() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let done = node.pass_to(6000);
    let beacon = announced(done.iter().map(|(_, effect)| effect)).next().unwrap().clone();
    let at = times(&done)[0];
    let expected = Beacon {
        boot: node.state.volatile.boot,
        sequence: 2,
        sent_at: crate::time::UnixMillis(node.epoch + at),
        ..node.beacon_of(&owner)
    };
    assert_eq!(beacon, expected);
}

#[test]
fn a_topic_carries_about_four_beacons_a_second_however_many_members_it_has() {
    let owner = Author::new(0);
    for count in [1_u64, 19, 60] {
        let members: Vec<Author> = (1..=count).map(Author::new).collect();
        let mut node = Timed::founder(&owner, &members.iter().collect::<Vec<_>>());
        for member in &members {
            let beacon = node.beacon_of(member);
            node.hear(member, beacon);
        }
        // Each of them does as this one: all together, a second's worth.
        let now = crate::time::MonoMillis(0);
        let interval = node.desk().readiness.interval(now);
        assert!((count + 1) * 1000 <= 4 * interval, "{count}: {interval}");
        assert_eq!(interval, 5000.max((count + 1) * 250));
        // The next two are kept apart by it.
        let done = node.pass_to(6000 + interval * 2);
        let sent = times(&done);
        let gap = sent[1] - sent[0];
        assert!((interval * 4 / 5..=interval * 6 / 5).contains(&gap), "{count}: {gap}");
    }
}

#[test]
fn one_last_beacon_is_sent_when_the_node_takes_part_no_longer() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let namespace = node.namespace;
    let effects = node.command(Command::Close { namespace });
    let last: Vec<Tier> = announced(&effects).map(|beacon| beacon.tier).collect();
    assert_eq!(last, [Tier::NotReady]);
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    assert!(
        at(|effect| matches!(effect, Effect::Announce(_)))
            < at(|effect| matches!(effect, Effect::Unsubscribe(_)))
    );
    assert_eq!(node.pass_to(100_000).len(), 0);
}

#[test]
fn net_14_a_probe_is_answered_within_a_quarter_of_a_second_at_random() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let mut waits = Vec::new();
    for round in 0..60 {
        let start = node.now;
        assert_eq!(verdicts(&probe(&mut node, round)), [Forward::Accept]);
        let sent = times(&node.pass_to(start + 250));
        assert_eq!(sent.len(), 1, "{round}");
        waits.push(sent[0] - start);
        node.pass_to(start + 2751);
    }
    assert!(waits.iter().any(|wait| *wait < 25) && waits.iter().any(|wait| *wait > 225));
}

#[test]
fn net_14_attack_35_a_thousand_probes_get_one_answer_in_two_and_a_half_seconds() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let (mut sent, mut forwarded) = (Vec::new(), 0);
    for nonce in 0..10_000 {
        let done = node.pass_to(nonce);
        sent.extend(times(&done));
        let verdict = verdicts(&probe(&mut node, nonce));
        forwarded += u64::from(verdict == [Forward::Accept]);
    }
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 2500), "{sent:?}");
    assert!((3..=5).contains(&sent.len()), "{sent:?}");
    assert_eq!(forwarded, 40, "four a second are passed on");
}

#[test]
fn net_14_the_next_answer_is_due_two_and_a_half_seconds_after_the_last() {
    let [owner] = authors();
    for (after, answers) in [(2499, 0), (2500, 1), (2501, 1)] {
        let mut node = Timed::founder(&owner, &[]);
        probe(&mut node, 1);
        let answered = times(&node.pass_to(250))[0];
        node.pass_to(answered + after);
        probe(&mut node, 2);
        assert_eq!(times(&node.pass_to(answered + after + 250)).len(), answers, "{after}");
    }
}

#[test]
fn net_14_who_hears_three_others_after_the_probe_is_silent_and_its_stamp_is_not_used() {
    let [owner, a, b, c] = authors();
    for (heard, answers) in [(&[][..], 1), (&[&a, &b], 1), (&[&a, &b, &c], 0)] {
        let mut node = Timed::founder(&owner, &[&a, &b, &c]);
        probe(&mut node, 1);
        for member in heard {
            let beacon = node.beacon_of(member);
            node.hear(member, beacon);
        }
        assert_eq!(times(&node.pass_to(250)).len(), answers);
        // It was not used: the next probe is answered at once.
        if answers == 0 {
            probe(&mut node, 2);
            assert_eq!(times(&node.pass_to(500)).len(), 1);
        }
    }
    // Three beacons of one member are one answer.
    let mut node = Timed::founder(&owner, &[&a, &b, &c]);
    probe(&mut node, 1);
    for sequence in 1..=3 {
        let beacon = Beacon { sequence, ..node.beacon_of(&a) };
        node.hear(&a, beacon);
    }
    assert_eq!(times(&node.pass_to(250)).len(), 1);
}

#[test]
fn net_14_who_is_not_ready_does_not_answer_and_passes_probes_on() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    node.restart(8);
    let before = trace(&node).0.state();
    assert_eq!(verdicts(&probe(&mut node, 1)), [Forward::Accept]);
    assert_eq!(times(&node.pass_to(9000)), []);
    assert_eq!(node.readiness(), before);
}
