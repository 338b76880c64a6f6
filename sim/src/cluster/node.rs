//! One node of a cluster.

use crate::kit::Author;
use folkmoot_core::command::{CommandId, Outcome};
use folkmoot_core::effect::{Draft, Forward, Notice};
use folkmoot_core::evolve::evolve;
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::id::{MemberId, NamespaceId, PeerKey};
use folkmoot_core::input::{ExchangeId, MessageId, RequestId, Signed};
use folkmoot_core::key::Signers;
use folkmoot_core::readiness;
use folkmoot_core::record::{self, Stored};
use folkmoot_core::state::State;
use folkmoot_core::wire::OpBytes;
use std::collections::{BTreeMap, BTreeSet};

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
#[derive(Default)]
pub struct Node {
    /// Its state.
    pub state: State,
    /// Records of its log.
    pub log: Vec<Vec<u8>>,
    /// Replies to its commands.
    pub replies: BTreeMap<CommandId, Outcome>,
    /// What it told its user.
    pub notices: Vec<Notice>,
    /// Peers that it charged.
    pub charged: Vec<PeerKey>,
    /// What it said of each message, and who had forwarded that.
    pub verdicts: Vec<(usize, Forward)>,
    /// Answers to questions that a test asked in its name ([`super::Cluster::ask_as`]).
    pub answers: Vec<Vec<u8>>,
    /// How far its wall clock is ahead, in milliseconds.
    pub ahead_ms: i64,
    pub(super) liar: Option<Liar>,
    pub(super) keys: BTreeMap<MemberId, Author>,
    pub(super) topics: BTreeSet<NamespaceId>,
    pub(super) mesh: BTreeMap<NamespaceId, u64>,
    pub(super) exchanges: BTreeMap<ExchangeId, Question>,
    pub(super) messages: BTreeMap<MessageId, (usize, NamespaceId, Vec<u8>)>,
    pub(super) seen: BTreeSet<[u8; 32]>,
    pub(super) wake_at: Option<u64>,
    /// How long it slept in all, in milliseconds: its monotonic clock stood still meanwhile.
    pub(super) slept_ms: u64,
    pub(super) asleep_until: u64,
    /// Points of the members whose signatures it checked.
    pub(super) signers: Signers,
}

/// A question that has no answer yet.
pub(super) struct Question {
    pub(super) from: usize,
    pub(super) request: RequestId,
    pub(super) namespace: NamespaceId,
    pub(super) bytes: Vec<u8>,
}

impl Node {
    /// The state that the first `records` of the log fold to.
    ///
    /// # Panics
    ///
    /// Where a record that this node wrote does not decode.
    #[expect(clippy::expect_used, reason = "a log that cannot be read back is a failed test")]
    pub fn recover(&self, records: usize) -> State {
        let mut state = State::default();
        for bytes in self.log.iter().take(records) {
            evolve(&mut state.durable, &record::decode(bytes).expect("the log decodes"));
        }
        state
    }

    /// The bytes of a stored op.
    pub(super) fn body(&self, stored: &Stored) -> Option<OpBytes> {
        let at = usize::try_from(stored.record.checked_sub(1)?).ok()?;
        let bytes = record::op_bytes(self.log.get(at)?, &stored.op).ok()?;
        OpBytes::new(bytes.to_vec())
    }

    /// How ready it is.
    pub fn readiness(&self, namespace: &NamespaceId) -> Option<readiness::State> {
        self.state.volatile.desks.get(namespace).map(|desk| desk.readiness.state())
    }

    /// Forgets what a process that dies takes along.
    pub(super) fn die(&mut self, records: usize) {
        self.log.truncate(records);
        self.state = self.recover(records);
        self.topics.clear();
        self.mesh.clear();
        self.exchanges.clear();
        self.messages.clear();
        self.seen.clear();
        self.wake_at = None;
    }

    /// When it wants to be woken, by the clock of the cluster.
    pub(super) fn wakes_at(&self) -> Option<u64> {
        Some(self.wake_at?.saturating_add(self.slept_ms).max(self.asleep_until))
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
