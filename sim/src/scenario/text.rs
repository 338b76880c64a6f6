//! The text form of a scenario, for people to read and edit.

mod words;

use super::{Action, Deed, Harm, NODES_MAX, Options, Scenario};
use crate::cluster::Path;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use words::Word;

/// The first line of every scenario.
const TITLE: &str = "folkmoot scenario 1";

/// Why a text is no scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: expected {expected}, found {found}; nothing was run")]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { profile, nodes, owners, snapshot_every, anchor_ops, .. } = &self.options;
        let Options { memory, topic, stream, .. } = &self.options;
        writeln!(f, "{TITLE}")?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "profile {}", profile.word())?;
        writeln!(f, "nodes {nodes}")?;
        writeln!(f, "owners {owners}")?;
        writeln!(f, "snapshots {snapshot_every}")?;
        writeln!(f, "anchors {anchor_ops}")?;
        writeln!(f, "memory {memory}")?;
        writeln!(f, "topic {topic}")?;
        writeln!(f, "stream {stream}")?;
        self.actions.iter().try_for_each(|action| writeln!(f, "{action}"))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.delay_ms;
        write!(f, "lost {} doubled {} delay {least} {most}", self.lost, self.doubled)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(ms) => write!(f, "wait {ms}"),
            Self::Found(node) => write!(f, "found {node}"),
            Self::Join { from, node, role } => write!(f, "join {from} {node} {}", role.word()),
            Self::Race { from, a, b, role } => write!(f, "race {from} {a} {b} {}", role.word()),
            Self::Late { from, node, role, ms } => {
                write!(f, "late {from} {node} {} {ms}", role.word())
            }
            Self::Spoilt { from, node, role, bit } => {
                write!(f, "spoilt {from} {node} {} {bit}", role.word())
            }
            Self::Cancel(node) => write!(f, "cancel {node}"),
            Self::Many { node, count } => write!(f, "many {node} {count}"),
            Self::Govern { node, group, deed } => write!(f, "govern {node} {group} {deed}"),
            Self::Kill { node, tail } => write!(f, "kill {node} {}", tail.word()),
            Self::Crash { node, touch, tail } => write!(f, "crash {node} {touch} {}", tail.word()),
            Self::Stop(node) => write!(f, "stop {node}"),
            Self::Boot(node) => write!(f, "boot {node}"),
            Self::Lose(node) => write!(f, "lose {node}"),
            Self::Disk { node, wrong } => write!(f, "disk {node} {}", wrong.word()),
            Self::SetBack { node, records } => write!(f, "set-back {node} {records}"),
            Self::PutRight(node) => write!(f, "put-right {node}"),
            Self::Cut { a, b } => write!(f, "cut {a} {b}"),
            Self::Heal { a, b } => write!(f, "heal {a} {b}"),
            Self::Isolate(node) => write!(f, "isolate {node}"),
            Self::Split(mask) => write!(f, "split {mask}"),
            Self::Bridge { node, mask } => write!(f, "bridge {node} {mask}"),
            Self::Mute { from, to } => write!(f, "mute {from} {to}"),
            Self::Impair { from, to, path } => write!(f, "impair {from} {to} {path}"),
            Self::Prune { from, to } => write!(f, "prune {from} {to}"),
            Self::Stale { node, ms } => write!(f, "stale {node} {ms}"),
            Self::Mend => write!(f, "mend"),
            Self::Clock { node, ahead_ms } => write!(f, "clock {node} {ahead_ms}"),
            Self::Freeze { node, ms } => write!(f, "freeze {node} {ms}"),
            Self::Drift { node, ppm } => write!(f, "drift {node} {ppm}"),
            Self::Pause { node, ms } => write!(f, "pause {node} {ms}"),
            Self::Lie { node, lie } => write!(f, "lie {node} {}", lie.word()),
            Self::Harm { node, harm } => write!(f, "harm {node} {harm}"),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { who, role } => write!(f, "add {who} {}", role.word()),
            Self::Restrict { who, role } => write!(f, "restrict {who} {}", role.word()),
            Self::Remove { who } => write!(f, "remove {who}"),
            Self::Leave => write!(f, "leave"),
            Self::Create => write!(f, "create"),
            Self::Move { to } => write!(f, "move {to}"),
            Self::Delete => write!(f, "delete"),
            Self::Anchor => write!(f, "anchor"),
            Self::Notary { who } => write!(f, "notary {who}"),
            Self::Default { role } => write!(f, "default {}", role.word()),
            Self::Name { value } => write!(f, "name {value}"),
            Self::Close { open } => write!(f, "visible {}", open.word()),
            Self::Context => write!(f, "context"),
            Self::Revoke => write!(f, "revoke"),
            Self::Noop => write!(f, "noop"),
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equivocate => write!(f, "equivocate"),
            Self::Backdate => write!(f, "backdate"),
            Self::WrongHash => write!(f, "wrong-hash"),
            Self::Flood { count } => write!(f, "flood {count}"),
            Self::Ask { count } => write!(f, "ask {count}"),
            Self::Replay => write!(f, "replay"),
            Self::Malformed => write!(f, "malformed"),
            Self::Mutate { bit } => write!(f, "mutate {bit}"),
            Self::Beacon => write!(f, "beacon"),
            Self::Ack => write!(f, "ack"),
            Self::Force { group, deed } => write!(f, "force {group} {deed}"),
            Self::Fork { count } => write!(f, "fork {count}"),
            Self::Nonce { nonce } => write!(f, "nonce {nonce}"),
            Self::Related => write!(f, "related"),
            Self::Child => write!(f, "child"),
            Self::Newer => write!(f, "newer"),
            Self::Newers { count } => write!(f, "newers {count}"),
            Self::Strangers { count } => write!(f, "strangers {count}"),
            Self::Intruders { count } => write!(f, "intruders {count}"),
            Self::Foreign => write!(f, "foreign"),
            Self::Anchors => write!(f, "anchors"),
            Self::Omit => write!(f, "omit"),
            Self::Early => write!(f, "early"),
            Self::Forge { forgery } => write!(f, "forge {}", forgery.word()),
        }
    }
}

