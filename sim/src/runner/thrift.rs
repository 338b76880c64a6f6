//! I32: what is sent is in proportion to what is needed.
//!
//! Needed is every op at every node that lacked it. Beside a multiple of that there is a budget for
//! what goes on when nothing happens: beacons, their forwarding, and comparisons of heads; and for
//! nodes that start again, and may have lost what they were sent.

use super::{Invariant, Runner, Violation};
use folkmoot_core::id::NamespaceId;
use folkmoot_core::limits::{BEACON_MS, COMPARE_EVERY_MS};
use std::collections::BTreeSet;

/// How many times what is needed may be sent.
const FACTOR: u64 = 10;
/// A beacon or probe with its signature and some heads, in bytes.
const BEACON_BYTES: u64 = 512;
/// A question for heads and its answer, in bytes.
const COMPARE_BYTES: u64 = 1024;
/// A connection that is made costs so many bytes: challenges, topics, a comparison.
const GREETING_BYTES: u64 = 4096;
/// To how many peers a message is forwarded.
const MESH: u64 = 8;

impl Runner<'_> {
    /// Compares what honest nodes sent with what that was good for.
    pub(super) fn check_thrift(&self, namespace: NamespaceId) -> Result<(), Violation> {
        let honest: BTreeSet<usize> =
            (0..self.world.nodes.len()).filter(|at| self.is_honest(*at)).collect();
        let all = 0..self.world.nodes.len();
        let pairs = honest.iter().flat_map(|from| all.clone().map(move |to| (*from, to)));
        let sent: u64 = pairs.map(|(from, to)| self.world.traffic(from, to).bytes).sum();
        let stored = |at: &usize| self.stored_bytes(*at, namespace);
        let needed: u64 = honest.iter().map(stored).sum();
        let (nodes, ms) = (self.world.nodes.len() as u64, self.world.now());
        let degree = nodes.saturating_sub(1).min(MESH);
        let beacons = nodes * (ms / BEACON_MS + 1) * nodes * degree * BEACON_BYTES;
        let comparisons = nodes * (ms / COMPARE_EVERY_MS + 1) * COMPARE_BYTES;
        let most = honest.iter().map(stored).max().unwrap_or_default();
        let restarts = self.world.starts.saturating_sub(nodes);
        let again = restarts * degree * (GREETING_BYTES + most);
        let budget = beacons + comparisons + self.greetings * GREETING_BYTES + again;
        if sent <= FACTOR * needed + budget {
            return Ok(());
        }
        let what = format!(
            "{sent} bytes were sent in {ms} ms, {needed} were needed, and {budget} are for the rest"
        );
        self.judge(Violation::new(Invariant::I32, &[], what))
    }

    /// Bytes of the ops that a node has.
    fn stored_bytes(&self, at: usize, namespace: NamespaceId) -> u64 {
        let node = self.world.nodes.get(at);
        let node = node.filter(|it| it.state().durable.namespaces.contains_key(&namespace));
        node.map_or(0, |node| node.log().iter().map(|record| record.len() as u64).sum())
    }
}
