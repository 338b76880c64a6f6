//! Rows 33, 34 and 42: a member that lies when it is asked.

use crate::support::{Case, Town};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::OpId;
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::readiness::State;
use folkmoot_core::signed::SignedOp;
use folkmoot_core::wire::{OpBytes, Request, Response};
use folkmoot_sim::cluster::{Asked, Cluster, Liar};
use folkmoot_sim::kit::{Author, Stage, create, person};

/// Ops in the history that a node fetches here: more than a page.
const LONG: usize = PAGE_OPS_MAX + 100;

/// A namespace of persons 0 to 3 with `count` ops more.
fn stage(count: usize) -> Stage {
    let (case, p, head) = Case::base();
    let (mut stage, mut head) = (case.stage, head);
    let root = stage.root();
    for _ in 0..count {
        head = stage.say(p.o, &[head], root, Body::Noop);
    }
    stage
}

fn id_of(op: &OpBytes) -> OpId {
    codec::decode::<SignedOp>(op, usize::MAX).unwrap().id()
}

/// Answers to fetches go through `lie`; everything else is honest.
fn on_fetches(mut lie: impl FnMut(Vec<OpBytes>, u64) -> Option<Vec<u8>> + 'static) -> Liar {
    Box::new(move |asked: Asked<'_>| {
        let is_fetch = matches!(Request::decode(asked.question), Ok(Request::Fetch { .. }));
        match Response::decode(&asked.honest) {
            Ok(Response::Ops { ops, total }) if is_fetch => lie(ops.into_vec(), total),
            _ => Some(asked.honest),
        }
    })
}

fn page(ops: Vec<OpBytes>, total: u64) -> Vec<u8> {
    Response::Ops { ops: Bounded::new(ops).unwrap(), total }.encode()
}

/// Node 1 lies, node 2 does not, node 0 begins with nothing; the town after `ms` milliseconds.
fn lied_to(stage: &Stage, liar: Liar, ms: u64) -> Town {
    let mut town = Town::of(stage, 3);
    town.cluster.run(60_000);
    town.cluster.corrupt(1, liar);
    town.settle(0, person(0));
    town.cluster.run(ms);
    town
}

#[test]
fn attack_33_whatever_a_partner_sends_instead_of_ops_another_one_has_them() {
    let garbage = |_, _| Some(vec![0xff; 100]);
    let other_kind = |_, _| Some(Response::Noted.encode());
    let nothing = |_, _| Some(page(Vec::new(), 0));
    let less = |mut ops: Vec<OpBytes>, _| {
        ops.pop();
        let total = ops.len() as u64;
        Some(page(ops, total))
    };
    let forged = |ops: Vec<OpBytes>, total| {
        let forge = |op: OpBytes| {
            let mut bytes = op.into_vec();
            *bytes.last_mut().unwrap() ^= 1;
            Bounded::new(bytes).unwrap()
        };
        Some(page(ops.into_iter().map(forge).collect(), total))
    };
    let stall = |_, _| None;
    let lies: [(&str, Liar, bool); 6] = [
        ("garbage", on_fetches(garbage), true),
        ("another kind", on_fetches(other_kind), false),
        ("nothing", on_fetches(nothing), false),
        ("less", on_fetches(less), false),
        ("forged", on_fetches(forged), true),
        ("stall", on_fetches(stall), false),
    ];
    let stage = stage(LONG);
    for (name, liar, is_charged) in lies {
        // Five seconds for the one that stalls, and the time to ask the other.
        let town = lied_to(&stage, liar, 8_000);
        town.agree();
        let charged = &town.cluster.nodes[0].charged;
        let blamed = charged.iter().all(|peer| *peer == Cluster::peer(1)) && !charged.is_empty();
        assert_eq!(blamed, is_charged, "{name}: {charged:?}");
        assert!(town.readiness(0).tier().is_ready() || town.readiness(0) == State::Bootstrapping);
    }
}

#[test]
fn attack_33_a_liar_alone_convinces_nobody() {
    let stage = stage(3);
    let mut town = Town::of(&stage, 2);
    let root = town.view(0).state_root;
    // It tells other heads with the root of the right ones.
    town.cluster.corrupt(
        1,
        Box::new(|asked| match Response::decode(&asked.honest) {
            Ok(Response::Heads { state_root, .. }) => {
                let heads = Bounded::truncated(vec![OpId([7; 32])]);
                Some(Response::Heads { heads, state_root, knows_yours: true }.encode())
            }
            _ => Some(asked.honest),
        }),
    );
    town.settle(0, person(0));
    town.cluster.run(60_000);
    assert_ne!(town.view(0).state_root, root);
    assert_ne!(town.readiness(0), State::PeerValidated);
}

