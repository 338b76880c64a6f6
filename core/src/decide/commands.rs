//! Commands: checked at once where that is possible, then queued behind what our chain waits for.

use super::Turn;
use crate::bounded::Bounded;
use crate::command::{Command, CommandId, Outcome, Refusal};
use crate::effect::{Draft, Effect};
use crate::event::Event;
use crate::governance::op::{Body, Payload};
use crate::id::{GroupId, MemberId, NamespaceId};
use crate::limits::{COMMANDS_WAITING_MAX, NAMESPACES_MAX, REQUEST_MS_MAX, RULES_VERSION};
use crate::requests::Purpose;
use crate::signed::{Op, Unsigned, Verified};
use crate::state::{Source, Task, Wish};
use crate::timers::Timer;
use crate::wire::Refused;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Turn<'_> {
    pub(super) fn on_command(&mut self, command: CommandId, wish: Command) {
        match wish {
            Command::Found { owners } => self.found(command, owners),
            Command::Govern { namespace, .. } | Command::Invite { namespace, .. } => {
                self.queue_command(namespace, command, wish);
            }
            Command::Join { request, addresses, within_ms } => {
                self.on_join_command(command, request, addresses, within_ms);
            }
            Command::CancelJoin { namespace } => self.on_cancel_join(command, namespace),
            Command::Close { namespace } => self.close(command, namespace),
        }
    }

    pub(super) fn reply(&mut self, command: CommandId, outcome: Outcome) {
        self.effect(Effect::Reply { command, outcome });
    }

    pub(super) fn refuse_command(&mut self, command: CommandId, why: Refusal) {
        self.reply(command, Outcome::Refused(why));
    }

    fn queue_command(&mut self, namespace: NamespaceId, command: CommandId, wish: Command) {
        if self.open_namespace(&namespace).is_none() {
            return self.refuse_command(command, Refusal::UnknownNamespace(namespace));
        }
        let waiting = self.desk(namespace).wishes.len();
        if waiting >= self.room(COMMANDS_WAITING_MAX) {
            return self.refuse_command(command, Refusal::Busy(waiting as u64));
        }
        self.desk(namespace).wishes.push_back(Wish::Command { command, wish });
        self.wake_desk(namespace);
    }

    /// Whether there is room for one more namespace.
    pub(super) fn room_for_namespace(&self) -> Result<(), Refusal> {
        let count = self.durable.namespaces.len();
        if count < NAMESPACES_MAX { Ok(()) } else { Err(Refusal::TooManyNamespaces(count as u64)) }
    }

    fn found(
        &mut self,
        command: CommandId,
        owners: Bounded<MemberId, { crate::limits::OWNERS_MAX }>,
    ) {
        if let Err(why) = self.room_for_namespace() {
            return self.refuse_command(command, why);
        }
        let Some(signer) = owners.first().copied() else {
            return self.refuse_command(command, Refusal::Malformed("no owner".into()));
        };
        let wish = Wish::Command { command, wish: Command::Found { owners: owners.clone() } };
        let salt = self.volatile.prng.bytes();
        let payload = Payload {
            rules: RULES_VERSION,
            namespace: NamespaceId::default(),
            group: GroupId::default(),
            signer,
            nonce: 1,
            parents: Bounded::default(),
            state_hash: [0; 32],
            body: Body::NamespaceCreated { owners, salt },
        };
        match Unsigned::new(payload) {
            Ok(op) => self.ask_for_signature(None, wish.into(), signer, Draft::Op(Box::new(op))),
            Err(why) => self.refuse_command(command, Refusal::Malformed(why.to_string())),
        }
    }

    pub(super) fn ask_for_signature(
        &mut self,
        namespace: Option<NamespaceId>,
        task: Task,
        signer: MemberId,
        draft: Draft,
    ) {
        let request = self.volatile.requests.open(Purpose::Sign { namespace, task });
        let deadline = self.now.mono.plus(REQUEST_MS_MAX);
        self.volatile.timers.set(Timer::Request(request), deadline);
        self.effect(Effect::Sign { request, signer, draft });
    }

    /// The genesis of a new namespace is signed.
    pub(super) fn on_founded(&mut self, task: Task, op: Verified<Op>) {
        let namespace = NamespaceId::from(op.id);
        self.event(Event::NamespaceOpened { namespace, me: op.payload.signer });
        self.take_part(namespace);
        self.arrive(namespace, op, Source::Own(Box::new(task)));
    }

    fn close(&mut self, command: CommandId, namespace: NamespaceId) {
        if self.open_namespace(&namespace).is_none() {
            return self.refuse_command(command, Refusal::UnknownNamespace(namespace));
        }
        if self.joining(namespace).is_some() {
            return self.on_cancel_join(command, namespace);
        }
        self.end_part(namespace);
        self.reply(command, Outcome::Closed);
    }

    /// Stops taking part in a namespace. Whoever waits for something there is told.
    pub(super) fn end_part(&mut self, namespace: NamespaceId) {
        self.end_readiness(namespace);
        let mut desk = self.volatile.desks.remove(&namespace).unwrap_or_default();
        self.end_publishing(namespace, &mut desk);
        self.event(Event::NamespaceClosed { namespace });
        self.effect(Effect::Unsubscribe(namespace));
        self.stop_dialing(namespace);
        for request in self.volatile.requests.close_all(namespace) {
            self.volatile.timers.cancel(Timer::Request(request));
        }
        self.volatile.busy.retain(|busy| *busy != namespace);
        self.volatile.timers.cancel_all(namespace);
        let own = desk.ready.iter().filter_map(|arrival| match &arrival.source {
            Source::Own(task) => Some(&task.wish),
            Source::Gossip { .. } | Source::Fetched(_) | Source::Imported => None,
        });
        for wish in own.chain(&desk.wishes) {
            self.refuse_wish(wish, Refusal::Closed);
        }
        for task in self.close_signing(namespace) {
            self.refuse_wish(&task.wish, Refusal::Closed);
        }
        self.refuse_joiners(&desk);
        self.turn_away(desk.syncing.questions, &Refused::UnknownNamespace);
    }

    /// What is being signed for a namespace is not written, even if it is opened again meanwhile.
    fn close_signing(&mut self, namespace: NamespaceId) -> Vec<Task> {
        let closed = self.volatile.requests.close_signing(namespace);
        let timers = &mut self.volatile.timers;
        let tasks = closed.into_iter().map(|(request, task)| {
            timers.cancel(Timer::Request(request));
            task
        });
        tasks.collect()
    }

    /// Keeps no connection to the addresses of a namespace that no other needs.
    fn stop_dialing(&mut self, namespace: NamespaceId) {
        let known = self.durable.namespaces.get(&namespace);
        let of_this = known.map(|known| known.addresses.as_slice()).unwrap_or_default();
        let others = self.durable.namespaces.iter();
        let others = others.filter(|(id, known)| **id != namespace && known.is_open);
        let needed: BTreeSet<&String> = others.flat_map(|(_, known)| &known.addresses).collect();
        for address in of_this.iter().filter(|address| !needed.contains(address)) {
            self.effect(Effect::StopDialing(address.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
