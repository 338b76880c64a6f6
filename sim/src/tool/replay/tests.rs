//! A recording is replayed, looked into, and refused where it cannot be read.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use folkmoot_core::command::{Command as Wish, Delivery};
use folkmoot_core::id::NamespaceId;
use folkmoot_effects::recorder::{Recorder, RecorderLimits};
use tempfile::TempDir;

use super::super::tests::{Ran, run};
use crate::kit::{create, person};
use crate::solo::Solo;

/// Records a node that founds a namespace and creates two groups in it.
fn record(dir: &Path) -> (Solo, NamespaceId) {
    let recorder = Recorder::open(dir, RecorderLimits::default(), [1; 16]).unwrap();
    let mut node = Solo::start(&[person(0)], Some(recorder));
    let namespace = node.found(person(0)).unwrap();
    for _ in 0..2 {
        node.advance(1_000);
        node.issue(Wish::Govern {
            namespace,
            group: namespace.root(),
            body: create(),
            expected_root: None,
            delivery: Delivery::default(),
        });
    }
    (node, namespace)
}

fn replay(dir: &Path, more: &[&str]) -> Result<Ran, String> {
    run(&[&["replay", dir.to_str().unwrap()], more].concat())
}

#[test]
fn every_step_has_a_line_and_the_end_is_the_state_of_the_node() {
    let dir = TempDir::new().unwrap();
    let (node, namespace) = record(dir.path());
    let ran = replay(dir.path(), &["--each", "--show", "heads,roots,groups"]).unwrap();
    assert_eq!(ran.exit, 0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].contains("Started  events -"), "{}", lines[0]);
    assert_eq!(ran.out.matches("SignatureReady  events").count(), 3);
    assert_eq!(ran.out.matches("NamespaceOpened,OpAccepted").count(), 1, "{}", ran.out);
    assert!(ran.out.contains("every output is as it was recorded"));
    let view = node.state.namespace(&namespace).unwrap();
    assert_eq!(view.groups, 3);
    for head in view.heads {
        assert!(ran.out.contains(&head.to_string()));
    }
    for group in node.state.groups(&namespace) {
        assert!(ran.out.matches(&group.group.to_string()).count() >= 2);
    }
}

#[test]
fn a_replay_stops_at_a_step_and_shows_the_state_of_then() {
    let dir = TempDir::new().unwrap();
    let (_, namespace) = record(dir.path());
    // Started, Found, its signature; the groups come later.
    let ran = replay(dir.path(), &["--until", "2", "--show", "groups", "--json"]).unwrap();
    let lines: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.exit, lines.len()), (0, 2));
    assert_eq!((lines[0]["steps"].as_u64(), lines[0]["last"].as_u64()), (Some(3), Some(2)));
    assert_eq!(lines[1]["namespace"].as_str(), Some(namespace.to_string().as_str()));
    assert_eq!(lines[1]["lines"].as_array().unwrap().len(), 1);
    let error = replay(dir.path(), &["--until", "999"]).unwrap_err();
    assert!(error.starts_with("the recording has no step 999; it holds steps 0 to "), "{error}");
    let error = replay(dir.path(), &["--show", "heads", "--ns", "ns1nobody"]).unwrap_err();
    assert!(error.contains(&namespace.to_string()), "{error}");
}

#[test]
fn every_topic_can_be_shown() {
    let dir = TempDir::new().unwrap();
    record(dir.path());
    for topic in <super::Topic as clap::ValueEnum>::value_variants() {
        let name = clap::ValueEnum::to_possible_value(topic).unwrap();
        let ran = replay(dir.path(), &["--show", name.get_name()]).unwrap();
        let head = format!("{} ", name.get_name());
        assert!(ran.out.lines().any(|line| line.starts_with(&head)), "{}", ran.out);
    }
}

#[test]
fn a_recording_that_cannot_be_read_is_refused_and_nothing_is_written() {
    let dir = TempDir::new().unwrap();
    let error = replay(dir.path(), &["--each"]).unwrap_err();
    assert!(error.starts_with("there is no recording in "), "{error}");
    record(dir.path());
    let file = dir.path().join("0000000000.rec");
    let good = fs::read(&file).unwrap();
    for (at, said) in [(0, "is not a recording"), (20, "format v3"), (90, "is damaged at byte 32")]
    {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        let error = replay(dir.path(), &["--each"]).unwrap_err();
        assert!(error.contains(said), "byte {at}: {error}");
    }
}

#[test]
fn a_word_that_means_nothing_is_refused() {
    let refused = super::super::Cli::try_parse_from(["moot-sim", "replay", "x", "--show", "moods"]);
    assert!(refused.unwrap_err().use_stderr());
}
