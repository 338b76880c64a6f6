//! What was heard of each member last: which beacons are news, and what they name that is not here.

use super::Meaning;
use super::freshness::Freshness;
use crate::id::{MemberId, OpId, PeerKey};
use crate::limits::{
    BEACONS_BURST, BEACONS_EVERY_MS, CLOCK_SKEW_MS_MAX, HEARD_COUNT_MAX, HYSTERESIS_MS, PULL_MS_MAX,
};
use crate::statement::{Beacon, HeadSummary};
use crate::time::{MonoMillis, Now, UnixMillis};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::mem;

/// The last accepted beacon of a member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Heard {
    /// The beacon.
    pub beacon: Beacon,
    /// Who forwarded it.
    pub via: PeerKey,
    /// When it came.
    pub at: MonoMillis,
    /// Until when it is fresh (NET-11).
    pub fresh_until: MonoMillis,
    /// Whether its own peer went away since.
    pub is_gone: bool,
    /// The latest time that any accepted beacon of the member bore: no other boot of it is heard
    /// with an earlier one, or its beacons of before the restart could be played again.
    latest: UnixMillis,
    /// Grows with every beacon by what one costs; far ahead of the clock, it is too many.
    spent_until: MonoMillis,
    /// Heads that it names and that are not here.
    lacks: BTreeSet<OpId>,
    /// Since when pulls have followed one another, where another is to follow.
    follows: Option<MonoMillis>,
    /// Until when nothing is pulled on its word.
    pub barred_until: MonoMillis,
}

/// An exchange in which what a member named should come.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Pull {
    peer: PeerKey,
    /// Whether that is the member's own peer, and not one that forwarded its beacon.
    is_own: bool,
    began: MonoMillis,
    /// When the first began of those that have followed one another up to this.
    since: MonoMillis,
    /// Heads that it should bring, and that have not come yet.
    hopes: BTreeSet<OpId>,
    /// Whether one of them has come meanwhile, be it from others.
    has_proved: bool,
    /// When an op of the exchange came last, and since when they have been coming. What the member
    /// wrote itself is none: it could write more for as long as it likes (I27).
    flow: Option<Flow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Flow {
    since: MonoMillis,
    last: MonoMillis,
}

impl Flow {
    const fn dries_up_at(&self) -> MonoMillis {
        self.last.plus(HYSTERESIS_MS)
    }
}

impl Pull {
    /// Since when ops have been coming in it without a pause.
    fn flows_since(&self, now: MonoMillis) -> Option<MonoMillis> {
        self.flow.filter(|flow| now < flow.dries_up_at()).map(|flow| flow.since)
    }

    /// When it is given up, unless something comes. Those that followed one another are one here,
    /// or new names would keep them up for ever.
    fn given_up_at(&self) -> MonoMillis {
        self.flow.map_or(self.since, |flow| flow.last.max(self.since)).plus(PULL_MS_MAX)
    }
}

impl Heard {
    /// How long ago it came, in milliseconds.
    pub fn age_ms(&self, now: MonoMillis) -> u64 {
        now.since(self.at)
    }

    /// NET-11: whether it is recent enough to count.
    pub fn is_fresh(&self, now: MonoMillis) -> bool {
        now < self.fresh_until
    }

    /// Whether it is fresh, and of a member that goes on beaconing.
    pub fn is_ready(&self, now: MonoMillis) -> bool {
        self.is_fresh(now) && self.beacon.tier.is_ready()
    }

    /// The latest time that any of its beacons bore; none where that lies too far ahead, for then
    /// our own clock was wrong when it came.
    fn latest(&self, now: UnixMillis) -> Option<UnixMillis> {
        let is_sound = self.latest.0 <= now.0.saturating_add(CLOCK_SKEW_MS_MAX);
        is_sound.then_some(self.latest)
    }

    /// Whether everything that it names is here.
    pub fn is_covered(&self) -> bool {
        self.lacks.is_empty()
    }
}

/// NET-10: whether a beacon was sent within a minute of our clock, either way.
pub fn is_on_time(beacon: &Beacon, now: Now) -> bool {
    beacon.sent_at.0.abs_diff(now.unix.0) <= CLOCK_SKEW_MS_MAX
}

/// The last beacon of each member, and the heads that are not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(init = order)]
pub(super) struct Table {
    by_member: BTreeMap<MemberId, Heard>,
    wanted: BTreeMap<OpId, Claim>,
    /// In which exchange what a member named should come.
    pulls: BTreeMap<MemberId, Pull>,
    contradicting: BTreeSet<MemberId>,
    /// Follows from `by_member`.
    #[borsh(skip)]
    freshness: Freshness,
}

