//! A node that begins anew with the namespaces that it had.

use super::{agree, found, govern};
use crate::cluster::{Cluster, Link, Path};
use crate::kit::{add, person};
use folkmoot_core::effect::Notice;
use folkmoot_core::event::Event;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::record;
use folkmoot_core::sync::Verdict;

/// Namespaces that it takes part in, each with more than one page of ops.
const NAMESPACES: usize = 12;

#[test]
fn net_45_a_node_that_restores_many_namespaces_from_one_peer_waits_for_its_own_lists() {
    let mut cluster = Cluster::apart(2);
    cluster.give_key(1, person(1));
    let namespaces = [(); NAMESPACES].map(|()| found(&mut cluster, 0, person(0)));
    let mut log = Vec::new();
    for namespace in namespaces {
        let root = namespace.root();
        govern(&mut cluster, 0, namespace, root, add(person(1), Rights::ADMIN)).unwrap();
        for _ in 0..PAGE_OPS_MAX {
            govern(&mut cluster, 0, namespace, root, Body::Noop).unwrap();
        }
        let opened = Event::NamespaceOpened { namespace, me: person(1).id };
        log.push(record::encode(&opened));
    }
    cluster.restore(1, log);
    cluster.heal(0, 1);
    // Far from each other, so that a list takes some seconds; and nothing comes by the topic.
    let stream = Path { delay_ms: (400, 400), ..Path::default() };
    for (from, to) in [(0, 1), (1, 0)] {
        cluster.impair(
            from,
            to,
            Link { topic: Path::mute(), stream: stream.clone(), is_down: false },
        );
    }
    let began = cluster.now();
    let has_all = |cluster: &Cluster| {
        namespaces.iter().all(|namespace| {
            let ops = |at: usize| cluster.nodes[at].state().namespace(namespace).unwrap().ops;
            ops(1) == ops(0)
        })
    };
    while !has_all(&cluster) && cluster.now() < began + 120_000 {
        cluster.run(100);
    }
    let took = cluster.now() - began;
    let short = cluster.nodes[1].notices.iter().filter(|notice| {
        matches!(notice, Notice::SyncEnded { verdict: Verdict::Incomplete { .. }, .. })
    });
    println!("{NAMESPACES} namespaces in {took} ms, {} exchanges fell short", short.count());
    assert!(took < 30_000, "{took} ms");
    cluster.run(10_000);
    for namespace in namespaces {
        agree(&cluster, namespace);
    }
}
