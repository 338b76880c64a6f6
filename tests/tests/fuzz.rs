//! Every target of the fuzzer, over its examples and over what fuzzing found.
//!
//! The corpora are in `tests/fuzz/corpus/`, a folder for each target; what once broke one is among
//! them and stays.

use folkmoot_runtime::server::body_of;
use folkmoot_tests::fuzz::{TARGETS, Target, seeds};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Most bytes that all corpora have together.
const CORPORA_BYTES_MAX: u64 = 300_000;

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs that were kept for a target, with their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = fuzz_dir().join("corpus").join(target);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Runs a target over its examples and its corpus.
fn replay((name, run): Target) {
    let (examples, corpus) = (seeds::of(name), corpus(name));
    assert!(!examples.is_empty() && !corpus.is_empty(), "{name} has nothing to run over");
    let examples = (0..).zip(examples).map(|(at, bytes)| (format!("example {at}"), bytes));
    for (what, bytes) in examples.chain(corpus) {
        let ran = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        assert!(ran.is_ok(), "{what} breaks the target {name}");
    }
}

fn replay_all(names: &[&str]) {
    for name in names {
        replay(TARGETS.into_iter().find(|(target, _)| target == name).unwrap());
    }
}

#[test]
fn attack_15_21_22_what_peers_send_is_read_in_one_way_or_refused() {
    replay_all(&["op", "payload", "statement", "gossip", "request", "response", "stream"]);
}

#[test]
fn attack_42_pages_snapshots_and_files_of_any_bytes_are_read_or_refused() {
    replay_all(&["response", "record", "snapshot", "recording", "marks", "export"]);
}

#[test]
fn attack_62_texts_and_calls_of_any_bytes_are_understood_or_refused() {
    replay_all(&["invitation", "ids", "api"]);
}

#[test]
fn attack_62_json_that_is_nested_a_hundred_thousand_deep_is_refused() {
    let (_, api) = TARGETS.into_iter().find(|(name, _)| *name == "api").unwrap();
    for open in ["[", r#"{"name":"#] {
        let deep = open.repeat(100_000);
        assert!(body_of::<serde_json::Value>(deep.as_bytes()).is_err());
        for route in 0..64 {
            api(&[&[route], deep.as_bytes()].concat());
        }
    }
}

#[test]
fn the_reducer_takes_any_script() {
    replay_all(&["step"]);
}

/// A target that `cargo fuzz` does not know is fuzzed by nobody, and a corpus without one is dead.
#[test]
fn targets_programs_and_corpora_have_the_same_names() {
    let manifest = fs::read_to_string(fuzz_dir().join("Cargo.toml")).unwrap();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let programs: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    assert_eq!(programs[1..], names);
    for name in &names {
        let program = fuzz_dir().join("fuzz_targets").join(format!("{name}.rs"));
        let program = fs::read_to_string(program).unwrap();
        assert!(program.contains(&format!("folkmoot_tests::fuzz::{name}(data)")), "{program}");
    }
    names.sort_unstable();
    let dirs = fs::read_dir(fuzz_dir().join("corpus")).unwrap();
    let mut dirs: Vec<String> =
        dirs.map(|dir| dir.unwrap().file_name().into_string().unwrap()).collect();
    dirs.sort_unstable();
    assert_eq!(dirs, names);
}

#[test]
fn the_corpora_are_small() {
    let sizes = TARGETS.iter().flat_map(|(name, _)| corpus(name));
    let bytes: u64 = sizes.map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(bytes < CORPORA_BYTES_MAX, "{bytes} bytes");
}
