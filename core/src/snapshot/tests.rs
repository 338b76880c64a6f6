use super::*;
use crate::bounded::{Bounded, Bytes, Text};
use crate::command::Command;
use crate::governance::op::{Body, SlotWrite, Subject, Visibility};
use crate::governance::rights::Rights;
use crate::id::{GroupId, OpId, PeerKey};
use crate::input::{ExchangeId, Heard, Input, MessageId};
use crate::query::HistoryFilter;
use crate::step::step;
use crate::testing::{Author, Node, unsigned};
use crate::time::{Now, UnixMillis};
use crate::wire::{Heads, Request};
use alloc::boxed::Box;

/// A node with a history in which something of every kind happened.
fn node() -> (Node, NamespaceId) {
    let (owner, friend) = (Author::new(1), Author::new(2));
    let mut node = Node::new(&owner);
    let namespace = node.found();
    let root = namespace.root();
    let create = || Body::GroupCreated { visibility: Visibility::Open };
    let left: GroupId = node.govern(namespace, root, create()).into();
    let right: GroupId = node.govern(namespace, root, create()).into();
    let below: GroupId = node.govern(namespace, left, create()).into();
    let (member, rights) = (friend.id, Rights::MEMBER);
    node.govern(namespace, root, Body::MemberAdded { member, rights });
    node.govern(namespace, below, Body::MemberRestricted { member, keep: Rights::READ });
    node.govern(namespace, below, Body::GroupMoved { new_parent: right });
    node.govern(namespace, root, Body::Anchor { rules: 1, notary: None });
    node.govern(namespace, root, name("moot"));
    let context = node.govern(namespace, right, Body::ContextRegistered { application: [9; 32] });
    let context = crate::id::ContextId::from(context);
    let write = SlotWrite::ContextDetached(context);
    node.govern(namespace, right, Body::SlotSet { strict: true, write });
    node.govern(namespace, left, Body::GroupDeleted);
    node.command(Command::Invite {
        namespace,
        group: right,
        rights: Rights::READ,
        uses_max: 1,
        expires_at: UnixMillis(u64::MAX),
        one_time_key: Author::new(3).id,
    });
    let request = owner.invite(&friend, namespace);
    node.input(Input::RequestReceived {
        exchange: ExchangeId(1),
        peer: PeerKey([1; 32]),
        request: Request::Join { request: Box::new(request) },
        signatures_valid: true,
    });
    (node, namespace)
}

fn name(value: &str) -> Body {
    let (subject, key) = (Subject::Group, Text::new("name").unwrap());
    let value = Bytes::new(value.as_bytes().to_vec()).unwrap();
    Body::SlotSet { strict: false, write: SlotWrite::Metadata { subject, key, value } }
}

/// The state in the middle of everything: a connected peer asks, and an op waits for its parent.
fn busy() -> (State, NamespaceId) {
    let (mut node, namespace) = node();
    let peer = PeerKey([1; 32]);
    node.input(Input::PeerConnected { peer });
    node.input(Input::PeerSubscribed { peer, namespace });
    let payload = Author::new(2).payload(namespace, Body::Noop);
    let parents = Bounded::new([OpId([5; 32])].into()).unwrap();
    let op = unsigned(&crate::governance::op::Payload { parents, ..payload });
    let message = MessageId(1);
    node.input(Input::GossipReceived { message, peer, namespace, heard: Ok(Heard::Op(op)) });
    let desk = &node.state.volatile.desks[&namespace];
    assert_eq!(desk.pending.len(), 1);
    assert!(node.state.volatile.requests.iter().next().is_some());
    (node.state, namespace)
}

/// The least that holds some of everything that an archive stores.
fn small() -> Vec<u8> {
    let mut node = Node::new(&Author::new(1));
    let namespace = node.found();
    let group = Body::GroupCreated { visibility: Visibility::Restricted };
    let group = node.govern(namespace, namespace.root(), group).into();
    let member = Author::new(2).id;
    node.govern(namespace, group, Body::MemberAdded { member, rights: Rights::MEMBER });
    node.govern(namespace, group, Body::MemberRestricted { member, keep: Rights::READ });
    node.govern(namespace, group, name("n"));
    save(&node.state)
}

