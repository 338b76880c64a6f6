//! One node of a cluster: a disk, keys and clocks, and while it runs, the production executor.

use super::Parcel;
use super::clock::NodeClock;
use super::disk::{Disk, DiskLog, Tail};
use super::flaw::Load;
use super::inbox::Inbox;
use super::life::Life;
use super::ports::{Keys, Order, OrderBook, locked};
use super::tables::Table;
use crate::kit::Author;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::effect::Notice;
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_core::readiness;
use folkmoot_core::settings::Settings;
use folkmoot_core::state::State;
use folkmoot_core::time::MonoMillis;
use folkmoot_effects::driver::{Executor, ExecutorConfig, RecoverError, SNAPSHOT_EVERY};
use folkmoot_effects::ingress::{Book, Ingress};
use folkmoot_effects::net::{ExchangeId, Topic, Verdict};
use folkmoot_effects::perform::Performer;
use folkmoot_effects::perform::{
    Asked as Questions, Charges, Heard, NoticeBoard, Notices, Outside,
};
use folkmoot_effects::ports::Log as _;
use folkmoot_effects::store::StoreError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

/// Notices that may wait in a node: they are taken after each commit.
const NOTICES_MAX: usize = 256;

/// A question, and what the reducer of the node that was asked would say.
pub struct Asked<'a> {
    /// Who asks.
    pub from: usize,
    /// What, as it came.
    pub question: &'a [u8],
    /// The answer of the reducer, as it would go.
    pub honest: Vec<u8>,
}

/// What a liar says instead of what its reducer would: other bytes, or nothing at all.
pub type Liar = Box<dyn FnMut(Asked<'_>) -> Option<Vec<u8>>>;

/// One node.
pub struct Node {
    /// What is on its disk.
    pub disk: Disk,
    /// Its clocks.
    pub clock: NodeClock,
    /// What it told its user.
    pub notices: Vec<Notice>,
    /// What it said of each message, and who had forwarded that.
    pub verdicts: Vec<(usize, Verdict)>,
    /// Answers to questions that a test asked in its name ([`super::Cluster::ask_as`]).
    pub answers: Vec<Vec<u8>>,
    /// The shortest distance between two snapshots, in events, from the next start on.
    pub snapshot_every: u64,
    /// What its next start is given.
    pub settings: Settings,
    /// Changes its transport key, and not its place among the others.
    pub name: u8,
    /// What else its random numbers follow from: a planted bug.
    pub dice: Dice,
    /// Why its last run ended by itself.
    pub failure: Option<String>,
    pub(super) keys: Keys,
    pub(super) outcomes: Outcomes,
    pub(super) liar: Option<Liar>,
    pub(super) asleep_until: u64,
    /// What came to which of its runs while it slept.
    pub(super) held: VecDeque<(u64, Parcel)>,
    /// Counts its runs.
    pub(super) run: u64,
    pub(super) process: Option<Process>,
    /// What a crash at the next crash point leaves of the disk.
    pub(super) tail: Tail,
    /// What is shown of a node that does not run.
    nothing: State,
}

/// What the random numbers of a node follow from beside the seed of the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dice {
    /// Nothing.
    #[default]
    Fair,
    /// Its wall clock.
    OfClock,
    /// Its transport key.
    OfName,
}

/// How commands ended.
type Outcomes = Arc<Mutex<BTreeMap<CommandId, Outcome>>>;

/// What dies with a process.
pub(super) struct Process {
    pub(super) executor: Executor,
    pub(super) ingress: Ingress,
    pub(super) orders: OrderBook,
    notices: Notices,
    life: Life,
    /// Peers that it was told are connected.
    pub(super) peers: BTreeSet<usize>,
    /// Peers that it refuses.
    pub(super) blocked: BTreeSet<usize>,
    pub(super) topics: BTreeSet<Topic>,
    /// What it believes that its peers take part in, where it does not hear of that.
    pub(super) table: Option<Table>,
    /// Peers that it sends messages of a topic to, and how many it was told they are.
    pub(super) mesh: BTreeMap<Topic, (Vec<usize>, u64)>,
    /// Its questions under way.
    pub(super) asking: BTreeMap<ExchangeId, usize>,
    /// Questions that it has not answered.
    pub(super) exchanges: BTreeMap<ExchangeId, Question>,
    /// Messages that wait for a verdict.
    pub(super) messages: Inbox,
    /// When it wants to be woken, by the time of the world, and the number of that alarm.
    pub(super) alarm: Option<(u64, u64)>,
    load: Load,
}

