use super::*;
use crate::command::Command;
use crate::effect::{Effect, Notice, Phase};
use crate::event::Event;
use crate::id::OpId;
use crate::join::JoinError;
use crate::testing::{Author, Node};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

fn stopped(done: &[Effect]) -> Vec<&str> {
    let stopped = done.iter().filter_map(|effect| {
        if let Effect::StopDialing(address) = effect { Some(address.as_str()) } else { None }
    });
    stopped.collect()
}

#[test]
fn net_27_an_attempt_ends_after_ten_seconds_and_the_next_begins_after_a_wait() {
    let mut scene = Scene::new();
    scene.join(0, 60_000);
    let (mut starts, mut last, mut end) = (vec![0], 0, None);
    for at in 1..=60_000 {
        let done = scene.wake(at);
        end = end.or(failed(&done).map(|_| at));
        if probes(&done) > 0 {
            // Within an attempt it probes every second and a quarter at least.
            if at - last > 1_250 {
                starts.push(at);
            }
            last = at;
        }
    }
    // Each wait begins when ten seconds are over, doubles, and has less than a quarter more.
    let waits: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0] - 10_000).collect();
    for (wait, delay) in waits.iter().zip([3_000, 6_000, 12_000]) {
        assert!((delay..delay + delay / 4).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 3);
    let last = starts.last().unwrap();
    assert_eq!(end, Some(60_000.min(last + 10_000)));
    assert!(scene.is_clean());
}

#[test]
fn net_27_it_gives_up_at_once_when_no_other_attempt_fits() {
    let mut scene = Scene::new();
    scene.join(0, 13_000);
    assert_eq!(failed(&scene.wake(9_999)), None);
    let done = scene.wake(10_000);
    assert!(matches!(failed(&done), Some(JoinError::NoReadyPeers { waited_ms: 10_000, .. })));
    assert!(scene.is_clean());
}

#[test]
fn net_27_a_new_peer_ends_the_wait() {
    let mut scene = Scene::new();
    scene.join(0, 60_000);
    scene.wake(10_000);
    let done = scene.meet(10_500, P);
    assert!(pulled(&done).contains(&P), "{done:?}");
    // The next attempt has its own ten seconds, under the same deadline and with the same key.
    scene.receive_history(10_600);
    let (request, _) = admit(&scene.in_sync(10_600, P)).unwrap();
    let answer = scene.witness();
    assert!(joined(&scene.answer(10_700, request, answer)).is_some());
}

#[test]
fn net_29_cancelled_in_any_phase_nothing_is_left_but_the_identity() {
    for phase in [Phase::Probing, Phase::Pulling, Phase::Asking] {
        let mut scene = Scene::new();
        if phase == Phase::Asking {
            scene.ask(P);
        } else {
            scene.join(0, WITHIN);
        }
        if phase == Phase::Pulling {
            scene.meet(0, P);
        }
        assert_eq!(scene.phase(), Some(phase));
        let namespace = scene.namespace;
        let done = scene.command(5, Command::CancelJoin { namespace });
        assert_eq!(failed(&done), Some(JoinError::Cancelled));
        assert!(done.contains(&Effect::Unsubscribe(namespace)));
        assert_eq!(stopped(&done), ["/memory/1", "/memory/2"]);
        let error = JoinError::Cancelled;
        assert!(notices(&done).contains(&&Notice::JoinFailed { namespace, error }));
        assert!(scene.log.contains(&Event::JoinEnded { namespace, op: None }));
        assert!(scene.is_clean());
        assert!(scene.restart(6).is_empty());
        // The same request is as good as before.
        assert_eq!(phases(&scene.join(7, WITHIN)).first(), Some(&(Phase::Probing, 0)));
    }
}

#[test]
fn net_29_closing_a_namespace_that_is_being_joined_answers_both_commands() {
    let mut scene = Scene::new();
    scene.join(0, WITHIN);
    let namespace = scene.namespace;
    let done = scene.command(5, Command::Close { namespace });
    let replies = done.iter().filter(|effect| matches!(effect, Effect::Reply { .. })).count();
    assert_eq!(replies, 2);
    assert!(scene.is_clean());
}

