//! Values that a person types, beside ids and names.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use folkmoot_core::governance::op::Visibility;
use folkmoot_core::governance::rights::Rights;
use serde::{Deserialize, Serialize};

use crate::resolve::nearest;

/// Rights as a person writes them: a role, or single rights with commas between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RightsArg(pub Rights);

impl FromStr for RightsArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Rights::NONE;
        for word in text.split([',', '+']).map(str::trim) {
            all = all | Rights::from_name(word).ok_or_else(|| unknown_right(word))?;
        }
        Ok(Self(all))
    }
}

fn unknown_right(word: &str) -> String {
    let roles = ["none", "read-only", "member"];
    let names = || Rights::NAMES.iter().map(|(_, name)| *name);
    let near = nearest(word, roles.into_iter().chain(names()));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let known: Vec<_> = names().collect();
    format!(
        "there is no right or role `{word}`{near} (roles: read-only, member, admin; rights: {})",
        known.join(", ")
    )
}

impl fmt::Display for RightsArg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl From<RightsArg> for String {
    fn from(rights: RightsArg) -> Self {
        rights.to_string()
    }
}

impl TryFrom<String> for RightsArg {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Who takes part in a group by inheritance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum VisibilityArg {
    /// Members of the groups above who may.
    Open,
    /// Direct members only.
    Restricted,
}

impl From<VisibilityArg> for Visibility {
    fn from(visibility: VisibilityArg) -> Self {
        match visibility {
            VisibilityArg::Open => Self::Open,
            VisibilityArg::Restricted => Self::Restricted,
        }
    }
}

impl From<Visibility> for VisibilityArg {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Open => Self::Open,
            Visibility::Restricted => Self::Restricted,
        }
    }
}

impl FromStr for VisibilityArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        clap::ValueEnum::from_str(text, false)
            .map_err(|_| format!("a group is `open` or `restricted`, not `{text}`"))
    }
}

impl fmt::Display for VisibilityArg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Open => "open",
            Self::Restricted => "restricted",
        })
    }
}

/// A length of time such as `500ms`, `30s`, `10m`, `24h` or `7d`.
///
/// # Errors
///
/// A message for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write for instance 500ms, 30s, 24h, 7d");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (count, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(wrong()),
    };
    let ms = count.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_ms));
    ms.map(Duration::from_millis).ok_or_else(wrong)
}

/// A length of time in milliseconds, for a call that carries it.
///
/// # Errors
///
/// As [`duration`].
pub fn duration_ms(text: &str) -> Result<u64, String> {
    duration(text).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_roles_or_lists() {
        let parse = |text: &str| text.parse::<RightsArg>().map(|rights| rights.0);
        assert_eq!(parse("admin"), Ok(Rights::ADMIN));
        assert_eq!(parse("read,write"), Ok(Rights::READ | Rights::WRITE));
        assert_eq!(parse("member, invite"), Ok(Rights::MEMBER | Rights::INVITE));
        assert_eq!(parse("none"), Ok(Rights::NONE));
        let error = parse("invit").unwrap_err();
        assert!(error.contains("did you mean `invite`?"), "{error}");
        assert!(parse("").is_err() && parse("read,").is_err());
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for rights in [Rights::MEMBER | Rights::INVITE, Rights::ADMIN, Rights::READ] {
            assert_eq!(RightsArg(rights).to_string().parse(), Ok(RightsArg(rights)));
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(duration_ms("7d"), Ok(604_800_000));
        assert!(duration("24").is_err() && duration("h").is_err() && duration("1w").is_err());
        assert!(duration("99999999999999999999s").is_err());
    }
}
