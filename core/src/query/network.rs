//! Answers about what is between nodes: peers, readiness, exchanges, a join under way.

use super::answers::name_of;
use crate::effect::Phase;
use crate::governance::judge::has_standing;
use crate::governance::op::Subject;
use crate::governance::table::Ix;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::publish::OutboxView;
use crate::readiness::{self, Heard};
use crate::state::{Desk, Namespace, State};
use crate::statement::{HeadSummary, Tier};
use crate::sync::Verdict;
use crate::sync::index::{Key, Keyed};
use crate::time::MonoMillis;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What is between this node and the others of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkView {
    /// How ready this node is (NET-13).
    pub readiness: readiness::State,
    /// For how long no other member has confirmed what is here, in milliseconds, where that is too
    /// long (attack 38).
    pub isolated_ms: Option<u64>,
    /// Peers that messages are sent to directly.
    pub mesh: u64,
    /// What nobody else is known to have.
    pub outbox: OutboxView,
    /// How the last exchange ended, with whom, and how long ago, in milliseconds.
    pub last_sync: Option<(PeerKey, Verdict, u64)>,
    /// Whether ops are being fetched.
    pub is_fetching: bool,
    /// Other members that were heard in this run, ascending.
    pub heard: Vec<HeardView>,
    /// A join under way.
    pub join: Option<JoinView>,
}

/// The last beacon of a member, as it compares with what is here now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardView {
    /// Who.
    pub member: MemberId,
    /// Winner of its metadata slot `name`.
    pub name: Option<OpId>,
    /// How it compares.
    pub agreement: Agreement,
    /// How ready it is, by its own word.
    pub tier: Tier,
    /// How long ago it came, in milliseconds.
    pub age_ms: u64,
    /// Whether that is recent enough to count (NET-11).
    pub is_fresh: bool,
}

/// How heads and root of another compare with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The same heads, the same root.
    Agrees,
    /// The same heads, another root.
    Diverged,
    /// Everything that it named is here, and more.
    Behind,
    /// It named something that is not here.
    Ahead,
}

/// A join under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinView {
    /// The phase it is in.
    pub phase: Phase,
    /// How long the finished phases took, in milliseconds.
    pub spent: Vec<(Phase, u64)>,
    /// How much of its time is left, in milliseconds.
    pub left_ms: u64,
    /// Ops received from the partner.
    pub ops: u64,
}

/// What a connected peer is in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Which.
    pub namespace: NamespaceId,
    /// The member that it proved to be.
    pub member: Option<MemberId>,
    /// Winner of that member's metadata slot `name`.
    pub name: Option<OpId>,
    /// Whether that member has rights there, by what is known here.
    pub has_standing: bool,
    /// How long the proof took, in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// The last beacon of that member.
    pub heard: Option<HeardView>,
}

/// One namespace as two nodes compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummitView {
    /// Heads, ascending.
    pub heads: Vec<OpId>,
    /// Root over all groups.
    pub state_root: [u8; 32],
    /// Every stored op, in the order of their arrival.
    pub ops: Vec<Key>,
}

impl Keyed for Vec<Key> {
    fn count(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn key(&self, ix: Ix) -> Key {
        let key = self.get(ix.0 as usize);
        key.copied().unwrap_or(Key { generation: u64::MAX, id: OpId([0xff; 32]) })
    }
}

impl State {
    /// What is between this node and the others of a namespace that it takes part in.
    pub fn network(&self, namespace: &NamespaceId, now: MonoMillis) -> Option<NetworkView> {
        let (known, desk) = self.open(namespace)?;
        let here = Here::new(namespace, known, now);
        let last = desk.syncing.last();
        let others = desk.readiness.all_heard().filter(|(member, _)| *member != known.me);
        Some(NetworkView {
            readiness: desk.readiness.state(),
            isolated_ms: desk.readiness.isolated_ms(now),
            mesh: desk.publishing.mesh,
            outbox: self.outbox(namespace, now)?,
            last_sync: last.map(|last| (last.peer, last.verdict.clone(), now.since(last.at))),
            is_fetching: desk.syncing.is_fetching(),
            heard: others.map(|(member, heard)| here.heard(member, heard)).collect(),
            join: desk.joining.as_ref().map(|joining| JoinView {
                phase: joining.phases.now,
                spent: joining.phases.spent().to_vec(),
                left_ms: joining.deadline.since(now),
                ops: joining.pull.ops,
            }),
        })
    }

