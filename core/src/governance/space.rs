//! One namespace as the rules see it: the graph, its current effect, and what is visible.

use crate::governance::cuts::Cuts;
use crate::governance::frontier::Frontier;
use crate::governance::graph::{Graph, Placed};
use crate::governance::judge::judge;
use crate::governance::judged::Judged;
use crate::governance::op::Payload;
use crate::governance::table::{GrantIx, GroupIx, Ix, PersonIx};
use crate::governance::tree::Tree;
use crate::governance::verdict::{Admission, Dropped};
use crate::governance::view::{Changes, View};
use crate::id::{GroupId, MemberId, OpId};
use crate::limits::PARENTS_MAX;
use crate::signed::Op;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// All stored ops of a namespace and what follows from them.
#[derive(Clone, Debug, Default)]
pub struct Space {
    graph: Graph,
    view: View,
    frontier: Frontier,
    /// Effective ops since the last anchor of the chain.
    since_anchor: u64,
}

/// What came of judging an op at its cut.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// It may be stored.
    Store(Judged),
    /// It may not.
    Refuse(Admission),
    /// The budget ran out before its cut was reached; ask again.
    Later,
}

impl Space {
    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The effect of everything stored.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// [`View::keep_state_root`].
    pub fn keep_state_root(&mut self) {
        self.view.keep_state_root();
    }

    /// What is visible.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Whether a visible op gave somebody rights (R6): it is in effect, or in the past of an op
    /// that is. Unlike what ever had effect, this follows from the stored set alone.
    pub fn is_or_was_member(&self, id: &MemberId) -> bool {
        self.graph.person(id).is_some_and(|person| {
            let mut grants = self.graph.people[person].grants.iter();
            grants.any(|grant| self.frontier.is_visible(&self.graph, self.graph.grants[*grant].op))
        })
    }

    /// Whether a stored op gives somebody rights, whatever became of it. That depends on what came
    /// here, so it opens nothing.
    pub fn is_named(&self, id: &MemberId) -> bool {
        self.graph.person(id).is_some_and(|person| !self.graph.people[person].grants.is_empty())
    }

    /// Ids of the heads, ascending.
    pub fn heads(&self) -> Vec<OpId> {
        let mut heads: Vec<OpId> =
            self.frontier.heads().iter().map(|head| self.graph.node(*head).id).collect();
        heads.sort_unstable();
        heads
    }

    /// Effective ops since the last anchor of the chain.
    pub fn since_anchor(&self) -> u64 {
        self.since_anchor
    }

    /// Whether everything stored is evaluated.
    pub fn is_settled(&self) -> bool {
        self.view.is_settled()
    }

    /// A space out of its stored parts.
    pub(super) fn restore(
        graph: Graph,
        void: &[Ix],
        heads: Vec<Ix>,
        idle: Vec<Ix>,
        since_anchor: u64,
    ) -> Self {
        let view = View::restore(&graph, void);
        let frontier = Frontier::restore(&graph, &view, heads, idle);
        Self { graph, view, frontier, since_anchor }
    }

    /// Judges an op that is not stored (A4 to A12). `is_refused` tells of ids refused before.
    /// The space must be settled.
    pub fn judge(
        &self,
        cuts: &mut Cuts,
        op: &Op,
        is_refused: impl Fn(&OpId) -> bool,
        budget: &mut u32,
    ) -> Judgement {
        let placed = match self.graph.place(op, is_refused) {
            Ok(placed) => placed,
            Err(refusal) => return Judgement::Refuse(refusal),
        };
        let view = cuts.view_at(&self.graph, &self.view, &self.frontier, &placed.cut, budget);
        let Some(view) = view else { return Judgement::Later };
        match judge(&self.graph, view, op, &placed) {
            Err(dropped) => Judgement::Refuse(Admission::Drop(dropped)),
            Ok(mut judged) => {
                if !Arc::ptr_eq(view.tree(), self.view.tree()) {
                    judged.tree = self.view.tree().changes_to(view.tree());
                }
                Judgement::Store(judged)
            }
        }
    }

    /// Stores an op that was judged, whose bytes are in `record` of the log; settles first where
    /// that was cut short. Settle afterwards.
    pub fn store(&mut self, op: &Op, judged: &Judged, record: u64) -> Option<Ix> {
        self.settle(&mut u32::MAX.clone());
        let placed = self.placed(op)?;
        let tree = self.tree_at(&placed, judged);
        let ix = self.graph.push(op, &placed, judged, tree, record);
        self.view.include(&self.graph, ix);
        if judged.void.is_some() {
            self.frontier.note_void_at_cut(&self.graph, ix);
        }
        Some(ix)
    }

    /// The place of an op that was judged before; `None` for one that is stored already, or whose
    /// parents are not.
    fn placed(&self, op: &Op) -> Option<Placed> {
        if self.graph.find(&op.id).is_some() {
            return None;
        }
        let parents: Option<Vec<Ix>> =
            op.payload.parents.iter().map(|id| self.graph.find(id)).collect();
        let parents = parents?;
        let cut = self.graph.closure(&parents);
        let generation = self.graph.next_generation(&parents);
        Some(Placed { parents, cut, generation })
    }

