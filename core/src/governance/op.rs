//! Operations: what is signed, and what a body says (`docs/protocol.md`).

use crate::bounded::{Bounded, Bytes, Text};
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::rights::Rights;
use crate::id::{ContextId, GroupId, MemberId, NamespaceId, OpId};
use crate::limits::{KEY_BYTES_MAX, MIGRATION_BYTES_MAX, OWNERS_MAX, PARENTS_MAX, VALUE_BYTES_MAX};
use borsh::{BorshDeserialize, BorshSerialize};

/// What an author signs. Its encoding is hashed into the op's id (D1).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Payload {
    /// Version of the rules by which the op is judged.
    pub rules: u16,
    /// The namespace; 32 zero bytes in a genesis.
    pub namespace: NamespaceId,
    /// The group the op acts on; 32 zero bytes in a genesis, the parent in a `GroupCreated`.
    pub group: GroupId,
    /// The author.
    pub signer: MemberId,
    /// Position on the author's own chain: 1 + the highest nonce of the author in the past (A7).
    pub nonce: u64,
    /// The maximal ops the author knew, strictly ascending, pairwise concurrent (A4, A6).
    pub parents: Bounded<OpId, PARENTS_MAX>,
    /// Root of the group's rows at the cut (A9); 32 zero bytes where the group does not exist.
    pub state_hash: [u8; 32],
    /// What the op does.
    pub body: Body,
}

/// What an op does. The discriminants are on the wire and never change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Body {
    /// The genesis: names the owners in order of rank; rank 0 signs it.
    NamespaceCreated {
        /// 1 to 8 distinct keys.
        owners: Bounded<MemberId, OWNERS_MAX>,
        /// Random bytes, so that the same owners can found several namespaces.
        salt: [u8; 16],
    } = 0,
    /// Creates a group below the op's group; its id is the op id.
    GroupCreated {
        /// Visibility until the slot is written.
        visibility: Visibility,
    } = 1,
    /// Moves the op's group, with all below it, under another group.
    GroupMoved {
        /// The new parent.
        new_parent: GroupId,
    } = 2,
    /// Deletes the op's group with all below it.
    GroupDeleted = 3,
    /// Finality mark of the notary (D12).
    Anchor {
        /// Version of the rules from here on.
        rules: u16,
        /// The owner who is notary from here on, if it changes.
        notary: Option<MemberId>,
    } = 4,
    /// Nothing: joins heads.
    Noop = 5,
    /// Grants rights on the op's group.
    MemberAdded {
        /// Who gets them.
        member: MemberId,
        /// What is given; never empty.
        rights: Rights,
    } = 16,
    /// Leaves a member at most `keep` on the op's group and below.
    MemberRestricted {
        /// Who is restricted.
        member: MemberId,
        /// What may remain; nothing for a removal.
        keep: Rights,
    } = 17,
    /// The author gives up the direct row in the op's group, and all below.
    MemberLeft = 18,
    /// Admits a joiner by invitation, written by a witness.
    MemberJoined {
        /// The invitation with the joiner's consent.
        request: JoinRequest,
    } = 19,
    /// Revokes an invitation for every later cut.
    InvitationRevoked {
        /// The whole invitation, so that everyone can tell whose it is.
        invitation: Invitation,
    } = 20,
    /// Writes a slot.
    SlotSet {
        /// Whether the write is void unless it wins among its concurrent writes (R5).
        strict: bool,
        /// Which slot, and what.
        write: SlotWrite,
    } = 32,
    /// Registers a context in the op's group; its id is the op id.
    ContextRegistered {
        /// Digest of the application it runs; zero until one is chosen.
        application: [u8; 32],
    } = 48,
}

/// A write to one slot of the op's group.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SlotWrite {
    /// Who may take part by inheritance.
    Visibility(Visibility) = 0,
    /// What a grant gives when the command names no rights.
    DefaultRights(Rights) = 1,
    /// A name or other description.
    Metadata {
        /// What is described.
        subject: Subject,
        /// Which property, such as `name`.
        key: Text<KEY_BYTES_MAX>,
        /// Its value; empty removes it.
        value: Bytes<VALUE_BYTES_MAX>,
    } = 2,
    /// Whether the author's nodes follow new contexts of the group by themselves.
    AutoFollow(bool) = 3,
    /// A policy of the namespace.
    Policy {
        /// Which policy.
        key: Text<KEY_BYTES_MAX>,
        /// Its value.
        value: Bytes<VALUE_BYTES_MAX>,
    } = 4,
    /// The application that contexts of the group should run.
    TargetApplication([u8; 32]) = 5,
    /// How contexts move to the target application.
    UpgradePolicy(UpgradePolicy) = 6,
    /// How state is migrated to the target application.
    Migration(Bytes<MIGRATION_BYTES_MAX>) = 7,
    /// Takes a context out of the group.
    ContextDetached(ContextId) = 8,
    /// Rights of one member in one context.
    ContextRights {
        /// The context, registered in the op's group.
        context: ContextId,
        /// Whose rights.
        member: MemberId,
        /// Which rights.
        rights: Rights,
    } = 9,
}

