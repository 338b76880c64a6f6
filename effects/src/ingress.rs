//! From bytes of peers to inputs whose ops are verified (A1 to A3).
//!
//! Nothing a peer sends gets further unchecked, and nothing it sends is a panic: what does not
//! decode is a value of its own, charged to whoever sent it. Events of one peer keep their order
//! while all workers check them, and peers take turns once they stand in their lines. Every queue
//! on the way is bounded, so a driver that is busy slows the network down, for all peers alike,
//! instead of filling memory.

mod book;
mod helper;
mod lines;
mod queue;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use folkmoot_core::id::{NamespaceId, PeerKey};
use folkmoot_core::input::{Answer, ExchangeId, Input, MessageId, RequestId};
use folkmoot_core::key::Signers;
use folkmoot_core::receive;
use folkmoot_core::signed::Malformed;

use crate::driver::Message;
use crate::net::{self, NetCommand, NetEvent};
use crate::perform::{Asked, Charges};
use crate::ports::Net;

pub use book::Book;
pub use helper::Helper;
use lines::{Task, Whose};
pub use queue::Queue;

/// Most threads that verify, beside a driver that helps them.
const WORKERS_MAX: usize = 4;

/// Threads that verify: for all processors but one, which is the driver's. It helps where it can.
pub fn workers_count() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    processors.saturating_sub(1).clamp(1, WORKERS_MAX)
}

/// Turns events of the network into inputs of the reducer. Clones share their tables.
#[derive(Clone)]
pub struct Ingress {
    /// The questions under way, noted by the performer.
    pub asked: Asked,
    /// What peers did wrong.
    pub charges: Charges,
    /// Addresses, for people.
    pub book: Book,
    /// Where a peer is blocked that did too much of it.
    pub net: Arc<dyn Net>,
}

impl Ingress {
    /// The input in an event, where there is one. `signers` are those that this thread met.
    pub fn take(&self, event: NetEvent, signers: &mut Signers) -> Option<Input> {
        self.take_all(vec![event], signers).pop().flatten()
    }

    /// As [`Ingress::take`], for several: the ops in all answers are checked in one batch.
    fn take_all(&self, events: Vec<NetEvent>, signers: &mut Signers) -> Vec<Option<Input>> {
        let opened: Vec<Opened> =
            events.into_iter().map(|event| self.open(event, signers)).collect();
        let answers: Vec<(&[u8], NamespaceId)> = opened.iter().filter_map(Opened::answer).collect();
        let mut checked = receive::answers_from(signers, &answers).into_iter();
        let input = |opened| match opened {
            Opened::Input(input) => input.map(|input| *input),
            Opened::Answer(received) => Some(self.on_answer(&received, checked.next()?)),
        };
        opened.into_iter().map(input).collect()
    }

    fn open(&self, event: NetEvent, signers: &mut Signers) -> Opened {
        let input = match event {
            NetEvent::Listening { address } => {
                tracing::info!(%address, "listening");
                None
            }
            NetEvent::DialFailed { address, why } => {
                tracing::debug!(%address, %why, "address not reached");
                None
            }
            NetEvent::PeerConnected { peer, .. } => Some(Input::PeerConnected { peer }),
            NetEvent::PeerDisconnected { peer } => Some(Input::PeerDisconnected { peer }),
            NetEvent::PeerSubscribed { peer, topic } => {
                Some(Input::PeerSubscribed { peer, namespace: NamespaceId(topic.0) })
            }
            NetEvent::PeerUnsubscribed { peer, topic } => {
                Some(Input::PeerUnsubscribed { peer, namespace: NamespaceId(topic.0) })
            }
            NetEvent::Mesh { topic, peers } => {
                Some(Input::MeshChanged { namespace: NamespaceId(topic.0), peers })
            }
            NetEvent::Gossip { message, from, topic, bytes } => {
                let message = MessageId(message.0);
                Some(receive::gossip(signers, message, from, NamespaceId(topic.0), &bytes))
            }
            NetEvent::RequestReceived { exchange, peer, bytes } => {
                self.on_request(signers, ExchangeId(exchange.0), peer, &bytes)
            }
            NetEvent::ResponseReceived { exchange, peer, bytes } => {
                let received = self.received(RequestId(exchange.0), peer, bytes);
                return received.map_or(Opened::Input(None), Opened::Answer);
            }
            NetEvent::RequestFailed { exchange, peer, why } => {
                tracing::debug!(%peer, %why, "request failed");
                let request = RequestId(exchange.0);
                self.asked.answer(request, None);
                self.asked.end(request).map(|_| Input::RequestFailed { request })
            }
        };
        Opened::Input(input.map(Box::new))
    }

