//! Rows 31, 32, 35, 36 and 40: beacons, probes, acks and relayed ops that mean no good.

use crate::support::{Case, Town, noop, resigned, wire};
use folkmoot_core::bounded::Bytes;
use folkmoot_core::command::Outcome;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::key::Signature;
use folkmoot_core::publish::Receipt;
use folkmoot_core::readiness::State;
use folkmoot_core::statement::{Ack, AckOutcome, Beacon, HeadSummary};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, OpBytes, Request};
use folkmoot_effects::net::Verdict;
use folkmoot_sim::kit::{Author, create, person, remove};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// Four members, a minute later: every one has heard the others.
fn four() -> (Case, Town, OpId) {
    let (case, _, head) = Case::base();
    let mut town = Town::with_guests(&case.stage, 4, 2);
    town.cluster.run(60_000);
    (case, town, head)
}

fn verdicts_of(town: &Town, at: usize, from: usize) -> Vec<Verdict> {
    let verdicts = town.cluster.nodes[at].verdicts.iter();
    verdicts.filter(|(via, _)| *via == from).map(|(_, verdict)| *verdict).collect()
}

#[test]
fn attack_31_old_foreign_and_moved_beacons_change_nothing() {
    let (_, mut town, _) = four();
    let member = person(3);
    let then = town.beacon(3, member, 1 << 40);
    let stranger = Author::new(1 << 22);
    town.cluster.run(HOUR_MS);
    let now = town.beacon(3, member, (1 << 40) + 1);
    let elsewhere = NamespaceId([7; 32]);
    let year = UnixMillis(then.sent_at.0.saturating_sub(365 * 24 * HOUR_MS));
    let played = member.attest(then.clone());
    let table = [
        ("an hour old", played.clone(), Verdict::Ignore),
        ("a year old", member.attest(Beacon { sent_at: year, ..then }), Verdict::Ignore),
        (
            "of another namespace",
            member.attest(Beacon { namespace: elsewhere, ..now.clone() }),
            Verdict::Reject,
        ),
        ("of a stranger", stranger.attest(town.beacon(3, &stranger, 1)), Verdict::Ignore),
        (
            "under another signature",
            folkmoot_core::statement::Attested { statement: now, signature: played.signature },
            Verdict::Reject,
        ),
    ];
    for (name, beacon, verdict) in table {
        let (before, asked) = (town.readiness(0), town.questions(0, 4));
        town.cluster.nodes[0].verdicts.clear();
        town.whisper(4, 0, &Gossip::Beacon(Box::new(beacon)));
        town.cluster.run(100);
        assert_eq!(verdicts_of(&town, 0, 4), [verdict], "{name}");
        assert_eq!((town.readiness(0), town.questions(0, 4)), (before, asked), "{name}");
    }
    assert_eq!(town.readiness(0), State::PeerValidated);
}

#[test]
fn attack_32_a_member_that_claims_the_world_moves_nobody() {
    let (_, mut town, _) = four();
    let before: Vec<u64> = (0..3).map(|at| town.questions(at, 3)).collect();
    let minutes = 5;
    for beat in 0..minutes * 12 {
        let mut claim = town.beacon(3, person(3), (1 << 40) + beat);
        let invented = OpId(*blake3::hash(&beat.to_le_bytes()).as_bytes());
        claim.heads = HeadSummary::of(&[invented]);
        (claim.ops, claim.state_root) = (u64::MAX, [9; 32]);
        // Every third time the right heads with a wrong root.
        if beat % 3 == 0 {
            claim.heads = HeadSummary::of(&town.view(0).heads);
        }
        for at in 0..3 {
            town.whisper(3, at, &Gossip::Beacon(Box::new(person(3).attest(claim.clone()))));
        }
        for _ in 0..50 {
            town.cluster.run(100);
            for at in 0..3 {
                assert_eq!(town.readiness(at), State::PeerValidated, "node {at}, beat {beat}");
            }
        }
    }
    for (at, before) in before.into_iter().enumerate() {
        let asked = town.questions(at, 3) - before;
        // Two in a minute for the lies, each a few questions, and its share of the comparisons.
        assert!(asked <= 12 * minutes, "node {at} asked {asked} times");
    }
    town.agree();
}