#[test]
fn attack_34_an_op_that_one_member_withholds_comes_from_another() {
    let (mut case, p, head) = Case::base();
    let root = case.root();
    let withheld = case.say(p.c, &[head], root, Body::Noop);
    let child = case.say(p.a, &[withheld], root, create());
    let withhold = || {
        on_fetches(move |ops, total| {
            let kept: Vec<OpBytes> = ops.into_iter().filter(|op| id_of(op) != withheld).collect();
            Some(page(kept, total))
        })
    };
    // With an honest member there, it takes no longer than to ask it.
    let town = lied_to(&case.stage, withhold(), 5_000);
    town.agree();
    assert!(town.has(0, child));

    // With none, the gap is seen, and heals when one comes.
    let mut town = Town::of(&case.stage, 3);
    town.cluster.corrupt(1, withhold());
    town.cluster.cut(0, 2);
    town.settle(0, person(0));
    town.cluster.run(20_000);
    assert!(!town.has(0, withheld) && !town.has(0, child));
    assert_ne!(town.readiness(0), State::PeerValidated);
    town.cluster.heal(0, 2);
    town.cluster.run(5_000);
    town.agree();
}

#[test]
fn attack_42_pages_without_end_end() {
    // The same full page again and again, of a list that is said to be endless.
    let endless = |ops: Vec<OpBytes>, _| Some(page(ops, u64::MAX));
    let mut first: Option<Vec<OpBytes>> = None;
    let again = move |ops: Vec<OpBytes>, _| {
        let ops = first.get_or_insert(ops).clone();
        Some(page(ops, 1 << 60))
    };
    let stage = stage(LONG);
    for liar in [on_fetches(endless), on_fetches(again)] {
        let mut town = lied_to(&stage, liar, 20_000);
        town.agree();
        town.cluster.run(60_000);
        let (before, ms) = (town.questions(0, 1), 120_000);
        town.cluster.run(ms);
        let asked = town.questions(0, 1) - before;
        assert!(asked < 60, "{asked} questions in {ms} ms when all is here");
    }
}

#[test]
fn attack_42_pages_of_another_namespace_and_beyond_the_limits_are_lies() {
    let elsewhere = Author::new(1 << 30).found(&[&Author::new(1 << 30)], [1; 16]);
    let other: OpBytes = Bounded::new(codec::encode(&elsewhere.signed)).unwrap();
    let of_other = move |mut ops: Vec<OpBytes>, total| {
        ops.insert(0, other.clone());
        ops.truncate(PAGE_OPS_MAX);
        Some(page(ops, total))
    };
    // One op too many: the number of ops stands behind version and kind.
    let too_many = |ops: Vec<OpBytes>, total: u64| {
        let one = ops.first()?;
        let mut bytes = vec![1, 1];
        bytes.extend(u32::try_from(PAGE_OPS_MAX + 1).unwrap().to_le_bytes());
        for _ in 0..=PAGE_OPS_MAX {
            bytes.extend(codec::encode(one));
        }
        bytes.extend(total.to_le_bytes());
        Some(bytes)
    };
    let too_large = |_, _| Some(vec![1; 2 * 1024 * 1024]);
    let bomb = |_, _| Some([&[1, 1][..], &[0xff; 4]].concat());
    let liars =
        [on_fetches(of_other), on_fetches(too_many), on_fetches(too_large), on_fetches(bomb)];
    let stage = stage(LONG);
    for (number, liar) in liars.into_iter().enumerate() {
        let town = lied_to(&stage, liar, 8_000);
        town.agree();
        let charged = &town.cluster.nodes[0].charged;
        assert!(charged.contains(&Cluster::peer(1)), "lie {number}: {charged:?}");
        assert!(!charged.contains(&Cluster::peer(2)));
        let known: Vec<_> = town.cluster.nodes[0].state.durable.namespaces.keys().collect();
        assert_eq!(known, [&town.namespace]);
    }
}
