//! The sessions of the README, run as they stand there.
//!
//! Each line that begins with `$ ` in a block fenced as `console` is run by a shell, in order, all
//! blocks as one session; so the variables that it exports are those of a reader who follows it.
//! Lines below a command are what it prints; `…` stands for any text. These differences are made,
//! so that the session runs anywhere, at once, and beside others:
//!
//! - `cargo` and `export PATH` are left out: the program is the one under test.
//! - `/tmp/` is a folder of the test, and each TCP port another one that is free.
//! - Nobody is looked for on the local network.
//! - A reader takes time. Before the session turns to another folder, the nodes that run agree.
//!   `sleep` is left out, and a command is given again until it succeeds and prints what is shown.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use folkmoot_tests::e2e::{PATIENCE, Ran, Stage, end_node_of, free_port, run_within, until};
use serde_json::Value;

use super::{PROGRAM, stage};

/// A command of a session, and what it prints as far as that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The commands in the console blocks of a text.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_console = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        } else if is_console && let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), shown: Vec::new() });
        } else if is_console && let Some(step) = steps.last_mut() {
            step.shown.push(line.to_owned());
        }
    }
    steps
}

/// Whether a line is what was shown, where `…` stands for any text.
fn fits(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut is_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        is_open = part.is_empty();
    }
    rest.is_empty() || is_open
}

/// A reader at a shell.
struct Reader {
    stage: Stage,
    variables: BTreeMap<String, String>,
    /// Each port of the text, and the one that stands for it.
    ports: BTreeMap<String, u16>,
}

impl Reader {
    fn new() -> Self {
        let stage = stage();
        for folder in ["bin", "tmp"] {
            fs::create_dir(stage.path().join(folder)).unwrap();
        }
        symlink(PROGRAM, stage.path().join("bin/moot")).unwrap();
        Self { stage, variables: BTreeMap::new(), ports: BTreeMap::new() }
    }

    /// Does what a step says.
    fn follow(&mut self, step: &Step) {
        let command = self.translate(&step.command);
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["cargo" | "sleep", ..] => {}
            ["export", assignment, ..] => {
                let (name, value) = assignment.split_once('=').unwrap();
                if name != "PATH" {
                    self.turn_to(name, value.trim_matches('"'));
                }
            }
            _ => {
                until(&step.command, || {
                    let ran = self.shell(&command);
                    let lines: Vec<&str> = ran.out.lines().collect();
                    let is_shown = step.shown.is_empty()
                        || lines.len() == step.shown.len()
                            && lines.iter().zip(&step.shown).all(|(line, shown)| fits(line, shown));
                    if ran.exit == Some(0) && is_shown { Ok(()) } else { Err(format!("{ran:#?}")) }
                });
            }
        }
    }

    /// The command with the paths and ports of this test.
    fn translate(&mut self, command: &str) -> String {
        let folder = self.stage.path().join("tmp");
        let mut command = command.replace("/tmp/", &format!("{}/", folder.display()));
        let ports: Vec<String> = command
            .split("/tcp/")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
            .collect();
        for port in ports {
            let own = *self.ports.entry(port.clone()).or_insert_with(free_port);
            command = command.replace(&format!("/tcp/{port}"), &format!("/tcp/{own}"));
        }
        command
    }

    /// Sets a variable. As much time passes as a reader needs.
    fn turn_to(&mut self, name: &str, value: &str) {
        until("the nodes of the session agree", || {
            let seen: Vec<Value> =
                self.homes().iter().filter_map(|home| self.summit(home)).collect();
            let same = seen.windows(2).all(|pair| pair[0] == pair[1]);
            if same { Ok(()) } else { Err(Value::from(seen)) }
        });
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn homes(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.stage.path().join("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }

    /// Heads and root of a node; none where it does not run.
    fn summit(&self, home: &Path) -> Option<Value> {
        let ran = self.shell(&format!("moot --home {} status --json", home.display()));
        let status = (ran.exit == Some(0)).then(|| ran.data())?;
        let ns = &status["namespaces"][0];
        Some(Value::from(vec![ns["heads"].clone(), ns["state_root"].clone()]))
    }

    fn shell(&self, command: &str) -> Ran {
        let mut shell = Command::new("sh");
        let path = format!("{}/bin:/usr/bin:/bin", self.stage.path().display());
        shell.args(["-c", command]).current_dir(self.stage.path());
        shell.env_clear().env("PATH", path).env("HOME", self.stage.path());
        shell.env("MOOT_MDNS", "false").envs(&self.variables);
        run_within(shell, PATIENCE)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for home in self.homes() {
            end_node_of(&home);
        }
    }
}

#[test]
fn the_sessions_of_the_readme_come_out_as_shown() {
    let text = include_str!("../../../README.md");
    let steps = steps(text);
    let moot = steps.iter().filter(|step| step.command.starts_with("moot ")).count();
    let shown = steps.iter().filter(|step| !step.shown.is_empty()).count();
    assert!(moot >= 10 && shown >= 1, "{moot} commands of moot, {shown} with output");
    let mut reader = Reader::new();
    for step in &steps {
        reader.follow(step);
    }
}

#[test]
fn sessions_are_found_and_compared() {
    let text = "a\n```console\n$ moot tree\nAcme\n  - Ada mem1…\n```\n```text\n$ no\n```\n";
    let shown = vec!["Acme".to_owned(), "  - Ada mem1…".to_owned()];
    assert_eq!(steps(text), [Step { command: "moot tree".to_owned(), shown }]);
    for (line, shown, is) in [
        ("Ada mem1abc  owner", "Ada mem1…  owner", true),
        ("Ada mem1abc", "Ada mem1…", true),
        ("Ada", "Ada", true),
        ("Ada mem1abc  owner", "Ada mem1…  member", false),
        ("Ada mem1abc  owner (you)", "Ada mem1…  owner", false),
        ("Adam", "Ada", false),
    ] {
        assert_eq!(fits(line, shown), is, "{line} {shown}");
    }
}
