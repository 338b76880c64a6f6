//! Witnessing the joins of others (NET-25).

use super::Turn;
use super::joining::admitting_op;
use crate::command::Refusal;
use crate::effect::Effect;
use crate::governance::invitation::JoinRequest;
use crate::governance::verdict::{Unauthorised, VoidAtCut};
use crate::id::{MemberId, NamespaceId, OpId};
use crate::input::ExchangeId;
use crate::limits::{COMMANDS_WAITING_MAX, JOINERS_MAX, QUESTIONS_PER_JOINER_MAX};
use crate::record::Stored;
use crate::state::{Desk, Namespace, Wish};
use crate::wire::{Refused, Response};
use alloc::vec::Vec;

impl Turn<'_> {
    /// A joiner asks to be admitted: expiry is judged here and nowhere else.
    pub(super) fn on_join_request(
        &mut self,
        exchange: ExchangeId,
        request: JoinRequest,
        signatures_valid: bool,
    ) {
        let namespace = request.invitation.terms.namespace;
        // Whoever is joining itself can admit nobody.
        let known = self.open_namespace(&namespace).filter(|known| known.join.is_none());
        let answer = known.map_or(Some(Err(Refused::UnknownNamespace)), |known| {
            self.answer_at_once(known, &request, signatures_valid)
        });
        match answer {
            Some(Ok(op)) => self.effect(Effect::RespondJoined { exchange, op }),
            Some(Err(why)) => self.respond(exchange, Response::Refused(why)),
            None => self.want_witness(namespace, exchange, request),
        }
    }

    fn answer_at_once(
        &self,
        known: &Namespace,
        request: &JoinRequest,
        signatures_valid: bool,
    ) -> Option<Result<Stored, Refused>> {
        if !signatures_valid {
            let why = VoidAtCut::NotAuthorised(Unauthorised::Invitation);
            return Some(Err(Refused::NotAdmitted(why)));
        }
        // A second question after a lost answer: uses are counted per joiner.
        if let Some(op) = admitting_op(known, request).and_then(|op| known.stored(&op)) {
            return Some(Ok(op));
        }
        let expired = request.invitation.terms.expires_at < self.now.unix;
        expired.then_some(Err(Refused::Expired))
    }

    /// One op for each joiner at a time: whoever asks again meanwhile gets the same answer.
    fn want_witness(&mut self, namespace: NamespaceId, exchange: ExchangeId, request: JoinRequest) {
        let most = [COMMANDS_WAITING_MAX, JOINERS_MAX, QUESTIONS_PER_JOINER_MAX];
        let [waiting_max, joiners_max, questions_max] = most.map(|limit| self.room(limit));
        let desk = self.desk(namespace);
        let (waiting, joiners) = (desk.wishes.len(), desk.joiners.len());
        let busy = Response::Refused(Refused::Busy);
        if let Some(questions) = desk.joiners.get_mut(&request.joiner) {
            if questions.len() < questions_max {
                return questions.push(exchange);
            }
            return self.respond(exchange, busy);
        }
        if waiting >= waiting_max || joiners >= joiners_max {
            return self.respond(exchange, busy);
        }
        desk.joiners.insert(request.joiner, [exchange].into());
        desk.wishes.push_back(Wish::Witness { request });
        self.wake_desk(namespace);
    }

    /// The op that admits a joiner is stored.
    pub(super) fn admit_joiner(&mut self, namespace: NamespaceId, joiner: MemberId, op: OpId) {
        let questions = self.desk(namespace).joiners.remove(&joiner);
        self.respond_joined(namespace, questions, op);
    }

    /// One answer to all questions of a joiner.
    pub(super) fn respond_joined(
        &mut self,
        namespace: NamespaceId,
        questions: Option<Vec<ExchangeId>>,
        op: OpId,
    ) {
        let known = self.durable.namespaces.get(&namespace);
        let Some(op) = known.and_then(|known| known.stored(&op)) else { return };
        for exchange in questions.into_iter().flatten() {
            self.effect(Effect::RespondJoined { exchange, op });
        }
    }

    /// Nothing was written for a joiner.
    pub(super) fn refuse_joiner(&mut self, request: &JoinRequest, why: &Refusal) {
        let namespace = request.invitation.terms.namespace;
        let refused = if let Refusal::WouldBeVoid(void) = why {
            Refused::NotAdmitted(*void)
        } else {
            Refused::Busy
        };
        let desk = self.volatile.desks.get_mut(&namespace);
        let questions = desk.and_then(|desk| desk.joiners.remove(&request.joiner));
        for exchange in questions.into_iter().flatten() {
            self.respond(exchange, Response::Refused(refused.clone()));
        }
    }

    /// This node takes part no longer: nobody is admitted by it.
    pub(super) fn refuse_joiners(&mut self, desk: &Desk) {
        for exchange in desk.joiners.values().flatten() {
            self.respond(*exchange, Response::Refused(Refused::UnknownNamespace));
        }
    }
}

#[cfg(test)]
mod tests;
