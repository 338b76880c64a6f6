//! Carries out what was typed.

use std::cell::RefCell;
use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use folkmoot_core::limits::DELIVERY_MS_MAX;
use serde::Serialize;

use super::joining::Teller;
use super::{
    Cli, Command, Common, ConfigCommand, Ctx, Group, Id, Invitations, InviteCommand, Member, Ns, Up,
};
use crate::call::{Call, Method};
use crate::client::Client;
use crate::commands::compare::Compare;
use crate::commands::export::{ExportReply, FILE_BYTES_MAX, OpsFile};
use crate::commands::identity;
use crate::commands::join::{Join, JoinCancel, Progress};
use crate::commands::node::{Down, VersionReply};
use crate::commands::offline::{self, Replay};
use crate::config::{Config, KEYS};
use crate::daemon::{self, Ready};
use crate::delivery::Wanted;
use crate::demo;
use crate::envelope::seal;
use crate::errors::{Class, Failure};
use crate::home::{self, SOCKET};
use crate::render::{Page, Show, Tone, print, safe_json, say, wants_color};
use crate::reply::Done;
use crate::telemetry;

/// How long an answer may take unless said.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long an answer to a command that writes may take unless said: as long as one may wait for
/// others to have it.
const WRITTEN_WITHIN: Duration = Duration::from_millis(DELIVERY_MS_MAX);
/// How often a command that watches looks again.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long the start of a detached node may take unless said; a long log is read first.
const START_WITHIN: Duration = Duration::from_mins(2);
/// What an answer may take beyond what the node was told.
const GRACE: Duration = Duration::from_secs(5);

/// The program: reads the command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    // Nobody else reads what this program writes.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return on_bad_usage(&error),
    };
    let is_json = cli.common.json;
    let result = Session::new(cli.common).and_then(|session| session.run(cli.command));
    match result {
        Ok(code) => code,
        Err(failure) => {
            tell_failure(&failure, is_json);
            ExitCode::from(u8::from(failure.class))
        }
    }
}

/// Help is no failure; anything else is, in the form that was asked for.
fn on_bad_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        let text = text.trim_start_matches("error: ").trim_end();
        tell_failure(&Failure::usage(text), true);
    } else {
        // There is nobody to tell if that fails.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { u8::from(Class::Usage) } else { 0 })
}

fn tell_failure(failure: &Failure, is_json: bool) {
    if is_json {
        let text = seal(&Err::<(), _>(failure.clone()));
        // There is nobody to tell if that fails.
        let _ = print(&(safe_json(&text) + "\n"));
        return;
    }
    say(&format!("error[{}]: {}", failure.code, failure.message));
    if let Some(hint) = &failure.hint {
        say(&format!("hint: {hint}"));
    }
}

/// One run of the program.
struct Session {
    home: PathBuf,
    is_json: bool,
    is_quiet: bool,
    timeout: Option<Duration>,
    namespace: Option<String>,
    wanted: Wanted,
}

impl Session {
    fn new(common: Common) -> Result<Self, Failure> {
        let Common { json, quiet, timeout, home, namespace, wanted } = common;
        Ok(Self {
            home: home::locate(home.as_deref())?,
            is_json: json,
            is_quiet: quiet,
            timeout,
            namespace,
            wanted: wanted.within(timeout),
        })
    }

    fn run(self, command: Command) -> Result<ExitCode, Failure> {
        let done = match command {
            Command::Up(up) => self.up(&up),
            Command::Down => self.down(),
            Command::Status(call) => self.watch(&call, call.watch),
            Command::Ns(ns) => match ns {
                Ns::Create(call) => self.call(&call),
                Ns::List(call) => self.call(&call),
                Ns::Show(call) => self.call(&call),
                Ns::Leave(call) => self.call(&call),
            },
            Command::Tree(call) => self.call(&call),
            Command::Group(group) => self.group(group),
            Command::Invite(invite) => self.invite(invite),
            Command::Join(join) => self.join(join),
            Command::Member(member) => self.member(member),
            Command::Defaults(call) => self.call(&call),
            Command::Ctx(ctx) => match ctx {
                Ctx::Register(call) => self.call(&call),
                Ctx::List(call) => self.call(&call),
                Ctx::Detach(call) => self.call(&call),
            },
            Command::Id(id) => self.identity(id),
            Command::Anchor(call) => self.call(&call),
            Command::History(call) => self.call(&call),
            Command::Show(call) => self.call(&call),
            Command::Why(call) => self.call(&call),
            Command::WhyNot(call) => self.call(&call),
            Command::Verify => self.give(&offline::verify(&self.home)?),
            Command::Export { file } => self.export(&file),
            Command::Import { file } => self.import(&file),
            Command::Replay(replay) => self.replay(replay),
            Command::Peers(call) => self.watch(&call, call.watch),
            Command::Ping(call) => self.call(&call),
            Command::Compare(call) => return self.compare(&call),
            Command::Connect(call) => self.call(&call),
            Command::Block(call) => self.call(&call),
            Command::Unblock(call) => self.call(&call),
            Command::Config(config) => self.config(config),
            Command::Completions { shell } => raw(&Cli::completions(shell)),
            Command::Demo => demo::run(self.is_json),
            Command::Version => self.give(&VersionReply::this()),
        };
        done.map(|()| ExitCode::SUCCESS)
    }

