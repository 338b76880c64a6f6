//! Lists of one peer in several namespaces (NET-45).

use super::{UNKNOWN, heads, is_fetch, last};
use crate::bounded::Bounded;
use crate::command::{Command, CommandId};
use crate::id::NamespaceId;
use crate::input::{Answer, Input};
use crate::limits::{LIST_IDLE_MS, LIST_KEPT_MS, PAGE_MS};
use crate::sync::{Shortfall, Verdict};
use crate::testing::web::{Web, peer};
use crate::wire::Refused;
use alloc::vec::Vec;

/// A node that reads a list of peer 1 in its first namespace, and heard `why` when it asked for
/// another in the second.
fn refused(why: Refused) -> (Web, [NamespaceId; 2]) {
    let (mut web, first) = Web::new(1, 0);
    let owners = Bounded::truncated(Vec::from([web.nodes[0].author.id]));
    let (command, wish) = (CommandId(1 << 40), Command::Found { owners });
    web.give(0, Input::CommandIssued { command, wish });
    web.run(0);
    let mut known = web.nodes[0].state.durable.namespaces.keys().copied();
    let second = known.find(|namespace| *namespace != first).unwrap();
    for namespace in [first, second] {
        web.connect(0, 1, namespace);
        let asked = last(&web, 0, 1);
        assert_eq!(asked.question.namespace(), namespace);
        web.answer(&asked, heads(&[UNKNOWN], [1; 32], true));
    }
    let asked = last(&web, 0, 1);
    assert!(is_fetch(&asked) && asked.question.namespace() == second);
    web.answer(&asked, Answer::Refused(why));
    (web, [first, second])
}

/// How often the node asked peer 1 about a namespace.
fn asked(web: &Web, namespace: NamespaceId) -> usize {
    let asked = web.questions(0, 1);
    asked.iter().filter(|asked| asked.question.namespace() == namespace).count()
}

#[test]
fn net_45_who_hears_busy_waits_until_a_list_of_its_own_ends_and_the_place_is_free() {
    let (mut web, [first, second]) = refused(Refused::Busy);
    let before = asked(&web, second);
    // The page of the first is overdue, which ends its list; the place is free a second later.
    web.run(PAGE_MS);
    let ended = Verdict::Incomplete { missing: [UNKNOWN].into(), why: Shortfall::Stalled };
    assert_eq!(web.verdicts(0, 1), [ended]);
    for (ms, times) in [(LIST_KEPT_MS - 1, 0), (1, 1), (1, 1)] {
        web.run(ms);
        assert_eq!(asked(&web, second), before + times, "{}", web.now);
    }
    assert!(asked(&web, first) > 0);
    // Nothing was held against the peer: it may refuse as often as ever.
    let exchanges = &web.nodes[0].state.volatile.desks[&second].syncing.exchanges;
    assert_eq!(exchanges[&peer(1)].refusals, 0);
}

#[test]
fn net_45_who_reads_no_other_list_and_who_is_a_stranger_ask_again_as_ever() {
    let (web, [_, second]) = refused(Refused::Stranger);
    let exchanges = &web.nodes[0].state.volatile.desks[&second].syncing.exchanges;
    assert_eq!((exchanges[&peer(1)].refusals, exchanges[&peer(1)].queued), (1, None));

    let (mut web, [_, second]) = refused(Refused::Busy);
    web.run(PAGE_MS + LIST_KEPT_MS);
    // The first has failed and is over: a second refusal of the list counts.
    let question = last(&web, 0, 1);
    web.answer(&question, heads(&[UNKNOWN], [1; 32], true));
    let question = last(&web, 0, 1);
    assert!(is_fetch(&question));
    web.answer(&question, Answer::Refused(Refused::Busy));
    let exchanges = &web.nodes[0].state.volatile.desks[&second].syncing.exchanges;
    assert_eq!((exchanges[&peer(1)].refusals, exchanges[&peer(1)].queued), (1, None));
}

#[test]
fn net_45_no_place_in_the_queue_is_waited_for_longer_than_half_a_minute() {
    let (mut web, [first, second]) = refused(Refused::Busy);
    let before = asked(&web, second);
    // The other namespace is left, and nobody says that its list is over.
    web.nodes[0].state.volatile.desks.get_mut(&first).unwrap().syncing.exchanges.clear();
    for (ms, times) in [(LIST_IDLE_MS - 1, 0), (1, 1), (1, 1)] {
        web.run(ms);
        assert_eq!(asked(&web, second), before + times, "{}", web.now);
    }
}
