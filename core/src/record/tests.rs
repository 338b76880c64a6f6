use super::*;
use crate::evolve::evolve;
use crate::governance::judged::{Auth, Judged, Need};
use crate::governance::op::{Body, Visibility};
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Ix};
use crate::governance::tree::TreeChanges;
use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::signed::{Op, Verified};
use crate::state::Durable;
use crate::testing::{Author, Node, unsigned};
use crate::time::UnixMillis;
use alloc::boxed::Box;
use alloc::vec;

const NAMESPACE: NamespaceId = NamespaceId([1; 32]);

fn op() -> Verified<Op> {
    unsigned(&Author::new(1).payload(NAMESPACE, Body::Noop))
}

fn judged() -> Judged {
    Judged {
        void: Some(VoidAtCut::NotAuthorised(Unauthorised::Signer(Rights::INVITE))),
        auths: [
            Some(Auth { grant: GrantIx(3), need: Need::Any }),
            Some(Auth { grant: GrantIx(4), need: Need::All(Rights::MEMBER) }),
        ],
        tier: 2,
        generation: 9,
        tree: TreeChanges {
            parents: vec![(GroupIx(1), None), (GroupIx(2), Some(GroupIx(1)))],
            tombstones: vec![(GroupIx(1), true)],
        },
        dead_moves: vec![Ix(5)],
    }
}

/// One of each kind.
fn events() -> Vec<Event> {
    let author = Author::new(1);
    let request = author.invite(&Author::new(2), NAMESPACE);
    let invitation = Box::new(request.invitation.clone());
    let request = Box::new(request);
    let namespace = NAMESPACE;
    vec![
        Event::NamespaceOpened { namespace, me: author.id },
        Event::NamespaceClosed { namespace },
        Event::OpAccepted { namespace, op: op(), judged: judged() },
        Event::OpParked { namespace, bytes: vec![2, 0, 7] },
        Event::InvitationIssued { namespace, invitation },
        Event::JoinStarted {
            namespace,
            request,
            addresses: vec!["/memory/1".into()],
            started: UnixMillis(4),
            within_ms: 5,
        },
        Event::JoinEnded { namespace, op: Some(OpId([3; 32])) },
        Event::JoinEnded { namespace, op: None },
    ]
}

fn accepted() -> (Vec<u8>, OpId) {
    let event = Event::OpAccepted { namespace: NAMESPACE, op: op(), judged: judged() };
    (encode(&event), op().id)
}

#[test]
fn every_event_is_read_as_it_was_written() {
    for (kind, event) in (0..).zip(events()) {
        let record = encode(&event);
        // The last two are of one kind.
        assert_eq!(record[..2], [SCHEMA, kind.min(6)]);
        assert_eq!(record[1] == OP_ACCEPTED, matches!(event, Event::OpAccepted { .. }));
        assert_eq!(decode(&record), Ok(event));
    }
}

#[test]
fn the_bytes_of_an_op_are_found_in_its_record_and_in_no_other() {
    let (record, id) = accepted();
    assert_eq!(op_bytes(&record, &id), Ok(&*codec::encode(&op().signed)));
    let other = unsigned(&Author::new(2).payload(NAMESPACE, Body::Noop)).id;
    assert_eq!(op_bytes(&record, &other), Err(RecordError::OtherOp(other)));
    for event in events().iter().filter(|event| !matches!(event, Event::OpAccepted { .. })) {
        assert_eq!(op_bytes(&encode(event), &id), Err(RecordError::OtherOp(id)));
    }
}

#[test]
fn a_changed_byte_of_a_payload_makes_it_another_op() {
    let (record, id) = accepted();
    // Schema, kind and namespace stand before it, and its own length.
    let begin = 1 + 1 + 32;
    let payload = begin + 4..begin + 4 + op().signed.payload.len();
    for at in payload.clone() {
        let mut changed = record.clone();
        changed[at] ^= 0x10;
        assert_eq!(op_bytes(&changed, &id), Err(RecordError::OtherOp(id)), "byte {at}");
        assert!(decode(&changed).is_err() || decode(&changed) != decode(&record), "byte {at}");
    }
    for length in begin..payload.end + 64 {
        assert_eq!(op_bytes(&record[..length], &id), Err(RecordError::Malformed));
    }
    // D1: the signature is outside the id, and was verified before it was written.
    let mut resigned = record.clone();
    resigned[payload.end] ^= 1;
    assert!(op_bytes(&resigned, &id).is_ok());
}

#[test]
fn another_schema_asks_for_the_program_that_wrote_it_and_none_is_damage() {
    let (mut record, id) = accepted();
    for other in [0, SCHEMA - 1, SCHEMA + 1, u8::MAX] {
        record[0] = other;
        assert_eq!(decode(&record), Err(RecordError::Schema(other)));
        assert_eq!(op_bytes(&record, &id), Err(RecordError::Schema(other)));
    }
    assert_eq!(decode(&[]), Err(RecordError::Malformed));
    assert_eq!(decode(&[SCHEMA]), Err(RecordError::Malformed));
    assert_eq!(op_bytes(&[], &id), Err(RecordError::Malformed));
}

#[test]
fn a_cut_or_longer_record_is_refused() {
    for event in events() {
        let record = encode(&event);
        for length in 1..record.len() {
            assert_eq!(decode(&record[..length]), Err(RecordError::Malformed), "{length} bytes");
        }
        assert_eq!(decode(&[&record[..], &[0]].concat()), Err(RecordError::Malformed));
    }
}

#[test]
fn the_fold_of_the_log_is_the_state_that_wrote_it_and_knows_each_record() {
    let author = Author::new(1);
    let mut node = Node::new(&author);
    let namespace = node.found();
    let root = namespace.root();
    let visibility = Visibility::Open;
    let group = node.govern(namespace, root, Body::GroupCreated { visibility }).into();
    let member = Author::new(2).id;
    node.govern(namespace, group, Body::MemberAdded { member, rights: Rights::MEMBER });
    node.govern(namespace, group, Body::GroupDeleted);
    let records: Vec<Vec<u8>> = node.log.iter().map(encode).collect();
    let mut folded = Durable::default();
    for record in &records {
        evolve(&mut folded, &decode(record).unwrap());
    }
    assert_eq!(folded.records, records.len() as u64);
    let known = folded.namespaces.get_mut(&namespace).unwrap();
    known.space.settle(&mut u32::MAX.clone());
    let own = &node.state.durable.namespaces[&namespace].space;
    assert_eq!(known.space.archive(), own.archive());
    for event in &node.log {
        let Event::OpAccepted { op, .. } = event else { continue };
        let Stored { op: id, record } = known.stored(&op.id).unwrap();
        let record = &records[usize::try_from(record).unwrap() - 1];
        assert_eq!(op_bytes(record, &id), Ok(&*codec::encode(&op.signed)));
    }
    assert_eq!(known.stored(&OpId([9; 32])), None);
}
