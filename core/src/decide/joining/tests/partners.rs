use super::*;
use crate::effect::{Notice, Phase};
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::id::PeerKey;
use crate::input::Input;
use crate::join::{Declined, InvitationFlaw, JoinError};
use crate::state::State;
use crate::sync::{Shortfall, Verdict};
use crate::testing::Author;
use crate::time::MonoMillis;
use crate::wire::Refused;
use alloc::vec;
use alloc::vec::Vec;

/// A joiner that has met two peers, and pulls from the first.
fn with_two(within_ms: u64) -> Scene {
    let mut scene = Scene::new();
    scene.join(0, within_ms);
    scene.meet(0, P);
    scene.meet(0, Q);
    scene
}

#[test]
fn net_21_a_partner_that_lacks_what_the_inviter_knew_is_dropped_for_the_next() {
    let mut scene = with_two(WITHIN);
    let done = scene.in_sync(1, P);
    assert_eq!((admit(&done), scene.partner()), (None, Some(Q)));
    scene.receive_history(2);
    let done = scene.in_sync(2, Q);
    assert_eq!(admit(&done).unwrap().1, Q);
    assert_eq!(phases(&done), [(Phase::Asking, 2)]);
}

#[test]
fn net_21_a_partner_that_was_behind_is_asked_as_soon_as_it_is_not() {
    for (within_ms, waits) in [(3_000, false), (30_000, true)] {
        let mut scene = Scene::new();
        scene.join(0, within_ms);
        scene.meet(0, P);
        let done = scene.in_sync(1, P);
        let tried = vec![(P, Declined::Behind)];
        let error = JoinError::PartnersFailed { tried };
        assert_eq!(failed(&done), (!waits).then_some(error));
        if waits {
            // No wait between attempts is awaited to its end.
            scene.receive_history(2);
            assert_eq!(admit(&scene.in_sync(2, P)).unwrap().1, P);
        }
    }
}

#[test]
fn net_21_a_partner_that_proved_to_be_no_member_is_not_asked() {
    let mut scene = with_two(WITHIN);
    scene.identify(P, Author::new(50).id);
    scene.identify(Q, second().id);
    scene.receive_history(1);
    assert_eq!(admit(&scene.in_sync(1, P)), None);
    assert_eq!(admit(&scene.in_sync(1, Q)).unwrap().1, Q);
}

#[test]
fn net_21_an_inviter_who_never_could_invite_is_no_inviter() {
    let mut scene = Scene::new();
    let terms = scene.request.invitation.terms.clone();
    let by_second = crate::governance::invitation::Terms { inviter: second().id, ..terms };
    scene.request = accept(&second(), by_second, &joiner());
    scene.join(0, WITHIN);
    scene.meet(0, P);
    scene.meet(0, Q);
    scene.receive_history(1);
    assert_eq!(failed(&scene.in_sync(1, P)), None);
    let done = scene.in_sync(1, Q);
    let error = JoinError::InvitationInvalid(InvitationFlaw::Inviter);
    assert_eq!((admit(&done), failed(&done)), (None, Some(error)));
    assert!(scene.is_clean());
}

#[test]
fn net_21_an_inviter_who_could_invite_then_is_judged_by_the_witness() {
    let mut scene = Scene::new();
    // Somebody who may invite signs, and is removed afterwards.
    let namespace = scene.namespace;
    let root = namespace.root();
    let (member, rights) = (Author::new(3), Rights::ADMIN);
    let body = Body::MemberAdded { member: member.id, rights };
    let frontier = scene.owner.govern(namespace, root, body);
    scene.request = accept(&member, terms(&member, namespace, frontier), &joiner());
    let body = Body::MemberRestricted { member: member.id, keep: Rights::NONE };
    scene.owner.govern(namespace, root, body);
    scene.join(0, WITHIN);
    scene.meet(0, P);
    scene.receive_history(1);
    assert_eq!(admit(&scene.in_sync(1, P)).unwrap().1, P);
}

#[test]
fn net_24_progress_is_told_at_most_four_times_a_second() {
    let mut scene = with_two(WITHIN);
    let namespace = scene.namespace;
    let mut told = Vec::new();
    for at in 100..1_100 {
        let done = scene.call(at, |turn| turn.note_pulled(namespace, 3, 9_000));
        for notice in notices(&done) {
            if let Notice::JoinProgress { ops, expected, .. } = notice {
                told.push((at, *ops, *expected));
            }
        }
    }
    let expected = [(100, 3, 9_000), (350, 753, 9_000), (600, 1_503, 9_000), (850, 2_253, 9_000)];
    assert_eq!(told, expected);
}