/// What a piece of metadata describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Subject {
    /// The op's group itself.
    Group = 0,
    /// A member.
    Member(MemberId) = 1,
    /// A context of the op's group.
    Context(ContextId) = 2,
}

/// Whether members of the groups above take part in a group.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize,
)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Visibility {
    /// Those with `JOIN_OPEN` above take part.
    #[default]
    Open = 0,
    /// Only direct members take part.
    Restricted = 1,
}

/// How contexts move to a new target application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum UpgradePolicy {
    /// Each context when its members say so.
    Manual = 0,
    /// Every context at once.
    Automatic = 1,
}

impl Body {
    /// Name of the body, as in the protocol document.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NamespaceCreated { .. } => "NamespaceCreated",
            Self::GroupCreated { .. } => "GroupCreated",
            Self::GroupMoved { .. } => "GroupMoved",
            Self::GroupDeleted => "GroupDeleted",
            Self::Anchor { .. } => "Anchor",
            Self::Noop => "Noop",
            Self::MemberAdded { .. } => "MemberAdded",
            Self::MemberRestricted { .. } => "MemberRestricted",
            Self::MemberLeft => "MemberLeft",
            Self::MemberJoined { .. } => "MemberJoined",
            Self::InvitationRevoked { .. } => "InvitationRevoked",
            Self::SlotSet { write, .. } => write.name(),
            Self::ContextRegistered { .. } => "ContextRegistered",
        }
    }
}

impl Body {
    /// The rights that the body gives to somebody it names; none in most. The owners of a genesis
    /// and the creator of a group get all rights unnamed.
    pub const fn given(&self) -> Rights {
        if let Self::MemberAdded { rights, .. } = self {
            return *rights;
        }
        if let Self::MemberJoined { request } = self {
            return request.invitation.terms.rights;
        }
        Rights::NONE
    }
}

impl SlotWrite {
    /// Name of the write, as in the protocol document.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Visibility(_) => "VisibilitySet",
            Self::DefaultRights(_) => "DefaultRightsSet",
            Self::Metadata { .. } => "MetadataSet",
            Self::AutoFollow(_) => "AutoFollowSet",
            Self::Policy { .. } => "PolicySet",
            Self::TargetApplication(_) => "TargetApplicationSet",
            Self::UpgradePolicy(_) => "UpgradePolicySet",
            Self::Migration(_) => "MigrationSet",
            Self::ContextDetached(_) => "ContextDetached",
            Self::ContextRights { .. } => "ContextRightsSet",
        }
    }
}

/// Which slot a write is for, within the namespace. Writes of one key compete (section 5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct SlotKey {
    /// The group whose rows hold the slot.
    pub group: GroupId,
    /// Which slot of the group.
    pub name: SlotName,
}

/// Which slot of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SlotName {
    /// Who may take part by inheritance.
    Visibility = 0,
    /// What a grant gives by default.
    DefaultRights = 1,
    /// One property of one subject.
    Metadata(Subject, Text<KEY_BYTES_MAX>) = 2,
    /// Whether this member's nodes follow new contexts.
    AutoFollow(MemberId) = 3,
    /// One policy.
    Policy(Text<KEY_BYTES_MAX>) = 4,
    /// The target application.
    TargetApplication = 5,
    /// The upgrade policy.
    UpgradePolicy = 6,
    /// The migration.
    Migration = 7,
    /// Whether this context is registered here or detached.
    Context(ContextId) = 8,
    /// One member's rights in one context.
    ContextRights(ContextId, MemberId) = 9,
}

impl Payload {
    /// The slot this op writes, where it writes one. `id` is the op's own id, which names the
    /// context that a registration creates.
    pub fn slot_key(&self, id: OpId) -> Option<SlotKey> {
        let name = match &self.body {
            Body::SlotSet { write, .. } => write.slot_name(self.signer),
            Body::ContextRegistered { .. } => SlotName::Context(id.into()),
            Body::NamespaceCreated { .. }
            | Body::GroupCreated { .. }
            | Body::GroupMoved { .. }
            | Body::GroupDeleted
            | Body::Anchor { .. }
            | Body::Noop
            | Body::MemberAdded { .. }
            | Body::MemberRestricted { .. }
            | Body::MemberLeft
            | Body::MemberJoined { .. }
            | Body::InvitationRevoked { .. } => return None,
        };
        Some(SlotKey { group: self.group, name })
    }
}

impl SlotWrite {
    fn slot_name(&self, signer: MemberId) -> SlotName {
        match self {
            Self::Visibility(_) => SlotName::Visibility,
            Self::DefaultRights(_) => SlotName::DefaultRights,
            Self::Metadata { subject, key, .. } => SlotName::Metadata(*subject, key.clone()),
            Self::AutoFollow(_) => SlotName::AutoFollow(signer),
            Self::Policy { key, .. } => SlotName::Policy(key.clone()),
            Self::TargetApplication(_) => SlotName::TargetApplication,
            Self::UpgradePolicy(_) => SlotName::UpgradePolicy,
            Self::Migration(_) => SlotName::Migration,
            Self::ContextDetached(context) => SlotName::Context(*context),
            Self::ContextRights { context, member, .. } => {
                SlotName::ContextRights(*context, *member)
            }
        }
    }
}
