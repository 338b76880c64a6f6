extern crate std;

use super::*;
use crate::governance::table::Ix;
use crate::sync::index::Index;
use core::cell::Cell;
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// Ops by the order of their arrival.
struct Ops(Vec<Key>);

/// The same, and how often a key was looked up.
struct Counted(Ops, Cell<usize>);

impl Keyed for Counted {
    fn count(&self) -> u32 {
        self.0.count()
    }

    fn key(&self, ix: Ix) -> Key {
        self.1.set(self.1.get() + 1);
        self.0.key(ix)
    }
}

impl Keyed for Ops {
    fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap()
    }

    fn key(&self, ix: Ix) -> Key {
        self.0[ix.0 as usize]
    }
}

/// The op of this number: some share a generation, and one in eight shares most of its id.
fn key(number: u32) -> Key {
    let digest = blake3::hash(&number.to_le_bytes());
    let mut id = *digest.as_bytes();
    if number.is_multiple_of(8) {
        id[..20].fill(7);
    }
    Key { generation: u64::from(number / 3), id: OpId(id) }
}

fn ops(numbers: impl IntoIterator<Item = u32>) -> Ops {
    Ops(numbers.into_iter().map(key).collect())
}

fn order(ops: &Ops) -> Index {
    let mut index = Index::default();
    while !index.catch_up(ops, 100) {}
    index
}

/// What two sets send each other: the differences as the asker finds them, bytes and rounds.
fn reconcile(ours: &Ops, theirs: &Ops) -> (Differences, usize, usize) {
    let (our_index, their_index) = (order(ours), order(theirs));
    let (ours, theirs) = (our_index.ordered(ours), their_index.ordered(theirs));
    let mut found = Differences::default();
    let mut question = Some(begin(&ours));
    let (mut bytes, mut rounds) = (0, 0);
    while let Some(message) = question {
        assert!(message.len() <= RECONCILE_BYTES_MAX);
        let reply = answer(&theirs, &message).unwrap();
        assert!(reply.len() <= RECONCILE_BYTES_MAX);
        (bytes, rounds) = (bytes + message.len() + reply.len(), rounds + 1);
        question = go_on(&ours, &reply, &mut found).unwrap();
    }
    (found, bytes, rounds)
}

fn ids_in(ops: &Ops, found: &BTreeSet<Ix>) -> BTreeSet<OpId> {
    found.iter().map(|ix| ops.key(*ix).id).collect()
}

fn without(ops: &Ops, others: &Ops) -> BTreeSet<OpId> {
    let others: BTreeSet<OpId> = others.0.iter().map(|key| key.id).collect();
    ops.0.iter().map(|key| key.id).filter(|id| !others.contains(id)).collect()
}

fn reference(ops: &Ops) -> Negentropy<'static, NegentropyStorageVector> {
    let mut storage = NegentropyStorageVector::new();
    for key in &ops.0 {
        storage.insert(key.generation, Id::from_byte_array(key.id.0)).unwrap();
    }
    storage.seal().unwrap();
    Negentropy::owned(storage, RECONCILE_BYTES_MAX as u64).unwrap()
}

