//! Whatever happened before: nodes that stay connected come to the same.

extern crate std;

use crate::input::Input;
use crate::sync::Verdict;
use crate::testing::web::{Web, peer};
use alloc::vec::Vec;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn net_42_random_histories_of_several_authors_meet(
        acts in vec((0_u8..5, 0_usize..3, 0_usize..3, 1_usize..30), 1..14),
    ) {
        let (mut web, namespace) = Web::new(3, 10);
        for (kind, a, b, count) in acts {
            match kind {
                0..=2 => web.write(a, namespace, count),
                3 if a != b => {
                    web.connect(a, b, namespace);
                    web.run(count as u64 * 3);
                    for (at, other) in [(a, b), (b, a)] {
                        web.give(at, Input::PeerDisconnected { peer: peer(other) });
                    }
                }
                _ => web.restart(a),
            }
        }
        for (a, b) in [(0, 1), (1, 2)] {
            web.connect(a, b, namespace);
        }
        web.run(90_000);
        for at in 1..3 {
            prop_assert_eq!(web.heads(at, namespace), web.heads(0, namespace));
        }
        for (at, with) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
            let verdicts = web.verdicts(at, with);
            let is_end = matches!(verdicts.last(), Some(Verdict::InSync { .. }));
            prop_assert!(is_end, "{:?}", verdicts);
            prop_assert!(web.nodes[at].charged.is_empty());
        }
    }

    #[test]
    fn net_43_lost_messages_cost_time_and_nothing_else(
        losses in vec((0_usize..2, 0_u64..3000, any::<bool>()), 0..8),
        counts in vec(0_usize..200, 2),
    ) {
        let (mut web, namespace) = Web::new(2, 10);
        for (at, count) in counts.iter().enumerate() {
            web.write(at, namespace, *count);
        }
        web.connect(0, 1, namespace);
        for (at, ms, both) in losses {
            web.silent.insert((at, 1 - at));
            if both {
                web.silent.insert((1 - at, at));
            }
            web.run(ms);
            web.silent.clear();
            web.run(7);
        }
        web.run(180_000);
        prop_assert_eq!(web.heads(0, namespace), web.heads(1, namespace));
        let pending: Vec<usize> = (0..2)
            .map(|at| web.nodes[at].state.volatile.desks[&namespace].pending.len())
            .collect();
        prop_assert_eq!(pending, [0, 0]);
    }
}
