use super::*;
use crate::id::NamespaceId;
use crate::limits::{HEARD_COUNT_MAX, PULL_MS_MAX};
use crate::sync::Shortfall;
use crate::time::UnixMillis;

const ME: MemberId = MemberId([0xff; 32]);
/// Who wrote what is stored, and is never heard.
const AUTHOR: MemberId = MemberId([0xfe; 32]);

fn member(number: u64) -> MemberId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    MemberId(id)
}

fn peer(number: u8) -> PeerKey {
    PeerKey([number; 32])
}

fn head(number: u8) -> OpId {
    OpId([number; 32])
}

fn at(ms: u64) -> Now {
    Now { mono: MonoMillis(ms), unix: UnixMillis(1_000_000 + ms) }
}

/// A member's beacon at a time, which names heads of which `lacks` are not here.
fn hear(readiness: &mut Readiness, ms: u64, number: u64, lacks: &[OpId]) {
    let beacon = Beacon {
        namespace: NamespaceId([7; 32]),
        member: member(number),
        boot: [1; 16],
        sequence: ms + 1,
        heads: HeadSummary::of(lacks),
        ops: 0,
        state_root: [0; 32],
        tier: Tier::Locally,
        sent_at: at(ms).unix,
    };
    assert!(readiness.is_news(&beacon, at(ms)));
    let meaning = Meaning { lacks: lacks.iter().copied().collect(), ..Meaning::default() };
    readiness.hear(ME, &beacon, peer(number.to_le_bytes()[0]), &meaning, at(ms));
}

fn outlook() -> Outlook {
    let overdue = Overdue::default();
    Outlook { me: ME, is_member: true, has_others: true, is_alone: false, overdue }
}

fn review(readiness: &mut Readiness, ms: u64) -> State {
    readiness.review(MonoMillis(ms), &outlook());
    readiness.state()
}

/// What time alone would make of it until `until`, woken only when it wants to be.
fn pass(readiness: &mut Readiness, from: u64, until: u64) -> Vec<(u64, State)> {
    let mut seen = Vec::new();
    let mut review = readiness.review(MonoMillis(from), &outlook());
    while let Some(next) = review.next.filter(|next| next.0 <= until) {
        review = readiness.review(next, &outlook());
        assert!(review.next > Some(next) || review.next.is_none());
        if review.is_other {
            seen.push((next.0, readiness.state()));
        }
    }
    seen
}

fn in_sync() -> Verdict {
    Verdict::InSync { heads: Vec::new(), root: [0; 32] }
}

fn failed() -> Verdict {
    Verdict::Incomplete { missing: Vec::new(), why: Shortfall::Stalled }
}

/// A node that listened for ten seconds and heard `others`, who have no more than it does.
fn ready(others: &[u64]) -> Readiness {
    let mut readiness = Readiness::default();
    readiness.begin(MonoMillis(0));
    for number in others {
        hear(&mut readiness, 10_000, *number, &[]);
    }
    assert!(review(&mut readiness, 10_000).tier().is_ready());
    readiness
}

#[test]
fn net_10_the_table_is_bounded_and_the_stalest_goes() {
    let mut readiness = Readiness::default();
    for number in 0..=HEARD_COUNT_MAX as u64 {
        hear(&mut readiness, number, number, &[head(1)]);
    }
    let now = MonoMillis(HEARD_COUNT_MAX as u64);
    assert_eq!(readiness.fresh_count(now), HEARD_COUNT_MAX as u64);
    assert_eq!(readiness.heard(&member(0)), None);
    assert!(readiness.heard(&member(1)).is_some());
    assert_eq!(readiness.interval(now), 250 * (HEARD_COUNT_MAX as u64 + 1));
    // What those name who are forgotten is forgotten too.
    for number in 0..=HEARD_COUNT_MAX as u64 {
        readiness.forget(&member(number));
    }
    assert_eq!(readiness.table, Table::default());
}

