//! Runs scenarios: what happens, what must hold meanwhile, and what must come true afterwards.
//!
//! First the actions, with the invariants of safety checked while they go on; then everything is
//! mended, whoever meant ill stops, and what was promised must come true. The first violation ends
//! the run.
//!
//! A node that means ill anywhere in a scenario is a villain from the beginning: nothing is
//! promised about what it has, and everything about the others.

mod act;
mod again;
mod anchored;
mod bodies;
mod book;
mod bug;
mod check;
mod forge;
mod guests;
mod harm;
mod last;
mod lies;
mod liveness;
mod marks;
mod orders;
mod plants;
mod promises;
mod pulls;
mod readiness;
mod room;
mod secrets;
mod sets;
#[cfg(test)]
mod tests;
mod thrift;
mod violation;
mod watch;

use crate::cluster::{Cluster, Link, Node};
use crate::kit::Author;
use crate::scenario::{Action, Scenario};
use folkmoot_core::id::{MemberId, NamespaceId, OpId};
use folkmoot_core::settings::Share;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub use again::{TWICE, compared, run_again, twice_where_needed};
pub use bug::Bug;
pub use marks::Marks;
pub use violation::{Invariant, Violation};

use act::Pending;
use again::Variant;
use anchored::Finals;
use check::{Checks, Deep};
use pulls::Pulls;
use readiness::Ranks;
use watch::Watch;

/// Runs of inputs between two looks at the nodes, for each of them: a look costs as much again.
const LOOK_EVERY: u64 = 16;
/// How often one looks at how ready a node is at least, in milliseconds, for each 16 nodes.
const RANKS_EVERY_MS: u64 = 1_000;

/// How a scenario went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Seed of the scenario.
    pub seed: u64,
    /// Digest of everything that was sent, and when.
    pub digest: [u8; 32],
    /// Runs of inputs that nodes committed.
    pub steps: u64,
    /// How long it took in the world, in milliseconds.
    pub world_ms: u64,
    /// Ops that the founder has at the end.
    pub ops: u64,
    /// What each node had at the end, in a digest.
    pub pictures: Vec<[u8; 32]>,
    /// What was reached.
    pub marks: Marks,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
}

/// How far a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Actions that are done.
    pub done: usize,
    /// All actions. When they are done the world is healed, and what was promised comes true.
    pub actions: usize,
    /// Runs of inputs that nodes committed.
    pub steps: u64,
    /// How late it is in the world, in milliseconds.
    pub world_ms: u64,
    /// Ops that the founder has.
    pub ops: u64,
}

/// Hears now and then how far a scenario is.
pub type Listener<'a> = Box<dyn FnMut(Progress) + 'a>;

/// Runs a scenario to its end, or to the first violation.
pub fn run(scenario: &Scenario) -> Report {
    run_with(scenario, Bug::None, None)
}

/// The same, and tells how far it is.
pub fn run_told(scenario: &Scenario, listener: Listener<'_>) -> Report {
    let mut runner = Runner::new(scenario, Bug::None, None, Variant::Same);
    runner.listener = Some(listener);
    runner.report()
}

/// Runs a scenario in a world with a planted bug, which a checker must catch; where one is named,
/// no other is listened to.
pub fn run_with(scenario: &Scenario, bug: Bug, only: Option<Invariant>) -> Report {
    Runner::new(scenario, bug, only, Variant::Same).report()
}

/// A scenario under way.
struct Runner<'a> {
    scenario: &'a Scenario,
    world: Cluster,
    bug: Bug,
    only: Option<Invariant>,
    /// The namespace of this world, once it is founded.
    namespace: Option<NamespaceId>,
    /// The members that act through nodes, the newcomer's too.
    members: BTreeMap<MemberId, usize>,
    /// The node that founded it.
    founder: Option<usize>,
    villains: Rc<BTreeSet<usize>>,
    pending: Vec<Pending>,
    /// Seeds of one-time secrets that were given out.
    secrets: u64,
    /// How many people each of them is for.
    promised_uses: BTreeMap<MemberId, u32>,
    /// Another namespace of the founder.
    other: Option<NamespaceId>,
    /// Ops that villains published, as they travel.
    forged: BTreeMap<OpId, Vec<u8>>,
    /// Nodes that are gone for good.
    lost: BTreeSet<usize>,
    /// How far the wall clocks of this world are ahead, in milliseconds.
    shift_ms: i64,
    /// Connections that were made.
    greetings: u64,
    finals: Finals,
    marks: Marks,
    watch: Rc<RefCell<Watch>>,
    checks: Checks,
    ranks: Ranks,
    pulls: Pulls,
    deep: Deep,
    looked_at: u64,
    /// When one looked at how ready nodes are, by the time of the world.
    ranked_at: u64,
    /// The step after which all was seen to.
    seen_to: u64,
    /// Actions that are done.
    done: usize,
    listener: Option<Listener<'a>>,
}

