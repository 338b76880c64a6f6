//! Who wins a slot when writes are struck and come back in one go.

use crate::support::Case;
use folkmoot_core::governance::op::{Body, SlotWrite};
use folkmoot_sim::kit::remove;

fn write(follow: bool) -> Body {
    Body::SlotSet { strict: false, write: SlotWrite::AutoFollow(follow) }
}

/// The removal of B and a write beside it are struck, so that B's write counts again, which covers
/// the owner's.
#[test]
fn k8_a_write_that_comes_back_outdoes_those_it_covers() {
    let (mut case, p, h) = Case::base();
    let root = case.root();
    let first = case.say(p.o, &[h], root, write(true));
    case.say(p.b, &[first], root, write(false));
    let removal = case.say(p.a, &[h], root, remove(p.b));
    case.say(p.a, &[removal], root, write(true));
    case.say(p.o, &[first], root, remove(p.a));
    case.end();
}
