//! Fetching what is behind heads, and reconciling where neither knows all heads of the other.

use super::{UNKNOWN, heads, is_fetch, is_ranges, last, times};
use crate::input::{Answer, Input};
use crate::limits::PAGES_AHEAD_MAX;
use crate::sync::{Shortfall, Verdict};
use crate::testing::web::{DELAY_MS, Web, peer};
use crate::wire::{Refused, Request, Response};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn net_42_histories_that_parted_meet_at_the_cost_of_the_difference() {
    let (mut web, namespace) = Web::new(2, 300);
    web.write(0, namespace, 20);
    web.write(1, namespace, 30);
    web.connect(0, 1, namespace);
    web.run(3000);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert_eq!((web.ops_sent(0, 1), web.ops_sent(1, 0)), (20, 30));
    // One of the two reconciles, the other waits for it.
    let rounds: Vec<_> = web.asked.iter().filter(|asked| is_ranges(asked)).collect();
    let askers: BTreeSet<usize> = rounds.iter().map(|asked| asked.from).collect();
    assert_eq!(askers.len(), 1);
    assert!(rounds.len() <= 4, "{}", rounds.len());
    let questions: usize = rounds.iter().map(|asked| asked.question.encode().len()).sum();
    let is_ranges = |response: &Response| matches!(response, Response::Ranges(_));
    let answers = web.answered.iter().filter(|(_, _, response, _)| is_ranges(response));
    let bytes = questions + answers.map(|(.., bytes)| bytes).sum::<usize>();
    assert!(bytes <= 4096 + 64 * 50, "{bytes}");
    for (at, with) in [(0, 1), (1, 0)] {
        let verdicts = web.verdicts(at, with);
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::InSync { .. })));
        assert_eq!(verdicts.len(), 1);
    }
}

#[test]
fn net_42_a_peer_that_promised_to_reconcile_and_does_not_is_waited_for_one_second() {
    let (mut web, namespace) = Web::new(1, 5);
    // The test plays peer 0, whose key is smaller than that of node 0 after this.
    let own = peer(9);
    web.nodes[0].state.volatile.peer = own;
    web.connect(0, 1, namespace);
    let heads_question = Request::Heads {
        namespace,
        heads: crate::wire::Heads::truncated(vec![UNKNOWN]),
        common: None,
    };
    let exchange = crate::input::ExchangeId(u64::MAX);
    let (peer, request) = (peer(1), heads_question);
    web.give(0, Input::RequestReceived { exchange, peer, request, signatures_valid: true });
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&[UNKNOWN], [1; 32], false));
    web.run(999);
    assert!(!is_ranges(&last(&web, 0, 1)));
    web.run(1);
    assert!(is_ranges(&last(&web, 0, 1)));
    assert_eq!(last(&web, 0, 1).at, 1000);
}

#[test]
fn net_43_a_long_history_comes_in_pages_four_at_a_time() {
    let (mut web, namespace) = Web::new(2, 0);
    web.write(0, namespace, 3000);
    web.connect(0, 1, namespace);
    let (mut ahead_max, began) = (0, web.now);
    while web.now < began + 60_000 && web.verdicts(1, 0).is_empty() {
        web.run(1);
        let asked = web.asked.iter().filter(|asked| asked.from == 1 && is_fetch(asked)).count();
        let is_page = |response: &Response| matches!(response, Response::Ops { .. });
        let sent = web.answered.iter().filter(|(.., response, _)| is_page(response)).count();
        ahead_max = ahead_max.max(asked - sent);
    }
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert_eq!(web.ops_sent(0, 1), 3000);
    assert!((2..=PAGES_AHEAD_MAX).contains(&ahead_max), "{ahead_max}");
    let fetches = web.asked.iter().filter(|asked| asked.from == 1 && is_fetch(asked)).count();
    assert_eq!(fetches, 6);
    assert_eq!(web.nodes[1].state.volatile.desks[&namespace].pending.len(), 0);
}

#[test]
fn net_43_one_history_is_fetched_once_however_many_have_it() {
    let (mut web, namespace) = Web::new(4, 0);
    web.write(0, namespace, 1500);
    for other in [1, 2] {
        web.connect(0, other, namespace);
        web.run(20_000);
    }
    for other in 0..3 {
        web.connect(other, 3, namespace);
    }
    web.run(20_000);
    assert_eq!(web.heads(0, namespace), web.heads(3, namespace));
    let sent: usize = (0..3).map(|other| web.ops_sent(other, 3)).sum();
    // The first page comes from each, the rest from one.
    assert!(sent <= 1500 + 2 * 512, "{sent}");
}

