extern crate std;

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const ROOT: GroupIx = GroupIx::ROOT;

fn group(at: u32) -> GroupIx {
    GroupIx(at)
}

/// A tree with `count` groups below the root, each under the one before.
fn chain(count: u32) -> Tree {
    let mut tree = Tree::root();
    for at in 0..count {
        tree.create(group(at + 1), group(at)).unwrap();
    }
    tree
}

#[test]
fn a_path_leads_to_the_root_and_only_from_groups_that_exist() {
    let tree = chain(3);
    assert_eq!(tree.path(group(2)), [group(2), group(1), ROOT]);
    assert_eq!(tree.path(ROOT), [ROOT]);
    assert_eq!(tree.path(group(9)), []);
    assert_eq!(tree.parent(group(2)), Some(group(1)));
    assert_eq!((tree.parent(ROOT), tree.parent(group(9))), (None, None));
    assert!(tree.is_at_or_above(group(1), group(3)) && tree.is_at_or_above(group(3), group(3)));
    assert!(!tree.is_at_or_above(group(3), group(1)));
    assert_eq!((tree.height(ROOT), tree.height(group(3)), tree.height(group(9))), (4, 1, 0));
    assert_eq!(Tree::default().path(ROOT), []);
}

#[test]
fn k5_a_path_holds_at_most_sixteen_groups() {
    let mut tree = chain(15);
    assert_eq!(tree.path(group(15)).len(), 16);
    assert_eq!(tree.create(group(16), group(15)), Err(Skipped::TooDeep));
    assert!(!tree.knows(group(16)));
    assert_eq!(tree.create(group(16), group(14)), Ok(()));
}

#[test]
fn k5_a_move_counts_all_that_comes_along() {
    // Three groups in a row beside a chain that leaves room for exactly three.
    let mut tree = chain(12);
    tree.create(group(20), ROOT).unwrap();
    tree.create(group(21), group(20)).unwrap();
    tree.create(group(22), group(21)).unwrap();
    let deeper = tree.clone();
    assert_eq!(tree.relocate(group(20), group(12)), Ok(()));
    assert_eq!(tree.path(group(22)).len(), 16);
    tree = deeper;
    tree.create(group(23), group(22)).unwrap();
    assert_eq!(tree.relocate(group(20), group(12)), Err(Skipped::TooDeep));
    assert_eq!(tree.parent(group(20)), Some(ROOT));
}

#[test]
fn k5_a_group_is_never_below_itself() {
    let mut tree = chain(3);
    for below in [1, 2, 3] {
        assert_eq!(tree.relocate(group(1), group(below)), Err(Skipped::Circle));
    }
    assert_eq!(tree, chain(3));
    assert_eq!(tree.relocate(group(9), ROOT), Err(Skipped::Missing));
    assert_eq!(tree.relocate(group(1), group(9)), Err(Skipped::Missing));
    assert_eq!(tree.create(group(9), group(8)), Err(Skipped::Missing));
}

#[test]
fn case_7_of_two_moves_that_close_a_circle_the_first_applies() {
    let mut tree = chain(1);
    tree.create(group(2), ROOT).unwrap();
    assert_eq!(tree.relocate(group(1), group(2)), Ok(()));
    assert_eq!(tree.relocate(group(2), group(1)), Err(Skipped::Circle));
}

#[test]
fn case_16_a_tombstone_hides_all_below_and_what_comes_later() {
    let mut tree = chain(3);
    tree.delete(group(2));
    assert!(tree.exists(group(1)) && !tree.exists(group(2)) && !tree.exists(group(3)));
    assert!(tree.knows(group(3)));
    assert_eq!(tree.height(ROOT), 2);
    assert_eq!(tree.create(group(4), group(3)), Ok(()));
    assert!(!tree.exists(group(4)));
    // What is moved out from under a tombstone exists again.
    assert_eq!(tree.relocate(group(3), ROOT), Ok(()));
    assert_eq!(tree.path(group(4)), [group(4), group(3), ROOT]);
}

#[derive(Clone, Debug)]
enum Action {
    Create(u32, u32),
    Move(u32, u32),
    Delete(u32),
}

fn action() -> impl Strategy<Value = Action> {
    let any_group = || 0_u32..24;
    prop_oneof![
        4 => (1_u32..24, any_group()).prop_map(|(new, parent)| Action::Create(new, parent)),
        4 => (1_u32..24, any_group()).prop_map(|(moved, parent)| Action::Move(moved, parent)),
        1 => (1_u32..24).prop_map(Action::Delete),
    ]
}

fn act(tree: &mut Tree, action: &Action) -> bool {
    match *action {
        // An id is created once.
        Action::Create(new, _) if tree.knows(group(new)) => false,
        Action::Create(new, parent) => tree.create(group(new), group(parent)).is_ok(),
        Action::Move(moved, parent) => tree.relocate(group(moved), group(parent)).is_ok(),
        Action::Delete(dead) => {
            tree.delete(group(dead));
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn k5_whatever_happens_the_tree_is_a_tree(
        actions in proptest::collection::vec(action(), 1..80),
    ) {
        let mut tree = Tree::root();
        let mut versions: Vec<Tree> = alloc::vec![tree.clone()];
        for action in &actions {
            let before = tree.clone();
            let took = act(&mut tree, action);
            prop_assert!(took || tree == before, "what is skipped changes nothing");
            for known in tree.groups() {
                // Without tombstones every path arrives, and within the depth.
                let path = tree.walk(known);
                prop_assert_eq!(path.last(), Some(&ROOT));
                prop_assert!(path.len() <= DEPTH_MAX);
                let dead = path.iter().any(|step| tree.tombstones.get(step.place()).is_some());
                prop_assert_eq!(tree.exists(known), !dead);
            }
            versions.push(tree.clone());
        }
        for pair in versions.windows(2).chain([&[tree.clone(), versions[0].clone()][..]]) {
            let changes = pair[0].changes_to(&pair[1]);
            prop_assert_eq!(&pair[0].with(&changes), &pair[1]);
            prop_assert_eq!(changes.is_empty(), pair[0] == pair[1]);
        }
    }
}
