//! What a disk makes of a log or a snapshot that still reads well: the checksums fit, every record
//! is an event, and what it says is not what was written.
//!
//! So would a bug in what writes or restores them show, or a log by a program with other rules.

use crate::cluster::Damage;
use folkmoot_core::codec;
use folkmoot_core::event::Event;
use folkmoot_core::governance::graph::Deed;
use folkmoot_core::governance::judged::Judged;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::{GrantIx, GroupIx, Ix};
use folkmoot_core::governance::verdict::VoidAtCut;
use folkmoot_core::limits::PARKED_COUNT_MAX;
use folkmoot_core::record;
use folkmoot_core::signed::Op;
use folkmoot_core::snapshot;
use folkmoot_effects::store::Snapshot;

/// The last op that was admitted is void.
pub(super) const MISJUDGE: Damage = Damage(|records, snapshots| {
    snapshots.clear();
    rejudge(records.iter_mut().rev(), |_, judged| {
        let is_one = judged.void.is_none();
        if is_one {
            judged.void = Some(VoidAtCut::NotSenior);
        }
        is_one
    });
});

/// Everything was authorised by the first grant there is.
pub(super) const USURP: Damage = Damage(|records, snapshots| {
    snapshots.clear();
    rejudge(records.iter_mut(), |_, judged| {
        judged.auths.iter_mut().flatten().for_each(|auth| auth.grant = GrantIx(0));
        false
    });
});

/// Whoever was given something is as senior as an owner.
pub(super) const PROMOTE: Damage = Damage(|records, snapshots| {
    snapshots.clear();
    rejudge(records.iter_mut(), |_, judged| {
        judged.tier = 0;
        false
    });
});

/// The last op was written in a tree whose first group hangs on itself.
pub(super) const TWIST: Damage = Damage(|records, snapshots| {
    snapshots.clear();
    let mut has_group = false;
    rejudge(records.iter_mut(), |op, judged| {
        has_group |= judged.void.is_none() && matches!(op.payload.body, Body::GroupCreated { .. });
        false
    });
    rejudge(records.iter_mut().rev().filter(|_| has_group), |op, judged| {
        let is_genesis = matches!(op.payload.body, Body::NamespaceCreated { .. });
        if !is_genesis {
            let first = GroupIx(GroupIx::ROOT.0 + 1);
            judged.tree.parents.push((first, Some(first)));
        }
        !is_genesis
    });
});

/// Many more ops of newer rules were kept than may be.
pub(super) const BLOAT: Damage = Damage(|records, snapshots| {
    snapshots.clear();
    let events = records.iter().filter_map(|record| record::decode(record).ok());
    let namespace = events.into_iter().find_map(|event| {
        if let Event::OpAccepted { namespace, .. } = event { Some(namespace) } else { None }
    });
    let Some(namespace) = namespace else { return };
    for number in 0..=PARKED_COUNT_MAX as u64 {
        let bytes = number.to_le_bytes().to_vec();
        records.push(record::encode(&Event::OpParked { namespace, bytes }));
    }
});

/// The heads in a snapshot lack one.
pub(super) const CAP_HEADS: Damage = Damage(|_, snapshots| {
    if let Some(last) = snapshots.last_mut() {
        cap_heads(last);
    }
});

/// Changes what records say of how their ops were judged, until one was the last to be changed.
fn rejudge<'a>(
    records: impl Iterator<Item = &'a mut Vec<u8>>,
    mut change: impl FnMut(&Op, &mut Judged) -> bool,
) {
    for bytes in records {
        let Ok(Event::OpAccepted { namespace, op, mut judged }) = record::decode(bytes) else {
            continue;
        };
        let is_last = change(&op, &mut judged);
        *bytes = record::encode(&Event::OpAccepted { namespace, op, judged });
        if is_last {
            return;
        }
    }
}

fn cap_heads(saved: &mut Snapshot) {
    let Ok(state) = snapshot::load(&saved.body) else { return };
    for known in state.durable.namespaces.values() {
        let space = &known.space;
        let heads = space.frontier().heads();
        let mut fewer = heads.to_vec();
        let lost = fewer.pop();
        // With no other, it is as if the last op had not been followed.
        if let (Some(lost), true) = (lost, fewer.is_empty()) {
            fewer.extend(below(space, lost));
        }
        let (whole, capped) = (ending(space, heads), ending(space, &fewer));
        let at = saved.body.windows(whole.len()).position(|part| part == whole);
        if let Some(at) = at.filter(|_| !fewer.is_empty()) {
            saved.body.splice(at..at + whole.len(), capped);
        }
    }
}

fn below(space: &Space, head: Ix) -> Option<Ix> {
    let node = space.graph().node(head);
    node.parents.first().copied().filter(|_| node.deed != Deed::Genesis)
}

/// The last parts of a space, as they are saved.
fn ending(space: &Space, heads: &[Ix]) -> Vec<u8> {
    codec::encode(&(heads.to_vec(), space.since_anchor(), space.view().state_root()))
}
