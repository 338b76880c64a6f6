//! Rows 44 and 45: who is served what.

use crate::support::{Case, Town};
use folkmoot_core::governance::invitation::JoinRequest;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::OpId;
use folkmoot_core::statement::Hello;
use folkmoot_core::wire::{Heads, Ranges, Request, Response};
use folkmoot_sim::cluster::{Asked, Cluster};
use folkmoot_sim::kit::{Author, create, person, remove};
use std::cell::RefCell;
use std::rc::Rc;

/// The node of the stranger.
const GUEST: usize = 3;

/// Answers challenges with what `prove` makes of them, and anything else as it should.
fn proving(town: &mut Town, prove: impl Fn(Hello) -> Response + 'static) {
    let (from, namespace) = (Cluster::peer(GUEST), town.namespace);
    let prove = move |asked: Asked<'_>| {
        let Ok(Request::Identify { nonce, .. }) = Request::decode(asked.question) else {
            return Some(asked.honest);
        };
        let (to, member) = (Cluster::peer(asked.from), person(0).id);
        Some(prove(Hello { namespace, member, from, to, nonce }).encode())
    };
    town.cluster.corrupt(GUEST, Box::new(prove));
    town.settle(GUEST, &Author::new(1 << 24));
    town.cluster.run(10_000);
}

/// What members answer when the guest asks for heads, ranges and ops.
fn answers(town: &mut Town) -> Vec<Response> {
    let namespace = town.namespace;
    let (want, have) = (Heads::truncated(town.view(0).heads), Heads::default());
    let questions = [
        Request::Heads { namespace, heads: Heads::default(), common: None },
        Request::Fetch { namespace, want, have, from: 0, count: 512 },
        Request::Reconcile { namespace, ranges: Ranges::truncated(vec![0x61, 0, 0, 2, 0]) },
    ];
    town.cluster.nodes[GUEST].answers.clear();
    for question in questions {
        for member in 0..3 {
            town.cluster.ask_as(GUEST, member, &question.encode());
        }
    }
    town.cluster.run(1_000);
    let answers = town.cluster.nodes[GUEST].answers.iter();
    answers.map(|bytes| Response::decode(bytes).unwrap()).collect()
}

fn assert_nothing(town: &mut Town, name: &str) {
    let answers = answers(town);
    assert_eq!(answers.len(), 9, "{name}");
    for answer in answers {
        assert!(matches!(answer, Response::Refused(_)), "{name}: {answer:?}");
    }
    assert_eq!(town.view(GUEST).ops, 0, "{name}");
}

fn with_guest() -> (Case, Town, OpId) {
    let (case, _, head) = Case::base();
    let mut town = Town::with_guests(&case.stage, 3, 1);
    town.cluster.run(60_000);
    (case, town, head)
}

#[test]
fn attack_44_nobody_is_taken_for_a_member_by_the_words_of_another() {
    // A proof that the stranger signed itself, and one that a member made for somebody else.
    let stranger = Author::new(1 << 24);
    let by_itself = move |hello: Hello| {
        let hello = stranger.attest(hello);
        Response::Identity { hello, pass: None }
    };
    let for_others = |hello: Hello| {
        let hello = person(0).attest(Hello { from: Cluster::peer(0), ..hello });
        Response::Identity { hello, pass: None }
    };
    let of_before = |hello: Hello| {
        let hello = person(0).attest(Hello { nonce: [7; 16], ..hello });
        Response::Identity { hello, pass: None }
    };
    let (_, mut town, _) = with_guest();
    proving(&mut town, by_itself);
    assert_nothing(&mut town, "by itself");
    let (_, mut town, _) = with_guest();
    proving(&mut town, for_others);
    assert_nothing(&mut town, "for others");
    let (_, mut town, _) = with_guest();
    proving(&mut town, of_before);
    assert_nothing(&mut town, "of another challenge");
}

