//! What is between nodes, as people see it: who has what, who is there, and joins that go on.

use std::process::{Child, Command, Stdio};

use folkmoot_tests::e2e::{Node, Ran, agree, text, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{founder, stage};

/// Who acknowledged what a command wrote.
fn acked_by(reply: &Value) -> Vec<&str> {
    let acked = reply["receipt"]["acked_by"].as_array().unwrap();
    acked.iter().map(|who| who["id"].as_str().unwrap()).collect()
}

/// A join that nobody waits for.
fn join_meanwhile(node: &Node, code: &str) -> Child {
    let mut command: Command = node.command(&["join", code]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Has a node refuse a command.
fn refused(node: &Node, words: &[&str], exit: i32, code: &str) {
    let refusal = node.refusal(words);
    assert_eq!((refusal.exit, refusal.code.as_str()), (exit, code), "{refusal:?}");
}

/// What a node says of its one namespace.
fn namespace(node: &Node) -> Value {
    node.data(&["status"])["namespaces"][0].clone()
}

#[test]
fn net_32_what_is_written_says_who_has_it() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    let alone = anna.data(&["group", "create", "Alone"]);
    assert_eq!(alone["receipt"], json!({ "delivery": "solo", "acked_by": [] }));

    let mut bob = stage.node("bob");
    bob.start();
    let joined = anna.admit(&bob, "member");
    let me = text(&joined, "/me/id");
    assert_eq!(joined["witness"]["id"], anna.me().as_str());
    let phases = joined["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["validating", "probing", "pulling", "asking"]);
    assert_eq!(joined["members"], 2);
    assert_eq!(joined["heads"].as_array().unwrap().len(), 1);

    let told = anna.data(&["group", "create", "Told"]);
    assert_eq!(told["receipt"]["delivery"], "delivered");
    assert_eq!(acked_by(&told), [me.as_str()]);
    let few = anna.data(&["group", "create", "Few", "--acks", "2", "--timeout", "1s"]);
    assert_eq!(few["receipt"]["delivery"], "unconfirmed");
    assert_eq!(acked_by(&few), [me.as_str()]);
    // From here on he gets nothing, whatever is on its way to him.
    bob.signal(Signal::STOP);
    let none = anna.data(&["group", "create", "None", "--no-wait"]);
    assert_eq!(none["receipt"], json!({ "delivery": "not-awaited", "acked_by": [] }));
    bob.kill();
    let kept = anna.data(&["group", "create", "Kept", "--timeout", "500ms"]);
    let delivery = kept["receipt"]["delivery"].as_str().unwrap();
    assert!(["unconfirmed", "solo"].contains(&delivery), "{delivery}");
    let outbox = |node: &Node| namespace(node)["network"]["outbox"]["undelivered"].clone();
    // Of each a group and its name.
    assert_eq!(outbox(&anna), 4);
    bob.start();
    until("what was kept is delivered", || {
        let undelivered = outbox(&anna);
        if undelivered == 0 { Ok(()) } else { Err(undelivered) }
    });
}

#[test]
fn peers_are_shown_with_the_members_behind_them() {
    let stage = stage();
    let anna = founder(&stage, "anna");
    anna.data(&["member", "rename", "me", "Anna"]);
    let mut bob = stage.node("bob");
    bob.start();
    anna.admit(&bob, "member");
    agree(&[&anna, &bob]);

    let peers = bob.data(&["peers"]);
    let topic = &peers["peers"][0]["topics"][0];
    assert_eq!(topic["member"]["id"], anna.me().as_str());
    assert_eq!((&topic["name"], &topic["has_standing"]), (&json!("Acme"), &json!(true)));
    let ping = bob.data(&["ping", "Anna"]);
    assert_eq!(ping["peer"], peers["peers"][0]["id"]);
    assert_eq!(ping["member"]["id"], anna.me().as_str());
    let micros = ping["round_trip_us"].as_u64().unwrap();
    assert!(micros > 0 && micros < 5_000_000, "{micros}");

    let compared = bob.data(&["compare", "Anna"]);
    assert_eq!((&compared["relation"], &compared["complete"]), (&json!("equal"), &json!(true)));
    assert_eq!(compared["here"]["heads"], compared["there"]["heads"]);
    assert_eq!(compared["here"]["state_root"], compared["there"]["state_root"]);

    // A beacon comes every five seconds.
    until("the last beacon of each agrees with the other", || {
        let network = namespace(&bob)["network"].clone();
        let agrees = network["members"][0]["agreement"] == "agrees";
        if agrees && network["readiness"] == "peer-validated" { Ok(()) } else { Err(network) }
    });
    assert_eq!(namespace(&bob)["network"]["last_sync"]["verdict"], "in-sync");

    refused(&bob, &["ping", "peer1nobody"], 4, "not-found");
    refused(&bob, &["compare", "Zoe"], 4, "not-found");
}

#[test]
fn net_25_a_join_goes_on_without_its_watcher_and_after_a_crash() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let code = text(&anna.data(&["invite"]), "/code");
    anna.down();
    let mut bob = stage.node("bob");
    bob.start();
    let mut watcher = join_meanwhile(&bob, &code);
    let is_joining = |node: &Node| {
        let word = namespace(node)["state"].clone();
        if word == "joining" { Ok(()) } else { Err(word) }
    };
    until("the join is under way", || is_joining(&bob));
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    is_joining(&bob).unwrap();
    bob.kill();
    bob.start();
    until("the join is under way again", || is_joining(&bob));
    anna.start();
    until("bob is a member", || {
        let view = namespace(&bob);
        if view["members"] == 2 && view["state"] != "joining" { Ok(()) } else { Err(view) }
    });
    agree(&[&anna, &bob]);
}

#[test]
fn net_29_a_join_can_be_given_up_and_tried_again_as_the_same_member() {
    let stage = stage();
    let mut anna = founder(&stage, "anna");
    let code = text(&anna.data(&["invite"]), "/code");
    let namespace = text(&namespace(&anna), "/id");
    anna.down();
    let mut bob = stage.node("bob");
    bob.start();
    refused(&bob, &["join", &code, "--timeout", "1s"], 6, "no-ready-peers");
    // A failed join leaves the key, and nothing else.
    assert_eq!(bob.data(&["status"])["namespaces"], json!([]));
    let identities = bob.data(&["id", "show"]).to_string();
    let mut watcher = join_meanwhile(&bob, &code);
    let is_given_up = |ran: Ran| if ran.exit == Some(0) { Ok(()) } else { Err(format!("{ran:?}")) };
    until("the join is given up", || is_given_up(bob.run(&["join", "--cancel", &namespace])));
    assert_eq!(watcher.wait().unwrap().code(), Some(1));
    refused(&bob, &["join", "--cancel", &namespace], 4, "not-found");
    anna.start();
    let joined = bob.data(&["join", &code, "--timeout", "80s"]);
    assert!(identities.contains(&text(&joined, "/me/id")), "{identities}");
}
