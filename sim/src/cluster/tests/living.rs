//! Scenes from the life of a namespace: its founder is away, it parts and meets, it loses somebody.

use super::{FOREVER, agree, found, govern};
use crate::cluster::{Cluster, Traffic};
use crate::kit::{Author, create, person};
use folkmoot_core::bounded::{Bounded, Bytes};
use folkmoot_core::codec;
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::input::{Input, MessageId};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::receive;
use folkmoot_core::wire::Gossip;

/// The one-time secret of the invitation for node `at`.
fn secret(at: usize) -> Author {
    Author::new(1000 + at as u64)
}

fn invite(cluster: &mut Cluster, namespace: NamespaceId, at: usize) -> Invitation {
    let wish = Command::Invite {
        namespace,
        group: namespace.root(),
        rights: Rights::MEMBER | Rights::INVITE | Rights::SUBGROUPS,
        uses_max: 1,
        expires_at: FOREVER,
        one_time_key: secret(at).id,
    };
    let Outcome::Invited(invitation) = cluster.command(0, wish) else { panic!("not invited") };
    invitation
}

fn join(cluster: &mut Cluster, at: usize, invitation: &Invitation) -> Outcome {
    cluster.give_key(at, person(at));
    let request = person(at).accept(invitation, &secret(at));
    let wish = Command::Join { request, addresses: Vec::new(), within_ms: 30_000 };
    cluster.command(at, wish)
}

#[test]
fn three_join_by_one_invitation_each_and_the_last_while_the_founder_is_away() {
    let mut cluster = Cluster::new(4);
    let namespace = found(&mut cluster, 0, person(0));
    let invitations = [1, 2, 3].map(|at| invite(&mut cluster, namespace, at));
    for at in [1, 2] {
        let outcome = join(&mut cluster, at, &invitations[at - 1]);
        assert!(matches!(outcome, Outcome::Joined(_)), "{at}: {outcome:?}");
    }
    cluster.run(10_000);
    for other in 1..4 {
        cluster.cut(0, other);
    }
    let Outcome::Joined(report) = join(&mut cluster, 3, &invitations[2]) else {
        panic!("not joined without the founder");
    };
    // A member admitted it, and the other one knows of it.
    let partner = report.partner.unwrap();
    assert!([1, 2].map(Cluster::peer).contains(&partner), "{partner:?}");
    assert_eq!(report.acked_by.len(), 1, "{report:?}");
    for other in 1..4 {
        cluster.heal(0, other);
    }
    cluster.run(60_000);
    agree(&cluster, namespace);
    assert_eq!(cluster.nodes[0].state().members(&namespace, &namespace.root()).len(), 4);
}

/// A founder and two members.
fn three() -> (Cluster, NamespaceId) {
    let mut cluster = Cluster::new(3);
    let namespace = found(&mut cluster, 0, person(0));
    for at in [1, 2] {
        let invitation = invite(&mut cluster, namespace, at);
        let outcome = join(&mut cluster, at, &invitation);
        assert!(matches!(outcome, Outcome::Joined(_)), "{at}: {outcome:?}");
    }
    cluster.run(10_000);
    (cluster, namespace)
}

#[test]
fn two_survivors_of_three_go_on_governing() {
    for lost in 0..3 {
        let (mut cluster, namespace) = three();
        let survivors: Vec<usize> = (0..3).filter(|at| *at != lost).collect();
        for other in &survivors {
            cluster.cut(lost, *other);
        }
        // At once, and when they have noticed that nobody hears from it any more.
        for wait in [0, 120_000] {
            cluster.run(wait);
            for at in &survivors {
                let made = govern(&mut cluster, *at, namespace, namespace.root(), create());
                assert!(made.is_ok(), "{made:?} without node {lost}");
            }
        }
        cluster.run(10_000);
        let heads = |at: usize| cluster.nodes[at].state().namespace(&namespace).unwrap().heads;
        assert_eq!(heads(survivors[0]), heads(survivors[1]));
        assert_ne!(heads(lost), heads(survivors[0]));
        for other in survivors {
            cluster.heal(lost, other);
        }
        cluster.run(60_000);
        agree(&cluster, namespace);
    }
}

/// How many ops each side has that the other lacks.
const APART: u64 = 2_000;

/// Gives a node ops of `author` that it heard from somebody who is gone.
fn hear_chain(cluster: &mut Cluster, at: usize, namespace: NamespaceId, author: &Author) -> u64 {
    let known = &cluster.nodes[at].state().durable.namespaces[&namespace];
    let person = known.space.graph().person(&author.id).unwrap();
    let next = known.space.next_op(&mut Cuts::default(), person, namespace.root());
    let mut parents = next.parents.clone();
    let mut bytes = 0;
    for number in 0..APART {
        let signed = author.seal(&Payload {
            rules: RULES_VERSION,
            namespace,
            group: namespace.root(),
            signer: author.id,
            nonce: next.nonce + number,
            parents: Bounded::truncated(parents.clone()),
            state_hash: next.state_hash,
            body: Body::Noop,
        });
        parents = vec![signed.id()];
        let op = Bytes::truncated(codec::encode(&signed));
        bytes += op.len() as u64;
        let (message, peer) = (MessageId((1 << 50) + number), Cluster::peer(9));
        let gossip = Gossip::Op(op).encode();
        let signers = &mut folkmoot_core::key::Signers::default();
        let input = receive::gossip(signers, message, peer, namespace, &gossip);
        cluster.give(at, input);
        cluster.give(at, Input::Wake);
        if number % 64 == 63 {
            cluster.run(64);
        }
    }
    bytes
}

#[test]
fn net_42_two_nodes_that_parted_for_two_thousand_ops_meet_at_the_cost_of_these() {
    let (mut cluster, namespace) = three();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        cluster.cut(a, b);
    }
    let ops =
        |cluster: &Cluster, at: usize| cluster.nodes[at].state().namespace(&namespace).unwrap().ops;
    let common = ops(&cluster, 0);
    let left = hear_chain(&mut cluster, 0, namespace, person(1));
    let right = hear_chain(&mut cluster, 1, namespace, person(2));
    cluster.run(60_000);
    assert!(ops(&cluster, 0) >= common + APART && ops(&cluster, 1) >= common + APART);
    cluster.forget_traffic();
    cluster.heal(0, 1);
    cluster.run(5_000);
    let views = [0, 1].map(|at| cluster.nodes[at].state().namespace(&namespace).unwrap());
    assert_eq!(views[0].heads, views[1].heads);
    assert_eq!(views[0].state_root, views[1].state_root);
    assert!(views[0].ops >= common + 2 * APART);
    let sum = |traffic: Traffic| (traffic.bytes, traffic.questions);
    let (to_right, to_left) = (sum(cluster.traffic(0, 1)), sum(cluster.traffic(1, 0)));
    let bytes = to_right.0 + to_left.0;
    println!("{bytes} bytes for {} of ops; {to_right:?} {to_left:?}", left + right);
    // The ops themselves, what names them, and a few rounds of ranges.
    let whole = left + right;
    assert!(bytes < whole * 5 / 4, "{bytes} bytes for {whole} of ops");
    assert!(to_right.1 + to_left.1 < 60, "{to_right:?} {to_left:?}");
}
