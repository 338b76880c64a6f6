//! What becomes of the bytes of peers, good and bad.

mod running;

use folkmoot_core::bounded::{Bounded, Bytes};
use folkmoot_core::codec::{self, CodecError};
use folkmoot_core::governance::invitation::{self, Invitation, JoinRequest, Terms};
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::VoidAtCut;
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::input::{Answer, Heard};
use folkmoot_core::key::Signature;
use folkmoot_core::limits::{OP_BYTES_MAX, RULES_VERSION};
use folkmoot_core::signed::{self, SignedOp};
use folkmoot_core::statement::{
    Ack, AckOutcome, Attested, Beacon, HeadSummary, Hello, Statement, Tier,
};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, Ranges, Refused, Request, Response};

use super::*;
use crate::net::{RequestFailure, Topic};
use crate::perform::CHARGES_MAX;
use crate::ports::Signer;
use crate::ports::memory::MemoryNet;
use crate::ports::testing::{Keys, member};

const PEER: PeerKey = PeerKey([5; 32]);

fn ingress() -> (Ingress, MemoryNet) {
    let net = MemoryNet::default();
    let ingress = Ingress {
        asked: Asked::default(),
        charges: Charges::default(),
        book: Book::default(),
        net: Arc::new(net.clone()),
    };
    (ingress, net)
}

fn genesis() -> Payload {
    Payload {
        rules: RULES_VERSION,
        namespace: NamespaceId::default(),
        group: GroupId::default(),
        signer: member(1),
        nonce: 1,
        parents: Bounded::default(),
        state_hash: [0; 32],
        body: Body::NamespaceCreated {
            owners: Bounded::new(vec![member(1)]).unwrap(),
            salt: [3; 16],
        },
    }
}

fn sign(payload: &Payload) -> (OpId, Vec<u8>) {
    let mut op = SignedOp { payload: codec::encode(payload), signature: Signature([0; 64]) };
    op.signature = Keys::of(4).sign(&payload.signer, &op.id().0).unwrap().signature();
    (op.id(), codec::encode(&op))
}

/// A namespace, its genesis, and a second op whose nonce is given; only A1 to A3 are looked at.
fn ops(count: u64) -> (NamespaceId, Vec<Vec<u8>>) {
    let (id, first) = sign(&genesis());
    let namespace = NamespaceId::from(id);
    let next = |nonce| {
        let parents = Bounded::new(vec![id]).unwrap();
        let group = namespace.root();
        sign(&Payload { namespace, group, nonce, parents, body: Body::Noop, ..genesis() }).1
    };
    (namespace, [first].into_iter().chain((2..=count).map(next)).collect())
}

fn gossip(namespace: NamespaceId, bytes: Vec<u8>) -> NetEvent {
    let (message, topic) = (net::MessageId(8), Topic(namespace.0));
    NetEvent::Gossip { message, from: PEER, topic, bytes }
}

fn publish(op: &[u8]) -> Vec<u8> {
    Gossip::Op(Bytes::new(op.to_vec()).unwrap()).encode()
}

/// What was published, or what is wrong with it.
fn heard(namespace: NamespaceId, bytes: Vec<u8>) -> Result<Heard, Malformed> {
    match ingress().0.take(gossip(namespace, bytes), &mut Signers::default()) {
        Some(Input::GossipReceived { message, peer, namespace: own, heard }) => {
            assert_eq!((message, peer, own), (MessageId(8), PEER, namespace));
            heard
        }
        other => panic!("{other:?}"),
    }
}

/// The verdict on an op that was published: its id, or what is wrong.
fn judged(namespace: NamespaceId, bytes: Vec<u8>) -> Result<OpId, Malformed> {
    heard(namespace, bytes).map(|heard| {
        let Heard::Op(op) = heard else { panic!("{heard:?}") };
        op.id
    })
}

