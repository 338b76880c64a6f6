//! Whose list is read, and for how long (attack 42).

use super::{UNKNOWN, heads, is_fetch, last};
use crate::input::Answer;
use crate::signed::{Op, Verified};
use crate::sync::{Shortfall, Verdict};
use crate::testing::web::{Asked, Web, peer};
use crate::wire::Request;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// A peer that keeps a node fetching: one page of what is there already every four seconds, and
/// in each eighth one op that is new.
struct Hog {
    pages: usize,
    answered: BTreeSet<crate::input::RequestId>,
}

impl Hog {
    const AT: usize = 5;

    /// Connects as the first, and is asked for a list without an end.
    fn connect(web: &mut Web, namespace: crate::id::NamespaceId, is_member: bool) -> Self {
        web.connect(0, Self::AT, namespace);
        if !is_member {
            let desk = web.nodes[0].state.volatile.desks.get_mut(&namespace).unwrap();
            desk.identities.remove(&peer(Self::AT));
        }
        let asked = last(web, 0, Self::AT);
        web.answer(&asked, heads(&[UNKNOWN], [1; 32], true));
        let mut hog = Self { pages: 0, answered: BTreeSet::new() };
        hog.serve(web, &[]);
        hog
    }

    fn serve(&mut self, web: &mut Web, all: &[Verified<Op>]) {
        let is_new = |asked: &Asked| is_fetch(asked) && !self.answered.contains(&asked.id);
        let Some(asked) = web.questions(0, Self::AT).into_iter().find(is_new) else { return };
        self.answered.insert(asked.id);
        self.pages += 1;
        let mut ops = web.ops_of(0);
        let next = all.get(ops.len()).filter(|_| self.pages.is_multiple_of(8)).cloned();
        ops.truncate(512 - usize::from(next.is_some()));
        ops.extend(next);
        let answer =
            Answer::Ops { ops, count: 512, refused: None, newer: Vec::new(), total: 1 << 40 };
        web.answer(&asked, answer);
    }

    /// Serves while time passes.
    fn run(&mut self, web: &mut Web, seconds: u64, all: &[Verified<Op>]) {
        for _ in 0..seconds / 4 {
            self.serve(web, all);
            web.run(4000);
        }
    }
}

/// Two members, of which the second knows so many ops more.
fn parted() -> (Web, crate::id::NamespaceId, Vec<Verified<Op>>) {
    let (mut web, namespace) = Web::new(2, 600);
    web.write(1, namespace, 2000);
    let all = web.ops_of(1);
    (web, namespace, all)
}

#[test]
fn attack_42_who_brings_next_to_nothing_loses_its_turn_to_who_waits() {
    let (mut web, namespace, all) = parted();
    let mut hog = Hog::connect(&mut web, namespace, true);
    web.connect(0, 1, namespace);
    hog.run(&mut web, 16, &all);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    let verdicts = web.verdicts(0, Hog::AT);
    assert!(
        matches!(&verdicts[..], [Verdict::Incomplete { why: Shortfall::Stalled, .. }]),
        "{verdicts:?}"
    );
}

#[test]
fn net_43_the_list_of_a_member_is_read_before_that_of_a_stranger() {
    let (mut web, namespace, all) = parted();
    let mut hog = Hog::connect(&mut web, namespace, false);
    web.connect(0, 1, namespace);
    hog.run(&mut web, 4, &all);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
}

#[test]
fn net_43_a_slow_list_that_nobody_waits_for_is_read_on() {
    let (mut web, namespace, all) = parted();
    let mut hog = Hog::connect(&mut web, namespace, false);
    hog.run(&mut web, 60, &all);
    assert_eq!(web.verdicts(0, Hog::AT), []);
    assert!(matches!(last(&web, 0, Hog::AT).question, Request::Fetch { .. }));
}
