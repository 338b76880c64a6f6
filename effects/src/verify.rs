//! Folds a log again as if every op came from a stranger, and compares.
//!
//! A start trusts the log, whose records carry a running hash, and a snapshot. This trusts neither:
//! each op is verified and judged again in the order of the log.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;

use folkmoot_core::codec;
use folkmoot_core::event::Event;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::judged::Judged;
use folkmoot_core::governance::space::{Judgement, Space};
use folkmoot_core::governance::table::Ix;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::record::Stored;
use folkmoot_core::signed::{self, Malformed, Op, Verified};
use folkmoot_core::state::Durable;
use thiserror::Error;

use crate::driver::{Recovered, recover, recover_record};
use crate::node::{NodeError, new_boot};
use crate::store::{Home, Seq, Store};

/// Ops whose signatures are checked as one batch.
const PAGE_OPS: usize = 512;

/// Work without an end in sight is not cut short here.
const UNBOUNDED: u32 = u32::MAX;

/// What [`verify_store`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records read.
    pub record_count: u64,
    /// Ops among them.
    pub op_count: u64,
    /// The record up to which a snapshot stood for the log in what was compared; 0 for none.
    pub snapshot_seq: Seq,
    /// Each namespace as it came out.
    pub namespaces: Vec<VerifiedNamespace>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// One namespace, folded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedNamespace {
    /// Which.
    pub namespace: NamespaceId,
    /// Ops stored.
    pub op_count: u64,
    /// Heads, ascending.
    pub heads: Vec<OpId>,
    /// Root over all groups.
    pub state_root: [u8; 32],
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// An op that nobody should have stored.
    #[error("record {seq}: op {op} is not valid: {why}")]
    Invalid {
        /// The record.
        seq: Seq,
        /// The op.
        op: OpId,
        /// Why.
        why: Malformed,
    },
    /// Its record says otherwise of the signatures inside it.
    #[error("record {seq}: what was stored of op {op} is not what its bytes say")]
    Altered {
        /// The record.
        seq: Seq,
        /// The op.
        op: OpId,
    },
    /// The rules would not let it in.
    #[error("record {seq}: op {op} would not be stored today ({why})")]
    Refused {
        /// The record.
        seq: Seq,
        /// The op.
        op: OpId,
        /// Why.
        why: String,
    },
    /// It would be judged otherwise.
    #[error("record {seq}: op {op} would be judged otherwise today")]
    Judgement {
        /// The record.
        seq: Seq,
        /// The op.
        op: OpId,
    },
    /// The state that the node starts with is another.
    #[error("namespace {namespace}: the node starts with other {what} than the log gives")]
    State {
        /// Which.
        namespace: NamespaceId,
        /// What differs.
        what: &'static str,
    },
}

/// Checks the log of a data folder that no node uses.
///
/// # Errors
///
/// [`NodeError`] when there is no log, or it cannot be read. What is wrong with what was read is
/// no error; it is in the report.
pub fn verify_store(home: &Path) -> Result<VerifyReport, NodeError> {
    // What may not be looked at is reported by the store.
    if matches!(home.join("log").try_exists(), Ok(false)) {
        return Err(NodeError::NoLog { path: home.to_path_buf() });
    }
    let (store, opened) = Store::open(Home::claim(home, &[])?, new_boot()?)?;
    let recovered = recover(&store)?;
    let mut fold = Fold::default();
    for record in store.records_from(1)? {
        let (seq, bytes) = record?;
        fold.record(seq, recover_record(seq, &bytes)?);
    }
    let report = fold.finish(recovered);
    // Nothing was written: a run that ended cleanly before has not become another one.
    if opened.clean {
        store.close()?;
    }
    Ok(report)
}

/// The log, folded again.
#[derive(Default)]
struct Fold {
    spaces: BTreeMap<NamespaceId, (Space, Cuts)>,
    page: Vec<(Seq, Verified<Op>, Judged)>,
    page_namespace: NamespaceId,
    report: VerifyReport,
}

