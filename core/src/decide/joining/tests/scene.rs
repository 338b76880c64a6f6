//! A node that joins, driven by hand, and the members that it meets.

use super::super::Turn;
use crate::bounded::Bounded;
use crate::command::{Command, CommandId, JoinError, Outcome, Refusal};
use crate::effect::{Effect, Notice, Phase};
use crate::event::Event;
use crate::evolve::evolve;
use crate::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::identities::Identity;
use crate::input::{Answer, ExchangeId, Input, RequestId};
use crate::join::JoinReport;
use crate::settings::Settings;
use crate::signed::{Op, Verified};
use crate::state::State;
use crate::statement::Tier;
use crate::step::{Output, step};
use crate::sync::{Shortfall, Verdict};
use crate::testing::{Author, Node, hear_of};
use crate::time::{MonoMillis, Now, UnixMillis};
use crate::wire::{Refused, Request};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Where the wall clock stands when the monotonic one stands at 0.
pub(super) const START: u64 = 1_700_000_000_000;
/// How long a join may take, where a test does not say.
pub(super) const WITHIN: u64 = 4_000;
/// The peers behind which the owner and the second member stand.
pub(super) const P: PeerKey = PeerKey([1; 32]);
pub(super) const Q: PeerKey = PeerKey([2; 32]);

/// What one call of the reducer wanted done.
pub(super) type Done = Vec<Effect>;

/// A joiner, and an owner with a history.
pub(super) struct Scene {
    pub(super) owner: Node,
    pub(super) namespace: NamespaceId,
    pub(super) request: JoinRequest,
    pub(super) state: State,
    /// Everything that became durable at the joiner.
    pub(super) log: Vec<Event>,
    commands: u64,
}

/// Terms by which anybody may be invited to the root.
pub(super) fn terms(inviter: &Author, namespace: NamespaceId, frontier: OpId) -> Terms {
    Terms {
        namespace,
        group: namespace.root(),
        inviter: inviter.id,
        rights: Rights::MEMBER,
        uses_max: 1,
        expires_at: UnixMillis(u64::MAX),
        frontier: Bounded::truncated(vec![frontier]),
        one_time_key: Author::new(70).id,
    }
}

/// The consent of a joiner to terms that the inviter signs.
pub(super) fn accept(inviter: &Author, terms: Terms, joiner: &Author) -> JoinRequest {
    let id = terms.id();
    JoinRequest {
        invitation: Invitation { signature: inviter.sign(&id.0), terms },
        joiner: joiner.id,
        signature: joiner.sign(&consent(id, joiner.id)),
        one_time_signature: Author::new(70).sign(&voucher(id, joiner.id)),
    }
}

pub(super) fn owner() -> Author {
    Author::new(1)
}

/// The second member, who may not invite.
pub(super) fn second() -> Author {
    Author::new(2)
}

pub(super) fn joiner() -> Author {
    Author::new(9)
}

fn proved(member: MemberId) -> Identity {
    Identity { member, pass: None, round_trip_ms: 0 }
}

impl Scene {
    /// An owner with a second member, and a node that has just started.
    pub(super) fn new() -> Self {
        let mut owner_node = Node::new(&owner());
        let namespace = owner_node.found();
        let member = second().id;
        let body = Body::MemberAdded { member, rights: Rights::MEMBER };
        let frontier = owner_node.govern(namespace, namespace.root(), body);
        let request = accept(&owner(), terms(&owner(), namespace, frontier), &joiner());
        let (state, log) = (State::default(), Vec::new());
        let mut scene = Self { owner: owner_node, namespace, request, state, log, commands: 0 };
        scene.start(0);
        scene
    }

    pub(super) fn start(&mut self, at: u64) -> Done {
        let (peer, settings) = (PeerKey([9; 32]), Settings::default());
        self.input(at, Input::Started { seed: [5; 32], peer, settings })
    }