/// A head that is not here.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Claim {
    /// Since when it is known of.
    pub(super) since: MonoMillis,
    /// Whose last beacon names it.
    pub(super) by: BTreeSet<MemberId>,
}

impl Table {
    /// What follows from what was read.
    fn order(&mut self) {
        self.freshness = Freshness::of(self.by_member.values());
    }

    /// How many beacons are fresh and in a ready tier.
    pub(super) fn ready_count(&self, now: MonoMillis) -> u64 {
        self.freshness.ready_count(now)
    }

    pub(super) fn get(&self, member: &MemberId) -> Option<&Heard> {
        self.by_member.get(member)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Heard)> {
        self.by_member.iter().map(|(member, heard)| (*member, heard))
    }

    /// Heads that are not here.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Claim> {
        self.wanted.values()
    }

    /// Whether what a member names is being pulled.
    pub(super) fn is_pulling(&self, member: &MemberId, now: MonoMillis) -> bool {
        self.pulls.get(member).is_some_and(|pull| now < pull.given_up_at())
    }

    /// Since when ops have been coming without a pause, in the exchange in which it is pulled.
    pub(super) fn flows_since(&self, member: &MemberId, now: MonoMillis) -> Option<MonoMillis> {
        self.pulls.get(member)?.flows_since(now)
    }

    /// When something here will mean something else by the passing of time: of all that is to
    /// come, the next is among these.
    pub(super) fn next_changes(&self, now: MonoMillis) -> impl Iterator<Item = MonoMillis> {
        let pulls = self.pulls.iter();
        let open = pulls.filter(|(member, _)| self.get(member).is_some_and(|h| !h.is_covered()));
        let ends = open.flat_map(|(_, pull)| {
            [Some(pull.given_up_at()), pull.flow.as_ref().map(Flow::dries_up_at)]
        });
        self.freshness.next_end(now).into_iter().chain(ends.flatten())
    }

    /// Members that have our heads and another root.
    pub(super) fn contradicting(&self) -> &BTreeSet<MemberId> {
        &self.contradicting
    }

    /// NET-10: newer than the last of the same boot by its sequence, than that of another by its
    /// time. NET-3: a member is heard once a second on average.
    pub(super) fn is_news(&self, beacon: &Beacon, now: Now) -> bool {
        let Some(last) = self.get(&beacon.member) else { return true };
        let is_newer = if last.beacon.boot == beacon.boot {
            beacon.sequence > last.beacon.sequence
        } else {
            last.latest(now.unix).is_none_or(|latest| beacon.sent_at > latest)
        };
        is_newer && last.spent_until <= now.mono.plus(BEACONS_EVERY_MS * (BEACONS_BURST - 1))
    }

    pub(super) fn insert(
        &mut self,
        beacon: &Beacon,
        via: PeerKey,
        meaning: &Meaning,
        now: Now,
        fresh_until: MonoMillis,
    ) {
        let member = beacon.member;
        let mut last = self.by_member.get_mut(&member);
        let latest = last.as_ref().and_then(|last| last.latest(now.unix));
        let now = now.mono;
        let spent_until = last.as_ref().map_or(now, |last| last.spent_until.max(now));
        let heard = Heard {
            beacon: beacon.clone(),
            via,
            at: now,
            fresh_until,
            is_gone: false,
            latest: latest.map_or(beacon.sent_at, |latest| latest.max(beacon.sent_at)),
            spent_until: spent_until.plus(BEACONS_EVERY_MS),
            lacks: meaning.lacks.clone(),
            barred_until: last.as_ref().map_or(MonoMillis(0), |last| last.barred_until),
            follows: last.as_ref().and_then(|last| last.follows),
        };
        let named = last.as_mut().map(|last| mem::take(&mut last.lacks));
        if last.is_none() && self.by_member.len() >= HEARD_COUNT_MAX {
            self.forget_stalest();
        }
        for op in &meaning.lacks {
            let claim = Claim { since: now, by: BTreeSet::new() };
            self.wanted.entry(*op).or_insert(claim).by.insert(member);
        }
        // What it named before and names still keeps its age.
        for op in named.unwrap_or_default().difference(&meaning.lacks) {
            self.unclaim(op, &member);
        }
        if meaning.contradicts {
            self.contradicting.insert(member);
        } else {
            self.contradicting.remove(&member);
        }
        self.freshness.note(&heard);
        if let Some(last) = self.by_member.insert(member, heard) {
            self.freshness.forget(&last);
        }
    }

    pub(super) fn lose(&mut self, member: &MemberId) {
        if let Some(heard) = self.by_member.get_mut(member) {
            heard.is_gone = true;
        }
    }

    pub(super) fn forget(&mut self, member: &MemberId) -> Option<Heard> {
        let heard = self.by_member.remove(member)?;
        for op in &heard.lacks {
            self.unclaim(op, member);
        }
        self.freshness.forget(&heard);
        self.pulls.remove(member);
        self.contradicting.remove(member);
        Some(heard)
    }

    fn unclaim(&mut self, op: &OpId, member: &MemberId) {
        let Some(claim) = self.wanted.get_mut(op) else { return };
        claim.by.remove(member);
        if claim.by.is_empty() {
            self.wanted.remove(op);
        }
    }

    fn forget_stalest(&mut self) {
        let stalest = self.iter().min_by_key(|(_, heard)| heard.at).map(|(member, _)| member);
        if let Some(member) = stalest {
            self.forget(&member);
        }
    }

    /// An op was stored, and our heads are others now: whatever root another had for the last ones
    /// has to be said anew. Who named it as a head, and whether the state may be another by it.
    pub(super) fn stored(
        &mut self,
        op: &OpId,
        author: &MemberId,
        fetched: Option<PeerKey>,
        now: MonoMillis,
    ) -> (BTreeSet<MemberId>, bool) {
        let mut is_other = !self.contradicting.is_empty();
        self.contradicting.clear();
        for (member, pull) in &mut self.pulls {
            pull.has_proved |= pull.hopes.remove(op);
            if fetched == Some(pull.peer) && author != member {
                let since = pull.flows_since(now);
                is_other |= since.is_none();
                pull.flow = Some(Flow { since: since.unwrap_or(now), last: now });
            }
        }
        let by = self.wanted.remove(op).map(|claim| claim.by).unwrap_or_default();
        for member in &by {
            if let Some(heard) = self.by_member.get_mut(member) {
                heard.lacks.remove(op);
            }
        }
        is_other |= !by.is_empty();
        (by, is_other)
    }

    /// A member has our heads and another root, as an exchange with its peer has shown.
    pub(super) fn contradict(&mut self, member: MemberId) {
        if self.by_member.contains_key(&member) {
            self.contradicting.insert(member);
        }
    }

    pub(super) fn begin_pull(
        &mut self,
        member: &MemberId,
        (peer, is_own): (PeerKey, bool),
        now: MonoMillis,
    ) -> bool {
        let is_pulling = self.is_pulling(member, now);
        let Some(heard) = self.by_member.get_mut(member) else { return false };
        if now < heard.barred_until {
            return false;
        }
        if !is_pulling {
            let since = heard.follows.take().unwrap_or(now);
            let (hopes, has_proved) = (heard.lacks.clone(), false);
            let pull = Pull { peer, is_own, began: now, since, hopes, has_proved, flow: None };
            self.pulls.insert(*member, pull);
        }
        true
    }

    /// Ends the pulls from a peer; the members of which more is to be pulled at once. That is so of
    /// those alone who told the truth: of others, each new name would be worth another pull.
    pub(super) fn end_pull(
        &mut self,
        peer: PeerKey,
        is_in_sync: bool,
        now: MonoMillis,
    ) -> Vec<MemberId> {
        let mut again = Vec::new();
        let mut settled = Vec::new();
        for (member, pull) in self.pulls.extract_if(.., |_, pull| pull.peer == peer) {
            let Some(heard) = self.by_member.get_mut(&member) else { continue };
            let may_follow = pull.has_proved && now < pull.given_up_at();
            let mut claims = heard.lacks.iter().filter_map(|op| self.wanted.get(op));
            let is_summary = matches!(heard.beacon.heads, HeadSummary::Many { .. });
            if heard.lacks.is_empty() {
                continue;
            }
            if !is_in_sync {
                heard.barred_until = now.plus(PULL_MS_MAX);
            } else if may_follow && claims.all(|claim| claim.since > pull.began) {
                heard.follows = Some(pull.since);
                again.push(member);
            } else if is_summary && pull.is_own {
                // All that the member has is here, whatever its heads are called.
                settled.extend(mem::take(&mut heard.lacks).into_iter().map(|op| (op, member)));
            } else {
                heard.barred_until = now.plus(PULL_MS_MAX);
            }
        }
        for (op, member) in settled {
            self.unclaim(&op, &member);
        }
        again
    }
}
