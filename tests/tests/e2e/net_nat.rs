//! Members behind boxes that translate addresses, whom nobody can dial: they meet over a relay, and
//! go on without it where they can.
//!
//! Skipped where such boxes cannot be made, with the reason on standard error.

use std::fs;

use folkmoot_tests::e2e::{Ground, Node, Seat, Stage, Transport, agree, until};

use super::stage;

/// The seats of the two boxes and of the relay.
const BOXES: [usize; 2] = [0, 1];
const RELAY: usize = 2;

/// A ground with two boxes, and the seats behind them.
fn ground() -> Result<(Ground, [Seat; 2]), String> {
    let mut ground = Ground::new(3)?;
    let seats = [ground.hide(BOXES[0])?, ground.hide(BOXES[1])?];
    Ok((ground, seats))
}

/// A node with this in the section `wide` of its configuration.
fn node(stage: &Stage, seat: Seat, name: &str, by: Transport, wide: &str) -> Node {
    let mut node = stage.node_on(seat, name, by);
    fs::create_dir(node.home()).unwrap();
    fs::write(node.home().join("config.toml"), format!("[wide]\n{wide}\n")).unwrap();
    node.start();
    node
}

/// Whether a command finds the other member while nothing passes to the relay and from it.
fn is_direct(ground: &Ground, author: &Node) -> Result<(), String> {
    let ways = BOXES.map(|at| [(at, RELAY), (RELAY, at)]).concat();
    for (from, to) in &ways {
        ground.cut(*from, *to);
    }
    let written = author.data(&["group", "create", "direct", "--timeout", "2s"]);
    for (from, to) in &ways {
        ground.mend(*from, *to);
    }
    let receipt = written["receipt"].clone();
    if receipt["delivery"] == "delivered" { Ok(()) } else { Err(receipt.to_string()) }
}

#[test]
fn two_members_whom_nobody_can_dial_meet_over_a_relay_and_go_on_without_it() {
    for by in [Transport::Quic, Transport::Tcp] {
        let stage = stage();
        let (ground, [annas, bobs]) = match ground() {
            Ok(made) => made,
            Err(why) => return eprintln!("skipped, no boxes that translate addresses: {why}"),
        };
        let relay = node(&stage, ground.seat(RELAY), "relay", by, "relay_server = true");
        let wide = format!("relays = [{:?}]", relay.address());
        let anna = node(&stage, annas, "anna", by, &wide);
        anna.data(&["ns", "create", "Acme"]);
        until("anna has a place at the relay", || {
            let addresses = anna.data(&["status"])["addresses"].to_string();
            if addresses.contains("/p2p-circuit/") { Ok(()) } else { Err(addresses) }
        });
        let bob = node(&stage, bobs, "bob", by, &wide);
        anna.admit(&bob, "admin");
        agree(&[&anna, &bob]);
        // The relay carried what they said: it is no member, and was told nothing.
        assert_eq!(relay.data(&["status"])["namespaces"], serde_json::json!([]));
        until("they reach each other without the relay", || is_direct(&ground, &anna));
        until("and the other way", || is_direct(&ground, &bob));
        agree(&[&anna, &bob]);
    }
}
