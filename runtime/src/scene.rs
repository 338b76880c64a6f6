//! One namespace as it is now, with the names that its members gave to things.

use std::collections::BTreeMap;

use folkmoot_core::governance::op::{Body, Payload, SlotName, SlotWrite, Subject};
use folkmoot_core::id::{GroupId, MemberId, NamespaceId, OpId};
use folkmoot_core::query::{GroupView, MemberView, NamespaceView, SlotView};

use crate::call::Cx;
use crate::errors::{Class, Failure};
use crate::reply::{Place, Who};
use crate::resolve::{Candidate, pick};
use folkmoot_core::state::State;

/// Longest name that is shown, in characters.
const NAME_CHARS_MAX: usize = 64;

/// A namespace, its groups, its members, and their names.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The namespace.
    pub view: NamespaceView,
    /// Its groups, parents before children.
    pub groups: Vec<GroupView>,
    /// The direct rows of each group, the most senior first.
    pub members: BTreeMap<GroupId, Vec<MemberView>>,
    group_names: BTreeMap<GroupId, String>,
    member_names: BTreeMap<MemberId, String>,
    /// Of groups that exist no longer; nothing is found by these.
    former_names: BTreeMap<GroupId, String>,
}

/// The value that a payload writes into a metadata slot, as text that may be shown.
pub fn written_name(payload: &Payload) -> Option<String> {
    let Body::SlotSet { write: SlotWrite::Metadata { value, .. }, .. } = &payload.body else {
        return None;
    };
    let name: String = String::from_utf8_lossy(value).chars().take(NAME_CHARS_MAX).collect();
    if name.is_empty() { None } else { Some(name) }
}

impl Cx {
    /// The namespace that was named, or the only one this node takes part in.
    ///
    /// # Errors
    ///
    /// When there is none, or several and none was named.
    pub async fn namespace(&self) -> Result<NamespaceView, Failure> {
        self.namespace_named(self.ns.as_deref()).await
    }

    /// The namespace named so, or the only one this node takes part in.
    ///
    /// # Errors
    ///
    /// As [`Cx::namespace`].
    pub async fn namespace_named(&self, text: Option<&str>) -> Result<NamespaceView, Failure> {
        let all = self.query(State::namespaces).await?;
        if let Some(text) = text {
            if let Ok(id) = text.parse::<NamespaceId>()
                && let Some(view) = all.iter().find(|view| view.namespace == id)
            {
                return Ok(view.clone());
            }
            let names = self.names(all.iter().map(|view| view.name).collect()).await?;
            let candidates: Vec<_> = all
                .into_iter()
                .zip(names)
                .map(|(view, name)| Candidate { id: view.namespace.to_string(), name, value: view })
                .collect();
            return pick("namespace", NamespaceId::PREFIX, text, &candidates);
        }
        let mut open: Vec<_> = all.into_iter().filter(|view| view.open).collect();
        match (open.pop(), open.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(Failure::new(
                Class::NotFound,
                "no-namespace",
                "this node takes part in no namespace",
            )
            .hint("`moot ns create NAME`, or `moot join CODE`")),
            (Some(_), false) => Err(Failure::new(
                Class::Usage,
                "which-namespace",
                "this node takes part in several namespaces",
            )
            .hint("name one with -n; `moot ns list` shows them")),
        }
    }

    /// The names that these ops wrote.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn names(&self, ops: Vec<Option<OpId>>) -> Result<Vec<Option<String>>, Failure> {
        let wanted = ops.iter().copied().flatten().collect();
        let mut found = self.payloads(wanted).await?.into_iter();
        let name = |op: Option<OpId>| {
            op.and_then(|_| found.next().flatten()).as_ref().and_then(written_name)
        };
        Ok(ops.into_iter().map(name).collect())
    }

    /// The namespace that was named, with its groups, members and names.
    ///
    /// # Errors
    ///
    /// As [`Cx::namespace`].
    pub async fn scene(&self) -> Result<Scene, Failure> {
        let view = self.namespace().await?;
        self.scene_of(view.namespace).await
    }

    /// A namespace with its groups, members and names.
    ///
    /// # Errors
    ///
    /// When this node does not know it.
    pub async fn scene_of(&self, namespace: NamespaceId) -> Result<Scene, Failure> {
        // One question, so that all of it is of one state.
        let asked = self.query(move |state| {
            let view = state.namespace(&namespace)?;
            let groups = state.groups(&namespace);
            let members: BTreeMap<_, _> = groups
                .iter()
                .map(|group| (group.group, state.members(&namespace, &group.group)))
                .collect();
            let named = named_members(&state.slots(&namespace, &namespace.root()));
            Some((view, groups, members, named))
        });
        let unknown = || {
            let message = format!("this node does not take part in {namespace}");
            Failure::new(Class::NotFound, "unknown-namespace", message)
        };
        let (view, groups, members, member_ops) = asked.await?.ok_or_else(unknown)?;
        let group_ops: BTreeMap<_, _> =
            groups.iter().filter_map(|group| Some((group.group, group.name?))).collect();
        let ops = group_ops.values().chain(member_ops.values()).map(|op| Some(*op)).collect();
        let mut names = self.names(ops).await?.into_iter();
        let group_names = take_names(group_ops, &mut names);
        let member_names = take_names(member_ops, &mut names);
        let former_names = BTreeMap::new();
        Ok(Scene { view, groups, members, group_names, member_names, former_names })
    }
}