    /// The tree at the cut of an op; shared with the current one, or with a parent's, if equal.
    fn tree_at(&self, placed: &Placed, judged: &Judged) -> Arc<Tree> {
        if judged.tree.is_empty() {
            return Arc::clone(self.view.tree());
        }
        let tree = self.view.tree().with(&judged.tree);
        let parents = placed.parents.iter().map(|parent| &self.graph.node(*parent).tree);
        let same = parents.into_iter().find(|other| ***other == tree).map(Arc::clone);
        same.unwrap_or_else(|| Arc::new(tree))
    }

    /// Evaluates what is left, within the budget. `Some` with what changed when all is settled.
    pub fn settle(&mut self, budget: &mut u32) -> Option<Changes> {
        if !self.view.settle(&self.graph, budget) {
            return None;
        }
        let changes = self.view.take_changes();
        if !changes.evaluated.is_empty() {
            self.frontier.update(&self.graph, &self.view, &changes);
            self.count_since_anchor(&changes);
        }
        Some(changes)
    }

    fn count_since_anchor(&mut self, changes: &Changes) {
        let last = self.view.anchors().last();
        for (ix, now) in &changes.flipped {
            if *now && last == Some(ix) {
                self.since_anchor = 0;
            } else if *now {
                self.since_anchor += 1;
            }
        }
    }

    /// Judges, stores and settles at once, without a budget or a log: for tests and tools.
    pub fn admit(&mut self, cuts: &mut Cuts, op: &Op) -> Admission {
        if self.graph.find(&op.id).is_some() {
            return Admission::Admit;
        }
        loop {
            match self.judge(cuts, op, |_| false, &mut u32::MAX.clone()) {
                Judgement::Later => {}
                Judgement::Refuse(refusal) => return refusal,
                Judgement::Store(judged) => {
                    self.store(op, &judged, 0);
                    self.settle(&mut u32::MAX.clone());
                    cuts.note(&self.graph, &self.view);
                    return judged.void.map_or(Admission::Admit, Admission::Void);
                }
            }
        }
    }

    /// Parents, nonce and state hash of the next op of an author (R6, A7, A9).
    ///
    /// With more than 64 heads, the parents are 64 of them: such an op can only join heads
    /// (GOV-21), and the view at its cut is made, however long that takes.
    pub fn next_op(&self, cuts: &mut Cuts, signer: PersonIx, group: GroupId) -> Next {
        let in_group = self.graph.group(&group);
        let parents = self.next_parents(signer, in_group);
        let cut = self.graph.closure(&parents);
        let nonce = self.graph.next_nonce(Some(signer), &cut);
        let view = loop {
            let mut budget = u32::MAX;
            let (graph, current) = (&self.graph, &self.view);
            if let Some(view) = cuts.view_at(graph, current, &self.frontier, &cut, &mut budget) {
                break view;
            }
        };
        let state_hash = in_group.map_or([0; 32], |group| view.group_root(&self.graph, group));
        let mut parents: Vec<OpId> =
            parents.iter().map(|parent| self.graph.node(*parent).id).collect();
        parents.sort_unstable();
        Next { parents, nonce, state_hash }
    }

    /// The maximal elements of the heads and the author's own last op, at most 64: what covers
    /// that op stands first, for the author's ops form a chain; then, where not all have room, what
    /// covers the grant by which it acts in the group.
    fn next_parents(&self, signer: PersonIx, group: Option<GroupIx>) -> Vec<Ix> {
        let mut parents = self.frontier.heads().to_vec();
        let covering = |parents: &[Ix], op: Ix| {
            parents.iter().position(|ix| *ix == op || self.graph.is_past(op, *ix))
        };
        if let Some(own) = self.graph.last_of(signer) {
            if let Some(at) = covering(&parents, own) {
                parents.swap(0, at);
            } else {
                parents.retain(|head| !self.graph.is_past(*head, own));
                parents.insert(0, own);
            }
        }
        if parents.len() > PARENTS_MAX {
            let row = group.and_then(|group| self.view.member_row(&self.graph, signer, group));
            let at = row.and_then(|row| covering(&parents, self.graph.grants[row.grant].op));
            // The first one has its place already.
            if let Some(at) = at.filter(|at| *at > 0) {
                parents.swap(1, at);
            }
        }
        parents.truncate(PARENTS_MAX);
        parents
    }

    /// Root of a group's rows and its ancestors' (GOV-20).
    pub fn group_root(&self, group: &GroupId) -> [u8; 32] {
        let group = self.graph.group(group);
        group.map_or([0; 32], |group: GroupIx| self.view.group_root(&self.graph, group))
    }

    /// What an op at the current heads would be, before anything is signed (GOV-30): the grant that
    /// authorises it, or none where it needs nobody.
    ///
    /// # Errors
    ///
    /// The verdict that it would get.
    pub fn preflight(&self, payload: &Payload) -> Result<Option<GrantIx>, Admission> {
        let parents: Vec<Ix> =
            payload.parents.iter().filter_map(|id| self.graph.find(id)).collect();
        let cut = self.graph.closure(&parents);
        let placed = Placed { parents, cut, generation: 0 };
        if !crate::governance::judge::has_standing(&self.graph, &self.view, &payload.signer) {
            return Err(Admission::Drop(Dropped::Stranger));
        }
        crate::governance::judge::preflight(&self.graph, &self.view, payload, &placed)
            .map_err(Admission::Void)
    }
}

/// What an author's next op must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its parents, ascending.
    pub parents: Vec<OpId>,
    /// Its nonce.
    pub nonce: u64,
    /// The state hash.
    pub state_hash: [u8; 32],
}
