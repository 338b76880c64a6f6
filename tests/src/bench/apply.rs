//! One op at our heads, from its bytes to the new root, beside the check of its signature alone.
//!
//! Like is compared with like. In `apply` both sides remember the points of those who signed
//! before, as a node does for gossip; in `apply cold` neither does, and finds the point of the key
//! for each op, as for the first one that somebody writes.

use super::Options;
use super::listener::{Listener, ROUND_OPS};
use super::measure::{Clock, Trial, measure};
use super::report::{Goal, Report, Row};
use ed25519_zebra::VerificationKey;
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::id::MemberId;
use folkmoot_core::key::Signers;
use folkmoot_core::signed::{Op, verify, verify_from};
use std::collections::BTreeMap;

struct Apply {
    listener: Listener,
    /// `None` where nobody is remembered.
    known: Option<Known>,
    valid_count: usize,
}

/// Who signed before, as either side remembers it.
#[derive(Default)]
struct Known {
    ours: Signers,
    yardstick: BTreeMap<MemberId, VerificationKey>,
}

impl Trial for Apply {
    fn prepare(&mut self) {
        self.listener.refill(&mut []);
    }

    fn ours(&mut self) {
        let Listener { node, wire, .. } = &mut self.listener;
        for bytes in wire {
            let op = match &mut self.known {
                Some(known) => verify_from(&mut known.ours, bytes, node.namespace),
                None => verify(bytes, node.namespace),
            };
            node.hear(op.expect("it is signed"));
        }
    }

    fn yardstick(&mut self) {
        self.valid_count = 0;
        for op in &self.listener.ops {
            let signer = op.payload.signer;
            let point = match &mut self.known {
                Some(known) => *known.yardstick.entry(signer).or_insert_with(|| point_of(signer)),
                None => point_of(signer),
            };
            self.valid_count += usize::from(is_signed(op, &point));
        }
    }

    fn check(&mut self) {
        self.listener.check(&[]);
        assert_eq!(self.valid_count, ROUND_OPS);
    }
}

fn point_of(signer: MemberId) -> VerificationKey {
    VerificationKey::try_from(signer.0).expect("it is a key")
}

/// What nobody who receives an op can do without: its digest, and one check by ZIP-215.
fn is_signed(op: &Op, point: &VerificationKey) -> bool {
    let id = digest(Domain::Op, &op.signed.payload);
    point.verify(&op.signed.signature.0.into(), &id).is_ok()
}

/// Groups of 10 to a million members.
pub(super) fn run(options: Options, report: &mut Report) {
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for size in options.sizes(&[10, 1_000, 100_000, 1_000_000], &[10, 50]) {
        let (listener, known) = (Listener::among(size), Some(Known::default()));
        let mut trial = Apply { listener, known, valid_count: 0 };
        let mut take = |name, trial: &mut Apply| {
            let measured = measure(options, Clock::Cpu, ROUND_OPS, trial);
            let row = Row::new(name, size, &measured, Goal::RatioAtMost(1.25));
            report.row(&row);
            row
        };
        warm.push(take("apply", &mut trial));
        trial.known = None;
        cold.push(take("apply cold", &mut trial));
    }
    report.growth("apply", &warm, Goal::RatioAtMost(1.5));
    report.growth("apply cold", &cold, Goal::RatioAtMost(1.5));
}