    fn group(&self, command: Group) -> Result<(), Failure> {
        match command {
            Group::Create(call) => self.call(&call),
            Group::List(call) => self.call(&call),
            Group::Show(call) => self.call(&call),
            Group::Move(call) => self.call(&call),
            Group::Delete(call) => self.call(&call),
            Group::Visibility(call) => self.call(&call),
            Group::Rename(call) => self.call(&call),
        }
    }

    fn invite(&self, command: InviteCommand) -> Result<(), Failure> {
        match command.command {
            None => self.call(&command.invite),
            Some(Invitations::List(call)) => self.call(&call),
            Some(Invitations::Revoke(call)) => self.call(&call),
        }
    }

    fn member(&self, command: Member) -> Result<(), Failure> {
        match command {
            Member::Add(call) => self.call(&call),
            Member::List(call) => self.call(&call),
            Member::Remove(call) => self.call(&call),
            Member::Rights(call) => self.call(&call),
            Member::Rename(call) => self.call(&call),
        }
    }

    fn identity(&self, command: Id) -> Result<(), Failure> {
        home::prepare(&self.home)?;
        match command {
            Id::New => self.give(&identity::new(&self.home)?),
            Id::Show => self.give(&identity::show(&self.home)?),
        }
    }

    fn client(&self) -> Client {
        Client {
            socket: self.home.join(SOCKET),
            timeout: self.timeout.unwrap_or(ANSWER_WITHIN),
            namespace: self.namespace.clone(),
            wanted: self.wanted.clone(),
        }
    }

    fn call<C: Call>(&self, call: &C) -> Result<(), Failure> {
        let mut client = self.client();
        if C::METHOD == Method::Post {
            // It may wait for others to have what was written.
            client.timeout = self.timeout.unwrap_or(WRITTEN_WITHIN).saturating_add(GRACE);
        }
        self.give(&block_on(client.call(call))?)
    }

    /// Calls once, or again and again until the person has seen enough.
    fn watch<C: Call>(&self, call: &C, is_watching: bool) -> Result<(), Failure> {
        self.call(call)?;
        if !is_watching {
            return Ok(());
        }
        loop {
            std::thread::sleep(WATCH_EVERY);
            if !self.is_json && std::io::stdout().is_terminal() {
                // From the first line on, anew.
                raw(b"\x1b[H\x1b[2J")?;
            } else if !self.is_json {
                raw(b"\n")?;
            }
            self.call(call)?;
        }
    }

    /// What is compared is told whole, and the exit code says how it is.
    fn compare(&self, compare: &Compare) -> Result<ExitCode, Failure> {
        let reply = block_on(self.client().call(compare))?;
        self.give(&reply)?;
        Ok(reply.class().map_or(ExitCode::SUCCESS, |class| ExitCode::from(u8::from(class))))
    }

    fn up(&self, up: &Up) -> Result<(), Failure> {
        // A detached node tells its parent, in one line, how the start went.
        let is_detached = daemon::is_detached();
        if up.detach && !is_detached {
            let ready = daemon::detach(&self.home, self.timeout.unwrap_or(START_WITHIN))?;
            return self.give(&ready);
        }
        if is_detached {
            daemon::settle_detached();
        }
        let started = std::cell::Cell::new(false);
        let tell = |ready: &Ready| {
            started.set(true);
            if is_detached { line(&seal(&Ok::<_, Failure>(ready))) } else { self.give(ready) }
        };
        let result = Config::read(&self.home).map_err(Failure::from).and_then(|config| {
            let config = config.with(&up.overrides);
            telemetry::start(&config.log)?;
            block_on_many(daemon::run(&self.home, config, tell))
        });
        if let (Err(failure), true, false) = (&result, is_detached, started.get()) {
            line(&seal(&Err::<(), _>(failure.clone())))?;
            std::process::exit(i32::from(u8::from(failure.class)));
        }
        if let (Err(failure), true) = (&result, is_detached) {
            // The parent has gone; what is left is the log.
            say(&format!("error[{}]: {failure}", failure.code));
            std::process::exit(i32::from(u8::from(failure.class)));
        }
        result
    }

