//! Lists with a bound that decoding enforces before it allocates.

use alloc::string::String;
use alloc::vec::Vec;
use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::Deref;

fn refuse() -> Error {
    Error::from(ErrorKind::InvalidData)
}

/// Reads a list of at most `max` bytes, which are few enough to make room for at once.
pub(crate) fn bytes<R: Read>(reader: &mut R, max: usize) -> Result<Vec<u8>> {
    let count = usize::try_from(u32::deserialize_reader(reader)?).map_err(|_| refuse())?;
    if count > max {
        return Err(refuse());
    }
    let mut bytes = alloc::vec![0; count];
    reader.read_exact(&mut bytes)?;
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
        let count = u32::deserialize_reader(reader)?;
        if usize::try_from(count).is_ok_and(|count| count > MAX) {
            return Err(refuse());
        }
        // Bytes are taken in one piece.
        if let Some(bytes) = T::vec_from_reader(count, reader)? {
            return Ok(Self(bytes));
        }
        // Grown as elements arrive: a promised length alone allocates nothing.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(items))
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
        let bytes = Bounded::<u8, MAX>::deserialize_reader(reader)?;
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
        let three = encode(&vec![1_u8, 2, 3]);
        assert!(decode::<Bounded<u8, 3>>(&three, 64).is_ok());
        assert_eq!(decode::<Bounded<u8, 2>>(&three, 64), Err(CodecError::Malformed));
    }

    #[test]
    fn text_refuses_control_characters_and_broken_utf8() {
        assert!(Text::<8>::new("Zoë").is_some());
        assert!(Text::<8>::new("a\u{1b}[2J").is_none());
        assert!(decode::<Text<8>>(&encode(&vec![0xff_u8]), 64).is_err());
    }
}
