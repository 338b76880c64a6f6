//! Joining by invitation: what a join remembers, and what follows from it (NET-20 to NET-29).

mod error;
mod retry;

pub use error::{Declined, InvitationFlaw, JoinError};
pub use retry::Retry;

use crate::command::CommandId;
use crate::effect::Phase;
use crate::governance::invitation::{JoinRequest, Terms};
use crate::id::{GroupId, MemberId, NamespaceId, OpId, PeerKey};
use crate::limits::{JOIN_PEERS_MAX, PROGRESS_EVERY_MS, TRIED_MAX};
use crate::signed::invitation_is_well_formed;
use crate::time::{MonoMillis, UnixMillis};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A join that survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JoinJob {
    /// The invitation with this node's consent.
    pub request: JoinRequest,
    /// When it began, by the clock of this machine.
    pub started: UnixMillis,
    /// How long it may take from then on, in milliseconds (NET-22).
    pub within_ms: u64,
}

impl JoinJob {
    /// What is left of its time after a restart, in milliseconds, and no more than `most_ms`. A
    /// clock that stands before the beginning has been turned back, and says nothing.
    pub const fn left_ms(&self, now: UnixMillis, most_ms: u64) -> u64 {
        let left = match now.0.checked_sub(self.started.0) {
            Some(gone) => self.within_ms.saturating_sub(gone),
            None => most_ms,
        };
        if left < most_ms { left } else { most_ms }
    }
}

/// Whether an invitation and the consent to it can be used at all (NET-20). Whether the text that
/// they came in was whole, and whether the secret fits, was checked where it was read.
///
/// # Errors
///
/// What is wrong with them: they will never be of use.
pub fn validate(request: &JoinRequest) -> Result<(), InvitationFlaw> {
    let terms = &request.invitation.terms;
    invitation_is_well_formed(terms).map_err(InvitationFlaw::Terms)?;
    if request.is_signed() { Ok(()) } else { Err(InvitationFlaw::Signature) }
}

/// What came of a join (NET-28).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JoinReport {
    /// The namespace.
    pub namespace: NamespaceId,
    /// The group.
    pub group: GroupId,
    /// The op that admits this node.
    pub op: OpId,
    /// Our heads, ascending.
    pub heads: Vec<OpId>,
    /// Root over all groups.
    pub state_root: [u8; 32],
    /// Ops stored since the join began, or since the node last started.
    pub ops_applied: u64,
    /// Members of the namespace that are now known, this node included.
    pub members_learned: u64,
    /// Who was asked to admit us; none where a member had done so before anybody was asked.
    pub partner: Option<PeerKey>,
    /// Members besides the witness that are known to have the op; empty where none was there.
    pub acked_by: Vec<MemberId>,
    /// How long each phase took in all, in milliseconds, in the order of their beginnings.
    pub phases: Vec<(Phase, u64)>,
}

/// A join under way.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Joining {
    /// Who waits for it; nobody after a restart.
    pub commands: Vec<CommandId>,
    /// When everything ends.
    pub deadline: MonoMillis,
    /// Where it is.
    pub phases: Phases,
    /// When to try again.
    pub retry: Retry,
    /// Whether it waits for its next attempt.
    pub is_waiting: bool,
    /// How often it asked the topic for members.
    pub probes: u64,
    /// Peers of the topic, and what came of them.
    pub partners: Partners,
    /// The partner in use.
    pub partner: Option<Partner>,
    /// What was received.
    pub pull: Pull,
    /// The op that admits us, once it is here with effect.
    pub admitted: Option<Admitted>,
}

/// The partner in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Partner {
    /// Who.
    pub peer: PeerKey,
    /// How far we are with it.
    pub stage: Stage,
}

/// How far we are with a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Stage {
    /// Getting what it has.
    Pulling,
    /// Everything that it had is here.
    Pulled,
    /// It was asked to admit us.
    Asking,
    /// It answered with this op.
    Answered(OpId),
}

