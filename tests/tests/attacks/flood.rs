//! Rows 15 to 19: parents that are wrong, missing, or too many.

use crate::support::{Case, Replica, chain, noop};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::verdict::{Admission, Dropped};
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::{
    PARENTS_MAX, PENDING_AGE_MS_MAX, PENDING_COUNT_MAX, PENDING_PER_SIGNER_MAX, RULES_VERSION,
    STEP_OPS_MAX,
};
use folkmoot_core::query::Standing;
use folkmoot_core::signed::{Malformed, Op, SignedOp, Verified, verify};
use folkmoot_sim::kit::{Stage, add, copied, create, person, unchecked, verified};
use std::thread;

/// An op by C with these parents, everything else right for the cut of them all.
fn with_parents(case: &Case, known: &[OpId], parents: &[OpId]) -> Verified<Op> {
    let c = person(3);
    let mut draft = c.draft(&case.stage.oracle, known, case.root(), Body::Noop);
    draft.parents = Bounded::new(parents.to_vec()).unwrap();
    verified(case.stage.oracle.namespace(), &c.seal(&draft))
}

#[test]
fn attack_15_parents_that_are_no_antichain_in_order_are_dropped() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let mut tips = [p.a, p.b].map(|author| case.say(author, &[h], root, Body::Noop));
    tips.sort_unstable();
    let [low, high] = tips;
    let mut related = [h, low];
    related.sort_unstable();
    let mut zero = [OpId([0; 32]), low];
    zero.sort_unstable();
    let dropped = |why| Admission::Drop(why);
    let table: [(&[OpId], Admission); 6] = [
        (&[], dropped(Dropped::Parents)),
        (&[low, low], dropped(Dropped::Parents)),
        (&[high, low], dropped(Dropped::Parents)),
        (&related, dropped(Dropped::RelatedParents)),
        // No op has this id: the child waits for it until it is thrown out.
        (&zero, Admission::Pending { missing: vec![OpId([0; 32])] }),
        (&[low, high], Admission::Admit),
    ];
    for (parents, expected) in table {
        let op = with_parents(&case, &tips, parents);
        assert_eq!(case.submit(&op), expected, "{parents:?}");
    }
}

#[test]
fn attack_15_sixty_five_parents_do_not_decode() {
    let (case, p, h) = Case::base();
    let mut draft = p.c.draft(&case.stage.oracle, &[h], case.root(), Body::Noop);
    let ids: Vec<OpId> =
        (0..=PARENTS_MAX).map(|at| OpId([u8::try_from(at).unwrap(); 32])).collect();
    draft.parents = Bounded::new(ids[..PARENTS_MAX].to_vec()).unwrap();
    let bytes = codec::encode(&draft);
    // The list begins behind the nonce, at byte 106 (section 5.2 of the protocol).
    let (head, tail) = bytes.split_at(106);
    let (count, rest) = tail.split_at(4);
    assert_eq!(count, 64_u32.to_le_bytes());
    let (listed, rest) = rest.split_at(32 * PARENTS_MAX);
    let payload = [head, &65_u32.to_le_bytes(), listed, &ids[PARENTS_MAX].0, rest].concat();
    assert!(codec::decode::<Payload>(&bytes, usize::MAX).is_ok());
    let mut signed = SignedOp { payload, signature: folkmoot_core::key::Signature([0; 64]) };
    signed.signature = p.c.endorse(&signed.id().0);
    let verdict = verify(&codec::encode(&signed), case.stage.oracle.namespace());
    assert!(matches!(verdict, Err(Malformed::Encoding(_))), "{verdict:?}");
}

/// An owner and a member, persons 0 and 1, and the last op.
fn crowd() -> (Stage, OpId) {
    let mut stage = Stage::found(&[person(0)]);
    let head = stage.genesis();
    let grant =
        folkmoot_sim::kit::add(person(1), folkmoot_core::governance::rights::Rights::MEMBER);
    let head = stage.say(person(0), &[head], stage.root(), grant);
    (stage, head)
}

fn unknown(at: u64) -> OpId {
    OpId(*blake3::hash(&at.to_le_bytes()).as_bytes())
}

#[test]
fn attack_16_ops_on_unknown_parents_are_bounded_and_thrown_out() {
    let (mut stage, head) = crowd();
    let namespace = stage.oracle.namespace();
    let mut replica = Replica::with(namespace, person(0), stage.log.iter().map(|op| &**op));
    let per_signer = PENDING_PER_SIGNER_MAX as u64 + 10;
    for at in 0..per_signer {
        replica.hear(&noop(person(1), namespace, 1, &[unknown(at)], [0; 32]));
    }
    assert_eq!(replica.view().pending, PENDING_PER_SIGNER_MAX as u64);
    // Nobody else's ops were refused for it, and they are not refused now.
    let op = stage.say(person(0), &[head], stage.root(), create());
    replica.hear(stage.log.last().unwrap());
    assert_eq!(replica.standing(op), Some(Standing::Effective));
    replica.wait(PENDING_AGE_MS_MAX + 1_000);
    assert_eq!(replica.view().pending, 0);
    // What was thrown out is not bad: with its parent it is taken.
    let c = person(1);
    let parent = c.sign(&stage.oracle, &[op], stage.root(), Body::Noop);
    stage.submit(copied(&parent));
    let child = c.sign(&stage.oracle, &[parent.id], stage.root(), Body::Noop);
    replica.hear(&child);
    replica.wait(PENDING_AGE_MS_MAX + 1_000);
    assert_eq!(replica.view().pending, 0);
    for op in [&child, &parent] {
        replica.hear(op);
    }
    assert_eq!(replica.standing(child.id), Some(Standing::Effective));
}

