//! The partners of a join: found, pulled from, judged and asked, one after the other (NET-21 to
//! NET-25).

use super::Turn;
use crate::effect::{Effect, Phase};
use crate::governance::cuts::Cuts;
use crate::governance::invitation::{JoinRequest, Terms};
use crate::governance::judge::{has_standing, may_be_used, may_invite};
use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, PeerKey};
use crate::join::{Declined, Partner, Stage};
use crate::limits::ADMIT_MS_MAX;
use crate::requests::Purpose;
use crate::signed::{Op, Verified};
use crate::state::{Namespace, Source};
use crate::sync::{Shortfall, Verdict};
use crate::timers::Timer;
use crate::wire::{Refused, Request};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl Turn<'_> {
    /// A beacon of an unknown key tells where to pull (NET-21).
    pub(in crate::decide) fn on_hint(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.joining(namespace) else { return };
        joining.partners.see(peer);
        let has_failed = joining.partners.failure(&peer).is_some();
        if joining.admitted.is_some() || joining.partner.is_some() {
            return;
        }
        if has_failed {
            // It may have more by now: whether it is of use is decided when that is here.
            return self.pull_from(namespace, peer);
        }
        if joining.is_waiting {
            self.begin_attempt(namespace);
        }
        self.take_partner(namespace, peer);
    }

    /// A peer takes part no longer. The member behind it is there again once others forward its
    /// word.
    pub(in crate::decide) fn lose_sight(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(desk) = self.volatile.desks.get_mut(&namespace) else { return };
        if let Some(member) = desk.identities.member(&peer) {
            desk.readiness.lose(&member);
        }
    }

    /// A peer has disconnected.
    pub(in crate::decide) fn lose_partner(&mut self, peer: PeerKey) {
        let with_join = self.volatile.desks.iter_mut();
        let losing = with_join.filter_map(|(namespace, desk)| {
            let joining = desk.joining.as_mut()?;
            let is_partner = joining.partner.is_some_and(|partner| partner.peer == peer);
            Some((*namespace, is_partner && joining.admitted.is_none()))
        });
        let losing: Vec<(NamespaceId, bool)> = losing.collect();
        for (namespace, is_partner) in losing {
            if is_partner {
                self.on_declined(namespace, peer, Declined::Pull(Shortfall::Gone));
            }
            if let Some(joining) = self.joining(namespace) {
                joining.partners.release(&peer);
            }
            self.wake_desk(namespace);
        }
    }

    fn take_partner(&mut self, namespace: NamespaceId, peer: PeerKey) {
        let Some(joining) = self.active(namespace) else { return };
        let is_in_sync = joining.partners.is_in_sync(&peer);
        let stage = if is_in_sync { Stage::Pulled } else { Stage::Pulling };
        joining.partner = Some(Partner { peer, stage });
        joining.pull.restart();
        self.enter(namespace, Phase::Pulling);
        if !is_in_sync {
            self.compare_with(namespace, peer);
            if !self.desk(namespace).syncing.exchanges.contains_key(&peer) {
                // It lied lately, and nothing is asked of it: it is no partner either.
                return self.on_declined(namespace, peer, Declined::Pull(Shortfall::Lied));
            }
        }
        self.wake_desk(namespace);
    }

    /// An exchange with a peer has ended (NET-24).
    pub(in crate::decide) fn join_after_sync(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        verdict: &Verdict,
    ) {
        let Some(known) = self.open_namespace(&namespace) else { return };
        let Some(job) = &known.join else { return };
        let is_enough = has_pulled(known, &job.request.invitation.terms);
        let Some(joining) = self.joining(namespace) else { return };
        match verdict {
            Verdict::InSync { .. } => {
                joining.partners.note_in_sync(peer, is_enough);
                if joining.partners.failure(&peer).is_none() {
                    self.note_pulled_from(namespace, peer, is_enough);
                }
            }
            Verdict::Incomplete { missing, why } => {
                joining.pull.missing.clone_from(missing);
                self.on_pull_failed(namespace, peer, declined(why));
            }
            Verdict::Diverged { .. } => self.on_pull_failed(namespace, peer, Declined::Diverged),
        }
        self.wake_desk(namespace);
    }

    /// The history of a peer is here: it is the partner, unless that is another one with which
    /// more is to be done.
    fn note_pulled_from(&mut self, namespace: NamespaceId, peer: PeerKey, is_enough: bool) {
        if self.joining(namespace).is_some_and(|joining| joining.is_waiting) {
            self.begin_attempt(namespace);
        }
        let Some(joining) = self.active(namespace) else { return };
        let may_replace = |partner: Partner| {
            partner.stage == Stage::Pulling && (is_enough || partner.peer == peer)
        };
        if !joining.partner.is_none_or(may_replace) {
            return;
        }
        joining.partner = Some(Partner { peer, stage: Stage::Pulled });
        joining.pull.missing.clear();
        self.enter(namespace, Phase::Pulling);
    }

    /// What a peer has did not get here. One that was asked to admit us meanwhile is still asked.
    fn on_pull_failed(&mut self, namespace: NamespaceId, peer: PeerKey, why: Declined) {
        let Some(joining) = self.joining(namespace) else { return };
        let asked = joining.partner.filter(|partner| partner.peer == peer);
        let is_asked = asked.is_some_and(|partner| partner.stage != Stage::Pulling);
        let has_said = joining.partners.failure(&peer).is_some_and(|why| !why.is_of_pull());
        if !is_asked && !has_said {
            self.on_declined(namespace, peer, why);
        }
    }

    pub(super) fn seek_partner(&mut self, namespace: NamespaceId, known: &Namespace) -> bool {
        let peers = self.partners(namespace);
        let Some(joining) = self.active(namespace) else { return false };
        if let Some(peer) = joining.partners.choose(&peers) {
            self.take_partner(namespace, peer);
            return true;
        }
        if joining.partners.are_exhausted(&peers) {
            self.end_attempt(namespace, known);
            return true;
        }
        if peers.is_empty() && joining.phases.now != Phase::Probing {
            self.enter(namespace, Phase::Probing);
            self.probe(namespace);
        }
        false
    }

    /// NET-21: the history is here, from its genesis; now it is judged what it says of the
    /// invitation and of the partner.
    pub(super) fn judge_partner(
        &mut self,
        namespace: NamespaceId,
        known: &Namespace,
        peer: PeerKey,
    ) {
        let Some(job) = &known.join else { return };
        let terms = &job.request.invitation.terms;
        let (graph, view) = (known.space.graph(), known.space.view());
        let member = self.desk(namespace).identities.member(&peer);
        let why = if !has_pulled(known, terms) {
            Declined::Behind
        } else if !could_invite(&mut self.desk(namespace).cuts, known, terms) {
            Declined::Inviter
        } else {
            match member {
                None => Declined::Unproven,
                Some(member) if !has_standing(graph, view, &member) => Declined::NotMember,
                Some(_) => {
                    return self.ask_to_be_admitted(namespace, peer, job.request.clone());
                }
            }
        };
        self.on_declined(namespace, peer, why);
    }

    /// NET-27: whether more speaks against the invitation than the word of whoever was met, who
    /// may be anybody: the history that is here does, or two of its members do.
    pub(super) fn is_borne_out(
        &self,
        namespace: NamespaceId,
        known: &Namespace,
        request: &JoinRequest,
    ) -> bool {
        let terms = &request.invitation.terms;
        let (graph, view) = (known.space.graph(), known.space.view());
        let desk = self.volatile.desks.get(&namespace);
        let Some(desk) = desk.filter(|_| has_pulled(known, terms)) else { return false };
        if may_be_used(graph, view, terms, &request.joiner).is_err() {
            return true;
        }
        let refusing = desk.joining.iter().flat_map(|joining| joining.partners.refusing());
        let known_as = refusing.filter_map(|peer| desk.identities.member(peer));
        let members: BTreeSet<MemberId> =
            known_as.filter(|member| has_standing(graph, view, member)).collect();
        members.len() > 1
    }

    /// NET-25: the partner is to be the witness.
    fn ask_to_be_admitted(&mut self, namespace: NamespaceId, peer: PeerKey, request: JoinRequest) {
        let now = self.now.mono;
        let Some(joining) = self.active(namespace) else { return };
        joining.partner = Some(Partner { peer, stage: Stage::Asking });
        let until = now.plus(ADMIT_MS_MAX).min(joining.deadline);
        self.enter(namespace, Phase::Asking);
        let question = Request::Join { request: Box::new(request) };
        let request = self.volatile.requests.open(Purpose::Admit { namespace, peer });
        self.volatile.timers.set(Timer::Request(request), until);
        self.effect(Effect::Ask { request, peer, question });
    }

    /// A witness sent the op that admits us. Whether it does is seen when it is judged.
    pub(in crate::decide) fn on_admitted(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        op: Verified<Op>,
    ) {
        if self.open_namespace(&namespace).is_none() {
            return;
        }
        if let Some(joining) = self.joining(namespace)
            && joining.partner == Some(Partner { peer, stage: Stage::Asking })
        {
            joining.partner = Some(Partner { peer, stage: Stage::Answered(op.id) });
        }
        self.arrive(namespace, op, Source::Fetched(peer));
    }

    /// A peer was of no use: another one is tried.
    pub(in crate::decide) fn on_declined(
        &mut self,
        namespace: NamespaceId,
        peer: PeerKey,
        why: Declined,
    ) {
        let Some(joining) = self.joining(namespace) else { return };
        joining.partners.note_failed(peer, why);
        if joining.partner.is_some_and(|partner| partner.peer == peer) {
            joining.partner = None;
        }
        self.wake_desk(namespace);
    }

    /// Notes that the partner in use was too slow.
    pub(super) fn give_up_partner(&mut self, namespace: NamespaceId) {
        let Some(partner) = self.joining(namespace).and_then(|joining| joining.partner) else {
            return;
        };
        let why = match partner.stage {
            Stage::Pulling | Stage::Pulled => Declined::Pull(Shortfall::Stalled),
            Stage::Asking => Declined::Silent,
            Stage::Answered(_) => Declined::NoEffect,
        };
        self.on_declined(namespace, partner.peer, why);
    }
}