    /// Gives an input, and time until the node has nothing to do at this moment.
    pub(super) fn input(&mut self, at: u64, input: Input) -> Done {
        let mut done = Vec::new();
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let out = step(&mut self.state, now(at), input);
            self.log.extend(out.events);
            done.extend(out.effects);
            next = (out.wake_at.is_some_and(|due| due.0 <= at)).then_some(Input::Wake);
        }
        done
    }

    /// Lets time come.
    pub(super) fn wake(&mut self, at: u64) -> Done {
        self.input(at, Input::Wake)
    }

    /// Calls what other modules call, and gives the node time.
    pub(super) fn call(&mut self, at: u64, act: impl FnOnce(&mut Turn<'_>)) -> Done {
        let mut out = Output::default();
        let State { durable, volatile } = &mut self.state;
        act(&mut Turn { durable, volatile, now: now(at), out: &mut out });
        out.events.iter().for_each(|event| evolve(&mut self.state.durable, event));
        self.log.extend(out.events);
        out.effects.extend(self.wake(at));
        out.effects
    }

    /// Asks to join, with one address.
    pub(super) fn join(&mut self, at: u64, within_ms: u64) -> Done {
        let request = self.request.clone();
        let addresses = vec![String::from("/memory/1"), String::from("/memory/2")];
        self.command(at, Command::Join { request, addresses, within_ms })
    }

    pub(super) fn command(&mut self, at: u64, wish: Command) -> Done {
        self.commands += 1;
        let command = CommandId(self.commands);
        self.input(at, Input::CommandIssued { command, wish })
    }

    pub(super) fn meet(&mut self, at: u64, peer: PeerKey) -> Done {
        let mut done = self.input(at, Input::PeerConnected { peer });
        let namespace = self.namespace;
        done.extend(self.input(at, Input::PeerSubscribed { peer, namespace }));
        done
    }

    pub(super) fn identify(&mut self, peer: PeerKey, member: MemberId) {
        let namespace = self.namespace;
        self.call(0, |turn| {
            turn.desk(namespace).identities.insert(peer, proved(member));
        });
    }

    /// The owner's ops come in.
    pub(super) fn receive_history(&mut self, at: u64) -> Done {
        let ops = history(&self.owner);
        let (command, namespace) = (CommandId(0), self.namespace);
        self.input(at, Input::OpsImported { command, namespace, ops })
    }

    pub(super) fn verdict(&mut self, at: u64, peer: PeerKey, verdict: &Verdict) -> Done {
        let namespace = self.namespace;
        self.call(at, |turn| {
            // With its verdict an exchange is over.
            turn.desk(namespace).syncing.exchanges.remove(&peer);
            turn.join_after_sync(namespace, peer, verdict);
        })
    }

    /// All that a peer has is here. It is the one behind which a member stands, and has proved it
    /// by now, unless a test said who it is.
    pub(super) fn in_sync(&mut self, at: u64, peer: PeerKey) -> Done {
        let identities =
            &mut self.state.volatile.desks.get_mut(&self.namespace).unwrap().identities;
        if identities.get(&peer).is_none() {
            identities.insert(peer, proved(if peer == P { owner().id } else { second().id }));
        }
        self.in_sync_unproven(at, peer)
    }

    /// All that a peer has is here, which has not proved who it is.
    pub(super) fn in_sync_unproven(&mut self, at: u64, peer: PeerKey) -> Done {
        self.verdict(at, peer, &Verdict::InSync { heads: Vec::new(), root: [0; 32] })
    }

    pub(super) fn stall(&mut self, at: u64, peer: PeerKey) -> Done {
        let verdict = Verdict::Incomplete { missing: vec![OPEN], why: Shortfall::Stalled };
        self.verdict(at, peer, &verdict)
    }

    /// Joins until this peer is asked to admit us; the request.
    pub(super) fn ask(&mut self, peer: PeerKey) -> RequestId {
        self.join(0, WITHIN);
        self.meet(0, peer);
        self.receive_history(0);
        admit(&self.in_sync(0, peer)).unwrap().0
    }

    /// The owner's answer to the joiner.
    pub(super) fn witness(&mut self) -> Answer {
        let question = Request::Join { request: Box::new(self.request.clone()) };
        let effects = self.owner.input(Input::RequestReceived {
            exchange: ExchangeId(1),
            peer: PeerKey([9; 32]),
            request: question,
            signatures_valid: true,
        });
        let op = effects.iter().find_map(|effect| {
            if let Effect::RespondJoined { op, .. } = effect { Some(op.op) } else { None }
        });
        let op = op.unwrap();
        Answer::Joined(history(&self.owner).into_iter().find(|other| other.id == op).unwrap())
    }

    pub(super) fn answer(&mut self, at: u64, request: RequestId, answer: Answer) -> Done {
        self.input(at, Input::ResponseReceived { request, peer: P, answer })
    }

    pub(super) fn refuse(&mut self, at: u64, request: RequestId, why: Refused) -> Done {
        self.answer(at, request, Answer::Refused(why))
    }

    /// Whether this peer is asked for its heads at this moment; its answer is lost.
    pub(super) fn compares_with(&mut self, at: u64, done: &[Effect], peer: PeerKey) -> bool {
        let asked = heads_of(done).into_iter().filter(|(_, asked)| *asked == peer);
        let asked: Vec<(RequestId, PeerKey)> = asked.collect();
        for (request, _) in &asked {
            self.input(at, Input::RequestFailed { request: *request });
        }
        !asked.is_empty()
    }

    /// Another member is known to have these heads.
    pub(super) fn covered(&mut self, at: u64, member: MemberId, heads: &[OpId]) -> Done {
        let namespace = self.namespace;
        self.call(at, |turn| turn.note_join_covered(namespace, member, heads))
    }

    /// Another member beacons, and has these heads.
    pub(super) fn hear(&mut self, at: u64, member: MemberId, heads: &[OpId]) -> Done {
        let now = Now { mono: MonoMillis(at), unix: UnixMillis(START + at) };
        let desk = self.state.volatile.desks.get_mut(&self.namespace).unwrap();
        hear_of(&mut desk.readiness, member, Tier::Locally, now);
        self.covered(at, member, heads)
    }

    /// Kills the joiner and starts it again from its log.
    pub(super) fn restart(&mut self, at: u64) -> Done {
        self.state = State::default();
        self.log.iter().for_each(|event| evolve(&mut self.state.durable, event));
        self.start(at)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        let desk = self.state.volatile.desks.get(&self.namespace)?;
        desk.joining.as_ref().map(|joining| joining.phases.now)
    }

    /// The partner in use.
    pub(super) fn partner(&self) -> Option<PeerKey> {
        let desk = self.state.volatile.desks.get(&self.namespace)?;
        desk.joining.as_ref()?.partner.map(|partner| partner.peer)
    }

    /// Whether nothing of a join is left: no topic, timer, request, nor work.
    pub(super) fn is_clean(&self) -> bool {
        let State { durable, volatile } = &self.state;
        let is_open = durable.namespaces.get(&self.namespace).is_some_and(|known| known.is_open);
        !is_open
            && volatile.desks.is_empty()
            && volatile.timers.next().is_none()
            && volatile.requests.iter().next().is_none()
            && volatile.busy.is_empty()
    }
}