#[test]
fn attack_44_a_challenge_that_is_passed_on_proves_nothing() {
    let (_, mut town, _) = with_guest();
    // Node 0 asks the guest, which asks node 1, and shows node 0 what node 1 says of itself.
    let asked: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
    let (noted, namespace) = (asked.clone(), town.namespace);
    let proof: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
    let shown = proof.clone();
    town.cluster.corrupt(
        GUEST,
        Box::new(move |asked| {
            if matches!(Request::decode(asked.question), Ok(Request::Identify { .. })) {
                noted.borrow_mut().push(asked.question.to_vec());
                return shown.borrow_mut().take().or(Some(asked.honest));
            }
            Some(asked.honest)
        }),
    );
    town.settle(GUEST, &Author::new(1 << 24));
    town.cluster.run(100);
    let challenges = asked.borrow().clone();
    assert!(!challenges.is_empty());
    for challenge in challenges {
        town.cluster.nodes[GUEST].answers.clear();
        town.cluster.ask_as(GUEST, 1, &challenge);
        town.cluster.run(100);
        let said = town.cluster.nodes[GUEST].answers[0].clone();
        let Response::Identity { hello, .. } = Response::decode(&said).unwrap() else {
            panic!("node 1 does not say who it is");
        };
        // Made for the guest, by the transport key of node 1: of no use to show to node 0.
        assert_eq!(hello.statement.from, Cluster::peer(1));
        assert_eq!(hello.statement.to, Cluster::peer(GUEST));
        proof.borrow_mut().replace(said);
        town.cluster.cut(GUEST, 0);
        town.cluster.heal(GUEST, 0);
        town.cluster.run(1_000);
    }
    assert_eq!(namespace, town.namespace);
    assert_nothing(&mut town, "passed on");
}

/// The guest takes part with this invitation, whether it is any good or not.
fn with_pass(town: &mut Town, pass: JoinRequest) {
    let joiner = Author::new(1 << 24);
    let prove = move |hello: Hello| {
        let hello = joiner.attest(Hello { member: joiner.id, ..hello });
        Response::Identity { hello, pass: Some(Box::new(pass.clone())) }
    };
    proving(town, prove);
}

#[test]
fn attack_45_a_stranger_and_one_with_a_forged_pass_are_served_nothing() {
    let (joiner, secret) = (Author::new(1 << 24), Author::new(1 << 25));
    let (case, mut town, _) = with_guest();
    town.settle(GUEST, &joiner);
    town.cluster.run(10_000);
    assert_nothing(&mut town, "a stranger");

    let terms = |inviter: &Author, head| {
        case.stage.terms(inviter, &secret, &[head], case.root(), Rights::MEMBER)
    };
    let head = case.stage.log.last().unwrap().id;
    let good = joiner.accept(&person(1).invite(terms(person(1), head)), &secret);
    let by_itself = joiner.accept(&joiner.invite(terms(&joiner, head)), &secret);
    let mut forged = good.clone();
    forged.invitation.signature = by_itself.invitation.signature;
    let mut enlarged = good.clone();
    enlarged.invitation.terms.rights = Rights::ADMIN;
    let others = Author::new(1 << 26).accept(&good.invitation, &secret);
    let no_secret = joiner.accept(&good.invitation, &joiner);
    let passes = [
        ("by itself", by_itself),
        ("forged", forged),
        ("enlarged", enlarged),
        ("of somebody else", others),
        ("without the secret", no_secret),
    ];
    for (name, pass) in passes {
        let (_, mut town, _) = with_guest();
        with_pass(&mut town, pass);
        assert_nothing(&mut town, name);
    }
    // The real one opens the door: it is needed to verify everything from the genesis on.
    let (_, mut town, _) = with_guest();
    with_pass(&mut town, good);
    let served = |answer: &Response| matches!(answer, Response::Ops { total, .. } if *total > 0);
    assert!(answers(&mut town).iter().any(served));
}

#[test]
fn attack_45_a_removed_member_learns_that_it_is_one_no_longer() {
    let (case, _, _) = Case::base();
    let mut town = Town::of(&case.stage, 4);
    town.cluster.run(60_000);
    for other in 0..3 {
        town.cluster.cut(GUEST, other);
    }
    town.govern(0, remove(person(3)), 20_000);
    for other in 0..3 {
        town.cluster.heal(GUEST, other);
    }
    town.cluster.run(5_000);
    // It is served what it takes to know: else it would believe for ever that it is a member.
    town.agree();
    let members = town.cluster.nodes[GUEST].state().members(&town.namespace, &case.root());
    assert!(members.iter().all(|row| row.member != person(3).id));
    // Nobody lets it act, and it says itself that it may not.
    let before = town.view(0).ops;
    town.wish(GUEST, create());
    town.cluster.run(10_000);
    assert_eq!(town.view(0).ops, before);
}
