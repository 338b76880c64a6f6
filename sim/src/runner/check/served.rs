//! I14 and I20: who is answered, and how often.

use crate::cluster::{Cluster, Node, Order};
use crate::runner::violation::{Invariant, Violation};
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::wire::{Refused, Request, Response};
use folkmoot_effects::net::NetCommand;
use std::collections::{BTreeMap, BTreeSet};

/// Questions that one peer may ask at once, and in a second, but for pages (NET-3).
const REQUESTS: (u64, u64) = (200, 50);
/// Pages that it may ask for.
const PAGES: (u64, u64) = (1_600, 400);
/// The clock of a node is fast by a tenth at most: so much more is answered.
const FAST_PERCENT: u64 = 110;

/// Who was answered by whom.
#[derive(Default)]
pub(in crate::runner) struct Served {
    /// The member behind each node.
    members: Vec<MemberId>,
    /// Answers since the last look: by whom, in which run, to whom, and whether with a page.
    fresh: Vec<(Asking, bool)>,
    /// What each asker has had of late, in thousandths, and when that was so.
    had: BTreeMap<(Asking, bool), (u64, u64)>,
    /// Whom each node served when it could see that it may.
    allowed: BTreeSet<(usize, MemberId)>,
}

/// A node in one of its runs, and who asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asking {
    at: usize,
    run: u64,
    from: usize,
}

impl Served {
    pub(in crate::runner) fn new(members: Vec<MemberId>) -> Self {
        Self { members, ..Self::default() }
    }

    /// Somebody takes part no longer, as whose join has ended: what was asked until then may be
    /// answered a moment later.
    pub(in crate::runner) fn excuse(&mut self, from: usize) {
        let Some(member) = self.members.get(from).copied() else { return };
        self.allowed.extend((0..self.members.len()).map(|at| (at, member)));
    }

    /// A node answers, or does something else.
    pub(in crate::runner) fn see(
        &mut self,
        at: usize,
        node: &Node,
        namespace: NamespaceId,
        order: &Order,
    ) -> Result<(), Violation> {
        let NetCommand::Respond { exchange, bytes } = &order.command else { return Ok(()) };
        let Some((from, question)) = node.asked_by(exchange) else { return Ok(()) };
        let Ok(answer) = Response::decode(bytes) else { return Ok(()) };
        if answer == Response::Refused(Refused::Busy) {
            return Ok(());
        }
        let is_page = matches!(Request::decode(question), Ok(Request::Fetch { .. }));
        self.fresh.push((Asking { at, run: node.run(), from }, is_page));
        let is_governance =
            matches!(answer, Response::Heads { .. } | Response::Ops { .. } | Response::Ranges(_));
        if is_governance { self.check_reader((at, node), from, namespace) } else { Ok(()) }
    }

    /// I14: what is answered goes to a member, a former one, or one that may be about to become one
    /// (ADR 12), and to nobody who seems to be one.
    fn check_reader(
        &mut self,
        (at, node): (usize, &Node),
        from: usize,
        namespace: NamespaceId,
    ) -> Result<(), Violation> {
        let state = node.state();
        let Some(known) = state.durable.namespaces.get(&namespace) else { return Ok(()) };
        let Some(member) = self.members.get(from).copied() else { return Ok(()) };
        let desk = state.volatile.desks.get(&namespace);
        // All nodes of a world go by other names, or none does.
        let peer = Cluster::named(from, node.name);
        let identity = desk.and_then(|desk| desk.identities.get(&peer));
        let is_guest = identity.is_some_and(|it| it.member == member && it.pass.is_some());
        if is_guest || known.space.is_or_was_member(&member) {
            self.allowed.insert((at, member));
            return Ok(());
        }
        // It may have been one when it was answered, a moment ago; of one that is gone who knows.
        if self.allowed.contains(&(at, member)) || !node.is_connected_to(from) {
            return Ok(());
        }
        let what = format!("{member:?} is served, and never was a member");
        Err(Violation::new(Invariant::I14, &[at, from], what))
    }

    /// I20: no peer gets more than its share, now that it is so late.
    pub(in crate::runner) fn check_shares(&mut self, now: u64) -> Result<(), Violation> {
        for (asking, is_page) in std::mem::take(&mut self.fresh) {
            let (burst, per_second) = if is_page { PAGES } else { REQUESTS };
            let (had, since) = self.had.get(&(asking, is_page)).copied().unwrap_or((0, now));
            let forgotten = (now - since) * per_second * FAST_PERCENT / 100;
            let has = had.saturating_sub(forgotten) + 1_000;
            self.had.insert((asking, is_page), (has, now));
            if has > burst * 1_000 {
                let Asking { at, from, .. } = asking;
                let what = format!("it was answered {} times, beyond its share", has / 1_000);
                return Err(Violation::new(Invariant::I20, &[at, from], what));
            }
        }
        Ok(())
    }
}
