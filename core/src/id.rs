//! Identifiers: newtypes over 32 bytes, and the checksummed strings that people copy.

use alloc::string::String;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use thiserror::Error;

/// Why a string is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// The prefix before the first `1` names another kind of id, or none.
    #[error("expected an id that begins with `{expected}1`, got `{got}`")]
    Kind {
        /// Prefix of the wanted kind.
        expected: &'static str,
        /// What was given, shortened.
        got: String,
    },
    /// A character is wrong: the checksum does not fit.
    #[error("the checksum of this `{expected}1…` id is wrong: a character was lost or changed")]
    Checksum {
        /// Prefix of the wanted kind.
        expected: &'static str,
    },
    /// The checksum fits, but the content is not 32 bytes.
    #[error("a `{expected}1…` id holds 32 bytes, this one holds {got}")]
    Length {
        /// Prefix of the wanted kind.
        expected: &'static str,
        /// Bytes found.
        got: usize,
    },
}

fn encode(hrp: &'static str, bytes: &[u8; 32], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let hrp = Hrp::parse(hrp).map_err(|_| fmt::Error)?;
    bech32::encode_lower_to_fmt::<Bech32m, _>(out, hrp, bytes).map_err(|_| fmt::Error)
}

fn decode(expected: &'static str, text: &str) -> Result<[u8; 32], IdError> {
    let kind = text.split_once('1').map_or("", |(kind, _)| kind);
    if kind != expected {
        let got = text.chars().take(12).filter(char::is_ascii_graphic).collect();
        return Err(IdError::Kind { expected, got });
    }
    let checked =
        CheckedHrpstring::new::<Bech32m>(text).map_err(|_| IdError::Checksum { expected })?;
    let mut bytes = [0; 32];
    let mut count = 0;
    for byte in checked.byte_iter() {
        if let Some(slot) = bytes.get_mut(count) {
            *slot = byte;
        }
        count += 1;
    }
    if count == 32 { Ok(bytes) } else { Err(IdError::Length { expected, got: count }) }
}

/// The first eight bytes of an id, as a number of the same order.
fn head_of(id: &[u8; 32]) -> u64 {
    u64::from_be_bytes(id.first_chunk().copied().unwrap_or_default())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $hrp:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        /// The order of the bytes. Nearly always the heads decide it, which are compared without
        /// a call: every index by id is searched in this way.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                let heads = head_of(&self.0).cmp(&head_of(&other.0));
                heads.then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            #[doc = concat!("Prefix of the string form, before the `1`: `", $hrp, "`.")]
            pub const PREFIX: &'static str = $hrp;
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                encode($hrp, &self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(out, concat!($hrp, ":{:02x}{:02x}{:02x}{:02x}"), a, b, c, d)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode($hrp, text).map(Self)
            }
        }
    };
}

id!(
    /// Id of an op: the digest of its payload (D1).
    OpId,
    "op"
);
id!(
    /// Id of a namespace: the op id of its genesis.
    NamespaceId,
    "ns"
);
id!(
    /// Id of a group: the op id of its creation; the root group has the id of the namespace.
    GroupId,
    "grp"
);
id!(
    /// Id of a context: the op id of its registration.
    ContextId,
    "ctx"
);
id!(
    /// A member identity: an ed25519 public key used in one namespace.
    MemberId,
    "mem"
);
id!(
    /// Id of an invitation: the digest of what the inviter signed.
    InvitationId,
    "inv"
);
id!(
    /// A transport identity: the ed25519 public key of a node, unrelated to any member identity.
    PeerKey,
    "peer"
);

impl NamespaceId {
    /// The root group of this namespace.
    pub const fn root(self) -> GroupId {
        GroupId(self.0)
    }
}

impl From<OpId> for GroupId {
    fn from(id: OpId) -> Self {
        Self(id.0)
    }
}

impl From<OpId> for ContextId {
    fn from(id: OpId) -> Self {
        Self(id.0)
    }
}

impl From<OpId> for NamespaceId {
    fn from(id: OpId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn strings_round_trip_and_name_their_kind() {
        let id = GroupId([7; 32]);
        let text = id.to_string();
        assert!(text.starts_with("grp1"));
        assert_eq!(text.parse::<GroupId>(), Ok(id));
        assert!(matches!(text.parse::<OpId>(), Err(IdError::Kind { expected: "op", .. })));
    }

    #[test]
    fn the_order_is_that_of_the_bytes() {
        let places = [0, 3, 7, 8, 15, 31];
        let flip = |at: usize, bit: u8| {
            let mut bytes = [0x80; 32];
            bytes[at] ^= bit;
            bytes
        };
        let ids: Vec<[u8; 32]> =
            places.iter().flat_map(|at| [0, 1, 0x80].map(|bit| flip(*at, bit))).collect();
        for (a, b) in ids.iter().flat_map(|a| ids.iter().map(move |b| (*a, *b))) {
            assert_eq!(OpId(a).cmp(&OpId(b)), a.cmp(&b));
            assert_eq!(OpId(a).partial_cmp(&OpId(b)), a.partial_cmp(&b));
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = MemberId([9; 32]).to_string();
        for at in 4..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(changed.parse::<MemberId>(), Err(IdError::Checksum { expected: "mem" }));
        }
    }
}
