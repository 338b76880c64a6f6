//! Partners that do not do what they say (attacks 32 and 33).

use super::{UNKNOWN, heads, is_fetch, last, pull};
use crate::input::{Answer, Input};
use crate::signed::Malformed;
use crate::sync::exchange::Stage;
use crate::sync::{Shortfall, Verdict};
use crate::testing::web::{Web, peer};
use crate::wire::{Heads, Ranges, Refused, Request};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

fn page(count: u64, total: u64, refused: Option<Malformed>) -> Answer {
    Answer::Ops { ops: Vec::new(), count, refused, newer: Vec::new(), total }
}

fn lied() -> Verdict {
    Verdict::Incomplete { missing: vec![UNKNOWN], why: Shortfall::Lied }
}

/// A node that was promised something, and fetches it from peer 1.
fn promised() -> (Web, crate::id::NamespaceId) {
    let (mut web, namespace) = Web::new(1, 5);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&[UNKNOWN], [1; 32], true));
    assert!(is_fetch(&last(&web, 0, 1)));
    (web, namespace)
}

#[test]
fn attack_33_who_serves_nothing_or_garbage_lies_and_only_bad_bytes_are_charged() {
    let bad = Some(Malformed::Signature);
    for (answer, charged) in [
        (page(0, 0, None), 0),
        (page(0, 9, None), 0),
        (page(5, 4, None), 0),
        (page(1, 1, bad), 1),
        (Answer::Noted, 0),
    ] {
        let (mut web, _) = promised();
        let asked = last(&web, 0, 1);
        web.answer(&asked, answer.clone());
        web.run(100);
        assert_eq!(web.verdicts(0, 1), [lied()], "{answer:?}");
        assert_eq!(web.nodes[0].charged.len(), charged, "{answer:?}");
    }
}

#[test]
fn attack_32_a_liar_costs_one_fetch_in_thirty_seconds() {
    let (mut web, namespace) = promised();
    let asked = last(&web, 0, 1);
    web.answer(&asked, page(0, 0, None));
    let before = web.questions(0, 1).len();
    for _ in 0..29 {
        web.run(1000);
        pull(&mut web, 0, namespace, 1);
        // Telling it as a question, or coming anew, helps nothing.
        let (heads, common) = (Heads::truncated(vec![UNKNOWN]), Some(Heads::default()));
        let request = Request::Heads { namespace, heads, common };
        let exchange = crate::input::ExchangeId(u64::MAX - web.now);
        let peer = peer(1);
        web.give(0, Input::RequestReceived { exchange, peer, request, signatures_valid: true });
        web.give(0, Input::PeerDisconnected { peer });
        web.connect(0, 1, namespace);
    }
    web.run(999);
    pull(&mut web, 0, namespace, 1);
    assert_eq!(web.questions(0, 1).len(), before);
    web.run(1);
    pull(&mut web, 0, namespace, 1);
    assert_eq!(web.questions(0, 1).len(), before + 1);
}

#[test]
fn attack_33_a_page_in_drops_is_as_good_as_none() {
    let (mut web, namespace) = Web::new(2, 0);
    web.write(1, namespace, 600);
    let mut ops = web.ops_of(1).into_iter().skip(1);
    let (theirs, root) = web.heads(1, namespace);
    web.connect(0, 2, namespace);
    let asked = last(&web, 0, 2);
    web.answer(&asked, heads(&theirs, root, true));
    let began = web.now;
    while web.verdicts(0, 2).is_empty() {
        let asked = last(&web, 0, 2);
        let ops: Vec<_> = ops.next().into_iter().collect();
        let answer = Answer::Ops { ops, count: 1, refused: None, newer: Vec::new(), total: 600 };
        web.answer(&asked, answer);
        web.run(1000);
    }
    assert_eq!(web.now - began, 5000);
    let verdict = &web.verdicts(0, 2)[0];
    assert!(matches!(verdict, Verdict::Incomplete { why: Shortfall::Stalled, .. }));
}

#[test]
fn attack_33_ranges_that_are_none_end_the_exchange() {
    let (mut web, namespace) = Web::new(1, 5);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&[UNKNOWN], [1; 32], false));
    let asked = last(&web, 0, 1);
    web.answer(&asked, Answer::Ranges(Ranges::truncated(vec![1, 2, 3])));
    assert_eq!(web.verdicts(0, 1), [lied()]);
}

