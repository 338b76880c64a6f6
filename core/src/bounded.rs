//! Lists with a bound that decoding enforces before it allocates.

use alloc::string::String;
use alloc::vec::Vec;
use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::Deref;

fn refuse() -> Error {
    Error::from(ErrorKind::InvalidData)
}

/// Most bytes that room is made for before they have arrived.
const PIECE_BYTES: usize = 64 * 1024;

/// The length of a list, of `max` elements at most.
fn length<R: Read>(reader: &mut R, max: usize) -> Result<usize> {
    let length = usize::try_from(u32::deserialize_reader(reader)?).map_err(|_| refuse())?;
    if length <= max { Ok(length) } else { Err(refuse()) }
}

/// Reads a list of at most `max` bytes, in pieces: a promised length alone makes room for one.
pub(crate) fn bytes<R: Read>(reader: &mut R, max: usize) -> Result<Vec<u8>> {
    let mut left = length(reader, max)?;
    let mut bytes = Vec::new();
    while left > 0 {
        let piece = left.min(PIECE_BYTES);
        let have = bytes.len();
        bytes.resize(have + piece, 0);
        let (_, room) = bytes.split_at_mut(have);
        reader.read_exact(room)?;
        left -= piece;
    }
    Ok(bytes)
}

/// A vector of at most `MAX` elements.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// The list `items`, or `None` where it is longer than `MAX`.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (items.len() <= MAX).then_some(Self(items))
    }

    /// The first `MAX` of `items`.
    pub fn truncated(mut items: Vec<T>) -> Self {
        items.truncate(MAX);
        Self(items)
    }

    /// The elements as an ordinary vector.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Deref for Bounded<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for Bounded<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for Bounded<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        // Grown as elements arrive: a promised length alone allocates nothing.
        let mut items = Vec::new();
        for _ in 0..length(reader, MAX)? {
            items.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(items))
    }
}

/// At most `MAX` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// The bytes, or `None` where there are more than `MAX`.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= MAX).then_some(Self(bytes))
    }

    /// The first `MAX` of `bytes`.
    pub fn truncated(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(MAX);
        Self(bytes)
    }

    /// The bytes as an ordinary vector.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> Deref for Bytes<MAX> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Bytes<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Bytes<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        bytes(reader, MAX).map(Self)
    }
}

/// A UTF-8 text of at most `MAX` bytes without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text, or `None` where it is too long or holds a control character.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.into()))
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let bytes = bytes(reader, MAX)?;
        let text = core::str::from_utf8(&bytes).map_err(|_| refuse())?;
        Self::new(text).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{CodecError, decode, encode};
    use alloc::vec;

    #[test]
    fn a_list_beyond_its_bound_is_refused() {
        let three = encode(&vec![1_u16, 2, 3]);
        assert!(decode::<Bounded<u16, 3>>(&three, 64).is_ok());
        assert_eq!(decode::<Bounded<u16, 2>>(&three, 64), Err(CodecError::Malformed));
        let three = encode(&vec![1_u8, 2, 3]);
        assert!(decode::<Bytes<3>>(&three, 64).is_ok());
        assert_eq!(decode::<Bytes<2>>(&three, 64), Err(CodecError::Malformed));
    }

    #[test]
    fn bytes_of_several_pieces_arrive_whole() {
        const MAX: usize = 2 * PIECE_BYTES + 1;
        let many: Vec<u8> = (0..MAX).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let read = decode::<Bytes<MAX>>(&encode(&many), MAX + 4).unwrap();
        assert_eq!(read.into_vec(), many);
    }

    #[test]
    fn bytes_that_end_early_are_refused() {
        let mut short = encode(&vec![7_u8; 100]);
        short.pop();
        assert_eq!(decode::<Bytes<100>>(&short, 128), Err(CodecError::Malformed));
    }

    #[test]
    fn text_refuses_control_characters_and_broken_utf8() {
        assert!(Text::<8>::new("Zoë").is_some());
        assert!(Text::<8>::new("a\u{1b}[2J").is_none());
        assert!(decode::<Text<8>>(&encode(&vec![0xff_u8]), 64).is_err());
    }
}
