//! What is visible, and its heads (R6).
//!
//! Visible are the effective ops and their ancestors; heads are the maximal ones. A
//! self-restriction that changes nothing makes nothing visible (ADR 2, ruling 12).

use crate::governance::graph::{Deed, Graph, Restriction};
use crate::governance::relation::Reach;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, Ix, PersonIx, RestrictionIx};
use crate::governance::view::{Changes, View};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Heads of the visible ops of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    /// Maximal effective ops, in order of arrival.
    heads: Vec<Ix>,
    /// Effective self-restrictions that change nothing.
    idle: BTreeSet<Ix>,
    /// Evaluated ops that do not show themselves.
    silent: BTreeSet<Ix>,
    /// How many of those each signer has, those void at their cut included.
    silent_counts: BTreeMap<PersonIx, u32>,
}

impl Frontier {
    /// A frontier out of its stored parts.
    pub(super) fn restore(graph: &Graph, view: &View, heads: Vec<Ix>, idle: Vec<Ix>) -> Self {
        let idle = idle.into_iter().collect();
        let mut frontier = Self { heads, idle, ..Self::default() };
        let silent = view.void_ops().chain(frontier.idle.iter().copied());
        let silent: BTreeSet<Ix> = silent.filter(|ix| !frontier.shows(graph, view, *ix)).collect();
        for ix in silent.iter().copied().chain(graph.ops_void_at_cut()) {
            frontier.count(graph, ix, true);
        }
        frontier.silent = silent;
        frontier
    }

    /// The heads, in order of arrival. Never truncated (GOV-21).
    pub fn heads(&self) -> &[Ix] {
        &self.heads
    }

    /// Effective self-restrictions that change nothing.
    pub fn idle(&self) -> &BTreeSet<Ix> {
        &self.idle
    }

    /// Whether an op is visible: a head, or in the past of one.
    pub fn is_visible(&self, graph: &Graph, ix: Ix) -> bool {
        self.heads.iter().any(|head| *head == ix || graph.is_past(ix, *head))
    }

    /// Whether a cut holds everything visible.
    pub fn is_within(&self, graph: &Graph, cut: &crate::governance::reach::Cut) -> bool {
        self.heads.iter().all(|head| cut.contains(graph.node(*head).place))
    }

    /// Follows what changed in a settled view.
    pub fn update(&mut self, graph: &Graph, view: &View, changes: &Changes) {
        let mut touched = changes.evaluated.clone();
        touched.extend(changes.flipped.iter().map(|(ix, _)| *ix));
        for person in concerned(graph, &touched) {
            self.update_idle(graph, view, person, &mut touched);
        }
        let shown = touched.into_iter().partition(|ix| self.shows(graph, view, *ix));
        let (gained, lost): (Vec<Ix>, Vec<Ix>) = shown;
        let mut uncovered = Vec::new();
        for ix in &gained {
            if self.silent.remove(ix) {
                self.count(graph, *ix, false);
            }
        }
        for ix in lost {
            if self.silent.insert(ix) {
                self.count(graph, ix, true);
            }
            if let Some(at) = self.heads.iter().position(|head| *head == ix) {
                self.heads.remove(at);
                uncovered.push(ix);
            }
        }
        let below = self.maximal_below(graph, view, uncovered);
        for ix in below.into_iter().chain(gained) {
            self.raise(graph, ix);
        }
    }

    /// How many ops of a signer are stored without showing themselves (R6): what its quota counts.
    pub fn silent_count(&self, signer: PersonIx) -> u32 {
        self.silent_counts.get(&signer).copied().unwrap_or(0)
    }

    /// Counts an op that is void at its cut, which is never evaluated.
    pub(super) fn note_void_at_cut(&mut self, graph: &Graph, ix: Ix) {
        self.count(graph, ix, true);
    }

    fn count(&mut self, graph: &Graph, ix: Ix, more: bool) {
        let count = self.silent_counts.entry(graph.node(ix).signer).or_default();
        *count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
    }