    /// An answer that somebody still waits for.
    fn received(&self, request: RequestId, peer: PeerKey, bytes: Vec<u8>) -> Option<Received> {
        let bytes = self.asked.answer(request, Some(bytes))?;
        Some(Received { request, peer, namespace: self.asked.end(request)?, bytes })
    }

    /// A request that does not decode gets no answer, and its place is free at once (NET-3).
    fn on_request(
        &self,
        signers: &mut Signers,
        exchange: ExchangeId,
        peer: PeerKey,
        bytes: &[u8],
    ) -> Option<Input> {
        let refuse = |why| {
            let exchange = net::ExchangeId(exchange.0);
            if let Err(gone) = self.net.send(NetCommand::Refuse { exchange }) {
                tracing::debug!(%gone, "request not refused");
            }
            self.charge(peer, why);
        };
        receive::request_from(signers, exchange, peer, bytes).map_err(refuse).ok()
    }

    fn on_answer(&self, received: &Received, answer: Result<Answer, Malformed>) -> Input {
        let Received { request, peer, .. } = *received;
        match answer {
            Ok(answer) => Input::ResponseReceived { request, peer, answer },
            Err(why) => {
                self.charge(peer, why);
                Input::RequestFailed { request }
            }
        }
    }

    fn charge(&self, peer: PeerKey, why: Malformed) {
        // An op of newer rules is nobody's fault.
        if !matches!(why, Malformed::NewerRules(_)) {
            self.charges.charge(peer, &why, self.net.as_ref());
        }
    }
}

/// An event after its first look.
enum Opened {
    /// What comes of it.
    Input(Option<Box<Input>>),
    /// An answer, to be checked beside others.
    Answer(Received),
}

struct Received {
    request: RequestId,
    peer: PeerKey,
    /// What was asked about.
    namespace: NamespaceId,
    bytes: Vec<u8>,
}

impl Opened {
    fn answer(&self) -> Option<(&[u8], NamespaceId)> {
        match self {
            Self::Input(_) => None,
            Self::Answer(received) => Some((&received.bytes, received.namespace)),
        }
    }
}

/// Takes events until the network or the driver is gone, and checks them on so many threads.
///
/// Ends after these have: what was received before is in the inbox then, or with a [`Helper`].
pub fn run(
    ingress: &Ingress,
    queue: &Queue,
    workers: usize,
    (events, inbox): (&Receiver<NetEvent>, &SyncSender<Message>),
) {
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| Worker(queue).run(ingress, inbox));
        }
        for event in events {
            // Here, where the events of one peer are in order.
            ingress.book.note(&event);
            if !queue.push(whose(&event), event) {
                break;
            }
        }
        queue.close();
    });
}

/// A thread that verifies.
struct Worker<'a>(&'a Queue);

impl Worker<'_> {
    fn run(self, ingress: &Ingress, inbox: &SyncSender<Message>) {
        let mut signers = Signers::default();
        while let Some(Task { whose, place, events }) = self.0.take() {
            let inputs = ingress.take_all(events, &mut signers);
            for input in self.0.checked(whose, place, inputs) {
                if inbox.send(Message::Input(input)).is_err() {
                    return;
                }
            }
        }
    }
}

/// However one ends, nobody waits for it: in order there is nothing left to take.
impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// The peer that an event is of.
fn whose(event: &NetEvent) -> Whose {
    match event {
        NetEvent::Listening { .. } | NetEvent::DialFailed { .. } | NetEvent::Mesh { .. } => None,
        NetEvent::PeerConnected { peer, .. }
        | NetEvent::PeerDisconnected { peer }
        | NetEvent::PeerSubscribed { peer, .. }
        | NetEvent::PeerUnsubscribed { peer, .. }
        | NetEvent::Gossip { from: peer, .. }
        | NetEvent::RequestReceived { peer, .. }
        | NetEvent::ResponseReceived { peer, .. }
        | NetEvent::RequestFailed { peer, .. } => Some(*peer),
    }
}
