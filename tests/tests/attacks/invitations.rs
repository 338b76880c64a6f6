//! Rows 26 to 30: invitations that are forged, used too often, or outlived by their inviter.

use crate::support::{Case, group};
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, Terms};
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Admission, Unauthorised, VoidAtCut};
use folkmoot_core::id::OpId;
use folkmoot_core::query::Standing;
use folkmoot_core::signed::{Malformed, verify};
use folkmoot_core::time::UnixMillis;
use folkmoot_sim::kit::{Author, Stage, create, person, remove, restrict};

fn secret() -> &'static Author {
    person(40)
}

fn terms(case: &Case, inviter: &Author, known: OpId, rights: Rights) -> Terms {
    case.stage.terms(inviter, secret(), &[known], case.root(), rights)
}

fn void(why: Unauthorised) -> Admission {
    Admission::Void(VoidAtCut::NotAuthorised(why))
}

/// What a witness's op with this request gets.
fn witnessed(case: &mut Case, known: OpId, request: JoinRequest) -> Admission {
    let root = case.root();
    case.try_it(person(3), &[known], root, Body::MemberJoined { request })
}

#[test]
fn attack_26_no_signature_of_an_invitation_can_be_forged() {
    let (mut case, p, h) = Case::base();
    let good = p.a.invite(terms(&case, p.a, h, Rights::MEMBER));
    let request = p.d.accept(&good, secret());
    let invalid = void(Unauthorised::Invitation);

    let by_another = Invitation { signature: p.c.endorse(&good.terms.id().0), ..good.clone() };
    assert_eq!(witnessed(&mut case, h, p.d.accept(&by_another, secret())), invalid);
    let mut flipped = request.clone();
    flipped.invitation.signature.0[0] ^= 1;
    assert_eq!(witnessed(&mut case, h, flipped), invalid);
    let mut greedier = request.clone();
    greedier.invitation.terms.rights = Rights::ADMIN;
    assert_eq!(witnessed(&mut case, h, greedier), invalid);
    let mut endless = request.clone();
    endless.invitation.terms.uses_max = 100;
    assert_eq!(witnessed(&mut case, h, endless), invalid);
    assert_eq!(witnessed(&mut case, h, request), Admission::Admit);
    let end = case.end();
    assert_eq!(end.rights(p.d, case.root()), Rights::MEMBER);
    assert_eq!(end.rights(p.m, case.root()), Rights::NONE);
}

#[test]
fn attack_30_a_witness_cannot_put_in_another_joiner() {
    let (mut case, p, h) = Case::base();
    let invitation = p.a.invite(terms(&case, p.a, h, Rights::MEMBER));
    let request = p.d.accept(&invitation, secret());
    // Nobody has asked: a request that the witness makes up.
    let unasked = person(3).accept(&invitation, person(3));
    let swapped = JoinRequest { joiner: p.m.id, ..request.clone() };
    // With the consent of the other joiner, and without the secret that came with the code.
    let signature = p.m.accept(&invitation, p.m).signature;
    let consented = JoinRequest { signature, ..swapped.clone() };
    for forged in [unasked, swapped, consented] {
        assert_eq!(witnessed(&mut case, h, forged), void(Unauthorised::Invitation));
    }
    assert_eq!(witnessed(&mut case, h, request), Admission::Admit);
    let end = case.end();
    assert_eq!(end.rights(p.d, case.root()), Rights::MEMBER);
    assert_eq!(end.rights(p.m, case.root()), Rights::NONE);
}

#[test]
fn attack_26_who_may_not_invite_invites_nobody() {
    let (mut case, p, h) = Case::base();
    let needs = |rights| void(Unauthorised::Inviter(Rights::INVITE | rights));
    // A stranger, a member without INVITE, and one with INVITE for more than he has.
    for inviter in [p.x, p.c] {
        let invitation = inviter.invite(terms(&case, inviter, h, Rights::MEMBER));
        let verdict = witnessed(&mut case, h, p.d.accept(&invitation, secret()));
        assert_eq!(verdict, needs(Rights::MEMBER));
    }
    let root = case.root();
    let host = Rights::MEMBER | Rights::INVITE;
    let hosted = case.say(p.o, &[h], root, folkmoot_sim::kit::add(p.m, host));
    for (rights, expected) in [
        (Rights::ADMIN, needs(Rights::ADMIN)),
        (Rights::METADATA, needs(Rights::METADATA)),
        (Rights::MEMBER, Admission::Admit),
    ] {
        let invitation = p.m.invite(terms(&case, p.m, hosted, rights));
        let request = p.d.accept(&invitation, secret());
        assert_eq!(witnessed(&mut case, hosted, request), expected);
    }
    assert_eq!(case.end().rights(p.d, root), Rights::MEMBER);
}

