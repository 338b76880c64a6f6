//! From what a person typed to the one thing that was meant.

use crate::errors::{Class, Failure};
use crate::render::safe;

/// Most candidates that an error lists.
const LISTED_MAX: usize = 8;

/// One thing that could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<T> {
    /// The thing.
    pub value: T,
    /// Its id as text, such as `grp1…`.
    pub id: String,
    /// Its name, where it has one. Anyone may have written it.
    pub name: Option<String>,
}

/// The candidate that `text` means: by its id, its name, or a unique beginning of either.
///
/// What begins as an id does (`grp1`) is never taken for a name, so that nobody can call himself
/// by another's id. The whole id or name wins over what only begins with it.
///
/// # Errors
///
/// `not-found` with the name that looks most like it, or `ambiguous` with what it fits.
pub fn pick<T: Clone>(
    kind: &str,
    prefix: &str,
    text: &str,
    all: &[Candidate<T>],
) -> Result<T, Failure> {
    let starts_id = text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('1'));
    let named = |candidate: &&Candidate<T>| candidate.name.as_deref() == Some(text);
    let whole: Vec<_> = if starts_id {
        all.iter().filter(|candidate| candidate.id == text).collect()
    } else {
        all.iter().filter(named).collect()
    };
    let found = if whole.is_empty() && !text.is_empty() {
        let by_name = |name: &String| !starts_id && name.starts_with(text);
        let fits = |candidate: &&Candidate<T>| {
            starts_id && candidate.id.starts_with(text)
                || candidate.name.as_ref().is_some_and(by_name)
        };
        all.iter().filter(fits).collect()
    } else {
        whole
    };
    match found.as_slice() {
        [one] => Ok(one.value.clone()),
        [] => Err(not_found(kind, text, all)),
        several => Err(ambiguous(kind, text, several)),
    }
}

fn not_found<T>(kind: &str, text: &str, all: &[Candidate<T>]) -> Failure {
    let failure =
        Failure::new(Class::NotFound, "not-found", format!("there is no {kind} `{text}`"));
    let names = all.iter().filter_map(|candidate| candidate.name.as_deref());
    match nearest(text, names) {
        Some(near) => failure.hint(format!("did you mean `{}`?", safe(near))),
        None => failure,
    }
}

fn ambiguous<T>(kind: &str, text: &str, found: &[&Candidate<T>]) -> Failure {
    let mut lines: Vec<String> = found
        .iter()
        .take(LISTED_MAX)
        .map(|candidate| match &candidate.name {
            // Escaped here: a message may have several lines, a name must not.
            Some(name) => format!("  {}  {}", candidate.id, safe(name)),
            None => format!("  {}", candidate.id),
        })
        .collect();
    if found.len() > LISTED_MAX {
        lines.push(format!("  and {} more", found.len() - LISTED_MAX));
    }
    let message = format!("`{text}` fits {} of the {kind}s", found.len());
    Failure::new(Class::NotFound, "ambiguous", message)
        .hint(format!("write more of the id of the one you mean:\n{}", lines.join("\n")))
}

/// The one of `known` that looks most like `text`, if any is near enough to be meant.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best =
        known.into_iter().map(|word| (distance(text, word), word)).min_by_key(|(far, _)| *far);
    let allowed = text.chars().count().max(4);
    best.filter(|(far, _)| *far < allowed).map(|(_, word)| word)
}

/// Characters to insert, delete or replace to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (count, a) in from.chars().enumerate() {
        let mut next = vec![count + 1];
        let mut left = count + 1;
        for ((b, above), diagonal) in to.iter().zip(row.iter().skip(1)).zip(row.iter()) {
            left = (diagonal + usize::from(a != *b)).min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate<u8>> {
        let make = |value, id: &str, name: Option<&str>| Candidate {
            value,
            id: id.to_owned(),
            name: name.map(str::to_owned),
        };
        vec![
            make(1, "mem1qqp5a", Some("Alice")),
            make(2, "mem1qqz5b", Some("Ali")),
            make(3, "mem1ppp5c", Some("mem1qqp5a")),
            make(4, "mem1xxx5d", Some("Bob")),
            make(5, "mem1yyy5e", Some("Bob")),
            make(6, "mem1zzz5f", None),
        ]
    }

    fn meant(text: &str) -> Result<u8, String> {
        pick("member", "mem", text, &candidates()).map_err(|failure| failure.code)
    }

    #[test]
    fn a_unique_beginning_of_id_or_name_is_enough() {
        assert_eq!(meant("mem1zzz5f"), Ok(6));
        assert_eq!(meant("mem1z"), Ok(6));
        assert_eq!(meant("Alic"), Ok(1));
        assert_eq!(meant("Alice"), Ok(1));
    }

    #[test]
    fn a_whole_name_wins_over_a_longer_one() {
        assert_eq!(meant("Ali"), Ok(2));
        assert_eq!(meant("Al"), Err("ambiguous".to_owned()));
    }

    #[test]
    fn a_name_cannot_pass_for_an_id() {
        assert_eq!(meant("mem1qqp5a"), Ok(1));
        assert_eq!(meant("mem1qqp"), Ok(1));
        assert_eq!(meant("mem1qqz"), Ok(2));
        assert_eq!(meant("mem1p"), Ok(3));
    }

    #[test]
    fn what_fits_several_is_listed_and_what_fits_none_has_a_suggestion() {
        let error = pick("member", "mem", "Bob", &candidates()).unwrap_err();
        assert_eq!((error.code.as_str(), error.class), ("ambiguous", Class::NotFound));
        let hint = error.hint.unwrap();
        assert!(hint.contains("mem1xxx5d") && hint.contains("mem1yyy5e"), "{hint}");
        let error = pick("member", "mem", "Alcie", &candidates()).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `Alice`?"));
        assert_eq!(meant(""), Err("not-found".to_owned()));
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(nearest("zzzz", ["listen", "dial"]), None);
    }
}
