//! Canonical bytes. The only module that calls borsh.
//!
//! One value has one encoding: decoding refuses trailing bytes, unordered or repeated keys, unknown
//! tags, and anything that does not encode again to the bytes received (A1). No wire type is
//! recursive, and every list has a bound ([`crate::bounded`]), so decoding allocates at most a
//! small multiple of the input, whose size is capped before decoding.

use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Why bytes are not the canonical encoding of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum CodecError {
    /// More bytes than this type may have.
    #[error("{got} bytes, at most {max} are allowed")]
    TooLarge {
        /// Bytes received.
        got: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The bytes do not decode, or something follows.
    #[error("the bytes do not decode")]
    Malformed,
    /// The bytes decode, but this is not how the value is encoded.
    #[error("the bytes decode but are not the canonical encoding")]
    NotCanonical,
}

/// Room that a new encoding begins with: enough for keys of rows, which are made all the time.
const SMALL_BYTES: usize = 128;

/// The canonical encoding of `value`.
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SMALL_BYTES);
    encode_into(value, &mut bytes);
    bytes
}

/// Appends the canonical encoding of `value` to `bytes`.
pub fn encode_into<T: BorshSerialize>(value: &T, bytes: &mut Vec<u8>) {
    // A vector never refuses a write, and no type here has an encoding that can fail.
    let written = value.serialize(bytes);
    debug_assert!(written.is_ok());
}

/// Decodes the one canonical encoding of a `T`.
///
/// # Errors
///
/// [`CodecError`] when `bytes` is longer than `max`, does not decode completely, or is not what
/// the decoded value encodes to.
pub fn decode<T: BorshSerialize + BorshDeserialize>(
    bytes: &[u8],
    max: usize,
) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(too_large(bytes.len(), max));
    }
    let mut rest = bytes;
    let value = T::deserialize(&mut rest).map_err(|_| CodecError::Malformed)?;
    if !rest.is_empty() {
        return Err(CodecError::Malformed);
    }
    let mut check = Comparing { rest: bytes };
    let same = value.serialize(&mut check).is_ok() && check.rest.is_empty();
    if same { Ok(value) } else { Err(CodecError::NotCanonical) }
}

/// Decodes what this node wrote itself and checks otherwise: no cap, and no second encoding.
///
/// # Errors
///
/// [`CodecError::Malformed`] when `bytes` does not decode completely.
pub fn decode_own<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut rest = bytes;
    let value = T::deserialize(&mut rest).map_err(|_| CodecError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(CodecError::Malformed) }
}

/// Decodes one value of several that stand one after the other, and leaves the others in `rest`. As
/// [`decode_own`].
///
/// # Errors
///
/// [`CodecError::Malformed`] when `rest` does not begin with a value.
pub fn decode_next<T: BorshDeserialize>(rest: &mut &[u8]) -> Result<T, CodecError> {
    T::deserialize(rest).map_err(|_| CodecError::Malformed)
}

/// The error for `got` bytes where `max` are allowed.
pub(crate) const fn too_large(got: usize, max: usize) -> CodecError {
    CodecError::TooLarge { got: got as u64, max: max as u64 }
}

/// A writer that accepts only the bytes it expects, so that checking allocates nothing.
struct Comparing<'a> {
    rest: &'a [u8],
}

impl borsh::io::Write for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.rest = self
            .rest
            .strip_prefix(bytes)
            .ok_or_else(|| borsh::io::Error::from(borsh::io::ErrorKind::InvalidData))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec;

    const MALFORMED: CodecError = CodecError::Malformed;

    #[test]
    fn a1_trailing_bytes_wrong_bools_and_excess_are_refused() {
        assert_eq!(decode::<bool>(&[1], 8), Ok(true));
        assert_eq!(decode::<bool>(&[2], 8), Err(MALFORMED));
        assert_eq!(decode::<bool>(&[1, 0], 8), Err(MALFORMED));
        assert_eq!(decode::<bool>(&[], 8), Err(MALFORMED));
        assert_eq!(decode::<u64>(&[0; 8], 7), Err(CodecError::TooLarge { got: 8, max: 7 }));
        assert_eq!(decode::<Option<u8>>(&[2, 0], 8), Err(MALFORMED));
        assert_eq!(decode::<Vec<u8>>(&[255, 255, 255, 255], 8), Err(MALFORMED));
        assert_eq!(decode::<Vec<u8>>(&encode(&vec![1_u8, 2]), 8), Ok(vec![1, 2]));
    }

    #[test]
    fn a1_keys_are_strictly_ascending() {
        let set = |keys: &[u8]| decode::<BTreeSet<u8>>(&encode(&keys.to_vec()), 64);
        assert_eq!(set(&[1, 2]), Ok(BTreeSet::from([1, 2])));
        assert_eq!(set(&[2, 1]), Err(MALFORMED));
        assert_eq!(set(&[1, 1]), Err(MALFORMED));
        let map = |rows: &[(u8, u8)]| decode::<BTreeMap<u8, u8>>(&encode(&rows.to_vec()), 64);
        assert_eq!(map(&[(1, 9), (2, 9)]).map(|map| map.len()), Ok(2));
        assert_eq!(map(&[(1, 9), (1, 8)]), Err(MALFORMED));
    }

    /// A type that is lenient where ours are strict: any byte but 0 means true.
    #[derive(Debug, PartialEq, Eq)]
    struct Lenient(bool);

    impl BorshSerialize for Lenient {
        fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
            self.0.serialize(writer)
        }
    }

    impl BorshDeserialize for Lenient {
        fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
            u8::deserialize_reader(reader).map(|byte| Self(byte != 0))
        }
    }

    #[test]
    fn a1_what_encodes_to_other_bytes_is_refused_even_where_it_decodes() {
        assert_eq!(decode(&[1], 8), Ok(Lenient(true)));
        assert_eq!(decode::<Lenient>(&[2], 8), Err(CodecError::NotCanonical));
        assert_eq!(decode_own(&[2]), Ok(Lenient(true)));
        assert_eq!(decode_own::<Lenient>(&[2, 0]), Err(MALFORMED));
    }
}
