//! The oracle: rule set SR-1 written down a second time, as plainly as it can be.
//!
//! A direct transcription of the rules of governance, sections 3 to 6, with the rulings of
//! `docs/adr/0002-rulings-on-sr1.md`. Everything is computed from scratch with sets of ids: there
//! are no increments, no indexes, and one cache, of F by its argument. It shares the types of ops
//! and verdicts with the engine and nothing else, so that a mistake has to be made twice to pass.
//!
//! | rules | file |
//! |---|---|
//! | D1 to D8: nodes, grants, keys | `terms.rs` |
//! | D9, D10, D11, `kills` | `relations.rs` |
//! | A4 to A12 | `admission.rs`, `authority.rs` |
//! | section 5, D12 | `fold.rs` |
//! | R6 | `visible.rs` |
//! | GOV-20 | `rows.rs`, `trie.rs` |
//!
//! It is meant for worlds of some dozens of ops: one evaluation costs the square of their number.

mod admission;
mod authority;
mod effect;
mod fold;
mod relations;
mod rows;
mod terms;
mod trie;
mod visible;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod cases_more;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod table_admission;
#[cfg(test)]
mod table_authority;
#[cfg(test)]
mod table_places;
#[cfg(test)]
mod table_relations;

pub use effect::{Effect, VoidReason, path};
pub use rows::RowKey;

use folkmoot_core::governance::verdict::{Admission, VoidAtCut};
use folkmoot_core::id::{GroupId, MemberId, NamespaceId, OpId};
use folkmoot_core::signed::{Op, Verified};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use terms::Node;

/// Every op of one namespace that is a node of the graph, and what the rules say of it.
#[derive(Clone, Debug)]
pub struct Oracle {
    namespace: NamespaceId,
    nodes: BTreeMap<OpId, Arc<Node>>,
    /// Ids of ops that were dropped: a child of one is dropped too (A5).
    refused: BTreeSet<OpId>,
    /// F by its argument. Ids are digests of ops and their parents, so an entry never goes stale.
    memo: RefCell<BTreeMap<BTreeSet<OpId>, Arc<Effect>>>,
}

impl Oracle {
    /// An oracle for `namespace` that knows no op.
    pub fn new(namespace: NamespaceId) -> Self {
        Self {
            namespace,
            nodes: BTreeMap::new(),
            refused: BTreeSet::new(),
            memo: RefCell::new(BTreeMap::new()),
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> NamespaceId {
        self.namespace
    }

    /// The root group.
    pub fn root(&self) -> GroupId {
        self.namespace.root()
    }

    /// The verdict of A4 to A12 on `op`; changes nothing.
    pub fn judge(&self, op: &Op) -> Admission {
        match self.cut_of(op) {
            Err(refusal) => refusal,
            Ok(cut) => match self.examine(op, &cut) {
                Ok(_) => Admission::Admit,
                Err(void) => Admission::Void(void),
            },
        }
    }

    /// Judges `op`, keeps it where it is admitted or void, and remembers its id where it is
    /// dropped.
    pub fn add(&mut self, op: Verified<Op>) -> Admission {
        let cut = match self.cut_of(&op) {
            Ok(cut) => cut,
            Err(refusal) => {
                if matches!(refusal, Admission::Drop(_)) {
                    self.refused.insert(op.id);
                }
                return refusal;
            }
        };
        let verdict = self.examine(&op, &cut);
        let admission = match &verdict {
            Ok(_) => Admission::Admit,
            Err(void) => Admission::Void(*void),
        };
        let node =
            Node { past: cut.past, generation: cut.generation, cut: cut.effect, verdict, op };
        self.nodes.entry(node.op.id).or_insert_with(|| Arc::new(node));
        admission
    }

    /// F of a closed set of known ops (section 5).
    ///
    /// # Panics
    ///
    /// Where `set` holds an id that is not known.
    pub fn effect(&self, set: &BTreeSet<OpId>) -> Arc<Effect> {
        if let Some(known) = self.memo.borrow().get(set) {
            return Arc::clone(known);
        }
        let effect = Arc::new(self.fold(set));
        self.memo.borrow_mut().insert(set.clone(), Arc::clone(&effect));
        effect
    }

    /// F of everything known.
    pub fn now(&self) -> Arc<Effect> {
        self.effect(&self.all())
    }

    /// Ids of every known op.
    pub fn all(&self) -> BTreeSet<OpId> {
        self.nodes.keys().copied().collect()
    }

    /// Strict ancestors of a known op (D2); nothing for another.
    pub fn past(&self, id: OpId) -> BTreeSet<OpId> {
        self.nodes.get(&id).map(|node| node.past.clone()).unwrap_or_default()
    }

    /// `ids` and all their ancestors.
    pub fn closed(&self, ids: &[OpId]) -> BTreeSet<OpId> {
        ids.iter().flat_map(|id| self.past(*id).into_iter().chain([*id])).collect()
    }

    /// Those of `set` that no other op of it has in its past, ascending.
    pub fn maximal(&self, set: &BTreeSet<OpId>) -> Vec<OpId> {
        let is_cited = |id: &OpId| set.iter().any(|other| self.node(*other).past.contains(id));
        set.iter().filter(|id| !is_cited(id)).copied().collect()
    }

    /// Why a known op has no effect in any set, `None` where it is admitted or unknown.
    pub fn void_at_cut(&self, id: OpId) -> Option<VoidAtCut> {
        self.nodes.get(&id).and_then(|node| node.verdict.as_ref().err().copied())
    }

    /// A known op.
    pub fn op(&self, id: OpId) -> Option<&Verified<Op>> {
        self.nodes.get(&id).map(|node| &node.op)
    }

    /// The nonce that A7 asks of the next op of `signer` at the cut `past`.
    pub fn next_nonce(&self, signer: MemberId, past: &BTreeSet<OpId>) -> u64 {
        let own = past.iter().map(|id| &self.node(*id).op.payload);
        let highest = own.filter(|payload| payload.signer == signer).map(|op| op.nonce).max();
        highest.unwrap_or(0).saturating_add(1)
    }

    #[expect(clippy::expect_used, reason = "an unknown id is a mistake of the caller")]
    fn node(&self, id: OpId) -> &Node {
        self.nodes.get(&id).expect("every id of a closed set is known")
    }
}
