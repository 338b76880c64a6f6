//! Who stands where: the rights that effective grants still give (section 5).

use super::{Row, View, row_key};
use crate::few::{Few, Rare};
use crate::governance::graph::Graph;
use crate::governance::relation::Reach;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Key, PersonIx, RestrictionIx};
use crate::governance::view::roots::RowName;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What one person has, in every group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Effective grants with what remains of them, where anything does.
    pub live: Few<(GrantIx, Rights)>,
    /// Where effective restrictions shut out what is held above (D10).
    pub denied: Rare<Denial>,
}

/// A grant that gives less in one subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// The subtree.
    pub group: GroupIx,
    /// The grant, held above.
    pub grant: GrantIx,
    /// What it may still give there.
    pub keep: Rights,
}

/// The direct row of a member in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// What all effective grants on the group still give together.
    pub rights: Rights,
    /// The most senior of them.
    pub grant: GrantIx,
}

impl Standing {
    /// What a grant gives for acts in the last group of `path`, the path to the root (D7).
    pub fn given(&self, grant: GrantIx, remaining: Rights, path: &[GroupIx]) -> Rights {
        let denials = self
            .denied
            .iter()
            .filter(|denial| denial.grant == grant && path.contains(&denial.group));
        denials.fold(remaining, |rights, denial| rights & denial.keep)
    }

    fn rows(&self, graph: &Graph) -> BTreeMap<GroupIx, MemberRow> {
        let mut rows = BTreeMap::new();
        for (grant, rights) in &self.live {
            let group = graph.grants[*grant].group;
            let row =
                rows.entry(group).or_insert(MemberRow { rights: Rights::NONE, grant: *grant });
            row.rights = row.rights | *rights;
            if *grant != row.grant && graph.seniority(*grant) < graph.seniority(row.grant) {
                row.grant = *grant;
            }
        }
        rows
    }
}

impl View {
    /// The direct row of a person in a group, where there is one.
    pub fn member_row(&self, graph: &Graph, person: PersonIx, group: GroupIx) -> Option<MemberRow> {
        self.standing(person)?.rows(graph).remove(&group)
    }

    /// Everybody with any standing.
    pub fn people(&self) -> impl Iterator<Item = PersonIx> {
        self.people.iter().map(|(place, _)| PersonIx(place))
    }

    /// Whether a person has a direct row in a group.
    pub fn has_row(&self, graph: &Graph, person: PersonIx, group: GroupIx) -> bool {
        self.standing(person).is_some_and(|standing| {
            standing.live.iter().any(|(grant, _)| graph.grants[*grant].group == group)
        })
    }

    /// Every direct row of a person, by group; also in groups that no longer exist.
    pub fn member_rows(&self, graph: &Graph, person: PersonIx) -> BTreeMap<GroupIx, MemberRow> {
        self.standing(person).map(|standing| standing.rows(graph)).unwrap_or_default()
    }

    /// Derives a person's standing again, and its rows.
    pub(super) fn refresh_person(&mut self, graph: &Graph, person: PersonIx) {
        let after = self.derive_standing(graph, person);
        let before = self.people.get(person.place()).cloned().unwrap_or_default();
        if before == after {
            return;
        }
        self.update_rows(graph, person, &before, &after);
        self.update_denials(graph, person, &before, &after);
        if after == Standing::default() {
            self.people.remove(person.place());
        } else {
            self.people.insert(person.place(), after);
        }
    }

    /// Derives everybody's standing, and the rows of all at once.
    pub(super) fn restore_people(&mut self, graph: &Graph) {
        let mut rows: BTreeMap<GroupIx, Vec<(Vec<u8>, Row)>> = BTreeMap::new();
        for person in graph.people.keys() {
            let standing = self.derive_standing(graph, person);
            if standing == Standing::default() {
                continue;
            }
            let key = row_key(&RowName::Member(graph.people[person].id));
            for (group, row) in standing.rows(graph) {
                rows.entry(group).or_default().push((key.clone(), Row::Member(row)));
            }
            for denial in &standing.denied {
                let row = (denial_key(graph, person, denial), Row::Denied(denial.keep));
                rows.entry(denial.group).or_default().push(row);
            }
            self.people.insert(person.place(), standing);
        }
        for (group, rows) in rows {
            self.restore_rows(graph, group, rows);
        }
    }

    fn derive_standing(&self, graph: &Graph, person: PersonIx) -> Standing {
        let known = &graph.people[person];
        let grants = known.grants.iter().copied();
        let restrictions: Vec<RestrictionIx> = known
            .restrictions
            .iter()
            .copied()
            .filter(|r| self.is_effective(graph, graph.restrictions[*r].op))
            .collect();
        let mut standing = Standing::default();
        for grant in grants.filter(|grant| self.is_effective(graph, graph.grants[*grant].op)) {
            let mut remaining = graph.grants[grant].rights;
            for r in &restrictions {
                let restriction = &graph.restrictions[*r];
                match graph.reach(*r, grant) {
                    Some(Reach::Binds) => remaining = remaining & restriction.keep,
                    Some(Reach::Denies) => {
                        deny(&mut standing.denied, restriction.group, grant, restriction.keep);
                    }
                    None => {}
                }
            }
            if !remaining.is_empty() {
                standing.live.push((grant, remaining));
            }
        }
        standing
    }

    fn update_rows(&mut self, graph: &Graph, who: PersonIx, before: &Standing, after: &Standing) {
        let (before, after) = (before.rows(graph), after.rows(graph));
        let key = row_key(&RowName::Member(graph.people[who].id));
        for group in before.keys().filter(|group| !after.contains_key(group)) {
            self.remove_row(*group, &key);
        }
        for (group, row) in after {
            if before.get(&group) != Some(&row) {
                self.insert_row(graph, group, &key, Row::Member(row));
            }
        }
    }

    fn update_denials(
        &mut self,
        graph: &Graph,
        who: PersonIx,
        before: &Standing,
        after: &Standing,
    ) {
        let same = |a: &Denial, b: &Denial| a.group == b.group && a.grant == b.grant;
        for denial in &before.denied {
            if !after.denied.iter().any(|other| same(denial, other)) {
                self.remove_row(denial.group, &denial_key(graph, who, denial));
            }
        }
        for denial in &after.denied {
            if !before.denied.contains(denial) {
                let key = denial_key(graph, who, denial);
                self.insert_row(graph, denial.group, &key, Row::Denied(denial.keep));
            }
        }
    }
}

fn denial_key(graph: &Graph, who: PersonIx, denial: &Denial) -> Vec<u8> {
    let grant = graph.node(graph.grants[denial.grant].op).id;
    row_key(&RowName::Denied(graph.people[who].id, grant))
}

fn deny(denials: &mut Rare<Denial>, group: GroupIx, grant: GrantIx, keep: Rights) {
    let mut known = denials.as_mut_slice().iter_mut();
    match known.find(|denial| denial.group == group && denial.grant == grant) {
        Some(denial) => denial.keep = denial.keep & keep,
        None => denials.push(Denial { group, grant, keep }),
    }
}
