//! Every message between nodes.

use super::ops::{request, signed_ops};
use super::{Book, unhex};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Precondition, Unauthorised, VoidAtCut};
use folkmoot_core::id::{NamespaceId, OpId, PeerKey};
use folkmoot_core::statement::{
    Ack, AckOutcome, Attested, Beacon, HeadSummary, Hello, Statement, Tier, heads_digest,
};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, Heads, Nonce, OpBytes, Ranges, Refused, Request, Response};
use folkmoot_sim::kit::person;

fn heads(count: u8) -> Heads {
    Heads::truncated((1..=count).map(|at| OpId([at; 32])).collect())
}

fn op_bytes(at: usize) -> OpBytes {
    OpBytes::new(codec::encode(&signed_ops()[at])).unwrap()
}

const NAMESPACE: NamespaceId = NamespaceId([0xaa; 32]);
const NONCE: Nonce = [0xcc; 16];

fn requests() -> Vec<(&'static str, Request)> {
    let namespace = NAMESPACE;
    let asked = |heads, common| Request::Heads { namespace, heads, common };
    let (want, have) = (heads(2), heads(1));
    vec![
        ("heads.none", asked(heads(0), None)),
        ("heads", asked(heads(3), None)),
        ("heads.common", asked(heads(1), Some(heads(2)))),
        ("fetch", Request::Fetch { namespace, want, have, from: 1_024, count: 512 }),
        ("join", Request::Join { request: Box::new(request()) }),
        ("identify", Request::Identify { namespace, nonce: NONCE }),
        ("reconcile", Request::Reconcile { namespace, ranges: ranges() }),
        ("ack.applied", Request::Ack(ack(AckOutcome::Applied))),
        ("ack.already_had", Request::Ack(ack(AckOutcome::AlreadyHad))),
        ("ack.void", Request::Ack(ack(AckOutcome::Void(VoidAtCut::NotSenior)))),
        ("ack.pending", Request::Ack(ack(AckOutcome::Pending(7)))),
    ]
}

/// One range that is everything, by the fingerprint of nothing: any bytes would do here.
fn ranges() -> Ranges {
    Ranges::truncated([&[0x61, 0, 0, 1][..], &[0xdd; 16]].concat())
}

fn ack(outcome: AckOutcome) -> Attested<Ack> {
    let (op, member) = (OpId([1; 32]), person(1).id);
    person(1).attest(Ack { namespace: NAMESPACE, op, outcome, member })
}

fn hello() -> Attested<Hello> {
    let (from, to) = (PeerKey([0xee; 32]), PeerKey([0xff; 32]));
    let member = person(5).id;
    person(5).attest(Hello { namespace: NAMESPACE, member, from, to, nonce: NONCE })
}

fn beacon(heads_count: u8, tier: Tier) -> Gossip {
    let heads: Vec<OpId> = (1..=heads_count).map(|at| OpId([at; 32])).collect();
    Gossip::Beacon(Box::new(person(1).attest(Beacon {
        namespace: NAMESPACE,
        member: person(1).id,
        boot: [0xbb; 16],
        sequence: 3,
        heads: HeadSummary::of(&heads),
        ops: 1_000,
        state_root: [2; 32],
        tier,
        sent_at: UnixMillis(1_800_000_000_000),
    })))
}

fn gossip() -> Vec<(&'static str, Gossip)> {
    vec![
        ("op", Gossip::Op(op_bytes(0))),
        ("beacon.not_ready", beacon(0, Tier::NotReady)),
        ("beacon.locally", beacon(1, Tier::Locally)),
        ("beacon.validated", beacon(64, Tier::Validated)),
        ("beacon.many", beacon(65, Tier::Validated)),
        ("probe", Gossip::Probe { namespace: NAMESPACE, nonce: NONCE }),
        ("again", Gossip::Again { nonce: NONCE, op: op_bytes(0) }),
    ]
}