#[test]
fn net_11_the_count_of_fresh_beacons_is_that_of_a_look_at_each() {
    let mut readiness = Readiness::default();
    for turn in 0..400_u64 {
        let (number, ms) = (turn * 7 % 13, turn * 900);
        hear(&mut readiness, ms, number, &[]);
        let tier = if turn.is_multiple_of(3) { Tier::NotReady } else { Tier::Validated };
        let last = readiness.heard(&member(number)).map(|heard| heard.beacon.clone()).unwrap();
        let beacon = Beacon { sequence: last.sequence + 1, tier, ..last };
        readiness.hear(ME, &beacon, peer(1), &Meaning::default(), at(ms));
        if turn.is_multiple_of(11) {
            readiness.forget(&member(turn % 13));
        }
        let bytes = crate::codec::encode(&readiness);
        assert_eq!(crate::codec::decode_own::<Readiness>(&bytes).as_ref(), Ok(&readiness));
        for now in [ms, ms + 40_000, ms + FRESH_MS].map(MonoMillis) {
            assert_eq!(readiness.fresh_count(now), readiness.fresh(now).count() as u64);
            let ends = readiness.all_heard().map(|(_, heard)| heard.fresh_until);
            let next = ends.filter(|end| *end > now).min();
            assert_eq!(readiness.table.next_changes(now).min(), next);
        }
    }
}

#[test]
fn net_11_where_many_beacon_they_are_fresh_for_three_intervals() {
    let mut readiness = Readiness::default();
    for number in 0..100 {
        hear(&mut readiness, 0, number, &[]);
    }
    // The last came when 99 were fresh: with us, at most 120 seconds from one to the next while
    // there is no news.
    let last = readiness.heard(&member(99)).unwrap();
    let fresh = |ms| last.is_fresh(MonoMillis(ms));
    assert_eq!([60_000, 359_999, 360_000].map(fresh), [true, true, false]);
}

#[test]
fn net_11_others_are_there_while_their_beacon_is_fresh_and_their_peer_may_be_gone() {
    let mut readiness = Readiness::default();
    for number in [1, 2] {
        hear(&mut readiness, 100, number, &[]);
    }
    readiness.lose(&member(2));
    let others = |readiness: &Readiness, ms| -> Vec<(MemberId, bool)> {
        let others = readiness.others(member(3), MonoMillis(ms));
        others.map(|(member, heard)| (member, heard.is_gone)).collect()
    };
    assert_eq!(others(&readiness, 72_099), [(member(1), false), (member(2), true)]);
    assert_eq!(readiness.others(member(1), MonoMillis(100)).count(), 1);
    hear(&mut readiness, 5_000, 2, &[]);
    assert_eq!(others(&readiness, 72_100), [(member(2), false)]);
    assert_eq!(others(&readiness, 77_000), []);
}

#[test]
fn net_12_what_one_alone_names_counts_against_a_ready_state_while_it_brings_ops() {
    let mut readiness = ready(&[1, 2]);
    hear(&mut readiness, 12_000, 1, &[head(5)]);
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(12_000)));
    assert_eq!(pass(&mut readiness, 12_000, 16_000), []);
    // Ops of somebody else are no sign, nor is one alone.
    readiness.stored(&head(20), &AUTHOR, Some(peer(2)), MonoMillis(16_000));
    readiness.stored(&head(21), &AUTHOR, Some(peer(1)), MonoMillis(16_000));
    assert_eq!(review(&mut readiness, 16_000), State::PeerValidated);
    assert_eq!(pass(&mut readiness, 16_000, 19_000), []);
    for (number, ms) in (22..).zip([20_000, 21_000, 21_999]) {
        readiness.stored(&head(number), &AUTHOR, Some(peer(1)), MonoMillis(ms));
        assert_eq!(review(&mut readiness, ms), State::PeerValidated);
    }
    let catching_up = State::CatchingUp { missing: 1 };
    assert_eq!(pass(&mut readiness, 21_999, 22_000), [(22_000, catching_up)]);
    // The head itself comes: that is the end.
    let had_it = readiness.stored(&head(5), &AUTHOR, Some(peer(1)), MonoMillis(22_500));
    assert_eq!(had_it, BTreeSet::from([member(1)]));
    assert_eq!(review(&mut readiness, 22_500), State::PeerValidated);
}

#[test]
fn net_12_two_who_name_a_head_are_believed_after_two_seconds_and_two_heads_are_not_one() {
    let mut readiness = ready(&[1, 2, 3]);
    hear(&mut readiness, 12_000, 1, &[head(5)]);
    hear(&mut readiness, 13_000, 2, &[head(6)]);
    assert_eq!(review(&mut readiness, 13_000), State::PeerValidated);
    assert_eq!(pass(&mut readiness, 13_000, 30_000), []);
    hear(&mut readiness, 30_000, 2, &[head(5), head(6)]);
    // The head has been known of for long.
    assert_eq!(review(&mut readiness, 30_000), State::CatchingUp { missing: 1 });
    // Of those who name it one alone is fresh, and nothing is pulled.
    assert_eq!(pass(&mut readiness, 30_000, 92_000), [(84_000, State::LocallyReady)]);
}

