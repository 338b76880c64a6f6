//! Naming what ops speak of by its place in a table, the same place each time.

use super::{Grant, Graph, Invited, Person, Restriction, Slot, Writes};
use crate::governance::invitation::Terms;
use crate::governance::op::SlotKey;
use crate::governance::table::{GrantIx, GroupIx, InvitationIx, PersonIx, RestrictionIx, SlotIx};
use crate::id::{GroupId, InvitationId, MemberId};
use alloc::vec::Vec;

impl Graph {
    pub(super) fn intern_person(&mut self, id: MemberId) -> PersonIx {
        self.person(&id).unwrap_or_else(|| self.enter_person(id))
    }

    pub(super) fn intern_group(&mut self, id: GroupId) -> GroupIx {
        self.group(&id).unwrap_or_else(|| self.enter_group(id))
    }

    pub(super) fn intern_slot(&mut self, key: SlotKey, group: GroupIx) -> SlotIx {
        self.slot(&key).unwrap_or_else(|| self.enter_slot(key, group))
    }

    pub(super) fn intern_invitation(&mut self, terms: &Terms) -> InvitationIx {
        let id = terms.id();
        self.invitation(&id).unwrap_or_else(|| {
            let host = self.intern_person(terms.inviter);
            self.enter_invitation(id, host, terms.uses_max)
        })
    }

    /// Appends a person that is not in the table yet.
    pub(in crate::governance) fn enter_person(&mut self, id: MemberId) -> PersonIx {
        let person = self.people.push(Person::new(id));
        let people = &self.people;
        self.people_by_id.insert(person, &id.0, |person| &people[person].id.0);
        person
    }

    /// Appends a group that is not in the table yet.
    pub(in crate::governance) fn enter_group(&mut self, id: GroupId) -> GroupIx {
        let group = self.groups.push(id);
        self.groups_by_id.insert(id, group);
        group
    }

    /// Appends a slot that is not in the table yet.
    pub(in crate::governance) fn enter_slot(&mut self, key: SlotKey, group: GroupIx) -> SlotIx {
        let (writes, strict) = (Writes::default(), Vec::new());
        let slot = self.slots.push(Slot { key: key.clone(), group, writes, strict });
        self.slots_by_key.insert(key, slot);
        slot
    }

    /// Appends an invitation that is not in the table yet.
    pub(in crate::governance) fn enter_invitation(
        &mut self,
        id: InvitationId,
        inviter: PersonIx,
        uses_max: u32,
    ) -> InvitationIx {
        let (joins, revocations) = (Vec::new(), Vec::new());
        let row = Invited { id, inviter, uses_max, joins, revocations };
        let invitation = self.invitations.push(row);
        self.invitations_by_id.insert(id, invitation);
        invitation
    }

    /// Appends a grant, which is also one of its target's.
    pub(in crate::governance) fn enter_grant(&mut self, grant: Grant) -> GrantIx {
        let target = grant.target;
        let grant = self.grants.push(grant);
        self.people[target].grants.push(grant);
        grant
    }

    /// Appends a restriction, which is also one of its target's.
    pub(in crate::governance) fn enter_restriction(
        &mut self,
        restriction: Restriction,
    ) -> RestrictionIx {
        let r = self.restrictions.push(restriction);
        self.people[restriction.target].restrictions.push(r);
        r
    }
}
