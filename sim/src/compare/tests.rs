use super::*;
use crate::world::Profile;
use folkmoot_core::codec;

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
