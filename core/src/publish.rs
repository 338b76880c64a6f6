//! Who has what this node wrote (NET-30 to NET-34).
//!
//! A *delivery* is a command that waits for others to say that they have its op. The *outbox* is
//! every own op that nobody else is known to have; it is derived from the graph, so a crash takes
//! nothing from it but what others said.

mod deliveries;
mod outbox;

pub use deliveries::{Deliveries, Ended, Waiting};
pub use outbox::Outbox;

use crate::governance::op::Body;
use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId};
use crate::limits::DELIVERY_MS_MAX;
use crate::settings::Settings;
use crate::state::{Namespace, State};
use crate::time::MonoMillis;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// How the delivery of an op ended (NET-32). Silence is never called success.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Receipt {
    /// As many members as were asked for have it.
    Delivered {
        /// Who, ascending.
        acked_by: Vec<MemberId>,
    },
    /// Fewer said so in time. The op is stored here, and published again until somebody has it.
    Unconfirmed {
        /// Who did, ascending.
        acked_by: Vec<MemberId>,
    },
    /// Nobody is known who could have it, or nobody was to be waited for.
    Solo,
}

/// Deliveries under way, and what the outbox is derived from.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Publishing {
    /// Peers that messages of the topic are sent to directly (NET-30).
    pub mesh: u64,
    /// Commands that wait for acks.
    pub deliveries: Deliveries,
    /// Own ops that nobody else is known to have.
    pub outbox: Outbox,
}

/// How much an op changes, and with that how long its author waits for others (NET-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Slots: metadata, settings, policies, contexts.
    Cheap,
    /// Members, and new groups.
    Structure,
    /// What may take the effect of other people's acts.
    Cascade,
}

impl Class {
    /// The class of an op with this body.
    pub const fn of(body: &Body) -> Self {
        match body {
            Body::SlotSet { .. } | Body::ContextRegistered { .. } | Body::Noop => Self::Cheap,
            Body::NamespaceCreated { .. }
            | Body::GroupCreated { .. }
            | Body::Anchor { .. }
            | Body::MemberAdded { .. }
            | Body::MemberLeft
            | Body::MemberJoined { .. }
            | Body::InvitationRevoked { .. } => Self::Structure,
            Body::GroupMoved { .. } | Body::GroupDeleted | Body::MemberRestricted { .. } => {
                Self::Cascade
            }
        }
    }

    /// How long an author waits, in milliseconds, unless the command says otherwise.
    pub const fn deadline_ms(self, settings: &Settings) -> u64 {
        match self {
            Self::Cheap => settings.deliver_cheap_ms,
            Self::Structure => settings.deliver_structure_ms,
            Self::Cascade => settings.deliver_cascade_ms,
        }
    }
}

/// How long the author of `body` waits, in milliseconds: `within_ms` where it says so, at most a
/// minute, else by the class of the op.
pub fn wait_ms(body: &Body, within_ms: Option<u64>, settings: &Settings) -> u64 {
    let by_class = || Class::of(body).deadline_ms(settings);
    within_ms.map_or_else(by_class, |within_ms| within_ms.min(DELIVERY_MS_MAX))
}

/// Nonce of this node's last op in a namespace; 0 where it wrote none.
pub fn last_own(known: &Namespace) -> u64 {
    let graph = known.space.graph();
    let last = graph.person(&known.me).and_then(|me| graph.last_of(me));
    last.map_or(0, |last| graph.node(last).nonce)
}

/// The nonce of the last op of this node in a causally closed set, which `has` tells; all up to
/// `covered` are known to be in it.
pub fn last_within(known: &Namespace, covered: u64, has: impl Fn(Ix) -> bool) -> u64 {
    let graph = known.space.graph();
    let Some(me) = graph.person(&known.me) else { return covered };
    // Own ops form a chain: with one, every earlier one is in the set.
    let (mut low, mut high) = (covered, last_own(known).max(covered));
    while low < high {
        let middle = high - (high - low) / 2;
        if graph.nth_of(me, middle).is_some_and(&has) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// The outbox of a namespace, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxView {
    /// Own ops that no other member is known to have. After a start: all, until one is heard.
    pub undelivered: u64,
    /// How long the oldest of them has waited in this run, in milliseconds; 0 where there is none.
    pub oldest_ms: u64,
    /// Commands that wait for acks.
    pub under_way: u64,
    /// Members that have an op under way but lack some of its past, and how many parents.
    pub behind: Vec<(MemberId, u64)>,
}

impl State {
    /// What others are not known to have of a namespace that this node takes part in.
    pub fn outbox(&self, namespace: &NamespaceId, now: MonoMillis) -> Option<OutboxView> {
        let known = self.durable.namespaces.get(namespace).filter(|known| known.is_open)?;
        let Publishing { outbox, deliveries, .. } = &self.volatile.desks.get(namespace)?.publishing;
        let last = last_own(known);
        Some(OutboxView {
            undelivered: outbox.undelivered(last),
            oldest_ms: outbox.oldest_since(last).map_or(0, |since| now.since(since)),
            under_way: deliveries.len() as u64,
            behind: deliveries.behind(),
        })
    }
}