#[test]
fn attack_16_ops_of_many_signers_are_bounded_too() {
    let (stage, _) = crowd();
    let namespace = stage.oracle.namespace();
    let mut replica = Replica::with(namespace, person(0), stage.log.iter().map(|op| &**op));
    let each = PENDING_PER_SIGNER_MAX as u64;
    let signers = PENDING_COUNT_MAX / PENDING_PER_SIGNER_MAX + 2;
    for at in 0..signers as u64 * each {
        // A millisecond for each, which is what one peer may forward.
        replica.now += 1;
        let signer = person(usize::try_from(at / each).unwrap());
        replica.hear(&noop(signer, namespace, 1, &[unknown(at)], [0; 32]));
    }
    assert_eq!(replica.view().pending, PENDING_COUNT_MAX as u64);
    assert_eq!(replica.view().ops, 2);
}

/// Siblings on one parent, all by one member.
fn siblings(
    namespace: NamespaceId,
    base: OpId,
    state_hash: [u8; 32],
    count: u32,
) -> Vec<Verified<Op>> {
    let member = person(1);
    let mut draft = Payload {
        rules: RULES_VERSION,
        namespace,
        group: namespace.root(),
        signer: member.id,
        nonce: 1,
        parents: Bounded::new(vec![base]).unwrap(),
        state_hash,
        body: Body::Noop,
    };
    let fork = |number: u32| {
        let application = *blake3::hash(&number.to_le_bytes()).as_bytes();
        draft.body = Body::ContextRegistered { application };
        unchecked(&member.seal(&draft), true)
    };
    (0..count).map(fork).collect()
}

#[test]
fn attack_18_ten_thousand_siblings_are_all_heads_and_are_joined_again() {
    let (stage, head) = crowd();
    let namespace = stage.oracle.namespace();
    let root = stage.root();
    let state_hash = stage.oracle.now().group_root(root);
    let forks = siblings(namespace, head, state_hash, 10_000);
    let mut replica = Replica::with(namespace, person(0), stage.log.iter().map(|op| &**op));
    for op in &forks {
        replica.now += 1;
        replica.hear(op);
        replica.effects.clear();
    }
    assert_eq!(replica.view().heads.len(), forks.len());
    // The next author joins 64 at a time, and never cites more.
    for nonce in 3..6 {
        let known = &replica.state.durable.namespaces[&namespace];
        let owner = known.space.graph().person(&person(0).id).unwrap();
        let next = known.space.next_op(&mut Cuts::default(), owner, root);
        assert_eq!((next.parents.len(), next.nonce), (PARENTS_MAX, nonce));
        let op = noop(person(0), namespace, next.nonce, &next.parents, next.state_hash);
        let before = replica.view().heads.len();
        replica.hear(&op);
        assert_eq!(replica.view().heads.len(), before + 1 - PARENTS_MAX);
    }
}

/// Small, so that a walk that recurses on what a peer sent does not come back.
const STACK_BYTES: usize = 256 * 1024;

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap();
}

#[test]
fn attack_19_a_chain_of_a_hundred_thousand_needs_no_stack() {
    on_small_stack(|| {
        let (stage, head) = crowd();
        let namespace = stage.oracle.namespace();
        let state_hash = stage.oracle.now().group_root(stage.root());
        let links = chain(person(1), namespace, head, state_hash, 100_000);
        let mut space = Space::default();
        let mut cuts = Cuts::default();
        for op in stage.log.iter().chain(&links) {
            assert_eq!(space.admit(&mut cuts, op), Admission::Admit);
        }
        assert_eq!(space.heads(), [links.last().unwrap().id]);
        let restored = space.archive().restore().unwrap();
        assert_eq!(restored.heads(), space.heads());
        // And the walk back to the beginning, to judge an op on an old cut.
        let old = noop(person(0), namespace, 3, &[head], state_hash);
        assert_eq!(space.admit(&mut cuts, &old), Admission::Admit);
        assert_eq!(space.heads().len(), 2);
    });
}

/// Members whose ops wait; each of them may have so many.
const WAITING_SIGNERS: usize = 8;

#[test]
fn attack_19_a_chain_delivered_in_reverse_unwinds_in_bounded_steps() {
    on_small_stack(|| {
        let (mut stage, mut last) = crowd();
        let namespace = stage.oracle.namespace();
        let root = stage.root();
        for at in 2..=WAITING_SIGNERS {
            last = stage.say(person(0), &[last], root, add(person(at), Rights::MEMBER));
        }
        let state_hash = stage.oracle.now().group_root(root);
        let mut links: Vec<Verified<Op>> = Vec::new();
        for at in 1..=WAITING_SIGNERS {
            let each = PENDING_PER_SIGNER_MAX as u64;
            links.extend(chain(person(at), namespace, last, state_hash, each));
            last = links.last().unwrap().id;
        }
        let mut replica = Replica::with(namespace, person(0), stage.log.iter().map(|op| &**op));
        let (first, late) = links.split_first().unwrap();
        for op in late.iter().rev() {
            replica.now += 1;
            replica.hear(op);
        }
        assert_eq!(replica.view().pending, late.len() as u64);
        replica.events_of_a_step = 0;
        replica.hear(first);
        assert_eq!((replica.view().pending, replica.view().heads), (0, vec![last]));
        // One op frees the next, and no step does more than its share of that.
        assert!(late.len() > STEP_OPS_MAX && replica.events_of_a_step <= STEP_OPS_MAX);
    });
}
