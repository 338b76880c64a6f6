//! One node of a cluster.

use crate::kit::Author;
use folkmoot_core::command::{CommandId, Outcome};
use folkmoot_core::effect::{Draft, Notice};
use folkmoot_core::evolve::evolve;
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::id::{MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_core::input::{ExchangeId, RequestId, Signed};
use folkmoot_core::key::Signers;
use folkmoot_core::record;
use folkmoot_core::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// One node.
pub struct Node {
    /// Its state.
    pub state: State,
    /// Records of its log.
    pub log: Vec<Vec<u8>>,
    /// Bytes of the ops in the log, by id.
    pub bodies: BTreeMap<OpId, Vec<u8>>,
    /// Replies to its commands.
    pub replies: BTreeMap<CommandId, Outcome>,
    /// What it told its user.
    pub notices: Vec<Notice>,
    /// Peers that it charged.
    pub charged: Vec<PeerKey>,
    pub(super) keys: BTreeMap<MemberId, Author>,
    pub(super) topics: BTreeSet<NamespaceId>,
    pub(super) mesh: BTreeMap<NamespaceId, u64>,
    pub(super) exchanges: BTreeMap<ExchangeId, (usize, RequestId, NamespaceId)>,
    pub(super) wake_at: Option<u64>,
    pub(super) signers: Signers,
}

impl Node {
    pub(super) fn new() -> Self {
        Self {
            state: State::default(),
            log: Vec::new(),
            bodies: BTreeMap::new(),
            replies: BTreeMap::new(),
            notices: Vec::new(),
            charged: Vec::new(),
            keys: BTreeMap::new(),
            topics: BTreeSet::new(),
            mesh: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            wake_at: None,
            signers: Signers::default(),
        }
    }

    /// The state that the first `records` of the log fold to.
    ///
    /// # Panics
    ///
    /// Where a record that this node wrote does not decode.
    #[expect(clippy::expect_used, reason = "a log that cannot be read back is a failed test")]
    pub fn recover(&self, records: usize) -> State {
        let mut state = State::default();
        for bytes in self.log.iter().take(records) {
            let event =
                record::decode(bytes, |op| self.bodies.get(op).cloned()).expect("the log decodes");
            evolve(&mut state.durable, &event);
        }
        state
    }
}

/// What a draft becomes in the hands of `author`.
pub(super) fn sign(author: &Author, draft: &Draft) -> Signed {
    match draft {
        Draft::Invitation(terms) => {
            let signature = author.endorse(&terms.id().0);
            Signed::Invitation(Invitation { terms: terms.clone(), signature })
        }
        Draft::Op(op) => {
            let sealed = op.clone().seal(&author.make(&op.id().0));
            sealed.map_or(Signed::NoKey(author.id), Signed::Op)
        }
    }
}