#[test]
fn net_12_where_many_write_some_head_is_always_missing_and_none_for_long() {
    let mut readiness = ready(&[1, 2, 3]);
    for round in 0..40_u8 {
        let ms = 12_000 + u64::from(round) * 1500;
        let heads = [head(100 + round)];
        for number in [1, 2] {
            hear(&mut readiness, ms, number, &heads);
        }
        assert_eq!(review(&mut readiness, ms), State::PeerValidated, "{round}");
        assert_eq!(pass(&mut readiness, ms, ms + 1400), []);
        // It comes before it has been missing for two seconds, and the next is named at once.
        readiness.stored(&heads[0], &AUTHOR, None, MonoMillis(ms + 1450));
        hear(&mut readiness, ms + 1450, 3, &[]);
    }
}

#[test]
fn attack_32_a_pull_that_came_to_nothing_is_not_repeated_for_half_a_minute() {
    for (after, pulls) in [(29_999, false), (30_000, true), (30_001, true)] {
        let mut readiness = Readiness::default();
        readiness.begin(MonoMillis(0));
        hear(&mut readiness, 100, 1, &[head(5)]);
        assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(100)));
        assert_eq!(review(&mut readiness, 100), State::CatchingUp { missing: 1 });
        readiness.end_pull(peer(2), Some(member(2)), &failed(), MonoMillis(200));
        assert_eq!(review(&mut readiness, 200), State::CatchingUp { missing: 1 });
        let followup = readiness.end_pull(peer(1), Some(member(1)), &failed(), MonoMillis(300));
        assert_eq!(followup, []);
        // It does not count any more.
        assert_eq!(review(&mut readiness, 300), State::Bootstrapping);
        assert_eq!(pass(&mut readiness, 300, 10_000), [(10_000, State::LocallyReady)]);
        // Other fake heads make no difference.
        hear(&mut readiness, 300 + after, 1, &[head(6)]);
        let begins = readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(300 + after));
        assert_eq!(begins, pulls, "{after}");
        // Another member's word is its own.
        hear(&mut readiness, 300 + after, 2, &[head(5)]);
        assert!(readiness.begin_pull(&member(2), (peer(2), true), MonoMillis(300 + after)));
    }
}

#[test]
fn a_peer_that_has_nothing_more_ends_the_pull_and_what_was_named_meanwhile_is_pulled_too() {
    let mut readiness = Readiness::default();
    hear(&mut readiness, 0, 1, &[head(5)]);
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(0)));
    readiness.stored(&head(5), &AUTHOR, Some(peer(1)), MonoMillis(50));
    hear(&mut readiness, 60, 1, &[head(6)]);
    let followup = readiness.end_pull(peer(1), Some(member(1)), &in_sync(), MonoMillis(100));
    assert_eq!(followup, [member(1)]);
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(100)));
    // In sync, and what it named is not here: it was a lie.
    let followup = readiness.end_pull(peer(1), Some(member(1)), &in_sync(), MonoMillis(200));
    assert_eq!(followup, []);
    assert!(!readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(201)));
}

#[test]
fn i27_what_a_member_writes_itself_is_no_flow_of_ops_against_a_ready_state() {
    for (author, counts) in [(member(1), false), (AUTHOR, true)] {
        let mut readiness = ready(&[1, 2]);
        hear(&mut readiness, 12_000, 1, &[head(5)]);
        assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(12_000)));
        for second in 13..40_u8 {
            let ms = u64::from(second) * 1000;
            readiness.stored(&head(100 + second), &author, Some(peer(1)), MonoMillis(ms));
            review(&mut readiness, ms);
        }
        assert_eq!(readiness.state().tier().is_ready(), !counts);
    }
}

#[test]
fn attack_32_new_names_earn_no_new_pull_where_the_last_brought_nothing_that_was_named() {
    let mut readiness = Readiness::default();
    hear(&mut readiness, 0, 1, &[head(5)]);
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(0)));
    readiness.stored(&head(9), &member(1), Some(peer(1)), MonoMillis(50));
    hear(&mut readiness, 60, 1, &[head(6)]);
    assert_eq!(readiness.end_pull(peer(1), Some(member(1)), &in_sync(), MonoMillis(100)), []);
    assert!(!readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(30_099)));
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(30_100)));
}

