//! From what is known to the state (NET-13).

use super::{Alarm, Cause, Heard, Readiness, State};
use crate::id::MemberId;
use crate::limits::{GRACE_MS, HYSTERESIS_MS};
use crate::time::MonoMillis;
use alloc::collections::BTreeSet;

/// What the state follows from, beside the beacons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// As whom this node takes part.
    pub me: MemberId,
    /// Whether that is a member.
    pub is_member: bool,
    /// Whether there are other members.
    pub has_others: bool,
    /// Whether it is the only one, and no peer takes part.
    pub is_alone: bool,
    /// Ops that have waited for parents too long.
    pub overdue: Overdue,
}

/// Ops of members that have waited for their parents for more than five seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// How many, as far as they are counted.
    pub count: u64,
    /// Who wrote them.
    pub authors: BTreeSet<MemberId>,
    /// When there will be one more.
    pub next: Option<MonoMillis>,
}

/// What became of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    /// Whether it is of another kind than before.
    pub is_other: bool,
    /// What people are to be told: whether other members confirm what is here.
    pub alarm: Option<Alarm>,
    /// The next moment at which it may be another by the passing of time alone.
    pub next: Option<MonoMillis>,
}

/// Heads that others have and we lack, as far as they count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Missing {
    count: u64,
    /// Since when the first of them counts.
    since: Option<MonoMillis>,
}

impl Readiness {
    /// Comes to the state that follows from everything.
    pub fn review(&mut self, now: MonoMillis, outlook: &Outlook) -> Review {
        self.is_due = false;
        let before = self.state.kind();
        let missing = self.missing(now);
        let target = self.target(now, outlook, missing);
        // NET-13: a tier is left when there has been reason to for two seconds.
        let mut leaves = None;
        if target.tier() < self.state.tier() {
            let began = *self.leaving.get_or_insert(now);
            leaves = Some(leave_at(target, missing, began)).filter(|at| now < *at);
        }
        if leaves.is_none() {
            (self.state, self.leaving) = (target, None);
        }
        let has_others = outlook.is_member && outlook.has_others;
        let alarm = self.watch.review(has_others, now);
        let alarm_at = has_others.then(|| self.watch.due_at());
        let moments = [Some(self.since.plus(GRACE_MS)), outlook.overdue.next, leaves, alarm_at];
        let moments = moments.into_iter().flatten().chain(self.table.next_changes(now));
        let next = moments.filter(|at| *at > now).min();
        Review { is_other: self.state.kind() != before, alarm, next }
    }

    fn target(&self, now: MonoMillis, outlook: &Outlook, missing: Missing) -> State {
        if !outlook.is_member {
            return State::Bootstrapping;
        }
        if self.is_contradicted(now, outlook.me) {
            return State::Degraded(Cause::Diverged);
        }
        if missing.count > 0 {
            return State::CatchingUp { missing: missing.count };
        }
        // Whoever has a parent that is missing has a head that is: so what waits tells nothing that
        // a voucher does not know better, but one who wrote it. An author's word costs nothing, so
        // it does not matter how many they are (I27).
        let Overdue { count, authors, .. } = &outlook.overdue;
        if self.vouchers(now, outlook.me).any(|member| !authors.contains(&member)) {
            return State::PeerValidated;
        }
        let has_listened = now >= self.since.plus(GRACE_MS) || self.state.tier().is_ready();
        let is_heard = self.others(outlook.me, now).any(|(_, heard)| heard.is_ready(now));
        if *count > 0 && has_listened {
            State::Degraded(Cause::PendingOps(*count))
        } else if outlook.is_alone {
            State::LocallyReady
        } else if self.has_company && !is_heard {
            State::Degraded(Cause::NoRecentPeers)
        } else if has_listened {
            State::LocallyReady
        } else {
            State::Bootstrapping
        }
    }

    /// Other members that are ready, were heard lately, and have nothing that we lack.
    fn vouchers(&self, now: MonoMillis, me: MemberId) -> impl Iterator<Item = MemberId> {
        let vouches = move |(member, heard): &(MemberId, &Heard)| {
            heard.is_ready(now)
                && heard.is_covered()
                && !self.table.contradicting().contains(member)
        };
        self.others(me, now).filter(vouches).map(|(member, _)| member)
    }

    /// NET-12: most of the others have another root at our heads. One among many may lie (I27).
    /// Once it is so, what they said counts beyond its time until their peers are gone: nodes that
    /// differ fall silent.
    fn is_contradicted(&self, now: MonoMillis, me: MemberId) -> bool {
        if self.table.contradicting().is_empty() {
            return false;
        }
        let lasts = self.state == State::Degraded(Cause::Diverged);
        let differs = |member: &MemberId| self.table.contradicting().contains(member);
        let (mut against, mut all) = (0_u64, 0_u64);
        for (member, heard) in self.table.iter().filter(|(member, _)| *member != me) {
            let differs = differs(&member);
            if heard.is_fresh(now) || differs && lasts && !heard.is_gone {
                all += 1;
                against += u64::from(differs);
            }
        }
        against * 2 > all
    }

    /// NET-12: heads that count as missing. What two members name does; what one alone names does
    /// while it is pulled, and against a ready state only while that brings ops of others (I27).
    fn missing(&self, now: MonoMillis) -> Missing {
        let is_ready = self.state.tier().is_ready();
        let mut missing = Missing::default();
        for claim in self.table.wanted() {
            let is_fresh = |member: &&MemberId| {
                self.table.get(member).is_some_and(|heard| heard.is_fresh(now))
            };
            let mut by = claim.by.iter().filter(is_fresh);
            let since = match (by.next(), by.next()) {
                (None, _) => None,
                (Some(_), Some(_)) => Some(claim.since),
                (Some(only), None) if is_ready => self.table.flows_since(only, now),
                (Some(only), None) => self.table.is_pulling(only, now).then_some(claim.since),
            };
            if let Some(since) = since {
                missing.count += 1;
                missing.since = Some(missing.since.map_or(since, |first| first.min(since)));
            }
        }
        missing
    }
}

/// When a state is left for one of a lower tier. A head has been missing since it was named, and
/// not since any was: where many write, some head is always under way.
fn leave_at(target: State, missing: Missing, began: MonoMillis) -> MonoMillis {
    let since = match target {
        State::CatchingUp { .. } => missing.since.unwrap_or(began),
        State::Bootstrapping | State::LocallyReady | State::PeerValidated | State::Degraded(_) => {
            began
        }
    };
    since.plus(HYSTERESIS_MS)
}
