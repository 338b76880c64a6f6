use super::*;
use crate::kit::{Stage, add, create, person, remove, restrict};
use crate::world::Profile;
use folkmoot_core::codec;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::GroupId;

/// Owner O, admin Q senior to admin P, member M of the root; and the last op.
fn base() -> (Stage, OpId) {
    let [o, q, p, m] = [0, 1, 2, 3].map(person);
    let mut stage = Stage::found(&[o]);
    let mut head = stage.genesis();
    for (who, rights) in [(q, Rights::ADMIN), (p, Rights::ADMIN), (m, Rights::MEMBER)] {
        head = stage.say(o, &[head], stage.root(), add(who, rights));
    }
    (stage, head)
}

/// Engine and oracle agree on all that was said, in several orders of arrival.
fn agree(stage: Stage) {
    let Stage { oracle, log: ops, .. } = stage;
    let world = World { seed: 0, profile: Profile::Mixed, ops, refused: Vec::new(), oracle };
    compare(&world, 12, &mut Covered::default()).unwrap();
}

/// L's op knows of the move, but not that it has effect: when the removal of the mover is void, so
/// is what L did by the authority that the group was moved away from.
#[test]
fn d11_a_move_that_was_dead_at_the_cut_detaches_when_it_comes_back() {
    let (mut stage, head) = base();
    let [o, q, p, l] = [0, 1, 2, 4].map(person);
    let root = stage.root();
    let above = stage.say(o, &[head], root, create());
    let group = stage.say(o, &[above], above.into(), create());
    let local = stage.say(o, &[group], above.into(), add(l, Rights::ADMIN));
    let group = GroupId::from(group);
    let moves = stage.say(p, &[local], group, Body::GroupMoved { new_parent: root });
    let removal = stage.say(q, &[local], root, remove(p));
    let act = stage.say(l, &[moves, removal], group, Body::Noop);
    assert!(!stage.is_effective(moves) && stage.is_effective(act));
    stage.say(o, &[local], root, remove(q));
    assert!(stage.is_effective(moves) && !stage.is_effective(act));
    assert_eq!(stage.oracle.now().tree.get(&group), Some(&Some(root)));
    agree(stage);
}

/// M shuts himself out while others had left him one right. Beside that he acts by this right and
/// then, knowing of it, leaves himself what others left him: that takes nothing from anybody, and
/// makes no head, although the op beside it is void by what M did to himself.
#[test]
fn r6_a_self_restriction_that_strikes_nothing_itself_is_idle() {
    let (mut stage, h) = base();
    let [p, m] = [2, 3].map(person);
    let root = stage.root();
    let senior = stage.say(p, &[h], root, restrict(m, Rights::READ));
    let leave = stage.say(m, &[h], root, Body::MemberLeft);
    let act = stage.say(m, &[h], root, Body::Noop);
    let idle = stage.say(m, &[act], root, restrict(m, Rights::READ));
    assert!(stage.is_effective(leave) && !stage.is_effective(act) && stage.is_effective(idle));
    assert!(!stage.oracle.now().heads.contains(&idle));
    assert!(stage.oracle.now().heads.contains(&senior));
    agree(stage);
}

/// A void op does not count, and an anchor begins anew.
#[test]
fn d12_ops_since_the_last_anchor_are_counted() {
    let (mut stage, head) = base();
    let [o, q, stranger] = [0, 1, 9].map(person);
    let root = stage.root();
    let (void, _) = stage.attempt(q, &[head], root, remove(stranger));
    let anchor = Body::Anchor { rules: 1, notary: None };
    let last = stage.say(o, &[void], root, anchor);
    let last = stage.say(o, &[last], root, Body::Noop);
    stage.say(o, &[last], root, Body::Noop);
    let (mut space, mut cuts) = (Space::default(), Cuts::default());
    let counts = stage.log.iter().map(|op| {
        space.admit(&mut cuts, op);
        space.since_anchor()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 3, 4, 4, 0, 1, 2]);
}

#[test]
fn i36_what_is_archived_tells_of_no_restart() {
    for (profile, seed) in Profile::ALL.into_iter().zip(900..) {
        let world = World::generate(seed, profile);
        let (mut lasting, mut cuts) = (Space::default(), Cuts::default());
        let (mut restarted, mut other_cuts) = (Space::default(), Cuts::default());
        for (step, op) in world.ops.iter().enumerate() {
            lasting.admit(&mut cuts, op);
            restarted.admit(&mut other_cuts, op);
            let bytes = codec::encode(&lasting.archive());
            assert!(codec::encode(&restarted.archive()) == bytes, "{profile:?} {seed}: {step} ops");
            if step % 5 == 2 {
                restarted = restore(&restarted).unwrap();
                other_cuts = Cuts::default();
                assert!(codec::encode(&restarted.archive()) == bytes, "{profile:?} {seed}: {step}");
            }
        }
    }
}

#[test]
fn a_difference_of_collections_is_told_without_what_they_share() {
    let engine = BTreeMap::from([(1, 'a'), (2, 'b'), (4, 'd')]);
    assert_eq!(same_items("map", &engine, &engine), Ok(()));
    let oracle = BTreeMap::from([(1, 'a'), (2, 'c')]);
    let told = "map: only engine [(2, 'b'), (4, 'd')], only oracle [(2, 'c')]";
    assert_eq!(same_items("map", &engine, &oracle), Err(told.into()));
    let told = "order: engine [1, 2], oracle [2, 1]";
    assert_eq!(same_items("order", &vec![1, 2], &vec![2, 1]), Err(told.into()));
}
