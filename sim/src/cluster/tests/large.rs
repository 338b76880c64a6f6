//! Worlds of many nodes.

use super::super::ALL_CONNECTED_MAX;
use super::*;
use std::collections::BTreeSet;

fn peers(cluster: &Cluster, at: usize) -> Vec<usize> {
    (0..cluster.nodes.len()).filter(|other| cluster.is_linked(at, *other)).collect()
}

#[test]
fn in_a_large_world_a_node_has_few_peers_and_reaches_all_in_few_steps() {
    let small = Cluster::new(3);
    assert_eq!(peers(&small, 0), [1, 2]);
    let count = ALL_CONNECTED_MAX + 1;
    let cluster = Cluster::new(count);
    let (mut reached, mut steps) = (BTreeSet::from([0]), 0);
    while reached.len() < count {
        reached = reached.iter().flat_map(|at| peers(&cluster, *at)).chain([0]).collect();
        steps += 1;
        assert!(steps <= 8, "{} nodes after {steps} steps", reached.len());
    }
    for at in 0..count {
        let peers = peers(&cluster, at);
        assert!((8..=16).contains(&peers.len()), "{peers:?}");
        assert!(peers.iter().all(|other| cluster.is_linked(*other, at)), "both know");
    }
}