fn assert_equal(one: &State, other: &State) {
    assert_eq!(one.volatile, other.volatile);
    let parts = |state: &State| {
        let namespaces = state.durable.namespaces.iter();
        let stored = namespaces.map(|(id, known)| StoredNamespace::of(*id, known));
        codec::encode(&stored.collect::<Vec<_>>())
    };
    assert_eq!(parts(one), parts(other));
    assert_eq!(one.durable.records, other.durable.records);
}

/// Asks a state everything, and makes it work: nothing of it may lead astray.
fn use_up(mut state: State) {
    for known in state.namespaces() {
        let namespace = known.namespace;
        for group in state.groups(&namespace) {
            state.members(&namespace, &group.group);
            state.slots(&namespace, &group.group);
        }
        state.history(&namespace, &HistoryFilter { limit: 99, ..HistoryFilter::default() });
        state.evidence(&namespace);
        state.invitations(&namespace);
    }
    let namespaces: Vec<NamespaceId> = state.durable.namespaces.keys().copied().collect();
    step(
        &mut state,
        Now::default(),
        Input::Started {
            seed: [1; 32],
            peer: crate::id::PeerKey::default(),
            settings: crate::settings::Settings::default(),
        },
    );
    for namespace in namespaces {
        let (exchange, peer) = (ExchangeId(7), PeerKey([8; 32]));
        let want = Heads::truncated([OpId(namespace.0)].into());
        let have = Heads::default();
        let request = Request::Fetch { namespace, want, have, from: 0, count: 512 };
        let signatures_valid = true;
        let input = Input::RequestReceived { exchange, peer, request, signatures_valid };
        step(&mut state, Now::default(), input);
    }
}

#[test]
fn what_is_saved_is_loaded() {
    for (state, namespace) in
        [(node().0.state, node().1), busy(), (State::default(), NamespaceId::default())]
    {
        let loaded = load(&save(&state)).unwrap();
        assert_equal(&state, &loaded);
        assert_eq!(save(&loaded), save(&state));
        assert_eq!(loaded.namespace(&namespace), state.namespace(&namespace));
        assert_eq!(loaded.groups(&namespace), state.groups(&namespace));
        let all = HistoryFilter { limit: 1000, ..HistoryFilter::default() };
        let history = loaded.history(&namespace, &all);
        assert_eq!(history, state.history(&namespace, &all));
        for op in history {
            assert!(state.stored(&op.id).is_some_and(|stored| stored.record > 0));
            assert_eq!(loaded.stored(&op.id), state.stored(&op.id));
        }
    }
}

#[test]
fn a_loaded_state_goes_on_as_the_saved_one_would() {
    let (mut node, namespace) = node();
    let mut twin = Node::new(&Author::new(1));
    twin.state = load(&save(&node.state)).unwrap();
    for each in [&mut node, &mut twin] {
        let root = namespace.root();
        each.govern(namespace, root, Body::GroupCreated { visibility: Visibility::Open });
        let member = Author::new(2).id;
        each.govern(namespace, root, Body::MemberRestricted { member, keep: Rights::NONE });
        each.govern(namespace, root, name("another"));
    }
    assert_equal(&node.state, &twin.state);
}

#[test]
fn another_schema_and_nothing_at_all_are_refused() {
    let mut bytes = save(&node().0.state);
    for schema in [0, SCHEMA + 1, u8::MAX] {
        bytes[0] = schema;
        assert_eq!(load(&bytes).err(), Some(SnapshotError::Schema(schema)));
    }
    assert_eq!(load(&[]).err(), Some(SnapshotError::Malformed));
}

#[test]
fn a_truncated_or_longer_snapshot_is_refused() {
    let bytes = small();
    for length in 1..bytes.len() {
        assert_eq!(load(&bytes[..length]).err(), Some(SnapshotError::Malformed), "{length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(load(&longer).err(), Some(SnapshotError::Malformed));
}

/// The store keeps a checksum beside a snapshot. Bytes that are wrong in spite of it are refused,
/// or they are a state that can be worked with.
#[test]
fn whatever_byte_is_changed_nothing_panics() {
    let bytes = small();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            match load(&changed) {
                Ok(state) => {
                    let again = save(&state);
                    assert!(save(&load(&again).unwrap()) == again, "byte {at} ^ {change:#x}");
                    use_up(state);
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > bytes.len(), "{refused} refusals of {} changes", 3 * bytes.len());
}
