//! What peers are served, and how much of it.

use super::Turn;
use crate::command::Command;
use crate::effect::{Effect, Forward};
use crate::governance::op::Body;
use crate::governance::table::Ix;
use crate::id::{OpId, PeerKey};
use crate::identities::Identity;
use crate::input::{ExchangeId, Input, MessageId};
use crate::step::Output;
use crate::testing::Author;
use crate::testing::timed::{Timed, authors, peer_of, verdicts};
use crate::time::{MonoMillis, Now};
use crate::wire::{Heads, Refused, Request, Response};
use alloc::vec::Vec;

/// A founder with a friend, whose peer is known, and so many ops besides.
fn founder(ops: usize) -> (Timed, PeerKey) {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    (0..ops).for_each(|_| drop(node.govern(Body::Noop)));
    let peer = known(&mut node, &friend);
    (node, peer)
}

/// Meets the peer of a member, which has proved who it is.
fn known(node: &mut Timed, member: &Author) -> PeerKey {
    let peer = peer_of(member);
    node.meet(peer);
    let identity = Identity { member: member.id, pass: None, round_trip_ms: 1 };
    let desk = node.state.volatile.desks.get_mut(&node.namespace).unwrap();
    desk.identities.insert(peer, identity);
    peer
}

fn ids(node: &Timed) -> Vec<OpId> {
    let graph = node.state.durable.namespaces[&node.namespace].space.graph();
    (0..graph.len()).map(|at| graph.node(Ix(at)).id).collect()
}