    /// What each connected peer is in the namespaces that both take part in.
    pub fn peers(&self, now: MonoMillis) -> BTreeMap<PeerKey, Vec<TopicView>> {
        let peers = self.volatile.peers.keys();
        let mut found: BTreeMap<_, Vec<_>> = peers.map(|peer| (*peer, Vec::new())).collect();
        for namespace in self.durable.namespaces.keys() {
            let Some((known, desk)) = self.open(namespace) else { continue };
            let here = Here::new(namespace, known, now);
            for (peer, topics) in &self.volatile.peers {
                if let Some(of_peer) = found.get_mut(peer).filter(|_| topics.contains(namespace)) {
                    of_peer.push(here.topic(desk, peer));
                }
            }
        }
        found
    }

    /// Heads, root and all ops of a namespace that this node takes part in.
    pub fn summit(&self, namespace: &NamespaceId) -> Option<SummitView> {
        let (known, _) = self.open(namespace)?;
        let graph = known.space.graph();
        Some(SummitView {
            heads: known.space.heads(),
            state_root: known.space.view().state_root(),
            ops: (0..graph.len()).map(|ix| graph.key(Ix(ix))).collect(),
        })
    }

    fn open(&self, namespace: &NamespaceId) -> Option<(&Namespace, &Desk)> {
        let known = self.durable.namespaces.get(namespace).filter(|known| known.is_open)?;
        Some((known, self.volatile.desks.get(namespace)?))
    }
}

/// A namespace as beacons are compared with it.
struct Here<'a> {
    namespace: &'a NamespaceId,
    known: &'a Namespace,
    heads: HeadSummary,
    state_root: [u8; 32],
    now: MonoMillis,
}

impl<'a> Here<'a> {
    fn new(namespace: &'a NamespaceId, known: &'a Namespace, now: MonoMillis) -> Self {
        let heads = HeadSummary::of(&known.space.heads());
        Self { namespace, known, heads, state_root: known.space.view().state_root(), now }
    }

    fn name_of(&self, member: MemberId) -> Option<OpId> {
        name_of(self.known, self.namespace.root(), Subject::Member(member))
    }

    fn heard(&self, member: MemberId, heard: &Heard) -> HeardView {
        let is_level = heard.beacon.heads == self.heads;
        let agreement = match (is_level, heard.beacon.state_root == self.state_root) {
            (true, true) => Agreement::Agrees,
            (true, false) => Agreement::Diverged,
            (false, _) if heard.is_covered() => Agreement::Behind,
            (false, _) => Agreement::Ahead,
        };
        HeardView {
            member,
            name: self.name_of(member),
            agreement,
            tier: heard.beacon.tier,
            age_ms: heard.age_ms(self.now),
            is_fresh: heard.is_fresh(self.now),
        }
    }

    /// What a peer is here.
    fn topic(&self, desk: &Desk, peer: &PeerKey) -> TopicView {
        let identity = desk.identities.get(peer);
        let member = identity.map(|identity| identity.member);
        let (graph, view) = (self.known.space.graph(), self.known.space.view());
        let heard = |member| Some(self.heard(member, desk.readiness.heard(&member)?));
        TopicView {
            namespace: *self.namespace,
            member,
            name: member.and_then(|member| self.name_of(member)),
            has_standing: member.is_some_and(|member| has_standing(graph, view, &member)),
            round_trip_ms: identity.map(|identity| identity.round_trip_ms),
            heard: member.and_then(heard),
        }
    }
}
