//! What a villain does with the key of its own member. It cannot forge the signature of another.

use super::bodies::body;
use super::{Runner, author};
use crate::cluster::START_UNIX_MS;
use crate::kit::{Author, create, flip};
use crate::scenario::{Deed, Harm};
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::codec;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject};
use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::{GroupId, NamespaceId, OpId};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::signed::SignedOp;
use folkmoot_core::state::Namespace;
use folkmoot_core::statement::{Ack, AckOutcome, Beacon, HeadSummary, Tier};
use folkmoot_core::time::UnixMillis;
use folkmoot_core::wire::{Gossip, OpBytes, Request};
use folkmoot_effects::ports::Bodies as _;

/// Ops that are replayed at once.
const REPLAYED: u32 = 8;
/// Seeds of the keys of people whom nobody knows begin here.
const STRANGERS: u64 = 1 << 56;

impl Runner<'_> {
    /// Has a node do harm once.
    pub(super) fn harm(&mut self, at: usize, harm: Harm) {
        let Some(namespace) = self.namespace else { return };
        match harm {
            Harm::Equivocate => self.equivocate(at),
            Harm::Backdate => self.backdate(at),
            Harm::WrongHash => {
                let Some(payload) = self.draft(at) else { return };
                self.say_op(at, &author(at).seal(&Payload { state_hash: [0xaa; 32], ..payload }));
            }
            Harm::Flood { count } => self.flood(at, count),
            Harm::Replay => {
                for (number, op) in self.stored(at).into_iter().enumerate() {
                    let mut nonce = [0; 16];
                    nonce
                        .iter_mut()
                        .zip((self.world.now() + number as u64).to_le_bytes())
                        .for_each(|(byte, value)| *byte = value);
                    self.world.publish(at, namespace, &Gossip::Again { nonce, op }.encode());
                }
            }
            Harm::Malformed => {
                let bytes = self.world.now().to_le_bytes().repeat(9);
                self.world.publish(at, namespace, &bytes);
            }
            Harm::Mutate { bit } => self.mutate(at, namespace, bit),
            Harm::Beacon => self.beacon(at),
            Harm::Ack => self.ack(at),
            Harm::Ask { count } => {
                (0..self.world.nodes.len()).for_each(|to| self.ask_often(at, to, count));
            }
            Harm::Force { group, deed } => self.force(at, usize::from(group), deed),
            Harm::Fork { count } => self.fork(at, count),
            Harm::Nonce { nonce } => {
                let Some(payload) = self.draft(at) else { return };
                self.say_op(at, &author(at).seal(&Payload { nonce, ..payload }));
            }
            Harm::Related => self.cite_related(at),
            Harm::Child => {
                let Some(payload) = self.draft(at) else { return };
                let parent = author(at).seal(&Payload { nonce: u64::MAX, ..payload.clone() });
                let parents = Bounded::truncated(vec![parent.id()]);
                self.say_op(at, &parent);
                self.say_op(at, &author(at).seal(&Payload { parents, ..payload }));
            }
            Harm::Newer => self.say_newer(at, 1),
            Harm::Newers { count } => self.say_newer(at, count),
            Harm::Strangers { count } => self.say_strange(at, count, true),
            Harm::Intruders { count } => self.say_strange(at, count, false),
            Harm::Foreign => {
                let genesis = author(at).found(&[&author(at)], [9; 16]);
                self.say_op(at, &genesis.signed);
            }
            Harm::Anchors => self.anchor_twice(at),
            Harm::Omit => self.anchor_little(at),
            Harm::Early => self.anchor_early(at),
            Harm::Forge { forgery } => self.forge(at, forgery),
        }
    }

    /// Signs at a cut of long ago, with what belongs there.
    fn backdate(&mut self, at: usize) {
        let graph = self.known(at).map(|known| known.space.graph());
        let Some(graph) = graph.filter(|graph| !graph.is_empty()) else { return };
        let old = graph.node(Ix(graph.len() / 3)).id;
        self.forge_at(at, &[old], create());
    }

    /// Publishes an op of which a bit is another.
    fn mutate(&mut self, at: usize, namespace: NamespaceId, bit: u16) {
        let Some(mut op) = self.stored(at).pop().map(Bytes::into_vec) else { return };
        flip(&mut op, bit);
        self.world.publish(at, namespace, &Gossip::Op(Bytes::truncated(op)).encode());
    }

    /// Cites a head, and a parent of that.
    fn cite_related(&mut self, at: usize) {
        let (Some(payload), Some(known)) = (self.draft(at), self.known(at)) else { return };
        let graph = known.space.graph();
        let head = payload.parents.first().and_then(|head| graph.find(head));
        let Some(head) = head.map(|head| graph.node(head)) else { return };
        let above = head.parents.first().map(|above| graph.node(*above).id);
        let mut parents: Vec<OpId> = above.into_iter().chain([head.id]).collect();
        parents.sort_unstable();
        let parents = Bounded::truncated(parents);
        self.say_op(at, &author(at).seal(&Payload { parents, ..payload }));
    }

    /// Signs whatever it likes at its heads.
    fn force(&mut self, at: usize, group: usize, deed: Deed) {
        let group = self.target(at, group);
        let (Some(group), Some(body)) = (group, body(self, at, deed)) else { return };
        let Some(payload) = self.draft_on(at, group) else { return };
        self.say_op(at, &author(at).seal(&Payload { body, ..payload }));
    }

    /// Signs many ops with one nonce: names for itself, which everybody may give.
    fn fork(&mut self, at: usize, count: u16) {
        let (Some(payload), Some(key)) = (self.draft(at), Text::new("name")) else { return };
        for number in 0..count {
            let (subject, key) = (Subject::Member(author(at).id), key.clone());
            let value = Bytes::truncated(number.to_le_bytes().to_vec());
            let write = SlotWrite::Metadata { subject, key, value };
            let body = Body::SlotSet { strict: false, write };
            self.say_op(at, &author(at).seal(&Payload { body, ..payload.clone() }));
        }
    }

    /// Signs ops of rules to come, with nonces that differ from the second one on.
    fn say_newer(&mut self, at: usize, count: u16) {
        let Some(payload) = self.draft(at) else { return };
        for number in 0..count {
            let (rules, nonce) = (RULES_VERSION + 1, payload.nonce + u64::from(number));
            self.say_op(at, &author(at).seal(&Payload { rules, nonce, ..payload.clone() }));
        }
    }

    /// Publishes ops of people whom nobody knows: each has one, at the heads of this node or behind
    /// an op that nobody has.
    fn say_strange(&mut self, at: usize, count: u16, is_nowhere: bool) {
        let Some(payload) = self.draft(at) else { return };
        for number in 0..count {
            let seed = STRANGERS + (self.world.now() << 16) + u64::from(number);
            let stranger = Author::new(seed);
            let nowhere = OpId(*blake3::hash(&seed.to_le_bytes()).as_bytes());
            let parents = if is_nowhere {
                Bounded::truncated(vec![nowhere])
            } else {
                payload.parents.clone()
            };
            let op = Payload { signer: stranger.id, nonce: 1, parents, ..payload.clone() };
            self.say_op(at, &stranger.seal(&op));
        }
    }

    pub(super) fn known(&self, at: usize) -> Option<&Namespace> {
        let node = self.world.nodes.get(at)?;
        node.state().durable.namespaces.get(&self.namespace?)
    }

    /// What the node would sign next, if it were honest.
    pub(super) fn draft(&self, at: usize) -> Option<Payload> {
        self.draft_on(at, self.namespace?.root())
    }

    fn draft_on(&self, at: usize, group: GroupId) -> Option<Payload> {
        let (known, namespace) = (self.known(at)?, self.namespace?);
        let person = known.space.graph().person(&author(at).id)?;
        let next = known.space.next_op(&mut Cuts::default(), person, group);
        Some(Payload {
            rules: RULES_VERSION,
            namespace,
            group,
            signer: author(at).id,
            nonce: next.nonce,
            parents: Bounded::truncated(next.parents),
            state_hash: next.state_hash,
            body: Body::Noop,
        })
    }

    fn equivocate(&mut self, at: usize) {
        let (Some(namespace), Some(payload)) = (self.namespace, self.draft(at)) else { return };
        let other = Payload { body: create(), ..payload.clone() };
        let ops = [payload, other].map(|payload| author(at).seal(&payload));
        self.say_apart(at, namespace, &ops);
    }

    /// Half of those who are connected hear of each op.
    pub(super) fn say_apart(&mut self, at: usize, namespace: NamespaceId, ops: &[SignedOp]) {
        let ops: Vec<Vec<u8>> =
            ops.iter().map(|op| Gossip::Op(Bytes::truncated(codec::encode(op))).encode()).collect();
        for (to, op) in (0..self.world.nodes.len()).zip(ops.iter().cycle()) {
            if self.world.is_linked(at, to) {
                self.world.whisper(at, to, namespace, op);
            }
        }
    }

    fn flood(&mut self, at: usize, count: u16) {
        let Some(payload) = self.draft(at) else { return };
        for number in 0..count {
            let nowhere =
                *blake3::hash(&[self.world.now(), number.into()].map(u64::to_le_bytes).concat())
                    .as_bytes();
            let parents = Bounded::truncated(vec![OpId(nowhere)]);
            let orphan = Payload { parents, ..payload.clone() };
            self.say_op(at, &author(at).seal(&orphan));
        }
    }

    pub(super) fn say_op(&mut self, at: usize, op: &SignedOp) {
        let Some(namespace) = self.namespace else { return };
        let bytes = codec::encode(op);
        let gossip = Gossip::Op(Bytes::truncated(bytes.clone())).encode();
        self.forged.insert(op.id(), bytes);
        self.world.publish(at, namespace, &gossip);
    }

    /// The last ops that the node has stored.
    fn stored(&self, at: usize) -> Vec<OpBytes> {
        let (Some(known), Some(node)) = (self.known(at), self.world.nodes.get(at)) else {
            return Vec::new();
        };
        let graph = known.space.graph();
        let last = graph.len().saturating_sub(REPLAYED)..graph.len();
        last.filter_map(|ix| Bytes::new(node.disk.body(&graph.stored(Ix(ix))).ok()?)).collect()
    }

    fn beacon(&mut self, at: usize) {
        let Some(namespace) = self.namespace else { return };
        let beacon = Beacon {
            namespace,
            member: author(at).id,
            boot: [0xbb; 16],
            sequence: self.world.now(),
            heads: HeadSummary::of(&[OpId([0xdd; 32])]),
            ops: u64::MAX,
            state_root: [0xee; 32],
            tier: Tier::Validated,
            sent_at: UnixMillis(self.unix_ms()),
        };
        let beacon = author(at).attest(beacon);
        self.world.publish(at, namespace, &Gossip::Beacon(Box::new(beacon)).encode());
    }

    /// What a clock says that is right in this world.
    fn unix_ms(&self) -> u64 {
        (START_UNIX_MS + self.world.now()).saturating_add_signed(self.shift_ms)
    }

    fn ack(&mut self, at: usize) {
        let Some(namespace) = self.namespace else { return };
        for to in 0..self.world.nodes.len() {
            let Some(known) = self.known(to) else { continue };
            let Some(op) = known.space.heads().first().copied() else { continue };
            let outcome = AckOutcome::Applied;
            let ack = author(at).attest(Ack { namespace, op, outcome, member: author(at).id });
            self.world.ask_as(at, to, &Request::Ack(ack).encode());
        }
    }
}