/// The op that admits us.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Admitted {
    /// Which.
    pub op: OpId,
    /// Who wrote it: that it has it says nothing.
    pub witness: MemberId,
    /// Who else has it.
    pub acked_by: BTreeSet<MemberId>,
    /// How long until the others are looked at again, in milliseconds.
    pub again_ms: u64,
}

impl Joining {
    /// A join that begins now and ends at `deadline`; `ops` are stored already.
    pub fn new(commands: Vec<CommandId>, now: MonoMillis, deadline: MonoMillis, ops: u64) -> Self {
        Self {
            commands,
            deadline,
            phases: Phases::new(now),
            retry: Retry::new(deadline),
            is_waiting: false,
            probes: 0,
            partners: Partners::default(),
            partner: None,
            pull: Pull { before: ops, ..Pull::default() },
            admitted: None,
        }
    }

    /// Whether it looks for members now.
    pub fn is_probing(&self) -> bool {
        self.phases.now == Phase::Probing && !self.is_waiting && self.admitted.is_none()
    }

    /// Why the attempt, or the whole join, came to nothing (NET-26).
    pub fn why(&self, terms: &Terms, now: MonoMillis) -> JoinError {
        let tried = &self.partners.tried;
        if tried.is_empty() {
            return JoinError::NoReadyPeers {
                waited_ms: now.since(self.phases.started),
                probes: self.probes,
                peers_seen: self.partners.seen.len() as u64,
            };
        }
        let last = || self.partners.of_this_attempt();
        if last().next().is_none() || !last().all(Declined::is_for_good) {
            return JoinError::PartnersFailed {
                tried: tried.iter().map(|tried| (tried.peer, tried.why.clone())).collect(),
            };
        }
        // One alone is not believed, if there are others: its clock may be wrong, or it may lie.
        match last().filter(|why| !why.is_expiry()).find_map(Declined::refusal) {
            Some(why) => JoinError::Refused(why),
            None if last().any(Declined::is_expiry) => {
                JoinError::InvitationExpired { at: terms.expires_at }
            }
            None => JoinError::InvitationInvalid(InvitationFlaw::Inviter),
        }
    }
}

/// Where a join is, and how long it has been where.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Phases {
    /// The phase it is in.
    pub now: Phase,
    /// When the join began.
    pub started: MonoMillis,
    since: MonoMillis,
    spent: Vec<(Phase, u64)>,
}

impl Phases {
    const fn new(now: MonoMillis) -> Self {
        Self { now: Phase::Validating, started: now, since: now, spent: Vec::new() }
    }

    /// Goes on to a phase; how long the one before took, in milliseconds.
    pub fn enter(&mut self, phase: Phase, now: MonoMillis) -> u64 {
        let took = now.since(self.since);
        match self.spent.iter_mut().find(|(phase, _)| *phase == self.now) {
            Some((_, spent)) => *spent = spent.saturating_add(took),
            None => self.spent.push((self.now, took)),
        }
        (self.now, self.since) = (phase, now);
        took
    }

    /// How long each finished phase took in all, in milliseconds.
    pub fn spent(&self) -> &[(Phase, u64)] {
        &self.spent
    }
}

/// What a join received (NET-24).
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pull {
    /// Ops that were stored before it began.
    pub before: u64,
    /// Ops received from the partner.
    pub ops: u64,
    /// What was wanted from a partner last, and did not come.
    pub missing: Vec<OpId>,
    /// When the last page came.
    pub last: Option<MonoMillis>,
    told: Option<MonoMillis>,
}

impl Pull {
    /// A page arrived; whether people are told, at most four times a second.
    pub fn note(&mut self, ops: u64, now: MonoMillis) -> bool {
        self.ops = self.ops.saturating_add(ops);
        self.last = Some(now);
        let tell = self.told.is_none_or(|told| now.since(told) >= PROGRESS_EVERY_MS);
        if tell {
            self.told = Some(now);
        }
        tell
    }

    /// Begins with another partner.
    pub fn restart(&mut self) {
        self.ops = 0;
        self.last = None;
    }
}

