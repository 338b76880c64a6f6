//! Row 13: moves that would make a circle, or too deep a tree.

#![expect(
    clippy::many_single_char_names,
    reason = "people and groups have the names of the protocol document"
)]

use crate::support::{Case, Engine, group, moved};
use folkmoot_core::governance::verdict::{Admission, Precondition, VoidAtCut};
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::limits::DEPTH_MAX;
use folkmoot_sim::kit::create;

fn precondition(what: Precondition) -> Admission {
    Admission::Void(VoidAtCut::Precondition(what))
}

/// Walks from a group to the root; its length with both ends.
fn depth(end: &Engine, from: GroupId) -> usize {
    let mut at = from;
    for steps in 1..=DEPTH_MAX {
        match end.parent(at) {
            Some(parent) => at = parent,
            None => return steps,
        }
    }
    panic!("no root within {DEPTH_MAX} steps of {from:?}");
}

#[test]
fn attack_13_a_ring_of_concurrent_moves_stays_a_tree() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], root, create());
    let z = case.say(p.o, &[y], root, create());
    let [gx, gy, gz] = [x, y, z].map(group);
    case.say(p.o, &[z], gx, moved(gy));
    case.say(p.a, &[z], gy, moved(gz));
    case.say(p.b, &[z], gz, moved(gx));
    let end = case.end();
    // The two senior moves apply, the one that would close the ring does not.
    assert_eq!((end.parent(gx), end.parent(gy), end.parent(gz)), (Some(gy), Some(gz), Some(root)));
    for place in end.groups() {
        depth(&end, place);
    }
}

#[test]
fn attack_13_no_group_below_itself() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let x = case.say(p.o, &[h], root, create());
    let y = case.say(p.o, &[x], group(x), create());
    let circle = precondition(Precondition::Circle);
    assert_eq!(case.try_it(p.o, &[y], group(x), moved(group(x))), circle);
    assert_eq!(case.try_it(p.o, &[y], group(x), moved(group(y))), circle);
    let root_stays = precondition(Precondition::Root);
    assert_eq!(case.try_it(p.o, &[y], root, moved(group(y))), root_stays);
}

#[test]
fn attack_13_no_seventeenth_group_on_a_path() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let mut path: Vec<OpId> = Vec::new();
    let (mut known, mut place) = (h, root);
    for _ in 1..DEPTH_MAX {
        known = case.say(p.o, &[known], place, create());
        place = group(known);
        path.push(known);
    }
    let deep = precondition(Precondition::TooDeep);
    assert_eq!(case.try_it(p.o, &[known], place, create()), deep);
    // A move counts with all below it.
    let side = case.say(p.o, &[known], root, create());
    assert_eq!(case.try_it(p.o, &[side], group(path[0]), moved(group(side))), deep);
    // Concurrently each of two moves fits, and both together do not.
    let end = case.end();
    assert_eq!(depth(&end, place), DEPTH_MAX);
    let below = case.say(p.o, &[side], group(side), create());
    let long = group(path[2]);
    case.say(p.a, &[below], long, moved(group(below)));
    case.say(p.b, &[below], group(side), moved(group(path[0])));
    let end = case.end();
    assert_eq!(end.parent(group(side)), Some(root), "tree order: generation first, then senior");
    assert_eq!(end.parent(long), Some(group(below)));
    for at in end.groups() {
        depth(&end, at);
    }
}
