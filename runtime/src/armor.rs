//! Bytes as one line of text that is safe to copy: prefix, length, content, checksum.
//!
//! The alphabet is that of bech32, which has no look-alikes. A bech32 checksum is made for at most
//! 1023 characters and an invitation may be longer, so the checksum is the first four bytes of a
//! digest of the prefix, the length and the content.

use bech32::{ByteIterExt, Fe32, Fe32IterExt};
use folkmoot_core::digest::{Domain, hasher};
use zeroize::Zeroizing;

const LENGTH_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 4;

/// Why a text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmorError {
    /// It begins with something else.
    #[error("it does not begin with `{expected}1`")]
    Prefix {
        /// What it should begin with, without the `1`.
        expected: &'static str,
    },
    /// A character that is not in the alphabet, or capital and small letters mixed.
    #[error("character {at} cannot be in it")]
    Character {
        /// Position, the first is 1.
        at: usize,
    },
    /// Its end is missing.
    #[error("it was cut off, or its first characters were changed")]
    Truncated,
    /// Something follows its end, or it is longer than any can be.
    #[error("it is too long: something was added at its end")]
    TooLong,
    /// A character was changed.
    #[error("its checksum is wrong: a character was lost or changed")]
    Checksum,
}

/// The text form of `content`, or `None` beyond 65,535 bytes.
pub fn armor(prefix: &'static str, content: &[u8]) -> Option<Zeroizing<String>> {
    let length = u16::try_from(content.len()).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(content.len() + 8));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
    let check = checksum(prefix, &bytes);
    bytes.extend_from_slice(&check);
    Some(write(prefix, &bytes))
}

/// The content of a text made by [`armor`], of at most `max` bytes.
///
/// All letters may be capitals, as in a QR code.
///
/// # Errors
///
/// [`ArmorError`]: every changed, lost or added character is noticed, but for one in 2^32.
pub fn unarmor(
    prefix: &'static str,
    text: &str,
    max: usize,
) -> Result<Zeroizing<Vec<u8>>, ArmorError> {
    let has_small = text.contains(|c: char| c.is_ascii_lowercase());
    let lower = Zeroizing::new(if has_small { text.to_owned() } else { text.to_ascii_lowercase() });
    let data = lower.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('1'));
    let data = data.ok_or(ArmorError::Prefix { expected: prefix })?;
    if data.len() > (max + LENGTH_BYTES + CHECKSUM_BYTES) * 8 / 5 + 1 {
        return Err(ArmorError::TooLong);
    }
    let mut digits = Vec::with_capacity(data.len());
    for (at, character) in data.chars().enumerate() {
        let wrong = ArmorError::Character { at: prefix.len() + at + 2 };
        // `Fe32` reads capitals too: mixed with small letters they are a change.
        let digit = Fe32::from_char(character).ok().filter(|_| !character.is_ascii_uppercase());
        digits.push(digit.ok_or(wrong)?);
    }
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(digits.iter().copied().fes_to_bytes().collect());
    let (head, rest) = bytes.split_first_chunk().ok_or(ArmorError::Truncated)?;
    let length = usize::from(u16::from_be_bytes(*head));
    let (content, check) = rest.split_at_checked(length).ok_or(ArmorError::Truncated)?;
    if check.len() < CHECKSUM_BYTES {
        return Err(ArmorError::Truncated);
    }
    let signed = bytes.get(..LENGTH_BYTES + length).ok_or(ArmorError::Truncated)?;
    if check.len() > CHECKSUM_BYTES {
        return Err(ArmorError::TooLong);
    }
    // Writing it again notices a change in the bits that fill up the last character.
    if checksum(prefix, signed) != check || *write(prefix, &bytes) != *lower {
        return Err(ArmorError::Checksum);
    }
    Ok(Zeroizing::new(content.to_vec()))
}

fn write(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + bytes.len() * 8 / 5 + 3));
    text.push_str(prefix);
    text.push('1');
    text.extend(bytes.iter().copied().bytes_to_fes().map(Fe32::to_char));
    text
}

fn checksum(prefix: &str, bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = hasher(Domain::Checksum);
    hasher.update(prefix.as_bytes()).update(b"1").update(bytes);
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_lost_or_added_character_is_noticed() {
        for length in 0..12_u8 {
            let content: Vec<u8> = (0..length).collect();
            let text = armor("moot", &content).unwrap();
            assert_eq!(*unarmor("moot", &text, 64).unwrap(), content);
            assert_eq!(*unarmor("moot", &text.to_ascii_uppercase(), 64).unwrap(), content);
            for at in 0..text.len() {
                for other in "qpzry9x8gf2tvdw0s3jn54khce6mua7lQ1b".chars() {
                    let mut changed: Vec<char> = text.chars().collect();
                    if std::mem::replace(&mut changed[at], other) == other {
                        continue;
                    }
                    let changed: String = changed.into_iter().collect();
                    assert!(unarmor("moot", &changed, 64).is_err(), "{changed}");
                }
                assert!(unarmor("moot", &text[..at], 64).is_err());
            }
            assert!(unarmor("moot", &format!("{}q", *text), 64).is_err());
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let text = armor("moot", &[7; 20]).unwrap();
        assert_eq!(unarmor("key", &text, 64), Err(ArmorError::Prefix { expected: "key" }));
        assert_eq!(unarmor("moot", &text[..30], 64), Err(ArmorError::Truncated));
        assert_eq!(unarmor("moot", &format!("{}qqqq", *text), 64), Err(ArmorError::TooLong));
        assert_eq!(unarmor("moot", &text, 4), Err(ArmorError::TooLong));
        let broken = text.replacen("moot1", "moot1b", 1);
        assert_eq!(unarmor("moot", &broken, 64), Err(ArmorError::Character { at: 6 }));
    }
}
