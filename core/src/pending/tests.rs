use super::*;
use crate::bounded::{Bounded, Bytes};
use crate::governance::op::{Body, SlotWrite};
use crate::id::NamespaceId;
use crate::testing::{Author, unsigned};

const NOW: MonoMillis = MonoMillis(1_000_000);
const FIVE_MINUTES: u64 = 300_000;

fn id(number: u64) -> OpId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    OpId(bytes)
}

/// Somebody without a key: nothing here looks at signatures.
fn signer(number: u64) -> MemberId {
    MemberId(id(number).0)
}

/// Op number `nonce` of a signer, behind these parents.
fn op(by: u64, nonce: u64, parents: &[OpId], body: Body) -> Verified<Op> {
    let payload = Author::new(0).payload(NamespaceId::default(), body);
    let parents = Bounded::new(parents.to_vec()).unwrap();
    unsigned(&crate::governance::op::Payload { signer: signer(by), nonce, parents, ..payload })
}

fn noop(nonce: u64, parents: &[OpId]) -> Verified<Op> {
    op(nonce, nonce, parents, Body::Noop)
}

impl Pending {
    fn add(&mut self, op: &Verified<Op>, now: MonoMillis) -> bool {
        self.insert(op.clone(), &op.payload.parents, None, now)
    }

    /// Nothing is kept of what is gone.
    fn check(&self) {
        assert_eq!(self.arrivals.len(), self.ops.len());
        let edges: u64 = self.ops.values().map(|waiting| waiting.missing).sum();
        assert_eq!(self.children.len() as u64, edges);
        assert_eq!(self.per_signer.values().sum::<u64>(), self.ops.len() as u64);
        assert!(self.per_signer.values().all(|count| *count > 0));
        let bytes: u64 = self.ops.values().map(|waiting| size_of(&waiting.op)).sum();
        assert_eq!(self.bytes, bytes);
    }
}

#[test]
fn a5_an_op_waits_for_each_of_its_parents_and_comes_out_in_order_of_arrival() {
    let mut pending = Pending::default();
    let (both, one, other) = (noop(1, &[id(1), id(2)]), noop(2, &[id(2)]), noop(3, &[id(3)]));
    for op in [&both, &one, &other] {
        assert!(pending.add(op, NOW));
        assert!(!pending.add(op, NOW), "it waits already");
    }
    assert_eq!(pending.missing(9), [id(1), id(2), id(3)]);
    assert_eq!(pending.missing(2), [id(1), id(2)]);
    assert_eq!(pending.resolve(&id(1)), []);
    let ready: Vec<OpId> = pending.resolve(&id(2)).iter().map(|waiting| waiting.op.id).collect();
    assert_eq!(ready, [both.id, one.id]);
    assert_eq!(pending.resolve(&id(2)), []);
    assert_eq!((pending.len(), pending.contains(&other.id)), (1, true));
    pending.check();
}

#[test]
fn a5_ids_that_wait_themselves_are_not_missing() {
    let mut pending = Pending::default();
    let first = noop(1, &[id(7)]);
    let second = noop(2, &[first.id]);
    pending.add(&second, NOW);
    assert_eq!(pending.missing(9), [first.id]);
    pending.add(&first, NOW);
    assert_eq!(pending.missing(9), [id(7)]);
    assert_eq!(pending.resolve(&id(7)).len(), 1);
    assert_eq!(pending.resolve(&first.id).len(), 1);
    assert_eq!(pending, Pending { next_arrival: 2, ..Pending::default() });
}

#[test]
fn a5_the_children_of_a_refused_op_come_out_and_leave_nothing() {
    let mut pending = Pending::default();
    let (child, cousin) = (noop(1, &[id(1), id(2)]), noop(2, &[id(2)]));
    let ops = [child.clone(), cousin.clone(), noop(3, &[id(1)])];
    for op in &ops {
        pending.add(op, NOW);
    }
    let orphans: Vec<OpId> = pending.orphan(&id(1)).iter().map(|waiting| waiting.op.id).collect();
    assert_eq!(orphans, [child.id, ops[2].id]);
    pending.check();
    assert_eq!(pending.missing(9), [id(2)]);
    assert_eq!(pending.resolve(&id(2)).len(), 1);
    assert!(pending.is_empty());
}

