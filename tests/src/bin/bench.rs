//! Measures what the node does against what it cannot do without, side by side in one run.

use clap::Parser;
use folkmoot_tests::bench::{self, Bench, Child, Options};

/// Measures the node against yardsticks, interleaved in one run.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// What to measure; everything without a name.
    #[arg(value_enum)]
    names: Vec<Bench>,
    /// Print one JSON object per row.
    #[arg(long)]
    json: bool,
    /// One round at a tiny size, to see that everything works; the figures mean nothing.
    #[arg(long)]
    tiny: bool,
    /// Leave out sizes above this.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    max_size: usize,
    /// Part of a bench that needs a process of its own.
    #[arg(long, hide = true)]
    child: Option<Child>,
}

fn main() {
    let Arguments { names, json, tiny, max_size, child } = Arguments::parse();
    match child {
        Some(child) => bench::run_child(&child),
        None => bench::run(&names, Options { json, tiny, max_size }),
    }
}
