//! What comes from peers: ops, statements, messages, and the frames they come in.

use folkmoot_core::codec;
use folkmoot_core::governance::op::{Body, Payload};
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, MessageId};
use folkmoot_core::key::Signers;
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::receive;
use folkmoot_core::signed::{
    Malformed, SignedOp, Unsigned, is_well_formed, rules_of, verify, verify_from, verify_page,
    verify_statement,
};
use folkmoot_core::statement::{Ack, Attested, Beacon, Hello, Statement};
use folkmoot_core::wire::{Gossip, MESSAGE_BYTES_MAX, Request, Response};
use folkmoot_effects::decoders::{exchange_bytes, exchange_frame};
use folkmoot_sim::kit::person;

/// The one who forwards, asks and answers.
const PEER: PeerKey = PeerKey([2; 32]);

/// The namespace that an op says it is of.
fn namespace_of(signed: &SignedOp) -> NamespaceId {
    let payload = codec::decode::<Payload>(&signed.payload, OP_BYTES_MAX);
    let is_genesis = |payload: &Payload| matches!(payload.body, Body::NamespaceCreated { .. });
    match payload {
        Ok(payload) if !is_genesis(&payload) => payload.namespace,
        _ => signed.id().into(),
    }
}

/// An op: one verdict however it is asked for, and accepted only in its one encoding (A1 to A3).
pub fn op(bytes: &[u8]) {
    let _ = rules_of(bytes);
    let Ok(signed) = codec::decode::<SignedOp>(bytes, OP_BYTES_MAX) else {
        assert!(verify(bytes, NamespaceId::default()).is_err());
        return;
    };
    assert_eq!(codec::encode(&signed), bytes);
    let namespace = namespace_of(&signed);
    let alone = verify(bytes, namespace);
    assert_eq!(verify_from(&mut Signers::default(), bytes, namespace), alone);
    assert_eq!(verify_page(&[bytes, bytes], namespace), [alone.clone(), alone.clone()]);
    if let Ok(op) = alone {
        assert_eq!(codec::encode(&op.payload), signed.payload);
        assert_eq!(op.id, signed.id());
        let other = NamespaceId([0x5a; 32]);
        assert_eq!(verify(bytes, other), Err(Malformed::OtherNamespace));
    }
}

/// A payload, as if a member had signed it: what may be signed here is accepted everywhere, and
/// what is accepted is well-formed.
pub fn payload(bytes: &[u8]) {
    let Ok(read) = codec::decode::<Payload>(bytes, OP_BYTES_MAX) else { return };
    assert_eq!(codec::encode(&read), bytes);
    let author = person(1);
    let payload = Payload { signer: author.id, ..read };
    let well_formed = is_well_formed(&payload);
    let sealed = author.seal(&payload);
    let wire = codec::encode(&sealed);
    let checked = verify(&wire, namespace_of(&sealed));
    match Unsigned::new(payload) {
        Err(why) => {
            assert!(well_formed == Err(why) || wire.len() > OP_BYTES_MAX, "{why}");
            assert!(checked.is_err(), "signed nowhere, and accepted");
        }
        Ok(unsigned) => {
            assert_eq!(well_formed, Ok(()));
            let own = author.make(&unsigned.id().0);
            assert_eq!(unsigned.seal(&own), checked, "accepted here, and refused elsewhere");
            assert!(checked.is_ok());
        }
    }
}

/// A statement of a member: which one, says the first byte.
pub fn statement(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => signed(codec::decode::<Attested<Beacon>>(bytes, OP_BYTES_MAX).ok(), bytes),
        1 => signed(codec::decode::<Attested<Ack>>(bytes, OP_BYTES_MAX).ok(), bytes),
        _ => signed(codec::decode::<Attested<Hello>>(bytes, OP_BYTES_MAX).ok(), bytes),
    }
}

fn signed<T: Statement>(read: Option<Attested<T>>, bytes: &[u8]) {
    let Some(attested) = read else { return };
    assert_eq!(codec::encode(&attested), bytes);
    let namespace = attested.statement.namespace();
    let is_signed = attested.is_signed();
    assert_eq!(verify_statement(attested, namespace).is_ok(), is_signed);
}

/// A published message, up to the input of the reducer.
pub fn gossip(bytes: &[u8]) {
    let namespace = match Gossip::decode(bytes) {
        Ok(message) => {
            assert_eq!(message.encode(), bytes);
            match message {
                Gossip::Op(op) | Gossip::Again { op, .. } => {
                    let signed = codec::decode(&op, OP_BYTES_MAX);
                    signed.map_or(NamespaceId::default(), |signed| namespace_of(&signed))
                }
                Gossip::Beacon(beacon) => beacon.statement.namespace,
                Gossip::Probe { namespace, .. } => namespace,
            }
        }
        Err(_) => NamespaceId::default(),
    };
    let mut signers = Signers::default();
    let input = receive::gossip(&mut signers, MessageId(1), PEER, namespace, bytes);
    is_recordable(&input);
    assert_eq!(receive::gossip(&mut signers, MessageId(1), PEER, namespace, bytes), input);
}

/// A question of a peer, up to the input of the reducer.
pub fn request(bytes: &[u8]) {
    let read = Request::decode(bytes);
    let input = receive::request(ExchangeId(1), PEER, bytes);
    assert_eq!(read.is_ok(), input.is_ok());
    if let (Ok(request), Ok(input)) = (read, input) {
        assert_eq!(request.encode(), bytes);
        let _ = request.namespace();
        is_recordable(&input);
    }
}

/// An answer of a peer, with its ops.
pub fn response(bytes: &[u8]) {
    let Ok(read) = Response::decode(bytes) else {
        assert!(receive::answer(bytes, NamespaceId::default()).is_err());
        return;
    };
    assert_eq!(read.encode(), bytes);
    let namespace = match &read {
        Response::Ops { ops, .. } => {
            ops.first().and_then(|op| codec::decode(op, OP_BYTES_MAX).ok())
        }
        Response::Joined(op) => codec::decode(op, OP_BYTES_MAX).ok(),
        Response::Heads { .. }
        | Response::Refused(_)
        | Response::Identity { .. }
        | Response::Ranges(_)
        | Response::Noted => None,
    };
    let namespace = namespace.map_or(NamespaceId([1; 32]), |signed| namespace_of(&signed));
    if let Ok(answer) = receive::answer(bytes, namespace) {
        assert_eq!(codec::decode_own(&codec::encode(&answer)), Ok(answer));
    }
}

/// Whether the flight recorder can take an input down and read it again.
fn is_recordable(input: &Input) {
    assert_eq!(codec::decode_own::<Input>(&codec::encode(input)).as_ref(), Ok(input));
}

/// A stream with one frame (NET-45), then as the body of a frame.
pub fn stream(bytes: &[u8]) {
    if let Some(body) = exchange_frame(bytes) {
        assert_eq!(exchange_bytes(&body).as_deref(), Some(bytes));
    }
    match exchange_bytes(bytes) {
        Some(stream) => assert_eq!(exchange_frame(&stream).as_deref(), Some(bytes)),
        None => assert!(bytes.len() > MESSAGE_BYTES_MAX),
    }
}
