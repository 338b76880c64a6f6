//! Records of the log, and snapshots.

use super::ops::{invitation, request};
use super::{Book, unhex};
use crate::support::{Case, Replica};
use folkmoot_core::codec;
use folkmoot_core::event::Event;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::record;
use folkmoot_core::snapshot;
use folkmoot_core::state::{State, Volatile};
use folkmoot_core::time::UnixMillis;
use folkmoot_sim::kit::person;

/// The node of an owner who has heard the crowded history, once.
fn node() -> Replica {
    let case = Case::crowded();
    let ops = case.stage.log.iter().map(|op| &**op);
    Replica::with(case.stage.oracle.namespace(), person(0), ops)
}

fn events() -> Vec<(String, Event)> {
    let namespace = NamespaceId([0xaa; 32]);
    let plain = [
        Event::NamespaceOpened { namespace, me: person(0).id },
        Event::NamespaceClosed { namespace },
        Event::OpParked { namespace, bytes: vec![1, 2, 3] },
        Event::InvitationIssued { namespace, invitation: Box::new(invitation()) },
        Event::JoinStarted {
            namespace,
            request: Box::new(request()),
            addresses: vec!["/ip4/127.0.0.1/tcp/4001".to_owned()],
            started: UnixMillis(1_800_000_000_000),
            within_ms: 30_000,
        },
        Event::JoinEnded { namespace, op: None },
        Event::JoinEnded { namespace, op: Some(OpId([0xbb; 32])) },
    ];
    let accepted = node().events.into_iter().skip(1);
    let named = |(number, event): (usize, Event)| (format!("{number:02}.{}", name(&event)), event);
    plain.into_iter().chain(accepted).enumerate().map(named).collect()
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::NamespaceOpened { .. } => "NamespaceOpened",
        Event::NamespaceClosed { .. } => "NamespaceClosed",
        Event::OpAccepted { .. } => "OpAccepted",
        Event::OpParked { .. } => "OpParked",
        Event::InvitationIssued { .. } => "InvitationIssued",
        Event::JoinStarted { .. } => "JoinStarted",
        Event::JoinEnded { .. } => "JoinEnded",
    }
}

#[test]
fn golden_records_of_every_event() {
    let mut book = Book::new("records.txt");
    let events = events();
    for (name, event) in &events {
        book.bytes(format!("{name}.record"), record::encode(event));
    }
    let stored = book.close();
    for (name, event) in events {
        let bytes = unhex(&stored[&format!("{name}.record")]);
        assert_eq!(record::decode(&bytes).unwrap(), event, "{name}");
        if let Event::OpAccepted { op, .. } = event {
            let body = codec::encode(&op.signed);
            assert_eq!(record::op_bytes(&bytes, &op.id), Ok(&*body), "{name}");
        }
    }
}

#[test]
fn golden_snapshots() {
    let mut book = Book::new("snapshots.txt");
    let empty = snapshot::save(&State::default());
    book.bytes("empty", &empty);
    // What a crash takes is another matter every time; the durable half is a function of the log.
    let state = State { durable: node().state.durable, volatile: Volatile::default() };
    let full = snapshot::save(&state);
    book.bytes("crowded.begin", &full[..full.len().min(64)]);
    book.text("crowded.bytes", full.len());
    book.bytes("crowded.blake3", blake3::hash(&full).as_bytes());
    let stored = book.close();
    assert_eq!(snapshot::save(&snapshot::load(&unhex(&stored["empty"])).unwrap()), empty);
    assert_eq!(empty[0], 4, "the schema stands first");
}
