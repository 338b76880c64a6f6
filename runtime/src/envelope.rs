//! The one form of every answer: `{"ok":true,"data":…}` or `{"ok":false,"error":…}`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::errors::Failure;

#[derive(Serialize)]
struct Success<'a, T> {
    ok: bool,
    data: &'a T,
}

#[derive(Serialize)]
struct Error<'a> {
    ok: bool,
    error: &'a Failure,
}

#[derive(Deserialize)]
struct Either<T> {
    data: Option<T>,
    error: Option<Failure>,
}

/// The text of an answer, without a line break.
pub fn seal<T: Serialize>(result: &Result<T, Failure>) -> String {
    let text = match result {
        Ok(data) => serde_json::to_string(&Success { ok: true, data }),
        Err(error) => serde_json::to_string(&Error { ok: false, error }),
    };
    // Only a map with keys that are no strings could fail, and no answer has one.
    text.unwrap_or_else(|error| {
        let text = error.to_string();
        seal(&Err::<T, _>(Failure::protocol(text)))
    })
}

/// The answer in a text.
///
/// # Errors
///
/// The failure it tells of, or that it is no answer.
pub fn open<T: DeserializeOwned>(text: &[u8]) -> Result<T, Failure> {
    let either: Either<T> = serde_json::from_slice(text)
        .map_err(|error| Failure::protocol(format!("the answer cannot be read: {error}")))?;
    match either {
        Either { error: Some(error), .. } => Err(error),
        Either { data: Some(data), .. } => Ok(data),
        Either { .. } => Err(Failure::protocol("the answer is empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Class;

    #[test]
    fn answers_round_trip() {
        assert_eq!(seal(&Ok::<_, Failure>(7)), r#"{"ok":true,"data":7}"#);
        assert_eq!(open::<u8>(br#"{"ok":true,"data":7}"#), Ok(7));
        let failure = Failure::new(Class::Denied, "no", "never");
        let text = seal(&Err::<u8, _>(failure.clone()));
        assert!(
            text.starts_with(r#"{"ok":false,"error":{"code":"no","message":"never""#),
            "{text}"
        );
        assert_eq!(open::<u8>(text.as_bytes()), Err(failure));
        assert!(open::<u8>(b"{}").is_err() && open::<u8>(b"gone").is_err());
    }
}
