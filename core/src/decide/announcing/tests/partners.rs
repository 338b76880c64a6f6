//! Whom to turn to first (NET-15).

use super::fake;
use crate::decide::Turn;
use crate::id::{OpId, PeerKey};
use crate::identities::Identity;
use crate::state::State;
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

#[test]
fn net_15_partners_are_ordered_by_tier_then_cover_then_round_trip_then_recency() {
    let [owner, local, little, far, near, late, mute] = authors();
    let members = [&local, &little, &far, &near, &late, &mute];
    let mut node = Timed::founder(&owner, &members);
    let genesis = OpId(node.namespace.0);
    let stranger = PeerKey([0x01; 32]);
    node.state.volatile.peers.entry(stranger).or_default().insert(node.namespace);

    let full = |node: &Timed, member: &Author, tier| Beacon { tier, ..node.beacon_of(member) };
    // Ready on its own word, near, and boasting.
    introduce(&mut node, &local, 1);
    let beacon = Beacon { ops: u64::MAX, ..full(&node, &local, Tier::Locally) };
    node.hear(&local, beacon);
    // Covering little: heads that we lack give no credit.
    introduce(&mut node, &little, 1);
    let claim = node.claim_of(&little, &[genesis, fake(9)]);
    node.hear(&little, Beacon { tier: Tier::Validated, ..claim });
    introduce(&mut node, &far, 30);
    introduce(&mut node, &near, 20);
    introduce(&mut node, &late, 20);
    for member in [&far, &near] {
        let beacon = full(&node, member, Tier::Validated);
        node.hear(member, beacon);
    }
    node.now = 10;
    let beacon = full(&node, &late, Tier::Validated);
    node.hear(&late, beacon);
    // It proved who it is, and was never heard.
    introduce(&mut node, &mute, 0);
    let expected = [&late, &near, &far, &little, &local, &mute].map(peer_of);
    assert_eq!(partners(&mut node), [&expected[..], &[stranger]].concat());

    // What is not fresh gives no tier: only the round trip is left, and when it was heard.
    node.now = 200_000;
    let first = partners(&mut node);
    let expected = [&mute, &local, &little, &late, &near, &far].map(peer_of);
    assert!(first.starts_with(&expected[..1]) && first.ends_with(&[peer_of(&far), stranger]));
    assert_eq!(first[3..5], expected[3..5]);
}
