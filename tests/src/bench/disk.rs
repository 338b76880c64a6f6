//! Data folders, and executors on them.

use super::node::time_of;
use folkmoot_core::event::Event;
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::input::Input;
use folkmoot_core::key::OwnSignature;
use folkmoot_core::record;
use folkmoot_core::signed::{Op, Verified};
use folkmoot_effects::driver::{
    self, Executor, ExecutorConfig, Recovered, SNAPSHOT_EVERY, recover,
};
use folkmoot_effects::perform::{Asked, Charges, NoticeBoard, Outside, Performer};
use folkmoot_effects::ports::memory::MemoryNet;
use folkmoot_effects::ports::{Log as _, Signer, StoreLog};
use folkmoot_effects::recorder::Recorder;
use folkmoot_effects::store::{Home, Store};
use std::path::Path;
use std::sync::Arc;

/// Ops that share a sync.
const BATCH_OPS: usize = 512;

/// A node that signs nothing.
pub(super) struct NoKeys;

impl Signer for NoKeys {
    fn sign(&self, _: &MemberId, _: &[u8; 32]) -> Option<OwnSignature> {
        None
    }
}

/// Opens the log of a data folder.
pub(super) fn open(home: &Path) -> Store {
    let home = Home::claim(home, &[]).expect("the folder is free");
    Store::open(home, [1; 16]).expect("the log is sound").0
}

/// Opens the log of a data folder and folds it, from a snapshot where there is one.
pub(super) fn fold(home: &Path) -> (Store, Recovered) {
    let home = Home::claim(home, &["recording"]).expect("the folder is free");
    let (store, _, recovered) = driver::open(home, [1; 16]).expect("the log is sound");
    (store, recovered)
}

/// An executor without a network.
pub(super) fn on(store: Store, recovered: Recovered) -> Executor {
    with_recorder(store, recovered, None)
}

fn with_recorder(store: Store, recovered: Recovered, recorder: Option<Recorder>) -> Executor {
    let log = Box::new(StoreLog::new(store));
    let performer = Performer::new(Outside {
        net: Arc::new(MemoryNet::default()),
        bodies: log.bodies(),
        keys: Arc::new(NoKeys),
        serving: None,
        asked: Asked::default(),
        charges: Charges::default(),
        notices: NoticeBoard::default(),
    });
    let config = ExecutorConfig { log, performer, recorder, snapshot_every: SNAPSHOT_EVERY };
    Executor::new(recovered, config)
}

/// A new data folder of a node that takes part in a namespace as `me`, and has no op of it.
pub(super) fn begin(home: &Path, namespace: NamespaceId, me: MemberId) -> Executor {
    begin_all(home, &[namespace], me)
}

/// As [`begin`], of a node that records.
pub(super) fn begin_recording(
    home: &Path,
    namespace: NamespaceId,
    me: MemberId,
    recorder: Recorder,
) -> Executor {
    let (store, recovered) = opened(home, &[namespace], me);
    with_recorder(store, recovered, Some(recorder))
}

fn begin_all(home: &Path, namespaces: &[NamespaceId], me: MemberId) -> Executor {
    let (store, recovered) = opened(home, namespaces, me);
    on(store, recovered)
}

fn opened(home: &Path, namespaces: &[NamespaceId], me: MemberId) -> (Store, Recovered) {
    let opened = |namespace: &NamespaceId| {
        record::encode(&Event::NamespaceOpened { namespace: *namespace, me })
    };
    let mut store = open(home);
    let records: Vec<Vec<u8>> = namespaces.iter().map(opened).collect();
    store.append(&records).expect("the disk serves");
    let recovered = recover(&store).expect("the log can be read");
    (store, recovered)
}

/// The data folder of a node that took part in some namespaces as `me`, has these ops of each,
/// parents first, and ended in order.
pub(super) fn write(home: &Path, me: MemberId, all: &[(NamespaceId, &[Verified<Op>])]) {
    let namespaces: Vec<NamespaceId> = all.iter().map(|(namespace, _)| *namespace).collect();
    let mut executor = begin_all(home, &namespaces, me);
    let pages = all
        .iter()
        .flat_map(|(namespace, ops)| ops.chunks(BATCH_OPS).map(move |ops| (*namespace, ops)));
    for ((namespace, ops), number) in pages.zip(0..) {
        let command = executor.expect(Box::new(|_| ()));
        let now = time_of(number);
        let file = Input::OpsImported { command, namespace, ops: ops.to_vec() };
        executor.take(now, file).expect("the disk serves");
        while executor.wakeup().is_step_due(now.mono) {
            executor.take(now, Input::Wake).expect("the disk serves");
        }
        executor.commit(now).expect("the disk serves");
        executor.upkeep(now).expect("the disk serves");
    }
    for (namespace, ops) in all {
        let known = executor.state().durable.namespaces.get(namespace).expect("it was opened");
        assert_eq!(known.space.graph().len() as usize, ops.len(), "every op is stored");
    }
    executor.stop().expect("the disk serves");
}
