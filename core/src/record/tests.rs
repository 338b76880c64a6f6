use super::*;
use crate::evolve::evolve;
use crate::governance::judged::{Auth, Need};
use crate::governance::op::{Body, Visibility};
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Ix};
use crate::governance::tree::TreeChanges;
use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::key::Signature;
use crate::signed::{Op, Verified};
use crate::state::Durable;
use crate::testing::{Author, Node, unsigned};
use alloc::collections::BTreeMap;
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

/// Reads a record whose body is beside it.
fn read(record: &Record) -> Result<Event, RecordError> {
    decode(&record.bytes, |id| {
        let (own, body) = record.body.as_ref()?;
        (own == id).then(|| body.clone())
    })
}

fn accepted() -> (Record, OpId) {
    let event = Event::OpAccepted { namespace: NAMESPACE, op: op(), judged: judged() };
    (encode(&event), op().id)
}

#[test]
fn every_event_is_read_as_it_was_written() {
    for (kind, event) in (0..).zip(events()) {
        let record = encode(&event);
        // The last two are of one kind, and the one before them has a new form.
        let kind = if kind == 5 { 7 } else { kind.min(6) };
        assert_eq!(record.bytes[..2], [SCHEMA, kind]);
        assert_eq!(record.body.is_some(), matches!(event, Event::OpAccepted { .. }));
        assert_eq!(read(&record), Ok(event));
    }
}

#[test]
fn a_join_of_the_old_form_has_all_the_time_that_a_restart_gives() {
    let join = events().into_iter().find(|event| matches!(event, Event::JoinStarted { .. }));
    let Some(Event::JoinStarted { namespace, request, addresses, .. }) = join else {
        panic!("no join among the events");
    };
    let old = (5_u8, namespace, request.clone(), addresses.clone());
    let mut bytes = alloc::vec![SCHEMA];
    codec::encode_into(&old, &mut bytes);
    let (started, within_ms) = (UnixMillis(0), u64::MAX);
    let event = Event::JoinStarted { namespace, request, addresses, started, within_ms };
    assert_eq!(decode(&bytes, |_| None), Ok(event));
}

#[test]
fn the_bytes_of_an_op_are_kept_apart_from_its_record() {
    let (record, id) = accepted();
    let (own, body) = record.body.clone().unwrap();
    assert_eq!((own, &body), (id, &codec::encode(&op().signed)));
    assert!(!record.bytes.windows(body.len()).any(|part| part == body));
}

#[test]
fn a_newer_schema_asks_for_an_upgrade_and_none_is_damage() {
    let (mut record, _) = accepted();
    for newer in [SCHEMA + 1, u8::MAX] {
        record.bytes[0] = newer;
        assert_eq!(read(&record), Err(RecordError::Newer(newer)));
    }
    record.bytes[0] = 0;
    assert_eq!(read(&record), Err(RecordError::Malformed));
    assert_eq!(decode(&[], |_| None), Err(RecordError::Malformed));
    assert_eq!(decode(&[SCHEMA], |_| None), Err(RecordError::Malformed));
}

#[test]
fn a_body_that_is_missing_or_another_is_refused() {
    let (record, id) = accepted();
    let missing = Err(RecordError::Body(id));
    let read_with = |body: Vec<u8>| decode(&record.bytes, |_| Some(body.clone()));
    assert_eq!(decode(&record.bytes, |_| None), missing);
    assert_eq!(read_with(Vec::new()), missing);
    let whole = codec::encode(&op().signed);
    assert!(read_with(whole.clone()).is_ok());
    assert_eq!(read_with([&whole[..], &[0]].concat()), missing);
    assert_eq!(read_with(whole[..whole.len() - 1].to_vec()), missing);
    let other = unsigned(&Author::new(2).payload(NAMESPACE, Body::Noop));
    assert_eq!(read_with(codec::encode(&other.signed)), missing);
    // D1: the signature is outside the id, and was verified before it was written.
    let mut resigned = op().signed.clone();
    resigned.signature = Signature([1; 64]);
    assert!(read_with(codec::encode(&resigned)).is_ok());
}

#[test]
fn a_cut_or_longer_record_is_refused() {
    for event in events() {
        let Record { bytes, body } = encode(&event);
        let read = |bytes: &[u8]| read(&Record { bytes: bytes.to_vec(), body: body.clone() });
        for length in 1..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(RecordError::Malformed), "{length} bytes");
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(RecordError::Malformed));
    }
}

#[test]
fn the_fold_of_the_log_is_the_state_that_wrote_it() {
    let author = Author::new(1);
    let mut node = Node::new(&author);
    let namespace = node.found();
    let root = namespace.root();
    let visibility = Visibility::Open;
    let group = node.govern(namespace, root, Body::GroupCreated { visibility }).into();
    let member = Author::new(2).id;
    node.govern(namespace, group, Body::MemberAdded { member, rights: Rights::MEMBER });
    node.govern(namespace, group, Body::GroupDeleted);
    let records: Vec<Record> = node.log.iter().map(encode).collect();
    let bodies: BTreeMap<OpId, Vec<u8>> =
        records.iter().filter_map(|record| record.body.clone()).collect();
    let mut folded = Durable::default();
    for record in &records {
        let event = decode(&record.bytes, |id| bodies.get(id).cloned()).unwrap();
        evolve(&mut folded, &event);
    }
    let space = &mut folded.namespaces.get_mut(&namespace).unwrap().space;
    space.settle(&mut u32::MAX.clone());
    let own = &node.state.durable.namespaces[&namespace].space;
    assert_eq!(space.archive(), own.archive());
}
