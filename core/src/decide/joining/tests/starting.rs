use super::scene::outcome;
use super::*;
use crate::command::{Command, Outcome, Refusal};
use crate::effect::{Effect, Notice, Phase};
use crate::governance::rights::Rights;
use crate::id::PeerKey;
use crate::input::Input;
use crate::join::{InvitationFlaw, JoinError, JoinJob};
use crate::key::Signature;
use crate::signed::{Flaw, Malformed};
use crate::time::UnixMillis;
use alloc::vec;

#[test]
fn net_20_nothing_is_stored_or_sent_for_a_bad_invitation() {
    let good = Scene::new();
    let owner = owner();
    let nothing = Rights::NONE;
    let terms = good.request.invitation.terms.clone();
    let empty = super::terms(&owner, good.namespace, OPEN);
    let empty = accept(
        &owner,
        crate::governance::invitation::Terms { rights: nothing, ..empty },
        &joiner(),
    );
    let forged = accept(&second(), terms, &joiner());
    let mut unsigned = good.request.clone();
    unsigned.signature = Signature([7; 64]);
    let mut without_secret = good.request.clone();
    without_secret.one_time_signature = Signature([7; 64]);
    let flaw = InvitationFlaw::Terms(Malformed::Value(Flaw::EmptyGrant));
    let bad = InvitationFlaw::Signature;
    for (request, why) in [(empty, flaw), (forged, bad), (unsigned, bad), (without_secret, bad)] {
        let mut scene = Scene::new();
        scene.request = request;
        let done = scene.join(0, WITHIN);
        assert_eq!(failed(&done), Some(JoinError::InvitationInvalid(why)));
        assert_eq!(done.len(), 1, "{done:?}");
        assert!(scene.log.is_empty() && scene.is_clean());
    }
}

#[test]
fn net_20_an_invitation_out_of_date_by_our_clock_is_a_warning_and_no_refusal() {
    for (expires, warns) in [(START - 1, true), (START, false), (START + 1, false)] {
        let mut scene = Scene::new();
        let mut terms = scene.request.invitation.terms.clone();
        terms.expires_at = UnixMillis(expires);
        scene.request = accept(&owner(), terms, &joiner());
        let done = scene.join(0, WITHIN);
        let expired_at = UnixMillis(expires);
        let warning = Notice::JoinWarning { namespace: scene.namespace, expired_at };
        assert_eq!(notices(&done).contains(&&warning), warns);
        assert_eq!(scene.phase(), Some(Phase::Probing));
    }
}

#[test]
fn net_22_the_deadline_is_kept_to_the_millisecond() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    let before = scene.wake(WITHIN - 1);
    assert_eq!((failed(&before), scene.phase()), (None, Some(Phase::Probing)));
    let at = scene.wake(WITHIN);
    let Some(JoinError::NoReadyPeers { waited_ms, probes, peers_seen }) = failed(&at) else {
        panic!("{at:?}");
    };
    assert_eq!((waited_ms, peers_seen), (WITHIN, 0));
    assert!(probes >= 2, "{probes}");
    assert!(scene.is_clean());
    assert!(scene.wake(WITHIN + 1).is_empty());
    // Woken late, it ends late, and only once.
    let mut late = Scene::new();
    late.join(0, WITHIN);
    let done = late.wake(WITHIN + 1);
    assert!(matches!(failed(&done), Some(JoinError::NoReadyPeers { waited_ms: 4_001, .. })));
    assert_eq!(super::super::tests::probes(&done), 0, "asked after the deadline");
}

#[test]
fn net_22_a_question_waits_five_seconds_or_what_is_left() {
    for (within, until) in [(4_999, 4_999), (5_000, 5_000), (9_000, 5_000)] {
        let mut scene = Scene::new();
        scene.join(0, within);
        scene.meet(0, P);
        scene.meet(0, Q);
        scene.receive_history(0);
        scene.in_sync(0, Q);
        let asked = scene.in_sync(0, P);
        assert!(admit(&asked).is_none(), "one at a time");
        let before = scene.wake(until - 1);
        assert_eq!((admit(&before), failed(&before)), (None, None));
        let at = scene.wake(until);
        // With time left, the next partner is asked; without, it is over.
        assert_eq!(admit(&at).is_some(), until < within, "{at:?}");
        assert_eq!(failed(&at).is_some(), until == within);
    }
}

#[test]
fn net_22_a_restart_does_not_extend_the_deadline() {
    let scene = Scene::new();
    let job = JoinJob { request: scene.request, started: UnixMillis(START), within_ms: 60_000 };
    let cases = [
        (START, 30_000),
        (START + 29_999, 30_000),
        (START + 30_001, 29_999),
        (START + 59_999, 1),
        (START + 60_000, 0),
        (START + 60_001, 0),
        // A clock that was turned back says nothing.
        (START - 1, 30_000),
        (0, 30_000),
    ];
    for (now, left) in cases {
        assert_eq!(job.left_ms(UnixMillis(now), 30_000), left, "at {now}");
    }
    for (at, is_over) in [(3_998, false), (3_999, false), (4_000, true), (4_001, true)] {
        let mut scene = Scene::new();
        scene.join(0, WITHIN);
        scene.restart(at);
        assert_eq!(scene.phase().is_none(), is_over, "at {at}");
        assert_eq!(scene.is_clean(), is_over);
        if !is_over {
            scene.wake(3_999);
            assert_eq!(scene.phase(), Some(Phase::Probing));
            scene.wake(4_000);
            assert!(scene.is_clean());
        }
    }
}

