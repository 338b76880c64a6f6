//! The program under test: what `moot` is, built with the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    folkmoot_runtime::main()
}
