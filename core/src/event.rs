//! Durable facts, in the past tense. The log is a list of these, and the durable state their fold.

use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::judged::Judged;
use crate::id::{MemberId, NamespaceId, OpId};
use crate::signed::{Op, Verified};
use crate::time::UnixMillis;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Something that happened and stays. What is large and rare stands apart: one of these is made for
/// every op.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Event {
    /// This node takes part in a namespace from here on.
    NamespaceOpened {
        /// Which.
        namespace: NamespaceId,
        /// As whom.
        me: MemberId,
    } = 0,
    /// It takes part no longer.
    NamespaceClosed {
        /// Which.
        namespace: NamespaceId,
    } = 1,
    /// An op was judged and stored.
    OpAccepted {
        /// Where.
        namespace: NamespaceId,
        /// The op.
        op: Verified<Op>,
        /// What A8 to A12 found.
        judged: Judged,
    } = 2,
    /// An op of newer rules came; its bytes are kept until this node knows them.
    OpParked {
        /// Where.
        namespace: NamespaceId,
        /// The bytes.
        bytes: Vec<u8>,
    } = 3,
    /// This node signed an invitation.
    InvitationIssued {
        /// Where.
        namespace: NamespaceId,
        /// The invitation, without the one-time secret.
        invitation: Box<Invitation>,
    } = 4,
    /// This node wants to join.
    JoinStarted {
        /// Where.
        namespace: NamespaceId,
        /// The invitation with this node's consent.
        request: Box<JoinRequest>,
        /// Where members may be reached.
        addresses: Vec<String>,
        /// When, by the clock of this machine.
        started: UnixMillis,
        /// How long it may take, in milliseconds (NET-22).
        within_ms: u64,
    } = 5,
    /// It joined, with this op, or gave up.
    JoinEnded {
        /// Where.
        namespace: NamespaceId,
        /// The op that admits this node.
        op: Option<OpId>,
    } = 6,
}
