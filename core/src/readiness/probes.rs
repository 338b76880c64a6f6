//! Probes: "anyone ready?", and who answers (NET-14).

use crate::id::MemberId;
use crate::limits::{PROBE_ANSWERS_EVERY_MS, PROBE_QUIET_COUNT, PROBES_EVERY_MS};
use crate::time::MonoMillis;
use alloc::collections::BTreeSet;
use borsh::{BorshDeserialize, BorshSerialize};

/// Probes of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Probes {
    /// When one was answered last.
    answered: Option<MonoMillis>,
    /// When one was forwarded last.
    forwarded: Option<MonoMillis>,
    /// Members heard since the probe that is to be answered; `None` where none is.
    heard: Option<BTreeSet<MemberId>>,
}

impl Probes {
    /// Whether a probe is forwarded: as few as are needed, whoever sends how many (NET-3). One is
    /// as good as another, for everybody hears the answers.
    pub fn take_forward(&mut self, now: MonoMillis) -> bool {
        let is_due = is_due(self.forwarded, PROBES_EVERY_MS, now);
        if is_due {
            self.forwarded = Some(now);
        }
        is_due
    }

    /// A probe came, and this node is ready: whether it sets out to answer.
    pub fn begin(&mut self, now: MonoMillis) -> bool {
        let begins = self.heard.is_none() && is_due(self.answered, PROBE_ANSWERS_EVERY_MS, now);
        if begins {
            self.heard = Some(BTreeSet::new());
        }
        begins
    }

    /// A member in a ready tier was heard: it answers as well as we do. One that beacons three
    /// times is one answer.
    pub fn note_beacon(&mut self, member: MemberId) {
        if let Some(heard) = &mut self.heard
            && heard.len() < PROBE_QUIET_COUNT
        {
            heard.insert(member);
        }
    }

    /// The time to answer has come: whether this node does. Only then is the stamp used.
    pub fn take_answer(&mut self, is_ready: bool, now: MonoMillis) -> bool {
        let heard = self.heard.take();
        let answers = is_ready && heard.is_some_and(|heard| heard.len() < PROBE_QUIET_COUNT);
        if answers {
            self.answered = Some(now);
        }
        answers
    }
}

fn is_due(last: Option<MonoMillis>, every_ms: u64, now: MonoMillis) -> bool {
    last.is_none_or(|last| now.since(last) >= every_ms)
}
