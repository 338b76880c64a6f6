//! Rows 33, 34 and 42: a member that lies when it is asked.

use crate::support::{Case, Town, chain};
use folkmoot_core::bounded::{Bounded, Bytes};
use folkmoot_core::codec;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::OpId;
use folkmoot_core::limits::PAGE_OPS_MAX;
use folkmoot_core::readiness::State;
use folkmoot_core::signed::{Op, SignedOp, Verified};
use folkmoot_core::wire::{OpBytes, Request, Response};
use folkmoot_sim::cluster::{Asked, Cluster, Liar};
use folkmoot_sim::kit::{Author, create, person};

/// Ops in the history that a node fetches here: more than a page.
const LONG: u64 = PAGE_OPS_MAX as u64 + 100;

/// Four members, and a history that is longer than a page.
struct Scene {
    case: Case,
    links: Vec<Verified<Op>>,
}

impl Scene {
    fn new() -> Self {
        let (case, p, head) = Case::base();
        let state_hash = case.stage.oracle.now().group_root(case.root());
        let links = chain(p.c, case.stage.oracle.namespace(), head, state_hash, LONG);
        Self { case, links }
    }

    /// Node 1 lies, node 2 does not, node 0 begins with nothing; the town after `ms` milliseconds.
    fn lied_to(&self, liar: Liar, ms: u64) -> Town {
        let mut town = Town::of(&self.case.stage, 3);
        for at in [1, 2] {
            for op in &self.links {
                town.hear(at, op);
            }
        }
        town.cluster.run(20_000);
        town.cluster.corrupt(1, liar);
        lie(&mut town, ms);
        town
    }
}

fn lie(town: &mut Town, ms: u64) {
    town.settle(0, person(0));
    town.cluster.run(ms);
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
            Bytes::new(bytes).unwrap()
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
    let scene = Scene::new();
    for (name, liar, is_charged) in lies {
        // Five seconds for the one that stalls, and the time to ask the other.
        let town = scene.lied_to(liar, 8_000);
        town.agree();
        let charged = town.cluster.nodes[0].charged();
        let blamed = charged.iter().all(|peer| *peer == Cluster::peer(1)) && !charged.is_empty();
        assert_eq!(blamed, is_charged, "{name}: {charged:?}");
        assert!(town.readiness(0).tier().is_ready() || town.readiness(0) == State::Bootstrapping);
    }
}

#[test]
fn attack_33_a_liar_alone_convinces_nobody() {
    let (case, _, _) = Case::base();
    let mut town = Town::of(&case.stage, 2);
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
    let liar = || {
        on_fetches(move |ops, total| {
            let kept: Vec<OpBytes> = ops.into_iter().filter(|op| id_of(op) != withheld).collect();
            Some(page(kept, total))
        })
    };
    // With an honest member there, it takes no longer than to ask it.
    let mut town = Town::of(&case.stage, 3);
    town.cluster.corrupt(1, liar());
    lie(&mut town, 5_000);
    town.agree();
    assert!(town.has(0, child));

    // With none, the gap is seen, and heals when one comes.
    let mut town = Town::of(&case.stage, 3);
    town.cluster.corrupt(1, liar());
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
    // The same page again and again, of a list that is said to be endless.
    let endless = || -> Liar {
        let mut first: Option<Vec<u8>> = None;
        Box::new(move |asked| {
            if !matches!(Request::decode(asked.question), Ok(Request::Fetch { .. })) {
                return Some(asked.honest);
            }
            if first.is_none()
                && let Ok(Response::Ops { ops, .. }) = Response::decode(&asked.honest)
            {
                first = Some(page(ops.into_vec(), 1 << 60));
            }
            first.clone().or(Some(asked.honest))
        })
    };
    let scene = Scene::new();
    // The honest list had to wait meanwhile, and is asked for again when it was given up there.
    let mut town = scene.lied_to(endless(), 60_000);
    town.agree();
    let asked = town.questions(0, 1);
    assert!(asked < 200, "{asked} questions");
    town.cluster.run(120_000);
    let asked = town.questions(0, 1) - asked;
    assert!(asked < 60, "{asked} questions in two minutes when all is here");
}

#[test]
fn attack_42_pages_of_another_namespace_and_beyond_the_limits_are_lies() {
    let elsewhere = Author::new(1 << 30).found(&[&Author::new(1 << 30)], [1; 16]);
    let other: OpBytes = Bytes::new(codec::encode(&elsewhere.signed)).unwrap();
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
    let scene = Scene::new();
    for (number, liar) in liars.into_iter().enumerate() {
        let town = scene.lied_to(liar, 8_000);
        town.agree();
        let charged = town.cluster.nodes[0].charged();
        assert!(charged.contains(&Cluster::peer(1)), "lie {number}: {charged:?}");
        assert!(!charged.contains(&Cluster::peer(2)));
        let known: Vec<_> = town.cluster.nodes[0].state().durable.namespaces.keys().collect();
        assert_eq!(known, [&town.namespace]);
    }
}
