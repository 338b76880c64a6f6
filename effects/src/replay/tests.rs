//! What was recorded comes out again, and what was tampered with does not.

use std::fs::{self, OpenOptions};

use folkmoot_core::id::NamespaceId;
use folkmoot_core::snapshot;
use tempfile::TempDir;

use super::*;
use crate::ports::testing::{Bench, create_group, found};
use crate::recorder::{Recorder, RecorderLimits};

/// Records a run of so many commands beside its start, in files of this size; gives the state at
/// the end.
fn record(dir: &Path, run: u8, file_bytes_max: u64, commands: u8) -> Vec<u8> {
    let limits = RecorderLimits { files_max: 100, file_bytes_max };
    let recorder = Recorder::open(dir, limits, [run; 16]).unwrap();
    let mut bench = Bench::with(Some(recorder), 1_000);
    bench.start();
    let namespace = bench.found(1);
    for number in 1..commands {
        bench.clock.advance(700);
        // Some are refused.
        let namespace = if number % 4 == 0 { NamespaceId([number; 32]) } else { namespace };
        bench.issue(if number % 5 == 0 { found(2) } else { create_group(namespace) });
        bench.commit().unwrap();
    }
    let state = snapshot::save(bench.executor.state());
    bench.executor.stop().unwrap();
    state
}

fn files(dir: &Path) -> Vec<PathBuf> {
    files_of(dir).unwrap()
}

fn quietly(path: &Path, until: Option<u64>) -> ReplayReport {
    replay(path, until, &mut |_| {}).unwrap()
}

#[test]
fn a_recording_replays_to_the_same_outputs_and_state() {
    let dir = TempDir::new().unwrap();
    let expected = record(dir.path(), 1, 2_000, 60);
    assert!(files(dir.path()).len() >= 3, "a ring of several files");
    let (mut last, mut next) = (Vec::new(), 0);
    let report = replay(dir.path(), None, &mut |step| {
        assert!(step.is_same);
        assert_eq!(step.sequence, next);
        next += 1;
        last = snapshot::save(step.state);
    })
    .unwrap();
    assert!(report.is_same() && report.torn.is_empty());
    assert_eq!(report.step_count, next);
    assert!(next > 90, "commands and their signatures, {next} steps");
    assert_eq!(last, expected);
}

#[test]
fn every_file_replays_without_the_ones_before_it() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 2_000, 40);
    let whole = quietly(dir.path(), None).step_count;
    let parts = files(dir.path());
    let steps: u64 = parts.iter().map(|file| quietly(file, None).step_count).sum();
    assert_eq!(steps, whole);
    fs::remove_file(&parts[0]).unwrap();
    assert!(quietly(dir.path(), None).is_same());
}

#[test]
fn several_runs_in_one_ring_replay() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 1 << 20, 10);
    record(dir.path(), 2, 1 << 20, 10);
    let report = quietly(dir.path(), None);
    assert!(report.is_same());
    assert_eq!((report.file_count, report.programs.len()), (2, 1));
    assert_eq!(report.range, Some((0, report.step_count - 1)));
}

#[test]
fn a_replay_stops_where_it_is_told_to() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 1 << 20, 10);
    let report = quietly(dir.path(), Some(7));
    assert_eq!((report.step_count, report.range), (8, Some((0, 7))));
}

#[test]
fn a_torn_end_is_told_and_the_rest_replays() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 1 << 20, 10);
    let file = files(dir.path()).remove(0);
    let whole = quietly(&file, None).step_count;
    let bytes = fs::read(&file).unwrap();
    for cut in [1, 21, 35, 150] {
        OpenOptions::new()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(bytes.len() as u64 - cut)
            .unwrap();
        let report = quietly(dir.path(), None);
        assert!(report.is_same());
        let torn = &report.torn[..];
        assert_eq!(torn.len(), 1, "cut by {cut}");
        assert_eq!(torn[0].at + torn[0].bytes, bytes.len() as u64 - cut);
        assert!(report.step_count < whole && report.step_count + 4 > whole);
        fs::write(&file, &bytes).unwrap();
    }
}

