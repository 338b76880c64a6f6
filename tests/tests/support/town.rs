//! A cluster in which every node takes part in the namespace of a stage.

use super::wire;
use folkmoot_core::event::Event;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::query::NamespaceView;
use folkmoot_core::record;
use folkmoot_core::signed::{Op, verify};
use folkmoot_sim::cluster::Cluster;
use folkmoot_sim::kit::{Stage, person};

pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    namespace: NamespaceId,
    messages: u64,
}

impl Town {
    /// `count` nodes, node n with the key of person n, all with what the stage has.
    pub(crate) fn of(stage: &Stage, count: usize) -> Self {
        Self::with_guests(stage, count, 0)
    }

    /// [`Town::of`], and behind them nodes that know of no namespace.
    pub(crate) fn with_guests(stage: &Stage, count: usize, guests: usize) -> Self {
        let namespace = stage.oracle.namespace();
        let mut cluster = Cluster::new(count + guests);
        for at in 0..count {
            cluster.give_key(at, person(at));
            let opened = Event::NamespaceOpened { namespace, me: person(at).id };
            cluster.nodes[at].log.push(record::encode(&opened).bytes);
            cluster.restart(at, 1);
        }
        let mut town = Self { cluster, namespace, messages: 1 << 32 };
        for at in 0..count {
            for op in &stage.log {
                town.deliver(at, op);
            }
        }
        town.cluster.run(1_000);
        town.agree();
        town
    }

    /// Publishes bytes to one node alone, whatever they are, as if the node numbered 1 higher had.
    pub(crate) fn deliver_bytes(&mut self, at: usize, bytes: &[u8]) {
        self.messages += 1;
        let peer = Cluster::peer((at + 1) % self.cluster.nodes.len());
        let (namespace, message) = (self.namespace, MessageId(self.messages));
        let heard = verify(bytes, namespace).map(Heard::Op);
        self.cluster.give(at, Input::GossipReceived { message, peer, namespace, heard });
    }

    pub(crate) fn deliver(&mut self, at: usize, op: &Op) {
        self.deliver_bytes(at, &wire(op));
    }

    pub(crate) fn view(&self, at: usize) -> NamespaceView {
        self.cluster.nodes[at].state.namespace(&self.namespace).unwrap()
    }

    /// Every node that takes part has the same heads and root, and waits for nothing.
    pub(crate) fn agree(&self) {
        let view = |view: NamespaceView| (view.heads, view.state_root, view.pending);
        for (at, node) in self.cluster.nodes.iter().enumerate() {
            if let Some(theirs) = node.state.namespace(&self.namespace) {
                assert_eq!(view(theirs), view(self.view(0)), "nodes {at} and 0");
            }
        }
        assert_eq!(self.view(0).pending, 0);
    }
}