#[test]
fn attack_32_pulls_that_follow_one_another_end_after_half_a_minute() {
    let mut readiness = Readiness::default();
    readiness.begin(MonoMillis(0));
    // Each pull brings an own op that was named, and each time there is one more name.
    hear(&mut readiness, 0, 1, &[head(100)]);
    let mut last = 0;
    for round in 0..60_u8 {
        let ms = u64::from(round) * 1000;
        if !readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(ms)) {
            break;
        }
        let named = head(100 + round);
        readiness.stored(&named, &member(1), Some(peer(1)), MonoMillis(ms + 500));
        hear(&mut readiness, ms + 600, 1, &[head(101 + round)]);
        last = ms + 700;
        readiness.end_pull(peer(1), Some(member(1)), &in_sync(), MonoMillis(last));
    }
    assert_eq!(last, 30_700);
    assert!(review(&mut readiness, last).tier().is_ready());
}

#[test]
fn a_pull_without_an_end_is_given_up_after_half_a_minute_without_ops() {
    let mut readiness = Readiness::default();
    readiness.begin(MonoMillis(0));
    hear(&mut readiness, 0, 1, &[head(5)]);
    assert!(readiness.begin_pull(&member(1), (peer(1), true), MonoMillis(0)));
    review(&mut readiness, 0);
    readiness.stored(&head(9), &AUTHOR, Some(peer(1)), MonoMillis(20_000));
    let given_up = 20_000 + PULL_MS_MAX;
    assert_eq!(pass(&mut readiness, 0, given_up - 1), []);
    assert_eq!(readiness.state(), State::CatchingUp { missing: 1 });
    assert_eq!(pass(&mut readiness, given_up - 1, given_up), [(given_up, State::LocallyReady)]);
}

/// A member's beacon with our heads and another root.
fn contradict(readiness: &mut Readiness, ms: u64, number: u64) {
    hear(readiness, ms, number, &[]);
    let beacon = readiness.heard(&member(number)).unwrap().beacon.clone();
    let meaning = Meaning { contradicts: true, ..Meaning::default() };
    readiness.hear(ME, &beacon, peer(1), &meaning, at(ms));
}

#[test]
fn net_12_a_root_counts_where_most_have_it_and_a_new_op_begins_anew() {
    let mut readiness = ready(&[1, 2, 3]);
    contradict(&mut readiness, 12_000, 1);
    assert_eq!(review(&mut readiness, 12_000), State::PeerValidated);
    assert_eq!(pass(&mut readiness, 12_000, 15_000), []);
    contradict(&mut readiness, 15_000, 2);
    review(&mut readiness, 15_000);
    let diverged = State::Degraded(Cause::Diverged);
    assert_eq!(pass(&mut readiness, 15_000, 17_000), [(17_000, diverged)]);
    // Our heads are others now.
    readiness.stored(&head(1), &AUTHOR, None, MonoMillis(18_000));
    assert_eq!(review(&mut readiness, 18_000), State::PeerValidated);
}

#[test]
fn net_12_a_root_of_those_who_fell_silent_counts_until_their_peers_are_gone() {
    let mut readiness = ready(&[1, 2, 3, 4]);
    for number in [1, 2, 3] {
        contradict(&mut readiness, 12_000, number);
    }
    review(&mut readiness, 12_000);
    let diverged = State::Degraded(Cause::Diverged);
    assert_eq!(pass(&mut readiness, 12_000, 14_000), [(14_000, diverged)]);
    // Nodes that differ fall silent, and that is no agreement.
    hear(&mut readiness, 100_000, 4, &[]);
    assert_eq!(pass(&mut readiness, 14_000, 100_000), []);
    readiness.lose(&member(1));
    assert_eq!(review(&mut readiness, 100_000), diverged);
    readiness.lose(&member(2));
    assert_eq!(review(&mut readiness, 100_000), State::PeerValidated);
}

#[test]
fn net_12_a_root_of_those_whose_peers_are_gone_counts_as_long_as_it_is_fresh() {
    let mut readiness = ready(&[1, 2, 3]);
    contradict(&mut readiness, 12_000, 1);
    contradict(&mut readiness, 12_000, 2);
    review(&mut readiness, 14_000);
    for number in [1, 2] {
        readiness.lose(&member(number));
    }
    hear(&mut readiness, 50_000, 3, &[]);
    let diverged = State::Degraded(Cause::Diverged);
    let MonoMillis(ends) = readiness.heard(&member(2)).unwrap().fresh_until;
    assert_eq!(pass(&mut readiness, 14_000, ends - 1), [(16_000, diverged)]);
    assert_eq!(pass(&mut readiness, ends - 1, ends), [(ends, State::PeerValidated)]);
}

