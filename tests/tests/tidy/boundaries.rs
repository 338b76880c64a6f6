//! Which crate may name what.

use super::tree::{File, none, rust_files};

/// The lines of code with one of these words, in files that `is_watched`.
fn found(words: &[&str], is_watched: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in rust_files().iter().filter(|file| is_watched(&file.path)) {
        for (number, line) in file.code() {
            if let Some(word) = words.iter().find(|word| names(line, word)) {
                found.push(format!("{}:{number}: {word}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

/// Whether the line has the word, not as a part of a longer one.
fn names(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].ends_with(is_letter);
        let after = line[at + word.len()..].starts_with(is_letter);
        !before && !after
    })
}

#[test]
fn tidy_the_core_knows_no_world() {
    let words = [
        "std",
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "f32",
        "f64",
        "tracing",
        "tokio",
        "libp2p",
        "fjall",
        "thread",
        "getrandom",
        "println",
        "rand",
    ];
    none(&found(&words, |path| path.starts_with("core/src/")), "the world in the core");
}

#[test]
fn tidy_only_the_codec_calls_borsh() {
    let calls = [
        "borsh::to_vec",
        "borsh::to_writer",
        "borsh::from_slice",
        "borsh::from_reader",
        "borsh::object_length",
        "try_from_slice",
        "try_from_reader",
    ];
    let elsewhere = |path: &str| path != "core/src/codec.rs";
    none(&found(&calls, elsewhere), "calls of borsh beside core/src/codec.rs");
}

#[test]
fn tidy_only_the_store_names_fjall_and_only_the_network_libp2p() {
    let beside = |part: &'static str| move |path: &str| !path.starts_with(part);
    none(&found(&["fjall"], beside("effects/src/store")), "fjall beside the store");
    // The yardstick of the benches is libp2p without a node.
    let is_watched =
        |path: &str| beside("effects/src/net")(path) && path != "tests/src/bench/bare.rs";
    none(&found(&["libp2p"], is_watched), "libp2p beside the network");
}

#[test]
fn tidy_one_function_writes_the_log_and_it_syncs() {
    let syncs = found(&["SyncAll"], |path| path.starts_with("effects/src/"));
    assert_eq!(syncs.len(), 1, "{syncs:?}");
    assert!(syncs[0].starts_with("effects/src/store"), "{syncs:?}");
    // The weaker ways of fjall do not survive a loss of power.
    let weaker = ["SyncData", "PersistMode::Buffer"];
    none(&found(&weaker, |path| path.starts_with("effects/src/")), "a write that may be lost");
}

#[test]
fn tidy_every_queue_is_bounded() {
    let unbounded = ["unbounded_channel", "mpsc::channel()", "unbounded"];
    none(&found(&unbounded, |_| true), "queues without a bound");
}

#[test]
fn tidy_a_module_of_tests_is_no_product() {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let mixed =
        file("core/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::vec;\n}\n");
    assert_eq!(mixed.product(), "fn a() {}\n");
    assert_eq!(file("core/src/a/tests.rs", "use std::vec;").product(), "");
    assert!(!found(&["OpId"], |path| path.starts_with("core/")).is_empty());
    assert!(names("use std::vec;", "std") && !names("stdlib", "std") && !names("no_std", "std"));
}
