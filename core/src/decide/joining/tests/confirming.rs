use super::*;
use crate::effect::{Notice, Phase};
use crate::input::Answer;
use crate::join::JoinError;
use alloc::vec;

/// A joiner with the answer of the owner, and the second member connected besides.
fn answered_beside(other: bool) -> (Scene, crate::input::RequestId, Answer) {
    let mut scene = Scene::new();
    let request = scene.ask(P);
    scene.identify(P, owner().id);
    if other {
        scene.identify(Q, second().id);
    }
    let answer = scene.witness();
    (scene, request, answer)
}

#[test]
fn net_25_with_nobody_else_it_is_confirmed_at_once() {
    let (mut scene, request, answer) = answered_beside(false);
    let done = scene.answer(9, request, answer);
    assert!(joined(&done).is_some());
    assert_eq!(phases(&done), [(Phase::Confirmed, 9)]);
    assert_eq!(scene.phase(), None);
}

#[test]
fn net_25_another_member_that_is_there_must_have_the_op() {
    let (mut scene, request, answer) = answered_beside(true);
    let done = scene.answer(9, request, answer);
    assert_eq!(joined(&done), None);
    // It is compared with at once, and again until it has the op; the witness is not.
    assert!(!pulled(&done).contains(&P));
    assert!(scene.compares_with(9, &done, Q));
    for (at, compares) in [(58, false), (59, true), (60, false), (158, false), (159, true)] {
        let done = scene.wake(at);
        assert_eq!(scene.compares_with(at, &done, Q), compares, "at {at}");
    }
    let heads = scene.owner.state.namespace(&scene.namespace).unwrap().heads;
    let before = scene.request.invitation.terms.frontier.to_vec();
    // Neither older heads, nor the witness's word, nor that of a stranger counts.
    assert_eq!(joined(&scene.covered(800, second().id, &before)), None);
    assert_eq!(joined(&scene.covered(801, owner().id, &heads)), None);
    assert_eq!(joined(&scene.covered(802, crate::testing::Author::new(50).id, &heads)), None);
    assert_eq!(joined(&scene.covered(803, joiner().id, &heads)), None);
    let report = joined(&scene.covered(804, second().id, &heads)).unwrap();
    assert_eq!(report.acked_by, [second().id]);
}

#[test]
fn net_25_a_member_that_was_heard_and_is_not_connected_counts_as_there() {
    let (mut scene, request, answer) = answered_beside(false);
    let frontier = scene.request.invitation.terms.frontier.to_vec();
    scene.hear(5, second().id, &frontier);
    assert_eq!(joined(&scene.answer(9, request, answer)), None);
    // What comes now is no part of the pull.
    let namespace = scene.namespace;
    assert!(scene.call(9, |turn| turn.note_pulled(namespace, 1, 1)).is_empty());
    let heads = scene.owner.state.namespace(&scene.namespace).unwrap().heads;
    assert!(joined(&scene.covered(10, second().id, &heads)).is_some());
}

#[test]
fn net_25_a_member_that_was_heard_and_went_away_is_not_waited_for() {
    let (mut scene, request, answer) = answered_beside(true);
    let frontier = scene.request.invitation.terms.frontier.to_vec();
    scene.hear(5, second().id, &frontier);
    scene.input(6, crate::input::Input::PeerDisconnected { peer: Q });
    assert!(joined(&scene.answer(9, request, answer)).is_some());
}

#[test]
fn net_25_when_the_other_goes_away_nobody_is_waited_for() {
    let (mut scene, request, answer) = answered_beside(true);
    scene.answer(9, request, answer);
    let namespace = scene.namespace;
    let done = scene.call(10, |turn| {
        turn.desk(namespace).identities.remove(&Q);
        turn.wake_desk(namespace);
    });
    assert!(joined(&done).is_some());
}

#[test]
fn net_26_at_the_deadline_an_unconfirmed_member_stays_one() {
    let (mut scene, request, answer) = answered_beside(true);
    scene.answer(9, request, answer);
    let before = scene.wake(WITHIN - 1);
    assert_eq!((failed(&before), scene.phase()), (None, Some(Phase::Asking)));
    let done = scene.wake(WITHIN);
    let Some(JoinError::Unconfirmed { op, waited_ms }) = failed(&done) else { panic!("{done:?}") };
    let known = scene.state.namespace(&scene.namespace).unwrap();
    assert_eq!((waited_ms, known.heads), (WITHIN, vec![op]));
    assert!(known.open && !known.joining);
    assert_eq!(failed(&scene.wake(WITHIN + 1)), None);
    // It stays so after a restart.
    scene.restart(WITHIN + 2);
    let known = scene.state.namespace(&scene.namespace).unwrap();
    assert!(known.open && !known.joining);
}

#[test]
fn net_28_the_report_is_complete() {
    let mut scene = Scene::new();
    scene.join(0, 30_000);
    scene.meet(10, P);
    scene.identify(P, owner().id);
    scene.receive_history(30);
    let (request, _) = admit(&scene.in_sync(30, P)).unwrap();
    scene.meet(30, Q);
    scene.identify(Q, second().id);
    let answer = scene.witness();
    scene.answer(70, request, answer);
    let theirs = scene.owner.state.namespace(&scene.namespace).unwrap();
    let report = joined(&scene.covered(150, second().id, &theirs.heads)).unwrap();
    assert_eq!((report.namespace, report.group), (scene.namespace, scene.namespace.root()));
    assert_eq!((vec![report.op], report.heads), (theirs.heads.clone(), theirs.heads));
    assert_eq!(report.state_root, theirs.state_root);
    assert_eq!((report.ops_applied, report.members_learned), (3, 3));
    assert_eq!((report.partner, report.acked_by), (Some(P), vec![second().id]));
    let phases =
        [(Phase::Validating, 0), (Phase::Probing, 10), (Phase::Pulling, 20), (Phase::Asking, 120)];
    assert_eq!(report.phases, phases);
}

#[test]
fn net_25_a_grant_made_meanwhile_admits_too() {
    use crate::governance::op::Body;
    use crate::governance::rights::Rights;
    let mut scene = Scene::new();
    scene.ask(P);
    let (namespace, member) = (scene.namespace, joiner().id);
    let body = Body::MemberAdded { member, rights: Rights::MEMBER };
    let op = scene.owner.govern(namespace, namespace.root(), body);
    let report = joined(&scene.receive_history(5)).unwrap();
    assert_eq!((report.op, report.acked_by.len()), (op, 0));
    let phase = |notice: &&Notice| matches!(notice, Notice::JoinFailed { .. });
    assert_eq!(notices(&scene.wake(60_000)).iter().filter(|notice| phase(notice)).count(), 0);
}