/// The ops that name members; also those who are members no longer.
fn named_members(slots: &[SlotView]) -> BTreeMap<MemberId, OpId> {
    let named = slots.iter().filter_map(|slot| {
        let SlotName::Metadata(Subject::Member(member), key) = &slot.key.name else { return None };
        (&**key == "name").then_some((*member, slot.winner))
    });
    named.collect()
}

/// The next names, each with the thing it is for.
fn take_names<K: Ord>(
    ops: BTreeMap<K, OpId>,
    names: &mut impl Iterator<Item = Option<String>>,
) -> BTreeMap<K, String> {
    // The keys are asked first: when they end, no name is taken that belongs to what comes next.
    let pairs = ops.into_keys().zip(names);
    pairs.filter_map(|(thing, name)| Some((thing, name?))).collect()
}

impl Scene {
    /// Id of the namespace.
    pub fn namespace(&self) -> NamespaceId {
        self.view.namespace
    }

    /// Its root group.
    pub fn root(&self) -> GroupId {
        self.view.namespace.root()
    }

    /// The group that was named; the root where none was.
    ///
    /// # Errors
    ///
    /// When there is no such group, or several.
    pub fn group(&self, text: Option<&str>) -> Result<GroupId, Failure> {
        let Some(text) = text.filter(|text| *text != "root") else { return Ok(self.root()) };
        let candidates: Vec<_> = self
            .groups
            .iter()
            .map(|group| Candidate {
                value: group.group,
                id: group.group.to_string(),
                name: self.group_names.get(&group.group).cloned(),
            })
            .collect();
        pick("group", GroupId::PREFIX, text, &candidates)
    }

    /// The member that was named: `me`, any whole id, or what fits one of those who have a row.
    ///
    /// # Errors
    ///
    /// When there is no such member, or several, or the id was mistyped.
    pub fn member(&self, text: &str) -> Result<MemberId, Failure> {
        if text == "me" {
            return Ok(self.view.me);
        }
        match text.parse::<MemberId>() {
            Ok(member) => return Ok(member),
            Err(error) if text.len() >= MemberId([0; 32]).to_string().len() => {
                return Err(Failure::new(Class::Usage, "bad-id", error.to_string()));
            }
            Err(_) => {}
        }
        let mut known: Vec<_> = self.members.values().flatten().map(|row| row.member).collect();
        known.sort_unstable();
        known.dedup();
        let candidates: Vec<_> = known
            .into_iter()
            .map(|member| Candidate {
                value: member,
                id: member.to_string(),
                name: self.member_names.get(&member).cloned(),
            })
            .collect();
        pick("member", MemberId::PREFIX, text, &candidates)
    }

    /// The direct row of a member in a group.
    pub fn row(&self, group: &GroupId, member: &MemberId) -> Option<&MemberView> {
        self.members.get(group)?.iter().find(|row| row.member == *member)
    }

    /// Whether the group exists now.
    pub fn exists(&self, group: &GroupId) -> bool {
        self.members.contains_key(group)
    }

    /// Notes the name that a group had.
    pub fn remember(&mut self, group: GroupId, name: Option<String>) {
        self.former_names.extend(name.map(|name| (group, name)));
    }

    /// A member for an answer.
    pub fn who(&self, member: MemberId) -> Who {
        Who {
            id: member.to_string(),
            name: self.member_names.get(&member).cloned(),
            me: member == self.view.me,
        }
    }

    /// A group for an answer.
    pub fn place(&self, group: GroupId) -> Place {
        Place {
            id: group.to_string(),
            name: self.group_names.get(&group).or(self.former_names.get(&group)).cloned(),
            root: group == self.root(),
        }
    }
}
