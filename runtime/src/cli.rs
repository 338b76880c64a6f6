//! The command line.

mod joining;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::args::duration;
use crate::commands::{
    compare, context, group, history, invite, join, member, namespace, network, node, offline,
    peers, tree, why,
};
use crate::config::Overrides;
use crate::delivery::Wanted;

pub use run::main;

/// Groups of people and machines that govern themselves, peer to peer
#[derive(Debug, Parser)]
#[command(name = "moot", disable_version_flag = true, propagate_version = false)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Title of what holds for every command.
const COMMON: &str = "Common options";

/// What holds for every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// One JSON object on standard output
    #[arg(long, global = true, help_heading = COMMON)]
    pub json: bool,
    /// Only what was asked for: ids, no notes
    #[arg(short, long, global = true, help_heading = COMMON)]
    pub quiet: bool,
    /// How long an answer may take, or others to confirm what is written, such as 500ms, 30s, 5m
    #[arg(long, global = true, help_heading = COMMON, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// The data folder
    #[arg(long, global = true, help_heading = COMMON, value_name = "DIR", env = "MOOT_HOME")]
    pub home: Option<PathBuf>,
    /// The namespace, by name, id, or the beginning of either; needed where there are several
    #[arg(short = 'n', long = "ns", global = true, help_heading = COMMON)]
    #[arg(value_name = "NS", env = "MOOT_NS")]
    pub namespace: Option<String>,
    /// What commands that write want of their delivery.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the node
    Up(Up),
    /// Stop the node
    Down,
    /// The node on one screen
    Status(node::Status),
    /// Namespaces
    #[command(subcommand)]
    Ns(Ns),
    Tree(tree::Tree),
    /// Groups
    #[command(subcommand)]
    Group(Group),
    /// Invite someone; list or revoke invitations
    Invite(InviteCommand),
    Join(join::Join),
    /// Members
    #[command(subcommand)]
    Member(Member),
    Defaults(member::Defaults),
    /// Contexts
    #[command(subcommand)]
    Ctx(Ctx),
    /// Identities
    #[command(subcommand)]
    Id(Id),
    Anchor(history::Anchor),
    History(history::History),
    Show(history::ShowOp),
    Why(why::Why),
    WhyNot(why::WhyNot),
    /// Fold the log again with full admission, and compare; the node must be down
    Verify,
    /// Write every op of a namespace into a file
    Export {
        /// The file
        file: PathBuf,
    },
    /// Bring ops from a file; they are judged like any others
    Import {
        /// The file
        file: PathBuf,
    },
    Replay(offline::Replay),
    Peers(peers::Peers),
    Connect(network::Connect),
    Ping(peers::Ping),
    Compare(compare::Compare),
    Block(network::Block),
    Unblock(network::Unblock),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Show the main job in half a minute: three nodes, a cut, and how they agree again
    Demo,
    /// The version of this program and of its rules
    Version,
}

/// Start the node
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// In the background; returns when the node is ready
    #[arg(short, long)]
    pub detach: bool,
    /// What flags and environment say.
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Commands about namespaces.
#[derive(Debug, Subcommand)]
pub(crate) enum Ns {
    Create(namespace::NsCreate),
    List(namespace::NsList),
    Show(namespace::NsShow),
    Leave(namespace::NsLeave),
}

/// Commands about groups.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    Create(group::GroupCreate),
    List(group::GroupList),
    Show(group::GroupShow),
    Move(group::GroupMove),
    Delete(group::GroupDelete),
    Visibility(group::GroupVisibility),
    Rename(group::GroupRename),
}

/// Write an invitation, or look after those written
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct InviteCommand {
    /// What to do with invitations.
    #[command(subcommand)]
    pub command: Option<Invitations>,
    /// The invitation to write.
    #[command(flatten)]
    pub invite: invite::Invite,
}

/// Commands about invitations.
#[derive(Debug, Subcommand)]
pub(crate) enum Invitations {
    List(invite::InviteList),
    Revoke(invite::InviteRevoke),
}

/// Commands about members.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    Add(member::MemberAdd),
    List(member::MemberList),
    Remove(member::MemberRemove),
    Rights(member::MemberRights),
    Rename(member::MemberRename),
}

/// Commands about contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum Ctx {
    Register(context::CtxRegister),
    List(context::CtxList),
    Detach(context::CtxDetach),
}

/// Commands about identities.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Id {
    /// Make an identity for a namespace to come, and print its id
    New,
    /// All identities, and what they are used for
    Show,
}

/// Commands about the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key with the value it has
    Show,
    /// Whether the file can be used
    Validate,
}

/// The whole command line as a table, for references and completions.
pub fn table() -> clap::Command {
    Cli::command()
}

impl Cli {
    /// The completion script for a shell.
    pub(crate) fn completions(shell: Shell) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut table(), "moot", &mut script);
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_flags_may_stand_anywhere() {
        for line in
            ["moot --json -n Acme tree", "moot tree -n Acme --json", "moot -nAcme tree --json"]
        {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(cli.common.json);
            assert_eq!(cli.common.namespace.as_deref(), Some("Acme"));
        }
    }

    #[test]
    fn inviting_needs_no_subcommand() {
        let cli = Cli::try_parse_from(["moot", "invite", "--rights", "admin", "--expires", "1h"]);
        let Command::Invite(InviteCommand { command: None, invite }) = cli.unwrap().command else {
            panic!("not an invitation");
        };
        assert_eq!(invite.expires_ms, Some(3_600_000));
        let cli = Cli::try_parse_from(["moot", "invite", "list"]).unwrap();
        assert!(matches!(
            cli.command,
            Command::Invite(InviteCommand { command: Some(Invitations::List(_)), .. })
        ));
    }

    #[test]
    fn every_shell_has_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            assert!(Cli::completions(shell).len() > 1000);
        }
    }
}
