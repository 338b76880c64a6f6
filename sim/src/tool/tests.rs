//! The command line, as far as it is not that of one command.

use super::*;

/// What a run wrote, and how it ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: u8,
    pub(super) out: String,
}

/// Runs a command that the command line understands; the error of one that cannot do it.
pub(super) fn run(words: &[&str]) -> Result<Ran, String> {
    let cli = Cli::try_parse_from([&["moot-sim"], words].concat()).unwrap();
    let mut out = Vec::new();
    let mut paper = Paper { out: &mut out, is_json: cli.json };
    let finding = cli.command.run(&mut paper);
    let out = String::from_utf8(out).unwrap();
    match finding {
        Ok(finding) => Ok(Ran { exit: u8::from(finding == Finding::Broken), out }),
        Err(error) => {
            assert_eq!(out, "", "nothing is written before what was asked for is known");
            Err(error.to_string())
        }
    }
}

#[test]
fn the_arguments_fit_together() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn the_exit_codes_are_in_the_help() {
    let help = <Cli as clap::CommandFactory>::command().render_long_help().to_string();
    for code in ["  0  all is as it should be", "  1  an invariant was", "  2  the command was"] {
        assert!(help.contains(code), "{help}");
    }
}
