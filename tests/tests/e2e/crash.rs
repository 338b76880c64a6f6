//! Kills under load. The program `crash` does the same for hours.

use std::process::Command;
use std::time::Duration;

use folkmoot_tests::e2e::run_within;

use super::PROGRAM;

#[test]
fn attack_55_what_was_answered_outlives_kills_under_load() {
    let mut crash = Command::new(env!("CARGO_BIN_EXE_crash"));
    crash.args(["--rounds", "5", "--seed", "7", "--verify-every", "2", "--program", PROGRAM]);
    let ran = run_within(crash, Duration::from_mins(5));
    assert_eq!(ran.exit, Some(0), "{}", ran.err);
    assert!(ran.out.contains("5 rounds") && ran.out.contains("3 verifications"), "{}", ran.out);
}
