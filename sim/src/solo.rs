//! One node alone, stepped by hand: no world, no disk. It signs by itself, and what else it orders
//! is handed back.

use crate::kit::Author;
use folkmoot_core::bounded::Bounded;
use folkmoot_core::command::{Command, CommandId, Outcome};
use folkmoot_core::effect::Effect;
use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::id::{MemberId, NamespaceId, PeerKey};
use folkmoot_core::input::Input;
use folkmoot_core::key::OwnSignature;
use folkmoot_core::record;
use folkmoot_core::settings::Settings;
use folkmoot_core::snapshot;
use folkmoot_core::state::State;
use folkmoot_core::step::step;
use folkmoot_core::time::{MonoMillis, Now, UnixMillis};
use folkmoot_effects::ports::Signer;
use folkmoot_effects::recorder::Recorder;
use folkmoot_effects::signer::SignTask;
use std::collections::VecDeque;

/// When the wall clock starts, in milliseconds.
const START_UNIX_MS: u64 = 1_800_000_000_000;

/// A node without a world.
#[derive(Debug)]
pub struct Solo {
    /// Its state.
    pub state: State,
    /// Records of its events.
    pub log: Vec<Vec<u8>>,
    /// Digest of the output of every step.
    pub digests: Vec<[u8; 32]>,
    keys: Keys,
    elapsed_ms: u64,
    command_count: u64,
    recorder: Option<Recorder>,
}

#[derive(Debug)]
struct Keys(Vec<Author>);

impl Signer for Keys {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        self.0.iter().find(|author| author.id == *member).map(|author| author.make(message))
    }
}

impl Solo {
    /// A node that has started, with the keys of these people; a `recorder` sees every step.
    pub fn start(people: &[&Author], recorder: Option<Recorder>) -> Self {
        Self::start_after(&[], people, recorder)
    }

    /// One that finds these events in its log.
    pub fn start_after(events: &[Event], people: &[&Author], recorder: Option<Recorder>) -> Self {
        let keys = Keys(people.iter().copied().cloned().collect());
        let mut state = State::default();
        for event in events {
            evolve(&mut state.durable, event);
        }
        state.durable.settle();
        let mut node = Self {
            state,
            log: events.iter().map(record::encode).collect(),
            digests: Vec::new(),
            keys,
            elapsed_ms: 0,
            command_count: 0,
            recorder,
        };
        let settings = Settings::default();
        node.give(Input::Started { seed: [7; 32], peer: PeerKey([1; 32]), settings });
        node
    }

    /// What its clocks say.
    pub fn now(&self) -> Now {
        let unix = UnixMillis(START_UNIX_MS + self.elapsed_ms);
        Now { mono: MonoMillis(self.elapsed_ms), unix }
    }

    /// Lets time pass, and wakes the node once.
    pub fn advance(&mut self, ms: u64) -> Vec<Effect> {
        self.elapsed_ms = self.elapsed_ms.saturating_add(ms);
        self.give(Input::Wake)
    }

    /// Steps an input, then the answers to all that is to be signed, and gives the other effects.
    pub fn give(&mut self, input: Input) -> Vec<Effect> {
        let mut others = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.step(input) {
                if let Effect::Sign { request, signer, draft } = effect {
                    let task = SignTask { request, signer, draft };
                    inputs.push_back(task.carry_out(&self.keys));
                } else {
                    others.push(effect);
                }
            }
        }
        others
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let now = self.now();
        if let Some(recorder) = &mut self.recorder
            && recorder.wants_file()
        {
            self.state.forget_caches();
            recorder.begin_file(&snapshot::save(&self.state));
        }
        let frame = self.recorder.as_mut().map(|recorder| recorder.frame(now, &input));
        let output = step(&mut self.state, now, input);
        if let (Some(recorder), Some(frame)) = (&mut self.recorder, frame) {
            recorder.finish(frame, &output);
            recorder.flush();
        }
        self.digests.push(output.digest());
        self.log.extend(output.events.iter().map(record::encode));
        output.effects
    }

    /// Issues a command.
    pub fn issue(&mut self, wish: Command) -> Vec<Effect> {
        self.command_count += 1;
        self.give(Input::CommandIssued { command: CommandId(self.command_count), wish })
    }

    /// Founds a namespace of one owner, whose key the node has; `None` where it has not.
    pub fn found(&mut self, owner: &Author) -> Option<NamespaceId> {
        let effects = self.issue(Command::Found { owners: Bounded::truncated(vec![owner.id]) });
        effects.into_iter().find_map(|effect| {
            let Effect::Reply { outcome, .. } = effect else { return None };
            if let Outcome::Accepted { namespace, .. } = outcome { Some(namespace) } else { None }
        })
    }
}
