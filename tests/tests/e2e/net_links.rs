//! Links that are cut, one way or both, and that lose packets: network namespaces of the system.
//!
//! Skipped where they cannot be made, with the reason on standard error.

use std::time::{Duration, Instant};

use folkmoot_tests::e2e::{Ground, Node, Stage, Transport, agree, meet, text, until};

use super::{acknowledged, stage};

/// How soon nodes agree after a link was mended, or over a bad one.
const HEALED: Duration = Duration::from_secs(30);

/// A ground with so many seats; none where this machine cannot have one.
fn ground(seats: usize) -> Option<Ground> {
    Ground::new(seats).inspect_err(|why| eprintln!("skipped, no network namespaces: {why}")).ok()
}

/// Members of one namespace, one on each seat, each connected with each other one.
fn members<const N: usize>(stage: &Stage, ground: &Ground, by: Transport) -> [Node; N] {
    let nodes: [Node; N] = std::array::from_fn(|at| {
        let mut node = stage.node_on(ground.seat(at), &format!("node{at}"), by);
        node.start();
        node
    });
    nodes[0].data(&["ns", "create", "Acme"]);
    for (at, joiner) in nodes.iter().enumerate().skip(1) {
        nodes[0].admit(joiner, "admin");
        nodes[1..at].iter().for_each(|other| meet(joiner, other));
    }
    agree(&nodes.each_ref());
    nodes
}

/// Writes an op of which nobody is to hear; gives it.
fn write_alone(node: &Node, name: &str) -> String {
    text(&node.data(&["group", "create", name, "--no-wait"]), "/ops/0")
}

fn lost(node: &Node, peers: usize) {
    until("it has lost its peers", || {
        let left = node.peers();
        if left.len() == peers { Ok(()) } else { Err(left.join(" ")) }
    });
}

#[test]
fn a_partition_that_ends_the_connections_heals() {
    let stage = stage();
    let Some(ground) = ground(3) else { return };
    let nodes: [Node; 3] = members(&stage, &ground, Transport::Quic);
    // The founder, whom the others dial, on one side.
    let cut = [(0, 1), (1, 0), (0, 2), (2, 0)];
    cut.iter().for_each(|(from, to)| ground.cut(*from, *to));
    lost(&nodes[0], 0);
    lost(&nodes[1], 1);
    lost(&nodes[2], 1);
    let alone = nodes[0].data(&["group", "rename", "root", "Acme East"]);
    assert_eq!(alone["receipt"]["acked_by"], serde_json::json!([]));
    nodes[1].data(&["group", "rename", "root", "Acme West"]);
    acknowledged(&nodes[2], 1);
    agree(&[&nodes[1], &nodes[2]]);
    assert_ne!(nodes[0].summit()["heads"], nodes[1].summit()["heads"]);

    cut.iter().for_each(|(from, to)| ground.mend(*from, *to));
    let begin = Instant::now();
    agree(&nodes.each_ref());
    nodes.iter().for_each(|node| acknowledged(node, 2));
    assert!(begin.elapsed() < HEALED, "healed after {:?}", begin.elapsed());
}

#[test]
fn a_short_partition_heals_on_the_same_connections() {
    let stage = stage();
    let Some(ground) = ground(2) else { return };
    let nodes: [Node; 2] = members(&stage, &ground, Transport::Tcp);
    ground.cut(0, 1);
    ground.cut(1, 0);
    let silent = nodes[0].data(&["group", "create", "East", "--timeout", "1s"]);
    assert_eq!(silent["receipt"]["delivery"], "unconfirmed");
    let hers = text(&silent, "/ops/0");
    let his = write_alone(&nodes[1], "West");
    assert!(!nodes[1].has_effect(&hers) && !nodes[0].has_effect(&his));
    // The ends were not told, and believe that they are connected.
    assert_eq!((nodes[0].peers().len(), nodes[1].peers().len()), (1, 1));
    ground.mend(0, 1);
    ground.mend(1, 0);
    let begin = Instant::now();
    agree(&nodes.each_ref());
    nodes.iter().for_each(|node| acknowledged(node, 1));
    assert!(nodes[1].has_effect(&hers) && nodes[0].has_effect(&his));
    assert!(begin.elapsed() < HEALED, "healed after {:?}", begin.elapsed());
}

#[test]
fn what_a_one_way_cut_keeps_back_comes_by_another_member() {
    for by in [Transport::Tcp, Transport::Quic] {
        let stage = stage();
        let Some(ground) = ground(3) else { return };
        let nodes: [Node; 3] = members(&stage, &ground, by);
        ground.cut(0, 2);
        let begin = Instant::now();
        for round in 0..3_u32 {
            for node in &nodes {
                write_alone(node, &format!("{round}"));
            }
        }
        agree(&nodes.each_ref());
        assert!(begin.elapsed() < HEALED, "{by:?}: {:?}", begin.elapsed());
        ground.mend(0, 2);
        nodes.iter().for_each(|node| acknowledged(node, 2));
        agree(&nodes.each_ref());
    }
}

#[test]
fn nodes_join_and_agree_while_a_fifth_of_the_packets_is_lost() {
    for by in [Transport::Tcp, Transport::Quic] {
        let stage = stage();
        let Some(ground) = ground(3) else { return };
        if let Err(why) = ground.lose(20) {
            eprintln!("skipped, no packets can be lost: {why}");
            return;
        }
        let begin = Instant::now();
        let nodes: [Node; 3] = members(&stage, &ground, by);
        for round in 0..5_u32 {
            for node in &nodes {
                write_alone(node, &format!("{round}"));
            }
        }
        agree(&nodes.each_ref());
        nodes.iter().for_each(|node| acknowledged(node, 1));
        assert!(begin.elapsed() < 2 * HEALED, "{by:?}: {:?}", begin.elapsed());
    }
}