#[test]
fn attack_26_a_joiner_takes_no_other_genesis_than_the_invited_one() {
    // The same owner's key on another genesis, and a stranger's namespace under the same name.
    let invited = Stage::found(&[person(0)]).oracle.namespace();
    for founder in [person(0), person(9)] {
        let other = founder.found(&[founder], [1; 16]);
        let served = crate::support::wire(&other);
        assert_eq!(verify(&served, invited), Err(Malformed::OtherNamespace));
    }
}

#[test]
fn attack_27_no_verdict_reads_the_time_of_an_invitation() {
    let (mut case, p, h) = Case::base();
    let expired = Terms { expires_at: UnixMillis(0), ..terms(&case, p.a, h, Rights::MEMBER) };
    let request = p.d.accept(&p.a.invite(expired), secret());
    // An honest witness would not write it; whoever has it agrees with everybody else.
    assert_eq!(witnessed(&mut case, h, request), Admission::Admit);
    assert_eq!(case.end().rights(p.d, case.root()), Rights::MEMBER);
}

#[test]
fn attack_28_no_more_joiners_than_uses_through_any_number_of_witnesses() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let twice = Terms { uses_max: 2, ..terms(&case, p.o, h, Rights::MEMBER) };
    let invitation = p.o.invite(twice);
    let witnesses = [p.o, p.a, p.b, p.c];
    let joiners = [p.d, p.m, p.x, person(7)];
    let mut joins = Vec::new();
    for (witness, joiner) in witnesses.into_iter().zip(joiners) {
        let request = joiner.accept(&invitation, secret());
        let join = case.say(witness, &[h], root, Body::MemberJoined { request });
        let act = case.say(joiner, &[join], root, create());
        joins.push((joiner, join, act));
    }
    let end = case.end();
    let (kept, lost): (Vec<_>, Vec<_>) =
        joins.into_iter().partition(|(_, join, _)| end.is_effective(*join));
    assert_eq!((kept.len(), lost.len()), (2, 2));
    for (joiner, join, act) in kept {
        assert!(end.is_effective(act) && end.exists(group(act)));
        assert_eq!(end.rights(joiner, root), Rights::MEMBER);
        // The same joiner again uses nothing up.
        assert_eq!(end.standing(join), Standing::Effective);
    }
    for (joiner, join, act) in lost {
        assert!(matches!(end.standing(join), Standing::Spent(by) if by.len() == 2));
        assert_eq!(end.standing(act), Standing::Unfounded(join));
        assert!(!end.exists(group(act)));
        assert_eq!(end.rights(joiner, root), Rights::NONE);
    }
}

#[test]
fn attack_29_the_invitation_of_a_removed_or_demoted_inviter_is_dead() {
    for keep in [Rights::NONE, Rights::MEMBER] {
        let (mut case, p, h) = Case::base();
        let root = case.root();
        let invitation = p.b.invite(terms(&case, p.b, h, Rights::MEMBER));
        let body =
            |joiner: &Author| Body::MemberJoined { request: joiner.accept(&invitation, secret()) };
        // Concurrently with the removal: admitted, and void.
        let beside = case.say(p.c, &[h], root, body(p.d));
        let body_of = if keep.is_empty() { remove(p.b) } else { restrict(p.b, keep) };
        let removal = case.say(p.a, &[h], root, body_of);
        // After it: not admissible at all.
        let needs = Unauthorised::Inviter(Rights::INVITE | Rights::MEMBER);
        assert_eq!(case.try_it(p.c, &[removal], root, body(p.m)), void(needs));
        let end = case.end();
        assert!(!end.is_effective(beside));
        assert_eq!(end.rights(p.d, root), Rights::NONE);
        assert_eq!(end.rights(p.m, root), Rights::NONE);
    }
}
