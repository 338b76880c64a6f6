//! Tables of subscribers that are stale, and meshes that are not the same both ways.

use super::{agree, join, three};
use crate::cluster::Cluster;
use crate::kit::{create, person};
use folkmoot_core::command::Outcome;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_effects::net::Topic;

/// How many nodes one forwards to.
fn mesh(cluster: &Cluster, at: usize, namespace: NamespaceId) -> Vec<usize> {
    let process = cluster.process(at).unwrap();
    process.mesh.get(&Topic(namespace.0)).map(|(peers, _)| peers.clone()).unwrap_or_default()
}

#[test]
fn a_node_with_a_stale_table_sends_nothing_to_who_came_meanwhile() {
    let (mut cluster, namespace) = three();
    let late = cluster.add(crate::cluster::Node::default(), &crate::cluster::Link::default());
    cluster.run(1_000);
    cluster.stale(1, 60_000);
    let outcome = join(&mut cluster, 0, late, namespace, Rights::ADMIN, person(late));
    assert!(matches!(outcome, Outcome::Joined(_)), "{outcome:?}");
    let topic = Topic(namespace.0);
    assert!(cluster.takes_part(late, topic) && !cluster.believes(1, late, topic));
    assert!(cluster.believes(0, late, topic));
    let subscribed = |cluster: &Cluster| {
        let peers = &cluster.nodes[1].state().volatile.peers;
        peers.get(&cluster.key_of(late)).is_some_and(|topics| topics.contains(&namespace))
    };
    assert!(!subscribed(&cluster));
    super::govern(&mut cluster, 1, namespace, namespace.root(), create()).unwrap();
    assert!(cluster.believes(1, 0, topic), "what it knew before it knows still");
    cluster.run(60_000);
    assert!(subscribed(&cluster), "it heard of that in the end");
    agree(&cluster, namespace);
}

#[test]
fn a_mesh_may_be_one_way_until_it_is_mended() {
    let (mut cluster, namespace) = three();
    cluster.prune(1, 2);
    cluster.run(1_000);
    assert_eq!((mesh(&cluster, 1, namespace), mesh(&cluster, 2, namespace)), (vec![0], vec![0, 1]));
    super::govern(&mut cluster, 1, namespace, namespace.root(), create()).unwrap();
    cluster.run(60_000);
    agree(&cluster, namespace);
    cluster.graft(2, 1);
    cluster.run(1_000);
    assert_eq!(mesh(&cluster, 1, namespace), [0, 2]);
}