#[test]
fn net_42_a_reconciliation_ends_after_thirty_two_questions() {
    let (mut web, namespace) = Web::new(1, 100);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&[UNKNOWN], [1; 32], false));
    let mut rounds = 0;
    while let Request::Reconcile { .. } = last(&web, 0, 1).question {
        rounds += 1;
        // Everything differs, for ever: version, no end, no prefix, a fingerprint.
        let mut ranges = vec![0x61, 0, 0, 1];
        ranges.extend([rounds; 16]);
        let asked = last(&web, 0, 1);
        web.answer(&asked, Answer::Ranges(Ranges::truncated(ranges)));
    }
    assert_eq!(rounds, 32);
    assert!(web.questions(0, 1).iter().any(is_fetch));
}

#[test]
fn net_46_a_busy_partner_is_compared_with_again() {
    let (mut web, _) = promised();
    let asked = last(&web, 0, 1);
    web.answer(&asked, Answer::Refused(Refused::Busy));
    web.run(9);
    assert!(is_fetch(&last(&web, 0, 1)));
    web.run(1);
    assert!(matches!(last(&web, 0, 1).question, Request::Heads { .. }));
    assert_eq!(web.verdicts(0, 1), []);
}

#[test]
fn attack_33_one_op_at_a_time_of_a_short_list_is_as_good_as_none_too() {
    let (mut web, namespace) = Web::new(2, 0);
    web.write(1, namespace, 100);
    let mut ops = web.ops_of(1).into_iter().skip(1);
    let (theirs, root) = web.heads(1, namespace);
    web.connect(0, 2, namespace);
    let asked = last(&web, 0, 2);
    web.answer(&asked, heads(&theirs, root, true));
    let began = web.now;
    while web.verdicts(0, 2).is_empty() {
        let asked = last(&web, 0, 2);
        let ops: Vec<_> = ops.next().into_iter().collect();
        let answer = Answer::Ops { ops, count: 1, refused: None, newer: Vec::new(), total: 100 };
        web.answer(&asked, answer);
        web.run(500);
    }
    assert_eq!(web.now - began, 5000);
}

#[test]
fn net_43_partners_that_fail_are_not_tried_in_circles() {
    let (mut web, namespace) = Web::new(1, 5);
    for other in 1..5 {
        web.connect(0, other, namespace);
    }
    web.run(30_000 - 1);
    // All are silent: each was asked when it came, and nobody again before half a minute.
    assert_eq!((1..5).map(|other| web.questions(0, other).len()).sum::<usize>(), 4);
    for other in 1..5 {
        assert_eq!(web.verdicts(0, other).len(), 1);
    }
}

#[test]
fn attack_33_heads_that_do_not_come_within_five_seconds_end_the_exchange() {
    for (waited, count) in [(4_999, 0), (5_000, 1), (5_001, 1)] {
        let (mut web, namespace) = Web::new(1, 5);
        web.connect(0, 1, namespace);
        web.run(waited);
        assert_eq!(web.verdicts(0, 1).len(), count, "{waited}");
    }
}

#[test]
fn net_3_a_range_that_is_named_in_every_round_is_noted_once() {
    let (mut web, namespace) = Web::new(1, 400);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&[UNKNOWN], [1; 32], false));
    for round in 1..32 {
        // As far as generation 390 no ids at all; in the rest everything differs.
        let mut ranges = vec![0x61, 0x83, 0x07, 0, 2, 0, 0, 0, 1];
        ranges.extend([round; 16]);
        let asked = last(&web, 0, 1);
        web.answer(&asked, Answer::Ranges(Ranges::truncated(ranges)));
        let syncing = &web.nodes[0].state.volatile.desks[&namespace].syncing;
        let Stage::Reconciling(found) = &syncing.exchanges[&peer(1)].stage else {
            panic!("{round}")
        };
        assert_eq!(found.ours.len(), 390);
    }
}

#[test]
fn net_46_heads_between_refusals_are_no_progress() {
    let (mut web, _) = promised();
    let mut answered = BTreeSet::new();
    while web.verdicts(0, 1).is_empty() && web.now < 60_000 {
        let asked = last(&web, 0, 1);
        let answer = if is_fetch(&asked) {
            Answer::Refused(Refused::Busy)
        } else {
            heads(&[UNKNOWN], [1; 32], true)
        };
        if answered.insert(asked.id) {
            web.answer(&asked, answer);
        } else {
            web.run(10);
        }
    }
    let why = Shortfall::Refused(Refused::Busy);
    let refused = Verdict::Incomplete { missing: vec![UNKNOWN], why };
    assert_eq!(web.verdicts(0, 1), [refused]);
}
