//! A node that hears what another one writes: additions to a group, whose size stays the same.

use super::crowd::Crowd;
use super::node::Node;
use folkmoot_core::codec;
use folkmoot_core::signed::{Op, Verified};

/// Ops in a round; so many members come, and go before the next one.
pub(super) const ROUND_OPS: usize = 64;

/// The two nodes, and the ops of a round.
pub(super) struct Listener {
    author: Crowd,
    /// Has not heard the ops yet.
    pub(super) node: Node,
    /// The ops, signed.
    pub(super) ops: Vec<Verified<Op>>,
    /// Their bytes.
    pub(super) wire: Vec<Vec<u8>>,
}

impl Listener {
    /// A listener in a group of so many members.
    pub(super) fn among(members: usize) -> Self {
        let (author, node) = Crowd::with_listener(members);
        Self { author, node, ops: Vec::new(), wire: Vec::new() }
    }

    /// Takes the members of the last round out, here and on other nodes, and writes the ops of
    /// the next.
    pub(super) fn refill(&mut self, others: &mut [&mut Node]) {
        for op in self.author.undo(&self.ops) {
            for other in others.iter_mut() {
                other.hear(op.clone());
            }
            self.node.hear(op);
        }
        self.ops = self.author.sign_additions(ROUND_OPS);
        self.wire = self.ops.iter().map(|op| codec::encode(&op.signed)).collect();
    }

    /// Asserts that the author, this node and others know the same.
    pub(super) fn check(&self, others: &[&Node]) {
        let there = self.author.space();
        for here in others.iter().chain([&&self.node]).map(|node| node.space()) {
            assert_eq!(here.graph().len(), there.graph().len());
            assert_eq!(here.view().state_root(), there.view().state_root());
        }
    }
}
