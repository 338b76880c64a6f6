//! Rights as a bitmask (`docs/protocol.md`).

use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use core::ops::{BitAnd, BitOr};

/// A set of rights. ADMIN implies all others, and a mask with ADMIN always holds every bit.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rights(u16);

impl Rights {
    /// No right: what a removal keeps.
    pub const NONE: Self = Self(0);
    /// Read the contexts of the group.
    pub const READ: Self = Self(1);
    /// Write in the contexts of the group.
    pub const WRITE: Self = Self(1 << 1);
    /// Invite with at most one's own rights.
    pub const INVITE: Self = Self(1 << 2);
    /// Add and restrict members.
    pub const MEMBERS: Self = Self(1 << 3);
    /// Register contexts.
    pub const CONTEXTS: Self = Self(1 << 4);
    /// Create groups below.
    pub const SUBGROUPS: Self = Self(1 << 5);
    /// Delete groups below.
    pub const DELETE_SUBGROUPS: Self = Self(1 << 6);
    /// Set the visibility of the group.
    pub const VISIBILITY: Self = Self(1 << 7);
    /// Write names and other metadata.
    pub const METADATA: Self = Self(1 << 8);
    /// Choose the target application and how it is upgraded.
    pub const APPLICATION: Self = Self(1 << 9);
    /// Take part in Open groups below.
    pub const JOIN_OPEN: Self = Self(1 << 10);
    /// Every right: the ADMIN bit and all others.
    pub const ADMIN: Self = Self((1 << 12) - 1);

    /// Role `ReadOnly`.
    pub const READ_ONLY: Self = Self::READ;
    /// Role `Member`.
    pub const MEMBER: Self = Self(
        Self::READ.0 | Self::WRITE.0 | Self::CONTEXTS.0 | Self::SUBGROUPS.0 | Self::JOIN_OPEN.0,
    );

    const ADMIN_BIT: u16 = 1 << 11;

    /// The single rights with their names, ADMIN last.
    pub const NAMES: [(Self, &'static str); 12] = [
        (Self::READ, "read"),
        (Self::WRITE, "write"),
        (Self::INVITE, "invite"),
        (Self::MEMBERS, "members"),
        (Self::CONTEXTS, "contexts"),
        (Self::SUBGROUPS, "subgroups"),
        (Self::DELETE_SUBGROUPS, "delete-subgroups"),
        (Self::VISIBILITY, "visibility"),
        (Self::METADATA, "metadata"),
        (Self::APPLICATION, "application"),
        (Self::JOIN_OPEN, "join-open"),
        (Self::ADMIN, "admin"),
    ];

    /// The mask with these bits, or `None` for an unknown bit or ADMIN without all others.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        let known = bits & !Self::ADMIN.0 == 0;
        let whole = bits & Self::ADMIN_BIT == 0 || bits == Self::ADMIN.0;
        if known && whole { Some(Self(bits)) } else { None }
    }

    /// The bits of the mask.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether no right is in the mask.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every right of `other` is in this mask.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether the mask holds ADMIN, and with it everything.
    pub const fn is_admin(self) -> bool {
        self.0 & Self::ADMIN_BIT != 0
    }

    /// What of this mask is not in `other`. Without ADMIN unless `other` is empty.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The right with this name, or the role `read-only`, `member`, `admin`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::NONE),
            "read-only" => Some(Self::READ_ONLY),
            "member" => Some(Self::MEMBER),
            _ => Self::NAMES.iter().find(|(_, known)| *known == name).map(|(bit, _)| *bit),
        }
    }
}

impl BitAnd for Rights {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => return out.write_str("none"),
            Self::ADMIN => return out.write_str("admin"),
            Self::MEMBER => return out.write_str("member"),
            Self::READ_ONLY => return out.write_str("read-only"),
            _ => {}
        }
        let names = Self::NAMES.iter().filter(|(bit, _)| self.covers(*bit));
        for (count, (_, name)) in names.enumerate() {
            if count > 0 {
                out.write_str("+")?;
            }
            out.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl BorshSerialize for Rights {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl BorshDeserialize for Rights {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        Self::from_bits(u16::deserialize_reader(reader)?)
            .ok_or_else(|| Error::from(ErrorKind::InvalidData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn a1_admin_is_encoded_with_all_bits_and_unknown_bits_are_malformed() {
        assert_eq!(Rights::from_bits(1 << 11), None);
        assert_eq!(Rights::from_bits(1 << 12), None);
        assert_eq!(Rights::from_bits(0x0fff), Some(Rights::ADMIN));
        assert!(decode::<Rights>(&encode(&(1_u16 << 11)), 2).is_err());
    }

    #[test]
    fn a1_each_right_has_a_bit_of_its_own() {
        for (place, (right, name)) in Rights::NAMES.into_iter().enumerate().take(11) {
            assert_eq!(right.bits(), 1 << place, "{name}");
        }
        assert_eq!(Rights::MEMBER.bits(), 0b100_0011_0011);
    }

    #[test]
    fn d8_only_the_whole_mask_is_admin() {
        assert!(Rights::ADMIN.is_admin());
        assert!(!(Rights::MEMBER | Rights::MEMBERS).is_admin() && !Rights::NONE.is_admin());
    }

    #[test]
    fn what_is_taken_away_is_gone_and_nothing_else() {
        let rest = Rights::MEMBER.without(Rights::READ | Rights::INVITE);
        assert_eq!(rest.bits(), Rights::MEMBER.bits() - Rights::READ.bits());
        assert_eq!(Rights::READ.without(Rights::WRITE), Rights::READ);
        assert!(Rights::MEMBER.without(Rights::ADMIN).is_empty());
    }

    #[test]
    fn what_is_printed_is_a_name_of_it() {
        let roles = [Rights::NONE, Rights::READ_ONLY, Rights::MEMBER, Rights::ADMIN];
        let single = Rights::NAMES.map(|(right, _)| right);
        for rights in roles.into_iter().chain(single) {
            assert_eq!(Rights::from_name(&alloc::format!("{rights}")), Some(rights));
        }
        let both = Rights::WRITE | Rights::INVITE;
        assert_eq!(alloc::format!("{both} {both:?}"), "write+invite write+invite");
        assert_eq!(Rights::from_name("owner"), None);
    }

    #[test]
    fn roles_nest() {
        assert!(Rights::MEMBER.covers(Rights::READ_ONLY));
        assert!(Rights::ADMIN.covers(Rights::MEMBER));
        assert!(!Rights::MEMBER.covers(Rights::INVITE));
    }
}