/// An op that nobody has.
pub(super) const OPEN: OpId = OpId([0xee; 32]);

pub(super) fn now(at: u64) -> Now {
    Now { mono: MonoMillis(at), unix: UnixMillis(START + at) }
}

pub(super) fn history(node: &Node) -> Vec<Verified<Op>> {
    let op = |event: &Event| {
        if let Event::OpAccepted { op, .. } = event { Some(op.clone()) } else { None }
    };
    node.log.iter().filter_map(op).collect()
}

/// Whom each question of a node goes to.
fn questions(done: &[Effect]) -> impl Iterator<Item = (RequestId, PeerKey, &Request)> {
    done.iter().filter_map(|effect| {
        let Effect::Ask { request, peer, question } = effect else { return None };
        Some((*request, *peer, question))
    })
}

/// Who was asked to admit us.
pub(super) fn admit(done: &[Effect]) -> Option<(RequestId, PeerKey)> {
    let mut asked = questions(done);
    let join = asked.find(|(_, _, question)| matches!(question, Request::Join { .. }));
    join.map(|(request, peer, _)| (request, peer))
}

pub(super) fn probes(done: &[Effect]) -> usize {
    let is_probe = |effect: &&Effect| {
        matches!(effect, Effect::Publish { gossip: crate::wire::Gossip::Probe { .. }, .. })
    };
    done.iter().filter(is_probe).count()
}

/// Who was asked for its heads.
pub(super) fn pulled(done: &[Effect]) -> Vec<PeerKey> {
    heads_of(done).into_iter().map(|(_, peer)| peer).collect()
}

fn heads_of(done: &[Effect]) -> Vec<(RequestId, PeerKey)> {
    let asked = questions(done);
    let heads = asked.filter(|(_, _, question)| matches!(question, Request::Heads { .. }));
    heads.map(|(request, peer, _)| (request, peer)).collect()
}

pub(super) fn notices(done: &[Effect]) -> Vec<&Notice> {
    let noticed = done
        .iter()
        .filter_map(|effect| if let Effect::Notify(notice) = effect { Some(notice) } else { None });
    noticed.collect()
}

/// The phases that were told, with the time that the one before each took.
pub(super) fn phases(done: &[Effect]) -> Vec<(Phase, u64)> {
    let phase = |notice: &Notice| {
        if let Notice::JoinPhase { phase, after_ms, .. } = notice {
            Some((*phase, *after_ms))
        } else {
            None
        }
    };
    notices(done).into_iter().filter_map(phase).collect()
}

pub(super) fn outcome(done: &[Effect]) -> Option<Outcome> {
    done.iter().find_map(|effect| {
        if let Effect::Reply { outcome, command } = effect
            && command.0 > 0
        {
            Some(outcome.clone())
        } else {
            None
        }
    })
}

pub(super) fn failed(done: &[Effect]) -> Option<JoinError> {
    if let Some(Outcome::Refused(Refusal::NotJoined(error))) = outcome(done) {
        Some(error)
    } else {
        None
    }
}

pub(super) fn joined(done: &[Effect]) -> Option<JoinReport> {
    if let Some(Outcome::Joined(report)) = outcome(done) { Some(report) } else { None }
}