/// The page that a peer gets which asks for an op with all its past: its length, and that of the
/// whole; `None` where the node is busy.
fn page(node: &mut Timed, peer: PeerKey, want: OpId, from: u64) -> Option<(usize, u64)> {
    let (namespace, exchange) = (node.namespace, ExchangeId(1));
    let (want, have) = (Heads::truncated([want].into()), Heads::default());
    let request = Request::Fetch { namespace, want, have, from, count: 512 };
    let asked = Input::RequestReceived { exchange, peer, request, signatures_valid: true };
    let is_answer =
        |effect: &Effect| matches!(effect, Effect::RespondWithOps { .. } | Effect::Respond { .. });
    match node.input(asked).into_iter().find(is_answer) {
        Some(Effect::RespondWithOps { ops, total, .. }) => Some((ops.len(), total)),
        Some(Effect::Respond { response: Response::Refused(Refused::Busy), .. }) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn net_45_a_third_list_takes_the_place_of_one_that_was_left_and_a_short_one_takes_none() {
    let (mut node, peer) = founder(1200);
    let ids = ids(&node);
    assert_eq!(page(&mut node, peer, ids[1100], 0), Some((512, 1101)));
    assert_eq!(page(&mut node, peer, ids[1000], 512), Some((489, 1001)));
    assert_eq!(page(&mut node, peer, ids[300], 0), Some((301, 301)));
    assert_eq!(node.state.volatile.lists.len(), 2);
    assert_eq!(page(&mut node, peer, ids[900], 0), None, "both are being read");
    assert_eq!(page(&mut node, peer, ids[300], 0), Some((301, 301)));
    node.now += 1000;
    assert_eq!(page(&mut node, peer, ids[900], 0), Some((512, 901)));
    assert_eq!(node.state.volatile.lists.len(), 2);
}

#[test]
fn net_43_a_node_that_takes_up_a_hundred_thousand_ops_a_second_never_hears_busy() {
    let (mut node, peer) = founder(600);
    let last = *ids(&node).last().unwrap();
    // 200 pages a second, for a minute.
    for number in 0..12_000 {
        node.now += 5;
        assert!(page(&mut node, peer, last, 0).is_some(), "{number}");
    }
}

#[test]
fn net_3_pages_and_lists_beyond_the_budget_are_refused() {
    let (mut node, peer) = founder(600);
    let ids = ids(&node);
    let last = *ids.last().unwrap();
    let served = (0..3000).filter(|_| page(&mut node, peer, last, 0).is_some()).count();
    assert_eq!(served, 1600);
    // What is short is made anew each time.
    node.now += 10_000;
    let served = (0..3000).filter(|_| page(&mut node, peer, ids[3], 0).is_some()).count();
    assert_eq!(served, 64);
    // Others are served, and so is whoever waited.
    let other = known(&mut node, &Author::new(1));
    assert!(page(&mut node, other, ids[3], 0).is_some());
    node.now += 1000;
    let served = (0..100).filter(|_| page(&mut node, peer, ids[3], 0).is_some()).count();
    assert_eq!(served, 16);
}

/// Asks for heads as a peer, again and again, while nothing is answered: what each hears at once.
fn ask_meanwhile(node: &mut Timed, asked: &[(u64, PeerKey)]) -> Vec<Effect> {
    let mut out = Output::default();
    let now = Now { mono: MonoMillis(node.now), unix: node.unix() };
    let (durable, volatile) = (&node.state.durable, &mut node.state.volatile);
    let mut turn = Turn { durable, volatile, now, out: &mut out };
    for (exchange, peer) in asked {
        let namespace = node.namespace;
        let request = Request::Heads { namespace, heads: Heads::default(), common: None };
        turn.on_request(ExchangeId(*exchange), *peer, request, true);
    }
    out.effects
}

fn refused(exchange: u64, why: Refused) -> Effect {
    Effect::Respond { exchange: ExchangeId(exchange), response: Response::Refused(why) }
}

#[test]
fn net_3_one_question_of_a_peer_waits_for_an_evaluation() {
    let (mut node, peer) = founder(1);
    let other = known(&mut node, &Author::new(1));
    let done = ask_meanwhile(&mut node, &[(1, peer), (2, peer), (3, other), (4, peer)]);
    assert_eq!(done, [refused(1, Refused::Busy), refused(2, Refused::Busy)]);
    let waiting = node.desk().syncing.questions.iter().map(|question| question.exchange.0);
    assert!(waiting.eq([4, 3]));
}

#[test]
fn a_question_that_waits_is_answered_when_either_takes_part_no_longer() {
    let (mut node, peer) = founder(1);
    let namespace = node.namespace;
    ask_meanwhile(&mut node, &[(1, peer)]);
    let done = node.input(Input::PeerUnsubscribed { peer, namespace });
    assert!(done.contains(&refused(1, Refused::Stranger)), "{done:?}");

    let (mut node, peer) = founder(1);
    ask_meanwhile(&mut node, &[(2, peer)]);
    let done = node.command(Command::Close { namespace: node.namespace });
    assert!(done.contains(&refused(2, Refused::UnknownNamespace)), "{done:?}");
}

#[test]
fn net_3_ops_of_newer_rules_are_kept_on_the_word_of_members_and_not_many_of_one() {
    let (mut node, peer) = founder(1);
    let stranger = known(&mut node, &Author::new(99));
    let nobody = PeerKey([9; 32]);
    node.meet(nobody);
    let mut number = 0;
    let mut publish = |node: &mut Timed, peer: PeerKey, count: u64| {
        for _ in 0..count {
            number += 1;
            let (message, namespace) = (MessageId(number), node.namespace);
            let bytes = number.to_le_bytes().to_vec();
            let newer = Input::NewerOpReceived { message, peer, namespace, rules: 2, bytes };
            assert_eq!(verdicts(&node.input(newer)), [Forward::Ignore]);
        }
        node.state.durable.namespaces[&node.namespace].parked.len()
    };
    assert_eq!(publish(&mut node, nobody, 300), 0);
    assert_eq!(publish(&mut node, stranger, 300), 0);
    assert_eq!(publish(&mut node, peer, 300), 32);
    node.now += 1000;
    assert_eq!(publish(&mut node, peer, 300), 33);
}
