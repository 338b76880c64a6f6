//! Graphs with more heads than fit a message.

use crate::bounded::{Bounded, Bytes, Text};
use crate::codec;
use crate::event::Event;
use crate::evolve::evolve;
use crate::governance::cuts::Cuts;
use crate::governance::op::{Body, SlotWrite};
use crate::governance::space::Judgement;
use crate::id::{NamespaceId, OpId};
use crate::limits::HEADS_MAX;
use crate::signed::{Op, Verified, from_own_log};
use crate::sync::Verdict;
use crate::testing::Author;
use crate::testing::web::Web;
use alloc::format;
use alloc::vec::Vec;

/// Ops right behind the genesis: an owner that equivocates without end.
fn forks(web: &Web, namespace: NamespaceId, count: usize) -> Vec<Verified<Op>> {
    let owner = Author::new(0);
    let space = &web.nodes[0].state.durable.namespaces[&namespace].space;
    let state_hash = space.group_root(&namespace.root());
    let fork = |number: usize| {
        let key = Text::new(&format!("key {number}")).unwrap();
        let write = SlotWrite::Policy { key, value: Bytes::default() };
        let mut payload = owner.payload(namespace, Body::SlotSet { strict: false, write });
        payload.nonce = 2;
        payload.parents = Bounded::truncated([OpId(namespace.0)].into());
        payload.state_hash = state_hash;
        from_own_log(owner.seal(codec::encode(&payload)), true).unwrap()
    };
    (0..count).map(fork).collect()
}

fn store(web: &mut Web, at: usize, namespace: NamespaceId, ops: &[Verified<Op>]) {
    let node = &mut web.nodes[at];
    let durable = &mut node.state.durable;
    let mut cuts = Cuts::default();
    for op in ops {
        let space = &durable.namespaces[&namespace].space;
        let judgement = space.judge(&mut cuts, op, |_| false, &mut u32::MAX.clone());
        let Judgement::Store(judged) = judgement else { panic!("{judgement:?}") };
        let event = Event::OpAccepted { namespace, op: op.clone(), judged };
        evolve(durable, &event);
        node.log.push(event);
        durable.settle();
        let space = &durable.namespaces[&namespace].space;
        cuts.note(space.graph(), space.view());
    }
}

#[test]
fn net_42_more_heads_than_fit_a_message_converge() {
    let (mut web, namespace) = Web::new(2, 0);
    let ops = forks(&web, namespace, HEADS_MAX + 60);
    store(&mut web, 0, namespace, &ops[..HEADS_MAX + 40]);
    store(&mut web, 1, namespace, &ops[30..]);
    assert!(web.heads(0, namespace).0.len() > HEADS_MAX);
    web.connect(0, 1, namespace);
    web.run(5000);
    assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
    assert_eq!(web.heads(0, namespace).0.len(), ops.len());
    for (at, with) in [(0, 1), (1, 0)] {
        let verdicts = web.verdicts(at, with);
        assert!(matches!(verdicts.last(), Some(Verdict::InSync { .. })), "{verdicts:?}");
    }
    assert!(web.ops_sent(0, 1) <= 60 && web.ops_sent(1, 0) <= 60);
}
