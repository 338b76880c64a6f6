//! NET-12, seen as a part of I27: heads are compared, and not counted.
//!
//! A node that takes a member to have nothing more has every head that the member named. One that
//! lacks some has asked for them, of the member or of whoever forwarded its word, before the next
//! pull is due. All sets are compared every half a minute too, which mends what a beacon meant
//! and nobody understood: so what is looked at is what follows from the beacon, and not whether
//! all have everything in the end.

use super::readiness::Seat;
use super::{Invariant, Runner, Violation};
use crate::cluster::{Cluster, Node};
use folkmoot_core::id::{MemberId, NamespaceId, PeerKey};
use folkmoot_core::limits::{PULL_EVERY_MS, PULL_MS_MAX};
use folkmoot_core::readiness::Heard;
use folkmoot_core::state::{Desk, Namespace};
use folkmoot_core::statement::HeadSummary;
use folkmoot_core::wire::Request;
use std::collections::BTreeMap;

/// How long a node may lack what a member named without having asked for it: one pull a second,
/// and the delay of whoever is behind.
const UNASKED_MS: u64 = PULL_EVERY_MS + 1_000;
/// For how long a question excuses that no other is asked: as long as it may take to end, and then
/// as long as one that came to nothing bars the next.
const EXCUSED_MS: u64 = PULL_MS_MAX + 45_000;

/// Who asked whom for what it lacks, and when last, by the clock of who asked: while its machine
/// sleeps nothing that bars the next question ends.
#[derive(Default)]
pub(super) struct Pulls(BTreeMap<(usize, usize), u64>);

impl Pulls {
    pub(super) fn note(&mut self, asked: Vec<(usize, usize)>, mono_ms: impl Fn(usize) -> u64) {
        self.0.extend(asked.into_iter().map(|ends| (ends, mono_ms(ends.0))));
    }
}

/// Whether a node asks for what it lacks: for ops, for where two sets differ, or, while it knows
/// that it lacks something, for heads.
pub(super) fn is_pull(question: &Request, node: &Node, namespace: NamespaceId) -> bool {
    match question {
        Request::Fetch { .. } | Request::Reconcile { .. } => true,
        Request::Heads { .. } => {
            let state = node.state();
            let known = state.durable.namespaces.get(&namespace);
            let desk = state.volatile.desks.get(&namespace);
            known.zip(desk).is_some_and(|(known, desk)| {
                let mut heard = desk.readiness.all_heard();
                heard.any(|(_, heard)| lacks(known, desk, heard) != Some(false))
            })
        }
        Request::Join { .. } | Request::Identify { .. } | Request::Ack(_) => false,
    }
}

/// Whether something that a beacon names is neither here nor refused; `None` where it names no
/// heads.
pub(super) fn lacks(known: &Namespace, desk: &Desk, heard: &Heard) -> Option<bool> {
    match &heard.beacon.heads {
        HeadSummary::All(heads) => {
            Some(heads.iter().any(|head| {
                known.space.graph().find(head).is_none() && !desk.refused.contains(head)
            }))
        }
        HeadSummary::Many { .. } => None,
    }
}

impl Runner<'_> {
    /// NET-12 at a node: what honest members named is here, or known to be missing and asked for.
    pub(super) fn check_pulls(&self, at: usize, seat: &Seat<'_>) -> Result<(), Violation> {
        let wrong = |what: String| Err(Violation::new(Invariant::I27, &[at], what));
        for (who, heard) in seat.heard() {
            if lacks(seat.known, seat.desk, heard) != Some(true) {
                continue;
            }
            if heard.is_covered() {
                return wrong(format!("it takes {who:?} to have no more, and lacks a head of it"));
            }
            let age_ms = seat.mono_ms.saturating_sub(heard.at.0);
            // It came while an earlier pull for this member, of whomever, barred the next.
            let barred_ms = heard.barred_until.0.saturating_sub(heard.at.0);
            let is_barred = (1..=PULL_MS_MAX).contains(&barred_ms);
            if age_ms > UNASKED_MS && !is_barred && self.could_ask(at, seat, (who, heard), age_ms) {
                let what = format!("it lacks a head that {who:?} named {age_ms} ms ago");
                return wrong(format!("{what}, and has asked nobody for it"));
            }
        }
        Ok(())
    }

    /// Whether the honest peer of a member, or whoever forwarded its word, has been there and was
    /// not asked for anything lately, and no exchange with them is under way that another follows.
    fn could_ask(
        &self,
        at: usize,
        seat: &Seat<'_>,
        (who, heard): (MemberId, &Heard),
        age_ms: u64,
    ) -> bool {
        let since = seat.mono_ms.saturating_sub(age_ms + EXCUSED_MS);
        let was_asked = |peer: &PeerKey| {
            let asked = self.pulls.0.get(&(at, Cluster::number_of(*peer)));
            let is_next = seat.desk.syncing.notes.of(peer).again;
            is_next || asked.is_some_and(|asked| *asked >= since)
        };
        let own: Vec<PeerKey> = seat.desk.identities.peers_of(who).collect();
        let is_there = |peer: &PeerKey| {
            let number = Cluster::number_of(*peer);
            self.is_honest(number) && self.world.is_linked(at, number)
        };
        !own.is_empty()
            && own.iter().all(is_there)
            && !own.iter().chain([&heard.via]).any(was_asked)
    }
}