#[test]
fn net_24_a_partner_that_stalls_is_replaced_and_comes_back_if_it_delivers() {
    let mut scene = with_two(WITHIN);
    scene.stall(5, P);
    assert_eq!(scene.partner(), Some(Q));
    // What the first one had arrives after all.
    scene.receive_history(6);
    assert_eq!(admit(&scene.in_sync(6, P)).unwrap().1, P);
}

#[test]
fn net_24_one_that_has_nothing_does_not_take_the_place_of_one_that_delivers() {
    let mut scene = with_two(WITHIN);
    assert_eq!(scene.partner(), Some(P));
    scene.in_sync(5, Q);
    assert_eq!(scene.partner(), Some(P));
    // One that has what the invitation asks for does.
    scene.receive_history(6);
    assert_eq!(admit(&scene.in_sync(6, Q)).unwrap().1, Q);
}

#[test]
fn net_24_a_partner_with_another_state_is_replaced() {
    let mut scene = with_two(WITHIN);
    let verdict = Verdict::Diverged { ours: [1; 32], theirs: [2; 32] };
    scene.verdict(5, P, &verdict);
    assert_eq!(scene.partner(), Some(Q));
}

#[test]
fn net_24_a_partner_that_goes_away_is_replaced_at_once() {
    let mut scene = with_two(WITHIN);
    assert_eq!(scene.partner(), Some(P));
    scene.input(5, Input::PeerDisconnected { peer: P });
    assert_eq!(scene.partner(), Some(Q));
    let done = scene.input(6, Input::PeerDisconnected { peer: Q });
    assert_eq!((scene.phase(), probes(&done)), (Some(Phase::Probing), 1));
    // One that comes again is tried again.
    scene.meet(7, P);
    assert_eq!(scene.partner(), Some(P));
}

#[test]
fn net_24_a_stranger_waits_to_be_known_and_is_not_given_up() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    scene.meet(0, P);
    let why = Shortfall::Refused(Refused::Stranger);
    let done = scene.verdict(1, P, &Verdict::Incomplete { missing: Vec::new(), why });
    assert_eq!((failed(&done), scene.phase()), (None, Some(Phase::Pulling)));
    scene.receive_history(2);
    assert_eq!(admit(&scene.in_sync(2, P)).unwrap().1, P);
}

#[test]
fn net_24_pages_keep_an_attempt_alive_until_five_seconds_pass_without_one() {
    let mut scene = Scene::new();
    scene.join(0, 30_000);
    // A hint: nothing that this test does not do itself is under way with that peer.
    let namespace = scene.namespace;
    let joining = scene.call(0, |turn| turn.on_hint(namespace, Q));
    assert_eq!(phases(&joining), [(Phase::Pulling, 0)]);
    drop_requests(&mut scene);
    scene.call(9_000, |turn| turn.note_pulled(namespace, 1, 100));
    for at in [9_999, 10_000, 10_001, 13_999] {
        scene.wake(at);
        assert_eq!(scene.phase(), Some(Phase::Pulling), "at {at}");
    }
    scene.wake(14_000);
    assert_eq!(scene.phase(), Some(Phase::Probing));
}

fn drop_requests(scene: &mut Scene) {
    let State { volatile, .. } = &mut scene.state;
    for request in volatile.requests.close_all(scene.namespace) {
        volatile.timers.cancel(crate::timers::Timer::Request(request));
    }
}

#[test]
fn net_25_a_lost_answer_means_asking_the_next_with_the_same_key() {
    let mut scene = with_two(30_000);
    scene.receive_history(0);
    scene.in_sync(0, P);
    scene.in_sync(0, Q);
    assert_eq!(admit(&scene.wake(4_999)), None);
    let done = scene.wake(5_000);
    let (request, peer) = admit(&done).unwrap();
    assert_eq!(peer, Q);
    // Both wrote an op: the one that the first wrote and this one are good for one use.
    let answer = scene.witness();
    assert_eq!(joined(&scene.answer(5_001, request, answer)), None);
    // The op is the first one's, so the second one is to have it.
    let heads = scene.owner.state.namespace(&scene.namespace).unwrap().heads;
    let done = scene.covered(5_002, second().id, &heads);
    assert_eq!(joined(&done).unwrap().partner, Some(Q));
}

