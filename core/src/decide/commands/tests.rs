//! Leaving a namespace while something is under way there.

use crate::command::{Command, CommandId, Delivery, Outcome, Refusal};
use crate::effect::Effect;
use crate::governance::op::Body;
use crate::input::Input;
use crate::step::{Output, step};
use crate::testing::timed::{Timed, authors};
use crate::time::{MonoMillis, Now};

/// One step, after which nothing is signed.
fn alone(node: &mut Timed, input: Input) -> Output {
    let now = Now { mono: MonoMillis(node.now), unix: node.unix() };
    step(&mut node.state, now, input)
}

#[test]
fn what_is_being_signed_when_a_namespace_is_left_is_refused_and_comes_to_nothing() {
    let [owner] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let namespace = node.namespace;
    let wish = Command::Govern {
        namespace,
        group: namespace.root(),
        body: Body::Noop,
        expected_root: None,
        delivery: Delivery::default(),
    };
    let command = CommandId(100);
    let out = alone(&mut node, Input::CommandIssued { command, wish });
    let [Effect::Sign { request, draft, .. }] = &out.effects[..] else { panic!("{out:?}") };
    let (request, signed) = (*request, node.author.sign_draft(draft));
    let wish = Command::Close { namespace };
    let out = alone(&mut node, Input::CommandIssued { command: CommandId(101), wish });
    let refused = Effect::Reply { command, outcome: Outcome::Refused(Refusal::Closed) };
    assert!(out.effects.contains(&refused), "{out:?}");
    let out = alone(&mut node, Input::SignatureReady { request, signed });
    assert_eq!(out.effects, []);
    assert!(!node.state.volatile.desks.contains_key(&namespace));
    assert!(node.state.volatile.busy.is_empty());
    // Nor does the deadline of the signature make anything.
    node.pass_to(node.now + 60_000);
    assert!(!node.state.volatile.desks.contains_key(&namespace));
}
