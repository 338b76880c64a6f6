//! Parents that ops wait for (NET-41).

use super::{heads, is_fetch, last, times};
use crate::id::NamespaceId;
use crate::input::{Answer, Heard, Input, MessageId};
use crate::signed::{Op, Verified};
use crate::testing::web::{Web, peer};
use crate::wire::Request;
use alloc::vec::Vec;

/// Node 0 lacks what node 1 wrote; peers 2 to 6 have joined and are in sync.
fn apart(count: usize) -> (Web, NamespaceId, Vec<Verified<Op>>) {
    let (mut web, namespace) = Web::new(2, 5);
    web.write(1, namespace, count);
    let ops = web.ops_of(1).split_off(6);
    let (ours, root) = web.heads(0, namespace);
    for other in 2..7 {
        web.connect(0, other, namespace);
        let asked = last(&web, 0, other);
        web.answer(&asked, heads(&ours, root, true));
    }
    web.run(1000);
    web.asked.clear();
    (web, namespace, ops)
}

fn publish(web: &mut Web, namespace: NamespaceId, from: usize, op: &Verified<Op>) {
    let (message, peer) = (MessageId(web.now), peer(from));
    let heard = Ok(Heard::Op(op.clone()));
    web.give(0, Input::GossipReceived { message, peer, namespace, heard });
}

fn page(ops: &[Verified<Op>]) -> Answer {
    let (ops, count) = (ops.to_vec(), ops.len() as u64);
    Answer::Ops { ops, count, refused: None, newer: Vec::new(), total: count }
}

#[test]
fn net_41_the_forwarder_is_asked_at_once_and_what_it_sends_is_used() {
    let (mut web, namespace, ops) = apart(3);
    publish(&mut web, namespace, 4, &ops[2]);
    let asked = last(&web, 0, 4);
    let Request::Fetch { want, .. } = &asked.question else { panic!("{asked:?}") };
    assert_eq!(want.to_vec(), [ops[1].id]);
    web.answer(&asked, page(&ops[..2]));
    web.run(100);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    // What else it has is asked at once.
    assert!(matches!(last(&web, 0, 4).question, Request::Heads { .. }));
}

#[test]
fn attack_34_two_others_are_asked_after_a_second_for_what_the_forwarder_withholds() {
    let (mut web, namespace, ops) = apart(2);
    publish(&mut web, namespace, 4, &ops[1]);
    let began = web.now;
    let asked = last(&web, 0, 4);
    web.answer(&asked, page(&[]));
    web.run(999);
    let fetches = |web: &Web| -> Vec<_> {
        web.asked.iter().filter(|asked| is_fetch(asked)).cloned().collect()
    };
    assert_eq!(fetches(&web).len(), 1);
    web.run(1);
    let others = fetches(&web);
    assert_eq!(times(&others[1..]), [began + 1000, began + 1000]);
    assert!(others[1].to != others[2].to);
    web.answer(&others[2], page(&ops[..1]));
    web.run(100);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
}

#[test]
fn attack_16_a_parent_that_nobody_has_is_asked_for_ever_more_rarely() {
    let (mut web, namespace, ops) = apart(2);
    publish(&mut web, namespace, 4, &ops[1]);
    let (ours, root) = web.heads(0, namespace);
    let mut asked_at = Vec::new();
    let began = web.now;
    while web.now < began + 240_000 {
        let asked = core::mem::take(&mut web.asked);
        for asked in asked {
            if is_fetch(&asked) {
                asked_at.push(asked.at - began);
                web.answer(&asked, page(&[]));
            } else if let Request::Heads { .. } = asked.question {
                web.answer(&asked, heads(&ours, root, true));
            }
        }
        web.run(50);
    }
    assert_eq!(asked_at[..3], [0, 1000, 1000]);
    // After doubling, once in half a minute.
    assert!(asked_at.len() <= 3 + 4 + 240 / 30, "{asked_at:?}");
    let last: Vec<u64> = asked_at.iter().rev().take(2).copied().collect();
    assert_eq!(last[0] - last[1], 30_000);
}

#[test]
fn attack_17_a_peer_that_forwards_orphans_is_asked_once_a_second() {
    let (mut web, namespace, ops) = apart(60);
    for op in ops.iter().skip(2).step_by(2) {
        publish(&mut web, namespace, 4, op);
        for asked in core::mem::take(&mut web.asked) {
            if is_fetch(&asked) && asked.to == 4 {
                web.answer(&asked, page(&[]));
                web.asked.clear();
            }
        }
        web.run(10);
    }
    let desk = &web.nodes[0].state.volatile.desks[&namespace];
    assert_eq!(desk.pending.len(), 29);
}

#[test]
fn net_41_a_head_that_waits_here_is_fetched_with_its_parents_from_who_names_it() {
    let (mut web, namespace, ops) = apart(4);
    publish(&mut web, namespace, 4, &ops[3]);
    let asked = last(&web, 0, 4);
    web.answer(&asked, page(&[]));
    let (theirs, root) = web.heads(1, namespace);
    web.connect(0, 7, namespace);
    let asked = last(&web, 0, 7);
    web.answer(&asked, heads(&theirs, root, true));
    let asked = last(&web, 0, 7);
    let Request::Fetch { want, .. } = &asked.question else { panic!("{asked:?}") };
    assert_eq!(want.to_vec(), [ops[3].id]);
    web.answer(&asked, page(&ops));
    web.run(10);
    assert_eq!(web.heads(0, namespace), (theirs.clone(), root));
    assert_eq!(web.verdicts(0, 7), [crate::sync::Verdict::InSync { heads: theirs, root }]);
}
