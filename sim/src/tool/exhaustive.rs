//! `moot-sim exhaustive`: all small worlds, engine against oracle.

use std::time::Instant;

use serde::Serialize;

use super::{Finding, Paper, ToolError};
use crate::exhaustive::alphabet::Base;
use crate::exhaustive::{Covered, Difference, Selection, explore};

/// Worlds between two lines about the progress.
const TELL_EVERY: u64 = 10_000;

/// Compare engine and oracle on every small world
///
/// A world is a small namespace and a few more ops: each any letter of an alphabet, by an author
/// who knows any of the others. It is delivered in every order.
#[derive(Debug, clap::Args)]
pub(super) struct Exhaustive {
    /// Which namespace is extended
    #[arg(long, value_enum, default_value_t = Ground::People)]
    base: Ground,
    /// How many ops are added
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=4))]
    ops: u8,
    /// Only part I of N, such as 1/4
    #[arg(long, value_name = "I/N", value_parser = shard, default_value = "1/1")]
    shard: (u64, u64),
    /// Only one world of K, by chance
    #[arg(long, value_name = "K", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Only this world
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["shard", "sample"])]
    world: Option<u64>,
}

/// The namespaces that there are, each with an alphabet of its own.
#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Ground {
    /// An owner, two admins and a member of the root
    People,
    /// Admins of groups, a group below, people who are gone, and two owners
    Places,
}

impl Ground {
    const fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Places => "places",
        }
    }

    fn base(self) -> Base {
        match self {
            Self::People => Base::people(),
            Self::Places => Base::places(),
        }
    }
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let parts = parts.filter(|(part, parts)| (1..=*parts).contains(part));
    parts.ok_or_else(|| format!("`{text}` is no part of a whole; write such as 1/4 for the first"))
}

/// What was visited, and how long it took.
#[derive(Debug, Serialize)]
struct Visited {
    base: Ground,
    ops: u8,
    #[serde(flatten)]
    covered: Covered,
    seconds: u64,
}

impl Visited {
    fn text(&self) -> String {
        let Self { base, ops, covered, seconds } = self;
        let base = base.name();
        let Covered { worlds, visited, prefixes, orders, dropped, void_at_cut, voided } = covered;
        format!(
            "engine and oracle agree: {visited} of {worlds} worlds of {ops} ops about {base}, \
             {orders} orders, {prefixes} states; {dropped} ops dropped, {void_at_cut} void at \
             their cut, {voided} without effect at the end; {seconds} s"
        )
    }
}

/// A world on which they do not agree.
#[derive(Debug, Serialize)]
struct Parted {
    world: u64,
    choices: String,
    order: Vec<usize>,
    what: String,
    again: String,
}

impl Parted {
    fn text(&self) -> String {
        let Self { world, choices, order, what, again } = self;
        format!("DIFFERS: world {world}: {choices}\ndelivered {order:?}: {what}\nagain: {again}")
    }
}

impl Exhaustive {
    pub(super) fn run(self, paper: &mut Paper<'_>) -> Result<Finding, ToolError> {
        let Self { base, ops, shard, sample, world: only } = self;
        let start = Instant::now();
        let mut tell = |covered: &Covered| {
            if covered.visited.is_multiple_of(TELL_EVERY) {
                let (visited, seconds) = (covered.visited, start.elapsed().as_secs());
                eprintln!("{visited} worlds visited, number {}, {seconds} s", covered.worlds);
            }
        };
        let selection = Selection { shard, sample, only };
        match explore(&base.base(), usize::from(ops), selection, &mut tell) {
            Ok(covered) => {
                if let Some(world) = only.filter(|_| covered.visited == 0) {
                    return Err(ToolError::NoSuchWorld { world, count: covered.worlds });
                }
                let seconds = start.elapsed().as_secs();
                paper.put(&Visited { base, ops, covered, seconds }, Visited::text)?;
                Ok(Finding::Sound)
            }
            Err(difference) => {
                let Difference { number: world, world: choices, order, what } = *difference;
                let base = base.name();
                let again =
                    format!("moot-sim exhaustive --base {base} --ops {ops} --world {world}");
                paper.put(&Parted { world, choices, order, what, again }, Parted::text)?;
                Ok(Finding::Broken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::shard;

    #[test]
    fn a_shard_is_a_part_of_a_whole() {
        assert_eq!(shard("2/4"), Ok((2, 4)));
        for wrong in ["0/4", "5/4", "1", "1/", "/1", "a/b", "1/0", "-1/2"] {
            assert!(shard(wrong).unwrap_err().contains("such as 1/4"), "{wrong}");
        }
    }

    #[test]
    fn one_world_is_visited_by_its_number() {
        let ran = run(&["exhaustive", "--ops", "2", "--world", "5", "--json"]).unwrap();
        let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.exit, found["visited"].as_u64()), (0, Some(1)));
        let error = run(&["exhaustive", "--ops", "1", "--world", "999"]).unwrap_err();
        assert!(error.contains("numbered from 0"), "{error}");
    }
}
