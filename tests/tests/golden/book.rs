//! A file of names and values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// What this build says, to be compared with what stands in the file.
pub(super) struct Book {
    file: &'static str,
    entries: Vec<(String, String)>,
}

impl Book {
    pub(super) fn new(file: &'static str) -> Self {
        Self { file, entries: Vec::new() }
    }

    pub(super) fn text(&mut self, name: impl Into<String>, value: impl std::fmt::Display) {
        self.entries.push((name.into(), value.to_string()));
    }

    pub(super) fn bytes(&mut self, name: impl Into<String>, value: impl AsRef<[u8]>) {
        self.entries.push((name.into(), hex(value)));
    }

    /// Compares with the file, or writes it where that was asked for. Gives what stands in it.
    pub(super) fn close(self) -> BTreeMap<String, String> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/schema-1");
        let path = folder.join(self.file);
        let mut text = String::new();
        for (name, value) in &self.entries {
            assert!(!name.contains(' '), "{name}");
            writeln!(text, "{name} {value}").unwrap();
        }
        if env::var_os("FOLKMOOT_BLESS").is_some_and(|value| value == "1") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap();
        for (stored, now) in stored.lines().zip(text.lines()) {
            assert_eq!(now, stored, "{}: first line that differs", path.display());
        }
        assert_eq!(text.len(), stored.len(), "{}: lines were added or lost", path.display());
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let pairs: BTreeMap<_, _> = stored.lines().map(pair).collect();
        assert_eq!(pairs.len(), self.entries.len(), "{}: a name stands twice", path.display());
        pairs
    }
}
