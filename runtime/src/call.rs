//! A command that a running node answers: one type for the command line, the API and the answer.
//!
//! The fields of the type are at once the arguments on the command line (clap), the parameters of
//! the route (serde), and what the node works on, so that the three cannot differ.

use std::future::Future;
use std::sync::Arc;

use folkmoot_core::codec;
use folkmoot_core::command::{Command, Outcome};
use folkmoot_core::governance::op::Payload;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::query::NetworkView;
use folkmoot_core::signed::SignedOp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::delivery::Wanted;
use crate::errors::{Class, Failure};
use crate::keys::Keystore;
use crate::render::Show;
use folkmoot_core::state::State;
use folkmoot_effects::node::{Gone, NodeHandle};
use folkmoot_effects::store::{StoreClass, StoreError};

/// Whether a call only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It reads; its parameters are in the query.
    Get,
    /// It changes something; its parameters are a JSON body.
    Post,
}

/// A command that a running node answers.
pub trait Call: Serialize + DeserializeOwned + Send + 'static {
    /// Whether it only reads.
    const METHOD: Method;
    /// Its route.
    const PATH: &'static str;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned + Show + Send;

    /// Answers it.
    fn answer(self, cx: &Cx) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

/// What a call works with.
#[derive(Clone)]
pub struct Cx {
    /// The running node.
    pub node: NodeHandle,
    /// Its keys.
    pub keys: Arc<Keystore>,
    /// Set off to stop the node.
    pub stop: Arc<Notify>,
    /// The namespace that was named, by id, name, or the beginning of either.
    pub ns: Option<String>,
    /// What is wanted of the delivery of ops.
    pub wanted: Wanted,
}

impl Cx {
    /// Asks the state.
    ///
    /// # Errors
    ///
    /// When the node is stopping.
    pub async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.node.query(ask).await?)
    }

    /// What is between this node and the others of a namespace, if it takes part.
    ///
    /// # Errors
    ///
    /// When the node is stopping.
    pub async fn network(&self, namespace: NamespaceId) -> Result<Option<NetworkView>, Failure> {
        let now = self.node.now().mono;
        self.query(move |state| state.network(&namespace, now)).await
    }

    /// Carries out a command of the core; a refusal is a failure.
    ///
    /// # Errors
    ///
    /// The refusal, or that the node is stopping.
    pub async fn command(&self, wish: Command) -> Result<Outcome, Failure> {
        let outcome = self.node.command(wish).await?;
        if let Outcome::Refused(refusal) = outcome {
            return Err(refusal.into());
        }
        Ok(outcome)
    }

    /// The payloads of stored ops, in the order of `ids`; none for one that is not stored.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn payloads(&self, ids: Vec<OpId>) -> Result<Vec<Option<Payload>>, Failure> {
        let payload = |op: Vec<u8>| {
            let signed: SignedOp = codec::decode(&op, OP_BYTES_MAX).ok()?;
            codec::decode(&signed.payload, OP_BYTES_MAX).ok()
        };
        let ops = self.node.bodies(ids).await?;
        Ok(ops.into_iter().map(|op| op.and_then(payload)).collect())
    }
}

/// An outcome that the command cannot have.
pub fn unexpected(outcome: &Outcome) -> Failure {
    Failure::protocol(format!("the node answered something else: {outcome:?}"))
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::new(Class::NotRunning, "stopping", "the node is stopping").hint("moot up")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (class, code) = match error.class() {
            StoreClass::Damaged => (Class::Damaged, "data-damaged"),
            StoreClass::InUse => (Class::InUse, "data-in-use"),
            StoreClass::Failed => (Class::Storage, "storage-failed"),
        };
        Self::new(class, code, error.to_string())
    }
}
