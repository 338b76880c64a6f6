extern crate std;

use super::*;
use crate::bounded::{Bounded, Bytes};
use crate::codec::{decode, encode};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::{format, vec};

type Path = [u8; 32];
type Model = BTreeMap<Path, Vec<u8>>;

/// The root from the definition: no sharing, no order of changes, its own hashing.
fn naive_root(entries: &[(&Path, &Vec<u8>)], depth: usize) -> Path {
    let keyed = |name: &str, message: &[u8]| {
        *blake3::keyed_hash(blake3::hash(name.as_bytes()).as_bytes(), message).as_bytes()
    };
    if let [(path, value)] = entries {
        return keyed("folkmoot merkle leaf v1", &[*path, value.as_slice()].concat());
    }
    let mut node = Vec::new();
    for quarter in 0..4_u8 {
        let mut message = Vec::new();
        for slot in quarter * 4..quarter * 4 + 4 {
            let here = |path: &Path| {
                path[depth / 2] >> (if depth.is_multiple_of(2) { 4 } else { 0 }) & 0xf == slot
            };
            let below: Vec<_> = entries.iter().copied().filter(|(path, _)| here(path)).collect();
            let is_empty = below.is_empty();
            message.extend(if is_empty { [0; 32] } else { naive_root(&below, depth + 1) });
        }
        let is_empty = message.iter().all(|byte| *byte == 0);
        node.extend(if is_empty { [0; 32] } else { keyed("folkmoot merkle quarter v1", &message) });
    }
    keyed("folkmoot merkle node v1", &node)
}

/// Paths that part at depths all over the trie, the last nibble included, and most often where it
/// begins, so that nodes fill.
fn path() -> impl Strategy<Value = Path> {
    let depth = prop_oneof![0_usize..3, 0_usize..64];
    (0_u8..3, depth, 0_u8..16).prop_map(|(first, depth, nibble)| {
        let mut path = [first << 4; 32];
        path[depth / 2] ^= if depth % 2 == 0 { nibble << 4 } else { nibble };
        path
    })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(0_u8..2, 0..3)
}

fn build<'a>(entries: impl IntoIterator<Item = (&'a Path, &'a Vec<u8>)>) -> MerkleMap<Vec<u8>> {
    let mut map = MerkleMap::new();
    for (path, value) in entries {
        map.insert_at(*path, value.clone());
    }
    map
}

/// The map holds what the model holds, in the one shape that these paths have.
fn check(map: &MerkleMap<Vec<u8>>, model: &Model) {
    assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(map.iter().len(), model.len());
    assert!(map.iter().eq(model.iter()));
    assert!(model.iter().all(|(path, value)| map.get_at(path) == Some(value)));
    assert_eq!(map.root(), naive_root(&model.iter().collect::<Vec<_>>(), 0));
    map.root.iter().for_each(check_link);
}

