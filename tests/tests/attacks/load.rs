//! Row 20: one op that takes the effect of ten thousand.

use crate::support::{Case, Replica, chain, wire};
use folkmoot_core::command::{Command, CommandId, Delivery, Outcome};
use folkmoot_core::effect::{Draft, Effect};
use folkmoot_core::input::{Heard, Input, MessageId, Signed};
use folkmoot_core::query::Standing;
use folkmoot_core::signed::verify;
use folkmoot_sim::kit::{Author, copied, create, person, remove};

/// Ops that one removal takes the effect of.
const STRUCK: u64 = 10_000;

/// Has a node obey a command, step by step, with no other step between, and gives how it ended and
/// after how many steps.
fn obey(replica: &mut Replica, author: &Author, wish: Command) -> (Outcome, usize) {
    let command = CommandId(77);
    replica.take_effects();
    replica.give_only(Input::CommandIssued { command, wish });
    for steps in 1.. {
        for effect in replica.take_effects() {
            if let Effect::Sign { request, draft: Draft::Op(op), .. } = effect {
                let op = op.clone().seal(&author.make(&op.id().0)).unwrap();
                replica.give_only(Input::SignatureReady { request, signed: Signed::Op(op) });
            } else if let Effect::Reply { command: CommandId(77), outcome } = effect {
                return (outcome, steps);
            }
        }
        assert!(steps < 1_000, "no answer");
        replica.give_only(Input::Wake);
    }
    unreachable!()
}

#[test]
fn attack_20_a_removal_that_strikes_ten_thousand_ops_is_sliced_and_holds_up_nobody_else() {
    let (case, p, head) = Case::base();
    let (namespace, root) = (case.stage.oracle.namespace(), case.root());
    let state_hash = case.stage.oracle.now().group_root(root);
    let struck = chain(p.a, namespace, head, state_hash, STRUCK);
    let removal = p.o.sign(&case.stage.oracle, &[head], root, remove(p.a));
    let mut replica = Replica::with(namespace, p.o, case.stage.log.iter().map(|op| &**op));
    let mut messages = 1 << 32;
    let mut published = |op| {
        messages += 1;
        let (message, peer) = (MessageId(messages), Replica::peer(1));
        Input::GossipReceived { message, peer, namespace, heard: Ok(Heard::Op(op)) }
    };
    for op in &struck {
        replica.now += 1;
        replica.give(published(copied(op)));
        replica.take_effects();
    }
    let last = struck.last().unwrap().id;
    assert_eq!(replica.standing(last), Some(Standing::Effective));
    // One namespace on either side of the busy one, by the order of their ids.
    let mut others = [None, None];
    while let Some(side) = others.iter().position(Option::is_none) {
        let owners = folkmoot_core::bounded::Bounded::truncated(vec![person(9).id]);
        let (founded, _) = obey(&mut replica, person(9), Command::Found { owners });
        let Outcome::Accepted { namespace: other, .. } = founded else { panic!("{founded:?}") };
        if (other > namespace) == (side == 1) {
            others[side] = Some(other);
        }
    }

    replica.give_only(published(verify(&wire(&removal), namespace).unwrap()));
    let mut answered = 0;
    for other in others.into_iter().rev().flatten().cycle() {
        if replica.state.is_settled() {
            break;
        }
        let delivery = Delivery { min_acks: 0, ..Delivery::default() };
        let group = other.root();
        let (body, expected_root) = (create(), None);
        let wish = Command::Govern { namespace: other, group, body, expected_root, delivery };
        let (outcome, steps) = obey(&mut replica, person(9), wish);
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        // Its turn comes with every step or two, whatever the rest costs.
        assert!(steps <= 8, "{steps} steps for one command");
        answered += 1;
        assert!(answered < 10_000);
    }
    assert!(answered >= 2, "{answered} commands while ten thousand ops were struck");
    assert!(matches!(replica.standing(last), Some(Standing::Struck(_))));
}
