//! What people do: random bodies that are mostly possible at the cut where they are signed.

use super::builder::Builder;
use crate::kit::{Author, add, person};
use crate::oracle::{Effect, RowKey, path};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::op::{Body, SlotWrite, Subject, UpgradePolicy, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{ContextId, GroupId, MemberId};
use folkmoot_core::limits::RULES_VERSION;

/// A group that does not exist.
const NOWHERE: GroupId = GroupId([0xee; 32]);

/// Kinds of things that people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Add,
    Restrict,
    RestrictSelf,
    Leave,
    Create,
    Move,
    Delete,
    Anchor,
    Noop,
    Invite,
    Join,
    Revoke,
    Slot,
    Context,
    ContextSlot,
}

/// A body for a group, and whether the signatures inside are valid.
pub(super) struct Plan {
    pub(super) group: GroupId,
    pub(super) body: Body,
    pub(super) inner_valid: bool,
}

impl Plan {
    fn new(group: GroupId, body: Body) -> Self {
        Self { group, body, inner_valid: true }
    }
}

impl Builder {
    /// A body of kind `act` by `author`, who sees `cut`; `None` where there is nothing to do it to.
    pub(super) fn plan(&mut self, act: Act, author: &Author, cut: &Effect) -> Option<Plan> {
        let group = self.group(author, cut);
        match act {
            Act::Add => {
                let body = add(self.anyone(), self.rights());
                Some(Plan::new(group, body))
            }
            Act::Restrict => self.restriction(cut),
            Act::RestrictSelf => {
                let (group, _) = self.row_of(cut, Some(author.id))?;
                let group = if self.rng.chance(30) { self.group(author, cut) } else { group };
                let keep = self.keep();
                Some(Plan::new(group, Body::MemberRestricted { member: author.id, keep }))
            }
            Act::Leave => {
                let (group, _) = self.row_of(cut, Some(author.id))?;
                Some(Plan::new(group, Body::MemberLeft))
            }
            Act::Create => {
                let visibility = self.visibility();
                Some(Plan::new(self.deep_group(cut), Body::GroupCreated { visibility }))
            }
            Act::Move => {
                let any = (self.deep_group(cut), self.deep_group(cut));
                let crossing = self.rng.chance(40).then(|| self.reverse_move()).flatten();
                let (group, new_parent) = crossing.unwrap_or(any);
                let new_parent = if self.rng.chance(4) { NOWHERE } else { new_parent };
                Some(Plan::new(group, Body::GroupMoved { new_parent }))
            }
            Act::Delete => Some(Plan::new(self.deep_group(cut), Body::GroupDeleted)),
            Act::Anchor => {
                let notary = self.rng.chance(25).then(|| self.next_notary());
                let group = if self.rng.chance(95) { self.root() } else { group };
                Some(Plan::new(group, Body::Anchor { rules: RULES_VERSION, notary }))
            }
            Act::Noop | Act::Invite => Some(Plan::new(group, Body::Noop)),
            Act::Join => self.join(),
            Act::Revoke => {
                let (invitation, _) = self.invitation()?;
                let group = invitation.terms.group;
                Some(Plan::new(group, Body::InvitationRevoked { invitation }))
            }
            Act::Slot => {
                let write = self.write(author.id);
                let is_policy = matches!(write, SlotWrite::Policy { .. });
                let at_root = self.rng.chance(if is_policy { 90 } else { 50 });
                let group = if at_root { self.root() } else { group };
                Some(Plan::new(group, Body::SlotSet { strict: self.rng.chance(60), write }))
            }
            Act::Context => {
                Some(Plan::new(group, Body::ContextRegistered { application: [7; 32] }))
            }
            Act::ContextSlot => self.context_write(),
        }
    }

    /// Someone's row, and what is taken from it on its group or on one above or below.
    fn restriction(&mut self, cut: &Effect) -> Option<Plan> {
        let (held, member) = self.row_of(cut, None)?;
        let member = match self.rng.below(12) {
            0 => self.anyone().id,
            1..=5 => self.someone_active(),
            _ => member,
        };
        let related: Vec<GroupId> = cut
            .tree
            .keys()
            .copied()
            .filter(|group| {
                path(&cut.tree, *group).contains(&held) || path(&cut.tree, held).contains(group)
            })
            .collect();
        let elsewhere = self.rng.chance(45).then(|| self.rng.pick(&related).copied()).flatten();
        let body = Body::MemberRestricted { member, keep: self.keep() };
        Some(Plan::new(elsewhere.unwrap_or(held), body))
    }

    fn join(&mut self) -> Option<Plan> {
        let (invitation, secret) = self.invitation()?;
        let inner_valid = self.rng.chance(96);
        let newcomer = person(self.rng.between(5, 13));
        let joiner = if self.rng.chance(30) { self.someone_gone() } else { newcomer };
        let request = joiner.accept(&invitation, if inner_valid { secret } else { joiner });
        let group = invitation.terms.group;
        Some(Plan { group, body: Body::MemberJoined { request }, inner_valid })
    }

    fn context_write(&mut self) -> Option<Plan> {
        let (context, group) = self.context()?;
        let write = match self.rng.below(3) {
            0 => SlotWrite::ContextDetached(context),
            1 => {
                let (member, rights) = (self.anyone().id, self.rights());
                SlotWrite::ContextRights { context, member, rights }
            }
            _ => self.metadata(Subject::Context(context))?,
        };
        Some(Plan::new(group, Body::SlotSet { strict: self.rng.chance(40), write }))
    }