fn ids(ids: Vec<Id>) -> BTreeSet<OpId> {
    ids.into_iter().map(|id| OpId(id.to_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn net_42_the_differences_of_two_sets_are_found(
        ours in btree_set(0_u32..3000, 0..1500),
        theirs in btree_set(0_u32..3000, 0..1500),
    ) {
        let (ours, theirs) = (ops(ours), ops(theirs));
        let (found, ..) = reconcile(&ours, &theirs);
        let (expected_ours, expected_theirs) = (without(&ours, &theirs), without(&theirs, &ours));
        prop_assert_eq!(ids_in(&ours, &found.ours), expected_ours);
        prop_assert_eq!(found.theirs, expected_theirs);
        prop_assert_eq!(found.open_from, None);
    }

    #[test]
    fn net_42_the_messages_are_those_of_the_reference(
        common in 0_u32..2500,
        ours in btree_set(2500_u32..4000, 0..800),
        theirs in btree_set(1000_u32..4000, 0..800),
    ) {
        let ours = ops((0..common).chain(ours));
        let theirs: BTreeSet<u32> = (0..common).chain(theirs).collect();
        let theirs = ops(theirs);
        let (our_index, their_index) = (order(&ours), order(&theirs));
        let (ours_in, theirs_in) = (our_index.ordered(&ours), their_index.ordered(&theirs));
        // The reference asks, we answer; and at each step we would have asked the same.
        let (mut asker, mut have, mut need) = (reference(&ours), Vec::new(), Vec::new());
        let mut answerer = reference(&theirs);
        let mut found = Differences::default();
        let mut question = Some(asker.initiate().unwrap());
        prop_assert_eq!(question.as_ref(), Some(&begin(&ours_in)));
        while let Some(message) = question {
            let reply = answer(&theirs_in, &message).unwrap();
            prop_assert_eq!(&reply, &answerer.reconcile(&message).unwrap());
            question = asker.reconcile_with_ids(&reply, &mut have, &mut need).unwrap();
            prop_assert_eq!(&question, &go_on(&ours_in, &reply, &mut found).unwrap());
        }
        prop_assert_eq!(ids_in(&ours, &found.ours), ids(have));
        prop_assert_eq!(found.theirs, ids(need));
    }

    #[test]
    fn net_42_no_message_of_a_stranger_does_harm(mut message in vec(any::<u8>(), 0..300)) {
        let ops = ops(0..500);
        let index = order(&ops);
        let set = index.ordered(&ops);
        for first in [None, Some(VERSION)] {
            if let Some(first) = first {
                message.insert(0, first);
            }
            let mut found = Differences::default();
            if let Ok(reply) = answer(&set, &message) {
                prop_assert!(reply.len() <= RECONCILE_BYTES_MAX);
            }
            let _ = go_on(&set, &message, &mut found);
            prop_assert!(found.ours.len() <= 500);
        }
    }

    #[test]
    fn the_order_knows_ranks_and_sums(
        numbers in btree_set(0_u32..5000, 1..2000),
        shuffle in any::<u64>(),
        at in vec(0_usize..2000, 4),
    ) {
        let mut arrivals: Vec<u32> = numbers.iter().copied().collect();
        let lot = |n: &u32| *blake3::hash(&(shuffle ^ u64::from(*n)).to_le_bytes()).as_bytes();
        arrivals.sort_by_key(lot);
        let ops = ops(arrivals);
        let index = order(&ops);
        let set = index.ordered(&ops);
        let mut sorted = ops.0.clone();
        sorted.sort_unstable();
        prop_assert_eq!(set.range(0, set.len()).collect::<Vec<_>>(), sorted.clone());
        for pair in at.windows(2) {
            let (a, b) = (pair[0].min(sorted.len()), pair[1].min(sorted.len()));
            let (lower, upper) = (a.min(b), a.max(b));
            prop_assert_eq!(set.range(lower, upper).count(), upper - lower);
            let sum = Ops(sorted[lower..upper].to_vec());
            let whole = order(&sum);
            let whole = whole.ordered(&sum);
            prop_assert_eq!(set.sum(lower, upper), whole.sum(0, whole.len()));
            if let Some(key) = sorted.get(lower) {
                prop_assert_eq!(set.rank(key), lower);
            }
        }
    }
}

#[test]
fn net_42_bytes_and_rounds_grow_with_the_difference() {
    // Histories that parted: what differs stands at the end.
    for (common, ours, theirs) in
        [(20_000, 1, 0), (20_000, 0, 1), (20_000, 50, 50), (20_000, 500, 500), (100, 3000, 3000)]
    {
        let end = common + ours;
        let (ours_set, theirs_set) = (ops(0..end), ops((0..common).chain(end..end + theirs)));
        let (found, bytes, rounds) = reconcile(&ours_set, &theirs_set);
        let difference = (ours + theirs) as usize;
        assert_eq!(found.ours.len() + found.theirs.len(), difference);
        assert!(bytes <= 4096 + 64 * difference, "{difference} ops in {bytes} bytes");
        let count = (common + ours.max(theirs)) as usize;
        let rounds_max = count.ilog2() as usize / 4 + 2 + bytes / RECONCILE_BYTES_MAX;
        assert!(rounds <= rounds_max, "{difference} ops in {rounds} rounds");
    }
}

#[test]
fn net_42_what_is_not_known_yet_lies_behind_a_bound() {
    let (ours, theirs) = (ops(0..36_000), ops((0..1000).chain(36_000..68_000)));
    let (our_index, their_index) = (order(&ours), order(&theirs));
    let (ours_in, theirs_in) = (our_index.ordered(&ours), their_index.ordered(&theirs));
    let (first, mut found) = (begin(&ours_in), Differences::default());
    let mut question = first;
    for _ in 0..4 {
        let reply = answer(&theirs_in, &question).unwrap();
        question = go_on(&ours_in, &reply, &mut found).unwrap().unwrap();
        let open = found.open_from.unwrap();
        let (only_ours, found) = (without(&ours, &theirs), ids_in(&ours, &found.ours));
        // Below the bound all is known.
        for key in ours.0.iter().filter(|key| **key < open) {
            assert_eq!(only_ours.contains(&key.id), found.contains(&key.id));
        }
    }
    assert!(found.open_from.unwrap() > key(3000));
}

#[test]
fn net_42_equal_sets_need_one_round() {
    let (ours, theirs) = (ops(0..5000), ops((0..5000).rev()));
    let (found, bytes, rounds) = reconcile(&ours, &theirs);
    assert_eq!((found, rounds), (Differences::default(), 1));
    assert!(bytes < 1024, "{bytes}");
}

#[test]
fn net_3_an_answerer_that_names_everything_fills_a_bounded_set() {
    let count = u32::try_from(DIFFERENCES_MAX).unwrap() + 5000;
    let all = ops(0..count);
    let index = order(&all);
    let set = index.ordered(&all);
    // The first op is said to be common; of the rest the answerer has none.
    let mut message = Writer::new();
    message.ids(&set, 0, 1, &bound_between(&set, 1));
    message.range(&END, IDS);
    write_number(&mut message.bytes, 0);
    let mut found = Differences::default();
    assert_eq!(go_on(&set, &message.bytes, &mut found), Ok(None));
    assert_eq!(found.ours.len(), DIFFERENCES_MAX);
    // What was not noted is unknown, and not common.
    let known = set.range(0, set.len()).filter(|key| found.open_from > Some(*key));
    assert_eq!(known.count(), 1);
}

/// Messages of full length that cost as much as they can: as many fingerprints as there is room for
/// that are all the same as ours, that all differ, ranges that are skipped, and empty lists of ids.
fn dear(set: &Ordered<'_, Counted>) -> Vec<Vec<u8>> {
    let fill = |ranges: usize, range: &dyn Fn(&mut Writer, usize, usize, &Bound)| {
        let mut message = Writer::new();
        let each = set.len() / ranges;
        for at in (0..set.len() - each).step_by(each) {
            if message.is_full() {
                break;
            }
            range(&mut message, at, at + each, &bound_between(set, at + each));
        }
        message.bytes
    };
    let same = |out: &mut Writer, lower: usize, upper: usize, bound: &Bound| {
        out.range(bound, FINGERPRINT);
        out.bytes.extend(fingerprint(set, lower, upper));
    };
    let other = |out: &mut Writer, _: usize, _: usize, bound: &Bound| {
        out.range(bound, FINGERPRINT);
        out.bytes.extend([7; 16]);
    };
    let skip = |out: &mut Writer, _: usize, _: usize, bound: &Bound| out.range(bound, SKIP);
    let none = |out: &mut Writer, _: usize, _: usize, bound: &Bound| {
        out.range(bound, IDS);
        write_number(&mut out.bytes, 0);
    };
    [fill(12_000, &same), fill(12_000, &other), fill(60_000, &skip), fill(60_000, &none)].into()
}

#[test]
fn net_3_what_one_message_costs_is_bounded() {
    let all = Counted(ops(0..120_000), Cell::new(0));
    let mut index = Index::default();
    while !index.catch_up(&all, 10_000) {}
    let set = index.ordered(&all);
    let lookups = |run: &dyn Fn()| {
        all.1.set(0);
        run();
        all.1.get()
    };
    for (kind, message) in dear(&set).iter().enumerate() {
        let answered = lookups(&|| assert!(answer(&set, message).is_ok()));
        let read = lookups(&|| {
            let _ = go_on(&set, message, &mut Differences::default()).unwrap();
        });
        // A bound is found within one block, and one is added up in part.
        assert!(answered <= 75 * RECONCILE_RANGES_MAX, "{kind}: {answered}");
        assert!(read <= 75 * RECONCILE_RANGES_MAX, "{kind}: {read}");
    }
}

#[test]
fn net_42_what_is_too_much_for_one_message_is_settled_by_the_next() {
    // Every other op differs: far more ranges than are looked at for one message.
    let count = 60_000;
    let (ours, theirs) = (ops(0..count), ops((0..count).filter(|number| number % 2 == 0)));
    let (found, _, rounds) = reconcile(&ours, &theirs);
    assert_eq!(ids_in(&ours, &found.ours), without(&ours, &theirs));
    assert!(found.theirs.is_empty() && found.open_from.is_none());
    assert!(rounds <= 20, "{rounds}");
}