impl<'a> Runner<'a> {
    fn new(scenario: &'a Scenario, bug: Bug, only: Option<Invariant>, variant: Variant) -> Self {
        let options = &scenario.options;
        let count = usize::from(options.nodes);
        let villains: BTreeSet<usize> =
            scenario.actions.iter().filter_map(Action::villain).map(usize::from).collect();
        let nodes = (0..count).map(|at| {
            let mut node = Node::default();
            node.snapshot_every = options.snapshot_every;
            node.settings.anchor_ops = options.anchor_ops;
            node.settings.share = Share(options.memory);
            (node.name, node.clock.shift_ms) = (variant.name(), variant.shift_ms());
            bug.spoil(&mut node);
            node.give_key(&author(at));
            node
        });
        let seed = scenario.seed ^ bug.dice();
        let mut world = Cluster::of(nodes.collect(), seed, &link(scenario));
        world.flaw = bug.flaw();
        variant.change(&mut world, bug);
        let villains = Rc::new(villains);
        let watch = Rc::new(RefCell::new(Watch::new(Rc::clone(&villains), count)));
        let watcher = Rc::clone(&watch);
        world.watcher = Some(Box::new(move |at, node, order| {
            watcher.borrow_mut().see(at, node, order);
        }));
        Self {
            scenario,
            world,
            bug,
            only,
            namespace: None,
            members: (0..=count).map(|at| (member(at), at)).collect(),
            founder: None,
            villains,
            pending: Vec::new(),
            secrets: 1 << 32,
            promised_uses: BTreeMap::new(),
            other: None,
            forged: BTreeMap::new(),
            lost: BTreeSet::new(),
            shift_ms: variant.shift_ms(),
            greetings: (count * count) as u64,
            finals: Finals::default(),
            marks: Marks::default(),
            watch,
            checks: Checks::new(count),
            ranks: Ranks::default(),
            pulls: Pulls::default(),
            deep: Deep::new(count),
            looked_at: 0,
            ranked_at: 0,
            seen_to: 0,
            done: 0,
            listener: None,
        }
    }

    fn report(mut self) -> Report {
        let violation = self.go().err();
        Report {
            seed: self.scenario.seed,
            digest: self.world.digest(),
            steps: self.world.steps,
            world_ms: self.world.now(),
            ops: self.ops(),
            pictures: self.world.nodes.iter().map(sets::picture).collect(),
            marks: self.all_marks(),
            violation,
        }
    }

    fn go(&mut self) -> Result<(), Violation> {
        for action in &self.scenario.actions {
            if let Action::Wait(ms) = action {
                self.wait(*ms)?;
            } else {
                self.perform(action);
                self.after()?;
            }
            self.done += 1;
        }
        self.plant_at_end()?;
        self.live()
    }

    /// Lets time pass, and looks at what happens.
    fn wait(&mut self, ms: u64) -> Result<(), Violation> {
        let deadline = self.world.now() + ms;
        while self.world.advance(deadline) {
            self.after()?;
        }
        self.world.run(deadline - self.world.now());
        Ok(())
    }

    /// After each step. What a node did not take, as a message for the second time, is none.
    fn after(&mut self) -> Result<(), Violation> {
        if self.world.steps == self.seen_to {
            return Ok(());
        }
        self.seen_to = self.world.steps;
        self.settle_pending()?;
        // What is seen by a second run is not looked for in one.
        if self.only.is_some_and(|only| TWICE.contains(&only)) {
            return Ok(());
        }
        let asked = std::mem::take(&mut self.watch.borrow_mut().asked);
        let now = self.world.now();
        self.pulls.note(asked, |at| self.world.nodes.get(at).map_or(0, |it| it.clock.mono_at(now)));
        let found = self.watch.borrow_mut().found.take();
        if let Some(violation) = found {
            self.judge(violation)?;
        }
        let shares = self.watch.borrow_mut().served.check_shares(self.world.now());
        shares.or_else(|violation| self.judge(violation))?;
        self.check_restarts()?;
        self.plant_readiness();
        let every = LOOK_EVERY * self.world.nodes.len() as u64;
        if self.world.steps >= self.looked_at + every {
            self.looked_at = self.world.steps;
            self.tell();
            self.look()?;
            self.check_finals()?;
        }
        let ranks_every = RANKS_EVERY_MS * (self.world.nodes.len() as u64).div_ceil(16);
        if self.world.now() >= self.ranked_at + ranks_every {
            self.ranked_at = self.world.now();
            self.look_at_readiness()?;
        }
        Ok(())
    }

    /// Tells who listens how far it is.
    fn tell(&mut self) {
        let (done, actions) = (self.done, self.scenario.actions.len());
        let (steps, world_ms, ops) = (self.world.steps, self.world.now(), self.ops());
        if let Some(listener) = &mut self.listener {
            listener(Progress { done, actions, steps, world_ms, ops });
        }
    }

    /// Ends the run with a violation, unless it is one that is not listened to.
    fn judge(&self, violation: Violation) -> Result<(), Violation> {
        if self.only.is_some_and(|only| only != violation.invariant) {
            return Ok(());
        }
        let (seed, step, world_ms) = (self.scenario.seed, self.world.steps, self.world.now());
        Err(Violation { seed, step, world_ms, ..violation })
    }

    /// Whether a node is to be believed.
    fn is_honest(&self, at: usize) -> bool {
        !self.villains.contains(&at)
    }

    /// Whether a member is that of a node which is to be believed; there are others, whose keys
    /// villains have.
    fn is_honest_member(&self, id: MemberId) -> bool {
        self.members.get(&id).is_some_and(|at| self.is_honest(*at))
    }

    fn ops(&self) -> u64 {
        let founder = self.founder.and_then(|at| self.world.nodes.get(at));
        let view = self.namespace.and_then(|it| founder?.state().namespace(&it));
        view.map_or(0, |view| view.ops)
    }
}

/// The person whose key a node has.
fn author(at: usize) -> Author {
    Author::new(at as u64)
}

/// The member that acts through a node.
fn member(at: usize) -> MemberId {
    author(at).id
}

fn link(scenario: &Scenario) -> Link {
    let options = &scenario.options;
    Link { is_down: false, topic: options.topic.clone(), stream: options.stream.clone() }
}
