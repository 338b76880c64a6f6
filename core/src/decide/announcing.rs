//! Beacons and probes, and what follows from them for our own readiness (NET-10 to NET-16).

use super::Turn;
use crate::effect::{Effect, Forward, Notice};
use crate::governance::judge::{has_standing, stands};
use crate::governance::reach::Cut;
use crate::governance::view::Changes;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::input::MessageId;
use crate::limits::{
    BEACON_JITTER_PART, BEACON_SHARE_MS, OVERDUE_COUNT_MAX, OVERDUE_MS, PROBE_DELAY_MS_MAX,
};
use crate::readiness::{Alarm, Meaning, Outlook, Overdue, Readiness, Review, is_on_time};
use crate::state::{Arrival, Desk, Namespace, Source};
use crate::statement::{Beacon, HeadSummary, Tier, heads_digest};
use crate::sync::Verdict;
use crate::timers::Timer;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// How long a beacon waits for ops that are being evaluated, in milliseconds.
const UNSETTLED_MS: u64 = 100;

impl Turn<'_> {
    /// A member says how far it has come. One that counts is forwarded; none blames its forwarder,
    /// who may know more members than we do.
    pub(super) fn on_beacon(
        &mut self,
        message: MessageId,
        peer: PeerKey,
        namespace: NamespaceId,
        beacon: &Beacon,
    ) {
        let verdict = self.hear(peer, namespace, beacon);
        self.forward(message, verdict);
    }

    /// NET-10: whether a beacon counts, and so is forwarded, and what follows from it.
    fn hear(&mut self, via: PeerKey, namespace: NamespaceId, beacon: &Beacon) -> Forward {
        let Some(known) = self.open_namespace(&namespace) else { return Forward::Ignore };
        let (member, now) = (beacon.member, self.now);
        if member == known.me && beacon.boot == self.volatile.boot {
            return Forward::Ignore;
        }
        if !has_standing(known.space.graph(), known.space.view(), &member) {
            // NET-21: while joining, an unknown key tells where to pull.
            if known.join.is_some() && beacon.tier.is_ready() && is_on_time(beacon, now) {
                self.on_hint(namespace, via);
            }
            return Forward::Ignore;
        }
        let desk = self.desk(namespace);
        if !desk.readiness.is_news(beacon, now) {
            return Forward::Ignore;
        }
        let last = desk.readiness.heard(&member);
        let repeats = last.is_some_and(|last| beacon.repeats(&last.beacon));
        let meaning = meaning_of(known, desk, beacon);
        desk.readiness.hear(known.me, beacon, via, &meaning, now);
        if member != known.me {
            self.on_covered(namespace, member, &meaning.has);
        }
        if meaning.contradicts {
            self.on_roots_differ(namespace, beacon.state_root);
        }
        if !meaning.lacks.is_empty() {
            self.pull(namespace, member);
        }
        self.review_readiness(namespace);
        if repeats { Forward::AcceptLater } else { Forward::Accept }
    }

    /// NET-12: a member named heads that we lack. They are pulled from it where it is connected,
    /// else from whoever forwarded its beacon.
    fn pull(&mut self, namespace: NamespaceId, member: MemberId) {
        let now = self.now.mono;
        let desk = self.desk(namespace);
        let own = desk.identities.peers_of(member).next();
        let via = desk.readiness.heard(&member).map(|heard| heard.via);
        if let Some(peer) = own.or(via)
            && desk.readiness.begin_pull(&member, (peer, own.is_some()), now)
        {
            self.pull_from(namespace, peer);
        }
    }

    /// An exchange with a peer has ended: what was to come in it came, or will not.
    pub(super) fn ready_after_sync(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        verdict: &Verdict,
    ) {
        let now = self.now.mono;
        let Some(known) = self.open_namespace(&namespace) else { return };
        let (graph, view) = (known.space.graph(), known.space.view());
        let desk = self.desk(namespace);
        let behind = desk.identities.member(&peer);
        let is_other = |member| member != known.me && has_standing(graph, view, &member);
        if matches!(verdict, Verdict::InSync { .. }) && behind.is_some_and(is_other) {
            desk.readiness.confirm(now);
        }
        for member in desk.readiness.end_pull(peer, behind, verdict, now) {
            self.pull(namespace, member);
        }
        self.review_readiness(namespace);
    }

    /// An op was stored: members may have had it before, and some may be members no longer.
    pub(super) fn note_stored(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        arrival: &Arrival,
        changes: &Changes,
    ) {
        let (graph, view, now) = (known.space.graph(), known.space.view(), self.now.mono);
        let op = arrival.op.id;
        let readiness = &mut self.desk(namespace).readiness;
        for (ix, _) in &changes.flipped {
            let target = graph.target_of(*ix);
            if target.is_some() || graph.node(*ix).deed.is_structure() {
                readiness.touch();
            }
            if let Some(member) = target.map(|person| graph.member_id(person))
                && !has_standing(graph, view, &member)
            {
                readiness.forget(&member);
            }
        }
        let fetched = match &arrival.source {
            Source::Fetched(peer) => Some(*peer),
            Source::Gossip { .. } | Source::Imported | Source::Own(_) => None,
        };
        let had_it = readiness.stored(&op, &arrival.op.payload.signer, fetched, now);
        for member in had_it.into_iter().filter(|member| *member != known.me) {
            self.desk(namespace).readiness.reach(&member, now);
            self.on_covered(namespace, member, &[op]);
        }
        self.hasten_beacon(namespace);
    }

    /// Somebody looks for members (NET-14).
    pub(super) fn on_probe(&mut self, message: MessageId, namespace: NamespaceId) {
        let now = self.now.mono;
        let Readiness { probes, .. } = &mut self.desk(namespace).readiness;
        let forwards = probes.take_forward(now);
        self.forward(message, if forwards { Forward::Accept } else { Forward::Ignore });
        let readiness = &mut self.desk(namespace).readiness;
        if readiness.state().tier().is_ready() && readiness.probes.begin(now) {
            let wait = self.volatile.prng.below(PROBE_DELAY_MS_MAX + 1);
            self.volatile.timers.set(Timer::ProbeAnswer(namespace), now.plus(wait));
        }
    }

    pub(super) fn on_probe_answer_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let readiness = &mut self.desk(namespace).readiness;
        let is_ready = readiness.state().tier().is_ready();
        if readiness.probes.take_answer(is_ready, now) {
            self.on_beacon_due(namespace);
        }
    }

    /// This node takes part from here on.
    pub(super) fn begin_readiness(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        self.desk(namespace).readiness.begin(now);
    }

    /// It takes part no longer: one last beacon says so.
    pub(super) fn end_readiness(&mut self, namespace: NamespaceId) {
        if self.desk(namespace).readiness.state().tier().is_ready() {
            self.announce(namespace, Tier::NotReady);
        }
    }

    /// Something changed that readiness follows from, to be looked at when nothing else is to do.
    pub(super) fn touch_readiness(&mut self, namespace: NamespaceId) {
        if let Some(desk) = self.volatile.desks.get_mut(&namespace) {
            desk.readiness.touch();
            self.wake_desk(namespace);
        }
    }

    /// Comes to the readiness that follows from beacons, ops, peers, and the time (NET-13).
    pub(super) fn review_readiness(&mut self, namespace: NamespaceId) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        if !known.space.is_settled() {
            // Once everything is evaluated, the desk will be done, and this is looked at again.
            return self.desk(namespace).readiness.touch();
        }
        let outlook = self.outlook(namespace, known);
        let now = self.now.mono;
        let readiness = &mut self.desk(namespace).readiness;
        let before = readiness.state().tier();
        let Review { is_other, alarm, next } = readiness.review(now, &outlook);
        let state = readiness.state();
        match next {
            Some(at) => self.volatile.timers.set(Timer::Readiness(namespace), at),
            None => self.volatile.timers.cancel(Timer::Readiness(namespace)),
        }
        if is_other {
            self.notify(Notice::Readiness { namespace, state });
        }
        match alarm {
            Some(Alarm::Raised(for_ms)) => {
                let peers = self.peers_of(namespace).len() as u64;
                self.notify(Notice::Isolated { namespace, for_ms, peers });
            }
            Some(Alarm::Ended) => self.notify(Notice::Rejoined { namespace }),
            None => {}
        }
        match (before.is_ready(), state.tier().is_ready()) {
            (false, true) => self.begin_beacons(namespace),
            (true, false) => {
                self.volatile.timers.cancel(Timer::Beacon(namespace));
                self.announce(namespace, Tier::NotReady);
            }
            (true, true) | (false, false) => {}
        }
    }

    fn outlook(&self, namespace: NamespaceId, known: &Namespace) -> Outlook {
        let (graph, view) = (known.space.graph(), known.space.view());
        let mut people = view.people();
        let has_others =
            people.any(|person| graph.member_id(person) != known.me && stands(graph, view, person));
        let mut peers = self.volatile.peers.values();
        let is_alone = !has_others && !peers.any(|topics| topics.contains(&namespace));
        let desk = self.volatile.desks.get(&namespace);
        Outlook {
            me: known.me,
            is_member: known.join.is_none() && has_standing(graph, view, &known.me),
            has_others,
            is_alone,
            overdue: desk.map(|desk| self.overdue(known, desk)).unwrap_or_default(),
        }
    }

    /// Ops that have waited too long. Those of people who are no members may wait for ever.
    fn overdue(&self, known: &Namespace, desk: &Desk) -> Overdue {
        let (graph, view) = (known.space.graph(), known.space.view());
        let mut overdue = Overdue::default();
        for waiting in desk.pending.oldest_first().take(OVERDUE_COUNT_MAX) {
            let due = waiting.since.plus(OVERDUE_MS);
            if due > self.now.mono {
                overdue.next = Some(due);
                break;
            }
            let signer = waiting.op.payload.signer;
            if overdue.authors.contains(&signer) || has_standing(graph, view, &signer) {
                overdue.count += 1;
                overdue.authors.insert(signer);
            }
        }
        overdue
    }

    /// The first beacon: at once, unless so many are there that they would all speak together.
    fn begin_beacons(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let readiness = &mut self.desk(namespace).readiness;
        // That we are ready is news, whatever was said before.
        readiness.said.begin_again();
        let others = readiness.fresh_count(now);
        match self.volatile.prng.below(BEACON_SHARE_MS.saturating_mul(others)) {
            0 => self.on_beacon_due(namespace),
            wait => self.volatile.timers.set(Timer::Beacon(namespace), now.plus(wait)),
        }
    }

    /// Sends a beacon and sets the time of the next, with a jitter of a fifth either way.
    pub(super) fn on_beacon_due(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let Some(known) = self.open_namespace(&namespace) else { return };
        let tier = self.desk(namespace).readiness.state().tier();
        if !tier.is_ready() {
            return;
        }
        let wait = if known.space.is_settled() {
            self.announce(namespace, tier);
            let heads = heads_digest(&known.space.heads());
            let interval = self.desk(namespace).readiness.say(heads, now);
            let jitter = interval / BEACON_JITTER_PART;
            interval - jitter + self.volatile.prng.below(jitter * 2 + 1)
        } else {
            UNSETTLED_MS
        };
        self.volatile.timers.set(Timer::Beacon(namespace), now.plus(wait));
    }

    /// There is news, or somebody for whom all is news: where the next beacon had time, it is sent
    /// within an interval, at random, for others have the same news.
    pub(super) fn hasten_beacon(&mut self, namespace: NamespaceId) {
        let now = self.now.mono;
        let readiness = &mut self.desk(namespace).readiness;
        if readiness.said.begin_again() && readiness.state().tier().is_ready() {
            let interval = readiness.interval(now);
            let wait = self.volatile.prng.below(interval + 1);
            self.volatile.timers.set_if_earlier(Timer::Beacon(namespace), now.plus(wait));
        }
    }

    /// Has a beacon signed and published. Its root belongs to its heads, so there is none while
    /// something is being evaluated.
    fn announce(&mut self, namespace: NamespaceId, tier: Tier) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        if !known.space.is_settled() {
            return;
        }
        self.volatile.beacons = self.volatile.beacons.saturating_add(1);
        self.effect(Effect::Announce(Beacon {
            namespace,
            member: known.me,
            boot: self.volatile.boot,
            sequence: self.volatile.beacons,
            heads: HeadSummary::of(&known.space.heads()),
            ops: u64::from(known.space.graph().len()),
            state_root: known.space.view().state_root(),
            tier,
            sent_at: self.now.unix,
        }));
    }

    /// NET-12: the same heads and another root. Nothing is repaired by itself.
    pub(super) fn on_roots_differ(&mut self, namespace: NamespaceId, theirs: [u8; 32]) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let ours = known.space.view().state_root();
        if self.desk(namespace).readiness.tell(ours, theirs) {
            self.notify(Notice::Diverged { namespace, ours, theirs });
        }
    }

    /// Connected peers of a namespace, the best partner first (NET-15): by tier, by how much of
    /// what we know it covers, by round trip, by how lately it was heard. Nothing that it merely
    /// claims counts. Those who have not proved who they are come last.
    pub(super) fn partners(&self, namespace: NamespaceId) -> Vec<PeerKey> {
        let mut peers = self.peers_of(namespace);
        let known = self.open_namespace(&namespace);
        let Some((known, desk)) = known.zip(self.volatile.desks.get(&namespace)) else {
            return peers;
        };
        let (graph, now) = (known.space.graph(), self.now.mono);
        peers.sort_by_cached_key(|peer| {
            let identity = desk.identities.get(peer);
            let heard = identity.and_then(|identity| desk.readiness.heard(&identity.member));
            let fresh = heard.filter(|heard| heard.is_fresh(now));
            let tier = fresh.map(|heard| heard.beacon.tier);
            let covered = fresh.map(|heard| {
                let heads = desk.readiness.known_heads(graph, &heard.beacon.member);
                graph.closure(&heads).distance(&Cut::default())
            });
            let round_trip_ms = identity.map_or(u64::MAX, |identity| identity.round_trip_ms);
            let last = heard.map(|heard| heard.at);
            (identity.is_none(), Reverse(tier), Reverse(covered), round_trip_ms, Reverse(last))
        });
        peers
    }
}

/// What a beacon says about what we have (NET-12).
fn meaning_of(known: &Namespace, desk: &Desk, beacon: &Beacon) -> Meaning {
    let graph = known.space.graph();
    let ours = known.space.heads();
    let is_same = HeadSummary::of(&ours) == beacon.heads;
    // The root is made when it is asked for, so it is asked for last.
    let contradicts = is_same
        && beacon.member != known.me
        && known.space.is_settled()
        && known.space.view().state_root() != beacon.state_root;
    let (has, lacks): (Vec<OpId>, Vec<OpId>) = match &beacon.heads {
        HeadSummary::All(heads) => heads.iter().partition(|head| graph.find(head).is_some()),
        HeadSummary::Many { digest, .. } if *digest == heads_digest(&ours) => (ours, Vec::new()),
        HeadSummary::Many { digest, .. } => (Vec::new(), [OpId(*digest)].into()),
    };
    let lacks = lacks.into_iter().filter(|head| !desk.refused.contains(head)).collect();
    Meaning { has, lacks, contradicts }
}

#[cfg(test)]
mod tests;
