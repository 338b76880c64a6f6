//! Where an op stands: its parents, its cut, its nonce (A4 to A7).

use super::Graph;
use crate::governance::op::Body;
use crate::governance::reach::Cut;
use crate::governance::table::{ChainIx, Ix, PersonIx};
use crate::governance::verdict::{Admission, Dropped};
use crate::id::OpId;
use crate::signed::Op;
use alloc::vec::Vec;

/// An op whose parents are all here, and its cut.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its parents, ascending by id.
    pub parents: Vec<Ix>,
    /// Its strict ancestors.
    pub cut: Cut,
    /// Its generation (D2).
    pub generation: u64,
}

impl Graph {
    /// Checks A4 to A7 of an op that is not stored yet. `is_refused` tells of ids refused before.
    ///
    /// # Errors
    ///
    /// `Drop` or `Pending`.
    pub fn place(&self, op: &Op, is_refused: impl Fn(&OpId) -> bool) -> Result<Placed, Admission> {
        let parents = &op.payload.parents;
        if let Body::NamespaceCreated { owners, .. } = &op.payload.body {
            // A4: no parents in the genesis only, and owner 0 signs it.
            let first = owners.first() == Some(&op.payload.signer);
            if !parents.is_empty() || !first || !self.is_empty() {
                return Err(Admission::Drop(Dropped::Parents));
            }
        } else if parents.is_empty() || !parents.is_sorted_by(|a, b| a < b) {
            return Err(Admission::Drop(Dropped::Parents));
        }
        // A5.
        if parents.iter().any(is_refused) {
            return Err(Admission::Drop(Dropped::RefusedParent));
        }
        let (mut known, mut missing) = (Vec::with_capacity(parents.len()), Vec::new());
        for id in parents.iter() {
            match self.find(id) {
                Some(parent) => known.push(parent),
                None => missing.push(*id),
            }
        }
        if !missing.is_empty() {
            return Err(Admission::Pending { missing });
        }
        let parents: Vec<Ix> = known;
        let cut = self.cut_of(&parents)?;
        self.check_nonce(op, &cut)?;
        let generation = self.next_generation(&parents);
        Ok(Placed { parents, cut, generation })
    }

    /// Generation of an op with these parents (D2).
    pub fn next_generation(&self, parents: &[Ix]) -> u64 {
        let highest = parents.iter().map(|parent| self.nodes[*parent].generation).max();
        highest.map_or(0, |highest| highest + 1)
    }

    /// The cut of an op with these parents, of which none may be an ancestor of another (A6).
    fn cut_of(&self, parents: &[Ix]) -> Result<Cut, Admission> {
        if let Some(cut) = self.sibling_cut(parents) {
            return Ok(cut);
        }
        let past = self.joined_past(parents);
        if self.are_related(parents, &past) {
            return Err(Admission::Drop(Dropped::RelatedParents));
        }
        Ok(self.close(past, parents))
    }

    /// A6: whether one of the parents is an ancestor of another. `past` is what precedes any of
    /// them off its own chain; on one chain any two are related.
    fn are_related(&self, parents: &[Ix], past: &Cut) -> bool {
        let [_, _, ..] = parents else { return false };
        let places = parents.iter().map(|parent| self.nodes[*parent].place);
        let mut chains: Vec<ChainIx> = places.clone().map(|place| place.chain).collect();
        chains.sort_unstable();
        let share_chain = !chains.is_sorted_by(|a, b| a < b);
        share_chain || places.into_iter().any(|place| past.contains(place))
    }

    /// A7: 1 + the highest nonce of the signer in the cut.
    fn check_nonce(&self, op: &Op, cut: &Cut) -> Result<(), Admission> {
        let got = op.payload.nonce;
        let expected = self.next_nonce(self.person(&op.payload.signer), cut);
        if got == expected {
            return Ok(());
        }
        Err(Admission::Drop(Dropped::Nonce { got, expected }))
    }

    /// The nonce that `signer` must use next at a cut.
    ///
    /// A nonce in a past brings every smaller one with it, so the highest is found by bisection;
    /// the newest is tried first, which is the usual answer.
    pub fn next_nonce(&self, signer: Option<PersonIx>, cut: &Cut) -> u64 {
        let Some(signer) = signer else { return 1 };
        let holds = |nonce: u64| {
            self.with_nonce(signer, nonce).any(|op| cut.contains(self.nodes[op].place))
        };
        let mut known = 0;
        let mut unknown = self.people[signer].ops.len() as u64 + 1;
        if unknown > 1 && holds(unknown - 1) {
            return unknown;
        }
        while unknown - known > 1 {
            let middle = known + (unknown - known) / 2;
            if holds(middle) {
                known = middle;
            } else {
                unknown = middle;
            }
        }
        unknown
    }
}
