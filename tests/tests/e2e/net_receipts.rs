//! Who has what a command wrote: receipts, a member that stands still, and kills over QUIC.

use std::time::{Duration, Instant};

use folkmoot_tests::e2e::{Node, Stage, Transport, agree, meet, text, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{acknowledged, founder, stage};

/// How much later than its deadline a command may end on a busy machine.
const GRACE: Duration = Duration::from_secs(5);
/// How soon gossip goes both ways again after a restart. A comparison of heads, the other way by
/// which an op may come, is made every 30 s.
const MENDED: Duration = Duration::from_secs(12);

/// Two connected members, the second of whom joined.
fn two(stage: &Stage, transport: Transport) -> [Node; 2] {
    let node = |name| match transport {
        Transport::Tcp => stage.node(name),
        Transport::Quic => stage.quic_node(name),
    };
    let (mut anna, mut bob) = (node("anna"), node("bob"));
    anna.start().data(&["ns", "create", "Acme"]);
    bob.start();
    anna.admit(&bob, "admin");
    agree(&[&anna, &bob]);
    [anna, bob]
}

/// The receipt of a command that writes; its `delivery`, and who acknowledged.
fn receipt(node: &Node, words: &[&str]) -> (Value, Vec<String>) {
    let receipt = node.data(words)["receipt"].clone();
    let acked_by = receipt["acked_by"].as_array().unwrap();
    (receipt["delivery"].clone(), acked_by.iter().map(|it| text(it, "/id")).collect())
}

#[test]
fn net_32_a_receipt_names_who_has_it_and_calls_silence_no_success() {
    let stage = stage();
    let alone = founder(&stage, "alone");
    let solo = receipt(&alone, &["group", "create", "Nobody hears"]);
    assert_eq!(solo, (json!("solo"), Vec::new()));

    let [anna, bob] = two(&stage, Transport::Tcp);
    let (hers, his) = (anna.me(), bob.me());
    let begin = Instant::now();
    let delivered = receipt(&anna, &["group", "create", "Garden"]);
    assert_eq!(delivered, (json!("delivered"), vec![his.clone()]));
    let back = receipt(&bob, &["group", "rename", "Garden", "Orchard"]);
    assert_eq!(back, (json!("delivered"), vec![hers]));
    assert!(begin.elapsed() < GRACE, "no deadline was waited for");
    assert_eq!(receipt(&anna, &["group", "create", "B", "--no-wait"]).0, "not-awaited");
    // Two were asked for, and there is one.
    let few = receipt(&anna, &["group", "create", "C", "--acks", "2", "--timeout", "1s"]);
    assert_eq!(few, (json!("unconfirmed"), vec![his]));

    bob.signal(Signal::STOP);
    for (words, least_ms) in [
        (&["group", "rename", "Orchard", "Park"][..], 2_000),
        (&["group", "create", "D", "--timeout", "500ms"][..], 500),
    ] {
        let begin = Instant::now();
        let silent = receipt(&anna, words);
        assert_eq!(silent, (json!("unconfirmed"), Vec::new()), "{words:?}");
        let (took, least) = (begin.elapsed(), Duration::from_millis(least_ms));
        assert!(took >= least && took < least + GRACE, "{words:?} took {took:?}");
    }
    // What was written is kept, and arrives (NET-34).
    bob.signal(Signal::CONT);
    agree(&[&anna, &bob]);
    let after = receipt(&anna, &["group", "create", "E"]);
    assert_eq!(after.0, "delivered");
}

#[test]
fn net_34_what_nobody_heard_is_told_after_a_restart_of_the_author() {
    let stage = stage();
    let [mut anna, bob] = two(&stage, Transport::Tcp);
    bob.signal(Signal::STOP);
    let written = anna.data(&["group", "create", "Unheard", "--timeout", "300ms"]);
    assert_eq!(written["receipt"]["delivery"], "unconfirmed");
    anna.kill();
    bob.signal(Signal::CONT);
    anna.start();
    let op = text(&written, "/ops/0");
    until("Bob has it", || if bob.has_effect(&op) { Ok(()) } else { Err("he has not") });
    agree(&[&anna, &bob]);
}

/// Waits until each of them hears of what the other writes, and says so in time.
fn both_ways(anna: &Node, bob: &Node) {
    let begin = Instant::now();
    acknowledged(anna, 1);
    acknowledged(bob, 1);
    assert!(begin.elapsed() < MENDED, "gossip took {:?} to be mended", begin.elapsed());
}

#[test]
fn a_restart_over_quic_with_the_same_identity_is_mended_within_seconds() {
    let stage = stage();
    let [mut anna, mut bob] = two(&stage, Transport::Quic);
    both_ways(&anna, &bob);
    let peers = (anna.peer(), bob.peer());
    bob.flags(&["--dial", &anna.address()]);
    // The one that dials, and the one that is dialled; at once, and again.
    for _ in 0..2 {
        bob.kill();
        bob.start();
        both_ways(&anna, &bob);
        anna.kill();
        anna.start();
        both_ways(&anna, &bob);
    }
    assert_eq!((anna.peer(), bob.peer()), peers);
    // Both at once; and once more where both dial.
    anna.kill();
    bob.kill();
    anna.start();
    bob.start();
    meet(&anna, &bob);
    both_ways(&anna, &bob);
    agree(&[&anna, &bob]);
}
