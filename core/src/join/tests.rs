use super::*;
use crate::sync::Shortfall;

fn peer(number: u8) -> PeerKey {
    PeerKey([number; 32])
}

#[test]
fn net_24_the_next_partner_is_in_sync_or_new_or_the_best_of_the_rest() {
    let mut partners = Partners::default();
    let all = [peer(1), peer(2), peer(3)];
    partners.begin_attempt();
    assert_eq!(partners.choose(&all), Some(peer(1)));
    partners.note_in_sync(peer(3), true);
    assert_eq!(partners.choose(&all), Some(peer(3)));
    partners.note_failed(peer(3), Declined::Silent);
    partners.note_failed(peer(1), Declined::Pull(Shortfall::Stalled));
    assert_eq!(partners.choose(&all), Some(peer(2)));
    assert!(!partners.are_exhausted(&all));
    partners.note_failed(peer(2), Declined::Behind);
    assert_eq!(partners.choose(&all), None);
    assert!(partners.are_exhausted(&all) && !partners.are_exhausted(&[]));
    // In the next attempt, those that never failed come first, then everybody.
    partners.begin_attempt();
    assert_eq!(partners.choose(&[peer(1), peer(4)]), Some(peer(4)));
    assert_eq!(partners.choose(&all), Some(peer(1)));
}

#[test]
fn net_24_a_later_exchange_mends_what_was_about_the_exchange_and_nothing_else() {
    let mut partners = Partners::default();
    partners.begin_attempt();
    let cases = [
        (Declined::Pull(Shortfall::Stalled), true, true),
        (Declined::Diverged, true, true),
        (Declined::Behind, false, true),
        (Declined::Unproven, true, true),
        (Declined::Silent, false, false),
        (Declined::NotMember, false, false),
    ];
    for (why, mended, mended_if_enough) in cases {
        for (is_enough, mended) in [(false, mended), (true, mended_if_enough)] {
            partners.note_failed(peer(1), why.clone());
            partners.note_in_sync(peer(1), is_enough);
            assert_eq!(partners.failure(&peer(1)).is_none(), mended, "{why}");
        }
    }
}

#[test]
fn net_26_what_is_remembered_is_bounded_and_the_oldest_goes_first() {
    let mut partners = Partners::default();
    partners.begin_attempt();
    for number in 0..=u8::try_from(TRIED_MAX).unwrap() {
        partners.note_failed(peer(number), Declined::Silent);
    }
    assert_eq!(partners.tried.len(), TRIED_MAX);
    assert_eq!(partners.failure(&peer(0)), None);
    assert_eq!(partners.failure(&peer(1)), Some(&Declined::Silent));
    for number in 0..2_000_u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        partners.see(PeerKey(key));
        partners.note_in_sync(PeerKey(key), true);
    }
    assert_eq!((partners.seen.len(), partners.in_sync.len()), (JOIN_PEERS_MAX, JOIN_PEERS_MAX));
}

#[test]
fn net_28_the_times_of_a_phase_add_up() {
    let mut phases = Phases::new(MonoMillis(5));
    assert_eq!(phases.enter(Phase::Probing, MonoMillis(5)), 0);
    assert_eq!(phases.enter(Phase::Pulling, MonoMillis(15)), 10);
    assert_eq!(phases.enter(Phase::Probing, MonoMillis(20)), 5);
    assert_eq!(phases.enter(Phase::Failed, MonoMillis(27)), 7);
    let spent = [(Phase::Validating, 0), (Phase::Probing, 17), (Phase::Pulling, 5)];
    assert_eq!(phases.spent(), spent);
}
