//! Rows 27 and 29 between real reducers: what a witness refuses to write.

use crate::support::{Case, Town};
use folkmoot_core::command::{Command, Delivery, JoinError, Outcome, Refusal};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::time::UnixMillis;
use folkmoot_sim::kit::{Author, person, remove};

/// What the clock of the cluster says at its beginning.
const START: u64 = 1_700_000_000_000;

fn invite(town: &mut Town, namespace: NamespaceId, expires_at: u64, secret: &Author) -> Invitation {
    let wish = Command::Invite {
        namespace,
        group: namespace.root(),
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: UnixMillis(expires_at),
        one_time_key: secret.id,
    };
    let Outcome::Invited(invitation) = town.cluster.command(1, wish) else {
        panic!("no invitation");
    };
    invitation
}

/// Three members and a node that knows nothing, number 3.
fn town() -> (Town, NamespaceId) {
    let (case, _, _) = Case::base();
    let namespace = case.stage.oracle.namespace();
    (Town::with_guests(&case.stage, 3, 1), namespace)
}

fn join(town: &mut Town, invitation: &Invitation, secret: &Author) -> Outcome {
    let joiner = person(20);
    town.cluster.give_key(3, joiner);
    let request = joiner.accept(invitation, secret);
    let wish = Command::Join { request, addresses: Vec::new(), within_ms: 30_000 };
    town.cluster.command(3, wish)
}

fn refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(Refusal::NotJoined(JoinError::Refused(_))))
}

#[test]
fn attack_27_an_expired_invitation_is_witnessed_by_nobody() {
    let (mut town, namespace) = town();
    let secret = Author::new(900);
    let soon = invite(&mut town, namespace, START + 60_000, &secret);
    town.cluster.run(120_000);
    let ops = town.view(0).ops;
    let outcome = join(&mut town, &soon, &secret);
    let expired = JoinError::InvitationExpired { at: UnixMillis(START + 60_000) };
    assert_eq!(outcome, Outcome::Refused(Refusal::NotJoined(expired)));
    town.cluster.run(60_000);
    assert_eq!(town.view(0).ops, ops);
    // The same node joins with one that is valid.
    let fresh = invite(&mut town, namespace, u64::MAX, &secret);
    let outcome = join(&mut town, &fresh, &secret);
    assert!(matches!(outcome, Outcome::Joined { .. }), "{outcome:?}");
    town.cluster.run(60_000);
    town.agree();
}

#[test]
fn attack_29_the_invitation_of_a_removed_inviter_is_witnessed_by_nobody() {
    let (mut town, namespace) = town();
    let secret = Author::new(901);
    let invitation = invite(&mut town, namespace, u64::MAX, &secret);
    let wish = Command::Govern {
        namespace,
        group: namespace.root(),
        body: remove(person(1)),
        expected_root: None,
        delivery: Delivery::default(),
    };
    let outcome = town.cluster.command(0, wish);
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    town.cluster.run(60_000);
    let ops = town.view(0).ops;
    let outcome = join(&mut town, &invitation, &secret);
    assert!(refused(&outcome), "{outcome:?}");
    assert_eq!(town.view(0).ops, ops);
}
