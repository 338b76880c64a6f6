//! Examples of everything that is read: where fuzzing begins, and what the ordinary tests try
//! beside the corpora.

use super::TARGETS;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::command::{Command, Delivery};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_core::snapshot;
use folkmoot_core::statement::{Ack, AckOutcome, Beacon, HeadSummary, Hello, Tier};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, Heads, OpBytes, Ranges, Request, Response};
use folkmoot_effects::decoders;
use folkmoot_runtime::commands::export::OpsFile;
use folkmoot_sim::kit::{Author, Stage, create, person};
use folkmoot_sim::solo::Solo;
use folkmoot_sim::world::{Profile, World};

/// Examples for the target of this name; none for a name that is none.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "op" => ops().iter().map(|op| op.to_vec()).collect(),
        "payload" => payloads(),
        "statement" => statements(),
        "gossip" => gossip().iter().map(Gossip::encode).collect(),
        "request" => requests().iter().map(Request::encode).collect(),
        "response" => responses().iter().map(Response::encode).collect(),
        "stream" => {
            let frame = |body: &Request| decoders::exchange_bytes(&body.encode());
            requests().iter().filter_map(frame).collect()
        }
        "record" => node().log,
        "snapshot" => vec![snapshot::save(&node().state), snapshot::save(&world_node().state)],
        "recording" => steps(),
        "marks" => vec![decoders::example_mark(), decoders::example_row(&node().log.concat())],
        "export" => vec![export()],
        "invitation" => invitations(),
        "ids" => ids(),
        "api" => calls(),
        "step" => scripts(),
        _ => Vec::new(),
    }
}

/// All examples with the names of their targets.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    TARGETS.iter().flat_map(|(name, _)| of(name).into_iter().map(|seed| (*name, seed)))
}

/// One op of each kind that a world holds.
fn ops() -> Vec<OpBytes> {
    let world = World::generate(3, Profile::Mixed);
    let mut names: Vec<&str> = Vec::new();
    let mut ops = Vec::new();
    for op in &world.ops {
        let name = op.payload.body.name();
        if !names.contains(&name) {
            names.push(name);
            ops.extend(OpBytes::new(codec::encode(&op.signed)));
        }
    }
    ops
}

fn payloads() -> Vec<Vec<u8>> {
    let payload = |op: &OpBytes| {
        let signed = codec::decode::<folkmoot_core::signed::SignedOp>(op, op.len());
        signed.map(|signed| signed.payload).ok()
    };
    ops().iter().filter_map(payload).collect()
}

const NAMESPACE: NamespaceId = NamespaceId([0xaa; 32]);

fn beacon() -> Beacon {
    Beacon {
        namespace: NAMESPACE,
        member: person(1).id,
        boot: [1; 16],
        sequence: 3,
        heads: HeadSummary::of(&[OpId([1; 32])]),
        ops: 7,
        state_root: [2; 32],
        tier: Tier::Locally,
        sent_at: UnixMillis(1_800_000_000_000),
    }
}

fn ack() -> Ack {
    let (op, member) = (OpId([1; 32]), person(1).id);
    Ack { namespace: NAMESPACE, op, outcome: AckOutcome::Applied, member }
}

fn hello() -> Hello {
    let (from, to) = (PeerKey([2; 32]), PeerKey([1; 32]));
    Hello { namespace: NAMESPACE, member: person(1).id, from, to, nonce: [4; 16] }
}

fn statements() -> Vec<Vec<u8>> {
    let author = person(1);
    let statements = [
        codec::encode(&author.attest(beacon())),
        codec::encode(&author.attest(ack())),
        codec::encode(&author.attest(hello())),
    ];
    (0..).zip(statements).map(|(kind, bytes)| [vec![kind], bytes].concat()).collect()
}

fn gossip() -> Vec<Gossip> {
    let mut gossip: Vec<Gossip> = ops().into_iter().take(4).map(Gossip::Op).collect();
    gossip.extend(ops().into_iter().take(1).map(|op| Gossip::Again { nonce: [3; 16], op }));
    gossip.push(Gossip::Beacon(Box::new(person(1).attest(beacon()))));
    gossip.push(Gossip::Probe { namespace: NAMESPACE, nonce: [3; 16] });
    gossip
}

fn heads(count: u8) -> Heads {
    Heads::truncated((1..=count).map(|at| OpId([at; 32])).collect())
}

/// Ranges: everything, by the fingerprint of nothing.
fn ranges() -> Ranges {
    Ranges::truncated([&[0x61, 0, 0, 1][..], &[0xdd; 16]].concat())
}

fn requests() -> Vec<Request> {
    let (namespace, request) = (NAMESPACE, person(3).accept(&invitation(), person(9)));
    vec![
        Request::Heads { namespace, heads: heads(2), common: Some(heads(1)) },
        Request::Fetch { namespace, want: heads(2), have: heads(1), from: 9, count: 16 },
        Request::Join { request: Box::new(request) },
        Request::Identify { namespace, nonce: [4; 16] },
        Request::Reconcile { namespace, ranges: ranges() },
        Request::Ack(person(1).attest(ack())),
    ]
}

