//! I27: who calls itself ready has what others have, and one liar makes nobody less ready.
//!
//! Four things, seen from outside. A node in a ready tier has every head that two other members
//! name lately. One that calls itself validated has all that at least one ready member named. A
//! node that has all that honest nodes have is in a ready tier. One whom an honest member vouches
//! for is ready by that word, and not by its own alone. Each of them may be otherwise for as long
//! as the rules give it (NET-13), the second and the last for three times as long, and no longer.
//! What follows from a single beacon is looked at in `pulls.rs`.

use super::pulls::lacks;
use super::{Bug, Invariant, Runner, Violation, author, member};
use crate::cluster::{Node, START_UNIX_MS};
use folkmoot_core::governance::judge::has_standing;
use folkmoot_core::id::{MemberId, NamespaceId, OpId};
use folkmoot_core::limits::{
    BEACON_JITTER_PART, BEACON_MS, BEACON_SHARE_MS, FRESH_MS, GRACE_MS, HYSTERESIS_MS, PULL_MS_MAX,
    QUIET_FACTOR,
};
use folkmoot_core::readiness::{Cause, Heard, State};
use folkmoot_core::state::{Desk, Namespace};
use folkmoot_core::statement::{Beacon, HeadSummary, Tier};
use folkmoot_core::time::{MonoMillis, UnixMillis};
use folkmoot_core::wire::Gossip;
use std::collections::{BTreeMap, BTreeSet};

/// How much later than it had to something may be seen, in milliseconds.
const SLACK_MS: u64 = 1_000;
/// How long a node may call itself ready while two others name what it lacks.
const BEHIND_MS: u64 = HYSTERESIS_MS + SLACK_MS;
/// How long it may lack what each other member named, or be ready by its own word alone after
/// another one's came. What was otherwise between two looks seems to last, so it is three times
/// what the rules give.
const HOLLOW_MS: u64 = 3 * HYSTERESIS_MS + SLACK_MS;
/// How often an impostor speaks, in milliseconds.
const IMPOSTOR_EVERY_MS: u64 = 5_000;

/// What is remembered of the readiness of the nodes.
#[derive(Default)]
pub(super) struct Ranks {
    nodes: BTreeMap<usize, Rank>,
    /// When the planted bug has something to do again.
    plants_at: u64,
}

/// Since when something is as it may not be for long, by the time of the world.
#[derive(Default)]
struct Rank {
    run: u64,
    asleep_until: u64,
    /// Heads that it lacks and two others name, while it calls itself ready.
    behind: BTreeMap<OpId, u64>,
    hollow: Option<u64>,
    demoted: Option<u64>,
    unheard: Option<u64>,
}

/// A node that takes part, and what the rules look at.
pub(super) struct Seat<'a> {
    node: &'a Node,
    me: MemberId,
    pub(super) known: &'a Namespace,
    pub(super) desk: &'a Desk,
    state: State,
    pub(super) mono_ms: u64,
}

