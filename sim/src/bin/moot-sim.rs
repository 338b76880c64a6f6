//! The `moot-sim` binary. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    folkmoot_sim::tool::main()
}