#[test]
fn net_25_an_op_that_admits_somebody_else_is_no_answer() {
    let mut scene = with_two(WITHIN);
    scene.receive_history(0);
    let (request, _) = admit(&scene.in_sync(0, P)).unwrap();
    let other = history(&scene.owner).remove(0);
    let done = scene.answer(1, request, crate::input::Answer::Joined(other));
    assert_eq!((scene.partner(), joined(&done)), (Some(Q), None));
}

/// What a witness says who found the invitation revoked.
fn revoked() -> Refused {
    use crate::governance::verdict::{Unauthorised, VoidAtCut};
    Refused::NotAdmitted(VoidAtCut::NotAuthorised(Unauthorised::Revoked))
}

#[test]
fn net_26_all_members_refuse_and_the_rule_is_told() {
    let expired = JoinError::InvitationExpired { at: crate::time::UnixMillis(u64::MAX) };
    // What the join ends with when no other attempt fits, and whether it ends before that.
    let cases = [
        (revoked(), revoked(), Some(JoinError::Refused(revoked())), true),
        // One member is not two, nor is a clock proof of anything.
        (Refused::Expired, revoked(), Some(JoinError::Refused(revoked())), false),
        (Refused::Expired, Refused::Expired, Some(expired), false),
        // One that is only busy may say something else later: that is another attempt.
        (revoked(), Refused::Busy, None, false),
    ];
    for ((first, then, error, is_final), within_ms) in
        cases.into_iter().flat_map(|case| [(case.clone(), 3_000), (case, 30_000)])
    {
        let mut scene = with_two(within_ms);
        scene.receive_history(0);
        let (request, _) = admit(&scene.in_sync(0, P)).unwrap();
        // One alone is not believed.
        assert_eq!(failed(&scene.refuse(1, request, first)), None);
        let (request, peer) = admit(&scene.in_sync(1, Q)).unwrap();
        assert_eq!(peer, Q);
        let done = failed(&scene.refuse(2, request, then));
        if within_ms == 3_000 && error.is_none() {
            assert!(matches!(done, Some(JoinError::PartnersFailed { .. })));
        } else {
            let is_over = within_ms == 3_000 || is_final;
            assert_eq!(done, error.filter(|_| is_over), "{within_ms}");
        }
    }
}

#[test]
fn net_26_what_is_said_of_the_invitation_by_those_who_do_not_serve_it_counts_at_the_end() {
    for (within_ms, is_over) in [(3_000, true), (30_000, false)] {
        let mut scene = with_two(within_ms);
        let refused = || {
            let why = Shortfall::Refused(Refused::Expired);
            Verdict::Incomplete { missing: Vec::new(), why }
        };
        assert_eq!(failed(&scene.verdict(1, P, &refused())), None);
        let at = crate::time::UnixMillis(u64::MAX);
        let done = scene.verdict(2, Q, &refused());
        assert_eq!(failed(&done), is_over.then_some(JoinError::InvitationExpired { at }));
    }
}

#[test]
fn net_21_a_partner_that_has_not_proved_who_it_is_is_not_asked_before_it_has() {
    let mut scene = Scene::new();
    scene.join(0, 30_000);
    scene.meet(0, P);
    scene.receive_history(1);
    let done = scene.in_sync_unproven(1, P);
    assert_eq!((admit(&done), failed(&done)), (None, None));
    // The next exchange finds it known.
    assert_eq!(admit(&scene.in_sync(2, P)).unwrap().1, P);
}

#[test]
fn net_27_a_stranger_that_is_met_first_and_refuses_does_not_end_a_join() {
    for why in [revoked(), Refused::Expired] {
        let mut scene = Scene::new();
        scene.join(0, 30_000);
        let stranger = PeerKey([7; 32]);
        scene.meet(0, stranger);
        let why = Shortfall::Refused(why);
        let done = scene.verdict(5, stranger, &Verdict::Incomplete { missing: Vec::new(), why });
        assert_eq!((failed(&done), scene.phase()), (None, Some(Phase::Probing)));
        // A member is asked as soon as it is met.
        scene.meet(100, P);
        scene.receive_history(101);
        let (request, peer) = admit(&scene.in_sync(101, P)).unwrap();
        let answer = scene.witness();
        assert!(peer == P && joined(&scene.answer(102, request, answer)).is_some());
    }
}

