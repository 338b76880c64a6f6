//! Joins among real nodes while one of them dies, at every moment of the join.

use super::{FOREVER, found};
use crate::cluster::Cluster;
use crate::kit::{Author, add, person};
use folkmoot_core::command::{Command, CommandId, JoinError, Outcome, Refusal};
use folkmoot_core::governance::invitation::JoinRequest;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use std::collections::BTreeMap;

/// How long a join may take, in milliseconds.
const WITHIN_MS: u64 = 30_000;
/// Later than the end of any join to which nothing happens, in milliseconds.
const OVER_MS: u64 = 120;

/// An owner, a second member, and a node with an invitation.
fn three() -> (Cluster, NamespaceId, JoinRequest) {
    let mut cluster = Cluster::new(3);
    let namespace = found(&mut cluster, 0, person(0));
    let root = namespace.root();
    super::govern(&mut cluster, 0, namespace, root, add(person(1), Rights::MEMBER)).unwrap();
    for group in 0..3 {
        let made = super::govern(&mut cluster, 0, namespace, root, crate::kit::create());
        assert!(made.is_ok(), "group {group}");
    }
    let secret = Author::new(1001);
    let invited = cluster.command(0, invite(namespace, &secret));
    let Outcome::Invited(invitation) = invited else { panic!("{invited:?}") };
    // The second member comes by an invitation too: its grant admits it.
    cluster.give_key(1, person(1));
    let join = Command::Join {
        request: person(1).accept(&invitation, &secret),
        addresses: Vec::new(),
        within_ms: WITHIN_MS,
    };
    let outcome = cluster.command(1, join);
    assert!(matches!(outcome, Outcome::Joined(_)), "{outcome:?}");
    cluster.run(60_000);
    cluster.give_key(2, person(2));
    let request = person(2).accept(&invitation, &secret);
    (cluster, namespace, request)
}

fn invite(namespace: NamespaceId, secret: &Author) -> Command {
    Command::Invite {
        namespace,
        group: namespace.root(),
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: FOREVER,
        one_time_key: secret.id,
    }
}

/// Begins a join at node 2.
fn begin(cluster: &mut Cluster, request: &JoinRequest) -> CommandId {
    let request = request.clone();
    let wish = Command::Join { request, addresses: Vec::new(), within_ms: WITHIN_MS };
    cluster.issue(2, wish)
}

/// The members, by how many of the nodes count them.
fn members(cluster: &Cluster, namespace: NamespaceId) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for node in &cluster.nodes {
        let members = node.state().members(&namespace, &namespace.root()).len();
        *counts.entry(members).or_default() += 1;
    }
    counts
}

#[test]
fn net_23_a_join_takes_a_few_round_trips_and_waits_for_no_clock() {
    let (mut cluster, _, request) = three();
    let command = begin(&mut cluster, &request);
    cluster.run(OVER_MS);
    let Some(Outcome::Joined(report)) = cluster.outcome(2, command) else { panic!("not joined") };
    let took: u64 = report.phases.iter().map(|(_, ms)| ms).sum();
    assert!(took < OVER_MS, "{:?}", report.phases);
    assert!(report.partner.is_some());
}

#[test]
fn net_25_whichever_member_is_cut_off_at_whatever_moment_the_other_admits() {
    for lost in [0, 1] {
        for after in 0..OVER_MS {
            let (mut cluster, namespace, request) = three();
            let command = begin(&mut cluster, &request);
            cluster.run(after);
            cluster.cut(2, lost);
            cluster.run(WITHIN_MS);
            let outcome = cluster.outcome(2, command);
            let joined = matches!(outcome, Some(Outcome::Joined(_)));
            assert!(joined, "{lost} lost after {after} ms: {outcome:?}");
            cluster.heal(2, lost);
            cluster.run(60_000);
            // One member more, whoever wrote the op, and however often.
            assert_eq!(members(&cluster, namespace), [(3, 3)].into());
        }
    }
}

#[test]
fn net_26_with_all_members_cut_off_the_error_is_typed_and_in_time() {
    for after in 0..OVER_MS {
        let (mut cluster, namespace, request) = three();
        let command = begin(&mut cluster, &request);
        cluster.run(after);
        cluster.cut(2, 0);
        cluster.cut(2, 1);
        cluster.run(WITHIN_MS - after);
        match cluster.outcome(2, command) {
            // It was done before, or it had the op and nobody was left to confirm it.
            Some(Outcome::Joined(report)) => assert_eq!(report.namespace, namespace),
            Some(Outcome::Refused(Refusal::NotJoined(
                JoinError::NoReadyPeers { .. }
                | JoinError::PartnersFailed { .. }
                | JoinError::PullIncomplete { .. },
            ))) => {
                let known = cluster.nodes[2].state().namespace(&namespace);
                assert!(known.is_none_or(|known| !known.open && !known.joining));
            }
            other => panic!("{after} ms: {other:?}"),
        }
    }
}

#[test]
fn net_25_a_joiner_that_is_killed_at_whatever_moment_goes_on_with_its_key() {
    for after in 0..OVER_MS {
        let (mut cluster, namespace, request) = three();
        begin(&mut cluster, &request);
        cluster.run(after);
        let records = cluster.nodes[2].log().len();
        cluster.restart(2, records);
        cluster.run(60_000);
        let known = cluster.nodes[2].state().namespace(&namespace).unwrap();
        assert!(known.open && !known.joining && known.me == person(2).id, "after {after} ms");
        assert_eq!(members(&cluster, namespace), [(3, 3)].into());
    }
}

#[test]
fn net_25_a_witness_that_is_killed_at_whatever_moment_admits_once() {
    for after in 0..OVER_MS {
        let (mut cluster, namespace, request) = three();
        let command = begin(&mut cluster, &request);
        cluster.run(after);
        let records = cluster.nodes[0].log().len();
        cluster.restart(0, records);
        cluster.run(WITHIN_MS);
        let outcome = cluster.outcome(2, command);
        assert!(matches!(outcome, Some(Outcome::Joined(_))), "after {after} ms: {outcome:?}");
        cluster.run(60_000);
        assert_eq!(members(&cluster, namespace), [(3, 3)].into());
    }
}
