//! What a person or program is told when something did not work.

use serde::{Deserialize, Serialize};

/// The kinds of failure that the exit code of the process tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Class {
    /// It did not work.
    Failed = 1,
    /// The command was not understood.
    Usage = 2,
    /// No node is running in this folder.
    NotRunning = 3,
    /// What was named does not exist, or the name fits several.
    NotFound = 4,
    /// The rules, or a key, do not allow it.
    Denied = 5,
    /// It took too long.
    Timeout = 6,
    /// The node does not agree with the others, or is not well.
    Unhealthy = 7,
    /// The data is damaged, foreign or newer than this program.
    Damaged = 8,
    /// Another process has the data.
    InUse = 9,
    /// The storage failed: full, read-only, or a sync error.
    Storage = 10,
}

impl From<Class> for u8 {
    fn from(class: Class) -> Self {
        class as Self
    }
}

impl TryFrom<u8> for Class {
    type Error = String;

    fn try_from(exit: u8) -> Result<Self, String> {
        let all = [
            Self::Failed,
            Self::Usage,
            Self::NotRunning,
            Self::NotFound,
            Self::Denied,
            Self::Timeout,
            Self::Unhealthy,
            Self::Damaged,
            Self::InUse,
            Self::Storage,
        ];
        let found = all.into_iter().find(|class| u8::from(*class) == exit);
        found.ok_or_else(|| format!("no failure has the exit code {exit}"))
    }
}

/// A failure with a stable code, a message for people, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Stable, kebab-case; for programs.
    pub code: String,
    /// What was tried, on what, and why it did not work.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The exit code of the process.
    #[serde(rename = "exit")]
    pub class: Class,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: None, class }
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Something was not understood.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, "usage", message)
    }

    /// The node did not answer as it should.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(Class::Failed, "protocol", message)
            .hint("command and node may be of different versions: compare `moot version`")
    }

    /// A file could not be used.
    pub fn file(verb: &str, path: &std::path::Path, source: &std::io::Error) -> Self {
        let message = format!("could not {verb} {}: {source}", path.display());
        let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded];
        if full.contains(&source.kind()) {
            return Self::new(Class::Storage, "disk-full", message).hint("free some space");
        }
        if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
            return Self::new(Class::Storage, "read-only", message).hint("mount it for writing");
        }
        Self::new(Class::Failed, "file", message).hint("check the path and permissions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_survive_the_wire() {
        let failure = Failure::new(Class::Denied, "not-senior", "no").hint("ask an owner");
        let text = serde_json::to_string(&failure).unwrap();
        assert!(text.contains(r#""exit":5"#), "{text}");
        assert_eq!(serde_json::from_str::<Failure>(&text).unwrap(), failure);
        assert!(serde_json::from_str::<Class>("11").is_err());
    }
}