    /// Whether an op is visible by itself: it has effect, and more than what others did already, or
    /// only somebody's own restriction keeps it from having any.
    fn shows(&self, graph: &Graph, view: &View, ix: Ix) -> bool {
        if view.is_effective(graph, ix) {
            return !self.idle.contains(&ix);
        }
        view.is_void_by_selves_only(graph, ix)
    }

    /// Enters an op that shows itself; nothing happens below a head.
    fn raise(&mut self, graph: &Graph, ix: Ix) {
        if self.is_visible(graph, ix) {
            return;
        }
        self.heads.retain(|head| !graph.is_past(*head, ix));
        self.heads.push(ix);
        self.heads.sort_unstable();
    }

    /// Ops that show themselves right below heads that vanished.
    fn maximal_below(&self, graph: &Graph, view: &View, from: Vec<Ix>) -> Vec<Ix> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut stack = from;
        while let Some(ix) = stack.pop() {
            for parent in &graph.node(ix).parents {
                let covered = !seen.insert(*parent) || self.is_visible(graph, *parent);
                if covered {
                    continue;
                }
                if self.shows(graph, view, *parent) {
                    found.push(*parent);
                } else {
                    stack.push(*parent);
                }
            }
        }
        found
    }

    fn update_idle(
        &mut self,
        graph: &Graph,
        view: &View,
        person: PersonIx,
        touched: &mut BTreeSet<Ix>,
    ) {
        for r in &graph.people[person].restrictions {
            let restriction = &graph.restrictions[*r];
            if !restriction.by_self {
                continue;
            }
            let idle = view.is_effective(graph, restriction.op)
                && changes_nothing(graph, view, *r, restriction);
            let changed = if idle {
                self.idle.insert(restriction.op)
            } else {
                self.idle.remove(&restriction.op)
            };
            if changed {
                touched.insert(restriction.op);
            }
        }
    }
}

/// People whose self-restrictions may have become idle, or ceased to be.
fn concerned(graph: &Graph, evaluated: &BTreeSet<Ix>) -> BTreeSet<PersonIx> {
    let mut people = BTreeSet::new();
    for ix in evaluated {
        let node = graph.node(*ix);
        people.insert(node.signer);
        people.extend(node.auths().map(|auth| graph.grants[auth.grant].target));
        people.extend(node.deed.grant().map(|grant| graph.grants[grant].target));
        if let Deed::Restrict(r) = node.deed {
            people.insert(graph.restrictions[r].target);
        }
    }
    people.retain(|person| {
        let restrictions = &graph.people[*person].restrictions;
        restrictions.iter().any(|r| graph.restrictions[*r].by_self)
    });
    people
}

/// Whether others took already what an effective self-restriction takes, in rows and in verdicts.
fn changes_nothing(graph: &Graph, view: &View, r: RestrictionIx, own: &Restriction) -> bool {
    for grant in graph.people[own.target].grants.iter().copied() {
        let Some(reach) = graph.reach(r, grant) else { continue };
        let takes = view.is_effective(graph, graph.grants[grant].op)
            && !own.keep.covers(left_by_others(graph, view, own, grant, reach));
        let mut struck = graph.grants[grant].used.iter();
        let strikes = |used: &Ix| {
            view.is_struck_by(graph, own.op, *used) && view.is_void_by_selves_only(graph, *used)
        };
        if takes || struck.any(strikes) {
            return false;
        }
    }
    true
}

/// What restrictions by others leave of a grant, where they reach it in the same way.
fn left_by_others(
    graph: &Graph,
    view: &View,
    own: &Restriction,
    grant: GrantIx,
    reach: Reach,
) -> Rights {
    let mut left = match reach {
        Reach::Binds => graph.grants[grant].rights,
        // A denial is a row that holds what may remain, whatever the grant gives.
        Reach::Denies => Rights::ADMIN,
    };
    for other in &graph.people[own.target].restrictions {
        let restriction = &graph.restrictions[*other];
        let same_place = reach == Reach::Binds || restriction.group == own.group;
        if !restriction.by_self
            && same_place
            && view.is_effective(graph, restriction.op)
            && graph.reach(*other, grant) == Some(reach)
        {
            left = left & restriction.keep;
        }
    }
    left
}
