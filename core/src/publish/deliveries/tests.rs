use super::*;

const COMMAND: CommandId = CommandId(1);

fn member(number: u32) -> MemberId {
    let mut id = MemberId([0; 32]);
    id.0[..4].copy_from_slice(&number.to_be_bytes());
    id
}

#[test]
fn net_32_deliveries_end_at_their_deadlines_in_order() {
    let mut deliveries = Deliveries::default();
    for (op, at) in [(1, 30), (2, 10), (3, 20)] {
        assert!(deliveries.begin(OpId([op; 32]), COMMAND, 1, MonoMillis(at)));
    }
    assert_eq!(deliveries.next_deadline(), Some(MonoMillis(10)));
    let ended = deliveries.expire(MonoMillis(20));
    let ops: Vec<u8> = ended.iter().map(|ended| ended.op.0[0]).collect();
    assert_eq!(ops, [2, 3]);
    assert_eq!(deliveries.next_deadline(), Some(MonoMillis(30)));
    assert_eq!(deliveries.end_all().len(), 1);
    assert_eq!(deliveries, Deliveries::default());
}

#[test]
fn net_32_an_op_is_delivered_once() {
    let mut deliveries = Deliveries::default();
    assert!(deliveries.begin(OpId([1; 32]), COMMAND, 1, MonoMillis(1)));
    assert!(!deliveries.begin(OpId([1; 32]), COMMAND, 1, MonoMillis(2)));
    assert_eq!(deliveries.acknowledge(member(1), |_| true).len(), 1);
    assert_eq!(deliveries.acknowledge(member(2), |_| true).len(), 0);
    assert_eq!(deliveries, Deliveries::default());
}

#[test]
fn net_33_what_members_say_of_a_delivery_is_bounded() {
    let mut deliveries = Deliveries::default();
    let op = OpId([1; 32]);
    assert!(deliveries.begin(op, COMMAND, u32::MAX, MonoMillis(1)));
    for number in 0..2 * DELIVERY_ACKS_MAX {
        deliveries.note_behind(&op, member(number), 1);
    }
    assert_eq!(deliveries.behind().len(), DELIVERY_ACKS_MAX as usize);
    for number in 1..DELIVERY_ACKS_MAX {
        assert_eq!(deliveries.acknowledge(member(number), |_| true).len(), 0);
    }
    assert_eq!(deliveries.behind(), [(member(0), 1)]);
    let ended = deliveries.acknowledge(member(0), |_| true);
    let Receipt::Delivered { acked_by } = &ended[0].receipt else { panic!("{ended:?}") };
    assert_eq!(acked_by.len(), DELIVERY_ACKS_MAX as usize);
}
