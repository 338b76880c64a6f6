//! Three nodes: a partition, and one that stands still.

use folkmoot_tests::e2e::{Node, Stage, agree, text, until};
use rustix::process::Signal;

use super::{founder, stage};

/// Three nodes in one namespace, each connected with the two others; the founder first.
fn three(stage: &Stage) -> [Node; 3] {
    let olga = founder(stage, "olga");
    let (mut ada, mut ben) = (stage.node("ada"), stage.node("ben"));
    ada.start();
    ben.start();
    olga.admit(&ada, "admin");
    olga.admit(&ben, "admin");
    ada.data(&["connect", &ben.address()]);
    let nodes = [olga, ada, ben];
    for node in &nodes {
        until("all are connected", || {
            let peers = node.data(&["peers"]);
            let count = peers["peers"].as_array().map_or(0, Vec::len);
            if count == 2 { Ok(()) } else { Err(peers) }
        });
    }
    agree(&[&nodes[0], &nodes[1], &nodes[2]]);
    nodes
}

#[test]
fn a_partition_ends_in_agreement_and_the_removal_wins() {
    let stage = stage();
    let [olga, ada, ben] = three(&stage);
    let both = [(&ben, &olga), (&olga, &ben), (&ben, &ada), (&ada, &ben)];
    for (node, other) in both {
        node.data(&["block", &other.peer()]);
    }
    until("Ben is cut off", || {
        let peers = ben.data(&["peers"]);
        if peers["peers"] == serde_json::json!([]) { Ok(()) } else { Err(peers) }
    });

    // Ben cannot know that he is removed; both sides write the same slot.
    let dan = text(&ben.data(&["id", "new"]), "/id");
    let removed = ada.data(&["member", "remove", &ben.me()]);
    let added = ben.data(&["member", "add", &dan, "member"]);
    let hers = olga.data(&["group", "rename", "root", "Acme East"]);
    let his = ben.data(&["group", "rename", "root", "Acme West"]);
    let (removed, added) = (text(&removed, "/ops/0"), text(&added, "/ops/0"));
    assert!(ben.has_effect(&added));
    assert_eq!(agree(&[&olga, &ada])["heads"].as_array().unwrap().len(), 1);
    assert_ne!(olga.summit()["state_root"], ben.summit()["state_root"]);

    for (node, other) in both {
        node.data(&["unblock", &other.peer()]);
    }
    ben.data(&["connect", &olga.address()]);
    ben.data(&["connect", &ada.address()]);
    agree(&[&olga, &ada, &ben]);
    for node in [&olga, &ada, &ben] {
        let list = node.data(&["member", "list"]);
        let members: Vec<_> =
            list["members"].as_array().unwrap().iter().map(|member| text(member, "/id")).collect();
        assert_eq!(members, [olga.me(), ada.me()], "seniors first, Ben and Dan out");
        assert_eq!(text(&node.data(&["ns", "show"]), "/name"), "Acme East");
        assert!(node.has_effect(&removed) && node.has_effect(&text(&hers, "/ops/0")));
    }
    let shown = ben.data(&["show", &added]);
    assert_eq!(shown["verdict"]["standing"], "void");
    assert_eq!(shown["verdict"]["because_of"], serde_json::json!([removed]));
    assert!(!ben.has_effect(&text(&his, "/ops/0")));
    // Why, in words.
    assert!(ben.run(&["why", &added]).out.contains("struck"));
    assert_eq!(ben.refusal(&["group", "create", "Late"]).exit, 5);
}

#[test]
fn a_node_that_stood_still_catches_up() {
    let stage = stage();
    let [olga, ada, ben] = three(&stage);
    ben.signal(Signal::STOP);
    let refusal = ben.refusal(&["status", "--timeout", "300ms"]);
    assert_eq!((refusal.exit, refusal.code.as_str()), (6, "timeout"));
    for count in 0..20_u32 {
        let author = if count % 2 == 0 { &olga } else { &ada };
        author.data(&["group", "create", &format!("group {count}")]);
    }
    let ahead = agree(&[&olga, &ada]);
    ben.signal(Signal::CONT);
    assert_eq!(agree(&[&olga, &ada, &ben]), ahead);
    // And it takes part again.
    let op = text(&ben.data(&["group", "create", "Awake"]), "/ops/0");
    agree(&[&olga, &ada, &ben]);
    assert!(olga.has_effect(&op) && ada.has_effect(&op));
}
