//! A node without libp2p: what brings events is up to the bench, everything behind it is real.

use super::disk;
use folkmoot_core::id::{MemberId, NamespaceId, PeerKey};
use folkmoot_core::key::OwnSignature;
use folkmoot_core::settings::Settings;
use folkmoot_core::state::State;
use folkmoot_core::sync::Verdict;
use folkmoot_effects::driver::{
    Driver, Executor, ExecutorConfig, INBOX_MAX, Message, SNAPSHOT_EVERY,
};
use folkmoot_effects::ingress::{self, Book, Helper, Ingress, Queue};
use folkmoot_effects::net::{NetEvent, Topic};
use folkmoot_effects::perform::{Asked, Charges, NoticeBoard, Outside, Performer};
use folkmoot_effects::ports::{Log as _, Net, Signer, StoreLog, SystemClock};
use folkmoot_effects::recorder::{Recorder, RecorderLimits};
use folkmoot_sim::kit::Author;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(2);
/// How long it may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Events that may wait for the ingress, as in a node.
pub(super) const EVENTS_MAX: usize = 256;

/// The one key of a node.
#[derive(Clone)]
pub(super) struct Key(pub(super) Author);

impl Signer for Key {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        (*member == self.0.id).then(|| self.0.make(message))
    }
}

/// What a node knows of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Ops stored.
    pub(super) op_count: usize,
    /// Root over all groups.
    pub(super) root: [u8; 32],
    /// How the last exchange with a peer ended.
    pub(super) verdict: Option<Verdict>,
}

impl Known {
    /// What a state says of a namespace.
    pub(super) fn of(state: &State, namespace: NamespaceId) -> Option<Self> {
        let space = &state.durable.namespaces.get(&namespace)?.space;
        let desk = state.volatile.desks.get(&namespace);
        let verdict = desk.and_then(|desk| Some(desk.syncing.last()?.verdict.clone()));
        let (op_count, root) = (space.graph().len() as usize, space.view().state_root());
        Some(Self { op_count, root, verdict })
    }

    /// Whether everything that a peer had is here: so many ops, with this root.
    pub(super) fn is_in_sync(&self, op_count: usize, root: [u8; 32]) -> bool {
        let has_ended = matches!(self.verdict, Some(Verdict::InSync { .. }));
        has_ended && (self.op_count, self.root) == (op_count, root)
    }
}

/// Threads of a node.
pub(super) struct Pipeline {
    events: Arc<SyncSender<NetEvent>>,
    inbox: SyncSender<Message>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// A node on the data folder `home`, where events come from `received` and orders go to `net`,
    /// which does not own the way back: with this value it ends.
    pub(super) fn start(
        home: &Path,
        key: Key,
        peer: PeerKey,
        net: Arc<dyn Net>,
        (events, received): (Arc<SyncSender<NetEvent>>, Receiver<NetEvent>),
    ) -> Self {
        let recording = Recorder::open(&home.join("recording"), RecorderLimits::default(), [2; 16]);
        let recorder = Some(recording.expect("a recording can be begun"));
        let (store, recovered) = disk::fold(home);
        let log = Box::new(StoreLog::new(store));
        let ingress = Ingress {
            asked: Asked::default(),
            charges: Charges::default(),
            book: Book::default(),
            net: Arc::clone(&net),
        };
        let performer = Performer::new(Outside {
            net,
            bodies: log.bodies(),
            keys: Arc::new(key),
            serving: None,
            asked: ingress.asked.clone(),
            charges: ingress.charges.clone(),
            notices: NoticeBoard::default(),
        });
        let config = ExecutorConfig { log, performer, recorder, snapshot_every: SNAPSHOT_EVERY };
        let executor = Executor::new(recovered, config);
        let (inbox, messages) = sync_channel(INBOX_MAX);
        let to_driver = inbox.clone();
        let queue = Arc::new(Queue::default());
        let helper = Helper::new(ingress.clone(), Arc::clone(&queue));
        let check = move || {
            ingress::run(&ingress, &queue, ingress::workers_count(), (&received, &to_driver));
        };
        let taking = spawn("ingress", check);
        let run = move || {
            let driver = Driver::new(executor, messages, Arc::new(SystemClock::new()));
            let driver = driver.with_helper(helper);
            // Anchors are made by hand.
            let settings = Settings { anchor_ops: 0, anchor_age_ms: 0, ..Settings::default() };
            driver.run([3; 32], peer, settings).expect("the disk serves");
        };
        let driving = spawn("driver", run);
        Self { events, inbox, threads: vec![driving, taking] }
    }

    /// A peer comes that takes part in a namespace.
    pub(super) fn meet(&self, peer: PeerKey, namespace: NamespaceId) {
        let address = "/memory/1".to_owned();
        for event in [
            NetEvent::PeerConnected { peer, address },
            NetEvent::PeerSubscribed { peer, topic: Topic(namespace.0) },
        ] {
            self.events.send(event).expect("the node runs");
        }
    }

    /// What it knows of a namespace, all of it durable.
    pub(super) fn known(&self, namespace: NamespaceId) -> Option<Known> {
        let (answer, answered) = sync_channel(1);
        let ask = move |state: &State| {
            answer.send(Known::of(state, namespace)).expect("the bench waits");
        };
        self.inbox.send(Message::Query(Box::new(ask))).expect("the node runs");
        answered.recv().expect("a question is answered")
    }

    /// Waits until everything that a peer had is here.
    pub(super) fn wait(&self, namespace: NamespaceId, op_count: usize, root: [u8; 32]) {
        self.wait_until(namespace, |known| known.is_in_sync(op_count, root));
    }

    /// Waits until so many ops are here, whatever became of the exchange that brought them.
    pub(super) fn wait_for(&self, namespace: NamespaceId, op_count: usize, root: [u8; 32]) {
        self.wait_until(namespace, |known| (known.op_count, known.root) == (op_count, root));
    }

    fn wait_until(&self, namespace: NamespaceId, is_done: impl Fn(&Known) -> bool) {
        let started = Instant::now();
        loop {
            let known = self.known(namespace);
            if known.as_ref().is_some_and(&is_done) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "not what was expected, but {known:?}");
            thread::sleep(ASK_EVERY);
        }
    }

    /// Ends it in order.
    pub(super) fn stop(self) {
        let Self { events, inbox, threads } = self;
        inbox.send(Message::Stop).expect("the node runs");
        drop((events, inbox));
        for thread in threads {
            thread.join().expect("the node ends well");
        }
    }
}

/// A thread with a name, which profilers show.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread can be had")
}
