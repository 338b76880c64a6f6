//! What can become of an op (`docs/protocol.md`), and why (section 5).

use crate::governance::rights::Rights;
use crate::id::OpId;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Judgement of the op by its ancestors alone: the same on every node, final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A node of the graph, and takes part in the effect.
    Admit,
    /// A node of the graph that has no effect in any set.
    Void(VoidAtCut),
    /// Not stored.
    Drop(Dropped),
    /// Parents are missing; asked again when they are here.
    Pending {
        /// The missing ids, ascending.
        missing: alloc::vec::Vec<OpId>,
    },
}

/// Why an op is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Dropped {
    /// Parents not strictly ascending, none although no genesis, or a second genesis.
    #[error("A4: parents are 1 to 64, strictly ascending; none only in the genesis by owner 0")]
    Parents = 4,
    /// A parent was refused before.
    #[error("A5: a parent was refused")]
    RefusedParent = 5,
    /// A parent is an ancestor of another.
    #[error("A6: the parents are not pairwise concurrent")]
    RelatedParents = 6,
    /// Not the next nonce of the signer.
    #[error("A7: the nonce is {got}, the signer's next one in this past is {expected}")]
    Nonce {
        /// What the op says.
        got: u64,
        /// 1 + the highest in its past.
        expected: u64,
    } = 7,
    /// The signer has no direct right in any group at the cut.
    #[error("A8: the signer has no right in any group at this cut")]
    Stranger = 8,
}

/// Why an op has no effect in any set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum VoidAtCut {
    /// The author saw other rows than the cut gives: a bug or a lie, worth an alarm.
    #[error("A9: the op says state hash {}, the cut has {}", Short(got), Short(expected))]
    StateHashMismatch {
        /// What the op says.
        got: [u8; 32],
        /// What the cut gives.
        expected: [u8; 32],
    } = 9,
    /// No grant of the signer gives what the body needs.
    #[error("A10: not authorised at its cut: {0}")]
    NotAuthorised(Unauthorised) = 10,
    /// A target's grant is not junior to the author.
    #[error("A11: the target's grant is not junior to the author's")]
    NotSenior = 11,
    /// The target has nothing there that would be taken.
    #[error("A11: the target has nothing there that this would take")]
    NothingToTake = 12,
    /// The op does not fit the state at its cut.
    #[error("A12: {0}")]
    Precondition(Precondition) = 13,
}

/// What was missing for authority (A10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Unauthorised {
    /// No single grant of the signer gives these rights there.
    #[error("no grant of the signer gives {} there", Wanted(*.0))]
    Signer(Rights) = 0,
    /// No single grant of the inviter gives these rights there.
    #[error("no grant of the inviter gives {} there", Wanted(*.0))]
    Inviter(Rights) = 1,
    /// A signature inside the body is not valid, or it is for another namespace or group.
    #[error("the invitation or join request is not valid here")]
    Invitation = 2,
    /// The invitation's frontier is not in the past of the op.
    #[error("the invitation knows of ops that the witness did not")]
    Frontier = 3,
    /// The invitation was used up at the cut.
    #[error("the invitation was used up")]
    UsedUp = 4,
    /// The invitation was revoked at the cut.
    #[error("the invitation was revoked")]
    Revoked = 5,
    /// The joiner was removed, and only a grant re-admits.
    #[error("the joiner was removed: only a grant re-admits")]
    Removed = 6,
    /// The joiner left, and the invitation is older than that.
    #[error("the joiner left after the invitation was written")]
    Left = 7,
    /// The signer is not the notary of the chain of anchors.
    #[error("the signer is not the notary")]
    NotNotary = 8,
}

/// What of the state at the cut does not fit (A12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Precondition {
    /// The group does not exist.
    #[error("the group does not exist")]
    NoSuchGroup = 0,
    /// More than 16 groups on a path.
    #[error("the tree would be deeper than 16 groups")]
    TooDeep = 1,
    /// A group under itself.
    #[error("the group would be below itself")]
    Circle = 2,
    /// The root is neither moved nor deleted.
    #[error("the root group is neither moved nor deleted")]
    Root = 3,
    /// A grant of what the target has.
    #[error("the target has these rights already")]
    NothingAdded = 4,
    /// The context is not registered in this group.
    #[error("the context is not in this group")]
    NoSuchContext = 5,
    /// The body acts on the root group only.
    #[error("this acts on the root group only")]
    NotRoot = 6,
    /// The new notary is not an owner.
    #[error("the new notary is not an owner")]
    NotOwner = 7,
}

/// Rights that are asked for: where none is named, any will do.
struct Wanted(Rights);

impl core::fmt::Display for Wanted {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.is_empty() { out.write_str("any right") } else { self.0.fmt(out) }
    }
}

struct Short<'a>(&'a [u8; 32]);

impl core::fmt::Display for Short<'_> {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
