//! Whether an op is effective (section 5), and why not.

use super::{TreeWork, View};
use crate::governance::graph::{Deed, Graph};
use crate::governance::table::{InvitationIx, Ix, Key, PersonIx, SlotIx};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Why an admitted op is not effective: the first reason that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An op that gave it its authority is not effective.
    Auth(Ix),
    /// Effective restrictions or moves strike it.
    Struck(Vec<Ix>),
    /// Its invitation was used up by joins that come first.
    Spent(Vec<Ix>),
    /// It is strict, and this concurrent write of its slot comes first.
    Lost(Ix),
}

impl View {
    /// Eff(o), from the Eff of what is smaller in the order of evaluation.
    pub(super) fn evaluate(&self, graph: &Graph, ix: Ix) -> bool {
        let node = graph.node(ix);
        // A genesis and a self-restriction need nobody.
        if node.auth().is_none() {
            return true;
        }
        self.dead_auth(graph, ix).is_none()
            && self.strikers(graph, ix).next().is_none()
            && self.detachers(graph, ix).next().is_none()
            && self.outdone(graph, ix).is_none()
    }

    /// The joins or the write that come first and take the place of an op, where they do (K7, R5).
    fn outdone(&self, graph: &Graph, ix: Ix) -> Option<Cause> {
        let deed = graph.node(ix).deed;
        if let Deed::Join { invitation, .. } = deed {
            return self.spent(graph, ix, invitation).map(Cause::Spent);
        }
        if let Deed::Write { slot, strict: true } = deed {
            return self.beaten_by(graph, ix, slot).map(Cause::Lost);
        }
        None
    }

    /// Why an op of the set is not effective; `None` where it is, or is void at its cut.
    pub fn cause(&self, graph: &Graph, ix: Ix) -> Option<Cause> {
        // A genesis and a self-restriction need nobody.
        graph.node(ix).auth()?;
        if let Some(op) = self.dead_auth(graph, ix) {
            return Some(Cause::Auth(op));
        }
        let strikers: BTreeSet<Ix> =
            self.strikers(graph, ix).chain(self.detachers(graph, ix)).collect();
        if !strikers.is_empty() {
            return Some(Cause::Struck(strikers.into_iter().collect()));
        }
        self.outdone(graph, ix)
    }

    fn dead_auth(&self, graph: &Graph, ix: Ix) -> Option<Ix> {
        let ops = graph.node(ix).auths().map(|auth| graph.grants[auth.grant].op);
        ops.into_iter().find(|op| !self.is_effective(graph, *op))
    }

    /// Effective restrictions that kill an op through what it was authorised by.
    fn strikers<'a>(&'a self, graph: &'a Graph, ix: Ix) -> impl Iterator<Item = Ix> + 'a {
        let targets = graph.node(ix).auths().map(|auth| graph.grants[auth.grant].target);
        targets
            .flat_map(|target| graph.people[target].restrictions.iter())
            .filter(move |r| {
                let op = graph.restrictions[**r].op;
                self.is_effective(graph, op)
                    && graph.strikes(**r, ix)
                    && self.epoch(graph, op) <= self.epoch(graph, ix)
            })
            .map(|r| graph.restrictions[*r].op)
    }

    /// Whether an effective restriction strikes an op of the set, epochs included.
    pub fn is_struck_by(&self, graph: &Graph, restriction: Ix, ix: Ix) -> bool {
        self.holds(graph, ix) && self.strikers(graph, ix).any(|op| op == restriction)
    }

    /// Whether an admitted op of the set is void, and by nothing but what people did to themselves.
    pub fn is_void_by_selves_only(&self, graph: &Graph, ix: Ix) -> bool {
        let by_itself = |op: Ix| graph.node(op).auth().is_none();
        self.holds(graph, ix)
            && self.void.get(ix.place()).is_some()
            && self.dead_auth(graph, ix).is_none()
            && self.strikers(graph, ix).all(by_itself)
            && self.detachers(graph, ix).next().is_none()
            && self.outdone(graph, ix).is_none()
    }

    /// Effective moves that cut an op off from what it was authorised by (D11).
    fn detachers<'a>(&'a self, graph: &'a Graph, ix: Ix) -> impl Iterator<Item = Ix> + 'a {
        let path = if graph.moves.is_empty() { Vec::new() } else { graph.anc(ix) };
        path.into_iter().filter_map(|group| graph.moves.get(&group)).flatten().copied().filter(
            move |r| {
                self.is_effective(graph, *r)
                    && graph.detaches(*r, ix)
                    && self.epoch(graph, *r) <= self.epoch(graph, ix)
            },
        )
    }

