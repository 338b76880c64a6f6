//! Watches what nodes send: I5, and what they have promised.

use super::check::Served;
use super::pulls::is_pull;
use super::secrets::Secrets;
use super::{Invariant, Violation, member};
use crate::cluster::{Cluster, Node, Order};
use folkmoot_core::codec;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::limits::OP_BYTES_MAX;
use folkmoot_core::signed::SignedOp;
use folkmoot_core::statement::HeadSummary;
use folkmoot_core::wire::{Gossip, Request, Response};
use folkmoot_effects::net::NetCommand;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What was seen of the orders of all nodes.
pub(super) struct Watch {
    villains: Rc<BTreeSet<usize>>,
    pub(super) namespace: Option<NamespaceId>,
    /// Ops that each node has said it has.
    pub(super) promised: Vec<BTreeSet<OpId>>,
    /// How much each node said of its own accord.
    pub(super) said: Vec<u64>,
    /// Who asked whom for what it lacks, since that was taken last.
    pub(super) asked: Vec<(usize, usize)>,
    /// Who was answered.
    pub(super) served: Served,
    /// What nobody may send.
    pub(super) secrets: Secrets,
    /// The first violation.
    pub(super) found: Option<Violation>,
}

impl Watch {
    pub(super) fn new(villains: Rc<BTreeSet<usize>>, count: usize) -> Self {
        Self {
            villains,
            namespace: None,
            promised: vec![BTreeSet::new(); count],
            said: vec![0; count],
            asked: Vec::new(),
            served: Served::new((0..count).map(member).collect()),
            secrets: Secrets::of(count + 1),
            found: None,
        }
    }

    /// A node has ordered something.
    pub(super) fn see(&mut self, at: usize, node: &Node, order: &Order) {
        if let Some(said) = self.said.get_mut(at) {
            let is_own =
                matches!(order.command, NetCommand::Publish { .. } | NetCommand::Request { .. });
            *said += u64::from(is_own);
        }
        if let NetCommand::Unsubscribe(_) = order.command {
            self.served.excuse(at);
        }
        if self.found.is_some() {
            return;
        }
        if self.secrets.are_in(content(&order.command)) {
            let what = "a secret key stands in what it sends";
            self.found = Some(Violation::new(Invariant::I37, &[at], what));
            return;
        }
        if self.villains.contains(&at) {
            return;
        }
        let Some(namespace) = self.namespace else { return };
        let Some(known) = node.state().durable.namespaces.get(&namespace) else { return };
        if let NetCommand::Request { peer, bytes, .. } = &order.command
            && Request::decode(bytes).is_ok_and(|question| is_pull(&question, node, namespace))
        {
            self.asked.push((at, Cluster::number_of(*peer)));
        }
        self.found = self.served.see(at, node, namespace, order).err();
        for op in claimed(&order.command) {
            match known.stored(&op) {
                Some(stored) if stored.record <= order.synced => {
                    if let Some(promised) = self.promised.get_mut(at) {
                        promised.insert(op);
                    }
                }
                Some(stored) => {
                    let what = format!(
                        "op {op} of record {} was sent when {} records were synced",
                        stored.record, order.synced
                    );
                    self.found = Some(Violation::new(Invariant::I5, &[at], what));
                }
                None => {
                    let what = format!("op {op} was claimed to be here, and is not stored");
                    self.found = Some(Violation::new(Invariant::I5, &[at], what));
                }
            }
        }
    }
}

/// The bytes that are sent.
fn content(command: &NetCommand) -> &[u8] {
    match command {
        NetCommand::Publish { bytes, .. }
        | NetCommand::Request { bytes, .. }
        | NetCommand::Respond { bytes, .. } => bytes,
        NetCommand::Subscribe(_)
        | NetCommand::Unsubscribe(_)
        | NetCommand::Validate { .. }
        | NetCommand::Refuse { .. }
        | NetCommand::Dial { .. }
        | NetCommand::DialAlways { .. }
        | NetCommand::StopDialing { .. }
        | NetCommand::Disconnect { .. }
        | NetCommand::Block { .. }
        | NetCommand::Unblock { .. }
        | NetCommand::Shutdown => &[],
    }
}

/// The ops that whoever sends this says to have.
fn claimed(command: &NetCommand) -> Vec<OpId> {
    match command {
        NetCommand::Publish { bytes, .. } => match Gossip::decode(bytes) {
            Ok(Gossip::Op(op) | Gossip::Again { op, .. }) => op_id(&op).into_iter().collect(),
            Ok(Gossip::Beacon(beacon)) => match beacon.statement.heads {
                HeadSummary::All(heads) => heads.into_vec(),
                HeadSummary::Many { .. } => Vec::new(),
            },
            Ok(Gossip::Probe { .. }) | Err(_) => Vec::new(),
        },
        NetCommand::Request { bytes, .. } => match Request::decode(bytes) {
            Ok(Request::Heads { heads, .. }) => heads.into_vec(),
            Ok(Request::Fetch { have, .. }) => have.into_vec(),
            Ok(Request::Ack(ack)) if ack.statement.outcome.is_durable() => vec![ack.statement.op],
            Ok(_) | Err(_) => Vec::new(),
        },
        NetCommand::Respond { bytes, .. } => match Response::decode(bytes) {
            Ok(Response::Heads { heads, .. }) => heads.into_vec(),
            Ok(Response::Joined(op)) => op_id(&op).into_iter().collect(),
            Ok(Response::Ops { ops, .. }) => ops.iter().filter_map(|op| op_id(op)).collect(),
            Ok(_) | Err(_) => Vec::new(),
        },
        NetCommand::Subscribe(_)
        | NetCommand::Unsubscribe(_)
        | NetCommand::Validate { .. }
        | NetCommand::Refuse { .. }
        | NetCommand::Dial { .. }
        | NetCommand::DialAlways { .. }
        | NetCommand::StopDialing { .. }
        | NetCommand::Disconnect { .. }
        | NetCommand::Block { .. }
        | NetCommand::Unblock { .. }
        | NetCommand::Shutdown => Vec::new(),
    }
}

fn op_id(bytes: &[u8]) -> Option<OpId> {
    codec::decode::<SignedOp>(bytes, OP_BYTES_MAX).ok().map(|op| op.id())
}