#[test]
fn gossip_is_verified_and_what_is_wrong_is_named() {
    let (namespace, ops) = ops(2);
    let op: SignedOp = codec::decode(&ops[1], OP_BYTES_MAX).unwrap();
    assert_eq!(judged(namespace, publish(&ops[1])), Ok(op.id()));
    let foreign = judged(NamespaceId([9; 32]), publish(&ops[1]));
    assert_eq!(foreign, Err(Malformed::OtherNamespace));
    let mut forged = op.clone();
    forged.signature.0[0] ^= 1;
    let forged = judged(namespace, publish(&codec::encode(&forged)));
    assert_eq!(forged, Err(Malformed::Signature));
    let newer = Payload { rules: RULES_VERSION + 1, ..genesis() };
    let newer = sign(&newer).1;
    match ingress().0.take(gossip(namespace, publish(&newer)), &mut Signers::default()) {
        Some(Input::NewerOpReceived {
            message: MessageId(8), peer: PEER, rules, bytes, ..
        }) => {
            assert_eq!((rules, bytes), (RULES_VERSION + 1, newer));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn gossip_that_does_not_decode_is_refused() {
    let (namespace, ops) = ops(1);
    let encoding = |why| Err(Malformed::Encoding(why));
    let whole = publish(&ops[0]);
    for bytes in [vec![], vec![1], vec![2; 40], whole[..whole.len() - 1].to_vec()] {
        assert_eq!(judged(namespace, bytes), encoding(CodecError::Malformed));
    }
    let mut trailing = whole.clone();
    trailing.push(0);
    assert_eq!(judged(namespace, trailing), encoding(CodecError::Malformed));
    // An op beyond its limit, by a promise and in fact.
    let mut promise = vec![1, 0];
    promise.extend(u32::MAX.to_le_bytes());
    assert_eq!(judged(namespace, promise), encoding(CodecError::Malformed));
    let mut large = vec![1, 0];
    large.extend(u32::try_from(OP_BYTES_MAX + 1).unwrap().to_le_bytes());
    large.extend(vec![0; OP_BYTES_MAX + 1]);
    assert_eq!(judged(namespace, large), encoding(CodecError::Malformed));
    let huge = judged(namespace, vec![1; 2 << 20]);
    assert!(matches!(huge, Err(Malformed::Encoding(CodecError::TooLarge { .. }))), "{huge:?}");
}

fn request(bytes: Vec<u8>) -> NetEvent {
    NetEvent::RequestReceived { exchange: net::ExchangeId(4), peer: PEER, bytes }
}

fn join_request() -> JoinRequest {
    let terms = Terms {
        namespace: NamespaceId([9; 32]),
        group: GroupId([9; 32]),
        inviter: member(1),
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: UnixMillis(1),
        frontier: Bounded::default(),
        one_time_key: member(3),
    };
    let keys = Keys::of(4);
    let (id, joiner) = (terms.id(), member(2));
    let sign = |signer, digest: [u8; 32]| keys.sign(&signer, &digest).unwrap().signature();
    JoinRequest {
        signature: sign(joiner, invitation::consent(id, joiner)),
        one_time_signature: sign(member(3), invitation::voucher(id, joiner)),
        invitation: Invitation { signature: sign(member(1), id.0), terms },
        joiner,
    }
}

#[test]
fn the_three_signatures_of_a_join_request_are_checked() {
    let good = join_request();
    let mut forged = [good.clone(), good.clone(), good.clone()];
    forged[0].invitation.signature.0[1] ^= 1;
    forged[1].signature.0[1] ^= 1;
    forged[2].one_time_signature.0[1] ^= 1;
    let (ingress, _) = ingress();
    for (join, is_valid) in [good].into_iter().zip([true]).chain(forged.map(|join| (join, false))) {
        let join = Box::new(join);
        let event = request(Request::Join { request: join.clone() }.encode());
        let expected = Input::RequestReceived {
            exchange: ExchangeId(4),
            peer: PEER,
            request: Request::Join { request: join },
            signatures_valid: is_valid,
        };
        assert_eq!(ingress.take(event, &mut Signers::default()), Some(expected));
    }
}

#[test]
fn a_peer_that_keeps_sending_rubbish_is_blocked() {
    let (ingress, net) = ingress();
    // NET-3: what does not decode keeps no place among the requests that wait.
    let refuse = NetCommand::Refuse { exchange: net::ExchangeId(4) };
    for _ in 1..CHARGES_MAX {
        assert_eq!(ingress.take(request(vec![1, 99]), &mut Signers::default()), None);
        assert_eq!(net.take(), std::slice::from_ref(&refuse));
    }
    assert_eq!(ingress.take(request(vec![1, 99]), &mut Signers::default()), None);
    assert_eq!(net.take(), [refuse, NetCommand::Block { peer: PEER }]);
}

fn response(bytes: Vec<u8>) -> NetEvent {
    NetEvent::ResponseReceived { exchange: net::ExchangeId(6), peer: PEER, bytes }
}

/// What becomes of an answer to a question about this namespace.
fn answered(namespace: NamespaceId, response_bytes: Vec<u8>) -> Option<Input> {
    let (ingress, _) = ingress();
    ingress.asked.note(RequestId(6), namespace);
    let input = ingress.take(response(response_bytes), &mut Signers::default());
    assert_eq!(ingress.asked.end(RequestId(6)), None, "a question ends once");
    input
}

fn answer_of(input: Option<Input>) -> Answer {
    match input {
        Some(Input::ResponseReceived { request: RequestId(6), peer: PEER, answer }) => answer,
        other => panic!("{other:?}"),
    }
}

fn page_of(ops: &[Vec<u8>], total: u64) -> Vec<u8> {
    let ops = ops.iter().map(|op| Bytes::new(op.clone()).unwrap()).collect();
    Response::Ops { ops: Bounded::new(ops).unwrap(), total }.encode()
}

#[test]
fn the_good_ops_of_a_page_are_kept_in_order() {
    let (namespace, mut ops) = ops(6);
    let ids = |ops: &[Vec<u8>]| -> Vec<OpId> {
        ops.iter().map(|op| codec::decode::<SignedOp>(op, OP_BYTES_MAX).unwrap().id()).collect()
    };
    let good = ids(&ops);
    let Answer::Ops { ops: page, count: 6, refused: None, total: 9, .. } =
        answer_of(answered(namespace, page_of(&ops, 9)))
    else {
        panic!("not a page")
    };
    assert_eq!(page.iter().map(|op| op.id).collect::<Vec<_>>(), good);

    let last = ops[2].len() - 1;
    ops[2][last] ^= 1;
    ops[4].clear();
    let Answer::Ops { ops: page, count: 6, refused, total: 6, .. } =
        answer_of(answered(namespace, page_of(&ops, 6)))
    else {
        panic!("not a page")
    };
    let rest: Vec<OpId> = [0, 1, 3, 5].into_iter().map(|at: usize| good[at]).collect();
    assert_eq!(page.iter().map(|op| op.id).collect::<Vec<_>>(), rest);
    assert_eq!(refused, Some(Malformed::Signature));

    // Ops of another namespace than the one that was asked for (A2).
    let foreign = answer_of(answered(NamespaceId([9; 32]), page_of(&ops[..2], 2)));
    let refused = Some(Malformed::OtherNamespace);
    let nothing = Answer::Ops { ops: vec![], count: 2, refused, newer: vec![], total: 2 };
    assert_eq!(foreign, nothing);
}

#[test]
fn answers_without_a_page_are_read_and_bad_ones_fail_the_question() {
    let (namespace, ops) = ops(2);
    let heads = Bounded::new(vec![OpId([1; 32])]).unwrap();
    let ranges = Ranges::new(vec![0x61, 0, 0]).unwrap();
    let plain = [
        (
            Response::Heads { heads: heads.clone(), state_root: [2; 32], knows_yours: true },
            Answer::Heads { heads, state_root: [2; 32], knows_ours: true },
        ),
        (Response::Ranges(ranges.clone()), Answer::Ranges(ranges)),
        (Response::Noted, Answer::Noted),
        (Response::Refused(Refused::Stranger), Answer::Refused(Refused::Stranger)),
        (Response::Refused(Refused::Busy), Answer::Refused(Refused::Busy)),
        (
            Response::Refused(Refused::NotAdmitted(VoidAtCut::NotSenior)),
            Answer::Refused(Refused::NotAdmitted(VoidAtCut::NotSenior)),
        ),
    ];
    for (response, answer) in plain {
        assert_eq!(answer_of(answered(namespace, response.encode())), answer);
    }
    let joined = Response::Joined(Bytes::new(ops[1].clone()).unwrap()).encode();
    let op = signed::verify(&ops[1], namespace).unwrap();
    assert_eq!(answer_of(answered(namespace, joined.clone())), Answer::Joined(op));
    let failed = Some(Input::RequestFailed { request: RequestId(6) });
    assert_eq!(answered(NamespaceId([9; 32]), joined), failed);
    assert_eq!(answered(namespace, vec![1, 77]), failed);
    assert_eq!(answered(namespace, vec![]), failed);
}

/// A statement, signed by the member that it names.
fn stated<T: Statement>(statement: T) -> Attested<T> {
    let sign = |by: &folkmoot_core::id::MemberId, digest: &[u8; 32]| {
        Some(Keys::of(4).sign(by, digest)?.signature())
    };
    Attested::by(statement, sign).unwrap()
}

fn beacon(namespace: NamespaceId) -> Beacon {
    Beacon {
        namespace,
        member: member(1),
        boot: [1; 16],
        sequence: 1,
        heads: HeadSummary::of(&[OpId([1; 32])]),
        ops: 1,
        state_root: [0; 32],
        tier: Tier::Locally,
        sent_at: UnixMillis(5),
    }
}

#[test]
fn net_1_beacons_and_probes_belong_to_the_topic_that_they_came_by() {
    let namespace = NamespaceId([9; 32]);
    let elsewhere = NamespaceId([8; 32]);
    let good = stated(beacon(namespace));
    let bytes = Gossip::Beacon(Box::new(good.clone())).encode();
    let Ok(Heard::Beacon(verified)) = heard(namespace, bytes.clone()) else { panic!("refused") };
    assert_eq!(*verified, good.statement);
    assert_eq!(heard(elsewhere, bytes), Err(Malformed::OtherNamespace));
    let forged = Attested { statement: Beacon { ops: 2, ..good.statement }, ..good };
    let forged = Gossip::Beacon(Box::new(forged)).encode();
    assert_eq!(heard(namespace, forged), Err(Malformed::Signature));
    let probe = Gossip::Probe { namespace, nonce: [3; 16] }.encode();
    assert_eq!(heard(namespace, probe.clone()), Ok(Heard::Probe { nonce: [3; 16] }));
    assert_eq!(heard(elsewhere, probe), Err(Malformed::OtherNamespace));
}

#[test]
fn the_signature_of_an_ack_is_checked() {
    let ack = Ack {
        namespace: NamespaceId([9; 32]),
        op: OpId([1; 32]),
        outcome: AckOutcome::Applied,
        member: member(2),
    };
    let good = stated(ack);
    let mut forged = good.clone();
    forged.statement.outcome = AckOutcome::AlreadyHad;
    for (ack, is_valid) in [(good, true), (forged, false)] {
        let asked = Request::Ack(ack);
        match ingress().0.take(request(asked.encode()), &mut Signers::default()) {
            Some(Input::RequestReceived { request, signatures_valid, .. }) => {
                assert_eq!((request, signatures_valid), (asked, is_valid));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hello_and_its_pass_need_valid_signatures() {
    let namespace = NamespaceId([9; 32]);
    let hello = stated(Hello {
        namespace,
        member: member(2),
        from: PEER,
        to: PeerKey([6; 32]),
        nonce: [7; 16],
    });
    let answer = |hello: &Attested<Hello>, pass: &Option<JoinRequest>| {
        let pass = pass.clone().map(Box::new);
        let response = Response::Identity { hello: hello.clone(), pass };
        answered(namespace, response.encode())
    };
    for pass in [None, Some(join_request())] {
        let Answer::Identity { hello: verified, pass: shown } = answer_of(answer(&hello, &pass))
        else {
            panic!("not an identity")
        };
        assert_eq!((&*verified, shown), (&hello.statement, pass.map(Box::new)));
    }
    let failed = Some(Input::RequestFailed { request: RequestId(6) });
    let mut other = hello.clone();
    other.statement.nonce = [8; 16];
    assert_eq!(answer(&other, &None), failed);
    let mut pass = join_request();
    pass.signature.0[0] ^= 1;
    assert_eq!(answer(&hello, &Some(pass)), failed);
}

#[test]
fn what_was_not_asked_is_no_answer() {
    let (ingress, _) = ingress();
    let busy = Response::Refused(Refused::Busy).encode();
    assert_eq!(ingress.take(response(busy), &mut Signers::default()), None);
    let exchange = net::ExchangeId(6);
    let failed = NetEvent::RequestFailed { exchange, peer: PEER, why: RequestFailure::TimedOut };
    assert_eq!(ingress.take(failed.clone(), &mut Signers::default()), None);
    ingress.asked.note(RequestId(6), NamespaceId([9; 32]));
    assert_eq!(
        ingress.take(failed, &mut Signers::default()),
        Some(Input::RequestFailed { request: RequestId(6) })
    );
}

#[test]
fn net_30_the_size_of_a_mesh_is_an_input() {
    let event = NetEvent::Mesh { topic: Topic([9; 32]), peers: 3 };
    let changed = Input::MeshChanged { namespace: NamespaceId([9; 32]), peers: 3 };
    assert_eq!(ingress().0.take(event, &mut Signers::default()), Some(changed));
}

#[test]
fn the_book_knows_who_is_connected_and_where() {
    let book = Book::default();
    let address = "/ip4/127.0.0.1/tcp/1".to_owned();
    book.note(&NetEvent::Listening { address: address.clone() });
    book.note(&NetEvent::PeerConnected { peer: PEER, address: address.clone() });
    assert_eq!(book.own(), [address.as_str()]);
    assert_eq!(book.peers(), [(PEER, vec![address])]);
    book.note(&NetEvent::PeerDisconnected { peer: PEER });
    assert_eq!(book.peers(), []);
}
