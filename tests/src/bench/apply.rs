//! One op at our heads, from its bytes to the new root, beside the check of its signature alone.
//!
//! The node remembers those who signed before, as it does for gossip; the yardstick knows nobody.

use super::Options;
use super::listener::{Listener, ROUND_OPS};
use super::measure::{Clock, Trial, measure};
use super::report::{Goal, Report, Row};
use ed25519_zebra::VerificationKey;
use folkmoot_core::digest::{Domain, digest};
use folkmoot_core::key::Signers;
use folkmoot_core::signed::{Op, verify_from};

struct Apply {
    listener: Listener,
    signers: Signers,
    valid_count: usize,
}

impl Trial for Apply {
    fn prepare(&mut self) {
        self.listener.refill(&mut []);
    }

    fn ours(&mut self) {
        let Listener { node, wire, .. } = &mut self.listener;
        for bytes in wire {
            let op = verify_from(&mut self.signers, bytes, node.namespace);
            node.hear(op.expect("it is signed"));
        }
    }

    fn yardstick(&mut self) {
        self.valid_count = self.listener.ops.iter().filter(|op| is_signed(op)).count();
    }

    fn check(&mut self) {
        self.listener.check(&[]);
        assert_eq!(self.valid_count, ROUND_OPS);
    }
}

/// What nobody who receives an op can do without: its digest, and one check by ZIP-215.
fn is_signed(op: &Op) -> bool {
    let id = digest(Domain::Op, &op.signed.payload);
    VerificationKey::try_from(op.payload.signer.0)
        .is_ok_and(|key| key.verify(&op.signed.signature.0.into(), &id).is_ok())
}

/// Groups of 10 to a million members.
pub(super) fn run(options: Options, report: &mut Report) {
    let mut rows = Vec::new();
    for size in options.sizes(&[10, 1_000, 100_000, 1_000_000], &[10, 50]) {
        let (listener, signers) = (Listener::among(size), Signers::default());
        let mut trial = Apply { listener, signers, valid_count: 0 };
        let measured = measure(options, Clock::Cpu, ROUND_OPS, &mut trial);
        let row = Row::new("apply", size, &measured, Goal::RatioAtMost(1.25));
        report.row(&row);
        rows.push(row);
    }
    report.growth("apply", &rows, Goal::RatioAtMost(1.5));
}