/// A question of a peer.
pub(super) struct Question {
    pub(super) from: usize,
    /// The run of the one that asked.
    pub(super) run: u64,
    /// Its name of it.
    pub(super) exchange: ExchangeId,
    pub(super) bytes: Vec<u8>,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            disk: Disk::default(),
            clock: NodeClock::default(),
            notices: Vec::new(),
            verdicts: Vec::new(),
            answers: Vec::new(),
            snapshot_every: SNAPSHOT_EVERY,
            settings: Settings::default(),
            name: 0,
            dice: Dice::Fair,
            failure: None,
            keys: Keys::default(),
            outcomes: Outcomes::default(),
            liar: None,
            asleep_until: 0,
            held: VecDeque::new(),
            run: 0,
            process: None,
            tail: Tail::default(),
            nothing: State::default(),
        }
    }
}

impl Node {
    /// Its state; that of a node that knows nothing while it does not run.
    pub fn state(&self) -> &State {
        self.process.as_ref().map_or(&self.nothing, |process| process.executor.state())
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Which of its runs it is in, counted from 1.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Whether it does not sleep.
    pub fn is_awake(&self, now: u64) -> bool {
        self.asleep_until <= now
    }

    /// Until when it sleeps, by the time of the world.
    pub fn asleep_until(&self) -> u64 {
        self.asleep_until
    }

    /// Records of its log, in order.
    pub fn log(&self) -> Vec<Vec<u8>> {
        self.disk.records()
    }

    /// How ready it is.
    pub fn readiness(&self, namespace: &NamespaceId) -> Option<readiness::State> {
        self.state().volatile.desks.get(namespace).map(|desk| desk.readiness.state())
    }

    /// Peers that it charged since it started.
    pub fn charged(&self) -> Vec<PeerKey> {
        self.process.as_ref().map(|process| process.ingress.charges.peers()).unwrap_or_default()
    }

    /// Forgets what it charged peers with.
    pub fn forgive(&self) {
        for peer in self.charged() {
            if let Some(process) = &self.process {
                process.ingress.charges.forgive(peer);
            }
        }
    }

    /// The topics in which its network takes part.
    pub fn topics(&self) -> BTreeSet<Topic> {
        self.process.as_ref().map(|process| process.topics.clone()).unwrap_or_default()
    }

    /// Whether its network has a connection to another node.
    pub fn is_connected_to(&self, other: usize) -> bool {
        self.process.as_ref().is_some_and(|process| process.peers.contains(&other))
    }

    /// Who asked a question that it has not answered, and what.
    pub fn asked_by(&self, exchange: &ExchangeId) -> Option<(usize, &[u8])> {
        let question = self.process.as_ref()?.exchanges.get(exchange)?;
        Some((question.from, &question.bytes))
    }

    /// Questions and messages of others that wait for its word.
    pub fn waiting_count(&self) -> (usize, usize) {
        let process = self.process.as_ref();
        process.map_or((0, 0), |process| (process.exchanges.len(), process.messages.len()))
    }

    /// When it wants to be stepped, by its monotonic clock.
    pub fn wants_step_at(&self) -> Option<MonoMillis> {
        self.process.as_ref()?.executor.wakeup().step
    }

    /// How much it did at once since it started, at most.
    pub fn load(&self) -> Load {
        self.process.as_ref().map(|process| process.load).unwrap_or_default()
    }

    /// It is gone for good: a start that is under way no longer concerns it.
    pub fn give_up(&mut self) {
        self.run += 1;
    }

    /// Starts its process, on what is on the disk.
    pub(super) fn boot(&mut self, now: u64) -> Result<(), RecoverError> {
        let recovered = self.disk.recover()?;
        self.run += 1;
        self.held.clear();
        self.clock.boot(now);
        let life = Life::default();
        let orders =
            OrderBook { orders: Arc::default(), disk: self.disk.clone(), life: life.clone() };
        let net = Arc::new(orders.clone());
        let log = DiskLog { disk: self.disk.clone(), life: life.clone() };
        let (asked, charges) = (Questions::default(), Charges::default());
        let board = NoticeBoard::keeping(NOTICES_MAX);
        let notices = board.entrance().listen();
        let performer = Performer::new(Outside {
            net: net.clone(),
            bodies: log.bodies(),
            keys: Arc::new(self.keys.clone()),
            serving: None,
            asked: asked.clone(),
            charges: charges.clone(),
            notices: board,
        });
        let (log, snapshot_every) = (Box::new(log), self.snapshot_every);
        let config = ExecutorConfig { log, performer, recorder: None, snapshot_every };
        self.process = Some(Process {
            executor: Executor::new(recovered, config),
            ingress: Ingress { asked, charges, book: Book::default(), net },
            orders,
            notices,
            life,
            peers: BTreeSet::new(),
            blocked: BTreeSet::new(),
            topics: BTreeSet::new(),
            table: None,
            mesh: BTreeMap::new(),
            asking: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            messages: Inbox::default(),
            alarm: None,
            load: Load::default(),
        });
        Ok(())
    }

    /// Its process is gone, and with it what was not synced.
    pub(super) fn die(&mut self, tail: Tail) {
        self.process = None;
        self.disk.crash(tail);
    }

    /// Has its process end at its `touches`th touch of the world.
    pub fn end_after(&mut self, touches: u64, tail: Tail) {
        self.tail = tail;
        if let Some(process) = &self.process {
            process.life.end_after(touches);
        }
    }

    /// Steps an input; what comes of it waits for the commit.
    pub(super) fn take(&mut self, now: u64, input: Input) -> Result<(), StoreError> {
        let clocks = self.clock.at(now);
        let Some(process) = &mut self.process else { return Ok(()) };
        let before = process.executor.state().durable.records;
        let taken = process.executor.take(clocks, input);
        process.load.note(process.executor.state().durable.records.saturating_sub(before));
        taken
    }

    /// Steps a command, whose outcome will have this name.
    pub(super) fn command(
        &mut self,
        now: u64,
        name: CommandId,
        wish: Command,
    ) -> Result<(), StoreError> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let (outcomes, life) = (Arc::clone(&self.outcomes), process.life.clone());
        let command = process.executor.expect(Box::new(move |outcome| {
            if life.goes_on() {
                locked(&outcomes).insert(name, outcome);
            }
        }));
        self.take(now, Input::CommandIssued { command, wish })
    }

