//! Kills a node again and again while clients are at work, and looks what is left.

use std::path::PathBuf;

use clap::Parser;
use folkmoot_tests::e2e::crash::{Options, run};

/// Kills a node at random moments under load; everything that was answered has to be there.
#[derive(Parser)]
#[command(name = "crash")]
struct Arguments {
    /// How many kills under load.
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// How many clients are at work at once.
    #[arg(long, default_value_t = 4)]
    clients: u64,
    /// Seed of the moments and of what the clients do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// After how many rounds the log is verified.
    #[arg(long, default_value_t = 20)]
    verify_every: u64,
    /// The program under test; `moot-under-test` beside this program unless said.
    #[arg(long)]
    program: Option<PathBuf>,
}

fn main() {
    let Arguments { rounds, clients, seed, verify_every, program } = Arguments::parse();
    let program = program.unwrap_or_else(|| {
        let this = std::env::current_exe().unwrap_or_default();
        this.with_file_name("moot-under-test")
    });
    println!("{}", run(&Options { program, rounds, clients, seed, verify_every }));
}
