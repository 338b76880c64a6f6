//! What a member states to its peers, signed: who it is, how far it has come, what it received.
//!
//! Statements are neither stored nor forwarded as facts; they are worth something for as long as
//! they are fresh. Each kind has its own domain and names the namespace and the member, so that no
//! signature serves for another kind, place or person (`docs/protocol.md`).

use crate::bounded::Bounded;
use crate::codec;
use crate::digest::{Domain, digest};
use crate::governance::verdict::VoidAtCut;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::key::{Claim, Signature};
use crate::limits::BEACON_HEADS_MAX;
use crate::time::UnixMillis;
use borsh::{BorshDeserialize, BorshSerialize};

/// A kind of statement.
pub trait Statement: BorshSerialize + Sized {
    /// Domain of its signatures.
    const DOMAIN: Domain;

    /// Where it belongs.
    fn namespace(&self) -> NamespaceId;

    /// Who states it.
    fn member(&self) -> MemberId;

    /// What is signed.
    fn digest(&self) -> [u8; 32] {
        digest(Self::DOMAIN, &codec::encode(self))
    }
}

/// Makes a struct with the fields `namespace` and `member` a statement, in the domain of its name.
macro_rules! statement {
    ($kind:ident) => {
        impl Statement for $kind {
            const DOMAIN: Domain = Domain::$kind;

            fn namespace(&self) -> NamespaceId {
                self.namespace
            }

            fn member(&self) -> MemberId {
                self.member
            }
        }
    };
}

/// A statement with the signature of the member that it names.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Attested<T> {
    /// What is stated.
    pub statement: T,
    /// By [`Statement::member`], over [`Statement::digest`].
    pub signature: Signature,
}

impl<T: Statement> Attested<T> {
    /// The statement with the signature that `sign` makes; `None` where it makes none.
    pub fn by(
        statement: T,
        sign: impl FnOnce(&MemberId, &[u8; 32]) -> Option<Signature>,
    ) -> Option<Self> {
        let signature = sign(&statement.member(), &statement.digest())?;
        Some(Self { statement, signature })
    }

    /// Whether the member signed it.
    pub fn is_signed(&self) -> bool {
        self.claim().is_valid()
    }

    /// What its signature says.
    pub fn claim(&self) -> Claim {
        let (key, message) = (self.statement.member(), self.statement.digest());
        Claim { key, message, signature: self.signature }
    }
}

/// Proof that a member acts through a connection: the answer to a challenge.
///
/// It names both ends and the challenger's nonce, so it cannot be shown to anybody else, nor again.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    /// Where.
    pub namespace: NamespaceId,
    /// Who proves.
    pub member: MemberId,
    /// Transport key of the one who proves.
    pub from: PeerKey,
    /// Transport key of the challenger.
    pub to: PeerKey,
    /// What the challenger drew.
    pub nonce: [u8; 16],
}

statement!(Hello);

/// "I am here, and this is how far I have come" (NET-10 to NET-16).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Beacon {
    /// Where.
    pub namespace: NamespaceId,
    /// Who.
    pub member: MemberId,
    /// Drawn at each start of the node.
    pub boot: [u8; 16],
    /// Grows by one with each beacon of this boot.
    pub sequence: u64,
    /// What it has, by its heads.
    pub heads: HeadSummary,
    /// How many ops it has. A claim, shown to people and compared with nothing (NET-12).
    pub ops: u64,
    /// Root over all its groups.
    pub state_root: [u8; 32],
    /// Its state.
    pub tier: Tier,
    /// When it was sent, by its clock.
    pub sent_at: UnixMillis,
}

statement!(Beacon);

impl Beacon {
    /// Whether it says no more than an earlier one of the same node: that it is still there.
    pub fn repeats(&self, earlier: &Self) -> bool {
        let said = |beacon: &Self| (beacon.member, beacon.boot, beacon.state_root, beacon.tier);
        said(self) == said(earlier) && self.heads == earlier.heads
    }
}

/// Heads in a beacon.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum HeadSummary {
    /// All of them, ascending.
    All(Bounded<OpId, BEACON_HEADS_MAX>) = 0,
    /// Too many: their digest and number.
    Many {
        /// [`heads_digest`] of them.
        digest: [u8; 32],
        /// How many.
        count: u64,
    } = 1,
}

impl HeadSummary {
    /// The summary of heads in ascending order.
    pub fn of(heads: &[OpId]) -> Self {
        Bounded::new(heads.to_vec()).map_or_else(
            || Self::Many { digest: heads_digest(heads), count: heads.len() as u64 },
            Self::All,
        )
    }
}

/// Digest of heads in ascending order.
pub fn heads_digest(heads: &[OpId]) -> [u8; 32] {
    digest(Domain::Heads, &codec::encode(&heads))
}

/// How ready a member is, as it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Tier {
    /// Not ready: starting, behind, or degraded.
    NotReady = 0,
    /// Ready on its own word: nobody else was heard.
    Locally = 1,
    /// Ready, and it has what another member says it has.
    Validated = 2,
}

impl Tier {
    /// Whether a member of this tier answers probes and sends beacons.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Locally | Self::Validated)
    }
}

/// "I have your op" (NET-32, NET-33).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ack {
    /// Where.
    pub namespace: NamespaceId,
    /// Which op.
    pub op: OpId,
    /// What became of it.
    pub outcome: AckOutcome,
    /// Who has it.
    pub member: MemberId,
}

statement!(Ack);

/// What became of an op at another member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AckOutcome {
    /// Stored, durably, with effect.
    Applied = 0,
    /// It was stored before.
    AlreadyHad = 1,
    /// Stored, durably, void at its cut.
    Void(VoidAtCut) = 2,
    /// Not stored: parents are missing there, this many.
    Pending(u64) = 3,
}

impl AckOutcome {
    /// Whether the member has the op for good.
    pub const fn is_durable(&self) -> bool {
        match self {
            Self::Applied | Self::AlreadyHad | Self::Void(_) => true,
            Self::Pending(_) => false,
        }
    }
}
