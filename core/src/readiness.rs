//! How ready this node and the other members are, by their beacons (NET-10 to NET-16).
//!
//! A beacon is compared by what is *possessed*: its heads are looked up here, and its numbers are
//! shown to people and used for nothing (NET-12). One member alone cannot talk this node out of a
//! ready state: a head that only it names counts while its peer brings ops of others, a root that
//! only it has counts where it is the majority, and ops that wait for parents do not count where a
//! member that wrote none of them vouches that nothing is missing (I27).

mod freshness;
mod heard;
mod outlook;
mod probes;
mod said;
mod watch;

pub use heard::{Heard, is_on_time};
pub use outlook::{Outlook, Overdue, Review};
pub use probes::Probes;
pub use said::Said;
pub use watch::Alarm;

use crate::governance::graph::Graph;
use crate::governance::table::Ix;
use crate::id::{MemberId, OpId, PeerKey};
use crate::limits::{BEACON_JITTER_PART, BEACON_MS, BEACON_SHARE_MS, FRESH_MS, QUIET_FACTOR};
use crate::statement::{Beacon, HeadSummary, Tier};
use crate::sync::Verdict;
use crate::time::{MonoMillis, Now};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use heard::Table;
use watch::Watch;

/// How ready this node is in one namespace (NET-13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum State {
    /// Starting, or no member yet: others may be there who have more.
    #[default]
    Bootstrapping,
    /// Ready on its own word: nobody was heard who could be believed.
    LocallyReady,
    /// Others have ops that this node lacks.
    CatchingUp {
        /// How many heads that others named are not here.
        missing: u64,
    },
    /// Ready, and it has all that at least one other member said within a minute that it has.
    PeerValidated,
    /// Something is wrong.
    Degraded(Cause),
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Cause {
    /// This many ops have waited for their parents for more than five seconds, and nobody but their
    /// authors says that nothing is missing. The node goes on serving, for whoever is held up by
    /// the same ops is freed by its word, and it by theirs.
    PendingOps(u64),
    /// Others were heard in this run, and none lately. The node goes on serving, as one that is
    /// ready on its own word: else two that lost each other would both be silent for ever.
    NoRecentPeers,
    /// Most members with our heads have another root (NET-12): a bug. Nothing is repaired.
    Diverged,
}

impl State {
    /// What a beacon says of it.
    pub const fn tier(self) -> Tier {
        match self {
            Self::LocallyReady | Self::Degraded(Cause::PendingOps(_) | Cause::NoRecentPeers) => {
                Tier::Locally
            }
            Self::PeerValidated => Tier::Validated,
            Self::Bootstrapping | Self::CatchingUp { .. } | Self::Degraded(Cause::Diverged) => {
                Tier::NotReady
            }
        }
    }

    /// The state without its number, which changes without notice.
    const fn kind(self) -> Self {
        match self {
            Self::CatchingUp { .. } => Self::CatchingUp { missing: 0 },
            Self::Degraded(Cause::PendingOps(_)) => Self::Degraded(Cause::PendingOps(0)),
            Self::Bootstrapping
            | Self::LocallyReady
            | Self::PeerValidated
            | Self::Degraded(Cause::NoRecentPeers | Cause::Diverged) => self,
        }
    }
}

/// What is known of the readiness of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Readiness {
    state: State,
    /// Whether something changed that the state follows from.
    is_due: bool,
    /// When this node began to take part in this run.
    since: MonoMillis,
    /// Since when the state would be one of a lower tier.
    leaving: Option<MonoMillis>,
    /// Whether another member was heard in this run.
    has_company: bool,
    table: Table,
    /// Probes, and answering them (NET-14).
    pub probes: Probes,
    /// What our own beacons said.
    pub said: Said,
    /// Whether others confirm what is here.
    watch: Watch,
    /// The two roots, ours first, that people were told of last.
    told: Option<([u8; 32], [u8; 32])>,
}

/// What an accepted beacon means here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Heads that it names and that are here.
    pub has: Vec<OpId>,
    /// Heads that it names and that are not here. Heads that are only summarised stand under their
    /// digest, which is the id of nothing.
    pub lacks: BTreeSet<OpId>,
    /// Whether it has our heads and another root.
    pub contradicts: bool,
}

impl Readiness {
    /// How ready this node is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// This node takes part from here on.
    pub fn begin(&mut self, now: MonoMillis) {
        *self = Self { since: now, is_due: true, watch: Watch::new(now), ..Self::default() };
    }

    /// Something changed that the state follows from.
    pub const fn touch(&mut self) {
        self.is_due = true;
    }

    /// Whether something changed since the last review.
    pub const fn is_due(&self) -> bool {
        self.is_due
    }

    /// The last accepted beacon of a member, fresh or not.
    pub fn heard(&self, member: &MemberId) -> Option<&Heard> {
        self.table.get(member)
    }

    /// The last accepted beacon of each member, fresh or not.
    pub fn all_heard(&self) -> impl Iterator<Item = (MemberId, &Heard)> {
        self.table.iter()
    }

    /// Members besides `me` that were heard lately (NET-11), with their last beacon.
    pub fn others(
        &self,
        me: MemberId,
        now: MonoMillis,
    ) -> impl Iterator<Item = (MemberId, &Heard)> {
        let is_other =
            move |(member, heard): &(MemberId, &Heard)| *member != me && heard.is_fresh(now);
        self.table.iter().filter(is_other)
    }

    /// Members in a ready tier whose last beacon is fresh (NET-11), with that beacon.
    pub fn fresh(&self, now: MonoMillis) -> impl Iterator<Item = (MemberId, &Heard)> {
        let is_fresh = move |(_, heard): &(MemberId, &Heard)| heard.is_ready(now);
        self.table.iter().filter(is_fresh)
    }

