//! Whole nodes: real log, real network on loopback.

use std::path::Path;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::effect::Notice;
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, consent, voucher};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::signed::verify;
use folkmoot_core::state::State;
use folkmoot_core::time::UnixMillis;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::ports::testing::{Keys, create_group, found, member};
use crate::replay::replay;
use crate::store::StoreError;
use crate::verify::verify_store;

const PATIENCE: Duration = Duration::from_secs(20);

fn config(home: &Path) -> NodeConfig {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    NodeConfig { listen, quic: false, mdns: false, ..NodeConfig::new(home.to_path_buf()) }
}

fn start_on(home: &Path, number: u8) -> Result<(NodeHandle, NodeExit), NodeError> {
    start(config(home), Arc::new(Keys::of(4)), [number; 32])
}

async fn accepted(node: &NodeHandle, wish: Command) -> (NamespaceId, OpId) {
    let outcome = node.command(wish).await.unwrap();
    let Outcome::Accepted { namespace, op, .. } = outcome else { panic!("{outcome:?}") };
    (namespace, op)
}

async fn ops_stored(node: &NodeHandle, namespace: NamespaceId) -> u32 {
    let query = move |state: &State| {
        let known = state.durable.namespaces.get(&namespace);
        known.map_or(0, |known| known.space.graph().len())
    };
    node.query(query).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_what_it_was_told_and_ends_in_order() {
    let home = TempDir::new().unwrap();
    let (node, exit) = start_on(home.path(), 1).unwrap();
    let mut notices = node.notices();
    let (namespace, genesis) = accepted(&node, found(1)).await;
    let (_, group) = accepted(&node, create_group(namespace)).await;
    let bodies = node.bodies(vec![group, OpId([9; 32])]).await.unwrap();
    let [Some(body), None] = &bodies[..] else { panic!("{bodies:?}") };
    assert_eq!(verify(body, namespace).unwrap().id, group);
    assert_eq!(ops_stored(&node, namespace).await, 2);
    let Some(Heard::Noticed(first)) = notices.next().await else { panic!("no notice") };
    assert_eq!(first.sequence, 1);
    assert!(matches!(first.notice, Notice::OpAccepted { op, .. } if op == genesis));

    node.shutdown().await;
    exit.wait().await.unwrap();
    assert!(node.query(|_| ()).await.is_err());
    assert!(node.command(found(2)).await.is_err());
    assert!(matches!(node.bodies(vec![group]).await, Err(StoreError::Closed)));
    while notices.next().await.is_some() {}

    let report = verify_store(home.path()).unwrap();
    assert_eq!((report.faults, report.op_count), (vec![], 2));
    let (node, exit) = start_on(home.path(), 1).unwrap();
    assert_eq!(ops_stored(&node, namespace).await, 2);
    accepted(&node, create_group(namespace)).await;
    node.shutdown().await;
    exit.wait().await.unwrap();

    let recording = replay(&home.path().join("recording"), None, &mut |_| {}).unwrap();
    assert!(recording.is_same() && recording.torn.is_empty());
    assert!(recording.file_count == 2 && recording.step_count >= 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_folder_has_one_node() {
    let home = TempDir::new().unwrap();
    let (node, exit) = start_on(home.path(), 1).unwrap();
    let error = start_on(home.path(), 2).unwrap_err();
    assert_eq!(error.class(), ExitClass::InUse);
    assert_eq!(verify_store(home.path()).unwrap_err().class(), ExitClass::InUse);
    node.shutdown().await;
    exit.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_leaves_nothing_running() {
    let home = TempDir::new().unwrap();
    let listen = vec!["/ip4/127.0.0.1/tcp/nonsense".to_owned()];
    let broken = NodeConfig { listen, ..config(home.path()) };
    let error = start(broken, Arc::new(Keys::of(1)), [1; 32]).unwrap_err();
    assert!(matches!(error, NodeError::Net(_)), "{error}");
    assert_eq!(error.class(), ExitClass::Other);
    let (node, exit) = start_on(home.path(), 1).unwrap();
    node.shutdown().await;
    exit.wait().await.unwrap();
}

/// Waits for a listen address.
async fn address(node: &NodeHandle) -> String {
    loop {
        if let Some(address) = node.addresses().into_iter().next() {
            return address;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_meet_and_a_blocked_peer_is_gone() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (a, a_exit) = start_on(homes[0].path(), 1).unwrap();
    let (b, b_exit) = start_on(homes[1].path(), 2).unwrap();
    let transport = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    assert_eq!(a.local_peer().0, transport);
    b.dial(address(&a).await).await;
    let connected = async {
        while a.peers().is_empty() || b.peers().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, connected).await.unwrap();
    assert_eq!(b.peers()[0].0, a.local_peer());
    a.block(b.local_peer()).await;
    let parted = async {
        while !a.peers().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, parted).await.unwrap();
    for (node, exit) in [(a, a_exit), (b, b_exit)] {
        node.shutdown().await;
        exit.wait().await.unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ops_of_a_file_are_counted_by_what_became_of_them() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (node, exit) = start_on(homes[0].path(), 1).unwrap();
    let (namespace, genesis) = accepted(&node, found(1)).await;
    node.shutdown().await;
    exit.wait().await.unwrap();
    copy(homes[0].path(), homes[1].path());

    let (node, exit) = start_on(homes[0].path(), 1).unwrap();
    let mut ids = vec![genesis];
    for _ in 0..5 {
        ids.push(accepted(&node, create_group(namespace)).await.1);
    }
    let ops: Vec<Vec<u8>> = node.bodies(ids).await.unwrap().into_iter().flatten().collect();
    node.shutdown().await;
    exit.wait().await.unwrap();

    let (node, exit) = start_on(homes[1].path(), 2).unwrap();
    // The third group is missing, a signature is broken, and one op comes twice.
    let mut broken = ops[3].clone();
    *broken.last_mut().unwrap() ^= 1;
    let some = [4, 5, 2, 1, 0, 1].map(|at: usize| ops[at].clone());
    let file = some.into_iter().chain([broken]).collect();
    let report = node.import(namespace, file).await.unwrap();
    let why = folkmoot_core::signed::Malformed::Signature.to_string();
    let expected =
        ImportReport { new: 2, known: 2, pending: 2, refused: 1, first_refusal: Some(why) };
    assert_eq!(report, expected);
    assert_eq!(ops_stored(&node, namespace).await, 3);
    let report = node.import(namespace, vec![ops[3].clone()]).await.unwrap();
    assert_eq!(report, ImportReport { new: 1, ..ImportReport::default() });
    assert_eq!(ops_stored(&node, namespace).await, 6);
    let unknown = node.import(NamespaceId([9; 32]), vec![vec![]]).await.unwrap();
    assert_eq!((unknown.refused, unknown.new), (1, 0));
    node.shutdown().await;
    exit.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_fails_ends_the_node_with_its_cause() {
    let home = TempDir::new().unwrap();
    let (node, exit) = start_on(home.path(), 1).unwrap();
    let mut notices = node.notices();
    // The next mark finds that somebody else was here.
    std::fs::remove_file(home.path().join("watermark")).unwrap();
    accepted(&node, found(1)).await;
    let error = timeout(PATIENCE, exit.wait()).await.unwrap().unwrap_err();
    assert!(matches!(error, NodeError::Store(StoreError::InUse { .. })), "{error}");
    assert!(node.command(found(2)).await.is_err());
    while notices.next().await.is_some() {}
    node.shutdown().await;
}

/// An invitation to the root by member 1, taken up by member 2; its one-time key is member 3's.
fn take_up(invitation: Invitation) -> JoinRequest {
    let (keys, joiner, id) = (Keys::of(3), member(2), invitation.terms.id());
    let sign =
        |signer, digest: [u8; 32]| Signer::sign(&keys, &signer, &digest).unwrap().signature();
    JoinRequest {
        signature: sign(joiner, consent(id, joiner)),
        one_time_signature: sign(member(3), voucher(id, joiner)),
        invitation,
        joiner,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_by_invitation_and_hears_what_follows() {
    let homes = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (a, a_exit) = start_on(homes[0].path(), 1).unwrap();
    let (b, b_exit) = start_on(homes[1].path(), 2).unwrap();
    let (namespace, _) = accepted(&a, found(1)).await;
    for _ in 0..3 {
        accepted(&a, create_group(namespace)).await;
    }
    let invite = Command::Invite {
        namespace,
        group: namespace.root(),
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: UnixMillis(u64::MAX),
        one_time_key: member(3),
    };
    let outcome = a.command(invite).await.unwrap();
    let Outcome::Invited(invitation) = outcome else { panic!("{outcome:?}") };
    let request = take_up(invitation);
    let join = Command::Join { request, addresses: vec![address(&a).await], within_ms: 15_000 };
    let outcome = timeout(PATIENCE, b.command(join)).await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Joined { .. }), "{outcome:?}");

    let (_, group) = accepted(&a, create_group(namespace)).await;
    let heard = async {
        while b.bodies(vec![group]).await.unwrap() == [None] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, heard).await.unwrap();
    let heads = move |state: &State| state.durable.namespaces[&namespace].space.heads();
    assert_eq!(a.query(heads).await.unwrap(), b.query(heads).await.unwrap());
    for (node, exit) in [(a, a_exit), (b, b_exit)] {
        node.shutdown().await;
        exit.wait().await.unwrap();
    }
    for home in &homes {
        assert_eq!(verify_store(home.path()).unwrap().faults, []);
        assert!(replay(&home.path().join("recording"), None, &mut |_| {}).unwrap().is_same());
    }
}
