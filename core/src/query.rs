//! Answers to questions about the state. Pure functions of it; nothing here is replicated.
//!
//! The driver asks after the commit, so that nobody sees what could still be lost.

mod answers;
mod network;

pub use network::{Agreement, HeardView, JoinView, NetworkView, SummitView, TopicView};

use crate::governance::op::SlotKey;
use crate::governance::rights::Rights;
use crate::governance::verdict::VoidAtCut;
use crate::id::{ContextId, GroupId, InvitationId, MemberId, NamespaceId, OpId};
use alloc::string::String;
use alloc::vec::Vec;

/// Which ops of the history are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only those of this group.
    pub group: Option<GroupId>,
    /// Only those by or on this member.
    pub member: Option<MemberId>,
    /// How many of the newest to pass over.
    pub skip: u64,
    /// How many at most; never more than 1,000.
    pub limit: u64,
}

/// One namespace in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceView {
    /// Its id.
    pub namespace: NamespaceId,
    /// As whom this node takes part.
    pub me: MemberId,
    /// Whether it takes part: joined and not closed.
    pub open: bool,
    /// Whether a join is still under way.
    pub joining: bool,
    /// How ready this node is there.
    pub readiness: crate::readiness::State,
    /// Stored ops.
    pub ops: u64,
    /// Stored ops that are not effective.
    pub void: u64,
    /// Ops that wait for parents.
    pub pending: u64,
    /// Heads, ascending.
    pub heads: Vec<OpId>,
    /// Root over all groups.
    pub state_root: [u8; 32],
    /// Highest generation.
    pub generation: u64,
    /// Anchors of the chain.
    pub anchors: u64,
    /// Connected peers of the topic.
    pub peers: u64,
    /// Members with a direct row in the root.
    pub members: u64,
    /// Groups that exist.
    pub groups: u64,
    /// Winner of the root's metadata slot `name`.
    pub name: Option<OpId>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub group: GroupId,
    /// Its parent; none at the root.
    pub parent: Option<GroupId>,
    /// Groups on its path, itself included.
    pub depth: u64,
    /// The op that set its visibility, where one did; else its creation says.
    pub visibility: Option<OpId>,
    /// Winner of its metadata slot `name`.
    pub name: Option<OpId>,
    /// Direct members.
    pub members: u64,
    /// Contexts registered in it.
    pub contexts: Vec<ContextId>,
    /// Root of its rows and its ancestors' (GOV-20): what an op there must cite.
    pub root: [u8; 32],
}

/// One direct row of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub member: MemberId,
    /// What they have.
    pub rights: Rights,
    /// Tier of the most senior grant: 0 owner … 3.
    pub tier: u8,
    /// Rank within the tier: the generation of that grant, or an owner's rank.
    pub rank: u64,
    /// The op that made that grant.
    pub by: OpId,
    /// Winner of the root's metadata slot `name` of this member.
    pub name: Option<OpId>,
}

/// What became of a stored op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has effect.
    Effective,
    /// It has none in any set.
    VoidAtCut(VoidAtCut),
    /// Its authority has no effect: this op, which gave it.
    Unfounded(OpId),
    /// Struck by these ops.
    Struck(Vec<OpId>),
    /// Its invitation was used up by these joins, which come first.
    Spent(Vec<OpId>),
    /// Strict, and this concurrent write comes first.
    Lost(OpId),
}

/// One stored op. Its body is in the log: [`crate::state::State::stored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpView {
    /// Its id.
    pub id: OpId,
    /// Its author.
    pub signer: MemberId,
    /// Position on the author's chain.
    pub nonce: u64,
    /// Longest way from the genesis.
    pub generation: u64,
    /// The group it acts on.
    pub group: GroupId,
    /// Its parents.
    pub parents: Vec<OpId>,
    /// What became of it.
    pub standing: Standing,
    /// Whether an anchor of the chain covers it: its verdict is final (K6).
    pub is_final: bool,
    /// Whether it is visible (R6).
    pub is_visible: bool,
    /// The ops that made the grants which authorise it: the signer's, then the inviter's.
    pub authority: Vec<OpId>,
    /// Whether it is a strict or plain slot write that lost to the winner of its slot.
    pub outranked_by: Option<OpId>,
}

/// A slot and who won it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// Which.
    pub key: SlotKey,
    /// The winner.
    pub winner: OpId,
    /// Concurrent writes that lost.
    pub losers: Vec<OpId>,
}

/// An invitation that this node issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationView {
    /// Its id.
    pub invitation: InvitationId,
    /// Its terms.
    pub terms: crate::governance::invitation::Terms,
    /// Who joined by it, effectively.
    pub used_by: Vec<MemberId>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Why a member may or may not do something now (`why-not`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayView {
    /// It may, by the grant that this op made.
    Yes(Option<OpId>),
    /// It may not: what its op would be, and who could do it.
    No {
        /// The verdict.
        why: String,
        /// Members who could, the most senior first, at most 16.
        who_could: Vec<MemberId>,
    },
}

/// Evidence of equivocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceView {
    /// Who signed twice.
    pub signer: MemberId,
    /// With which nonce.
    pub nonce: u64,
    /// The ops.
    pub ops: Vec<OpId>,
}
