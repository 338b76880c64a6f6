//! Payload, id and signed op of every body and slot write; invitations and join requests.

use super::{Book, unhex};
use crate::support::wire;
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::codec;
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject, UpgradePolicy, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{ContextId, GroupId, NamespaceId, OpId};
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::signed::{SignedOp, verify};
use folkmoot_core::time::UnixMillis;
use folkmoot_sim::kit::{Author, person, verified};

fn namespace() -> NamespaceId {
    person(0).found(&[person(0), person(1)], [0x11; 16]).id.into()
}

fn terms() -> Terms {
    Terms {
        namespace: namespace(),
        group: GroupId([2; 32]),
        inviter: person(1).id,
        rights: Rights::MEMBER,
        uses_max: 3,
        expires_at: UnixMillis(1_800_000_000_000),
        frontier: Bounded::truncated(vec![OpId([3; 32]), OpId([4; 32])]),
        one_time_key: person(40).id,
    }
}

pub(super) fn request() -> JoinRequest {
    person(5).accept(&invitation(), person(40))
}

pub(super) fn invitation() -> Invitation {
    person(1).invite(terms())
}

fn writes() -> Vec<SlotWrite> {
    let key = || Text::new("name").unwrap();
    let value = || Bytes::truncated(b"Folkmoot".to_vec());
    let metadata = |subject| SlotWrite::Metadata { subject, key: key(), value: value() };
    let (context, member) = (ContextId([7; 32]), person(2).id);
    vec![
        SlotWrite::Visibility(Visibility::Open),
        SlotWrite::Visibility(Visibility::Restricted),
        SlotWrite::DefaultRights(Rights::NONE),
        SlotWrite::DefaultRights(Rights::ADMIN),
        metadata(Subject::Group),
        metadata(Subject::Member(member)),
        metadata(Subject::Context(context)),
        SlotWrite::AutoFollow(true),
        SlotWrite::Policy { key: key(), value: value() },
        SlotWrite::TargetApplication([8; 32]),
        SlotWrite::UpgradePolicy(UpgradePolicy::Manual),
        SlotWrite::UpgradePolicy(UpgradePolicy::Automatic),
        SlotWrite::Migration(value_of(&[1, 2, 3])),
        SlotWrite::ContextDetached(context),
        SlotWrite::ContextRights { context, member, rights: Rights::READ_ONLY },
    ]
}

fn value_of<const MAX: usize>(bytes: &[u8]) -> Bytes<MAX> {
    Bytes::truncated(bytes.to_vec())
}

fn bodies() -> Vec<Body> {
    let member = person(2).id;
    let slot = |write| Body::SlotSet { strict: false, write };
    let mut bodies = vec![
        Body::GroupCreated { visibility: Visibility::Open },
        Body::GroupCreated { visibility: Visibility::Restricted },
        Body::GroupMoved { new_parent: GroupId([9; 32]) },
        Body::GroupDeleted,
        Body::Anchor { rules: 1, notary: None },
        Body::Anchor { rules: 1, notary: Some(member) },
        Body::Noop,
        Body::MemberAdded { member, rights: Rights::MEMBER },
        Body::MemberRestricted { member, keep: Rights::NONE },
        Body::MemberLeft,
        Body::MemberJoined { request: request() },
        Body::InvitationRevoked { invitation: invitation() },
        Body::ContextRegistered { application: [6; 32] },
        Body::SlotSet { strict: true, write: SlotWrite::AutoFollow(false) },
    ];
    bodies.extend(writes().into_iter().map(slot));
    bodies
}

fn payload(author: &Author, body: Body) -> Payload {
    Payload {
        rules: 1,
        namespace: namespace(),
        group: GroupId([2; 32]),
        signer: author.id,
        nonce: 0x0102_0304_0506_0708,
        parents: Bounded::truncated(vec![OpId([3; 32]), OpId([4; 32])]),
        state_hash: [5; 32],
        body,
    }
}

/// One signed op of every body, the genesis first.
pub(super) fn signed_ops() -> Vec<SignedOp> {
    let genesis = person(0).found(&[person(0), person(1)], [0x11; 16]);
    let others = bodies().into_iter().map(|body| person(1).seal(&payload(person(1), body)));
    std::iter::once(genesis.signed.clone()).chain(others).collect()
}

#[test]
fn golden_ops_of_every_body() {
    let mut book = Book::new("ops.txt");
    let mut names = Vec::new();
    for (number, signed) in signed_ops().into_iter().enumerate() {
        let op = verified(namespace(), &signed);
        let name = format!("{number:02}.{}", op.payload.body.name());
        book.bytes(format!("{name}.payload"), &signed.payload);
        book.bytes(format!("{name}.id"), op.id.0);
        book.bytes(format!("{name}.signed"), wire(&op));
        names.push(name);
    }
    let stored = book.close();
    // What stands in the file is read as a peer would read it.
    for name in names {
        let bytes = unhex(&stored[&format!("{name}.signed")]);
        let op = verify(&bytes, namespace()).unwrap();
        assert_eq!(op.id.0.to_vec(), unhex(&stored[&format!("{name}.id")]));
        let payload = unhex(&stored[&format!("{name}.payload")]);
        assert_eq!(codec::decode::<Payload>(&payload, OP_BYTES_MAX).unwrap(), op.payload);
        assert_eq!(wire(&op), bytes);
        assert!(op.inner_valid);
    }
}

#[test]
fn golden_invitations_and_join_requests() {
    let (terms, invitation, request) = (terms(), invitation(), request());
    let id = terms.id();
    let mut book = Book::new("invitations.txt");
    book.bytes("terms", codec::encode(&terms));
    book.bytes("id", id.0);
    book.bytes("invitation", codec::encode(&invitation));
    book.bytes("consent", consent(id, request.joiner));
    book.bytes("voucher", voucher(id, request.joiner));
    book.bytes("request", codec::encode(&request));
    let stored = book.close();
    let read: JoinRequest = codec::decode(&unhex(&stored["request"]), OP_BYTES_MAX).unwrap();
    assert!(read.is_signed());
    assert_eq!(read.invitation.terms.id().0.to_vec(), unhex(&stored["id"]));
}