fn responses() -> Vec<Response> {
    let page = Bounded::truncated(ops().into_iter().take(3).collect());
    let mut responses = vec![
        Response::Heads { heads: heads(2), state_root: [5; 32], knows_yours: true },
        Response::Ops { ops: page, total: 9 },
        Response::Refused(folkmoot_core::wire::Refused::Busy),
        Response::Identity { hello: person(1).attest(hello()), pass: None },
        Response::Ranges(ranges()),
        Response::Noted,
    ];
    responses.extend(ops().into_iter().take(1).map(Response::Joined));
    responses
}

/// A node that has written a few ops.
fn node() -> Solo {
    let mut node = Solo::start(&[person(0)], None);
    let Some(namespace) = node.found(person(0)) else { return node };
    let (group, delivery) = (namespace.root(), Delivery::default());
    node.issue(Command::Govern { namespace, group, body: create(), expected_root: None, delivery });
    node.issue(Command::Invite {
        namespace,
        group,
        rights: Rights::MEMBER,
        uses_max: 2,
        expires_at: UnixMillis(u64::MAX),
        one_time_key: person(9).id,
    });
    node
}

/// One that holds a small world.
fn world_node() -> Solo {
    let world = World::generate(3, Profile::RemovalStorm);
    let (namespace, me) = (world.namespace(), person(0).id);
    let opened = folkmoot_core::event::Event::NamespaceOpened { namespace, me };
    let mut node = Solo::start_after(&[opened], &[person(0)], None);
    let ops = world.ops.into_iter().take(16).collect();
    let command = folkmoot_core::command::CommandId(1);
    node.give(Input::OpsImported { command, namespace, ops });
    for _ in 0..64 {
        node.advance(0);
    }
    node
}

/// Steps of a recording without their frames, and a small file of one.
fn steps() -> Vec<Vec<u8>> {
    let state = snapshot::save(&Solo::start(&[person(0)], None).state);
    let header = codec::encode(&("folkmoot", [1_u8; 16], 0_u64, state));
    let now = Solo::start(&[], None).now();
    let step = codec::encode(&(0_u64, now, Input::Wake, [7_u8; 32]));
    let file = decoders::recording(&[&header, &step]);
    vec![file, step]
}

fn export() -> Vec<u8> {
    let ops = ops().iter().take(3).map(|op| op.to_vec()).collect();
    let file = OpsFile { namespace: NAMESPACE, ops }.encode();
    // What a target puts around it again: magic and checksum.
    file.get(16..file.len() - 32).unwrap_or_default().to_vec()
}

fn invitation() -> Invitation {
    let stage = Stage::found(&[person(0)]);
    let root = GroupId(stage.genesis().0);
    person(0).invite(stage.terms(person(0), person(9), &[stage.genesis()], root, Rights::MEMBER))
}

/// The content of a code, without its armor.
fn invitations() -> Vec<Vec<u8>> {
    let secret = *blake3::hash(&9_u64.to_le_bytes()).as_bytes();
    let addresses: Vec<&str> = vec!["/ip4/192.0.2.1/tcp/4001"];
    let ending = "/p2p/12D3KooW";
    debug_assert_eq!(Author::new(9).id, person(9).id);
    vec![codec::encode(&(invitation(), secret, ending, addresses))]
}

fn ids() -> Vec<Vec<u8>> {
    let ids = [
        OpId([1; 32]).to_string(),
        NAMESPACE.to_string(),
        GroupId([2; 32]).to_string().to_ascii_uppercase(),
        person(1).id.to_string(),
        PeerKey([3; 32]).to_string(),
    ];
    ids.into_iter().map(String::into_bytes).collect()
}

/// For every route one byte that names it, and parameters of several calls.
fn calls() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"name":"Garden"}"#,
        r#"{"group":"Garden","name":"Pond","parent":null}"#,
        r#"{"member":"anna","group":null,"rights":["read","write"]}"#,
        r#"{"namespace":"Garden","limit":20,"skip":0}"#,
        r#"{"ok":true,"data":{}}"#,
        "limit=20&group=Garden&member=anna",
    ];
    let of_route = |route: u8| bodies.iter().map(move |body| [&[route], body.as_bytes()].concat());
    (0..40).step_by(5).flat_map(of_route).collect()
}

/// Scripts that connect, hear ops, answer, write, and die.
fn scripts() -> Vec<Vec<u8>> {
    let meet: &[u8] = &[1, 0, 0, 1, 0, 1];
    let hear = |count: u8| (0..count).flat_map(|op| [3, op, 0, 0]).collect::<Vec<u8>>();
    let import: &[u8] = &[21, 0, 31];
    let wait: &[u8] = &[0, 4, 0, 5, 0, 6];
    let answer: &[u8] = &[15, 1, 2, 0, 15, 7];
    let write: &[u8] = &[18, 3, 1, 2, 0, 0];
    let parts = [
        hear(40),
        [meet, import, wait].concat(),
        [meet, wait, answer, wait, answer].concat(),
        [import, write, write, wait, &[23], write].concat(),
        [&[9, 1, 1, 0, 128, 0, 1, 3, 0, 0, 0][..], meet, wait].concat(),
        [import, &[12, 0, 1, 5, 0, 0], &[12, 1, 1, 5, 0, 0, 16], &[20, 1, 3, 0]].concat(),
    ];
    parts.to_vec()
}
