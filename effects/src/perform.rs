//! Performs effects, in order, after the events of their step are durable.
//!
//! Nothing here fails the driver: a network that is gone, a full queue and a page that cannot be
//! read are told to whoever asked, or to nobody; what must not be lost is owed again by the
//! reducer.

mod asked;
mod charges;
mod notices;
mod pages;
mod serving;

use std::collections::BTreeMap;
use std::sync::Arc;

use folkmoot_core::command::{CommandId, Outcome, Shortage};
use folkmoot_core::effect::{Effect, Forward};
use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::{ExchangeId, Input, RequestId, Signed};
use folkmoot_core::record::Stored;
use folkmoot_core::statement::{Attested, Statement};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, OpBytes, Refused, Request, Response};

use crate::net::{self, NetCommand, Topic, Verdict};
use crate::ports::{Bodies, Net, Signer};
use crate::signer::SignTask;

pub use asked::Asked;
pub use charges::{CHARGES_MAX, Charges};
pub use notices::{Entrance, Heard, NOTICES_MAX, NoticeBoard, Noticed, Notices};
pub use pages::{PageTask, run as serve_pages};
pub use serving::{PAGES_PER_PEER_MAX, PAGES_WAITING_MAX, Place, Serving};

/// Where the outcome of a command goes. Dropped without a call when the node ends first.
pub type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// What effects are performed on.
pub struct Outside {
    /// The network.
    pub net: Arc<dyn Net>,
    /// Stored ops.
    pub bodies: Arc<dyn Bodies>,
    /// Private keys.
    pub keys: Arc<dyn Signer>,
    /// The thread that reads pages; without it the performer does.
    pub serving: Option<Serving>,
    /// Questions under way, shared with the ingress.
    pub asked: Asked,
    /// What peers did wrong, shared with the ingress.
    pub charges: Charges,
    /// Whoever listens.
    pub notices: NoticeBoard,
}

/// Performs effects.
pub struct Performer {
    outside: Outside,
    replies: BTreeMap<CommandId, Reply>,
    next_command: u64,
    answers: Vec<Input>,
}

impl Performer {
    /// A performer for which nobody waits yet.
    pub fn new(outside: Outside) -> Self {
        Self { outside, replies: BTreeMap::new(), next_command: 0, answers: Vec::new() }
    }

    /// Names a command, and keeps its way back until its one [`Effect::Reply`].
    pub fn expect(&mut self, reply: Reply) -> CommandId {
        let command = CommandId(self.next_command);
        self.next_command += 1;
        self.replies.insert(command, reply);
        command
    }

