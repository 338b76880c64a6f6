//! Sound logs, and logs that hold what no node would have written.

use folkmoot_core::record;
use folkmoot_core::signed::SignedOp;
use tempfile::TempDir;

use super::*;
use crate::node::ExitClass;
use crate::ports::testing::{Bench, claimed, create_group, found};

/// The events of two namespaces with some groups, as they were logged.
fn events() -> Vec<Event> {
    let mut bench = Bench::new();
    bench.start();
    for owner in [1, 2] {
        let namespace = bench.found(owner);
        for _ in 0..6 {
            bench.issue(create_group(namespace));
            bench.commit().unwrap();
        }
    }
    bench.issue(found(3));
    bench.commit().unwrap();
    bench.log.with(|rows| rows.records.iter().map(|bytes| record::decode(bytes).unwrap()).collect())
}

/// A data folder whose log holds these events.
fn home_with(events: &[Event]) -> TempDir {
    let home = TempDir::new().unwrap();
    let (mut store, _) = Store::open(claimed(home.path()).unwrap(), new_boot().unwrap()).unwrap();
    store.append(&events.iter().map(record::encode).collect::<Vec<_>>()).unwrap();
    store.close().unwrap();
    home
}

fn faults(events: &[Event]) -> Vec<Fault> {
    verify_store(home_with(events).path()).unwrap().faults
}

/// Changes the `at`th op of the log.
fn change(events: &mut [Event], at: usize, change: impl FnOnce(&mut Verified<Op>, &mut Judged)) {
    let mut ops = events.iter_mut().filter_map(|event| {
        let Event::OpAccepted { op, judged, .. } = event else { return None };
        Some((op, judged))
    });
    let (op, judged) = ops.nth(at).unwrap();
    change(op, judged);
}

#[test]
fn a_sound_log_comes_out_the_same() {
    let events = events();
    let home = home_with(&events);
    let report = verify_store(home.path()).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!(report.record_count, events.len() as u64);
    assert_eq!((report.op_count, report.namespaces.len()), (15, 3));
    let mut counts: Vec<u64> = report.namespaces.iter().map(|one| one.op_count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 7, 7]);
    assert!(report.namespaces.iter().all(|one| one.heads.len() == 1));
    // It changes nothing.
    assert_eq!(verify_store(home.path()).unwrap(), report);
}

#[test]
fn a_snapshot_is_compared_with_the_log_too() {
    let home = TempDir::new().unwrap();
    let mut bench = Bench::on(home.path(), 1_000);
    bench.start();
    let namespace = bench.found(1);
    bench.issue(create_group(namespace));
    bench.commit().unwrap();
    bench.executor.stop().unwrap();
    let report = verify_store(home.path()).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!(report.snapshot_seq, report.record_count);

    // A snapshot of another history of the same length, in the right place.
    let other = TempDir::new().unwrap();
    let mut bench = Bench::on(other.path(), 1_000);
    bench.start();
    let another = bench.found(2);
    bench.issue(create_group(another));
    bench.commit().unwrap();
    let state = folkmoot_core::snapshot::save(bench.executor.state());
    let (store, _) = Store::open(claimed(home.path()).unwrap(), new_boot().unwrap()).unwrap();
    store.save_snapshot(store.head().seq, |file| file.write_all(&state)).unwrap();
    drop(store);
    let faults = verify_store(home.path()).unwrap().faults;
    assert!(faults.iter().all(|fault| matches!(fault, Fault::State { .. })));
    assert!(faults.contains(&Fault::State { namespace, what: "namespaces" }), "{faults:?}");
}

/// The ops are the same and in the same order, and one of them is looked for in another record.
#[test]
fn a_snapshot_with_another_record_of_an_op_is_found() {
    let mut events = events();
    let home = home_with(&events);
    let opened = |event: &Event| matches!(event, Event::NamespaceOpened { .. });
    let at = events.iter().rposition(opened).unwrap();
    let Event::OpAccepted { namespace, .. } = events[at - 1] else { unreachable!() };
    events.swap(at - 1, at);
    let other = home_with(&events);
    let open = |home: &TempDir| {
        let home = claimed(home.path()).unwrap();
        Store::open(home, new_boot().unwrap()).unwrap().0
    };
    let state = folkmoot_core::snapshot::save(&recover(&open(&other)).unwrap().state);
    let store = open(&home);
    store.save_snapshot(store.head().seq, |file| file.write_all(&state)).unwrap();
    drop(store);
    let report = verify_store(home.path()).unwrap();
    assert_eq!(report.faults, [Fault::State { namespace, what: "record numbers" }]);
}

#[test]
fn a_signature_that_is_not_valid_is_found() {
    let mut events = events();
    let mut id = None;
    change(&mut events, 3, |op, _| {
        let mut signed: SignedOp = op.signed.clone();
        signed.signature.0[5] ^= 1;
        *op = signed::from_own_log(signed, true).unwrap();
        id = Some(op.id);
    });
    let faults = faults(&events);
    let why = Malformed::Signature;
    assert!(
        matches!(faults.first(), Some(Fault::Invalid { op, why: found, .. })
            if Some(*op) == id && *found == why),
        "{faults:?}"
    );
}

#[test]
fn a_flag_that_the_bytes_do_not_bear_out_is_found() {
    let mut events = events();
    change(&mut events, 3, |op, _| {
        *op = signed::from_own_log(op.signed.clone(), false).unwrap();
    });
    assert!(faults(&events).iter().any(|fault| matches!(fault, Fault::Altered { .. })));
}

#[test]
fn another_judgement_is_found() {
    let mut events = events();
    change(&mut events, 3, |_, judged| judged.generation += 1);
    let faults = faults(&events);
    assert!(matches!(faults.first(), Some(Fault::Judgement { .. })), "{faults:?}");
}

#[test]
fn an_op_without_its_parents_is_found() {
    let mut events = events();
    let second_op = events
        .iter()
        .enumerate()
        .filter(|(_, event)| matches!(event, Event::OpAccepted { .. }))
        .nth(1)
        .unwrap()
        .0;
    events.remove(second_op);
    let faults = faults(&events);
    assert!(matches!(faults.first(), Some(Fault::Refused { .. })), "{faults:?}");
}

#[test]
fn a_folder_without_a_log_is_left_as_it_is() {
    let home = TempDir::new().unwrap();
    let error = verify_store(home.path()).unwrap_err();
    assert!(matches!(error, NodeError::NoLog { .. }));
    assert_eq!(error.class(), ExitClass::Other);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
