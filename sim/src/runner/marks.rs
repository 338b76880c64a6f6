//! What a run has reached: places in the product that a soak has to come to sometimes.
//!
//! They are derived from what the world sees (what nodes tell their users, how commands end, what
//! became of ops), so that the product knows nothing of them.

use super::Runner;
use super::book::Book;
use folkmoot_core::command::{Outcome, Refusal};
use folkmoot_core::effect::{Notice, Phase};
use folkmoot_core::governance::graph::Deed as GraphDeed;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::governance::verdict::{Dropped, Precondition, Unauthorised, VoidAtCut};
use folkmoot_core::governance::view::Cause;
use folkmoot_core::id::OpId;
use folkmoot_core::join::JoinError;
use folkmoot_core::limits::{PARENTS_MAX, PENDING_AGE_MS_MAX};
use folkmoot_core::readiness::{self, State};
use folkmoot_core::sync::{Shortfall, Verdict};
use std::collections::BTreeMap;

/// An op that has waited so long expires soon, in milliseconds.
const LONG_MS: u64 = PENDING_AGE_MS_MAX / 10 * 9;

/// Marks by name, and how often each was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks(BTreeMap<&'static str, u64>);

impl Default for Marks {
    fn default() -> Self {
        Self(NAMES.iter().map(|name| (*name, 0)).collect())
    }
}

impl Marks {
    /// A mark was hit.
    pub(super) fn hit(&mut self, name: &'static str) {
        debug_assert!(NAMES.contains(&name), "{name} is not on the list");
        *self.0.entry(name).or_default() += 1;
    }

    /// Adds what another run has reached.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    /// All marks, those that were never hit too.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(name, count)| (*name, *count))
    }

    /// The marks that were never hit.
    pub fn missed(&self) -> impl Iterator<Item = &'static str> {
        self.iter().filter(|(_, count)| *count == 0).map(|(name, _)| name)
    }
}

/// Every mark.
const NAMES: &[&str] = &[
    "A4: parents",
    "A5: parent refused",
    "A6: parents related",
    "A7: nonce",
    "A8: stranger",
    "A9: state hash",
    "A10: signer",
    "A10: inviter",
    "A10: invitation",
    "A10: frontier",
    "A10: used up",
    "A10: revoked",
    "A10: removed",
    "A10: left",
    "A10: not the notary",
    "A11: not senior",
    "A11: nothing to take",
    "A12: no such group",
    "A12: too deep",
    "A12: circle",
    "A12: root",
    "A12: nothing added",
    "A12: no such context",
    "A12: not the root",
    "A12: not an owner",
    "void: authority void",
    "void: struck",
    "void: moved away",
    "void: invitation spent",
    "void: slot lost",
    "op voided",
    "op revived",
    "op judged at an old cut",
    "op parked",
    "heads joined",
    "epoch moved",
    "equivocation",
    "anchors equivocated",
    "ops wait",
    "waiting op expired",
    "ready: alone",
    "ready: validated",
    "ready: catching up",
    "ready: ops wait",
    "ready: nobody heard",
    "ready: diverged",
    "cut off",
    "found again",
    "sync: in sync",
    "sync: stalled",
    "sync: gone",
    "sync: lied",
    "sync: refused",
    "sync: lacking",
    "sync: diverged",
    "join: pulling",
    "join: asking",
    "join: confirmed",
    "join: invitation invalid",
    "join: expired",
    "join: nobody there",
    "join: partners failed",
    "join: pull incomplete",
    "join: refused",
    "join: unconfirmed",
    "join: cancelled",
    "refused: would be void",
    "refused: would be dropped",
    "refused: unknown namespace",
    "refused: member already",
    "refused: no room",
    "refused: other",
    "world: sync failed",
    "world: disk full",
    "world: op unreadable",
    "world: crash point",
    "world: restart from a snapshot",
    "world: node lost",
    "world: set back",
    "full: waiting ops",
    "full: waiting ops of a signer",
    "full: refused ids",
    "full: notes on peers",
    "full: lists",
    "full: ops of newer rules",
];