fn check_link(link: &Link<Vec<u8>>) {
    match &link.target {
        Target::Leaf(leaf) => assert_eq!(link.digest, leaf_digest(&leaf.path, &leaf.value)),
        Target::Inner(node) => {
            let (anew, digest) = Inner::new(node.children.clone());
            assert_eq!((link.digest, &node.kept), (digest, &anew.kept));
            assert_eq!(node.kept.is_some(), node.children.items().len() > 2);
            if let [only] = node.children.items() {
                assert!(matches!(only.target, Target::Inner(_)), "an only leaf takes its place");
            }
            node.children.items().iter().for_each(check_link);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// `None` as value removes. Every kept copy stays what it was.
    #[test]
    fn a_map_and_its_kept_copies_behave_like_btree_maps(
        actions in vec((path(), proptest::option::weighted(0.6, value())), 0..60),
        keep_at in vec(0_usize..60, 3),
    ) {
        let (mut map, mut model) = (MerkleMap::new(), Model::new());
        let mut kept = Vec::new();
        for (at, (path, value)) in actions.into_iter().enumerate() {
            if keep_at.contains(&at) {
                kept.push((map.clone(), model.clone()));
            }
            let copy = map.clone();
            let (old, expected) = match value {
                Some(value) => (map.insert_at(path, value.clone()), model.insert(path, value)),
                None => (map.remove_at(&path), model.remove(&path)),
            };
            prop_assert_eq!(copy.get_at(&path), expected.as_ref());
            prop_assert_eq!(old, expected);
        }
        kept.push((map, model));
        for (map, model) in &kept {
            check(map, model);
        }
    }

    /// All that a node can hold, in any order: what it keeps of its quarters is always up to date.
    #[test]
    fn a_node_fills_and_empties_slot_by_slot(
        actions in vec((0_u8..16, proptest::option::weighted(0.6, value())), 0..60),
    ) {
        let (mut map, mut model) = (MerkleMap::new(), Model::new());
        for (slot, value) in actions {
            let path = [slot << 4; 32];
            let (old, expected) = match value {
                Some(value) => (map.insert_at(path, value.clone()), model.insert(path, value)),
                None => (map.remove_at(&path), model.remove(&path)),
            };
            prop_assert_eq!(old, expected);
            check(&map, &model);
        }
    }

    /// Other entries that come and go in between leave no trace.
    #[test]
    fn the_root_does_not_depend_on_history(
        model in btree_map(path(), value(), 0..24),
        order in vec(any::<u32>(), 24),
        passing in btree_map(path(), value(), 0..24),
    ) {
        let mut shuffled: Vec<_> = order.iter().zip(&model).collect();
        shuffled.sort();
        let is_passing = |entry: &(&Path, &Vec<u8>)| !model.contains_key(entry.0);
        let passing: Vec<_> = passing.iter().filter(is_passing).collect();
        let mut map = build(passing.iter().copied());
        for (path, value) in shuffled.iter().map(|(_, entry)| *entry) {
            map.insert_at(*path, vec![9; 9]);
            map.insert_at(*path, value.clone());
        }
        for (path, _) in &passing {
            map.remove_at(path);
        }
        check(&map, &model);
        prop_assert_eq!(&map, &build(&model));
        let removed = model.keys().rev().filter_map(|path| map.remove_at(path)).count();
        prop_assert_eq!(removed, model.len());
        prop_assert_eq!(map.root(), EMPTY_ROOT);
        prop_assert!(map.ptr_eq(&MerkleMap::new()));
    }

    /// Each proof shows the one value of its key in its map, and nothing else.
    #[test]
    fn proofs_show_what_is_so_and_nothing_else(
        model in btree_map(path(), value(), 0..24),
        absent in vec(path(), 8),
        other in (path(), value()),
    ) {
        let map = build(&model);
        let mut changed = map.clone();
        let is_changed = changed.insert_at(other.0, other.1.clone()) != Some(other.1);
        for path in model.keys().chain(&absent) {
            let value = model.get(path).map(Vec::as_slice);
            let proof = map.prove_at(path);
            prop_assert_eq!(proof.verify_at(&map.root(), path, value), Ok(()));
            prop_assert_eq!(&decode::<Proof>(&encode(&proof), 1 << 16), &Ok(proof.clone()));
            for wrong in [None, Some(&b""[..]), Some(b"\0"), Some(b"other")] {
                let verdict = proof.verify_at(&map.root(), path, wrong);
                prop_assert_eq!(verdict.is_ok(), wrong == value);
            }
            for (foreign, wrong) in &model {
                let verdict = proof.verify_at(&map.root(), foreign, Some(wrong));
                prop_assert_eq!(verdict.is_ok(), foreign == path);
            }
            if is_changed {
                let verdict = proof.verify_at(&changed.root(), path, value);
                prop_assert_eq!(verdict, Err(ProofError::Root));
            }
        }
    }

    #[test]
    fn invented_proofs_are_refused(
        steps in vec((beside(), beside()), 0..65),
        neighbour in proptest::option::of((path(), value())),
        path in path(),
        value in proptest::option::of(value()),
    ) {
        let steps = steps.into_iter().map(|(quarters, siblings)| ProofStep { quarters, siblings });
        let neighbour = neighbour.map(|(path, value)| {
            Neighbour { path, value: Bytes::truncated(value) }
        });
        let proof = Proof { steps: Bounded::truncated(steps.collect()), neighbour };
        for honest in [MerkleMap::new(), build([(&path, &vec![1])])] {
            let is_so = honest.get_at(&path) == value.as_ref();
            let verdict = proof.verify_at(&honest.root(), &path, value.as_deref());
            prop_assert_eq!(verdict.is_ok(), is_so && proof == honest.prove_at(&path));
        }
    }
}

/// Three digests, any of which may be missing.
fn beside() -> impl Strategy<Value = [Path; 3]> {
    proptest::array::uniform3(prop_oneof![Just([0; 32]), any::<Path>()])
}

proptest! {
    #[test]
    fn a_map_made_at_once_is_the_map_that_grew(
        entries in btree_map(vec(any::<u8>(), 0..3), value(), 0..200),
    ) {
        let mut grown = MerkleMap::new();
        for (key, value) in &entries {
            grown.insert(key, value.clone());
        }
        let rows = entries.iter().map(|(key, value)| (key.clone(), value.clone(), value.clone()));
        let mut made = MerkleMap::of(rows);
        assert_eq!((made.root(), made.len()), (grown.root(), grown.len()));
        assert!(made.iter().eq(grown.iter()));
        if let Some(root) = &made.root {
            check_link(root);
        }
        for key in entries.keys() {
            assert_eq!(made.remove(key), grown.remove(key));
            assert_eq!(made.root(), grown.root());
        }
    }
}

#[test]
fn a_value_may_stand_for_bytes_that_are_made_when_they_are_needed() {
    let bytes = |number: &u8| vec![*number; 40];
    let (mut short, mut long) = (MerkleMap::new(), MerkleMap::new());
    for number in 0..100 {
        short.insert_as(&[number], &bytes(&number), number);
        long.insert(&[number], bytes(&number));
    }
    assert_eq!(short.root(), long.root());
    for key in 0..=200 {
        assert_eq!(short.prove_as(&[key], bytes), long.prove(&[key]));
    }
}

fn numbered(count: u32) -> MerkleMap<Vec<u8>> {
    let mut map = MerkleMap::new();
    for at in 0..count {
        map.insert(format!("key {at}").as_bytes(), format!("value {at}").into_bytes());
    }
    map
}

/// Computed by an independent program from the definition in the head of the module.
#[test]
fn golden_roots() {
    let golden = [
        (0, "9ac563250c8bc541e94d6915e92bfde39ac7816168ee71667a4e5ea2818af326"),
        (1, "e51fad6a38ae38aef69522c429faa6e7e932e674c7b8cb60d5038dcbc29335ab"),
        (2, "7a7b466c8be6410895558e38d3957bc2070d4bd4bd56036062da096dc262bb06"),
        (17, "76150f5d043a284cde76000e6b2183958a1141cee6cb06d24b4bc97080d5cf5b"),
    ];
    for (count, root) in golden {
        assert_eq!(blake3::Hash::from_bytes(numbered(count).root()).to_hex().as_str(), root);
    }
    assert_eq!(EMPTY_ROOT, digest(Domain::MerkleNode, &[0; 128]));
}

#[test]
fn keys_are_found_by_their_bytes() {
    let mut map = numbered(17);
    let copy = map.clone();
    assert_eq!(map.get(b"key 3"), Some(&b"value 3".to_vec()));
    assert_eq!(map.insert(b"key 3", b"new".to_vec()), Some(b"value 3".to_vec()));
    assert_eq!(map.insert(&[7; 512], b"long".to_vec()), None);
    assert_eq!(map.remove(b""), None);
    assert_eq!(map.remove(&[7; 512]), Some(b"long".to_vec()));
    assert_ne!(map, copy);
    map.insert(b"key 3", b"value 3".to_vec());
    assert_eq!((&map, map.len()), (&copy, 17));
    assert!(!map.ptr_eq(&copy) && map.ptr_eq(&map.clone()));
    assert_eq!(format!("{map:?}"), "MerkleMap(17 entries, root 76150f5d)");
}

#[test]
fn an_absent_key_copies_nothing() {
    let map = numbered(17);
    let mut copy = map.clone();
    assert_eq!(copy.remove(b"key 17"), None);
    assert!(copy.ptr_eq(&map));
}

/// Two leaves that part at the last nibble hang below 63 nodes with one child; removing either
/// brings the other back to the top.
#[test]
fn removal_collapses_the_longest_chain() {
    let (mut left, right, far) = ([0; 32], [0; 32], [0xff; 32]);
    left[31] = 1;
    for (removed, rest) in [(left, right), (right, left)] {
        let mut map = build([(&left, &vec![1]), (&right, &vec![1])]);
        assert_eq!(map.prove_at(&left).steps.len(), PATH_NIBBLES);
        map.remove_at(&removed);
        assert_eq!(map.prove_at(&rest).steps.len(), 0);
        map.insert_at(far, vec![2]);
        map.insert_at(removed, vec![1]);
        map.remove_at(&removed);
        assert_eq!(map.prove_at(&rest).steps.len(), 1);
        assert_eq!(map, build([(&far, &vec![2]), (&rest, &vec![1])]));
    }
}

/// Presence, an empty slot and another leaf in the way: three ways for a proof to end.
#[test]
fn every_changed_bit_of_a_proof_is_noticed() {
    let map = numbered(40);
    let absent: Vec<_> = (40..60).map(|at| format!("key {at}")).collect();
    let ends_in_leaf = |key: &&std::string::String| map.prove(key.as_bytes()).neighbour.is_some();
    let cases = [
        ("key 0", Some(&b"value 0"[..])),
        (absent.iter().find(ends_in_leaf).unwrap(), None),
        (absent.iter().find(|key| !ends_in_leaf(key)).unwrap(), None),
    ];
    for (key, value) in cases {
        let (key, root) = (key.as_bytes(), map.root());
        let bytes = encode(&map.prove(key));
        assert_eq!(map.prove(key).verify(&root, key, value), Ok(()));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let forged = decode::<Proof>(&bytes, 1 << 16);
            assert!(forged.is_err() || forged.unwrap().verify(&root, key, value).is_err(), "{bit}");
        }
        for bit in 0..256 {
            let mut root = root;
            root[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(map.prove(key).verify(&root, key, value), Err(ProofError::Root));
        }
    }
}

#[test]
fn steps_and_neighbours_that_do_not_fit_are_named() {
    let map = numbered(17);
    let (root, proof) = (map.root(), map.prove(b"key 0"));
    let verify = |proof: &Proof, value| proof.verify(&root, b"key 0", value);
    let mut steps = proof.steps.to_vec();
    let depth = steps.len();
    steps.push(ProofStep { quarters: [[0; 32]; 3], siblings: [[0; 32]; 3] });
    let hollow = Proof { steps: Bounded::truncated(steps), neighbour: None };
    assert_eq!(verify(&hollow, None), Err(ProofError::Step { depth }));
    assert_eq!(verify(&hollow, Some(b"value 0")), Err(ProofError::Root));
    assert_eq!(verify(&proof, None), Err(ProofError::Root));
    let own = Neighbour { path: path_of(b"key 0"), value: Bytes::truncated(b"value 0".to_vec()) };
    let forged = Proof { neighbour: Some(own), ..proof };
    assert_eq!(verify(&forged, None), Err(ProofError::Neighbour));
    assert_eq!(verify(&forged, Some(b"value 0")), Err(ProofError::Neighbour));
    let elsewhere =
        Neighbour { path: path_of(b"key 1"), value: Bytes::truncated(b"value 1".to_vec()) };
    let forged = Proof { neighbour: Some(elsewhere), ..forged };
    assert_eq!(verify(&forged, None), Err(ProofError::Neighbour));
}

/// A present child left out to look absent, one slipped into an empty slot, and one moved within
/// its quarter or with it.
#[test]
fn a_child_is_in_its_slot_or_nowhere() {
    let (own, other) = ([7; 32], [8; 32]);
    let nothing = [[0; 32]; 3];
    let step = ProofStep { quarters: nothing, siblings: [other, [0; 32], [0; 32]] };
    let digests: BTreeSet<_> = (0..16)
        .flat_map(|slot| [None, Some(own)].map(|below| step.digest_over(slot, below).unwrap()))
        .collect();
    // Alone, the other child stands in the first slot of the quarter or, seen from there, in the
    // second: the own slot does not show.
    assert_eq!(digests.len(), 16 + 4 * 2);
    let swapped = ProofStep { siblings: [own, [0; 32], [0; 32]], ..step };
    assert_eq!(step.digest_over(0, Some(own)), swapped.digest_over(1, Some(other)));
    let hollow = ProofStep { quarters: nothing, siblings: nothing };
    assert!((0..16).all(|slot| hollow.digest_over(slot, None).is_none()));
    assert_eq!(hollow.digest_over(0, Some(other)), step.digest_over(1, None));
}

/// In the map without entries nothing but nothing is a proof of absence.
#[test]
fn an_empty_map_has_one_proof() {
    let empty = MerkleMap::<Vec<u8>>::new();
    let proof = empty.prove(b"key");
    assert_eq!(proof.verify(&EMPTY_ROOT, b"key", None), Ok(()));
    let step = ProofStep { quarters: [[0; 32]; 3], siblings: [[0; 32]; 3] };
    let longer = Proof { steps: Bounded::truncated(vec![step]), ..proof };
    let refused = Err(ProofError::Step { depth: 0 });
    assert_eq!(longer.verify(&EMPTY_ROOT, b"key", None), refused);
}

/// A node takes six digests, however full it is.
#[test]
fn a_proof_grows_with_the_depth_alone() {
    let map = numbered(1000);
    for at in 0..1000 {
        let proof = map.prove(format!("key {at}").as_bytes());
        assert_eq!(encode(&proof).len(), 4 + proof.steps.len() * 6 * 32 + 1);
    }
}

#[test]
fn a_map_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<MerkleMap<Vec<u8>>>();
}