#[test]
fn a_file_that_never_got_its_header_is_passed_over() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 1 << 20, 10);
    let whole = quietly(dir.path(), None).step_count;
    fs::write(dir.path().join("0000000001.rec"), b"folkmoot rec").unwrap();
    let report = quietly(dir.path(), None);
    assert_eq!((report.step_count, report.torn.len()), (whole, 1));
    // The next run goes on behind it.
    record(dir.path(), 2, 1 << 20, 10);
    assert!(quietly(dir.path(), None).is_same());
    assert_eq!(files(dir.path()).len(), 3);
}

#[test]
fn a_step_that_comes_out_otherwise_is_named() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 1 << 20, 10);
    let file = files(dir.path()).remove(0);
    // A whole file in which one digest is another, and its block's checksum right.
    let bytes = format::with_other_digest(&fs::read(&file).unwrap(), 6);
    fs::write(&file, bytes).unwrap();
    let mut seen = Vec::new();
    let report = replay(&file, None, &mut |step| seen.push(step.is_same)).unwrap();
    let divergence = report.divergence.unwrap();
    assert_eq!(divergence.sequence, 6);
    assert_ne!(divergence.expected, divergence.got);
    assert_eq!(seen, [true, true, true, true, true, true, false]);
}

#[test]
fn nothing_to_replay_is_an_error() {
    let dir = TempDir::new().unwrap();
    let result = replay(dir.path(), None, &mut |_| {});
    assert!(matches!(result, Err(ReplayError::Empty { .. })));
    let result = replay(&dir.path().join("none.rec"), None, &mut |_| {});
    assert!(matches!(result, Err(ReplayError::Io { .. })));
    let other = dir.path().join("0.rec");
    fs::write(&other, [9; 100]).unwrap();
    assert!(matches!(replay(&other, None, &mut |_| {}), Err(ReplayError::Foreign { .. })));
}

/// What a recording is refused with, of which not one step may run.
fn refused(path: &Path) -> ReplayError {
    let mut ran = 0;
    let error = replay(path, None, &mut |_| ran += 1).unwrap_err();
    assert_eq!(ran, 0, "{error}");
    error
}

#[test]
fn a_recording_of_another_format_says_so_and_nothing_runs() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 2_000, 40);
    let last = files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes[20] = b'1';
    fs::write(&last, bytes).unwrap();
    let error = refused(dir.path());
    assert!(
        matches!(&error, ReplayError::Version { path, found } if *path == last && found == "v1")
    );
    assert!(error.to_string().contains("format v1, and this version reads v2 only"), "{error}");
}

#[test]
fn a_damaged_recording_says_where_and_nothing_runs() {
    let dir = TempDir::new().unwrap();
    record(dir.path(), 1, 2_000, 40);
    let second = files(dir.path())[1].clone();
    let good = fs::read(&second).unwrap();
    // In the magic, in the state, and in a frame in the middle.
    for at in [3, 100, good.len() / 2] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&second, bytes).unwrap();
        let error = refused(dir.path());
        let is_foreign = matches!(&error, ReplayError::Foreign { path } if *path == second);
        let is_before = |found: u64| usize::try_from(found).unwrap() <= at;
        let is_damaged = matches!(&error, ReplayError::Damaged { path, at: found }
            if *path == second && is_before(*found));
        assert!(if at == 3 { is_foreign } else { is_damaged }, "byte {at}: {error}");
    }
}

#[test]
fn a_replay_ends_with_the_state_of_its_last_step() {
    let dir = TempDir::new().unwrap();
    let expected = record(dir.path(), 1, 2_000, 40);
    let (_, whole) = replay_to(dir.path(), None, &mut |_| {}).unwrap();
    assert_eq!(snapshot::save(&whole.unwrap().state), expected);
    for until in [0, 7, 30] {
        let mut seen = Vec::new();
        let mut see = |step: Step<'_>| seen = snapshot::save(step.state);
        let (report, stop) = replay_to(dir.path(), Some(until), &mut see).unwrap();
        let stop = stop.unwrap();
        assert_eq!((stop.sequence, report.range), (until, Some((0, until))));
        assert_eq!(snapshot::save(&stop.state), seen);
    }
}