/// What a node told its user.
fn of_notice(notice: &Notice) -> Option<&'static str> {
    Some(match notice {
        Notice::OpAccepted { .. } | Notice::JoinProgress { .. } => return None,
        Notice::OpVoided { .. } => "op voided",
        Notice::OpRevived { .. } => "op revived",
        Notice::Anchored { .. } => "epoch moved",
        Notice::Equivocation { .. } => "equivocation",
        Notice::StateHashMismatch { .. } => "A9: state hash",
        Notice::NeedsUpgrade { .. } => "op parked",
        Notice::OpRefused { why, .. } => match why {
            Dropped::Parents => "A4: parents",
            Dropped::RefusedParent => "A5: parent refused",
            Dropped::RelatedParents => "A6: parents related",
            Dropped::Nonce { .. } => "A7: nonce",
            Dropped::Stranger => "A8: stranger",
        },
        Notice::Readiness { state, .. } => match state {
            State::Bootstrapping => return None,
            State::LocallyReady => "ready: alone",
            State::CatchingUp { .. } => "ready: catching up",
            State::PeerValidated => "ready: validated",
            State::Degraded(readiness::Cause::PendingOps(_)) => "ready: ops wait",
            State::Degraded(readiness::Cause::NoRecentPeers) => "ready: nobody heard",
            State::Degraded(readiness::Cause::Diverged) => "ready: diverged",
        },
        Notice::Diverged { .. } => "ready: diverged",
        Notice::SyncEnded { verdict, .. } => match verdict {
            Verdict::InSync { .. } => "sync: in sync",
            Verdict::Diverged { .. } => "sync: diverged",
            Verdict::Incomplete { why, .. } => match why {
                Shortfall::Stalled => "sync: stalled",
                Shortfall::Gone => "sync: gone",
                Shortfall::Lied => "sync: lied",
                Shortfall::Refused(_) => "sync: refused",
                Shortfall::Lacking => "sync: lacking",
            },
        },
        Notice::JoinPhase { phase, .. } => match phase {
            Phase::Pulling => "join: pulling",
            Phase::Asking => "join: asking",
            Phase::Confirmed => "join: confirmed",
            Phase::Probing | Phase::Failed | Phase::Validating => return None,
        },
        Notice::JoinFailed { error, .. } => of_join(error),
        Notice::JoinWarning { .. } => "join: expired",
        Notice::Isolated { .. } => "cut off",
        Notice::Rejoined { .. } => "found again",
    })
}

fn of_void(void: &VoidAtCut) -> &'static str {
    match void {
        VoidAtCut::StateHashMismatch { .. } => "A9: state hash",
        VoidAtCut::NotSenior => "A11: not senior",
        VoidAtCut::NothingToTake => "A11: nothing to take",
        VoidAtCut::NotAuthorised(why) => match why {
            Unauthorised::Signer(_) => "A10: signer",
            Unauthorised::Inviter(_) => "A10: inviter",
            Unauthorised::Invitation => "A10: invitation",
            Unauthorised::Frontier => "A10: frontier",
            Unauthorised::UsedUp => "A10: used up",
            Unauthorised::Revoked => "A10: revoked",
            Unauthorised::Removed => "A10: removed",
            Unauthorised::Left => "A10: left",
            Unauthorised::NotNotary => "A10: not the notary",
        },
        VoidAtCut::Precondition(what) => match what {
            Precondition::NoSuchGroup => "A12: no such group",
            Precondition::TooDeep => "A12: too deep",
            Precondition::Circle => "A12: circle",
            Precondition::Root => "A12: root",
            Precondition::NothingAdded => "A12: nothing added",
            Precondition::NoSuchContext => "A12: no such context",
            Precondition::NotRoot => "A12: not the root",
            Precondition::NotOwner => "A12: not an owner",
        },
    }
}

fn of_join(error: &JoinError) -> &'static str {
    match error {
        JoinError::InvitationInvalid(_) => "join: invitation invalid",
        JoinError::InvitationExpired { .. } => "join: expired",
        JoinError::NoReadyPeers { .. } => "join: nobody there",
        JoinError::PartnersFailed { .. } => "join: partners failed",
        JoinError::PullIncomplete { .. } => "join: pull incomplete",
        JoinError::Refused(_) => "join: refused",
        JoinError::Unconfirmed { .. } => "join: unconfirmed",
        JoinError::Cancelled => "join: cancelled",
    }
}