#[test]
fn net_27_one_refusal_is_believed_if_the_history_that_is_here_says_so_too() {
    for is_revoked in [false, true] {
        let mut scene = Scene::new();
        scene.join(0, 30_000);
        scene.meet(0, P);
        if is_revoked {
            let (namespace, invitation) = (scene.namespace, scene.request.invitation.clone());
            let body = Body::InvitationRevoked { invitation };
            scene.owner.govern(namespace, namespace.root(), body);
        }
        scene.receive_history(1);
        let (request, _) = admit(&scene.in_sync(1, P)).unwrap();
        let done = scene.refuse(2, request, revoked());
        assert_eq!(failed(&done), is_revoked.then(|| JoinError::Refused(revoked())));
    }
}

#[test]
fn net_26_partners_that_failed_are_remembered_with_why() {
    let mut scene = with_two(3_000);
    scene.stall(5, P);
    let done = scene.verdict(6, Q, &Verdict::Diverged { ours: [1; 32], theirs: [2; 32] });
    // No time is left for another attempt: it gives up at once.
    let tried = vec![(P, Declined::Pull(Shortfall::Stalled)), (Q, Declined::Diverged)];
    assert_eq!(failed(&done), Some(JoinError::PartnersFailed { tried }));
    assert!(scene.is_clean());
}

#[test]
fn net_26_a_pull_that_is_not_done_in_time_says_what_is_missing() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    scene.meet(0, P);
    scene.wake(WITHIN - 1);
    assert_eq!(scene.phase(), Some(Phase::Pulling));
    let done = scene.wake(WITHIN);
    let missing = scene.request.invitation.terms.frontier.to_vec();
    assert_eq!(failed(&done), Some(JoinError::PullIncomplete { missing }));
    assert!(scene.is_clean());
}

#[test]
fn net_26_a_witness_that_is_silent_to_the_end_is_named() {
    let mut scene = Scene::new();
    scene.ask(P);
    let done = scene.wake(WITHIN);
    let tried = vec![(P, Declined::Silent)];
    assert_eq!(failed(&done), Some(JoinError::PartnersFailed { tried }));
}

#[test]
fn net_21_a_partner_that_is_shunned_takes_no_time() {
    let mut scene = with_two(30_000);
    let namespace = scene.namespace;
    scene.call(1, |turn| turn.desk(namespace).syncing.notes.shun(P, MonoMillis(1)));
    let why = Shortfall::Lied;
    scene.verdict(1, P, &Verdict::Incomplete { missing: Vec::new(), why });
    // The first attempt ends with both of no use; in the next one only the second is of any.
    scene.stall(2, Q);
    assert_eq!(scene.phase(), Some(Phase::Probing));
    let asks = |at| pulled(&scene.wake(at)).contains(&Q).then_some(at);
    let asked = (3_000..4_000).find_map(asks);
    assert!(asked.is_some());
    assert_eq!(scene.partner(), Some(Q));
}

#[test]
fn net_27_newcomers_that_are_of_no_use_use_up_no_attempts() {
    let mut scene = Scene::new();
    scene.join(0, 30_000);
    for number in 0..20_u8 {
        let (at, peer) = (10 + 100 * u64::from(number), PeerKey([20 + number; 32]));
        // Each is tried at once, and stalls.
        let done = scene.meet(at, peer);
        assert_eq!((pulled(&done).contains(&peer), failed(&done)), (true, None), "at {at}");
        assert_eq!(failed(&scene.stall(at + 1, peer)), None, "at {at}");
        assert_eq!(failed(&scene.input(at + 2, Input::PeerDisconnected { peer })), None);
    }
    // The wait that began with the first ends when it would have ended without the others.
    let begins = (2_000..30_000).find(|at| probes(&scene.wake(*at)) > 0).unwrap();
    assert!((3_011..3_761).contains(&begins), "at {begins}");
    scene.meet(5_000, P);
    scene.receive_history(5_001);
    assert_eq!(admit(&scene.in_sync(5_001, P)).unwrap().1, P);
}
