extern crate std;

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::vec::Vec;

type Model = BTreeMap<u32, u16>;

#[derive(Clone, Debug)]
enum Action {
    Insert(u32, u16),
    Remove(u32),
    Change(u32, u16),
    Keep,
}

/// Keys that collide in their high bits, in their low bits, or hardly at all.
fn key() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0_u32..48,
        2 => (0_u32..4).prop_map(|high| high << 28 | 7),
        2 => (0_u32..3, 0_u32..20).prop_map(|(block, low)| block * 4096 + low),
        1 => any::<u32>(),
        1 => Just(u32::MAX),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (key(), 0_u16..4).prop_map(|(key, value)| Action::Insert(key, value)),
        4 => key().prop_map(Action::Remove),
        1 => (key(), 0_u16..4).prop_map(|(key, value)| Action::Change(key, value)),
        1 => Just(Action::Keep),
    ]
}

/// Does the same to map and model, and compares the answers.
fn act(map: &mut PMap<u16>, model: &mut Model, action: &Action) {
    match *action {
        Action::Insert(key, value) => assert_eq!(map.insert(key, value), model.insert(key, value)),
        Action::Remove(key) => assert_eq!(map.remove(key), model.remove(&key)),
        Action::Change(key, value) => {
            let (mine, expected) = (map.get_mut(key), model.get_mut(&key));
            assert_eq!(mine, expected);
            if let (Some(mine), Some(expected)) = (mine, expected) {
                (*mine, *expected) = (value, value);
            }
        }
        Action::Keep => {}
    }
}

/// The map holds what the model holds, in the one shape that these keys have.
fn check(map: &PMap<u16>, model: &Model) {
    assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(map.iter().len(), model.len());
    assert!(map.iter().eq(model.iter().map(|(key, value)| (*key, value))));
    assert!(model.iter().all(|(key, value)| map.get(*key) == Some(value)));
    if let Some(root) = &map.root {
        check_node(root);
    }
}

fn check_node(node: &Node<u16>) {
    match node {
        Node::Leaf { base, values } => {
            assert_eq!(base & 0xf, 0);
            assert!(!values.items().is_empty());
        }
        Node::Branch { shift, count, children, .. } => {
            assert!(children.items().len() >= 2);
            assert_eq!(*count, children.items().iter().map(|child| child.count()).sum::<usize>());
            for (slot, child) in children.iter() {
                assert!(child.shift() < *shift && node.spans(child.base()));
                assert_eq!(slot_of(child.base(), *shift), slot);
                check_node(child);
            }
        }
    }
}

fn naive_diff(left: &Model, right: &Model) -> Vec<(u32, Option<u16>, Option<u16>)> {
    let keys: BTreeSet<u32> = left.keys().chain(right.keys()).copied().collect();
    let pair = |key| (key, left.get(&key).copied(), right.get(&key).copied());
    keys.into_iter().map(pair).filter(|(_, left, right)| left != right).collect()
}

fn diff(left: &PMap<u16>, right: &PMap<u16>) -> Vec<(u32, Option<u16>, Option<u16>)> {
    let mut found = Vec::new();
    left.diff(right, &mut |key, x, y| found.push((key, x.copied(), y.copied())));
    found
}

