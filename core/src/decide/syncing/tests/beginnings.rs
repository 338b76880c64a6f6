//! How exchanges begin, and what they conclude from heads alone.

use super::{heads, is_fetch, is_ranges, last, pull, times};
use crate::identities::Identity;
use crate::input::{Answer, Input};
use crate::sync::{Shortfall, Verdict};
use crate::testing::Author;
use crate::testing::web::{Web, peer};
use crate::timers::Timer;
use crate::wire::Refused;
use alloc::vec::Vec;

#[test]
fn net_46_equal_heads_and_roots_are_in_sync_and_other_roots_have_diverged() {
    let (mut web, namespace) = Web::new(1, 3);
    let (ours, root) = web.heads(0, namespace);
    for (theirs, expected) in [
        (root, Verdict::InSync { heads: ours.clone(), root }),
        ([9; 32], Verdict::Diverged { ours: root, theirs: [9; 32] }),
    ] {
        web.nodes[0].notices.clear();
        web.connect(0, 1, namespace);
        let asked = last(&web, 0, 1);
        web.answer(&asked, heads(&ours, theirs, true));
        assert_eq!(web.verdicts(0, 1), core::slice::from_ref(&expected));
        let last = web.nodes[0].state.volatile.desks[&namespace].syncing.last().unwrap();
        assert_eq!((last.peer, &last.verdict), (peer(1), &expected));
        // An answer that comes twice is no second end.
        web.answer(&asked, heads(&ours, theirs, true));
        assert_eq!(web.verdicts(0, 1).len(), 1);
        web.give(0, Input::PeerDisconnected { peer: peer(1) });
        web.run(1000);
    }
}

#[test]
fn net_46_a_peer_that_is_gone_ends_its_exchange() {
    let (mut web, namespace) = Web::new(1, 0);
    web.connect(0, 1, namespace);
    web.give(0, Input::PeerDisconnected { peer: peer(1) });
    let gone = Verdict::Incomplete { missing: Vec::new(), why: Shortfall::Gone };
    assert_eq!(web.verdicts(0, 1), [gone]);
    // A question of the exchange before says nothing about the next.
    let stale = last(&web, 0, 1);
    web.connect(0, 1, namespace);
    web.give(0, Input::RequestFailed { request: stale.id });
    assert_eq!(web.verdicts(0, 1).len(), 1);
}

#[test]
fn net_12_a_peer_is_pulled_from_at_most_once_a_second() {
    let (mut web, namespace) = Web::new(1, 0);
    let (ours, root) = web.heads(0, namespace);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&ours, root, true));
    web.run(10);
    pull(&mut web, 0, namespace, 1);
    web.run(989);
    assert_eq!(times(&web.questions(0, 1)), [0]);
    web.run(1);
    // Put off, not forgotten.
    assert_eq!(times(&web.questions(0, 1)), [0, 1000]);
    pull(&mut web, 0, namespace, 1);
    let asked = last(&web, 0, 1);
    web.answer(&asked, heads(&ours, root, true));
    web.run(5000);
    assert_eq!(times(&web.questions(0, 1)), [0, 1000, 2000]);
}

#[test]
fn net_4_a_peer_that_has_gone_is_not_pulled_from_now_nor_later() {
    for wait in [10, 2_000] {
        let (mut web, namespace) = Web::new(1, 0);
        let (ours, root) = web.heads(0, namespace);
        web.connect(0, 1, namespace);
        let asked = last(&web, 0, 1);
        web.answer(&asked, heads(&ours, root, true));
        web.run(wait);
        web.give(0, Input::PeerDisconnected { peer: peer(1) });
        // Its beacon was on its way through others.
        pull(&mut web, 0, namespace, 1);
        let retry = Timer::Retry(namespace, peer(1));
        assert!(web.nodes[0].state.volatile.timers.iter().all(|(_, timer)| timer != retry));
        web.run(2_000);
        assert_eq!(times(&web.questions(0, 1)), [0], "after {wait} ms");
    }
}

#[test]
fn net_12_who_leaves_and_comes_back_is_not_met_for_the_first_time() {
    let (mut web, namespace) = Web::new(1, 0);
    let (ours, root) = web.heads(0, namespace);
    for number in 0..20 {
        web.connect(0, 1, namespace);
        if let Some(asked) = web.questions(0, 1).last().filter(|asked| asked.at == web.now) {
            web.answer(&asked.clone(), heads(&ours, root, true));
        }
        web.run(50);
        let peer = peer(1);
        web.give(
            0,
            match number % 2 {
                0 => Input::PeerUnsubscribed { peer, namespace },
                _ => Input::PeerDisconnected { peer },
            },
        );
    }
    assert_eq!(times(&web.questions(0, 1)), [0, 1000]);
}

#[test]
fn net_45_a_refused_question_is_asked_again_after_growing_waits_six_times() {
    for why in [Refused::Busy, Refused::Stranger, Refused::Ineffective] {
        let (mut web, namespace) = Web::new(1, 0);
        web.connect(0, 1, namespace);
        for _ in 0..7 {
            let asked = last(&web, 0, 1);
            web.answer(&asked, Answer::Refused(why.clone()));
            web.run(4000);
        }
        // Each wait begins with the answer, which comes every four seconds here.
        assert_eq!(web.questions(0, 1).len(), 7);
        let after: Vec<u64> = times(&web.questions(0, 1))
            .iter()
            .enumerate()
            .map(|(n, at)| at - 4000 * n.saturating_sub(1) as u64)
            .collect();
        assert_eq!(after, [0, 10, 40, 160, 640, 2560, 4000]);
        let refused = Verdict::Incomplete { missing: Vec::new(), why: Shortfall::Refused(why) };
        assert_eq!(web.verdicts(0, 1), [refused]);
    }
}

