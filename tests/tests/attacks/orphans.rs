//! Rows 16 and 17 among nodes: ops on parents that nobody has.

use crate::support::{Case, Town, noop, wire};
use folkmoot_core::bounded::Bytes;
use folkmoot_core::id::OpId;
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::limits::{PENDING_AGE_MS_MAX, PENDING_COUNT_MAX, PENDING_PER_SIGNER_MAX};
use folkmoot_core::readiness::State;
use folkmoot_core::wire::Gossip;
use folkmoot_effects::net::Verdict;
use folkmoot_sim::cluster::Cluster;
use folkmoot_sim::kit::{Author, create};

fn unknown(at: u64) -> OpId {
    OpId(*blake3::hash(&at.to_le_bytes()).as_bytes())
}

#[test]
fn attack_16_a_parent_that_nobody_has_costs_few_questions_and_is_forgotten() {
    let (case, p, _) = Case::base();
    let mut town = Town::of(&case.stage, 4);
    town.cluster.run(60_000);
    let asked = |town: &Town| (1..4).map(|to| town.questions(0, to)).sum::<u64>();
    let before = asked(&town);
    town.cluster.run(PENDING_AGE_MS_MAX);
    let quiet = asked(&town) - before;

    let orphan = noop(p.c, town.namespace, 1, &[unknown(1)], [0; 32]);
    let bytes = Gossip::Op(Bytes::new(wire(&orphan)).unwrap());
    town.whisper(3, 0, &bytes);
    let before = asked(&town);
    town.cluster.run(PENDING_AGE_MS_MAX - 10);
    assert_eq!(town.view(0).pending, 1);
    // At once, after one, two, four, … and then every thirty seconds, each time two of them.
    let extra = (asked(&town) - before).saturating_sub(quiet);
    assert!(extra <= 60, "{extra} questions, {quiet} without it");
    town.cluster.run(1_000);
    assert_eq!(town.view(0).pending, 0);
    // Nobody was blamed, and the node is ready: the others vouch that nothing is missing.
    assert_eq!(town.cluster.nodes[0].charged(), []);
    assert_eq!(town.readiness(0), State::PeerValidated);
    let before = asked(&town);
    town.cluster.run(PENDING_AGE_MS_MAX);
    assert!(asked(&town) - before <= quiet + 5, "it asks no longer");
}

/// How many ops the flood has in each of its seconds: twice what a peer may forward.
const PER_SECOND: u64 = 2_000;
const SECONDS: u64 = 9;

#[test]
fn attack_17_a_flood_of_orphans_fills_its_own_quota_and_delays_nobody() {
    let (case, _, _) = Case::base();
    let mut town = Town::with_guests(&case.stage, 4, 1);
    town.settle(4, &Author::new(1 << 20));
    town.cluster.run(60_000);
    let crowd: Vec<Author> = (0..100).map(|at| Author::new((1 << 21) + at)).collect();
    let (namespace, mut number) = (town.namespace, 0);
    for second in 0..SECONDS {
        let honest = town.wish(1, create());
        let begun = town.cluster.now();
        let mut seen = None;
        for _ in 0..100 {
            for _ in 0..PER_SECOND / 100 {
                number += 1;
                let signer = &crowd[usize::try_from(number).unwrap() % crowd.len()];
                let op = noop(signer, namespace, 1, &[unknown(number)], [0; 32]);
                let (message, peer) = (MessageId((1 << 40) + number), Cluster::peer(4));
                let heard = Ok(Heard::Op(op));
                let input = Input::GossipReceived { message, peer, namespace, heard };
                town.cluster.give(0, input);
            }
            town.cluster.run(10);
            if seen.is_none() && town.view(0).heads == town.view(1).heads {
                seen = Some(town.cluster.now() - begun);
            }
        }
        assert!(seen.is_some_and(|ms| ms < 2_000), "second {second}: {seen:?}");
        let outcome = town.outcome(1, honest);
        assert!(outcome.is_some(), "second {second}: not delivered");
        let pending = usize::try_from(town.view(0).pending).unwrap();
        assert!(pending <= PENDING_COUNT_MAX && pending <= crowd.len() * PENDING_PER_SIGNER_MAX);
    }
    // Its burst, and a thousand a second; the rest was passed over.
    let most = 4_000 + 1_000 * SECONDS + 1_000;
    assert!(town.view(0).pending <= most, "{} of {number} wait", town.view(0).pending);
    assert!(town.view(0).pending > 4_000, "{} wait", town.view(0).pending);
    assert_eq!(town.cluster.nodes[0].charged(), []);
    let verdicts = &town.cluster.nodes[0].verdicts;
    assert!(verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Reject));
    // It is over, and nothing of it is left.
    town.cluster.run(PENDING_AGE_MS_MAX + 1_000);
    assert_eq!(town.view(0).pending, 0);
    assert_eq!(town.view(4).ops, 0);
    for at in 1..4 {
        assert_eq!(town.view(at).heads, town.view(0).heads);
    }
}