#[test]
fn net_43_a_backfill_goes_on_where_it_was_after_a_restart() {
    let (mut web, namespace) = Web::new(2, 0);
    web.write(0, namespace, 1500);
    web.connect(0, 1, namespace);
    while web.nodes[1].log.len() < 500 {
        web.run(1);
    }
    web.give(0, Input::PeerDisconnected { peer: peer(1) });
    let before = web.nodes[1].log.len();
    web.restart(1);
    // What was on its way comes to nobody.
    web.run(100);
    let sent = web.ops_sent(0, 1);
    web.connect(0, 1, namespace);
    web.run(20_000);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    // The genesis is in the log besides, and that both opened the namespace.
    assert_eq!((before - 3, web.ops_sent(0, 1) - sent), (512, 1500 - 512));
}

#[test]
fn net_43_a_partner_is_replaced_after_five_seconds_without_a_page() {
    for (waited, stalled) in [(4_999, false), (5_000, true), (5_001, true)] {
        let (mut web, namespace) = Web::new(2, 5);
        let (ours, root) = web.heads(0, namespace);
        for other in [2, 3] {
            web.connect(0, other, namespace);
        }
        let asked = last(&web, 0, 3);
        web.answer(&asked, heads(&ours, root, true));
        let asked = last(&web, 0, 2);
        web.answer(&asked, heads(&[UNKNOWN], [1; 32], true));
        assert!(is_fetch(&last(&web, 0, 2)));
        web.run(waited);
        let missing = vec![UNKNOWN];
        let verdict = Verdict::Incomplete { missing, why: Shortfall::Stalled };
        assert_eq!(web.verdicts(0, 2), if stalled { vec![verdict] } else { vec![] });
        let others = times(&web.questions(0, 3));
        assert_eq!(others, if stalled { vec![0, 5_000] } else { vec![0] });
    }
}

#[test]
fn net_43_a_partner_that_is_lost_is_replaced_by_one_that_has_the_rest() {
    let (mut web, namespace) = Web::new(3, 0);
    web.write(0, namespace, 1500);
    web.connect(0, 1, namespace);
    web.run(20_000);
    web.connect(0, 2, namespace);
    web.connect(1, 2, namespace);
    web.run(4 * DELAY_MS + 1);
    web.silent.insert((0, 2));
    web.run(60_000);
    assert_eq!(web.heads(0, namespace), web.heads(2, namespace));
}

#[test]
fn net_43_an_answer_is_used_in_the_order_of_the_list() {
    let (mut web, namespace) = Web::new(2, 0);
    web.write(1, namespace, 1500);
    let ops = web.ops_of(1)[1..].to_vec();
    let (theirs, root) = web.heads(1, namespace);
    web.connect(0, 2, namespace);
    let asked = last(&web, 0, 2);
    web.answer(&asked, heads(&theirs, root, true));
    let page = |from: usize, count: usize| {
        let ops = ops[from..from + count].to_vec();
        let (count, total) = (count as u64, 1500);
        Answer::Ops { ops, count, refused: None, newer: Vec::new(), total }
    };
    let first = last(&web, 0, 2);
    web.answer(&first, page(0, 512));
    web.run(100);
    let asked = web.questions(0, 2);
    let [second, third] = &asked[asked.len() - 2..] else { unreachable!() };
    // The third page comes first, the second in two parts.
    web.answer(third, page(1024, 476));
    web.run(100);
    assert_eq!(web.nodes[0].state.volatile.desks[&namespace].pending.len(), 0);
    web.answer(second, page(512, 300));
    web.run(100);
    let rest = last(&web, 0, 2);
    let Request::Fetch { from, count, .. } = rest.question else { panic!("{rest:?}") };
    assert_eq!((from, count), (812, 212));
    web.answer(&rest, page(812, 212));
    web.run(1000);
    assert_eq!(web.heads(0, namespace), (theirs.clone(), root));
    assert_eq!(web.verdicts(0, 2), [Verdict::InSync { heads: theirs, root }]);
}

#[test]
fn net_42_a_long_history_is_ordered_in_slices_and_the_asker_waits() {
    let (mut web, namespace) = Web::new(2, crate::limits::ORDER_SLICE as usize + 300);
    web.write(0, namespace, 3);
    web.write(1, namespace, 2);
    web.connect(0, 1, namespace);
    web.run(100);
    let busy = Response::Refused(Refused::Busy);
    assert!(web.answered.iter().any(|(_, _, response, _)| *response == busy));
    web.run(1000);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert_eq!((web.ops_sent(0, 1), web.ops_sent(1, 0)), (3, 2));
}
