//! The files of the work tree.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders with code.
const CRATES: [&str; 5] = ["core", "effects", "runtime", "sim", "tests"];

/// A text file, with its path from the top of the work tree.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// The text without the module of tests at its end; nothing of a file of tests.
    pub(super) fn product(&self) -> &str {
        let is_test = self.path.contains("/tests/")
            || self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("/testing.rs");
        if is_test {
            return "";
        }
        self.text.split_once("#[cfg(test)]\nmod tests {").map_or(&self.text, |(code, _)| code)
    }

    /// Lines of the product with their numbers, without those that are comments.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_code = |(_, line): &(usize, &str)| !line.trim_start().starts_with("//");
        (1..).zip(self.product().lines()).filter(is_code)
    }
}

pub(super) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of every crate.
pub(super) fn rust_files() -> Vec<File> {
    let files = files(&CRATES, &["rs"]);
    assert!(files.len() > 100, "the walk has lost its way: {} files", files.len());
    files
}

/// Every file under these folders with one of these endings, in order of their paths.
pub(super) fn files(folders: &[&str], endings: &[&str]) -> Vec<File> {
    let top = top();
    let mut paths = Vec::new();
    for folder in folders {
        walk(&top.join(folder), &mut paths);
    }
    paths.sort();
    let wanted = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        endings.contains(&ending)
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
        File { path, text }
    };
    paths.into_iter().filter(wanted).map(read).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" {
            walk(&path, paths);
        } else if path.is_file() {
            paths.push(path);
        }
    }
}

/// Fails with everything that was found, not only the first.
#[track_caller]
pub(super) fn none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