impl Fold {
    fn record(&mut self, seq: Seq, event: Event) {
        self.report.record_count += 1;
        match event {
            Event::OpAccepted { namespace, op, judged } => {
                if namespace != self.page_namespace || self.page.len() >= PAGE_OPS {
                    self.turn_page();
                }
                self.page_namespace = namespace;
                self.page.push((seq, op, judged));
                self.report.op_count += 1;
            }
            Event::NamespaceOpened { .. }
            | Event::NamespaceClosed { .. }
            | Event::OpParked { .. }
            | Event::InvitationIssued { .. }
            | Event::JoinStarted { .. }
            | Event::JoinEnded { .. } => {}
        }
    }

    fn turn_page(&mut self) {
        let page = mem::take(&mut self.page);
        let namespace = self.page_namespace;
        let bytes: Vec<Vec<u8>> = page.iter().map(|(_, op, _)| codec::encode(&op.signed)).collect();
        let checked = signed::verify_page(&bytes, namespace);
        for ((seq, stored, judged), checked) in page.into_iter().zip(checked) {
            let op = stored.id;
            match checked {
                Ok(checked) if checked == stored => self.admit(seq, &stored, &judged),
                Ok(_) => self.report.faults.push(Fault::Altered { seq, op }),
                Err(why) => self.report.faults.push(Fault::Invalid { seq, op, why }),
            }
        }
    }

    /// Judges and stores an op, whatever was found when it came.
    fn admit(&mut self, seq: Seq, stored: &Op, judged_then: &Judged) {
        let op = stored.id;
        let (space, cuts) = self.spaces.entry(self.page_namespace).or_default();
        let judged = loop {
            match space.judge(cuts, stored, |_| false, &mut UNBOUNDED.clone()) {
                Judgement::Later => {}
                Judgement::Store(judged) => break judged,
                Judgement::Refuse(refusal) => {
                    let why = reason(&refusal);
                    return self.report.faults.push(Fault::Refused { seq, op, why });
                }
            }
        };
        if judged != *judged_then {
            self.report.faults.push(Fault::Judgement { seq, op });
        }
        space.store(stored, &judged, seq);
        space.settle(&mut UNBOUNDED.clone());
        cuts.note(space.graph(), space.view());
    }

    fn finish(mut self, recovered: Recovered) -> VerifyReport {
        self.turn_page();
        let Recovered { state, snapshot_seq, .. } = recovered;
        self.report.snapshot_seq = snapshot_seq;
        self.compare(state.durable);
        self.report
    }

    fn compare(&mut self, durable: Durable) {
        for (namespace, mut known) in durable.namespaces {
            known.space.settle(&mut UNBOUNDED.clone());
            let (folded, _) = self.spaces.remove(&namespace).unwrap_or_default();
            for what in differences(&known.space, &folded) {
                self.report.faults.push(Fault::State { namespace, what });
            }
            self.report.namespaces.push(VerifiedNamespace {
                namespace,
                op_count: u64::from(folded.graph().len()),
                heads: folded.heads(),
                state_root: folded.view().state_root(),
            });
        }
        for namespace in self.spaces.keys().copied() {
            self.report.faults.push(Fault::State { namespace, what: "namespaces" });
        }
    }
}

fn differences(known: &Space, folded: &Space) -> Vec<&'static str> {
    let compared = [
        ("ops", known.graph().len() == folded.graph().len()),
        ("record numbers", stored(known).eq(stored(folded))),
        ("heads", known.heads() == folded.heads()),
        ("rows", known.view().state_root() == folded.view().state_root()),
        ("void ops", known.view().void_ops().eq(folded.view().void_ops())),
    ];
    compared.into_iter().filter(|(_, is_same)| !is_same).map(|(what, _)| what).collect()
}

/// The ops in the order in which they were stored, each with its record.
fn stored(space: &Space) -> impl Iterator<Item = Stored> {
    let graph = space.graph();
    (0..graph.len()).map(|at| graph.stored(Ix(at)))
}

fn reason(refusal: &Admission) -> String {
    match refusal {
        Admission::Drop(why) => why.to_string(),
        Admission::Pending { missing } => format!("{} of its parents are missing", missing.len()),
        Admission::Admit | Admission::Void(_) => "no reason given".to_owned(),
    }
}