/// Why a partner was of no use whose history did not get here. What it says of the invitation it
/// would say as a witness too, and more it would not serve.
fn declined(why: &Shortfall) -> Declined {
    if let Shortfall::Refused(why @ (Refused::Expired | Refused::NotAdmitted(_))) = why {
        return Declined::Refused(why.clone());
    }
    Declined::Pull(why.clone())
}

/// Whether the history up to the invitation is here.
fn has_pulled(known: &Namespace, terms: &Terms) -> bool {
    let graph = known.space.graph();
    !graph.is_empty() && terms.frontier.iter().all(|op| graph.find(op).is_some())
}

/// Whether the inviter may invite now, or could when the invitation was written. A witness judges
/// the first; where only the second holds, its refusal says what has changed.
fn could_invite(cuts: &mut Cuts, known: &Namespace, terms: &Terms) -> bool {
    let (graph, view) = (known.space.graph(), known.space.view());
    let Terms { inviter, group, rights, .. } = terms;
    if may_invite(graph, view, inviter, group, *rights).is_ok() {
        return true;
    }
    let frontier: Vec<Ix> = terms.frontier.iter().filter_map(|op| graph.find(op)).collect();
    let cut = graph.closure(&frontier);
    loop {
        let mut budget = u32::MAX;
        if let Some(view) = cuts.view_at(graph, view, known.space.frontier(), &cut, &mut budget) {
            return may_invite(graph, view, inviter, group, *rights).is_ok();
        }
    }
}
