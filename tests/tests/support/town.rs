//! A cluster in which every node takes part in the namespace of a stage.

use super::wire;
use folkmoot_core::command::{Command, CommandId, Delivery, Outcome};
use folkmoot_core::event::Event;
use folkmoot_core::governance::op::Body;
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::query::{NamespaceView, Standing};
use folkmoot_core::readiness::State;
use folkmoot_core::record;
use folkmoot_core::signed::{Op, Verified, verify};
use folkmoot_core::statement::{Beacon, HeadSummary, Tier};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::Gossip;
use folkmoot_sim::cluster::{Cluster, START_UNIX_MS};
use folkmoot_sim::kit::{Author, Stage, copied, person};

pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: NamespaceId,
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
        let cluster = Cluster::new(count + guests);
        let mut town = Self { cluster, namespace, messages: 1 << 32 };
        for at in 0..count {
            town.settle(at, person(at));
            for op in &stage.log {
                town.deliver(at, op);
            }
        }
        town.cluster.run(1_000);
        town.agree();
        town
    }

    /// Has a node take part as `member`, from nothing.
    pub(crate) fn settle(&mut self, at: usize, member: &Author) {
        self.cluster.give_key(at, member);
        let opened = Event::NamespaceOpened { namespace: self.namespace, me: member.id };
        self.cluster.restore(at, vec![record::encode(&opened)]);
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

    /// [`Town::deliver`] of an op of the kit, whose signature is not looked at again.
    pub(crate) fn hear(&mut self, at: usize, op: &Verified<Op>) {
        self.messages += 1;
        let peer = Cluster::peer((at + 1) % self.cluster.nodes.len());
        let (namespace, message) = (self.namespace, MessageId(self.messages));
        let heard = Ok(Heard::Op(copied(op)));
        self.cluster.give(at, Input::GossipReceived { message, peer, namespace, heard });
    }

    /// Issues a command on the root group, to be answered later.
    pub(crate) fn wish(&mut self, at: usize, body: Body) -> CommandId {
        let (namespace, group) = (self.namespace, self.namespace.root());
        let delivery = Delivery::default();
        let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
        self.cluster.issue(at, wish)
    }

    /// Writes on the root group and lets `ms` milliseconds pass.
    pub(crate) fn govern(&mut self, at: usize, body: Body, ms: u64) -> OpId {
        let before = self.view(at).ops;
        self.wish(at, body);
        self.cluster.run(ms);
        assert!(self.view(at).ops > before, "node {at} wrote nothing");
        let known = &self.cluster.nodes[at].state().durable.namespaces[&self.namespace];
        let graph = known.space.graph();
        let me = graph.person(&known.me).unwrap();
        graph.node(graph.last_of(me).unwrap()).id
    }

    /// How the command of a node ended.
    pub(crate) fn outcome(&mut self, at: usize, command: CommandId) -> Option<Outcome> {
        self.cluster.outcome(at, command)
    }

    pub(crate) fn view(&self, at: usize) -> NamespaceView {
        self.cluster.nodes[at].state().namespace(&self.namespace).unwrap()
    }

    pub(crate) fn has(&self, at: usize, op: OpId) -> bool {
        self.standing(at, op).is_some()
    }

    pub(crate) fn standing(&self, at: usize, op: OpId) -> Option<Standing> {
        self.cluster.nodes[at].state().op(&self.namespace, &op).map(|op| op.standing)
    }

    pub(crate) fn readiness(&self, at: usize) -> State {
        self.cluster.nodes[at].readiness(&self.namespace).unwrap()
    }

    /// Questions that went from one node to another so far.
    pub(crate) fn questions(&self, from: usize, to: usize) -> u64 {
        self.cluster.traffic(from, to).questions
    }

    /// What `member` would say if it had what node `at` has: a beacon of now, of another boot than
    /// any node's.
    pub(crate) fn beacon(&self, at: usize, member: &Author, sequence: u64) -> Beacon {
        let view = self.view(at);
        Beacon {
            namespace: self.namespace,
            member: member.id,
            boot: [0xbb; 16],
            sequence,
            heads: HeadSummary::of(&view.heads),
            ops: view.ops,
            state_root: view.state_root,
            tier: Tier::Validated,
            sent_at: UnixMillis(START_UNIX_MS + self.cluster.now()),
        }
    }

    /// Sends something on the topic from one node to another.
    pub(crate) fn whisper(&mut self, from: usize, to: usize, gossip: &Gossip) {
        self.cluster.whisper(from, to, self.namespace, &gossip.encode());
    }

    /// Every node that takes part has the same heads and root, and waits for nothing.
    pub(crate) fn agree(&self) {
        let view = |view: NamespaceView| (view.heads, view.state_root, view.pending);
        for (at, node) in self.cluster.nodes.iter().enumerate() {
            if let Some(theirs) = node.state().namespace(&self.namespace) {
                assert_eq!(view(theirs), view(self.view(0)), "nodes {at} and 0");
            }
        }
        assert_eq!(self.view(0).pending, 0);
    }
}