    /// Ends a run of inputs, as the driver does: gives what the node ordered meanwhile.
    pub(super) fn commit(&mut self, now: u64) -> (Vec<Order>, Result<(), StoreError>) {
        let clocks = self.clock.at(now);
        let Some(process) = &mut self.process else { return (Vec::new(), Ok(())) };
        let executor = &mut process.executor;
        let is_due = executor.wakeup().is_step_due(clocks.mono);
        let woken = if is_due { executor.take(clocks, Input::Wake) } else { Ok(()) };
        let ended =
            woken.and_then(|()| executor.commit(clocks)).and_then(|()| executor.upkeep(clocks));
        process.load.end_run();
        while let Some(heard) = process.notices.next_now() {
            if let Heard::Noticed(noticed) = heard {
                self.notices.push(noticed.notice);
            }
        }
        (process.orders.take(), ended)
    }

    /// Whether its process has come to a crash point.
    pub(super) fn is_over(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.life.is_over())
    }

    /// When it wants to be woken, by the time of the world.
    pub(super) fn wakes_at(&self, now: u64) -> Option<u64> {
        let wakeup = self.process.as_ref()?.executor.wakeup();
        let mono = [wakeup.step, wakeup.upkeep].into_iter().flatten().min()?;
        Some(self.clock.due(mono).max(self.asleep_until).max(now))
    }

    /// What its dice add to the seed of a run that starts now.
    pub(super) fn loaded_dice(&self, now: u64) -> u64 {
        match self.dice {
            Dice::Fair => 0,
            Dice::OfClock => self.clock.at(now).unix.0,
            Dice::OfName => self.name.into(),
        }
    }

    /// Gives it a key to sign with.
    pub fn give_key(&self, author: &Author) {
        self.keys.add(author);
    }
}