#[test]
fn net_46_a_namespace_that_the_peer_does_not_know_ends_the_exchange() {
    let (mut web, namespace) = Web::new(1, 0);
    web.connect(0, 1, namespace);
    let asked = last(&web, 0, 1);
    web.answer(&asked, Answer::Refused(Refused::UnknownNamespace));
    let why = Shortfall::Refused(Refused::UnknownNamespace);
    assert_eq!(web.verdicts(0, 1), [Verdict::Incomplete { missing: Vec::new(), why }]);
    // An answer to another question is none.
    web.connect(0, 2, namespace);
    let asked = last(&web, 0, 2);
    web.answer(&asked, Answer::Noted);
    let why = Shortfall::Lied;
    assert_eq!(web.verdicts(0, 2), [Verdict::Incomplete { missing: Vec::new(), why }]);
}

#[test]
fn net_40_every_thirty_seconds_one_member_is_compared_with_and_not_one_connection() {
    let (mut web, namespace) = Web::new(2, 0);
    let (ours, root) = web.heads(0, namespace);
    // Peers 2 to 9 are one member; peer 10 is another; peers 11 to 19 nobody.
    for other in 2..20 {
        web.connect(0, other, namespace);
        let asked = last(&web, 0, other);
        web.answer(&asked, heads(&ours, root, true));
        let member = match other {
            2..10 => Author::new(0).id,
            10 => Author::new(1).id,
            _ => Author::new(99).id,
        };
        let desk = web.nodes[0].state.volatile.desks.get_mut(&namespace).unwrap();
        desk.identities.insert(peer(other), Identity { member, pass: None, round_trip_ms: 0 });
    }
    web.asked.clear();
    let mut counts = [0; 20];
    for _ in 0..60 {
        web.run(30_000);
        for (other, count) in counts.iter_mut().enumerate().skip(2) {
            let questions = web.questions(0, other);
            *count += questions.len();
            for asked in &questions {
                web.answer(asked, heads(&ours, root, true));
            }
        }
        web.asked.clear();
    }
    assert!((59..=60).contains(&counts.iter().sum::<usize>()), "{counts:?}");
    assert!(counts[10] >= 20 && counts[2..10].iter().sum::<usize>() >= 20, "{counts:?}");
}

#[test]
fn net_42_who_knows_all_our_heads_is_fetched_from_without_ranges() {
    let (mut web, namespace) = Web::new(2, 10);
    web.write(1, namespace, 7);
    web.connect(0, 1, namespace);
    web.run(1000);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert!(!web.asked.iter().any(is_ranges));
    assert_eq!((web.ops_sent(1, 0), web.ops_sent(0, 1)), (7, 0));
    for (at, with) in [(0, 1), (1, 0)] {
        let verdicts = web.verdicts(at, with);
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::InSync { .. })));
    }
}

#[test]
fn net_42_a_peer_that_lacks_ours_is_told_what_is_common_and_asks_for_the_rest() {
    let (mut web, namespace) = Web::new(2, 10);
    web.write(0, namespace, 7);
    // The other's own question is lost.
    web.silent.insert((1, 0));
    web.give(1, Input::PeerConnected { peer: peer(0) });
    web.give(1, Input::PeerSubscribed { peer: peer(0), namespace });
    web.run(100);
    web.silent.clear();
    web.give(1, Input::PeerDisconnected { peer: peer(0) });
    web.give(1, Input::PeerConnected { peer: peer(0) });
    // It was met on another topic, and proved there who it is.
    let member = web.nodes[0].author.id;
    let identity = Identity { member, pass: None, round_trip_ms: 0 };
    let desk = web.nodes[1].state.volatile.desks.get_mut(&namespace).unwrap();
    desk.identities.insert(peer(0), identity);
    web.give(0, Input::PeerConnected { peer: peer(1) });
    web.give(0, Input::PeerSubscribed { peer: peer(1), namespace });
    web.run(100);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert_eq!((web.ops_sent(0, 1), web.ops_sent(1, 0)), (7, 0));
    assert!(web.questions(1, 0).last().is_some_and(is_fetch));
}

#[test]
fn net_46_an_exchange_with_a_peer_that_never_took_part_ends() {
    let (mut web, namespace) = Web::new(1, 0);
    // Connected, and told of, but not subscribed.
    web.give(0, Input::PeerConnected { peer: peer(1) });
    pull(&mut web, 0, namespace, 1);
    let asked = last(&web, 0, 1);
    web.answer(&asked, Answer::Refused(Refused::Busy));
    web.run(1000);
    let gone = Verdict::Incomplete { missing: Vec::new(), why: Shortfall::Gone };
    assert_eq!(web.verdicts(0, 1), [gone]);
    assert!(web.nodes[0].state.volatile.desks[&namespace].syncing.exchanges.is_empty());
}
