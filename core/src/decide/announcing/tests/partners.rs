//! Whom to turn to first (NET-15).

use super::fake;
use crate::decide::Turn;
use crate::id::{OpId, PeerKey};
use crate::identities::Identity;
use crate::statement::{Beacon, Tier};
use crate::step::Output;
use crate::testing::Author;
use crate::testing::timed::{Timed, authors, peer_of};
use crate::time::{MonoMillis, Now};
use alloc::vec::Vec;

fn introduce(node: &mut Timed, member: &Author, round_trip_ms: u64) {
    let peer = peer_of(member);
    node.state.volatile.peers.entry(peer).or_default().insert(node.namespace);
    let desk = node.state.volatile.desks.get_mut(&node.namespace).unwrap();
    desk.identities.insert(peer, Identity { member: member.id, pass: None, round_trip_ms });
}

fn partners(node: &mut Timed) -> Vec<PeerKey> {
    let now = Now { mono: MonoMillis(node.now), unix: node.unix() };
    let mut out = Output::default();
    let State { durable, volatile } = &mut node.state;
    Turn { durable, volatile, now, out: &mut out }.partners(node.namespace)
}

use crate::state::State;

#[test]
fn net_15_partners_are_ordered_by_tier_then_cover_then_round_trip_then_recency() {
    let [owner, a, b, c, d, e, f] = authors();
    let members = [&a, &b, &c, &d, &e, &f];
    let mut node = Timed::founder(&owner, &members);
    let genesis = OpId(node.namespace.0);
    let stranger = PeerKey([0x01; 32]);
    node.state.volatile.peers.entry(stranger).or_default().insert(node.namespace);

    let full = |node: &Timed, member: &Author, tier| Beacon { tier, ..node.beacon_of(member) };
    // `a` is ready on its own word, near, and boasts; `b` covers little; `c` to `e` cover all.
    introduce(&mut node, &a, 1);
    let beacon = Beacon { ops: u64::MAX, ..full(&node, &a, Tier::Locally) };
    node.hear(&a, beacon);
    introduce(&mut node, &b, 1);
    // Heads that we lack give no credit.
    let little = node.claim_of(&b, &[genesis, fake(9)]);
    node.hear(&b, Beacon { tier: Tier::Validated, ..little });
    introduce(&mut node, &c, 30);
    introduce(&mut node, &d, 20);
    introduce(&mut node, &e, 20);
    for member in [&c, &d] {
        let beacon = full(&node, member, Tier::Validated);
        node.hear(member, beacon);
    }
    node.now = 10;
    let beacon = full(&node, &e, Tier::Validated);
    node.hear(&e, beacon);
    // `f` proved who it is and was never heard.
    introduce(&mut node, &f, 0);
    let expected = [&e, &d, &c, &b, &a, &f].map(peer_of);
    assert_eq!(partners(&mut node), [&expected[..], &[stranger]].concat());

    // What is not fresh gives no tier: only the round trip is left, and when it was heard.
    node.now = 200_000;
    let expected = [&f, &a, &b, &e, &d, &c].map(peer_of);
    assert_eq!(partners(&mut node), [&expected[..], &[stranger]].concat());
}
