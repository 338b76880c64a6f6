//! Reading an op that was judged: its body becomes a deed and rows of the tables.

use super::{Deed, Grant, Graph, Restriction};
use crate::few::Rare;
use crate::governance::judged::Judged;
use crate::governance::op::Body;
use crate::governance::order::Seniority;
use crate::governance::rights::Rights;
use crate::governance::table::{GrantIx, GroupIx, Ix};
use crate::id::{MemberId, NamespaceId};
use crate::signed::Op;

impl Graph {
    /// What a judged op does, with its rows entered in the tables.
    pub(super) fn read_deed(&mut self, ix: Ix, op: &Op, judged: &Judged) -> Deed {
        if judged.void.is_some() {
            return Deed::Void;
        }
        let group = self.group(&op.payload.group).unwrap_or(GroupIx::ROOT);
        match &op.payload.body {
            Body::NamespaceCreated { owners, .. } => self.read_genesis(ix, op, owners),
            Body::GroupCreated { .. } => {
                let created = self.intern_group(op.id.into());
                let creator = op.payload.signer;
                let grant = self.add_grant(ix, creator, created, Rights::ADMIN, judged);
                Deed::Create { group: created, grant }
            }
            Body::GroupMoved { new_parent } => {
                Deed::Move { to: self.group(new_parent).unwrap_or(GroupIx::ROOT) }
            }
            Body::GroupDeleted => Deed::Delete,
            Body::Anchor { notary, .. } => {
                Deed::Anchor { notary: notary.map(|notary| self.intern_person(notary)) }
            }
            Body::Noop => Deed::Noop,
            Body::MemberAdded { member, rights } => {
                Deed::Grant(self.add_grant(ix, *member, group, *rights, judged))
            }
            Body::MemberRestricted { member, keep } => {
                let by_self = *member == op.payload.signer;
                self.add_restriction(ix, *member, group, *keep, by_self)
            }
            Body::MemberLeft => {
                self.add_restriction(ix, op.payload.signer, group, Rights::NONE, true)
            }
            Body::MemberJoined { request } => {
                let terms = &request.invitation.terms;
                let invitation = self.intern_invitation(terms);
                let grant = self.add_grant(ix, request.joiner, group, terms.rights, judged);
                Deed::Join { grant, invitation }
            }
            Body::InvitationRevoked { invitation } => {
                Deed::Revoke { invitation: self.intern_invitation(&invitation.terms) }
            }
            Body::SlotSet { strict, .. } => self.read_write(op, group, *strict),
            Body::ContextRegistered { .. } => self.read_write(op, group, false),
        }
    }

    fn read_write(&mut self, op: &Op, group: GroupIx, strict: bool) -> Deed {
        match op.payload.slot_key(op.id) {
            Some(key) => Deed::Write { slot: self.intern_slot(key, group), strict },
            None => Deed::Noop,
        }
    }

    fn read_genesis(&mut self, ix: Ix, op: &Op, owners: &[MemberId]) -> Deed {
        self.intern_group(NamespaceId::from(op.id).root());
        for (rank, owner) in (0..).zip(owners) {
            let target = self.intern_person(*owner);
            self.owners.push(target);
            let grant = Grant {
                op: ix,
                target,
                group: GroupIx::ROOT,
                rights: Rights::ADMIN,
                tier: Seniority::OWNER,
                rank,
                used: Rare::NONE,
            };
            self.enter_grant(grant);
        }
        Deed::Genesis
    }

    fn add_grant(
        &mut self,
        op: Ix,
        target: MemberId,
        group: GroupIx,
        rights: Rights,
        judged: &Judged,
    ) -> GrantIx {
        let target = self.intern_person(target);
        let (tier, rank) = (judged.tier, judged.generation);
        self.enter_grant(Grant { op, target, group, rights, tier, rank, used: Rare::NONE })
    }

    fn add_restriction(
        &mut self,
        op: Ix,
        target: MemberId,
        group: GroupIx,
        keep: Rights,
        by_self: bool,
    ) -> Deed {
        let target = self.intern_person(target);
        let restriction = Restriction { op, target, group, keep, by_self };
        Deed::Restrict(self.enter_restriction(restriction))
    }
}
