//! What the tests of this crate share: keys, and an executor on ports in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::command::{Command, Delivery, Outcome};
use folkmoot_core::event::Event;
use folkmoot_core::governance::op::{Body, Visibility};
use folkmoot_core::id::{MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_core::key::OwnSignature;
use folkmoot_core::record;
use folkmoot_core::settings::Settings;

use super::memory::{MemoryClock, MemoryLog, MemoryNet};
use super::{Clock, Log, Signer, StoreLog, locked};
use crate::driver::{Executor, ExecutorConfig, Recovered, SNAPSHOT_EVERY, UPKEEP_MS, recover};
use crate::perform::{Asked, Charges, NoticeBoard, Outside, Performer, Reply};
use crate::recorder::Recorder;
use crate::store::{Home, Store, StoreError};

/// The keys of some members.
#[derive(Clone, Default)]
pub(crate) struct Keys(BTreeMap<MemberId, SigningKey>);

impl Keys {
    /// Keys of members 1 to `count`.
    pub(crate) fn of(count: u8) -> Self {
        let keys = (1..=count).map(|number| SigningKey::from_bytes(&[number; 32]));
        Self(keys.map(|key| (MemberId(key.verifying_key().to_bytes()), key)).collect())
    }
}

impl Signer for Keys {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        self.0.get(member).map(|key| OwnSignature::make(key, message))
    }
}

/// A member of [`Keys::of`].
pub(crate) fn member(number: u8) -> MemberId {
    MemberId(SigningKey::from_bytes(&[number; 32]).verifying_key().to_bytes())
}

/// A command that founds a namespace of one owner.
pub(crate) fn found(owner: u8) -> Command {
    Command::Found { owners: Bounded::new(vec![member(owner)]).unwrap() }
}

/// A command that creates a group below the root.
pub(crate) fn create_group(namespace: NamespaceId) -> Command {
    let body = Body::GroupCreated { visibility: Visibility::Open };
    let (group, delivery) = (namespace.root(), Delivery::default());
    Command::Govern { namespace, group, body, expected_root: None, delivery }
}

/// The outcomes of some commands, in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Outcomes(Arc<Mutex<Vec<(usize, Outcome)>>>);

impl Outcomes {
    /// A way back for the command of this number.
    pub(crate) fn reply(&self, number: usize) -> Reply {
        let outcomes = Arc::clone(&self.0);
        Box::new(move |outcome| locked(&outcomes).push((number, outcome)))
    }

    pub(crate) fn all(&self) -> Vec<(usize, Outcome)> {
        locked(&self.0).clone()
    }
}

/// An executor on ports in memory, and the other ends of these. It signs by itself.
pub(crate) struct Bench {
    pub(crate) executor: Executor,
    pub(crate) log: MemoryLog,
    pub(crate) net: MemoryNet,
    pub(crate) clock: MemoryClock,
    pub(crate) outcomes: Outcomes,
    command_count: usize,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(None, SNAPSHOT_EVERY)
    }

    pub(crate) fn with(recorder: Option<Recorder>, snapshot_every: u64) -> Self {
        let log = MemoryLog::default();
        let port = Box::new(log.clone());
        Self { log, ..Self::build(port, Recovered::default(), recorder, snapshot_every) }
    }

    /// On the log of a data folder, which is recovered first.
    pub(crate) fn on(home: &Path, snapshot_every: u64) -> Self {
        let (store, _) = Store::open(claimed(home).unwrap(), [3; 16]).unwrap();
        let recovered = recover(&store).unwrap();
        Self::build(Box::new(StoreLog::new(store)), recovered, None, snapshot_every)
    }

    fn build(
        log: Box<dyn Log>,
        recovered: Recovered,
        recorder: Option<Recorder>,
        snapshot_every: u64,
    ) -> Self {
        let net = MemoryNet::default();
        let performer = Performer::new(outside(log.as_ref(), Arc::new(net.clone())));
        let config = ExecutorConfig { log, performer, recorder, snapshot_every };
        Self {
            executor: Executor::new(recovered, config),
            log: MemoryLog::default(),
            net,
            clock: MemoryClock::default(),
            outcomes: Outcomes::default(),
            command_count: 0,
        }
    }

    /// Steps one input; its events wait for the commit.
    pub(crate) fn take(&mut self, input: Input) {
        self.executor.take(self.clock.now(), input).unwrap();
    }

    pub(crate) fn start(&mut self) {
        let (peer, settings) = (PeerKey([7; 32]), Settings::default());
        self.take(Input::Started { seed: [7; 32], peer, settings });
        self.commit().unwrap();
    }

    /// Steps a command, whose outcome comes to `outcomes` under the number that is given back.
    pub(crate) fn issue(&mut self, wish: Command) -> usize {
        let number = self.command_count;
        self.command_count += 1;
        let command = self.executor.expect(self.outcomes.reply(number));
        self.take(Input::CommandIssued { command, wish });
        number
    }

    /// Commits, and goes on as long as the reducer has something left to do at once.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.executor.commit(self.clock.now())?;
        while self.executor.wakeup().is_step_due(self.clock.now().mono) {
            self.executor.take(self.clock.now(), Input::Wake)?;
            self.executor.commit(self.clock.now())?;
        }
        Ok(())
    }

    /// Lets the time pass after which upkeep is due.
    pub(crate) fn upkeep(&mut self) {
        self.clock.advance(UPKEEP_MS);
        self.executor.upkeep(self.clock.now()).unwrap();
    }

    /// Founds a namespace.
    pub(crate) fn found(&mut self, owner: u8) -> NamespaceId {
        let number = self.issue(found(owner));
        self.commit().unwrap();
        match self.outcomes.all().last() {
            Some((last, Outcome::Accepted { namespace, .. })) if *last == number => *namespace,
            other => panic!("not founded: {other:?}"),
        }
    }
}

/// How long a folder may seem to be in use.
const PATIENCE: Duration = Duration::from_secs(10);

/// Claims a folder that nobody uses. A process that another test starts holds the locks of all
/// tests until its own program runs in it, so this may take a moment.
pub(crate) fn claimed(path: &Path) -> Result<Home, StoreError> {
    let started = Instant::now();
    loop {
        match Home::claim(path, &[]) {
            Err(StoreError::InUse { .. }) if started.elapsed() < PATIENCE => thread::yield_now(),
            claimed => return claimed,
        }
    }
}

/// The ops whose records a log has, in order.
pub(crate) fn stored_ops(log: &MemoryLog) -> Vec<OpId> {
    let events = log.with(|rows| rows.records.clone()).into_iter();
    let id =
        |event: Event| if let Event::OpAccepted { op, .. } = event { Some(op.id) } else { None };
    events.filter_map(|bytes| id(record::decode(&bytes).unwrap())).collect()
}

/// What effects are performed on in a [`Bench`].
pub(crate) fn outside(log: &dyn Log, net: Arc<dyn super::Net>) -> Outside {
    Outside {
        net,
        bodies: log.bodies(),
        keys: Arc::new(Keys::of(4)),
        serving: None,
        asked: Asked::default(),
        charges: Charges::default(),
        notices: NoticeBoard::default(),
    }
}
