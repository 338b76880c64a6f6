//! The replicated rows and their digests (GOV-20, ruling 11).

use super::terms::Key;
use super::{Effect, Oracle, trie};
use folkmoot_core::codec;
use folkmoot_core::governance::op::{SlotKey, SlotName};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, MemberId, OpId};
use std::collections::BTreeMap;

/// Which row of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// The parent group; absent at the root.
    Parent,
    /// Direct rights of a member, and the smallest key that gives one of them.
    Member(MemberId),
    /// What restrictions on this group leave here of this grant, which is held above.
    Denied(MemberId, OpId),
    /// The winner of a slot.
    Slot(SlotName),
}

impl RowKey {
    /// The key's bytes: a tag, then the fields.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Parent => vec![0],
            Self::Member(member) => [&[1], member.0.as_slice()].concat(),
            Self::Denied(member, grant) => [&[2], member.0.as_slice(), &grant.0].concat(),
            Self::Slot(name) => [vec![3], codec::encode(name)].concat(),
        }
    }
}

impl Oracle {
    /// Fills in the rows and roots of `effect`, whose verdicts and tree are known.
    pub(super) fn write_rows(&self, effect: &mut Effect, slots: &BTreeMap<SlotKey, OpId>) {
        let mut rows: BTreeMap<_, BTreeMap<RowKey, Vec<u8>>> = BTreeMap::new();
        for (group, parent) in &effect.tree {
            let row = parent.map(|parent| (RowKey::Parent, parent.0.to_vec()));
            rows.insert(*group, row.into_iter().collect());
        }
        for ((group, member), (rights, key)) in self.member_rows(effect) {
            if let Some(rows) = rows.get_mut(&group) {
                rows.insert(RowKey::Member(member), member_value(rights, key));
            }
        }
        for ((group, member, grant), keep) in self.denials(effect) {
            if let Some(rows) = rows.get_mut(&group) {
                rows.insert(RowKey::Denied(member, grant), keep.bits().to_le_bytes().to_vec());
            }
        }
        for (slot, winner) in slots {
            if let Some(rows) = rows.get_mut(&slot.group) {
                rows.insert(RowKey::Slot(slot.name.clone()), winner.0.to_vec());
            }
        }
        let own_root = |rows: &BTreeMap<RowKey, Vec<u8>>| {
            trie::root(rows.iter().map(|(key, value)| (key.encode(), value.as_slice())))
        };
        effect.roots = rows.iter().map(|(group, rows)| (*group, own_root(rows))).collect();
        effect.state_root = trie::root(
            effect.roots.iter().map(|(group, root)| (group.0.to_vec(), root.as_slice())),
        );
        effect.rows = rows;
    }

    /// `rights(p, X)` of section 5, with the smallest key of a grant that still gives a bit.
    fn member_rows(&self, effect: &Effect) -> BTreeMap<(GroupId, MemberId), (Rights, Key)> {
        let mut rows = BTreeMap::new();
        for grant in self.effective_grants(effect) {
            let left = self.remains(effect, grant);
            if left.is_empty() {
                continue;
            }
            let (rights, key) =
                rows.entry((grant.group, grant.member)).or_insert((left, grant.key));
            *rights = *rights | left;
            *key = grant.key.min(*key);
        }
        rows
    }

    /// For each group, and each effective grant held above that effective restrictions on the
    /// group deny: what they all keep.
    fn denials(&self, effect: &Effect) -> BTreeMap<(GroupId, MemberId, OpId), Rights> {
        let mut denials = BTreeMap::new();
        for grant in self.effective_grants(effect) {
            for (r, restriction) in self.effective_restrictions(effect) {
                if self.shuts_out(r, grant) {
                    let place = (restriction.group, grant.member, grant.op);
                    let keep = denials.entry(place).or_insert(Rights::ADMIN);
                    *keep = *keep & restriction.keep;
                }
            }
        }
        denials
    }
}

fn member_value(rights: Rights, key: Key) -> Vec<u8> {
    [rights.bits().to_le_bytes().as_slice(), &[key.tier], &key.rank.to_le_bytes(), &key.op.0]
        .concat()
}