impl Runner<'_> {
    /// Looks at the readiness of all honest nodes.
    pub(super) fn look_at_readiness(&mut self) -> Result<(), Violation> {
        let heads = self.honest_heads();
        for at in 0..self.world.nodes.len() {
            let mut rank = self.ranks.nodes.remove(&at).unwrap_or_default();
            let checked = self.check_rank(at, &mut rank, &heads);
            self.ranks.nodes.insert(at, rank);
            checked.or_else(|violation| self.judge(violation))?;
        }
        Ok(())
    }

    fn check_rank(
        &self,
        at: usize,
        rank: &mut Rank,
        heads: &BTreeSet<OpId>,
    ) -> Result<(), Violation> {
        let now = self.world.now();
        let Some(seat) = self.seat(at) else {
            *rank = Rank::default();
            return Ok(());
        };
        let (run, asleep_until) = (seat.node.run(), seat.node.asleep_until());
        if (rank.run, rank.asleep_until) != (run, asleep_until) {
            *rank = Rank { run, asleep_until, ..Rank::default() };
        }
        let wrong = |what: String| Err(Violation::new(Invariant::I27, &[at], what));
        self.check_pulls(at, &seat)?;
        // What one member alone names counts from when it comes, which may be later.
        let is_fetching = seat.desk.syncing.is_fetching();
        let is_hollow =
            seat.state == State::PeerValidated && !is_fetching && !seat.is_covering_one();
        if lasts(&mut rank.hollow, is_hollow, now) > HOLLOW_MS {
            return wrong(format!(
                "it is {:?}, and lacks what each ready member named",
                seat.state
            ));
        }
        let is_ready = seat.state.tier().is_ready();
        let behind = if is_ready { seat.named_by_two() } else { BTreeSet::new() };
        rank.behind.retain(|head, _| behind.contains(head));
        for head in behind {
            let since = *rank.behind.entry(head).or_insert(now);
            if now - since > BEHIND_MS {
                return wrong(format!("it is {:?} without {head}, which two name", seat.state));
            }
        }
        if self.villains.len() > 1 {
            // What more than one liar may do is another matter.
            (rank.demoted, rank.unheard) = (None, None);
            return Ok(());
        }
        // Where nobody but a liar was heard lately, most of the others have another root (NET-12).
        let is_outvoted =
            seat.state == State::Degraded(Cause::Diverged) && !self.hears_honest(&seat);
        let is_demoted = !is_ready && !is_outvoted && heads.iter().all(|head| seat.has(head));
        if lasts(&mut rank.demoted, is_demoted, now) > demoted_ms(self.world.nodes.len()) {
            return wrong(format!("it is {:?}, and no honest node has more", seat.state));
        }
        let is_unheard = seat.state != State::PeerValidated
            && !matches!(seat.state, State::CatchingUp { .. })
            && self.is_vouched_for(&seat);
        if lasts(&mut rank.unheard, is_unheard, now) > HOLLOW_MS {
            return wrong(format!("it is {:?}, and an honest member vouches for it", seat.state));
        }
        Ok(())
    }

    /// An honest node that is awake and takes part as a member, with everything evaluated.
    fn seat(&self, at: usize) -> Option<Seat<'_>> {
        let (now, namespace) = (self.world.now(), self.namespace?);
        let node = self.world.nodes.get(at)?;
        if !self.is_honest(at) || !node.is_up() || !node.is_awake(now) {
            return None;
        }
        let known = node.state().durable.namespaces.get(&namespace)?;
        let desk = node.state().volatile.desks.get(&namespace)?;
        let takes_part = known.is_open && known.join.is_none() && known.space.is_settled();
        let me = member(at);
        let is_member = has_standing(known.space.graph(), known.space.view(), &me);
        let (state, mono_ms) = (desk.readiness.state(), node.clock.mono_at(now));
        let seat = Seat { node, me, known, desk, state, mono_ms };
        (takes_part && is_member).then_some(seat)
    }

    /// The heads of all honest nodes.
    fn honest_heads(&self) -> BTreeSet<OpId> {
        let honest = (0..self.world.nodes.len()).filter(|at| self.is_honest(*at));
        let states = honest.filter_map(|at| self.world.nodes.get(at).map(Node::state));
        let known = states.filter_map(|it| it.durable.namespaces.get(&self.namespace?));
        known.flat_map(|known| known.space.heads()).collect()
    }

    /// Whether the word of an honest member counts here.
    fn hears_honest(&self, seat: &Seat<'_>) -> bool {
        let mut others = seat.desk.readiness.others(seat.me, MonoMillis(seat.mono_ms));
        others.any(|(who, _)| self.is_honest_member(who))
    }

    /// Whether an honest member said lately that it is ready, and named nothing that is not here,
    /// while no honest one says more. One that wrote what waits here does say more.
    fn is_vouched_for(&self, seat: &Seat<'_>) -> bool {
        let waits = |who: &MemberId| {
            seat.desk.pending.oldest_first().any(|waiting| waiting.op.payload.signer == *who)
        };
        let honest = seat.heard().filter(|(who, _)| self.is_honest_member(*who));
        let (named, unsure): (Vec<_>, Vec<_>) = honest
            .map(|(who, heard)| (who, heard, seat.lacks(&heard.beacon)))
            .partition(|(_, _, lacks)| lacks.as_ref().is_some_and(BTreeSet::is_empty));
        unsure.is_empty()
            && named.iter().any(|(who, heard, _)| heard.beacon.tier.is_ready() && !waits(who))
    }
}