#[test]
fn attack_35_a_thousand_probes_a_second_are_answered_as_one() {
    let (_, mut town, _) = four();
    let sent = |town: &Town| {
        let to_guest = (0..4).map(|at| town.cluster.traffic(at, 4));
        to_guest.fold((0, 0), |(count, bytes), way| (count + way.messages, bytes + way.bytes))
    };
    town.settle(4, &Author::new(1 << 22));
    town.cluster.run(60_000);
    let before = sent(&town);
    town.cluster.run(10_000);
    let quiet = sent(&town);
    let (mut probes, mut probe_bytes) = (0_u64, 0);
    for _ in 0..1_000 {
        for _ in 0..10 {
            probes += 1;
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&probes.to_le_bytes());
            let probe = Gossip::Probe { namespace: town.namespace, nonce };
            probe_bytes += probe.encode().len() as u64;
            town.whisper(4, usize::try_from(probes % 4).unwrap(), &probe);
        }
        town.cluster.run(10);
    }
    let after = sent(&town);
    let extra = (after.0 - quiet.0).saturating_sub(quiet.0 - before.0);
    // Four answers in ten seconds of at most three members each, each forwarded by the others, and
    // the few probes that are passed on.
    assert!(extra < 400, "{extra} messages came back for {probes}");
    assert!(after.1 - quiet.1 < probe_bytes, "more came back than was sent");
    // One answer by itself is no lever either.
    let beacon = Gossip::Beacon(Box::new(person(0).attest(town.beacon(0, person(0), 1)))).encode();
    assert!(beacon.len() as u64 <= 10 * probe_bytes / probes, "{} bytes", beacon.len());
}

#[test]
fn attack_36_acks_that_are_forged_moved_or_of_the_removed_deliver_nothing() {
    let (_, mut town, _) = four();
    town.govern(0, remove(person(3)), 20_000);
    for other in 1..4 {
        town.cluster.cut(0, other);
    }
    let command = town.wish(0, create());
    town.cluster.run(100);
    let op = town.view(0).heads[0];
    let ack = |member: &Author, namespace, op| {
        let outcome = AckOutcome::Applied;
        member.attest(Ack { namespace, op, outcome, member: member.id })
    };
    let (here, elsewhere) = (town.namespace, NamespaceId([7; 32]));
    let mut forged = ack(person(1), here, op);
    forged.signature = ack(person(1), elsewhere, op).signature;
    let mut of_other = ack(person(2), here, op);
    of_other.statement.outcome = AckOutcome::AlreadyHad;
    let stranger = Author::new(1 << 22);
    let acks = [
        forged,
        of_other,
        ack(person(3), here, op),
        ack(&stranger, here, op),
        ack(person(1), here, OpId([3; 32])),
        ack(person(1), elsewhere, op),
        ack(person(0), here, op),
    ];
    for round in 0..100 {
        for ack in &acks {
            town.cluster.ask_as(4, 0, &Request::Ack(ack.clone()).encode());
        }
        town.cluster.run(if round < 10 { 1 } else { 50 });
        if let Some(outcome) = town.outcome(0, command) {
            let unconfirmed = Receipt::Unconfirmed { acked_by: Vec::new() };
            assert!(matches!(outcome, Outcome::Accepted { receipt, .. } if receipt == unconfirmed));
            assert!(town.cluster.now() > 5_000);
            return;
        }
    }
    // It waits still, and a true one ends that. Whoever forged is not listened to any more.
    assert!(!town.cluster.is_linked(0, 4));
    town.cluster.ask_as(5, 0, &Request::Ack(ack(person(1), here, op)).encode());
    town.cluster.run(1_000);
    let Some(Outcome::Accepted { receipt, .. }) = town.outcome(0, command) else {
        panic!("not answered");
    };
    assert_eq!(receipt, Receipt::Delivered { acked_by: vec![person(1).id] });
}

#[test]
fn attack_40_a_relay_of_what_cannot_be_judged_is_not_blamed() {
    let (case, mut town, head) = four();
    let (p, namespace) = (crate::support::cast(), town.namespace);
    let stranger = Author::new(1 << 22);
    let heads = town.view(0).heads;
    let op = |op: &folkmoot_core::signed::Op| Bytes::new(wire(op)).unwrap();
    let root = case.root();
    let void = p.c.sign(&case.stage.oracle, &[head], root, remove(p.a));
    let good = p.c.sign(&case.stage.oracle, &[head], root, Body::Noop);
    let table: [(&str, OpBytes, Verdict); 5] = [
        ("of a stranger", op(&noop(&stranger, namespace, 1, &heads, [0; 32])), Verdict::Ignore),
        ("an orphan", op(&noop(p.c, namespace, 9, &[OpId([5; 32])], [0; 32])), Verdict::Ignore),
        ("with a gap", op(&noop(p.c, namespace, 9, &heads, [0; 32])), Verdict::Ignore),
        ("void", op(&void), Verdict::Ignore),
        ("badly signed", Bytes::new(resigned(&good, Signature([1; 64]))).unwrap(), Verdict::Reject),
    ];
    for (name, bytes, verdict) in table {
        town.cluster.nodes[0].verdicts.clear();
        town.cluster.nodes[0].forgive();
        town.whisper(4, 0, &Gossip::Op(bytes));
        town.cluster.run(1_000);
        let verdicts = verdicts_of(&town, 0, 4);
        let is_blamed = verdict == Verdict::Reject;
        assert_eq!(verdicts.contains(&Verdict::Reject), is_blamed, "{name}: {verdicts:?}");
        assert_eq!(!town.cluster.nodes[0].charged().is_empty(), is_blamed, "{name}");
    }
}