    /// How many there are of them.
    pub fn fresh_count(&self, now: MonoMillis) -> u64 {
        self.table.ready_count(now)
    }

    /// Heads in the last beacon of a member that are here. Claims of others are not among them.
    pub fn known_heads(&self, graph: &Graph, member: &MemberId) -> Vec<Ix> {
        let beacon = self.heard(member).map(|heard| &heard.beacon);
        match beacon.map(|beacon| &beacon.heads) {
            Some(HeadSummary::All(heads)) => {
                heads.iter().filter_map(|head| graph.find(head)).collect()
            }
            Some(HeadSummary::Many { .. }) | None => Vec::new(),
        }
    }

    /// Time between two beacons in milliseconds while there is news: with ours, a topic carries
    /// four a second at most.
    pub fn interval(&self, now: MonoMillis) -> u64 {
        BEACON_MS.max(BEACON_SHARE_MS.saturating_mul(self.fresh_count(now).saturating_add(1)))
    }

    /// The same while there is none.
    fn quiet_interval(&self, now: MonoMillis) -> u64 {
        self.interval(now).saturating_mul(QUIET_FACTOR)
    }

    /// Notes a beacon of ours with heads of this digest; the time to the next one in milliseconds.
    pub fn say(&mut self, heads: [u8; 32], now: MonoMillis) -> u64 {
        if self.said.note(heads) { self.quiet_interval(now) } else { self.interval(now) }
    }

    /// NET-10: whether a beacon of a member is on time, newer than the last one, and not one of too
    /// many (NET-3).
    pub fn is_news(&self, beacon: &Beacon, now: Now) -> bool {
        is_on_time(beacon, now) && self.table.is_news(beacon, now)
    }

    /// Notes a beacon that is news. `me` is the member of this node, which may have another node.
    pub fn hear(
        &mut self,
        me: MemberId,
        beacon: &Beacon,
        via: PeerKey,
        meaning: &Meaning,
        now: Now,
    ) {
        let is_ready = beacon.tier.is_ready();
        if beacon.member != me && is_ready {
            self.has_company = true;
            if meaning.lacks.is_empty() && !meaning.contradicts {
                self.watch.confirm(now.mono);
            }
        }
        if is_ready {
            self.probes.note_beacon(beacon.member);
        }
        // NET-11: two that are lost make nobody stale, and be the third the latest there is.
        let quiet = self.quiet_interval(now.mono);
        let longest = quiet.saturating_add(quiet / BEACON_JITTER_PART);
        let fresh_ms = FRESH_MS.max(longest.saturating_mul(3));
        self.table.insert(beacon, via, meaning, now, now.mono.plus(fresh_ms));
    }

    /// The peer of a member went away: it is there again once others forward its word.
    pub fn lose(&mut self, member: &MemberId) {
        self.table.lose(member);
    }

    /// A member is one no longer.
    pub fn forget(&mut self, member: &MemberId) {
        self.table.forget(member);
    }

    /// What another member named has come: whether it was the last of it.
    pub fn reach(&mut self, member: &MemberId, now: MonoMillis) {
        let last = self.heard(member).filter(|heard| heard.is_ready(now) && heard.is_covered());
        if let Some(at) = last.map(|heard| heard.at) {
            self.watch.confirm(at);
        }
    }

    /// An exchange with another member ended in agreement.
    pub fn confirm(&mut self, now: MonoMillis) {
        self.watch.confirm(now);
        self.is_due = true;
    }

    /// For how long no other member has confirmed what is here, in milliseconds, where that is too
    /// long (attack 38).
    pub fn isolated_ms(&self, now: MonoMillis) -> Option<u64> {
        self.watch.isolated_ms(now)
    }

    /// An op of `author` was stored, which came in an exchange with `fetched` if in any: the
    /// members that had named it as a head.
    pub fn stored(
        &mut self,
        op: &OpId,
        author: &MemberId,
        fetched: Option<PeerKey>,
        now: MonoMillis,
    ) -> BTreeSet<MemberId> {
        let (by, is_other) = self.table.stored(op, author, fetched, now);
        self.is_due |= is_other;
        by
    }

    /// Whether what a member named and we lack is pulled from a peer now, which is the member's own
    /// or not. After a pull that did not bring it, half a minute passes: so much a liar can cost.
    pub fn begin_pull(
        &mut self,
        member: &MemberId,
        from: (PeerKey, bool),
        now: MonoMillis,
    ) -> bool {
        self.table.begin_pull(member, from, now)
    }

    /// An exchange with a peer has ended, behind which `member` stands: the members that named more
    /// meanwhile, which is to be pulled too.
    pub fn end_pull(
        &mut self,
        peer: PeerKey,
        member: Option<MemberId>,
        verdict: &Verdict,
        now: MonoMillis,
    ) -> Vec<MemberId> {
        let is_in_sync = match verdict {
            Verdict::InSync { .. } => true,
            Verdict::Incomplete { .. } => false,
            Verdict::Diverged { .. } => {
                if let Some(member) = member {
                    self.table.contradict(member);
                }
                true
            }
        };
        self.table.end_pull(peer, is_in_sync, now)
    }

    /// Whether people are still to be told of these two roots, `ours` and `theirs`.
    pub fn tell(&mut self, ours: [u8; 32], theirs: [u8; 32]) -> bool {
        self.told.replace((ours, theirs)) != Some((ours, theirs))
    }
}

#[cfg(test)]
mod tests;