#[test]
fn net_41_an_op_is_dropped_after_five_minutes_to_the_millisecond() {
    let mut pending = Pending::default();
    assert_eq!(pending.next_expiry(), None);
    pending.add(&noop(1, &[id(1)]), NOW);
    pending.add(&noop(2, &[id(1)]), NOW.plus(1));
    assert_eq!(pending.next_expiry(), Some(NOW.plus(FIVE_MINUTES)));
    assert_eq!(pending.expire(NOW.plus(FIVE_MINUTES - 1)), 0);
    assert_eq!(pending.expire(NOW.plus(FIVE_MINUTES)), 1);
    assert_eq!(pending.next_expiry(), Some(NOW.plus(FIVE_MINUTES + 1)));
    assert_eq!(pending.expire(NOW.plus(FIVE_MINUTES + 1)), 1);
    assert_eq!((pending.len(), pending.next_expiry()), (0, None));
    pending.check();
}

#[test]
fn net_41_one_signer_has_at_most_256_ops_waiting() {
    let mut pending = Pending::default();
    let by = |signer, nonce| op(signer, nonce, &[id(1)], Body::Noop);
    let kept = (0..300).filter(|nonce| pending.add(&by(1, *nonce), NOW)).count();
    assert_eq!((kept, pending.len()), (256, 256));
    assert!(pending.contains(&by(1, 0).id) && !pending.contains(&by(1, 256).id));
    assert!(pending.add(&by(2, 0), NOW), "another signer has room");
    assert_eq!(pending.resolve(&id(1)).len(), 257);
    assert!(pending.add(&by(1, 256), NOW), "there is room again");
    pending.check();
}

#[test]
fn net_41_of_ten_thousand_ops_the_oldest_give_way() {
    let mut pending = Pending::default();
    let ops: Vec<_> = (0..10_010).map(|at| noop(at, &[id(1), id(at + 2)])).collect();
    for op in &ops {
        assert!(pending.add(op, NOW));
    }
    assert_eq!(pending.len(), 10_000);
    assert!(!pending.contains(&ops[9].id) && pending.contains(&ops[10].id));
    pending.check();
}

#[test]
fn net_41_of_32_mib_the_oldest_give_way() {
    let mut pending = Pending::default();
    let large = |at| {
        let value = Bytes::new(alloc::vec![0; 32 * 1024]).unwrap();
        let write = SlotWrite::Migration(value);
        op(at, at, &[id(1)], Body::SlotSet { strict: false, write })
    };
    let size = size_of(&large(0));
    let fits = 32 * 1024 * 1024 / size;
    for at in 0..fits + 3 {
        assert!(pending.add(&large(at), NOW));
        assert!(pending.bytes <= 32 * 1024 * 1024);
    }
    assert_eq!(pending.len() as u64, fits);
    assert!(!pending.contains(&large(2).id) && pending.contains(&large(3).id));
    pending.check();
}

#[test]
fn net_41_a_flood_leaves_what_fits() {
    let mut pending = Pending::default();
    // One parent for all, which nobody has: what is dropped is looked up among its children.
    for at in 0..100_000 {
        pending.add(&noop(at, &[id(1), id(at + 2)]), NOW.plus(at));
        assert!(pending.len() <= 10_000);
    }
    assert_eq!((pending.len(), pending.children.len()), (10_000, 20_000));
    pending.check();
    assert_eq!(pending.missing(3), [id(1), id(90_002), id(90_003)]);
    assert_eq!(pending.expire(NOW.plus(FIVE_MINUTES + 100_000)), 10_000);
    assert_eq!(pending, Pending { next_arrival: 100_000, ..Pending::default() });
}
