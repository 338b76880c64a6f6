use crate::bounded::Bounded;
use crate::effect::Effect;
use crate::event::Event;
use crate::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use crate::governance::rights::Rights;
use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::{ExchangeId, Input};
use crate::limits::QUESTIONS_PER_JOINER_MAX;
use crate::step::step;
use crate::testing::{Author, Node};
use crate::time::{Now, UnixMillis};
use crate::wire::{Refused, Request, Response};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

fn invitation(inviter: &Author, namespace: NamespaceId, expires_at: u64) -> Invitation {
    let terms = Terms {
        namespace,
        group: namespace.root(),
        inviter: inviter.id,
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: UnixMillis(expires_at),
        frontier: Bounded::truncated(vec![OpId(namespace.0)]),
        one_time_key: Author::new(70).id,
    };
    Invitation { signature: inviter.sign(&terms.id().0), terms }
}

fn accept(invitation: Invitation, joiner: &Author) -> JoinRequest {
    let id = invitation.terms.id();
    JoinRequest {
        invitation,
        joiner: joiner.id,
        signature: joiner.sign(&consent(id, joiner.id)),
        one_time_signature: Author::new(70).sign(&voucher(id, joiner.id)),
    }
}

fn question(exchange: u64, request: &JoinRequest, signatures_valid: bool) -> Input {
    Input::RequestReceived {
        exchange: ExchangeId(exchange),
        peer: PeerKey([9; 32]),
        request: Request::Join { request: Box::new(request.clone()) },
        signatures_valid,
    }
}

fn founded() -> (Node, NamespaceId) {
    let mut node = Node::new(&Author::new(1));
    let namespace = node.found();
    (node, namespace)
}

/// The answers, by exchange.
fn answers(effects: &[Effect]) -> Vec<(u64, Result<OpId, Refused>)> {
    let answer = |effect: &Effect| {
        if let Effect::RespondJoined { exchange, op } = effect {
            return Some((exchange.0, Ok(op.op)));
        }
        let Effect::Respond { exchange, response: Response::Refused(why) } = effect else {
            return None;
        };
        Some((exchange.0, Err(why.clone())))
    };
    effects.iter().filter_map(answer).collect()
}

fn joins(node: &Node) -> usize {
    let accepted = |event: &&Event| matches!(event, Event::OpAccepted { .. });
    node.log.iter().filter(accepted).count() - 1
}

#[test]
fn net_25_expiry_is_judged_by_the_witness_to_the_millisecond() {
    for (expires_at, expired) in [(999, true), (1_000, false), (1_001, false)] {
        let (mut node, namespace) = founded();
        let request = accept(invitation(&Author::new(1), namespace, expires_at), &Author::new(2));
        let now = Now { unix: UnixMillis(1_000), ..Now::default() };
        let out = step(&mut node.state, now, question(1, &request, true));
        let answers = answers(&out.effects);
        assert_eq!(answers.contains(&(1, Err(Refused::Expired))), expired);
        let signs = out.effects.iter().any(|effect| matches!(effect, Effect::Sign { .. }));
        assert_eq!(signs, !expired);
    }
}

#[test]
fn net_25_the_witness_writes_one_op_and_gives_the_same_answer_to_every_question() {
    let (mut node, namespace) = founded();
    let request = accept(invitation(&Author::new(1), namespace, u64::MAX), &Author::new(2));
    // A second question comes while the first op is being signed.
    let first = step(&mut node.state, Now::default(), question(1, &request, true));
    assert!(answers(&first.effects).is_empty());
    let second = step(&mut node.state, Now::default(), question(2, &request, true));
    assert!(second.effects.is_empty(), "{second:?}");
    let Some(Effect::Sign { request: id, draft, .. }) = first.effects.first() else {
        panic!("{first:?}");
    };
    let signed = node.signature(draft);
    let effects = node.input(Input::SignatureReady { request: *id, signed });
    let given = answers(&effects);
    let Some((1, Ok(op))) = given.first().cloned() else { panic!("{given:?}") };
    assert_eq!(given, [(1, Ok(op)), (2, Ok(op))]);
    // And one that comes when all is over.
    assert_eq!(answers(&node.input(question(3, &request, true))), [(3, Ok(op))]);
    assert_eq!(joins(&node), 1);
}

#[test]
fn net_25_more_questions_than_fit_hear_that_the_witness_is_busy() {
    let (mut node, namespace) = founded();
    let request = accept(invitation(&Author::new(1), namespace, u64::MAX), &Author::new(2));
    let most = QUESTIONS_PER_JOINER_MAX as u64;
    for exchange in 0..most {
        let out = step(&mut node.state, Now::default(), question(exchange, &request, true));
        assert!(answers(&out.effects).is_empty());
    }
    let out = step(&mut node.state, Now::default(), question(most, &request, true));
    assert_eq!(answers(&out.effects), [(most, Err(Refused::Busy))]);
}

#[test]
fn net_25_refusals_are_typed_and_write_nothing() {
    let (mut node, namespace) = founded();
    let owner = Author::new(1);
    let stranger = accept(invitation(&Author::new(3), namespace, u64::MAX), &Author::new(2));
    let inviter = Rights::INVITE | Rights::MEMBER;
    let not = |lack| Err(Refused::NotAdmitted(VoidAtCut::NotAuthorised(lack)));
    let given = answers(&node.input(question(1, &stranger, true)));
    assert_eq!(given, [(1, not(Unauthorised::Inviter(inviter)))]);
    let good = accept(invitation(&owner, namespace, u64::MAX), &Author::new(2));
    let given = answers(&node.input(question(2, &good, false)));
    assert_eq!(given, [(2, not(Unauthorised::Invitation))]);
    let elsewhere = accept(invitation(&owner, NamespaceId([4; 32]), u64::MAX), &Author::new(2));
    let given = answers(&node.input(question(3, &elsewhere, true)));
    assert_eq!(given, [(3, Err(Refused::UnknownNamespace))]);
    assert_eq!(joins(&node), 0);
    // The one use goes to one joiner.
    assert!(matches!(answers(&node.input(question(4, &good, true))).first(), Some((4, Ok(_)))));
    let late = accept(good.invitation, &Author::new(5));
    assert_eq!(answers(&node.input(question(5, &late, true))), [(5, not(Unauthorised::UsedUp))]);
}

#[test]
fn net_25_a_witness_that_leaves_answers_whoever_waits() {
    let (mut node, namespace) = founded();
    let request = accept(invitation(&Author::new(1), namespace, u64::MAX), &Author::new(2));
    step(&mut node.state, Now::default(), question(1, &request, true));
    let wish = crate::command::Command::Close { namespace };
    let command = crate::command::CommandId(77);
    let out = step(&mut node.state, Now::default(), Input::CommandIssued { command, wish });
    assert_eq!(answers(&out.effects), [(1, Err(Refused::UnknownNamespace))]);
}