#[test]
fn net_29_after_success_the_addresses_stay_and_each_is_dialled_once() {
    let mut scene = Scene::new();
    let request = scene.ask(P);
    let answer = scene.witness();
    let done = scene.answer(1, request, answer);
    assert!(joined(&done).is_some() && stopped(&done).is_empty());
    let dials = |done: &[Effect]| -> usize {
        done.iter().filter(|effect| matches!(effect, Effect::Dial(_))).count()
    };
    assert_eq!(dials(&scene.restart(2)), 2);
    // The same while it is under way.
    let mut scene = Scene::new();
    assert_eq!(dials(&scene.join(0, WITHIN)), 2);
    assert_eq!(dials(&scene.restart(1)), 2);
}

#[test]
fn net_29_an_address_that_another_namespace_needs_is_still_dialled() {
    let mut scene = Scene::new();
    let request = scene.ask(P);
    let answer = scene.witness();
    assert!(joined(&scene.answer(1, request, answer)).is_some());
    let inviter = Author::new(40);
    let namespace = Node::new(&inviter).found();
    let terms = terms(&inviter, namespace, OpId(namespace.0));
    let request = accept(&inviter, terms, &joiner());
    let addresses = vec!["/memory/1".to_string(), "/memory/3".to_string()];
    scene.command(10, Command::Join { request, addresses, within_ms: 100 });
    assert_eq!(stopped(&scene.wake(110)), ["/memory/3"]);
}

#[test]
fn net_25_killed_in_any_phase_it_goes_on_with_the_same_key() {
    for (phase, steps) in [Phase::Probing, Phase::Pulling, Phase::Asking].into_iter().zip(0..) {
        let mut scene = Scene::new();
        scene.join(0, WITHIN);
        if steps > 0 {
            scene.meet(1, P);
        }
        if steps > 1 {
            scene.receive_history(2);
            scene.in_sync(2, P);
        }
        assert_eq!(scene.phase(), Some(phase));
        // The witness may have written its op just before the crash: it takes nothing.
        let answer = scene.witness();
        scene.restart(1_000);
        assert_eq!(scene.phase(), Some(Phase::Probing));
        scene.meet(1_001, P);
        scene.receive_history(1_002);
        let done = scene.in_sync(1_002, P);
        let report = match admit(&done) {
            Some((request, _)) => joined(&scene.answer(1_003, request, answer)),
            None => None,
        };
        let known = scene.state.namespace(&scene.namespace).unwrap();
        assert!(known.open && !known.joining && known.me == joiner().id);
        // Nobody waits for the answer any more: it stands in the log.
        assert_eq!(report, None);
        let ended = |event: &&Event| matches!(event, Event::JoinEnded { op: Some(_), .. });
        assert_eq!(scene.log.iter().filter(ended).count(), 1);
    }
}

#[test]
fn net_26_errors_say_what_why_and_what_to_do() {
    use crate::join::{Declined, InvitationFlaw};
    use crate::sync::Shortfall;
    use crate::time::UnixMillis;
    use crate::wire::Refused;
    let tried = vec![(P, Declined::Silent), (Q, Declined::Pull(Shortfall::Stalled))];
    let cases = [
        (JoinError::InvitationInvalid(InvitationFlaw::Signature), "ask the inviter for a new one"),
        (JoinError::InvitationExpired { at: UnixMillis(17) }, "17 ms"),
        (
            JoinError::NoReadyPeers { waited_ms: 12, probes: 3, peers_seen: 4 },
            "12 ms (3 probes, 4 peers",
        ),
        (JoinError::PartnersFailed { tried }, "it stopped answering"),
        (JoinError::PullIncomplete { missing: vec![OPEN] }, "1 ops are known"),
        (JoinError::Refused(Refused::Busy), "it is busy"),
        (JoinError::Unconfirmed { op: OPEN, waited_ms: 9 }, "stays a member"),
        (JoinError::Cancelled, "identity is kept"),
    ];
    for (error, part) in cases {
        assert!(error.to_string().contains(part), "{error}");
    }
}
