//! What stands on the disk: records, snapshots, recordings, marks, exports.

use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::event::Event;
use folkmoot_core::evolve::evolve;
use folkmoot_core::id::OpId;
use folkmoot_core::record;
use folkmoot_core::snapshot;
use folkmoot_core::state::Durable;
use folkmoot_effects::decoders;
use folkmoot_runtime::commands::export::{MAGIC, OpsFile};

/// A record of the log, folded into an empty state where it is one.
pub fn record(bytes: &[u8]) {
    let _ = record::op_bytes(bytes, &OpId([7; 32]));
    let Ok(event) = record::decode(bytes) else { return };
    assert_eq!(record::encode(&event), bytes);
    if let Event::OpAccepted { op, .. } = &event {
        let inside = record::op_bytes(bytes, &op.id);
        assert_eq!(inside, Ok(&folkmoot_core::codec::encode(&op.signed)[..]));
    }
    let mut durable = Durable::default();
    evolve(&mut durable, &event);
    assert_eq!(durable.records, 1);
}

/// A saved state: what can be read is saved again as what can be read.
pub fn snapshot(bytes: &[u8]) {
    let _ = decoders::snapshot_body(bytes);
    let Ok(state) = snapshot::load(bytes) else { return };
    if !state.is_settled() {
        return;
    }
    let saved = snapshot::save(&state);
    let again = snapshot::load(&saved).map(|state| snapshot::save(&state));
    assert_eq!(again.as_ref(), Ok(&saved), "what was saved is read as something else");
}

/// A file of a recording, and a step of one.
pub fn recording(bytes: &[u8]) {
    let _ = decoders::recorded_steps(bytes);
    // A checksum keeps all other bytes out: with the right one, as a header and as a step.
    let (head, step) = bytes.split_at(bytes.len() / 2);
    let _ = decoders::recorded_steps(&decoders::recording(&[head, step]));
    if let Some(again) = decoders::recorded_step(bytes) {
        assert_eq!(decoders::recorded_step(&again), Some(again));
    }
}

/// A mark of the log, and a row of its table.
pub fn marks(bytes: &[u8]) {
    if let Some(again) = decoders::mark(bytes) {
        assert_eq!(again, bytes);
    }
    if let Some(again) = decoders::log_row(bytes) {
        assert_eq!(again, bytes);
    }
}

/// A file of an export, as it is and with the checksum that fits it.
pub fn export(bytes: &[u8]) {
    for file in [bytes.to_vec(), whole(bytes)] {
        if let Ok(read) = OpsFile::decode(&file) {
            assert_eq!(read.encode(), file);
        }
    }
}

/// The content of an export in its frame.
fn whole(content: &[u8]) -> Vec<u8> {
    let mut file = [MAGIC, content].concat();
    let check = digest(Domain::Checksum, &file);
    file.extend_from_slice(&check);
    file
}