    /// The joins that used an invitation up before this one, where they did (K7).
    fn spent(&self, graph: &Graph, ix: Ix, invitation: InvitationIx) -> Option<Vec<Ix>> {
        let invited = &graph.invitations[invitation];
        let uses_max = invited.uses_max as usize;
        if invited.joins.len() <= uses_max {
            return None;
        }
        let own = joiner(graph, ix);
        let order = self.order(graph, ix);
        let before = |join: &Ix| {
            joiner(graph, *join) != own
                && self.is_effective(graph, *join)
                && self.order(graph, *join) < order
        };
        let joins: Vec<Ix> = invited.joins.iter().copied().filter(before).collect();
        let joiners: BTreeSet<_> = joins.iter().map(|join| joiner(graph, *join)).collect();
        (joiners.len() >= uses_max).then_some(joins)
    }

    /// The winner among concurrent writes, where it is not this strict one (R5).
    fn beaten_by(&self, graph: &Graph, ix: Ix, slot: SlotIx) -> Option<Ix> {
        let order = self.order(graph, ix);
        let beats = |write: &Ix| {
            graph.is_concurrent(*write, ix)
                && self.is_effective(graph, *write)
                && self.order(graph, *write) < order
        };
        let winners = graph.slots[slot].writes.beside(ix).filter(beats);
        winners.min_by_key(|write| self.order(graph, *write))
    }

    /// Records that an op changed between effective and not, and marks what depends on it.
    pub(super) fn flip(&mut self, graph: &Graph, ix: Ix, now: bool) {
        self.work.flipped.push((ix, now));
        let deed = graph.node(ix).deed;
        if let Some(grant) = deed.grant() {
            self.work.people.insert(graph.grants[grant].target);
            for used in &graph.grants[grant].used {
                self.mark(graph, *used);
            }
        }
        match deed {
            Deed::Genesis => self.flip_genesis(graph),
            Deed::Join { invitation, .. } => {
                let invited = &graph.invitations[invitation];
                if invited.joins.len() > invited.uses_max as usize {
                    for join in &invited.joins {
                        self.mark(graph, *join);
                    }
                }
            }
            Deed::Restrict(r) => {
                self.work.people.insert(graph.restrictions[r].target);
                self.mark_victims(graph, ix);
            }
            Deed::Move { .. } => {
                self.flip_structure(ix, now);
                self.mark_victims(graph, ix);
            }
            Deed::Create { .. } | Deed::Delete => self.flip_structure(ix, now),
            Deed::Write { slot, .. } => self.flip_write(graph, ix, slot, now),
            Deed::Void
            | Deed::Noop
            | Deed::Grant(_)
            | Deed::Revoke { .. }
            | Deed::Anchor { .. } => {}
        }
    }

    fn flip_genesis(&mut self, graph: &Graph) {
        self.work.people.extend(graph.owners.iter().copied());
        self.work.tree = TreeWork::Rebuild;
    }

    fn flip_structure(&mut self, ix: Ix, now: bool) {
        match (&mut self.work.tree, now) {
            (TreeWork::Append(ops), true) => ops.push(ix),
            (work @ TreeWork::None, true) => *work = TreeWork::Append([ix].into()),
            (work, _) => *work = TreeWork::Rebuild,
        }
    }

    fn flip_write(&mut self, graph: &Graph, ix: Ix, slot: SlotIx, now: bool) {
        self.note_write(ix, slot, now);
        for write in &graph.slots[slot].strict {
            if graph.is_concurrent(*write, ix) {
                self.mark(graph, *write);
            }
        }
    }

    /// Marks every op that a restriction or move strikes if it is effective.
    pub(super) fn mark_victims(&mut self, graph: &Graph, ix: Ix) {
        let deed = graph.node(ix).deed;
        if let Some(r) = deed.restriction() {
            for grant in &graph.people[graph.restrictions[r].target].grants {
                if graph.reach(r, *grant).is_none() {
                    continue;
                }
                for used in &graph.grants[*grant].used {
                    if !graph.is_past(*used, ix) {
                        self.mark(graph, *used);
                    }
                }
            }
        }
        if let Deed::Move { .. } = deed {
            for later in graph.difference(&self.cut, &graph.closure(&[ix])) {
                if graph.detaches(ix, later) {
                    self.mark(graph, later);
                }
            }
        }
    }
}

/// Who a join admits.
pub(super) fn joiner(graph: &Graph, ix: Ix) -> Option<PersonIx> {
    graph.node(ix).deed.grant().map(|grant| graph.grants[grant].target)
}
