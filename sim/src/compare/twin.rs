//! The engine beside the oracle of a stage: what a test says is judged by both, and after every op
//! all that the rules define is compared.

use super::check;
use crate::oracle::Oracle;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::space::{Judgement, Space};
use folkmoot_core::governance::verdict::{Admission, Dropped, VoidAtCut};
use folkmoot_core::id::OpId;
use folkmoot_core::signed::Op;
use std::collections::BTreeSet;

/// An engine that hears what an oracle hears.
#[derive(Debug, Default)]
pub(crate) struct Twin {
    space: Space,
    refused: BTreeSet<OpId>,
}

impl Twin {
    /// The verdict on an op.
    pub(crate) fn judge(&self, op: &Op) -> Admission {
        let is_refused = |id: &OpId| self.refused.contains(id);
        let mut cuts = Cuts::default();
        match self.space.judge(&mut cuts, op, is_refused, &mut u32::MAX.clone()) {
            Judgement::Refuse(refusal) => refusal,
            Judgement::Store(judged) => judged.void.map_or(Admission::Admit, Admission::Void),
            Judgement::Later => panic!("a test that no budget is enough for"),
        }
    }

    /// What is told of an op at the heads before it is signed: all that its verdict depends on but
    /// its place, its state hash and the signatures in it.
    fn ask_before(&self, op: &Op, expected: &Admission) -> Option<Admission> {
        let at_heads = *op.payload.parents == *self.space.heads() && !self.space.heads().is_empty();
        let is_told = match expected {
            Admission::Admit => true,
            Admission::Void(void) => !matches!(void, VoidAtCut::StateHashMismatch { .. }),
            Admission::Drop(dropped) => *dropped == Dropped::Stranger,
            Admission::Pending { .. } => false,
        };
        let told = || self.space.preflight(&op.payload).err().unwrap_or(Admission::Admit);
        (at_heads && is_told && op.inner_valid).then(told)
    }

    /// Hears an op of which the oracle said `expected`.
    pub(crate) fn hear(&mut self, op: &Op, expected: &Admission, oracle: &Oracle) {
        let (name, id) = (op.payload.body.name(), op.id);
        assert_eq!(self.judge(op), *expected, "K12: the verdict on {name} {id}");
        if let Some(asked) = self.ask_before(op, expected) {
            assert_eq!(asked, *expected, "GOV-30: what is told of {name} {id}");
        }
        if let Admission::Drop(_) = expected {
            self.refused.insert(id);
        }
        if let Admission::Admit | Admission::Void(_) = expected {
            self.space.admit(&mut Cuts::default(), op);
            // As where beacons are heard: so nothing is left that a later mark would mend.
            self.space.keep_state_root();
        }
        if let Err(what) = check(&self.space, &oracle.now()) {
            panic!("after {name} {id}: {what}");
        }
    }
}