/// How a command ended.
pub(super) fn of_outcome(outcome: &Outcome) -> Option<&'static str> {
    let Outcome::Refused(refusal) = outcome else { return None };
    Some(match refusal {
        Refusal::WouldBeVoid(_) => "refused: would be void",
        Refusal::WouldBeDropped(_) => "refused: would be dropped",
        Refusal::UnknownNamespace(_) => "refused: unknown namespace",
        Refusal::AlreadyMember(_) => "refused: member already",
        Refusal::NoRoom(_) => "refused: no room",
        Refusal::NotJoined(error) => of_join(error),
        Refusal::TooManyNamespaces(_)
        | Refusal::StateChanged { .. }
        | Refusal::Malformed(_)
        | Refusal::NoKey(_)
        | Refusal::Busy(_)
        | Refusal::TransportNotReady { .. }
        | Refusal::NotJoining(_)
        | Refusal::JoiningOtherwise(_)
        | Refusal::Closed => "refused: other",
    })
}

impl Runner<'_> {
    /// A node has started again, for some reason.
    pub(super) fn note_restart(&mut self, at: usize) {
        let Some(node) = self.world.nodes.get_mut(at).filter(|node| node.run() > 1) else { return };
        if node.disk.snapshot_count() > 0 {
            self.marks.hit("world: restart from a snapshot");
        }
        let failure = node.failure.take().unwrap_or_default();
        if failure.contains("sync the log") {
            self.marks.hit("world: sync failed");
        } else if failure.contains("append a batch") {
            self.marks.hit("world: disk full");
        }
    }

    /// Whether ops wait for their parents at a node, and whether one has waited too long.
    pub(super) fn note_waiting(&mut self, at: usize) {
        let (Some(namespace), Some(node)) = (self.namespace, self.world.nodes.get(at)) else {
            return;
        };
        let Some(desk) = node.state().volatile.desks.get(&namespace) else { return };
        let mono = node.clock.mono_at(self.world.now());
        let oldest = desk.pending.oldest_first().next();
        let oldest = oldest.map(|it| (it.op.id, mono.saturating_sub(it.since.0)));
        let before = self.checks.waiting(at, oldest);
        if oldest.is_some() {
            self.marks.hit("ops wait");
        }
        let is_gone =
            |op: &OpId| !desk.pending.contains(op) && node.state().op(&namespace, op).is_none();
        if before.is_some_and(|(op, ms)| ms > LONG_MS && is_gone(&op)) {
            self.marks.hit("waiting op expired");
        }
    }

    /// What the whole run has reached.
    pub(super) fn all_marks(&self) -> Marks {
        let mut marks = self.marks.clone();
        (0..self.world.crash_points).for_each(|_| marks.hit("world: crash point"));
        for node in &self.world.nodes {
            node.notices.iter().filter_map(of_notice).for_each(|name| marks.hit(name));
            let known = self.namespace.and_then(|it| node.state().durable.namespaces.get(&it));
            if let Some(known) = known.filter(|known| known.space.is_settled()) {
                of_space(&known.space, &Book::of(node), &mut marks);
            }
        }
        marks
    }
}

/// What became of the ops of a node.
fn of_space(space: &Space, book: &Book, marks: &mut Marks) {
    let (graph, view) = (space.graph(), space.view());
    for ix in (0..graph.len()).map(Ix) {
        if let Some(void) = graph.void_at_cut(ix) {
            marks.hit(of_void(void));
        }
        let before = ix.0.checked_sub(1).map(Ix);
        if before.is_some_and(|before| !graph.is_past(before, ix)) {
            marks.hit("op judged at an old cut");
        }
        let node = graph.node(ix);
        let is_noop = book.op(&node.id).is_some_and(|op| op.payload.body == Body::Noop);
        if is_noop && node.parents.len() == PARENTS_MAX {
            marks.hit("heads joined");
        }
        let is_anchor = matches!(node.deed, GraphDeed::Anchor { .. });
        if is_anchor && graph.rivals(ix).iter().any(|rival| graph.void_at_cut(*rival).is_none()) {
            marks.hit("anchors equivocated");
        }
        if graph.void_at_cut(ix).is_some() || view.is_effective(graph, ix) {
            continue;
        }
        let is_move = |op: &Ix| {
            let body = book.op(&graph.node(*op).id).map(|op| &op.payload.body);
            matches!(body, Some(Body::GroupMoved { .. }))
        };
        marks.hit(match view.cause(graph, ix) {
            None => continue,
            Some(Cause::Auth(_)) => "void: authority void",
            Some(Cause::Struck(by)) if by.iter().any(is_move) => "void: moved away",
            Some(Cause::Struck(_)) => "void: struck",
            Some(Cause::Spent(_)) => "void: invitation spent",
            Some(Cause::Lost(_)) => "void: slot lost",
        });
    }
}