impl Scenario {
    /// Reads the text form.
    ///
    /// The first line is a title with a version; then come the options, each at most once, and the
    /// actions, in order. Empty lines, and what follows a `#`, are passed over.
    ///
    /// # Errors
    ///
    /// [`ParseError`] at the first word that does not belong there.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| Line::new(at + 1, line));
        let mut first = lines.next().unwrap_or(Line::new(1, ""));
        for word in TITLE.split(' ') {
            first.expect(word)?;
        }
        first.end()?;
        let mut scenario = Self::default();
        for mut line in lines.filter(|line| !line.is_empty()) {
            if !scenario.option(&mut line)? {
                scenario.actions.push(Action::parse(&mut line)?);
            }
            line.end()?;
        }
        Ok(scenario)
    }

    /// Reads an option, where the line has one.
    fn option(&mut self, line: &mut Line<'_>) -> Result<bool, ParseError> {
        let options = &mut self.options;
        match line.peek() {
            "seed" => self.seed = line.skip().number(0, u64::MAX)?,
            "profile" => options.profile = line.skip().word()?,
            "nodes" => options.nodes = line.skip().number(1, NODES_MAX)?,
            "owners" => options.owners = line.skip().number(1, 8)?,
            "snapshots" => options.snapshot_every = line.skip().number(1, u64::MAX)?,
            "anchors" => options.anchor_ops = line.skip().number(0, u64::MAX)?,
            "memory" => options.memory = line.skip().number(1, 64)?,
            "topic" => options.topic = line.skip().path()?,
            "stream" => options.stream = line.skip().path()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Action {
    fn parse(line: &mut Line<'_>) -> Result<Self, ParseError> {
        Ok(match line.next("an option or an action")? {
            "wait" => Self::Wait(line.ms()?),
            "found" => Self::Found(line.node()?),
            "join" => Self::Join { from: line.node()?, node: line.node()?, role: line.word()? },
            "race" => {
                let (from, a, b) = (line.node()?, line.node()?, line.node()?);
                Self::Race { from, a, b, role: line.word()? }
            }
            "late" => {
                let (from, node, role) = (line.node()?, line.node()?, line.word()?);
                Self::Late { from, node, role, ms: line.ms()? }
            }
            "spoilt" => {
                let (from, node, role) = (line.node()?, line.node()?, line.word()?);
                Self::Spoilt { from, node, role, bit: line.number(0, 511)? }
            }
            "cancel" => Self::Cancel(line.node()?),
            "many" => Self::Many { node: line.node()?, count: line.number(0, 1_000)? },
            "govern" => {
                let (node, group) = (line.node()?, line.node()?);
                Self::Govern { node, group, deed: Deed::parse(line)? }
            }
            "kill" => Self::Kill { node: line.node()?, tail: line.word()? },
            "crash" => {
                let (node, touch) = (line.node()?, line.number(1, u64::MAX)?);
                Self::Crash { node, touch, tail: line.word()? }
            }
            "stop" => Self::Stop(line.node()?),
            "boot" => Self::Boot(line.node()?),
            "lose" => Self::Lose(line.node()?),
            "disk" => Self::Disk { node: line.node()?, wrong: line.word()? },
            "set-back" => Self::SetBack { node: line.node()?, records: line.number(0, u64::MAX)? },
            "put-right" => Self::PutRight(line.node()?),
            "cut" => Self::Cut { a: line.node()?, b: line.node()? },
            "heal" => Self::Heal { a: line.node()?, b: line.node()? },
            "isolate" => Self::Isolate(line.node()?),
            "split" => Self::Split(line.number(0, u64::MAX)?),
            "bridge" => Self::Bridge { node: line.node()?, mask: line.number(0, u64::MAX)? },
            "mute" => Self::Mute { from: line.node()?, to: line.node()? },
            "impair" => Self::Impair { from: line.node()?, to: line.node()?, path: line.path()? },
            "prune" => Self::Prune { from: line.node()?, to: line.node()? },
            "stale" => Self::Stale { node: line.node()?, ms: line.ms()? },
            "mend" => Self::Mend,
            "clock" => Self::Clock { node: line.node()?, ahead_ms: line.signed()? },
            "freeze" => Self::Freeze { node: line.node()?, ms: line.ms()? },
            "drift" => Self::Drift { node: line.node()?, ppm: line.signed()? },
            "pause" => Self::Pause { node: line.node()?, ms: line.ms()? },
            "lie" => Self::Lie { node: line.node()?, lie: line.word()? },
            "harm" => Self::Harm { node: line.node()?, harm: Harm::parse(line)? },
            _ => return Err(line.wrong("an option or an action")),
        })
    }
}

impl Deed {
    fn parse(line: &mut Line<'_>) -> Result<Self, ParseError> {
        Ok(match line.next("what is done")? {
            "add" => Self::Add { who: line.node()?, role: line.word()? },
            "restrict" => Self::Restrict { who: line.node()?, role: line.word()? },
            "remove" => Self::Remove { who: line.node()? },
            "leave" => Self::Leave,
            "create" => Self::Create,
            "move" => Self::Move { to: line.node()? },
            "delete" => Self::Delete,
            "anchor" => Self::Anchor,
            "notary" => Self::Notary { who: line.node()? },
            "default" => Self::Default { role: line.word()? },
            "name" => Self::Name { value: line.number(0, u8::MAX)? },
            "visible" => Self::Close { open: line.word()? },
            "context" => Self::Context,
            "revoke" => Self::Revoke,
            "noop" => Self::Noop,
            _ => return Err(line.wrong("what is done on a group")),
        })
    }
}

impl Harm {
    fn parse(line: &mut Line<'_>) -> Result<Self, ParseError> {
        Ok(match line.next("what harm is done")? {
            "equivocate" => Self::Equivocate,
            "backdate" => Self::Backdate,
            "wrong-hash" => Self::WrongHash,
            "flood" => Self::Flood { count: line.number(0, 10_000)? },
            "ask" => Self::Ask { count: line.number(0, 10_000)? },
            "replay" => Self::Replay,
            "malformed" => Self::Malformed,
            "mutate" => Self::Mutate { bit: line.number(0, u16::MAX)? },
            "beacon" => Self::Beacon,
            "ack" => Self::Ack,
            "force" => Self::Force { group: line.node()?, deed: Deed::parse(line)? },
            "fork" => Self::Fork { count: line.number(0, 1_000)? },
            "nonce" => Self::Nonce { nonce: line.number(0, u64::MAX)? },
            "related" => Self::Related,
            "child" => Self::Child,
            "newer" => Self::Newer,
            "newers" => Self::Newers { count: line.number(0, 1_000)? },
            "strangers" => Self::Strangers { count: line.number(0, 1_000)? },
            "intruders" => Self::Intruders { count: line.number(0, 1_000)? },
            "foreign" => Self::Foreign,
            "anchors" => Self::Anchors,
            "omit" => Self::Omit,
            "early" => Self::Early,
            "forge" => Self::Forge { forgery: line.word()? },
            _ => return Err(line.wrong("what harm is done")),
        })
    }
}

/// The words of one line, and where the next one begins.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
    /// Bytes that were read.
    at: usize,
    /// Where the last word began.
    began: usize,
}

impl<'a> Line<'a> {
    fn new(number: usize, text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or_default().trim_end();
        let mut line = Self { number, text, at: 0, began: 0 };
        line.pass_space();
        line
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn pass_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// The next word, which stays.
    fn peek(&self) -> &'a str {
        self.rest().split(char::is_whitespace).next().unwrap_or_default()
    }

    fn skip(&mut self) -> &mut Self {
        self.began = self.at;
        self.at += self.peek().len();
        self.pass_space();
        self
    }

    fn next(&mut self, expected: &str) -> Result<&'a str, ParseError> {
        let word = self.peek();
        self.skip();
        if word.is_empty() { Err(self.wrong(expected)) } else { Ok(word) }
    }

    fn expect(&mut self, word: &str) -> Result<(), ParseError> {
        let expected = format!("`{word}`");
        let found = self.next(&expected)?;
        if found == word { Ok(()) } else { Err(self.wrong(&expected)) }
    }

    fn end(&mut self) -> Result<(), ParseError> {
        if self.is_empty() { Ok(()) } else { Err(self.skip().wrong("the end of the line")) }
    }

    fn number<T: FromStr + PartialOrd + Copy + fmt::Display>(
        &mut self,
        least: T,
        most: T,
    ) -> Result<T, ParseError> {
        let expected = format!("a number from {least} to {most}");
        let number = self.next(&expected)?.parse().ok();
        number
            .filter(|number| (&least..=&most).contains(&number))
            .ok_or_else(|| self.wrong(&expected))
    }

    fn node(&mut self) -> Result<u16, ParseError> {
        self.number(0, u16::MAX)
    }

    /// Milliseconds, at most a day.
    fn ms(&mut self) -> Result<u64, ParseError> {
        self.number(0, 24 * 60 * 60 * 1000)
    }

    fn signed(&mut self) -> Result<i64, ParseError> {
        const MOST: i64 = 1 << 40;
        self.number(-MOST, MOST)
    }

    fn word<T: Word>(&mut self) -> Result<T, ParseError> {
        let words: Vec<&str> = T::ALL.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        let found = self.next(&expected)?;
        let value = T::ALL.iter().find(|(word, _)| *word == found).map(|(_, value)| *value);
        value.ok_or_else(|| self.wrong(&expected))
    }

    fn path(&mut self) -> Result<Path, ParseError> {
        self.expect("lost")?;
        let lost = self.number(0, 100)?;
        self.expect("doubled")?;
        let doubled = self.number(0, 100)?;
        self.expect("delay")?;
        let least = self.ms()?;
        Ok(Path { lost, doubled, delay_ms: (least, self.number(least, 24 * 60 * 60 * 1000)?) })
    }

    /// The last word does not belong there.
    fn wrong(&self, expected: &str) -> ParseError {
        let found = self.text.get(self.began..).unwrap_or_default();
        let found = found.split(char::is_whitespace).next().unwrap_or_default();
        ParseError {
            line: self.number,
            column: self.text.get(..self.began).map_or(0, |before| before.chars().count()) + 1,
            expected: expected.to_owned(),
            found: if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") },
        }
    }
}

#[cfg(test)]
mod tests;