/// Every way in which an op is void at its cut.
fn voids() -> Vec<VoidAtCut> {
    let (got, expected) = ([1; 32], [2; 32]);
    let unauthorised = [
        Unauthorised::Signer(Rights::MEMBERS),
        Unauthorised::Inviter(Rights::INVITE),
        Unauthorised::Invitation,
        Unauthorised::Frontier,
        Unauthorised::UsedUp,
        Unauthorised::Revoked,
        Unauthorised::Removed,
        Unauthorised::Left,
        Unauthorised::NotNotary,
    ];
    let preconditions = [
        Precondition::NoSuchGroup,
        Precondition::TooDeep,
        Precondition::Circle,
        Precondition::Root,
        Precondition::NothingAdded,
        Precondition::NoSuchContext,
        Precondition::NotRoot,
        Precondition::NotOwner,
    ];
    let mut voids = vec![
        VoidAtCut::StateHashMismatch { got, expected },
        VoidAtCut::NotSenior,
        VoidAtCut::NothingToTake,
    ];
    voids.extend(unauthorised.map(VoidAtCut::NotAuthorised));
    voids.extend(preconditions.map(VoidAtCut::Precondition));
    voids
}

fn responses() -> Vec<(String, Response)> {
    let page = |ops: &[usize], total| Response::Ops {
        ops: Bounded::truncated(ops.iter().map(|at| op_bytes(*at)).collect()),
        total,
    };
    let heads_of =
        |knows_yours| Response::Heads { heads: heads(2), state_root: [3; 32], knows_yours };
    let identity = |pass| Response::Identity { hello: hello(), pass };
    let named = [
        ("heads", heads_of(false)),
        ("heads.knows_yours", heads_of(true)),
        ("ops.none", page(&[], 0)),
        ("ops", page(&[0, 7], 1_000)),
        ("joined", Response::Joined(op_bytes(11))),
        ("identity", identity(None)),
        ("identity.pass", identity(Some(Box::new(request())))),
        ("ranges.none", Response::Ranges(Ranges::default())),
        ("ranges", Response::Ranges(ranges())),
        ("noted", Response::Noted),
    ];
    let mut responses: Vec<(String, Response)> =
        named.into_iter().map(|(name, response)| (name.to_owned(), response)).collect();
    let plain = [
        Refused::UnknownNamespace,
        Refused::Busy,
        Refused::Expired,
        Refused::Stranger,
        Refused::Ineffective,
    ];
    for refused in plain {
        responses.push((format!("refused.{refused:?}"), Response::Refused(refused)));
    }
    for (number, void) in voids().into_iter().enumerate() {
        let refused = Response::Refused(Refused::NotAdmitted(void));
        responses.push((format!("refused.NotAdmitted.{number}"), refused));
    }
    responses
}

#[test]
fn golden_messages() {
    let mut book = Book::new("messages.txt");
    for (name, gossip) in gossip() {
        book.bytes(format!("gossip.{name}"), gossip.encode());
    }
    for (name, request) in requests() {
        book.bytes(format!("request.{name}"), request.encode());
    }
    for (name, response) in responses() {
        book.bytes(format!("response.{name}"), response.encode());
    }
    let stored = book.close();
    let read = |name: String| unhex(&stored[&name]);
    for (name, gossip) in gossip() {
        assert_eq!(Gossip::decode(&read(format!("gossip.{name}"))), Ok(gossip), "{name}");
    }
    for (name, request) in requests() {
        assert_eq!(Request::decode(&read(format!("request.{name}"))), Ok(request), "{name}");
    }
    for (name, response) in responses() {
        assert_eq!(Response::decode(&read(format!("response.{name}"))), Ok(response), "{name}");
    }
}

/// What the signatures in the vectors above are over.
#[test]
fn golden_statements() {
    let mut book = Book::new("statements.txt");
    let Gossip::Beacon(beacon) = beacon(1, Tier::Locally) else { unreachable!() };
    stated(&mut book, "hello", &hello());
    stated(&mut book, "beacon", &beacon);
    stated(&mut book, "ack", &ack(AckOutcome::Applied));
    book.bytes("heads.none", heads_digest(&[]));
    book.bytes("heads", heads_digest(&heads(65)));
    book.close();
}

fn stated<T: Statement>(book: &mut Book, name: &str, attested: &Attested<T>) {
    assert!(attested.is_signed());
    book.bytes(format!("{name}.member"), attested.statement.member().0);
    book.bytes(format!("{name}.statement"), codec::encode(&attested.statement));
    book.bytes(format!("{name}.digest"), attested.statement.digest());
    book.bytes(format!("{name}.signature"), attested.signature.0);
}
