use super::*;

#[test]
fn net_34_the_age_of_what_was_written_is_never_told_too_small() {
    let mut outbox = Outbox::default();
    outbox.begin(MonoMillis(7));
    let count = 2 * OUTBOX_TIMES_MAX as u64;
    for nonce in 1..=count {
        outbox.note_written(nonce, MonoMillis(100 + nonce));
    }
    for covered in 0..count {
        outbox.cover(covered);
        let written = MonoMillis(100 + covered + 1);
        let told = outbox.oldest_since(count).unwrap();
        assert!(told <= written && (told == written || covered >= count / 2), "{covered}");
    }
    assert!(outbox.cover(count) && !outbox.cover(count));
    assert_eq!(outbox.oldest_since(count), None);
    assert_eq!(outbox.turn(count, MonoMillis(9999)), None);
}

#[test]
fn net_34_ops_of_an_earlier_run_wait_since_the_start_of_this_one() {
    let mut outbox = Outbox::default();
    outbox.begin(MonoMillis(7));
    outbox.note_written(4, MonoMillis(20));
    assert_eq!(outbox.oldest_since(4), Some(MonoMillis(7)));
    outbox.cover(3);
    assert_eq!(outbox.oldest_since(4), Some(MonoMillis(20)));
}
