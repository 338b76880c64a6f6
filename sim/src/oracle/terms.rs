//! The nouns of section 3: what a node of the graph is, once its cut is known.

use super::Effect;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::VoidAtCut;
use folkmoot_core::id::{GroupId, MemberId, OpId};
use folkmoot_core::signed::{Op, Verified};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Seniority of a grant (D8): smaller is senior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// 0 owner, 1 ADMIN on the root, 2 ADMIN elsewhere or creator, 3 the rest, 255 no auth.
    pub(super) tier: u8,
    /// Rank of an owner; generation of any other grant.
    pub(super) rank: u64,
    /// The granting op.
    pub(super) op: OpId,
}

/// Rights given to one member on one group (D4).
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) op: OpId,
    pub(super) member: MemberId,
    pub(super) group: GroupId,
    pub(super) rights: Rights,
    pub(super) key: Key,
}

/// What a body asks of an auth (D7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// At least one bit, whichever (ruling 2).
    Any,
    /// All of these bits.
    Bits(Rights),
}

/// A grant that an op relies on, and for what (D7).
#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub(super) grant: Grant,
    pub(super) need: Need,
}

/// What a restriction leaves to whom (D5).
#[derive(Clone, Debug)]
pub(super) struct Restriction {
    pub(super) target: MemberId,
    pub(super) group: GroupId,
    pub(super) keep: Rights,
    /// Whether it restricts its own signer (ruling 6).
    pub(super) by_self: bool,
}

/// What of an admitted op never changes again.
#[derive(Clone, Debug)]
pub(super) struct Statics {
    /// The signer's, then the inviter's; none for genesis and self-restrictions (D7).
    pub(super) auths: Vec<Auth>,
    /// The largest key of the auths (D8).
    pub(super) prio: Key,
    /// From the op's group to the root at the cut; a created group first (D6).
    pub(super) anc: Vec<GroupId>,
    pub(super) grants: Vec<Grant>,
    pub(super) restriction: Option<Restriction>,
}

/// An op of the graph, with its cut.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) op: Verified<Op>,
    /// Strict ancestors (D2).
    pub(super) past: BTreeSet<OpId>,
    pub(super) generation: u64,
    /// F of the past.
    pub(super) cut: Arc<Effect>,
    /// Statics of an admitted op; why a void one is void.
    pub(super) verdict: Result<Statics, VoidAtCut>,
}

impl Need {
    /// The bits, none for `Any`.
    pub(super) fn bits(self) -> Rights {
        match self {
            Self::Any => Rights::NONE,
            Self::Bits(bits) => bits,
        }
    }

    /// Whether `left` is enough (D7, ruling 2).
    pub(super) fn is_met_by(self, left: Rights) -> bool {
        match self {
            Self::Any => !left.is_empty(),
            Self::Bits(bits) => left.covers(bits),
        }
    }
}

impl Auth {
    /// Whether a restriction that leaves `keep` takes what this auth must give (ruling 2).
    pub(super) fn is_taken_by(&self, keep: Rights) -> bool {
        match self.need {
            Need::Any => (keep & self.grant.rights).is_empty(),
            Need::Bits(bits) => !keep.covers(bits),
        }
    }
}

impl Node {
    pub(super) fn id(&self) -> OpId {
        self.op.id
    }

    /// `None` for an op that is void at its cut: it takes no part in F.
    pub(super) fn statics(&self) -> Option<&Statics> {
        self.verdict.as_ref().ok()
    }

    pub(super) fn restriction(&self) -> Option<&Restriction> {
        self.statics().and_then(|statics| statics.restriction.as_ref())
    }

    pub(super) fn is_self_restriction(&self) -> bool {
        self.restriction().is_some_and(|restriction| restriction.by_self)
    }

    pub(super) fn grants(&self) -> &[Grant] {
        self.statics().map_or(&[], |statics| &statics.grants)
    }

    /// Whether neither op is in the past of the other (D2).
    pub(super) fn is_concurrent_with(&self, other: &Self) -> bool {
        self.id() != other.id()
            && !self.past.contains(&other.id())
            && !other.past.contains(&self.id())
    }
}