#[test]
fn net_12_a_root_that_an_exchange_shows_counts_like_one_in_a_beacon() {
    let mut readiness = ready(&[1]);
    let verdict = Verdict::Diverged { ours: [1; 32], theirs: [2; 32] };
    readiness.end_pull(peer(2), None, &verdict, MonoMillis(12_000));
    assert_eq!(review(&mut readiness, 12_000), State::PeerValidated);
    readiness.end_pull(peer(1), Some(member(1)), &verdict, MonoMillis(12_000));
    review(&mut readiness, 12_000);
    let diverged = State::Degraded(Cause::Diverged);
    assert_eq!(pass(&mut readiness, 12_000, 14_000), [(14_000, diverged)]);
}

#[test]
fn a_summary_of_heads_is_covered_when_its_own_member_has_nothing_more() {
    for is_own in [true, false] {
        let mut readiness = ready(&[]);
        let heads = HeadSummary::Many { digest: [8; 32], count: 100 };
        hear(&mut readiness, 11_000, 1, &[]);
        let beacon = readiness.heard(&member(1)).unwrap().beacon.clone();
        let beacon = Beacon { heads, ..beacon };
        let meaning = Meaning { lacks: [head(8)].into(), ..Meaning::default() };
        readiness.hear(ME, &beacon, peer(1), &meaning, at(12_000));
        assert!(readiness.begin_pull(&member(1), (peer(1), is_own), MonoMillis(12_000)));
        assert_eq!(review(&mut readiness, 12_000), State::LocallyReady);
        readiness.end_pull(peer(1), None, &in_sync(), MonoMillis(12_100));
        let expected = if is_own { State::PeerValidated } else { State::LocallyReady };
        assert_eq!(review(&mut readiness, 12_100), expected);
    }
}

#[test]
fn net_13_i27_what_waits_counts_unless_a_member_that_wrote_none_of_it_vouches() {
    let held_up = State::Degraded(Cause::PendingOps(9));
    let catching_up = State::CatchingUp { missing: 1 };
    // Who beacons that it has our heads, who names a head that we lack, who wrote what waits.
    let table: [([&[u64]; 3], State); 10] = [
        ([&[], &[], &[2]], held_up),
        ([&[1], &[], &[2]], State::PeerValidated),
        ([&[1], &[], &[2, 3, 4, 5]], State::PeerValidated),
        // Two members: nobody knows better than the author, who contradicts itself.
        ([&[1], &[], &[1]], held_up),
        ([&[1, 2], &[], &[1, 2]], held_up),
        ([&[1, 2], &[], &[1]], State::PeerValidated),
        // Behind one that is cut off, and behind everybody.
        ([&[], &[1], &[1]], held_up),
        ([&[], &[1, 2], &[1]], catching_up),
        ([&[3], &[1, 2], &[1, 2]], catching_up),
        // Our own old ops, of which others know.
        ([&[1], &[], &[u64::MAX]], State::PeerValidated),
    ];
    for ([vouching, ahead, authors], expected) in table {
        let mut readiness = ready(&[]);
        for (lacks, members) in [(&[][..], &vouching), (&[head(5)], &ahead)] {
            for number in *members {
                hear(&mut readiness, 11_000, *number, lacks);
            }
        }
        let author = |number: &u64| if *number == u64::MAX { ME } else { member(*number) };
        let authors = authors.iter().map(author).collect();
        let overdue = Overdue { count: 9, authors, next: None };
        let outlook = Outlook { overdue, ..outlook() };
        for ms in [12_000, 14_000] {
            readiness.review(MonoMillis(ms), &outlook);
        }
        assert_eq!(readiness.state(), expected, "{vouching:?} {ahead:?} {outlook:?}");
    }
}

#[test]
fn two_roots_are_told_of_once() {
    let mut readiness = Readiness::default();
    assert!(readiness.tell([1; 32], [2; 32]));
    assert!(!readiness.tell([1; 32], [2; 32]));
    assert!(readiness.tell([1; 32], [3; 32]));
}
