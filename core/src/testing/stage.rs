//! A node with a clock: for tests of what happens when.

use super::{Author, Node};
use crate::bounded::Bounded;
use crate::command::{Command, CommandId, Outcome};
use crate::effect::Effect;
use crate::event::Event;
use crate::evolve::evolve;
use crate::id::{MemberId, NamespaceId, PeerKey};
use crate::input::{Input, RequestId};
use crate::settings::Settings;
use crate::state::State;
use crate::step::step;
use crate::time::{MonoMillis, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A node whose author signs at once, unless told not to, and whose clock stands where it is put.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) node: Node,
    /// Milliseconds on both clocks.
    pub(crate) ms: u64,
    /// Whether its author signs.
    pub(crate) signs: bool,
}

impl Stage {
    /// The node of the first of some owners, who founds a namespace.
    pub(crate) fn found(owners: &[&Author]) -> (Self, NamespaceId) {
        let mut stage = Self { node: Node::new(owners[0]), ms: 0, signs: true };
        let owners: Vec<MemberId> = owners.iter().map(|owner| owner.id).collect();
        stage.command(0, Command::Found { owners: Bounded::truncated(owners) });
        let namespace = *stage.node.state.durable.namespaces.keys().next().unwrap();
        (stage, namespace)
    }

    /// A node of `author` that starts with this log, whoever wrote it.
    pub(crate) fn with_log(author: &Author, log: &[Event]) -> Self {
        let mut state = State::default();
        for event in log {
            let mut event = event.clone();
            if let Event::NamespaceOpened { me, .. } = &mut event {
                *me = author.id;
            }
            evolve(&mut state.durable, &event);
        }
        state.durable.settle();
        let node = Node { state, log: log.to_vec(), author: author.clone(), commands: 1 << 32 };
        let mut again = Self { node, ms: 0, signs: true };
        let (peer, settings) = (PeerKey::default(), Settings::default());
        again.give(0, Input::Started { seed: [9; 32], peer, settings });
        again
    }

    /// Steps at a time until nothing is left to do: what the node ordered.
    pub(crate) fn give(&mut self, ms: u64, input: Input) -> Vec<Effect> {
        self.ms = ms;
        let now = Now { mono: MonoMillis(ms), unix: crate::time::UnixMillis(ms) };
        let mut effects = Vec::new();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let out = step(&mut self.node.state, now, input);
            self.node.log.extend(out.events);
            if !self.node.state.volatile.busy.is_empty() {
                inputs.push_back(Input::Wake);
            }
            for effect in out.effects {
                if let Effect::Sign { request, draft, .. } = &effect
                    && self.signs
                {
                    let signed = self.node.signature(draft);
                    inputs.push_back(Input::SignatureReady { request: *request, signed });
                }
                effects.push(effect);
            }
        }
        effects
    }

    /// Lets a time come.
    pub(crate) fn wake(&mut self, ms: u64) -> Vec<Effect> {
        self.give(ms, Input::Wake)
    }

    /// Issues a command, and says which it was.
    pub(crate) fn command(&mut self, ms: u64, wish: Command) -> (CommandId, Vec<Effect>) {
        self.node.commands += 1;
        let command = CommandId(self.node.commands);
        (command, self.give(ms, Input::CommandIssued { command, wish }))
    }

    /// A peer connects and takes part in a topic.
    pub(crate) fn meet(&mut self, ms: u64, peer: PeerKey, namespace: NamespaceId) -> Vec<Effect> {
        let mut effects = self.give(ms, Input::PeerConnected { peer });
        effects.extend(self.give(ms, Input::PeerSubscribed { peer, namespace }));
        effects
    }
}

/// The answers to commands among some effects, in order.
pub(crate) fn replies(effects: &[Effect]) -> Vec<(CommandId, Outcome)> {
    let reply = |effect: &Effect| {
        let Effect::Reply { command, outcome } = effect else { return None };
        Some((*command, outcome.clone()))
    };
    effects.iter().filter_map(reply).collect()
}

/// The signatures asked for among some effects.
pub(crate) fn signings(effects: &[Effect]) -> Vec<RequestId> {
    let signing = |effect: &Effect| {
        let Effect::Sign { request, .. } = effect else { return None };
        Some(*request)
    };
    effects.iter().filter_map(signing).collect()
}