#[test]
fn net_23_it_subscribes_probes_and_dials_at_once() {
    let mut scene = Scene::new();
    let done = scene.join(0, WITHIN);
    let dial = |address: &str| Effect::Dial(address.into());
    assert!(done.contains(&Effect::Subscribe(scene.namespace)));
    assert!(done.contains(&dial("/memory/1")) && done.contains(&dial("/memory/2")));
    assert_eq!(probes(&done), 1);
    assert_eq!(phases(&done), [(Phase::Probing, 0)]);
}

#[test]
fn net_23_it_probes_again_after_a_second_with_jitter() {
    let mut scene = Scene::new();
    scene.join(0, 30_000);
    let (mut last, mut waits) = (0, vec![]);
    for at in 1..9_999 {
        if probes(&scene.wake(at)) > 0 {
            waits.push(at - last);
            last = at;
        }
    }
    assert!(waits.len() >= 7, "{waits:?}");
    assert!(waits.iter().all(|wait| (1_000..1_250).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "no jitter: {waits:?}");
}

#[test]
fn net_23_a_peer_that_subscribes_is_probed_and_pulled_from_at_once() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    let done = scene.meet(7, P);
    assert_eq!(probes(&done), 1);
    assert!(pulled(&done).contains(&P));
    assert_eq!(phases(&done), [(Phase::Pulling, 7)]);
}

#[test]
fn net_23_a_peer_that_is_there_already_is_pulled_from_at_once() {
    let mut scene = Scene::new();
    scene.meet(0, P);
    let done = scene.join(3, WITHIN);
    assert!(pulled(&done).contains(&P));
    assert_eq!(phases(&done), [(Phase::Probing, 0), (Phase::Pulling, 0)]);
}

#[test]
fn net_23_a_hint_tells_where_to_pull() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    // A beacon may come before the news of the subscription.
    scene.input(5, Input::PeerConnected { peer: Q });
    let namespace = scene.namespace;
    let done = scene.call(5, |turn| turn.on_hint(namespace, Q));
    assert_eq!((pulled(&done).as_slice(), scene.phase()), ([Q].as_slice(), Some(Phase::Pulling)));
    // Another one changes nothing while that goes on.
    assert!(pulled(&scene.call(6, |turn| turn.on_hint(namespace, P))).is_empty());
}

#[test]
fn net_25_a_second_call_waits_for_the_same_job_and_both_are_answered() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    let again = scene.join(1, 60_000);
    assert!(again.is_empty(), "{again:?}");
    let done = scene.wake(WITHIN);
    let replies = done.iter().filter(|effect| matches!(effect, Effect::Reply { .. })).count();
    assert_eq!(replies, 2);
}

#[test]
fn net_25_another_invitation_is_refused_while_one_is_used_and_taken_afterwards() {
    let mut scene = Scene::new();
    let namespace = scene.namespace;
    scene.join(0, WITHIN);
    let first = scene.request.clone();
    let mut terms = first.invitation.terms.clone();
    terms.expires_at = UnixMillis(terms.expires_at.0 - 1);
    scene.request = accept(&owner(), terms, &joiner());
    let done = scene.join(1, WITHIN);
    let refused = Outcome::Refused(Refusal::JoiningOtherwise(namespace));
    assert_eq!((outcome(&done), done.len()), (Some(refused), 1), "{done:?}");
    assert_eq!(scene.phase(), Some(Phase::Probing));
    scene.command(2, Command::CancelJoin { namespace });
    assert!(outcome(&scene.join(3, WITHIN)).is_none());
    let job = scene.state.durable.namespaces[&namespace].join.clone().unwrap();
    assert_eq!(job.request, scene.request);
}

#[test]
fn net_29_a_member_is_refused_and_nothing_is_cancelled_where_nothing_runs() {
    let mut scene = Scene::new();
    let namespace = scene.namespace;
    let done = scene.command(0, Command::CancelJoin { namespace });
    let refused = |effect: &Effect| {
        if let Effect::Reply { outcome, .. } = effect {
            matches!(outcome, Outcome::Refused(_))
        } else {
            false
        }
    };
    assert!(done.iter().all(refused) && done.len() == 1);
    let request = scene.ask(P);
    let answer = scene.witness();
    assert!(joined(&scene.answer(1, request, answer)).is_some());
    assert!(scene.join(2, WITHIN).iter().all(refused));
    assert_ne!(P, PeerKey::default());
}
