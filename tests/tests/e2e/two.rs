//! Two nodes, and what may happen to one of them.

use std::collections::BTreeSet;
use std::path::Path;

use folkmoot_core::input::{Heard, Input};
use folkmoot_effects::replay::replay;
use folkmoot_tests::e2e::{Node, agree, text, until};

use super::{founder, stage};

/// Has a node found a group; gives the op that did.
fn found_group(node: &Node, name: &str) -> String {
    text(&node.data(&["group", "create", name]), "/ops/0")
}

/// The groups of a node by id, name and state root.
fn groups(node: &Node) -> Vec<String> {
    let list = node.data(&["group", "list"]);
    let groups = list["groups"].as_array().unwrap();
    let mut all: Vec<_> = groups
        .iter()
        .map(|group| {
            format!("{} {} {}", text(group, "/id"), text(group, "/name"), group["state_root"])
        })
        .collect();
    all.sort();
    all
}

#[test]
fn two_nodes_agree_after_every_kind_of_restart() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let mut bob = stage.node("bob");
    bob.start();
    let joined = anna.admit(&bob, "member");
    assert_eq!(joined["name"], "Acme");
    let me = text(&joined, "/me/id");
    agree(&[&anna, &bob]);

    // Both govern.
    anna.data(&["member", "rename", &me, "Bob"]);
    let garden = found_group(&bob, "Garden");
    agree(&[&anna, &bob]);
    assert!(anna.has_effect(&garden));
    anna.data(&["group", "rename", "Garden", "Orchard"]);
    agree(&[&anna, &bob]);
    assert_eq!(bob.me(), me);

    // Each of them is away in turn, in good order and not, while the other governs. Bob, who came
    // by the invitation's address, keeps it.
    bob.flags(&["--dial", &anna.address()]);
    bob.down();
    let unseen = found_group(&anna, "after down");
    bob.start();
    agree(&[&anna, &bob]);
    assert!(bob.has_effect(&unseen));
    bob.kill();
    let unseen = found_group(&anna, "after kill");
    bob.start();
    agree(&[&anna, &bob]);
    assert!(bob.has_effect(&unseen));
    anna.kill();
    let unseen = found_group(&bob, "alone");
    anna.start();
    agree(&[&anna, &bob]);
    assert!(anna.has_effect(&unseen));
    anna.down();
    let unseen = found_group(&bob, "alone again");
    anna.start();
    let summit = agree(&[&anna, &bob]);
    assert!(anna.has_effect(&unseen));

    assert_eq!(groups(&anna), groups(&bob));
    assert_eq!(groups(&anna).len(), 6);
    for node in [&mut anna, &mut bob] {
        node.down();
        assert_eq!(node.refusal(&["status"]).exit, 3);
        let verified = node.data(&["verify"]);
        assert_eq!(verified["namespaces"][0]["state_root"], summit["state_root"]);
        assert_eq!(verified["namespaces"][0]["heads"], summit["heads"]);
    }
}

#[test]
fn a_detached_node_is_ready_at_once_and_gone_at_once() {
    let stage = stage();
    let node = stage.node("anna");
    for round in 0..3_u32 {
        let up = folkmoot_tests::e2e::run_within(
            node.up(&["--detach", "--json"]),
            folkmoot_tests::e2e::PATIENCE,
        );
        let ready = up.data();
        assert!(text(&ready, "/addresses/0").starts_with("/ip4/127.0.0.1/tcp/"));
        let status = node.data(&["status"]);
        assert_eq!((&status["pid"], &status["peer"]), (&ready["pid"], &ready["peer"]));
        if round == 0 {
            node.data(&["ns", "create", "Acme"]);
        }
        assert_eq!(text(&node.data(&["ns", "list"]), "/namespaces/0/name"), "Acme");
        // The folder is free when `down` returns: the next start does not have to wait.
        node.data(&["down"]);
        assert!(!node.home().join("moot.sock").exists() && !node.home().join("moot.pid").exists());
        node.data(&["verify"]);
    }
    let log = std::fs::read_to_string(node.home().join("moot.log")).unwrap();
    assert_eq!(log.matches("clean=true").count(), 2, "{log}");
}

/// The ops that reached a node by gossip in all its runs.
fn gossiped(home: &Path) -> BTreeSet<String> {
    let mut ops = BTreeSet::new();
    let report = replay(&home.join("recording"), None, &mut |step| {
        if let Input::GossipReceived { heard: Ok(Heard::Op(op)), .. } = step.input {
            ops.insert(op.id.to_string());
        }
    });
    assert!(report.unwrap().is_same());
    ops
}

/// libp2p's gossip becomes one-way for ever when a peer comes back over QUIC before the survivor
/// has noticed that it was gone, unless the node does something about it.
#[test]
fn gossip_goes_both_ways_again_after_a_kill_over_quic() {
    let stage = stage();
    let (mut anna, mut bob) = (stage.quic_node("anna"), stage.quic_node("bob"));
    anna.start().data(&["ns", "create", "Acme"]);
    bob.start();
    assert!(anna.address().contains("/quic-v1/"));
    anna.admit(&bob, "member");
    agree(&[&anna, &bob]);
    let peer = bob.peer();
    bob.flags(&["--dial", &anna.address()]);
    bob.kill();
    bob.start();
    assert_eq!(bob.peer(), peer);
    // Where gossip does not arrive, comparing heads brings the op half a minute later: by the last
    // round there was time enough for gossip to be mended.
    let (mut from_anna, mut from_bob) = (String::new(), String::new());
    for round in 0..6_u32 {
        from_anna = found_group(&anna, &format!("anna {round}"));
        until("Bob hears of it", || bob.has_effect(&from_anna).then_some(()).ok_or(round));
        from_bob = found_group(&bob, &format!("bob {round}"));
        until("Anna hears of it", || anna.has_effect(&from_bob).then_some(()).ok_or(round));
    }
    agree(&[&anna, &bob]);
    anna.down();
    bob.down();
    assert!(gossiped(anna.home()).contains(&from_bob));
    assert!(gossiped(bob.home()).contains(&from_anna));
}