impl Seat<'_> {
    fn has(&self, op: &OpId) -> bool {
        self.known.space.graph().find(op).is_some()
    }

    /// What other members said within a minute.
    pub(super) fn heard(&self) -> impl Iterator<Item = (MemberId, &Heard)> {
        let is_fresh = |heard: &Heard| self.mono_ms < heard.at.0 + FRESH_MS;
        let heard = self.desk.readiness.all_heard();
        heard.filter(move |(who, heard)| *who != self.me && is_fresh(heard))
    }

    /// Whether all that one other ready member named is here, for as long as its word counts.
    /// Heads that are only summarised may be here.
    fn is_covering_one(&self) -> bool {
        let now = MonoMillis(self.mono_ms);
        let mut others = self.desk.readiness.fresh(now).filter(|(who, _)| *who != self.me);
        others.any(|(_, heard)| lacks(self.known, self.desk, heard) != Some(true))
    }

    /// What a beacon names and is not here; `None` where it names no heads.
    fn lacks(&self, beacon: &Beacon) -> Option<BTreeSet<OpId>> {
        match &beacon.heads {
            HeadSummary::All(heads) => {
                Some(heads.iter().filter(|head| !self.has(head)).copied().collect())
            }
            HeadSummary::Many { .. } => None,
        }
    }

    /// Heads that are not here, and that two other members named lately.
    fn named_by_two(&self) -> BTreeSet<OpId> {
        let mut by: BTreeMap<OpId, u64> = BTreeMap::new();
        for (_, heard) in self.heard() {
            for head in self.lacks(&heard.beacon).into_iter().flatten() {
                *by.entry(head).or_default() += 1;
            }
        }
        by.into_iter().filter(|(_, count)| *count > 1).map(|(head, _)| head).collect()
    }
}

/// How long a node may be in no ready tier with all that there is: it starts, believes for the
/// longest life of a beacon among so many what two members said of whom one is gone, and pulls what
/// one alone names.
fn demoted_ms(nodes: usize) -> u64 {
    let every_ms = QUIET_FACTOR * BEACON_MS.max(BEACON_SHARE_MS * nodes as u64);
    let life_ms = 3 * (every_ms + every_ms / BEACON_JITTER_PART);
    GRACE_MS + FRESH_MS.max(life_ms) + PULL_MS_MAX + SLACK_MS
}

/// For how long something has been so, in milliseconds.
fn lasts(since: &mut Option<u64>, is_so: bool, now: u64) -> u64 {
    *since = is_so.then(|| since.unwrap_or(now));
    since.map_or(0, |since| now - since)
}

impl Runner<'_> {
    /// Bugs that make the readiness of the last honest node a wrong one.
    pub(super) fn plant_readiness(&mut self) {
        if !matches!(self.bug, Bug::StoppedClock | Bug::Impostor)
            || self.world.now() < self.ranks.plants_at
        {
            return;
        }
        let honest: Vec<usize> =
            (0..self.world.nodes.len()).filter(|at| self.is_honest(*at)).collect();
        let (Some((last, others)), Some(namespace)) = (honest.split_last(), self.namespace) else {
            return;
        };
        if self.bug == Bug::Impostor {
            self.ranks.plants_at = self.world.now() + IMPOSTOR_EVERY_MS;
            others.iter().take(2).for_each(|other| self.pose_as(*other, *last, namespace));
        } else if self.seat(*last).is_some_and(|seat| seat.state == State::PeerValidated) {
            self.ranks.plants_at = u64::MAX;
            let now = self.world.now();
            if let Some(node) = self.world.nodes.get_mut(*last) {
                // The clock is told that the machine sleeps; the machine is not.
                node.clock.sleep(now, u64::MAX / 2);
            }
        }
    }

    /// Somebody has the key of a member, and names a head that nobody has.
    fn pose_as(&mut self, who: usize, to: usize, namespace: NamespaceId) {
        let now = self.world.now();
        // It bears a time to come, so that the member itself is not heard meanwhile.
        let ahead = START_UNIX_MS + now + 2 * IMPOSTOR_EVERY_MS;
        let beacon = Beacon {
            namespace,
            member: member(who),
            boot: [0xcc; 16],
            sequence: now,
            heads: HeadSummary::of(&[OpId([0xcc; 32])]),
            ops: 0,
            state_root: [0; 32],
            tier: Tier::Validated,
            sent_at: UnixMillis(ahead),
        };
        let beacon = Gossip::Beacon(Box::new(author(who).attest(beacon)));
        self.world.whisper(who, to, namespace, &beacon.encode());
    }
}
