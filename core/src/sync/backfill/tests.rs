extern crate std;

use super::*;
use crate::codec::CodecError;
use crate::governance::op::Body;
use crate::id::NamespaceId;
use crate::testing::{Author, unsigned};
use std::vec;

/// Op number `at` of a list.
fn op(at: u64) -> Verified<Op> {
    let author = Author::new(1);
    let mut payload = author.payload(NamespaceId([1; 32]), Body::Noop);
    payload.nonce = at + 1;
    unsigned(&payload)
}

fn page(from: u64, count: u64, total: u64) -> Page {
    let ops = (from..from + count).map(op).collect();
    Page { ops, count, refused: None, newer: Vec::new(), total }
}

fn nonces(list: &mut Backfill) -> Vec<u64> {
    let mut nonces = Vec::new();
    while let Some(ops) = list.take() {
        nonces.extend(ops.iter().map(|op| op.payload.nonce));
    }
    nonces
}

fn asked(list: &mut Backfill) -> Vec<(u64, u32)> {
    core::iter::from_fn(|| list.ask()).collect()
}

/// A list of which the first page of 512 has come.
fn begun(total: u64) -> Backfill {
    let mut list = Backfill::new(vec![op(total - 1).id], Vec::new());
    assert_eq!(asked(&mut list), [(0, 512)]);
    assert_eq!(list.receive(0, page(0, total.min(512), total)), Worth::Whole);
    list
}

#[test]
fn net_43_eight_pages_are_under_way_once_the_length_is_known() {
    let mut list = begun(5000);
    assert_eq!(nonces(&mut list).len(), 512);
    assert_eq!(asked(&mut list), [1, 2, 3, 4, 5, 6, 7, 8].map(|at| (at * 512, 512)));
    assert!(!list.is_hungry(0));
    assert_eq!(list.receive(512, page(512, 512, 5000)), Worth::Whole);
    // What came and was not taken fills its place.
    assert!(!list.is_hungry(0));
    nonces(&mut list);
    assert_eq!(asked(&mut list), [(4608, 392)]);
}

#[test]
fn net_43_a_page_is_asked_for_as_one_is_judged() {
    let mut list = begun(50_000);
    nonces(&mut list);
    // Nothing under way: a page fits while fifteen wait.
    let full = AHEAD_OPS_MAX - PAGE_OPS_MAX;
    assert!(list.is_hungry(full) && !list.is_hungry(full + 1));
    // Each page under way takes as much room as one that waits.
    for pages in 1..PAGES_AHEAD_MAX {
        assert!(list.ask().is_some());
        let left = full - pages * PAGE_OPS_MAX;
        assert!(list.is_hungry(left) && !list.is_hungry(left + 1), "{pages}");
    }
    // And so does one that is here before its turn.
    let third = 3 * 512;
    assert_eq!(list.receive(third, page(third, 512, 50_000)), Worth::Whole);
    let left = full - (PAGES_AHEAD_MAX - 1) * PAGE_OPS_MAX;
    assert!(list.is_hungry(left) && !list.is_hungry(left + 1));
}

#[test]
fn net_43_pages_that_come_early_wait_for_their_turn() {
    let mut list = begun(2048);
    assert_eq!(nonces(&mut list), (1..=512).collect::<Vec<_>>());
    asked(&mut list);
    for from in [1536, 1024] {
        assert_eq!(list.receive(from, page(from, 512, 2048)), Worth::Whole);
        assert_eq!(nonces(&mut list), []);
    }
    assert!(!list.is_complete());
    list.receive(512, page(512, 512, 2048));
    assert_eq!(nonces(&mut list), (513..=2048).collect::<Vec<_>>());
    assert!(list.is_complete() && !list.is_broken_promise());
    assert_eq!(list.last(), Some(op(2047).id));
}

#[test]
fn net_43_the_rest_of_a_short_page_is_asked_for_again_first() {
    let mut list = begun(2000);
    nonces(&mut list);
    asked(&mut list);
    assert_eq!(list.receive(512, page(512, 100, 2000)), Worth::Short);
    assert_eq!(nonces(&mut list), (513..=612).collect::<Vec<_>>());
    assert_eq!(list.ask(), Some((612, 412)));
    assert_eq!(list.receive(612, page(612, 412, 2000)), Worth::Whole);
    assert_eq!(nonces(&mut list), (613..=1024).collect::<Vec<_>>());
}

#[test]
fn attack_33_a_page_that_is_none_is_a_lie() {
    let bad = |change: &dyn Fn(&mut Page)| {
        let mut list = begun(2000);
        nonces(&mut list);
        asked(&mut list);
        let mut page = page(512, 512, 2000);
        change(&mut page);
        list.receive(512, page)
    };
    assert_eq!(bad(&|_| {}), Worth::Whole);
    assert_eq!(bad(&|page| page.count = 0), Worth::Lie);
    assert_eq!(bad(&|page| page.count = 513), Worth::Lie);
    assert_eq!(bad(&|page| page.ops[1] = page.ops[0].clone()), Worth::Lie, "one twice");
    assert_eq!(bad(&|page| page.total = 1000), Worth::Lie);
    assert_eq!(bad(&|page| page.total = 2001), Worth::Changed);
    let malformed = Malformed::Encoding(CodecError::Malformed);
    assert_eq!(bad(&|page| page.refused = Some(malformed)), Worth::Lie);
    assert_eq!(begun(600).receive(512, page(512, 88, 600)), Worth::Lie, "never asked for");
}

#[test]
fn attack_33_a_list_without_what_was_promised_is_a_broken_promise() {
    let mut list = Backfill::new(vec![op(99).id], Vec::new());
    list.ask();
    assert_eq!(list.receive(0, page(0, 0, 0)), Worth::Whole);
    assert!(list.is_complete() && list.is_broken_promise());
    let mut parents = Backfill::single(vec![op(99).id], Vec::new());
    parents.ask();
    assert_eq!(parents.receive(0, page(0, 0, 0)), Worth::Whole);
    assert!(parents.is_complete() && !parents.is_broken_promise());
}

#[test]
fn net_41_one_page_is_enough_for_parents() {
    let mut list = Backfill::single(vec![op(0).id], Vec::new());
    list.ask();
    assert_eq!(list.receive(0, page(0, 512, 9000)), Worth::Whole);
    assert_eq!(nonces(&mut list).len(), 512);
    assert!(list.is_complete() && !list.is_hungry(0) && !list.is_long());
}

#[test]
fn attack_42_a_list_that_brings_nothing_for_sixteen_pages_is_given_up() {
    let mut list = Backfill::new(vec![], vec![]);
    for fresh in [1, 512] {
        assert!(list.is_fruitful(fresh));
        for page in 1..16 {
            assert!(list.is_fruitful(0), "{page}");
        }
    }
    assert!(!list.is_fruitful(0));
    assert!(list.is_fruitful(1));
}