/// Peers of the topic, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Partners {
    /// Those that were met.
    pub seen: BTreeSet<PeerKey>,
    /// Those whose history we have.
    in_sync: BTreeSet<PeerKey>,
    /// Those that were of no use, the last that failed at the end.
    tried: Vec<Tried>,
    attempt: u64,
}

/// A partner that was of no use.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Tried {
    peer: PeerKey,
    why: Declined,
    /// In which attempt; none for one that came again since.
    attempt: Option<u64>,
}

impl Partners {
    /// Notes a peer of the topic.
    pub fn see(&mut self, peer: PeerKey) {
        if self.seen.len() < JOIN_PEERS_MAX {
            self.seen.insert(peer);
        }
    }

    /// Everything that a peer had is here. `is_enough`: it is what the invitation asks for.
    pub fn note_in_sync(&mut self, peer: PeerKey, is_enough: bool) {
        if self.in_sync.len() < JOIN_PEERS_MAX {
            self.in_sync.insert(peer);
        }
        self.tried.retain(|tried| {
            let is_over = tried.why.is_of_pull() && (is_enough || tried.why != Declined::Behind);
            tried.peer != peer || !is_over
        });
    }

    /// Notes that a peer was of no use in this attempt.
    pub fn note_failed(&mut self, peer: PeerKey, why: Declined) {
        self.in_sync.remove(&peer);
        self.tried.retain(|tried| tried.peer != peer);
        if self.tried.len() >= TRIED_MAX {
            self.tried.remove(0);
        }
        self.tried.push(Tried { peer, why, attempt: Some(self.attempt) });
    }

    /// A peer has gone: if it comes again, it may be tried again.
    pub fn release(&mut self, peer: &PeerKey) {
        self.in_sync.remove(peer);
        for tried in self.tried.iter_mut().filter(|tried| tried.peer == *peer) {
            tried.attempt = None;
        }
    }

    /// Begins an attempt, in which everybody may be tried again.
    pub fn begin_attempt(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
        self.in_sync.clear();
    }

    /// Whether we have everything that a peer had.
    pub fn is_in_sync(&self, peer: &PeerKey) -> bool {
        self.in_sync.contains(peer)
    }

    /// Why a peer was of no use in this attempt.
    pub fn failure(&self, peer: &PeerKey) -> Option<&Declined> {
        let mut of_peer = self.tried.iter().filter(|tried| tried.peer == *peer);
        of_peer.find(|tried| tried.attempt == Some(self.attempt)).map(|tried| &tried.why)
    }

    /// The best of `peers`, which come best first: those whose history is here, then those that
    /// never failed.
    pub fn choose(&self, peers: &[PeerKey]) -> Option<PeerKey> {
        let may = || peers.iter().filter(|peer| self.failure(peer).is_none());
        let is_new = |peer: &PeerKey| self.tried.iter().all(|tried| tried.peer != *peer);
        may()
            .find(|peer| self.is_in_sync(peer))
            .or_else(|| may().find(|peer| is_new(peer)))
            .or_else(|| may().next())
            .copied()
    }

    /// Whether waiting for one of `peers` is of no use in this attempt.
    pub fn are_exhausted(&self, peers: &[PeerKey]) -> bool {
        let is_over = |peer: &PeerKey| self.failure(peer).is_some_and(|why| !why.may_pass());
        !peers.is_empty() && peers.iter().all(is_over)
    }

    /// Who said in this attempt that the rules do not let the invitation be used.
    pub fn refusing(&self) -> impl Iterator<Item = &PeerKey> {
        let refuses = |tried: &&Tried| {
            let is_refusal = tried.why.refusal().is_some() && !tried.why.is_expiry();
            tried.attempt == Some(self.attempt) && is_refusal && tried.why.is_for_good()
        };
        self.tried.iter().filter(refuses).map(|tried| &tried.peer)
    }

    fn of_this_attempt(&self) -> impl Iterator<Item = &Declined> {
        let current = Some(self.attempt);
        self.tried.iter().filter(move |tried| tried.attempt == current).map(|tried| &tried.why)
    }
}

#[cfg(test)]
mod tests;