    /// Signatures that were made, as inputs.
    pub fn take_answers(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.answers)
    }

    /// Does not sign a draft, for want of space.
    pub fn decline(&mut self, draft: &Effect, shortage: Shortage) {
        if let Effect::Sign { request, .. } = *draft {
            tracing::warn!(%shortage, "not signed: free some space on the disk");
            let signed = Signed::NoRoom(shortage);
            self.answers.push(Input::SignatureReady { request, signed });
        }
    }

    /// Performs one effect of a step at `at`.
    pub fn perform(&mut self, at: UnixMillis, effect: Effect) {
        match effect {
            Effect::Sign { request, signer, draft } => {
                let task = SignTask { request, signer, draft };
                self.answers.push(task.carry_out(self.outside.keys.as_ref()));
            }
            Effect::Reply { command, outcome } => self.reply(command, outcome),
            Effect::Subscribe(namespace) => self.send(NetCommand::Subscribe(topic(namespace))),
            Effect::Unsubscribe(namespace) => self.send(NetCommand::Unsubscribe(topic(namespace))),
            Effect::Publish { namespace, gossip } => self.publish(namespace, &gossip),
            Effect::PublishStored { namespace, op, nonce } => {
                if let Some(op) = self.stored(&op) {
                    self.publish(namespace, &Gossip::Again { nonce, op });
                }
            }
            Effect::Validate { message, verdict } => {
                let message = net::MessageId(message.0);
                self.send(NetCommand::Validate { message, verdict: verdict.into() });
            }
            Effect::Ask { request, peer, question } => self.ask(request, peer, &question),
            Effect::Respond { exchange, response } => self.respond(exchange, &response),
            Effect::RespondWithOps { exchange, peer, ops, total } => {
                self.serve(peer, PageTask { exchange, ops, total });
            }
            Effect::RespondJoined { exchange, op } => {
                let busy = Response::Refused(Refused::Busy);
                let response = self.stored(&op).map_or(busy, Response::Joined);
                self.respond(exchange, &response);
            }
            Effect::Announce(beacon) => {
                let namespace = beacon.namespace;
                if let Some(beacon) = self.attest(beacon) {
                    self.publish(namespace, &Gossip::Beacon(Box::new(beacon)));
                }
            }
            Effect::Introduce { exchange, hello, pass } => {
                let stranger = Response::Refused(Refused::Stranger);
                let hello = self.attest(hello);
                let response = hello.map_or(stranger, |hello| Response::Identity { hello, pass });
                self.respond(exchange, &response);
            }
            Effect::Acknowledge { request, peer, ack } => {
                if let Some(ack) = self.attest(ack) {
                    self.ask(request, peer, &Request::Ack(ack));
                }
            }
            Effect::Dial(address) => self.send(NetCommand::Dial { address }),
            Effect::StopDialing(address) => self.send(NetCommand::StopDialing { address }),
            Effect::Charge { peer, why } => {
                self.outside.charges.charge(peer, &why, self.outside.net.as_ref());
            }
            Effect::Notify(notice) => self.outside.notices.publish(at, notice),
        }
    }

    fn send(&self, command: NetCommand) {
        // The end of the network ends the node; whoever watches it has the cause.
        if let Err(gone) = self.outside.net.send(command) {
            tracing::debug!(%gone, "order to the network lost");
        }
    }

    fn ask(&self, request: RequestId, peer: PeerKey, question: &Request) {
        self.outside.asked.note(request, question.namespace());
        let exchange = net::ExchangeId(request.0);
        self.send(NetCommand::Request { exchange, peer, bytes: question.encode() });
    }

    /// A statement with its member's signature; without the key, it is not made.
    fn attest<T: Statement>(&self, statement: T) -> Option<Attested<T>> {
        let member = statement.member();
        let attested = Attested::by(statement, |by, digest| {
            self.outside.keys.sign(by, digest).map(|signature| signature.signature())
        });
        if attested.is_none() {
            tracing::warn!(%member, "nothing is stated: the key of this member is not here");
        }
        attested
    }

    fn publish(&self, namespace: NamespaceId, gossip: &Gossip) {
        self.send(NetCommand::Publish { topic: topic(namespace), bytes: gossip.encode() });
    }

    fn respond(&self, exchange: ExchangeId, response: &Response) {
        self.send(pages::respond(exchange, response));
    }

    fn reply(&mut self, command: CommandId, outcome: Outcome) {
        let Some(reply) = self.replies.remove(&command) else {
            tracing::error!(?command, "a second reply to one command, or to none: a bug");
            return;
        };
        reply(outcome);
    }

    /// Where no place is left for the page, or none of the peer's share, it hears `Busy` (NET-45).
    fn serve(&self, peer: PeerKey, task: PageTask) {
        let Some(serving) = &self.outside.serving else {
            return self.send(task.carry_out(self.outside.bodies.as_ref()));
        };
        let exchange = task.exchange;
        if !serving.leave(peer, task) {
            self.respond(exchange, &Response::Refused(Refused::Busy));
        }
    }

    fn stored(&self, op: &Stored) -> Option<OpBytes> {
        pages::readable(op, self.outside.bodies.body(op))
    }
}

impl From<Forward> for Verdict {
    fn from(forward: Forward) -> Self {
        match forward {
            Forward::Accept => Self::Accept,
            Forward::Ignore => Self::Ignore,
            Forward::Reject => Self::Reject,
            Forward::AcceptLater => Self::AcceptLater,
        }
    }
}

fn topic(namespace: NamespaceId) -> Topic {
    Topic(namespace.0)
}
