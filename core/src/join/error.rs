//! Why a join did not succeed (NET-26).

use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::id::{OpId, PeerKey};
use crate::signed::Malformed;
use crate::sync::Shortfall;
use crate::time::UnixMillis;
use crate::wire::Refused;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use thiserror::Error;

/// Why a join did not succeed (NET-26).
///
/// A failure to store is none of these: a node that cannot write its log stops.
#[derive(Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum JoinError {
    /// The invitation can never be used; nothing was stored or sent (NET-20).
    #[error("not joined: the invitation is not valid: {0}; ask the inviter for a new one")]
    InvitationInvalid(InvitationFlaw),
    /// Everybody who was asked says that it has expired, up to the end.
    #[error(
        "not joined: the invitation expired at {} ms since 1970 (UTC), say all who were asked; \
         ask the inviter for a new one", at.0
    )]
    InvitationExpired {
        /// Until when it was to be used.
        at: UnixMillis,
    },
    /// Nobody of the namespace was of use, or there was nobody.
    #[error(
        "not joined: no member was reached in {waited_ms} ms ({probes} probes, {peers_seen} peers \
         of the topic seen); try the same invitation again while a member is online"
    )]
    NoReadyPeers {
        /// How long was waited, in milliseconds.
        waited_ms: u64,
        /// How often the topic was asked.
        probes: u64,
        /// Peers of the topic that were seen.
        peers_seen: u64,
    },
    /// Members were reached, and none could help.
    #[error(
        "not joined: {} tried without success{}; try the same invitation again, and if it fails \
         with others too, ask for a new one",
        Count(tried.len()), Last(tried)
    )]
    PartnersFailed {
        /// Who was tried and why it was in vain, the last one at the end; at most 64.
        tried: Vec<(PeerKey, Declined)>,
    },
    /// The time was over before the history was here.
    #[error(
        "not joined: the history was not here in time ({} ops are known to be missing); what came \
         is kept: try the same invitation again, and give it longer", missing.len()
    )]
    PullIncomplete {
        /// Ops that are known to be missing, at most 64; there may be many more behind them.
        missing: Vec<OpId>,
    },
    /// Everybody who was asked refuses, by the rules of the namespace: our own history says so too,
    /// or two of its members did, or nobody said otherwise up to the end.
    #[error("not joined: refused by all who were asked: {0}; ask for a new invitation")]
    Refused(Refused),
    /// Admitted, and not yet seen by another member. It stays, and is told to others.
    #[error(
        "admitted by {op}, but in {waited_ms} ms no member besides the witness was seen to know \
         it; this node stays a member and goes on telling others: nothing is to be done"
    )]
    Unconfirmed {
        /// The op that admits this node.
        op: OpId,
        /// How long the join took, in milliseconds.
        waited_ms: u64,
    },
    /// It was given up on command.
    #[error("not joined: cancelled; the identity is kept for the next try")]
    Cancelled,
}

/// Why an invitation can never be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum InvitationFlaw {
    /// Its terms are none that a member may sign.
    #[error("its terms: {0}")]
    Terms(Malformed),
    /// The inviter, the joiner or the one-time secret did not sign it.
    #[error("one of its three signatures does not fit")]
    Signature,
    /// By the history of every partner, who signed it had no right to.
    #[error("who signed it may not invite there, and could not when it was signed")]
    Inviter,
}

/// Why a partner was of no use.
#[derive(Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum Declined {
    /// Asked to admit us, it said so.
    #[error("refused: {0}")]
    Refused(Refused),
    /// Asked to admit us, it did not answer.
    #[error("did not answer when asked to admit us")]
    Silent,
    /// The op that it sent does not admit us here.
    #[error("sent an op that does not admit us")]
    NoEffect,
    /// What it has did not get here.
    #[error("its history did not get here: {}", words(.0))]
    Pull(Shortfall),
    /// The same ops gave it another state.
    #[error("has another state with the same ops")]
    Diverged,
    /// It lacks what the inviter knew.
    #[error("lacks ops that the inviter knew")]
    Behind,
    /// It is no member.
    #[error("is no member")]
    NotMember,
    /// By what it has, the inviter may not invite.
    #[error("by its history the inviter may not invite")]
    Inviter,
    /// It has not proved which member it is.
    #[error("has not proved who it is")]
    Unproven,
}

impl Declined {
    /// Whether it is about the invitation itself. A witness that is behind, or has no right of its
    /// own, is no reason to give up.
    pub const fn is_for_good(&self) -> bool {
        match self {
            Self::Refused(Refused::NotAdmitted(VoidAtCut::NotAuthorised(lack))) => {
                !matches!(lack, Unauthorised::Signer(_) | Unauthorised::Frontier)
            }
            Self::Inviter => true,
            Self::Refused(_)
            | Self::Silent
            | Self::NoEffect
            | Self::Pull(_)
            | Self::Diverged
            | Self::Behind
            | Self::NotMember
            | Self::Unproven => self.is_expiry(),
        }
    }

    /// Whether another exchange may mend it: it is about getting its history here, or about who it
    /// is, which it may have proved by then.
    pub const fn is_of_pull(&self) -> bool {
        match self {
            Self::Pull(_) | Self::Diverged | Self::Behind | Self::Unproven => true,
            Self::Refused(_) | Self::Silent | Self::NoEffect | Self::NotMember | Self::Inviter => {
                false
            }
        }
    }

    /// The words of a witness.
    pub fn refusal(&self) -> Option<Refused> {
        if let Self::Refused(why) = self { Some(why.clone()) } else { None }
    }

    /// Whether a witness found the invitation out of date.
    pub const fn is_expiry(&self) -> bool {
        matches!(self, Self::Refused(Refused::Expired))
    }

    /// Whether it may pass by itself, with what is under way: a peer that does not know us yet is
    /// being told who we are, and one that we do not know is being asked.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Pull(Shortfall::Refused(Refused::Stranger | Refused::Ineffective))
                | Self::Unproven
        )
    }
}

const fn words(why: &Shortfall) -> Words<'_> {
    Words(why)
}

struct Words<'a>(&'a Shortfall);

impl fmt::Display for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Shortfall::Stalled => out.write_str("it stopped answering"),
            Shortfall::Gone => out.write_str("it went away"),
            Shortfall::Lied => out.write_str("it sent less than it claimed to have"),
            Shortfall::Refused(why) => why.fmt(out),
            Shortfall::Lacking => out.write_str("something is missing there too"),
        }
    }
}

struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.0, if self.0 == 1 { "peer was" } else { "peers were" })
    }
}

struct Last<'a>(&'a [(PeerKey, Declined)]);

impl fmt::Display for Last<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.last() {
            Some((peer, why)) => write!(out, ", the last, {peer}, {why}"),
            None => Ok(()),
        }
    }
}
