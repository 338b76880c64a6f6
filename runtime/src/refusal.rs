//! Refusals of the core as failures: a stable code, a hint, and an exit code.

use folkmoot_core::command::{JoinError, Refusal};
use folkmoot_core::governance::verdict::{Precondition, VoidAtCut};

use crate::errors::{Class, Failure};

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (class, code, hint) = match &refusal {
            Refusal::UnknownNamespace(_) => {
                (Class::NotFound, "unknown-namespace", "`moot ns list` shows those it knows")
            }
            Refusal::AlreadyMember(_) => {
                (Class::Failed, "already-member", "there is nothing to join")
            }
            Refusal::TooManyNamespaces(_) => {
                (Class::Failed, "too-many-namespaces", "leave one with `moot ns leave`")
            }
            Refusal::WouldBeVoid(void) => of_void(void),
            Refusal::WouldBeDropped(_) => {
                (Class::Denied, "dropped", "you have no right in any group of this namespace")
            }
            Refusal::StateChanged { .. } => {
                (Class::Failed, "state-changed", "look at it again and decide anew")
            }
            Refusal::Malformed(_) => (Class::Usage, "malformed", "see `--help` of the command"),
            Refusal::NoKey(_) => {
                (Class::Failed, "no-key", "put the key file into the folder keys again")
            }
            Refusal::Busy(_) => (Class::Failed, "busy", "try again in a moment"),
            Refusal::NotJoined(error) => of_join(error),
            Refusal::NoRoom(_) => (
                Class::Storage,
                "disk-nearly-full",
                "free some space; `reserve_mib` in config.toml says how much is kept",
            ),
            // Nothing was waited for, so it is no timeout: the node is not well connected, and the
            // API says 503, not yet.
            Refusal::TransportNotReady { .. } => (
                Class::Unhealthy,
                "transport-not-ready",
                "`moot peers` shows who is connected; without --strict it is written all the same",
            ),
            Refusal::NotJoining(_) => {
                (Class::NotFound, "not-joining", "`moot ns list` shows what is being joined")
            }
            Refusal::JoiningOtherwise(_) => (
                Class::Failed,
                "joining-otherwise",
                "wait until that has ended, or end it with `moot join --cancel NS`",
            ),
            Refusal::Closed => (Class::Failed, "closed", "the namespace was left meanwhile"),
        };
        Self::new(class, code, refusal.to_string()).hint(hint)
    }
}

fn of_void(void: &VoidAtCut) -> (Class, &'static str, &'static str) {
    match void {
        VoidAtCut::StateHashMismatch { .. } => (
            Class::Unhealthy,
            "state-hash-mismatch",
            "this node does not agree with itself: stop it and run `moot verify`",
        ),
        VoidAtCut::NotAuthorised(_) => {
            (Class::Denied, "not-authorised", "`moot why-not` says who could do it")
        }
        VoidAtCut::NotSenior => {
            (Class::Denied, "not-senior", "ask someone more senior; `moot tree` shows ranks")
        }
        VoidAtCut::NothingToTake => {
            (Class::Failed, "nothing-to-take", "`moot tree` shows who has what, and where")
        }
        VoidAtCut::Precondition(what) => match what {
            Precondition::NoSuchGroup => {
                (Class::NotFound, "no-such-group", "`moot tree` shows the groups")
            }
            Precondition::TooDeep => (Class::Failed, "too-deep", "put it higher in the tree"),
            Precondition::Circle => {
                (Class::Failed, "circle", "choose a group that is not below it")
            }
            Precondition::Root => (Class::Failed, "is-root", "name a group below the root"),
            Precondition::NothingAdded => {
                (Class::Failed, "nothing-added", "they have these rights already: `moot tree`")
            }
            Precondition::NoSuchContext => {
                (Class::NotFound, "no-such-context", "`moot ctx list` shows the contexts")
            }
            Precondition::NotRoot => (Class::Failed, "not-root", "leave out --group"),
            Precondition::NotOwner => {
                (Class::Denied, "not-owner", "only an owner can be the notary: `moot ns show`")
            }
        },
    }
}

fn of_join(error: &JoinError) -> (Class, &'static str, &'static str) {
    match error {
        JoinError::InvitationInvalid(_) => {
            (Class::Usage, "invitation-invalid", "ask the inviter for a new invitation")
        }
        JoinError::InvitationExpired { .. } => {
            (Class::Denied, "invitation-expired", "ask the inviter for a new invitation")
        }
        JoinError::NoReadyPeers { .. } => (
            Class::Timeout,
            "no-ready-peers",
            "the same code can be tried again; `moot connect ADDR` reaches a member by hand",
        ),
        JoinError::PartnersFailed { .. } => {
            (Class::Timeout, "partners-failed", "try the same code again, with a longer --timeout")
        }
        JoinError::PullIncomplete { .. } => {
            (Class::Timeout, "pull-incomplete", "try the same code again, with a longer --timeout")
        }
        JoinError::Refused(_) => {
            (Class::Denied, "join-refused", "ask the inviter for a new invitation")
        }
        JoinError::Unconfirmed { .. } => {
            (Class::Timeout, "join-unconfirmed", "`moot status` shows when another member has it")
        }
        JoinError::Cancelled => {
            (Class::Failed, "join-cancelled", "the same code can be tried again")
        }
    }
}
