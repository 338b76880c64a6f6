//! Writing on our own chain: one op at a time, checked before it is signed (GOV-30, GOV-32).

use super::Turn;
use crate::bounded::Bounded;
use crate::command::{Command, CommandId, Outcome, Refusal};
use crate::effect::{Draft, Effect};
use crate::event::Event;
use crate::governance::cuts::Cuts;
use crate::governance::invitation::{JoinRequest, Terms};
use crate::governance::judge::may_invite;
use crate::governance::op::{Body, Payload};
use crate::governance::verdict::{Admission, Dropped, Precondition, VoidAtCut};
use crate::id::{GroupId, NamespaceId};
use crate::input::{ExchangeId, Signed};
use crate::limits::{PARENTS_MAX, RULES_VERSION};
use crate::signed::{Op, Unsigned, Verified, invitation_is_well_formed};
use crate::state::{Namespace, Source, Task, Wish};
use crate::timers::Timer;
use crate::wire::Response;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Turn<'_> {
    /// Begins the next thing that wants to write on our chain; false when there is none.
    pub(super) fn take_wish(&mut self, namespace: NamespaceId) -> bool {
        let Some(known) = self.open_namespace(&namespace) else { return false };
        let desk = self.desk(namespace);
        if desk.is_signing || known.space.graph().is_empty() {
            return false;
        }
        let Some(wish) = desk.wishes.pop_front() else { return false };
        if let Err(why) = self.may_publish(namespace, &wish) {
            self.refuse_wish(&wish, why);
            return true;
        }
        if known.space.frontier().heads().len() > PARENTS_MAX {
            self.join_heads(namespace, known, wish);
        } else {
            self.begin(namespace, known, wish);
        }
        true
    }

    /// GOV-21: heads that are too many for one op are joined first.
    fn join_heads(&mut self, namespace: NamespaceId, known: &Namespace, wish: Wish) {
        let group = Self::some_group(known).unwrap_or(namespace.root());
        self.draft(namespace, known, Task { wish, joins_heads: true }, group, Body::Noop);
    }

    fn begin(&mut self, namespace: NamespaceId, known: &Namespace, wish: Wish) {
        match &wish {
            Wish::Command { wish: Command::Govern { group, body, expected_root, .. }, .. } => {
                let (group, expected) = (*group, *expected_root);
                if let Err(why) = Self::check_govern(known, group, body, expected) {
                    return self.refuse_wish(&wish, why);
                }
                let body = body.clone();
                self.draft(namespace, known, wish.into(), group, body);
            }
            Wish::Command { wish: Command::Invite { .. }, .. } => {
                self.draft_invitation(namespace, known, wish);
            }
            Wish::Command { .. } => {}
            Wish::Witness { request } => {
                let request = request.clone();
                self.draft_join(namespace, known, wish, request);
            }
            Wish::Anchor => {
                let body = Body::Anchor { rules: RULES_VERSION, notary: None };
                self.draft(namespace, known, wish.into(), namespace.root(), body);
            }
        }
    }

    fn check_govern(
        known: &Namespace,
        group: GroupId,
        body: &Body,
        expected: Option<[u8; 32]>,
    ) -> Result<(), Refusal> {
        if matches!(body, Body::NamespaceCreated { .. } | Body::MemberJoined { .. }) {
            return Err(Refusal::Malformed(String::from(
                "a genesis or a join has its own command",
            )));
        }
        let is_root = Some(group.0) == known.space.graph().namespace().map(|id| id.0);
        if is_root && matches!(body, Body::GroupDeleted | Body::GroupMoved { .. }) {
            return Err(Refusal::WouldBeVoid(VoidAtCut::Precondition(Precondition::Root)));
        }
        let actual = known.space.group_root(&group);
        if actual == [0; 32] {
            let missing = VoidAtCut::Precondition(Precondition::NoSuchGroup);
            return Err(Refusal::WouldBeVoid(missing));
        }
        match expected {
            Some(expected) if expected != actual => Err(Refusal::StateChanged { expected, actual }),
            _ => Ok(()),
        }
    }

    /// A group in which this node has a right of its own.
    fn some_group(known: &Namespace) -> Option<GroupId> {
        let graph = known.space.graph();
        let view = known.space.view();
        let me = graph.person(&known.me)?;
        let rows = view.member_rows(graph, me);
        let mut groups = rows.keys().filter(|group| view.tree().exists(**group));
        groups.next().map(|group| graph.group_id(*group))
    }

    /// Checks an op at our heads and has it signed.
    fn draft(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        task: Task,
        group: GroupId,
        body: Body,
    ) {
        let cuts = &mut self.desk(namespace).cuts;
        let op = match Self::next_op(cuts, namespace, known, group, body) {
            Ok(op) => op,
            Err(why) => return self.refuse_wish(&task.wish, why),
        };
        self.desk(namespace).is_signing = true;
        self.ask_for_signature(Some(namespace), task, known.me, Draft::Op(Box::new(op)));
    }

    fn next_op(
        cuts: &mut Cuts,
        namespace: NamespaceId,
        known: &Namespace,
        group: GroupId,
        body: Body,
    ) -> Result<Unsigned, Refusal> {
        let me = known.space.graph().person(&known.me);
        let me = me.ok_or(Refusal::WouldBeDropped(Dropped::Stranger))?;
        let next = known.space.next_op(cuts, me, group);
        let payload = Payload {
            rules: RULES_VERSION,
            namespace,
            group,
            signer: known.me,
            nonce: next.nonce,
            parents: Bounded::truncated(next.parents),
            state_hash: next.state_hash,
            body,
        };
        let op = Unsigned::new(payload).map_err(|why| Refusal::Malformed(why.to_string()))?;
        known.space.preflight(op.payload()).map_err(|verdict| match verdict {
            Admission::Void(why) => Refusal::WouldBeVoid(why),
            Admission::Drop(why) => Refusal::WouldBeDropped(why),
            Admission::Admit | Admission::Pending { .. } => Refusal::Busy(0),
        })?;
        Ok(op)
    }

    fn draft_invitation(&mut self, namespace: NamespaceId, known: &Namespace, wish: Wish) {
        let Wish::Command {
            wish: Command::Invite { group, rights, uses_max, expires_at, one_time_key, .. },
            ..
        } = &wish
        else {
            return;
        };
        let (graph, view) = (known.space.graph(), known.space.view());
        if let Err(why) = may_invite(graph, view, &known.me, group, *rights) {
            let why = Refusal::WouldBeVoid(VoidAtCut::NotAuthorised(why));
            return self.refuse_wish(&wish, why);
        }
        let terms = Terms {
            namespace,
            group: *group,
            inviter: known.me,
            rights: *rights,
            uses_max: *uses_max,
            expires_at: *expires_at,
            frontier: Bounded::truncated(known.space.heads()),
            one_time_key: *one_time_key,
        };
        if let Err(why) = invitation_is_well_formed(&terms) {
            return self.refuse_wish(&wish, Refusal::Malformed(why.to_string()));
        }
        self.desk(namespace).is_signing = true;
        let signer = known.me;
        self.ask_for_signature(Some(namespace), wish.into(), signer, Draft::Invitation(terms));
    }

    /// Writes the op that admits a joiner, as its witness (NET-25).
    fn draft_join(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        wish: Wish,
        request: JoinRequest,
    ) {
        let group = request.invitation.terms.group;
        self.draft(namespace, known, wish.into(), group, Body::MemberJoined { request });
    }

    /// The signer answered.
    pub(super) fn on_signature(
        &mut self,
        namespace: Option<NamespaceId>,
        task: Task,
        signed: Signed,
    ) {
        if let Some(namespace) = namespace {
            self.desk(namespace).is_signing = false;
            self.wake_desk(namespace);
        }
        match (namespace, signed) {
            (None, Signed::Op(op)) => self.on_founded(task, op),
            // Judged before anything that came meanwhile, so that its nonce is still free.
            (Some(namespace), Signed::Op(op)) => {
                let arrival = crate::state::Arrival { op, source: Source::Own(Box::new(task)) };
                self.desk(namespace).ready.push_front(arrival);
            }
            (Some(namespace), Signed::Invitation(invitation)) => {
                let outcome = Outcome::Invited(invitation.clone());
                self.event(Event::InvitationIssued { namespace, invitation: Box::new(invitation) });
                if let Wish::Command { command, .. } = task.wish {
                    self.reply(command, outcome);
                }
            }
            (_, Signed::NoKey(member)) => {
                self.on_unsigned(namespace, &task.wish, Refusal::NoKey(member));
            }
            (_, Signed::NoRoom(shortage)) => {
                self.on_unsigned(namespace, &task.wish, Refusal::NoRoom(shortage));
            }
            (None, Signed::Invitation(_)) => {}
        }
    }

    /// The signer did not sign, or did not answer.
    pub(super) fn on_unsigned(
        &mut self,
        namespace: Option<NamespaceId>,
        wish: &Wish,
        why: Refusal,
    ) {
        if let Some(namespace) = namespace {
            self.desk(namespace).is_signing = false;
            self.wake_desk(namespace);
        }
        self.refuse_wish(wish, why);
    }

    /// An own op is stored and published: answers whoever wanted it, or begins to wait for others.
    pub(super) fn fulfil(&mut self, namespace: NamespaceId, task: &Task, op: &Op) {
        let Task { wish, joins_heads } = task;
        if *joins_heads {
            return self.desk(namespace).wishes.push_front(wish.clone());
        }
        match wish {
            Wish::Command { command, .. } => self.deliver(namespace, *command, wish, op),
            Wish::Witness { request } => self.admit_joiner(namespace, request.joiner, op.id),
            Wish::Anchor => {}
        }
    }

    /// Nothing was written: answers whoever wanted it.
    pub(super) fn refuse_wish(&mut self, wish: &Wish, why: Refusal) {
        match wish {
            Wish::Command { command, .. } => self.refuse_command(*command, why),
            Wish::Witness { request } => self.refuse_joiner(request, &why),
            Wish::Anchor => {}
        }
    }

    pub(super) fn respond(&mut self, exchange: ExchangeId, response: Response) {
        self.effect(Effect::Respond { exchange, response });
    }

    /// After an op was stored: the notary's node anchors by itself (D12).
    pub(super) fn after_stored(&mut self, namespace: NamespaceId, known: &Namespace) {
        let every = self.volatile.settings.anchor_ops;
        if every > 0 && known.space.since_anchor() >= every {
            self.want_anchor(namespace, known);
        }
    }

    /// Sets the time of the next look at what is not final yet.
    pub(super) fn expect_anchor(&mut self, namespace: NamespaceId) {
        let age = self.volatile.settings.anchor_age_ms;
        if age > 0 {
            self.volatile.timers.set(Timer::Anchor(namespace), self.now.mono.plus(age));
        }
    }

    pub(super) fn on_anchor_due(&mut self, namespace: NamespaceId) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        self.expect_anchor(namespace);
        if known.space.since_anchor() > 0 {
            self.want_anchor(namespace, known);
        }
    }

    fn want_anchor(&mut self, namespace: NamespaceId, known: &Namespace) {
        let graph = known.space.graph();
        let is_notary = known.space.view().notary(graph) == graph.person(&known.me);
        let desk = self.desk(namespace);
        let wanted = desk.wishes.iter().any(|wish| matches!(wish, Wish::Anchor));
        if is_notary && !wanted && !desk.is_signing {
            desk.wishes.push_back(Wish::Anchor);
            self.wake_desk(namespace);
        }
    }

    /// A person brought ops in a file.
    pub(super) fn on_import(
        &mut self,
        command: CommandId,
        namespace: NamespaceId,
        ops: Vec<Verified<Op>>,
    ) {
        if self.open_namespace(&namespace).is_none() {
            return self.refuse_command(command, Refusal::UnknownNamespace(namespace));
        }
        for op in ops {
            self.arrive(namespace, op, Source::Imported);
        }
        self.reply(command, Outcome::Imported { namespace });
    }
}

#[cfg(test)]
mod tests;
