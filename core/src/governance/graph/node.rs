//! Rows of the graph's tables.

use crate::few::Rare;
use crate::governance::judged::Auth;
use crate::governance::reach::{Cut, Place};
use crate::governance::rights::Rights;
use crate::governance::table::{
    GrantIx, GroupIx, InvitationIx, Ix, PersonIx, RestrictionIx, SlotIx,
};
use crate::governance::tree::Tree;
use crate::id::OpId;
use alloc::boxed::Box;
use alloc::sync::Arc;
use borsh::{BorshDeserialize, BorshSerialize};

/// One stored op, without its bytes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: OpId,
    /// The record of the log that holds its bytes; 0 where there is no log.
    pub record: u64,
    /// Its author.
    pub signer: PersonIx,
    /// Its position on the author's chain.
    pub nonce: u64,
    /// 0 for the genesis, else 1 + the largest of its parents.
    pub generation: u64,
    /// The group it acts on; the root where it names none that exists.
    pub group: GroupIx,
    /// Its parents, ascending by id.
    pub parents: Box<[Ix]>,
    /// Its place in the chain cover.
    pub place: Place,
    /// Its ancestors off its own chain; see [`super::Graph::past`].
    pub(super) past: Cut,
    /// What it does.
    pub deed: Deed,
    /// By which grants: the signer's, and for a join the inviter's.
    pub(in crate::governance) auths: [Option<Auth>; 2],
    /// The tree at its cut.
    pub tree: Arc<Tree>,
}

impl Node {
    /// The grants that authorise the op, each with the rights it must give (D7).
    pub fn auths(&self) -> impl Iterator<Item = Auth> + use<> {
        self.auths.into_iter().flatten()
    }

    /// The signer's grant; none in a genesis, a self-restriction, and an op void at its cut.
    pub fn auth(&self) -> Option<GrantIx> {
        let [signer, _] = self.auths;
        signer.map(|auth| auth.grant)
    }

    /// The inviter's grant, in a join.
    pub fn inviter_auth(&self) -> Option<GrantIx> {
        let [_, inviter] = self.auths;
        inviter.map(|auth| auth.grant)
    }
}

/// What an op does, in terms of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Deed {
    /// Nothing, in any set: it was void at its cut.
    Void,
    /// Begins the namespace.
    Genesis,
    /// Joins heads.
    Noop,
    /// Adds a member.
    Grant(GrantIx),
    /// Admits a joiner.
    Join {
        /// What the joiner gets.
        grant: GrantIx,
        /// By which invitation.
        invitation: InvitationIx,
    },
    /// Creates a group.
    Create {
        /// The new group.
        group: GroupIx,
        /// What its creator gets.
        grant: GrantIx,
    },
    /// Moves the op's group.
    Move {
        /// The new parent.
        to: GroupIx,
    },
    /// Deletes the op's group.
    Delete,
    /// Restricts a member.
    Restrict(RestrictionIx),
    /// Revokes an invitation.
    Revoke {
        /// Which one.
        invitation: InvitationIx,
    },
    /// Writes a slot.
    Write {
        /// Which one.
        slot: SlotIx,
        /// Whether it is void unless it wins (R5).
        strict: bool,
    },
    /// Marks finality.
    Anchor {
        /// The notary from here on, if it changes.
        notary: Option<PersonIx>,
    },
}

impl Deed {
    /// The grant that the op makes, beside those of a genesis.
    pub const fn grant(self) -> Option<GrantIx> {
        if let Self::Grant(grant) | Self::Join { grant, .. } | Self::Create { grant, .. } = self {
            return Some(grant);
        }
        None
    }

    /// The group that the op creates, beside the root.
    pub const fn created(self) -> Option<GroupIx> {
        if let Self::Create { group, .. } = self { Some(group) } else { None }
    }

    /// The restriction that the op makes.
    pub const fn restriction(self) -> Option<RestrictionIx> {
        if let Self::Restrict(r) = self { Some(r) } else { None }
    }

    /// The invitation that the op uses to admit a joiner.
    pub const fn used_invitation(self) -> Option<InvitationIx> {
        if let Self::Join { invitation, .. } = self { Some(invitation) } else { None }
    }

    /// The slot that the op writes.
    pub const fn written(self) -> Option<SlotIx> {
        if let Self::Write { slot, .. } = self { Some(slot) } else { None }
    }

    /// Whether the op may change the tree of groups; the genesis makes its root.
    pub const fn is_structure(self) -> bool {
        matches!(self, Self::Create { .. } | Self::Move { .. } | Self::Delete)
    }
}

/// Rights that an op gives (D4).
#[derive(Clone, Debug)]
pub struct Grant {
    /// The op.
    pub op: Ix,
    /// Who gets them.
    pub target: PersonIx,
    /// Where.
    pub group: GroupIx,
    /// Which.
    pub rights: Rights,
    /// First part of its key (D8).
    pub tier: u8,
    /// Second part of its key: the generation of the op, or an owner's rank.
    pub rank: u64,
    /// Ops that it authorises.
    pub used: Rare<Ix>,
}

/// What an op leaves of somebody's rights (D5).
#[derive(Clone, Copy, Debug)]
pub struct Restriction {
    /// The op.
    pub op: Ix,
    /// Whose rights.
    pub target: PersonIx,
    /// Where, and below.
    pub group: GroupIx,
    /// What may remain.
    pub keep: Rights,
    /// Whether the author restricts itself.
    pub by_self: bool,
}