    fn write(&mut self, signer: MemberId) -> SlotWrite {
        let value = self.rng.chance(50);
        let byte = u8::from(value);
        // Half of all writes are for one slot, so that they meet.
        match self.rng.below(16) {
            0 => SlotWrite::DefaultRights(self.rights()),
            1 => self.metadata(Subject::Group).unwrap_or(SlotWrite::AutoFollow(value)),
            2 => {
                let member = if value { signer } else { self.anyone().id };
                self.metadata(Subject::Member(member)).unwrap_or(SlotWrite::AutoFollow(value))
            }
            3 => SlotWrite::AutoFollow(value),
            4 => Text::new("limit").map_or(SlotWrite::AutoFollow(value), |key| SlotWrite::Policy {
                key,
                value: Bytes::truncated(vec![byte]),
            }),
            5 => SlotWrite::TargetApplication([byte; 32]),
            6 if value => SlotWrite::UpgradePolicy(UpgradePolicy::Automatic),
            6 => SlotWrite::UpgradePolicy(UpgradePolicy::Manual),
            7 => SlotWrite::Migration(Bytes::truncated(vec![byte])),
            _ => SlotWrite::Visibility(self.visibility()),
        }
    }

    fn metadata(&mut self, subject: Subject) -> Option<SlotWrite> {
        let value = Bytes::truncated(vec![if self.rng.chance(50) { b'a' } else { b'b' }]);
        Text::new("name").map(|key| SlotWrite::Metadata { subject, key, value })
    }

    fn visibility(&mut self) -> Visibility {
        if self.rng.chance(50) { Visibility::Open } else { Visibility::Restricted }
    }

    /// Rights for a grant: a role, or bits.
    pub(super) fn rights(&mut self) -> Rights {
        let roles = [
            Rights::ADMIN,
            Rights::ADMIN,
            Rights::MEMBER,
            Rights::MEMBER,
            Rights::READ_ONLY,
            Rights::MEMBER | Rights::INVITE,
            Rights::MEMBER | Rights::MEMBERS,
        ];
        let role = self.rng.pick(&roles).copied().unwrap_or(Rights::MEMBER);
        if self.rng.chance(self.settings.masks) { self.bits(1, role) } else { role }
    }

    /// What a restriction leaves: mostly nothing.
    fn keep(&mut self) -> Rights {
        if self.rng.chance(self.settings.masks) {
            return self.bits(0, Rights::NONE);
        }
        let keeps = [Rights::NONE, Rights::NONE, Rights::NONE, Rights::READ_ONLY, Rights::MEMBER];
        self.rng.pick(&keeps).copied().unwrap_or(Rights::NONE)
    }

    /// Several single rights, at least `least` of them, or `otherwise`.
    fn bits(&mut self, least: usize, otherwise: Rights) -> Rights {
        let single = Rights::NAMES.map(|(right, _)| right);
        let count = self.rng.between(least, 6);
        let bits = (0..count)
            .filter_map(|_| self.rng.pick(&single).copied())
            .filter(|right| !right.is_admin())
            .fold(Rights::NONE, |bits, right| bits | right);
        if bits.is_empty() { otherwise } else { bits }
    }

    /// A group to act on: mostly one over which the author has some right, rarely none at all.
    pub(super) fn group(&mut self, author: &Author, cut: &Effect) -> GroupId {
        if self.rng.chance(2) {
            return NOWHERE;
        }
        if self.rng.chance(25) {
            return self.root();
        }
        let Some((held, _)) = self.row_of(cut, Some(author.id)) else {
            return self.deep_group(cut);
        };
        let is_below = |group: &GroupId| path(&cut.tree, *group).contains(&held);
        let groups: Vec<GroupId> = cut.tree.keys().copied().filter(is_below).collect();
        self.rng.pick(&groups).copied().unwrap_or(held)
    }

    /// Any group that exists at the cut, the deepest of several.
    pub(super) fn deep_group(&mut self, cut: &Effect) -> GroupId {
        let groups: Vec<GroupId> = cut.tree.keys().copied().collect();
        let drawn = (0..self.settings.deep).filter_map(|_| self.rng.pick(&groups).copied());
        let deepest = drawn.max_by_key(|group| path(&cut.tree, *group).len());
        deepest.unwrap_or(self.root())
    }

    /// A direct row at the cut, of `member` where one is named.
    fn row_of(&mut self, cut: &Effect, member: Option<MemberId>) -> Option<(GroupId, MemberId)> {
        let rows: Vec<(GroupId, MemberId)> = cut
            .rows
            .iter()
            .flat_map(|(group, rows)| rows.keys().map(|row| (*group, row)))
            .filter_map(|(group, row)| {
                if let RowKey::Member(holder) = row { Some((group, *holder)) } else { None }
            })
            .filter(|(_, holder)| member.is_none_or(|member| member == *holder))
            .collect();
        self.rng.pick(&rows).copied()
    }

    /// One of the cast, mostly; a stranger now and then.
    pub(super) fn anyone(&mut self) -> &'static Author {
        person(self.rng.below(9))
    }

    fn context(&mut self) -> Option<(ContextId, GroupId)> {
        let is_context = |body: &Body| matches!(body, Body::ContextRegistered { .. });
        let contexts: Vec<(ContextId, GroupId)> = self
            .ops
            .iter()
            .filter(|op| is_context(&op.payload.body))
            .map(|op| (op.id.into(), op.payload.group))
            .collect();
        self.rng.pick(&contexts).copied()
    }
}
