//! How a program uses a running node.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::id::{OpId, PeerKey};
use folkmoot_core::input::Answer;
use folkmoot_core::receive;
use folkmoot_core::record::Stored;
use folkmoot_core::signed::Malformed;
use folkmoot_core::state::State;
use folkmoot_core::time::Now;
use folkmoot_core::wire::Request;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::exit::Ending;
use crate::driver::Message;
use crate::ingress::Book;
use crate::net::{ExchangeId, NetCommand, NetHandle};
use crate::perform::{Asked, Charges, Entrance, Notices, Reply};
use crate::ports::{Bodies as _, Clock, SystemClock};
use crate::store::{Reader, StoreError};

/// The node has ended, or ends before it can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the node is stopping; start it again")]
pub struct Gone;

/// Why a question to a peer has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// The peer is not connected, or did not answer in time.
    #[error("{0} is not connected, or did not answer; see who is connected and ask again")]
    Unanswered(PeerKey),
    /// What it sent is no answer.
    #[error("{0} sent what is no answer: {1}; its program may be of another version")]
    Malformed(PeerKey, Malformed),
    /// The node is stopping.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// A running node. Clones are cheap; dropping them ends nothing.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    pub(super) inbox: SyncSender<Message>,
    pub(super) reader: Reader,
    pub(super) notices: Entrance,
    pub(super) book: Book,
    pub(super) asked: Asked,
    pub(super) charges: Charges,
    pub(super) net: NetHandle,
    pub(super) clock: Arc<SystemClock>,
    pub(super) ending: Ending,
}

impl NodeHandle {
    /// Gives a command and waits for its outcome, which is durable then.
    ///
    /// A command whose future is dropped is carried out all the same.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the node ends before; whether the command was carried out is then unknown.
    pub async fn command(&self, wish: Command) -> Result<Outcome, Gone> {
        self.outcome(|reply| Message::Command { wish, reply }).await
    }

    /// Asks about the state after everything that is durable. `ask` runs on the driver's thread
    /// and holds it up: keep it short.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the node ends before.
    pub async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        // Fails only when whoever asked has gone.
        let query = move |state: &State| drop(answer.send(ask(state)));
        self.tell(Message::Query(Box::new(query))).await?;
        answered.await.map_err(|_| Gone)
    }

    /// Asks a connected peer something, past the reducer, which neither knows nor needs the
    /// question; how long the answer took, and the answer with its signatures checked.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub async fn ask(
        &self,
        peer: PeerKey,
        question: &Request,
    ) -> Result<(Answer, Duration), AskError> {
        let (answered, answer) = oneshot::channel();
        let request = self.asked.name(answered);
        let (exchange, bytes) = (ExchangeId(request.0), question.encode());
        let asked = Instant::now();
        self.order(NetCommand::Request { exchange, peer, bytes }).await;
        let bytes = answer.await.map_err(|_| Gone)?.ok_or(AskError::Unanswered(peer))?;
        let took = asked.elapsed();
        let read = receive::answer(&bytes, question.namespace());
        Ok((read.map_err(|why| AskError::Malformed(peer, why))?, took))
    }

    /// The time of this node, to which its deadlines refer.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Stored ops, as they were received, in the order of `ids`; `None` for one that is not
    /// stored. Reads from the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when one cannot be read, or the node has ended.
    pub async fn bodies(&self, ids: Vec<OpId>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let find = move |state: &State| ids.iter().map(|id| state.stored(id)).collect();
        let all: Vec<Option<Stored>> = self.query(find).await.map_err(|Gone| StoreError::Closed)?;
        let reader = self.reader.clone();
        let read = move || {
            let body = |stored: Option<Stored>| stored.map(|stored| reader.body(&stored));
            all.into_iter().map(|stored| body(stored).transpose()).collect()
        };
        spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }

    /// Listens to notices from now on.
    pub fn notices(&self) -> Notices {
        self.notices.listen()
    }

    /// The key by which peers know this node.
    pub fn local_peer(&self) -> PeerKey {
        self.net.local_peer()
    }

    /// Where this node can be reached.
    pub fn addresses(&self) -> Vec<String> {
        self.book.own()
    }

    /// The connected peers with their addresses.
    pub fn peers(&self) -> Vec<(PeerKey, Vec<String>)> {
        self.book.peers()
    }

    /// Keeps a connection with whoever is at this address.
    pub async fn dial(&self, address: String) {
        self.order(NetCommand::DialAlways { address }).await;
    }

    /// Refuses a peer from now on.
    pub async fn block(&self, peer: PeerKey) {
        self.order(NetCommand::Block { peer }).await;
    }

    /// Refuses a peer no longer, and forgets what it did.
    pub async fn unblock(&self, peer: PeerKey) {
        self.charges.forgive(peer);
        self.order(NetCommand::Unblock { peer }).await;
    }

    /// Ends the node in order, and waits until it has ended.
    pub async fn shutdown(&self) {
        self.ending.end().await;
    }

    /// Sends a message with a way back, and waits for what comes by it.
    pub(super) async fn outcome(
        &self,
        message: impl FnOnce(Reply) -> Message,
    ) -> Result<Outcome, Gone> {
        let (answer, answered) = oneshot::channel();
        // Fails only when whoever asked has gone.
        let reply: Reply = Box::new(move |outcome| drop(answer.send(outcome)));
        self.tell(message(reply)).await?;
        answered.await.map_err(|_| Gone)
    }

    /// Hands a message to the driver. Waits where the inbox is full, on a thread that may.
    async fn tell(&self, message: Message) -> Result<(), Gone> {
        match self.inbox.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Gone),
            Err(TrySendError::Full(message)) => {
                let inbox = self.inbox.clone();
                let sent = spawn_blocking(move || inbox.send(message).is_ok()).await;
                if sent.unwrap_or(false) { Ok(()) } else { Err(Gone) }
            }
        }
    }

    async fn order(&self, command: NetCommand) {
        let net = self.net.clone();
        // A network that is gone has nothing to be told.
        drop(spawn_blocking(move || net.send(command)).await);
    }
}
