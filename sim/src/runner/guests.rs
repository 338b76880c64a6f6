//! Invitations, and who joins with them.

use super::act::{JOIN_MS, Then};
use super::bodies::rights;
use super::{Bug, Runner, author};
use crate::kit::{Author, flip};
use crate::scenario::Role;
use folkmoot_core::command::Command;
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::time::UnixMillis;

/// Who is invited.
#[derive(Clone)]
pub(super) struct Guests {
    /// The nodes that use the invitation, which is for one person.
    pub(super) nodes: Vec<usize>,
    pub(super) role: Role,
    /// Whether nothing excuses them from joining.
    pub(super) is_owed: bool,
    /// For how long they are invited, by the clock of the inviter, in milliseconds; `None` for
    /// ever.
    pub(super) lasts_ms: Option<u64>,
    /// Which bit of the inviter's signature is another when they use it.
    pub(super) spoilt: Option<u16>,
}

impl Guests {
    pub(super) fn new(nodes: Vec<usize>, role: Role) -> Self {
        Self { nodes, role, is_owed: false, lasts_ms: None, spoilt: None }
    }
}

impl Runner<'_> {
    /// A node invites another one, which joins; nothing excuses it if that is owed.
    pub(super) fn invite_one(&mut self, from: usize, node: usize, role: Role, is_owed: bool) {
        self.invite(from, &Guests { is_owed, ..Guests::new(vec![node], role) });
    }

    /// A node makes an invitation for one person, and its guests use it.
    pub(super) fn invite(&mut self, from: usize, guests: &Guests) {
        let Some(namespace) = self.namespace.filter(|_| !guests.nodes.contains(&from)) else {
            return;
        };
        self.secrets += 1;
        let secret = Author::new(self.secrets);
        self.watch.borrow_mut().secrets.add(&secret);
        self.promised_uses.insert(secret.id, 1);
        let namespace = self.other.unwrap_or(namespace);
        let now = self.world.now();
        let unix_ms = self.world.nodes.get(from).map_or(0, |node| node.clock.unix_at(now));
        let expires_at = guests.lasts_ms.map_or(u64::MAX, |ms| unix_ms.saturating_add(ms));
        let wish = Command::Invite {
            namespace,
            group: namespace.root(),
            rights: rights(guests.role),
            uses_max: if self.bug == Bug::Generous { 9 } else { 1 },
            expires_at: UnixMillis(expires_at),
            one_time_key: secret.id,
        };
        let (guests, secret) = (guests.clone(), Box::new(secret));
        self.issue(from, wish, Then::Invited { guests, secret });
    }

    /// The guests use their invitation.
    pub(super) fn let_in(&mut self, guests: &Guests, invitation: &Invitation, secret: &Author) {
        let mut invitation = invitation.clone();
        if let Some(bit) = guests.spoilt {
            flip(&mut invitation.signature.0, bit);
        }
        for node in &guests.nodes {
            self.join(*node, &invitation, secret, guests.is_owed);
        }
    }

    /// A node uses an invitation that it was given.
    fn join(&mut self, at: usize, invitation: &Invitation, secret: &Author, is_owed: bool) {
        let Some(namespace) = self.namespace else { return };
        let misprint = Author::new(u64::MAX);
        let secret = if self.bug == Bug::Misprint { &misprint } else { secret };
        let request = author(at).accept(invitation, secret);
        let wish = Command::Join { request, addresses: Vec::new(), within_ms: JOIN_MS };
        self.issue(at, wish, Then::Joined { namespace, is_owed });
    }

    /// A node gives up its join.
    pub(super) fn cancel_join(&mut self, at: usize) {
        if let Some(namespace) = self.namespace {
            self.issue(at, Command::CancelJoin { namespace }, Then::Written);
        }
    }

    /// The last invitation that a node signed.
    pub(super) fn last_issued(&self, at: usize) -> Option<Invitation> {
        let state = self.world.nodes.get(at)?.state();
        state.durable.namespaces.get(&self.namespace?)?.issued.last().cloned()
    }
}
