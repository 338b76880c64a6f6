//! Answers with stored ops.

use std::sync::mpsc::Receiver;

use folkmoot_core::bounded::{Bounded, Bytes};
use folkmoot_core::input::ExchangeId;
use folkmoot_core::limits::{PAGE_BYTES_MAX, PAGE_OPS_MAX};
use folkmoot_core::record::Stored;
use folkmoot_core::wire::{OpBytes, Refused, Response};

use super::Place;
use crate::net::{self, NetCommand};
use crate::ports::{Bodies, Net};
use crate::store::StoreError;

/// A page to be sent to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTask {
    /// Its request.
    pub exchange: ExchangeId,
    /// Which ops, in order.
    pub ops: Vec<Stored>,
    /// How many ops the whole answer has.
    pub total: u64,
}

impl PageTask {
    /// Reads as many of the ops as fit.
    ///
    /// An op that cannot be read ends the page before it; where it is the first, the peer hears
    /// `Busy`, and asks somebody else.
    pub fn carry_out(self, bodies: &dyn Bodies) -> NetCommand {
        let Self { exchange, ops, total } = self;
        let mut page = Vec::new();
        let mut left = PAGE_BYTES_MAX;
        for (op, body) in ops.iter().zip(bodies.each(&ops)).take(PAGE_OPS_MAX) {
            let Some(body) = readable(op, body) else { break };
            let Some(rest) = left.checked_sub(body.len()) else { break };
            left = rest;
            page.push(body);
        }
        if page.is_empty() && !ops.is_empty() {
            return respond(exchange, &Response::Refused(Refused::Busy));
        }
        respond(exchange, &Response::Ops { ops: Bounded::truncated(page), total })
    }
}

/// The bytes of a stored op; `None`, and an error in the log of the process, where they cannot be
/// had.
pub(super) fn readable(stored: &Stored, body: Result<Vec<u8>, StoreError>) -> Option<OpBytes> {
    match body {
        Ok(body) => Bytes::new(body),
        Err(error) => {
            tracing::error!(op = %stored.op, %error, "the body of a stored op cannot be read");
            None
        }
    }
}

pub(super) fn respond(exchange: ExchangeId, response: &Response) -> NetCommand {
    NetCommand::Respond { exchange: net::ExchangeId(exchange.0), bytes: response.encode() }
}

/// Serves pages until the driver or the network is gone.
pub fn run(waiting: &Receiver<(PageTask, Place)>, bodies: &dyn Bodies, net: &dyn Net) {
    for (task, place) in waiting {
        if net.send(task.carry_out(bodies)).is_err() {
            return;
        }
        drop(place);
    }
}

#[cfg(test)]
mod tests {
    use folkmoot_core::codec;
    use folkmoot_core::id::NamespaceId;
    use folkmoot_core::key::Signature;
    use folkmoot_core::record;
    use folkmoot_core::signed::SignedOp;

    use super::*;
    use crate::ports::memory::MemoryLog;

    /// A log of records of ops of so many bytes, as far as a reader of ops looks at them.
    fn log_of(count: usize, bytes: usize) -> (MemoryLog, Vec<Stored>) {
        let log = MemoryLog::default();
        let payload_bytes = bytes.checked_sub(4 + 64).unwrap();
        let store = |record| {
            let mut payload = vec![7; payload_bytes];
            payload[..8].copy_from_slice(&u64::to_le_bytes(record));
            let op = SignedOp { payload, signature: Signature([0; 64]) };
            let accepted = (record::SCHEMA, 2_u8, NamespaceId::default(), op.clone());
            log.with(|rows| rows.records.push(codec::encode(&accepted)));
            Stored { op: op.id(), record }
        };
        let ops = (1..=count as u64).map(store).collect();
        (log, ops)
    }

    fn answer(log: &MemoryLog, ops: Vec<Stored>, total: u64) -> Response {
        let task = PageTask { exchange: ExchangeId(5), ops, total };
        let NetCommand::Respond { exchange: net::ExchangeId(5), bytes } = task.carry_out(log)
        else {
            panic!("not an answer to the request")
        };
        Response::decode(&bytes).unwrap()
    }

    fn count_and_total(response: &Response) -> (usize, u64) {
        let Response::Ops { ops, total } = response else { panic!("{response:?}") };
        (ops.len(), *total)
    }

    #[test]
    fn a_page_holds_what_fits_in_bytes_and_in_number() {
        let (log, ops) = log_of(20, 60_000);
        assert_eq!(count_and_total(&answer(&log, ops.clone(), 20)), (15, 20));
        assert_eq!(count_and_total(&answer(&log, ops[..15].to_vec(), 99)), (15, 99));
        let (log, ops) = log_of(PAGE_OPS_MAX + 1, 100);
        assert_eq!(count_and_total(&answer(&log, ops, 600)), (PAGE_OPS_MAX, 600));
        assert_eq!(count_and_total(&answer(&log, vec![], 0)), (0, 0));
    }

    #[test]
    fn an_op_that_is_gone_ends_the_page_before_it() {
        let (log, ops) = log_of(3, 100);
        log.with(|rows| rows.records[1] = rows.records[0].clone());
        assert_eq!(count_and_total(&answer(&log, ops.clone(), 3)), (1, 3));
        let rest = answer(&log, ops[1..].to_vec(), 2);
        assert_eq!(rest, Response::Refused(Refused::Busy));
    }
}
