mod joining;
mod large;
mod living;
mod restoring;
mod tables;

use super::{Cluster, Tail};
use crate::kit::{Author, add, person, remove};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::command::{Command, Delivery, Outcome, Refusal};
use folkmoot_core::governance::op::{Body, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, NamespaceId, OpId};
use folkmoot_core::query::Standing;
use folkmoot_core::time::UnixMillis;

const FOREVER: UnixMillis = UnixMillis(u64::MAX);

fn found(cluster: &mut Cluster, at: usize, owner: &Author) -> NamespaceId {
    cluster.give_key(at, owner);
    let owners = Bounded::truncated(vec![owner.id]);
    let outcome = cluster.command(at, Command::Found { owners });
    let Outcome::Accepted { namespace, .. } = outcome else { panic!("{outcome:?}") };
    namespace
}

fn govern(
    cluster: &mut Cluster,
    at: usize,
    namespace: NamespaceId,
    group: GroupId,
    body: Body,
) -> Result<OpId, Refusal> {
    let delivery = Delivery::default();
    let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
    let outcome = cluster.command(at, wish);
    if let Outcome::Refused(why) = outcome {
        return Err(why);
    }
    let Outcome::Accepted { op, .. } = outcome else { panic!("{outcome:?}") };
    Ok(op)
}

fn join(
    cluster: &mut Cluster,
    from: usize,
    at: usize,
    namespace: NamespaceId,
    rights: Rights,
    joiner: &Author,
) -> Outcome {
    let secret = Author::new(1000 + at as u64);
    let wish = Command::Invite {
        namespace,
        group: namespace.root(),
        rights,
        uses_max: 1,
        expires_at: FOREVER,
        one_time_key: secret.id,
    };
    let Outcome::Invited(invitation) = cluster.command(from, wish) else { panic!("not invited") };
    cluster.give_key(at, joiner);
    let request = joiner.accept(&invitation, &secret);
    // Long enough to outlast restarts: the deadline is absolute (NET-22).
    let within_ms = 24 * 60 * 60 * 1000;
    cluster.command(at, Command::Join { request, addresses: Vec::new(), within_ms })
}

/// Three members: an owner and two admins, A senior to B.
fn three() -> (Cluster, NamespaceId) {
    let mut cluster = Cluster::new(3);
    let namespace = found(&mut cluster, 0, person(0));
    for at in [1, 2] {
        let outcome = join(&mut cluster, 0, at, namespace, Rights::ADMIN, person(at));
        assert!(matches!(outcome, Outcome::Joined { .. }), "{outcome:?}");
    }
    cluster.run(1000);
    (cluster, namespace)
}

fn agree(cluster: &Cluster, namespace: NamespaceId) {
    let views: Vec<_> = cluster
        .nodes
        .iter()
        .filter_map(|node| node.state().namespace(&namespace))
        .map(|view| (view.heads, view.state_root, view.pending))
        .collect();
    assert_eq!(views.len(), cluster.nodes.len());
    assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{views:?}");
}

#[test]
fn founding_joining_and_governing_converge() {
    let (mut cluster, namespace) = three();
    let root = namespace.root();
    let group = govern(&mut cluster, 1, namespace, root, crate::kit::create()).unwrap();
    cluster.run(1000);
    let write = SlotWrite::DefaultRights(Rights::MEMBER);
    let body = Body::SlotSet { strict: false, write };
    govern(&mut cluster, 2, namespace, group.into(), body).unwrap();
    cluster.run(60_000);
    agree(&cluster, namespace);
    assert_eq!(cluster.nodes[0].state().groups(&namespace).len(), 2);
}

#[test]
fn case_01_a_senior_removal_and_the_removed_admins_grant_across_a_cut() {
    let (mut cluster, namespace) = three();
    let root = namespace.root();
    cluster.cut(1, 2);
    cluster.cut(0, 2);
    govern(&mut cluster, 1, namespace, root, remove(person(2))).unwrap();
    let grant = govern(&mut cluster, 2, namespace, root, add(person(3), Rights::MEMBER)).unwrap();
    cluster.run(5_000);
    cluster.heal(1, 2);
    cluster.heal(0, 2);
    cluster.run(60_000);
    agree(&cluster, namespace);
    for node in &cluster.nodes {
        let members = node.state().members(&namespace, &root);
        let ids: Vec<_> = members.iter().map(|member| member.member).collect();
        assert_eq!(ids, [person(0).id, person(1).id]);
        // The grant is dormant: who has it can say why it has no effect.
        if let Some(op) = node.state().op(&namespace, &grant) {
            assert!(matches!(op.standing, Standing::Struck(_)));
        }
    }
}

#[test]
fn gov_30_a_refused_command_writes_nothing() {
    let (mut cluster, namespace) = three();
    let root = namespace.root();
    let before = cluster.nodes[2].log();
    let refused = govern(&mut cluster, 2, namespace, root, remove(person(1)));
    assert!(matches!(refused, Err(Refusal::WouldBeVoid(_))), "{refused:?}");
    assert_eq!(cluster.nodes[2].log(), before);
}

#[test]
fn i8_restart_at_every_prefix_of_the_log_comes_back_and_catches_up() {
    let (mut cluster, namespace) = three();
    let root = namespace.root();
    for at in [0, 1, 2, 1] {
        govern(&mut cluster, at, namespace, root, crate::kit::create()).unwrap();
    }
    cluster.run(60_000);
    agree(&cluster, namespace);
    let expected = cluster.nodes[0].state().namespace(&namespace).unwrap();
    for records in (2..=cluster.nodes[2].log().len()).rev() {
        cluster.restart(2, records);
        cluster.run(120_000);
        agree(&cluster, namespace);
        let view = cluster.nodes[2].state().namespace(&namespace).unwrap();
        assert_eq!(view.state_root, expected.state_root);
    }
}

#[test]
fn what_comes_to_a_node_that_sleeps_keeps_its_order_whatever_its_sleep_becomes() {
    for restart in [false, true] {
        let (mut cluster, namespace) = three();
        cluster.sleep(2, 1);
        cluster.cut(0, 2);
        cluster.cut(1, 2);
        cluster.run(0);
        cluster.sleep(2, 0);
        cluster.heal(0, 2);
        cluster.heal(1, 2);
        if restart {
            cluster.stop(2);
            cluster.boot(2);
        }
        govern(&mut cluster, 0, namespace, namespace.root(), crate::kit::create()).unwrap();
        cluster.run(60_000);
        agree(&cluster, namespace);
    }
}

#[test]
fn a_node_that_dies_at_any_touch_of_the_world_comes_back_with_what_it_had_said() {
    let mut fallen = 0;
    for touch in 1..=24 {
        for tail in [Tail::Kept, Tail::Lost, Tail::Torn] {
            let (mut cluster, namespace) = three();
            cluster.crash_at(1, touch, tail);
            cluster.run(100);
            let wish = Command::Govern {
                namespace,
                group: namespace.root(),
                body: crate::kit::create(),
                expected_root: None,
                delivery: Delivery::default(),
            };
            cluster.issue(1, wish);
            cluster.run(120_000);
            fallen += usize::from(cluster.nodes[1].run() > 1);
            agree(&cluster, namespace);
        }
    }
    assert!(fallen > 36, "{fallen} of 72 crash points were reached");
}
