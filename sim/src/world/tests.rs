//! The generator is deterministic, and reaches what it is there for.

use super::*;
use crate::oracle::VoidReason;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::verdict::VoidAtCut;

#[test]
fn a_seed_is_a_world() {
    for profile in Profile::ALL {
        let ids = |world: World| world.ops.iter().map(|op| op.id).collect::<Vec<_>>();
        assert_eq!(ids(World::generate(5, profile)), ids(World::generate(5, profile)));
        assert_ne!(ids(World::generate(5, profile)), ids(World::generate(6, profile)));
    }
}

#[test]
fn orders_are_causal_and_complete() {
    let world = World::generate(7, Profile::Mixed);
    for order in world.orders(1, 20) {
        let mut known = BTreeSet::new();
        for at in order {
            let op = &world.ops[at];
            assert!(op.payload.parents.iter().all(|id| known.contains(id)));
            known.insert(op.id);
        }
        assert_eq!(known, world.oracle.all());
    }
}

/// What happened to the ops of a world, by the name of the rule.
fn marks(world: &World) -> BTreeSet<String> {
    let now = world.oracle.now();
    let mut marks: BTreeSet<String> =
        world.ops.iter().map(|op| op.payload.body.name().to_owned()).collect();
    // The name of a variant, without what it says beside it.
    let name = |debug: String| debug.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
    for reason in now.void.values() {
        marks.insert(match reason {
            VoidReason::AtCut(VoidAtCut::NotAuthorised(why)) => name(format!("{why:?}")),
            VoidReason::AtCut(VoidAtCut::Precondition(what)) => name(format!("{what:?}")),
            VoidReason::AtCut(void) => name(format!("{void:?}")),
            reason @ (VoidReason::Auth(_)
            | VoidReason::Struck { .. }
            | VoidReason::InvitationSpent { .. }
            | VoidReason::SlotLost { .. }) => name(format!("{reason:?}")),
        });
        if let VoidReason::Struck { by } = reason {
            let bodies = by.iter().filter_map(|id| world.oracle.op(*id));
            marks.extend(bodies.map(|op| format!("struck by {}", op.payload.body.name())));
        }
    }
    for (_, verdict) in &world.refused {
        if let Admission::Drop(dropped) = verdict {
            marks.insert(name(format!("{dropped:?}")));
        }
    }
    let is_dormant = |id: &OpId| !now.visible.contains(id);
    let named = [
        ("skipped", !now.skipped.is_empty()),
        ("slot losers", !now.losers.is_empty()),
        ("three anchors", now.anchors.len() > 2),
        ("dormant", world.ops.iter().any(|op| is_dormant(&op.id))),
        ("idle", now.effective.iter().any(is_dormant)),
        ("denied", now.rows.values().any(|rows| rows.keys().any(is_denied))),
        ("equivocation", equivocates(world)),
        ("handover", now.anchors.iter().any(|id| hands_over(world, *id))),
        ("deleted", now.tree.len() < creations(world, &now.effective)),
        ("revived", is_revived(world)),
    ];
    marks
        .extend(named.iter().filter(|(_, happened)| *happened).map(|(mark, _)| (*mark).to_owned()));
    marks
}

fn is_denied(row: &crate::oracle::RowKey) -> bool {
    matches!(row, crate::oracle::RowKey::Denied(..))
}

fn equivocates(world: &World) -> bool {
    let signed: BTreeSet<_> =
        world.ops.iter().map(|op| (op.payload.signer, op.payload.nonce)).collect();
    signed.len() < world.ops.len()
}

fn hands_over(world: &World, anchor: OpId) -> bool {
    let op = world.oracle.op(anchor);
    op.is_some_and(|op| matches!(op.payload.body, Body::Anchor { notary: Some(_), .. }))
}

fn creations(world: &World, effective: &BTreeSet<OpId>) -> usize {
    let creates = |op: &Op| matches!(op.payload.body, Body::GroupCreated { .. });
    1 + world.ops.iter().filter(|op| creates(op) && effective.contains(&op.id)).count()
}

/// Whether some op was void in a prefix of the world and is effective in the whole.
fn is_revived(world: &World) -> bool {
    let now = world.oracle.now();
    let mut prefix = BTreeSet::new();
    world.ops.iter().any(|op| {
        prefix.insert(op.id);
        let then = world.oracle.effect(&prefix);
        then.void.keys().any(|id| now.effective.contains(id))
    })
}

const MARKS: [&str; 63] = [
    // Section 2.
    "NamespaceCreated",
    "GroupCreated",
    "GroupMoved",
    "GroupDeleted",
    "Anchor",
    "Noop",
    "MemberAdded",
    "MemberRestricted",
    "MemberLeft",
    "MemberJoined",
    "InvitationRevoked",
    "ContextRegistered",
    "VisibilitySet",
    "DefaultRightsSet",
    "MetadataSet",
    "AutoFollowSet",
    "PolicySet",
    "TargetApplicationSet",
    "UpgradePolicySet",
    "MigrationSet",
    "ContextDetached",
    "ContextRightsSet",
    // A4 to A8, without A4 itself: no author of this generator sorts wrongly.
    "RefusedParent",
    "RelatedParents",
    "Nonce",
    "Stranger",
    // A9 to A12.
    "StateHashMismatch",
    "Signer",
    "Inviter",
    "Invitation",
    "Frontier",
    "UsedUp",
    "Revoked",
    "Removed",
    "Left",
    "NotNotary",
    "NotSenior",
    "NothingToTake",
    "TooDeep",
    "Circle",
    "Root",
    "NothingAdded",
    "NoSuchContext",
    "NotRoot",
    "NotOwner",
    "NoSuchGroup",
    // Section 5.
    "Auth",
    "Struck",
    "struck by MemberRestricted",
    "struck by MemberLeft",
    "struck by GroupMoved",
    "InvitationSpent",
    "SlotLost",
    "skipped",
    "slot losers",
    "three anchors",
    "dormant",
    "idle",
    "denied",
    "equivocation",
    "handover",
    "deleted",
    "revived",
];

#[test]
fn every_rule_is_reached() {
    let mut left: BTreeSet<&str> = MARKS.into_iter().collect();
    let worlds = (0..200).flat_map(|seed| Profile::ALL.map(|profile| (seed, profile)));
    for (seed, profile) in worlds {
        for mark in marks(&World::generate(seed, profile)) {
            if left.remove(mark.as_str()) && std::env::var_os("FOLKMOOT_MARKS").is_some() {
                println!("{seed} {profile:?} {mark}");
            }
        }
        if left.is_empty() {
            return;
        }
    }
    panic!("never seen: {left:?}");
}