fn check_pair(
    (left, left_model): (&PMap<u16>, &Model),
    (right, right_model): (&PMap<u16>, &Model),
) {
    assert_eq!(diff(left, right), naive_diff(left_model, right_model));
    assert_eq!(left == right, left_model == right_model);
    let union = left.merge_with(right, |x, y| *x.max(y));
    let mut expected = left_model.clone();
    for (key, value) in right_model {
        let mine = expected.entry(*key).or_insert(*value);
        *mine = (*mine).max(*value);
    }
    check(&union, &expected);
    assert!(union != *left || union.ptr_eq(left));
    assert!(union != *right || union.ptr_eq(left) || union.ptr_eq(right));
    let left_wins = left.merge_with(right, |x, _| *x);
    assert!(left_model.iter().all(|(key, value)| left_wins.get(*key) == Some(value)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Every kept copy stays what it was, and any two of them differ and merge as models do.
    #[test]
    fn a_map_and_its_kept_copies_behave_like_btree_maps(actions in vec(action(), 0..120)) {
        let (mut map, mut model) = (PMap::new(), Model::new());
        let mut kept = std::vec![(map.clone(), model.clone())];
        for action in &actions {
            act(&mut map, &mut model, action);
            if matches!(action, Action::Keep) && kept.len() < 5 {
                kept.push((map.clone(), model.clone()));
            }
        }
        kept.push((map, model));
        for (map, model) in &kept {
            check(map, model);
            prop_assert_eq!(map, &model.clone().into_iter().collect::<PMap<u16>>());
            for (other, other_model) in &kept {
                check_pair((map, model), (other, other_model));
            }
        }
    }

    #[test]
    fn unrelated_maps_differ_and_merge_like_btree_maps(
        left in proptest::collection::btree_map(key(), 0_u16..4, 0..60),
        right in proptest::collection::btree_map(key(), 0_u16..4, 0..60),
    ) {
        let (x, y) = (left.clone().into_iter().collect(), right.clone().into_iter().collect());
        check_pair((&x, &left), (&y, &right));
    }
}

#[test]
fn an_absent_key_copies_nothing() {
    let mut map: PMap<u16> = (0..100).map(|key| (key, 0)).collect();
    let copy = map.clone();
    assert_eq!((map.remove(100), map.get_mut(1 << 30)), (None, None));
    assert!(map.ptr_eq(&copy));
    *map.get_mut(5).unwrap() = 1;
    assert!(!map.ptr_eq(&copy));
    assert_eq!((map.get(5), copy.get(5)), (Some(&1), Some(&0)));
}

/// Counts comparisons, to see that shared parts are not looked at.
#[derive(Clone)]
struct Counted<'a>(&'a core::cell::Cell<u32>);

impl PartialEq for Counted<'_> {
    fn eq(&self, _: &Self) -> bool {
        self.0.set(self.0.get() + 1);
        true
    }
}

#[test]
fn shared_parts_are_skipped() {
    let compared = core::cell::Cell::new(0);
    let map: PMap<Counted<'_>> = (0..10_000).map(|key| (key, Counted(&compared))).collect();
    let mut changed = map.clone();
    changed.insert(4321, Counted(&compared));
    map.diff(&changed, &mut |_, _, _| {});
    assert_eq!(compared.replace(0), 16, "one leaf is compared");
    let merged = map.merge_with(&changed, |x, _| x.clone());
    assert!(merged.ptr_eq(&map));
    assert_eq!(compared.replace(0), 32, "one leaf is merged, its values compared with both");
    assert!(map == changed);
    assert_eq!(compared.get(), 16);
}

#[test]
fn an_order_passes_over_what_is_shared_and_calls_equal_what_is() {
    let map: PMap<u16> = (0..10_000).map(|key| (key, 7)).collect();
    let with = |changes: &[(u32, u16)]| {
        let mut changed = map.clone();
        for (key, value) in changes {
            changed.insert(*key, *value);
        }
        changed
    };
    let fewer: PMap<u16> = (0..9_999).map(|key| (key, 9)).collect();
    let ascending = [
        PMap::new(),
        fewer,
        with(&[(4_321, 6)]),
        with(&[(4_322, 6)]),
        (0..10_000).map(|key| (key, 7)).collect(),
        with(&[(4_321, 8)]),
        with(&[(10_000, 1)]),
        with(&[(u32::MAX, 1)]),
    ];
    for (at, mine) in ascending.iter().enumerate() {
        for (other, theirs) in ascending.iter().enumerate() {
            assert_eq!(mine.cmp(theirs), at.cmp(&other), "{at} {other}");
        }
    }
    // Keys that no value tells apart.
    let [odd, even] = [1, 0].map(|first| (first..64).step_by(2).map(|key| (key, ())));
    let (odd, even): (PMap<()>, PMap<()>) = (odd.collect(), even.collect());
    assert!(odd.cmp(&even).is_ne() && odd.cmp(&odd.clone()).is_eq());
}

#[test]
fn extremes_of_the_key_range() {
    let map: PMap<u8> = [(u32::MAX, 1), (0, 2), (1 << 31, 3)].into_iter().collect();
    assert_eq!(format!("{map:?}"), "{0: 2, 2147483648: 3, 4294967295: 1}");
    assert_eq!((map.get(u32::MAX), map.get(0), map.get(15)), (Some(&1), Some(&2), None));
    assert_eq!(PMap::<u8>::default().iter().next(), None);
}

#[test]
fn a_map_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<PMap<Vec<u8>>>();
}