    fn down(&self) -> Result<(), Failure> {
        let within = self.timeout.unwrap_or(ANSWER_WITHIN);
        let stopping = async {
            let done = self.client().call(&Down {}).await?;
            daemon::wait_until_free(&self.home, within).await?;
            Ok(done)
        };
        self.give(&block_on(stopping)?)
    }

    fn join(&self, mut join: Join) -> Result<(), Failure> {
        if let Some(namespace) = join.cancel {
            return self.call(&JoinCancel { namespace });
        }
        if join.code.as_deref() == Some("-") {
            let mut code = String::new();
            let read = std::io::stdin().lock().take(64 * 1024).read_to_string(&mut code);
            read.map_err(|source| Failure::file("read", Path::new("standard input"), &source))?;
            join.code = Some(code);
        }
        let timeout = self.timeout.unwrap_or(ANSWER_WITHIN);
        join.within_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let client = Client { timeout: timeout.saturating_add(GRACE), ..self.client() };
        let teller = RefCell::new(Teller::default());
        let tell = |progress: Progress| {
            let line = teller.borrow_mut().line(progress, Instant::now());
            if let Some(line) = line.filter(|_| !self.is_quiet) {
                say(&line);
            }
        };
        let watching = async {
            tokio::select! {
                joined = client.join(&join, tell) => joined,
                // The job is the node's: it goes on.
                interrupt = tokio::signal::ctrl_c() => match interrupt {
                    Ok(()) => Err(teller.borrow().interrupted()),
                    Err(_) => std::future::pending().await,
                },
            }
        };
        self.give(&block_on(watching)?)
    }

    fn export(&self, file: &Path) -> Result<(), Failure> {
        let (bytes, ops) = block_on(self.client().export())?;
        let part = file.with_extension("part");
        let written = fs::write(&part, &bytes).and_then(|()| fs::rename(&part, file));
        written.map_err(|source| Failure::file("write", file, &source))?;
        self.give(&ExportReply {
            namespace: ops.namespace.to_string(),
            file: file.display().to_string(),
            ops: ops.ops.len() as u64,
            bytes: bytes.len() as u64,
        })
    }

    fn import(&self, file: &Path) -> Result<(), Failure> {
        let opened = fs::File::open(file);
        let read = opened.and_then(|opened| {
            let mut bytes = Vec::new();
            opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes = read.map_err(|source| Failure::file("read", file, &source))?;
        self.give(&block_on(self.client().import(OpsFile::decode(&bytes)?))?.or_refusal()?)
    }

    fn replay(&self, replay: Replay) -> Result<(), Failure> {
        self.give(&replay.run(self.is_json)?)
    }

    fn config(&self, command: ConfigCommand) -> Result<(), Failure> {
        let config = Config::read(&self.home)?;
        match command {
            ConfigCommand::Show => self.give(&ConfigReply(config)),
            ConfigCommand::Validate => {
                telemetry::check(&config.log)?;
                let path = self.home.join(crate::config::FILE);
                self.give(&Done::new(format!("{} can be used", path.display())))
            }
        }
    }

    /// Prints an answer.
    fn give<T: Serialize + Show>(&self, reply: &T) -> Result<(), Failure> {
        if self.is_json {
            return line(&safe_json(&seal(&Ok::<_, Failure>(reply))));
        }
        let mut page = Page::new(wants_color(&std::io::stdout()));
        if self.is_quiet {
            reply.brief(&mut page);
        } else {
            reply.show(&mut page);
        }
        raw(page.into_text().as_bytes())
    }
}

fn raw(bytes: &[u8]) -> Result<(), Failure> {
    print(&String::from_utf8_lossy(bytes)).map_err(|source| on_output(&source))
}

fn line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n")).map_err(|source| on_output(&source))
}

fn on_output(source: &std::io::Error) -> Failure {
    Failure::file("write", Path::new("standard output"), source)
}

/// Runs a short conversation on this thread.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| no_runtime(&error))?.block_on(future)
}

/// Runs a node.
fn block_on_many<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| no_runtime(&error))?.block_on(future)
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::new(Class::Failed, "no-runtime", format!("cannot start a runtime: {error}"))
}

/// The configuration as it is in effect, without flags.
#[derive(Serialize)]
#[serde(transparent)]
struct ConfigReply(Config);

impl Show for ConfigReply {
    fn show(&self, page: &mut Page) {
        let all = toml::Value::Table(toml::Table::try_from(&self.0).unwrap_or_default());
        for (key, meaning) in KEYS {
            let value = key.split('.').try_fold(&all, |value, part| value.get(part));
            let value = value.map_or_else(String::new, ToString::to_string);
            page.put(Tone::Strong, key).put(Tone::Plain, &format!(" = {value}"));
            page.put(Tone::Dim, &format!("  # {meaning}")).end();
        }
    }
}
