//! Ops that a person brings in a file.

use std::collections::BTreeSet;
use std::time::Duration;

use folkmoot_core::command::Outcome;
use folkmoot_core::effect::Notice;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::signed::{self, Malformed, Op, Verified};
use folkmoot_core::state::State;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::handle::{Gone, NodeHandle};
use crate::driver::Message;
use crate::perform::{Heard, Notices};

/// Ops that are handed to the driver at once.
const PORTION_OPS: usize = 512;

/// How often is asked whether the driver has judged what it was handed.
const POLL: Duration = Duration::from_millis(5);

/// What became of the ops of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Ops stored now.
    pub new: u64,
    /// Ops that were stored before, or come twice.
    pub known: u64,
    /// Ops that wait for parents, which are not in the file either.
    pub pending: u64,
    /// Ops that were refused.
    pub refused: u64,
    /// Why the first of those was.
    pub first_refusal: Option<String>,
}

impl ImportReport {
    fn refuse(&mut self, count: u64, why: impl FnOnce() -> Option<String>) {
        if count > 0 {
            self.refused += count;
            self.first_refusal = self.first_refusal.take().or_else(why);
        }
    }
}

impl NodeHandle {
    /// Brings ops into a namespace that this node takes part in, in any order, and waits until
    /// they are judged.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the node ends before. What it had stored by then stays.
    pub async fn import(
        &self,
        namespace: NamespaceId,
        ops: Vec<Vec<u8>>,
    ) -> Result<ImportReport, Gone> {
        let mut report = ImportReport::default();
        let mut notices = self.notices();
        let mut waiting = BTreeSet::new();
        let mut rest = ops;
        while !rest.is_empty() {
            let next = rest.split_off(rest.len().min(PORTION_OPS));
            let portion = std::mem::replace(&mut rest, next);
            let verified = spawn_blocking(move || signed::verify_page(&portion, namespace)).await;
            let ops = self.fresh(namespace, verified.map_err(|_| Gone)?, &mut report).await?;
            waiting.extend(ops.iter().map(|op| op.id));
            let outcome = self.outcome(|reply| Message::Import { namespace, ops, reply }).await?;
            if let Outcome::Refused(why) = outcome {
                let count = waiting.len() + rest.len();
                report.refuse(count as u64, || Some(why.to_string()));
                return Ok(report);
            }
            while !self.query(move |state| is_idle(state, namespace)).await? {
                sleep(POLL).await;
            }
        }
        self.settle(namespace, waiting, &mut notices, &mut report).await?;
        Ok(report)
    }

    /// The ops that are worth judging.
    async fn fresh(
        &self,
        namespace: NamespaceId,
        verified: Vec<Result<Verified<Op>, Malformed>>,
        report: &mut ImportReport,
    ) -> Result<Vec<Verified<Op>>, Gone> {
        let mut ops = Vec::new();
        let mut ids = BTreeSet::new();
        for checked in verified {
            match checked {
                Ok(op) if ids.insert(op.id) => ops.push(op),
                Ok(_) => report.known += 1,
                Err(why) => report.refuse(1, || Some(why.to_string())),
            }
        }
        let stored = self.query(move |state| select(&ids, |id| is_stored(state, namespace, id)));
        let stored = stored.await?;
        report.known += stored.len() as u64;
        ops.retain(|op| !stored.contains(&op.id));
        Ok(ops)
    }

    /// What became of the ops that were handed over.
    async fn settle(
        &self,
        namespace: NamespaceId,
        waiting: BTreeSet<OpId>,
        notices: &mut Notices,
        report: &mut ImportReport,
    ) -> Result<(), Gone> {
        let (stored, pending, refused) = self
            .query(move |state| {
                let stored = select(&waiting, |id| is_stored(state, namespace, id));
                let pending = select(&waiting, |id| is_pending(state, namespace, id));
                let settled: BTreeSet<OpId> = stored.union(&pending).copied().collect();
                (stored.len(), pending.len(), select(&waiting, |id| !settled.contains(id)))
            })
            .await?;
        report.new = stored as u64;
        report.pending = pending as u64;
        if !refused.is_empty() {
            let why = first_refusal(notices, &refused);
            report.refuse(refused.len() as u64, || why);
        }
        Ok(())
    }
}

/// The reason in the notice of the first of these refusals. The effects of a step come before the
/// answers to questions, so all of them have been published.
fn first_refusal(notices: &mut Notices, refused: &BTreeSet<OpId>) -> Option<String> {
    while let Some(heard) = notices.next_now() {
        if let Heard::Noticed(noticed) = heard
            && let Notice::OpRefused { op, why, .. } = noticed.notice
            && refused.contains(&op)
        {
            return Some(why.to_string());
        }
    }
    None
}

fn select(ids: &BTreeSet<OpId>, wanted: impl Fn(&OpId) -> bool) -> BTreeSet<OpId> {
    ids.iter().filter(|id| wanted(id)).copied().collect()
}

fn is_idle(state: &State, namespace: NamespaceId) -> bool {
    let desk = state.volatile.desks.get(&namespace);
    desk.is_none_or(|desk| desk.ready.is_empty() && desk.settling.is_none())
}

fn is_stored(state: &State, namespace: NamespaceId, op: &OpId) -> bool {
    let known = state.durable.namespaces.get(&namespace);
    known.is_some_and(|known| known.space.graph().find(op).is_some())
}

fn is_pending(state: &State, namespace: NamespaceId, op: &OpId) -> bool {
    let desk = state.volatile.desks.get(&namespace);
    desk.is_some_and(|desk| desk.pending.contains(op))
}
