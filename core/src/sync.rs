//! Getting what other members have (NET-40 to NET-46).
//!
//! An exchange with a peer begins with heads. Where one side has all that the other has, its heads
//! are all that is needed to fetch the rest; else the two first find out where they differ. The
//! decisions are in `decide/syncing`; here is what they are made on.

pub mod backfill;
pub mod exchange;
pub mod index;
pub mod lists;
pub mod notes;
pub mod ranges;

use crate::id::{OpId, PeerKey};
use crate::input::ExchangeId;
use crate::time::MonoMillis;
use crate::wire::{Heads, Refused};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use backfill::Slot;
use borsh::{BorshDeserialize, BorshSerialize};
use exchange::Exchange;
use notes::Notes;

/// Exchanges under way in one namespace, and what is remembered of those before.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Syncing {
    /// At most one with each peer.
    pub(crate) exchanges: BTreeMap<PeerKey, Exchange>,
    /// What is remembered of peers.
    pub notes: Notes,
    /// Whose list is fetched beyond its first page: one at a time, for they hold the same.
    pub(crate) backfill: Option<Slot>,
    /// Whom to compare with when nothing waits to be judged: a partner failed.
    pub(crate) next_partner: Option<PeerKey>,
    /// Questions that wait until everything stored is evaluated.
    pub(crate) questions: VecDeque<Question>,
    /// Whether the order of reconciliation is wanted, and not complete yet.
    pub(crate) is_indexing: bool,
    /// How often others were asked for what is missing still (NET-41).
    pub(crate) missing_attempts: u32,
    /// How the last exchange ended.
    last: Option<Ended>,
    numbers: u64,
}

/// A peer asked for our heads while they were about to change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Question {
    pub(crate) exchange: ExchangeId,
    pub(crate) peer: PeerKey,
    pub(crate) heads: Heads,
    pub(crate) common: Option<Heads>,
}

/// How and when an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ended {
    /// With whom.
    pub peer: PeerKey,
    /// How.
    pub verdict: Verdict,
    /// When.
    pub at: MonoMillis,
}

/// How one exchange with a peer ended (NET-46).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Verdict {
    /// Everything that the peer had is here.
    InSync {
        /// Our heads.
        heads: Vec<OpId>,
        /// Root over all groups.
        root: [u8; 32],
    },
    /// Something is missing still.
    Incomplete {
        /// Ids that were wanted and did not come, at most 64.
        missing: Vec<OpId>,
        /// Why.
        why: Shortfall,
    },
    /// The same heads and another root: a bug, or a lie.
    Diverged {
        /// Our root.
        ours: [u8; 32],
        /// The peer's.
        theirs: [u8; 32],
    },
}

/// Why an exchange ended before everything was here.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Shortfall {
    /// The peer did not answer in time.
    Stalled,
    /// It went away.
    Gone,
    /// It sent what is no answer, or less than it claimed to have.
    Lied,
    /// It would not serve us.
    Refused(Refused),
    /// It sent all that it has, and something is missing or does not fit here still.
    Lacking,
}

impl Syncing {
    /// How the last exchange ended, and when.
    pub fn last(&self) -> Option<&Ended> {
        self.last.as_ref()
    }

    /// Whether ops are being fetched from some peer.
    pub fn is_fetching(&self) -> bool {
        self.exchanges.values().any(Exchange::is_fetching)
    }

    /// Takes out the question of a peer that waits.
    pub(crate) fn take_question(&mut self, peer: &PeerKey) -> Option<Question> {
        let at = self.questions.iter().position(|question| question.peer == *peer)?;
        self.questions.remove(at)
    }

    /// Notes how an exchange ended.
    pub(crate) fn end(&mut self, ended: Ended) {
        self.last = Some(ended);
    }

    /// A number that no answer under way carries.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The exchange that an answer belongs to; `None` where it is over, or began anew.
    pub(crate) fn current(&mut self, peer: &PeerKey, number: u64) -> Option<&mut Exchange> {
        self.exchanges.get_mut(peer).filter(|exchange| exchange.number == number)
    }
}
