//! The ring and its limits. What a recording is good for is tested with [`crate::replay`].

use std::fs;

use folkmoot_core::input::Input;
use tempfile::TempDir;

use super::*;
use crate::ports::testing::{Bench, create_group};

const RUN: [u8; 16] = [1; 16];

fn recorder(dir: &Path, files_max: usize, file_bytes_max: u64) -> Recorder {
    Recorder::open(dir, RecorderLimits { files_max, file_bytes_max }, RUN).unwrap()
}

fn numbers(dir: &Path) -> Vec<u64> {
    format::files(dir).unwrap().into_iter().map(|(number, _)| number).collect()
}

#[test]
fn the_ring_keeps_its_newest_files() {
    let dir = TempDir::new().unwrap();
    let mut bench = Bench::with(Some(recorder(dir.path(), 3, 1)), 1_000);
    bench.start();
    let namespace = bench.found(1);
    for _ in 0..30 {
        bench.issue(create_group(namespace));
        bench.commit().unwrap();
    }
    let numbers = numbers(dir.path());
    assert_eq!(numbers.len(), 3);
    assert!(numbers[0] > 0 && numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

#[test]
fn what_was_committed_is_recorded_though_the_process_is_killed() {
    let dir = TempDir::new().unwrap();
    let mut bench = Bench::with(Some(recorder(dir.path(), 3, 1 << 20)), 1_000);
    bench.start();
    let namespace = bench.found(1);
    let mut recorded = 0;
    for _ in 0..10 {
        bench.issue(create_group(namespace));
        bench.commit().unwrap();
        // As another process finds it: nothing was told to end.
        let files = format::files(dir.path()).unwrap();
        let end = files.last().and_then(|(_, path)| format::end_of(path)).unwrap();
        assert!(end >= recorded + 2, "{end} frames are recorded");
        recorded = end;
    }
}

#[test]
fn frames_are_numbered_over_runs() {
    let dir = TempDir::new().unwrap();
    let record = |count: u64| {
        let mut bench = Bench::with(Some(recorder(dir.path(), 3, 1 << 20)), 1_000);
        bench.start();
        for _ in 1..count {
            bench.take(Input::Wake);
        }
        bench.executor.stop().unwrap();
    };
    record(5);
    record(7);
    assert_eq!(numbers(dir.path()), [0, 1]);
    let firsts: Vec<u64> = format::files(dir.path())
        .unwrap()
        .iter()
        .map(|(_, path)| {
            let opened = format::FileReader::open(path).unwrap();
            let format::Next::Whole((_, header, _)) = opened else { panic!("{opened:?}") };
            header.first
        })
        .collect();
    assert_eq!(firsts, [0, 5]);
    assert_eq!(recorder(dir.path(), 3, 1).next_frame, 12);
}

#[test]
fn a_recorder_that_fails_stops_and_the_node_goes_on() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("recording");
    let mut bench = Bench::with(Some(recorder(&path, 3, 1)), 1_000);
    bench.start();
    fs::remove_dir_all(&path).unwrap();
    let namespace = bench.found(1);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    assert_eq!(bench.outcomes.all().len(), 2);
    assert!(!path.exists());
    bench.executor.stop().unwrap();
}
