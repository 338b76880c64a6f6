//! The state of the reducer: what is durable, and what a crash may take.

use crate::budget::Budgets;
use crate::command::{Command, CommandId};
use crate::governance::cuts::Cuts;
use crate::governance::invitation::{Invitation, JoinRequest};
use crate::governance::space::Space;
use crate::id::{MemberId, NamespaceId, OpId, PeerKey};
use crate::identities::Identities;
use crate::input::{ExchangeId, MessageId};
use crate::join::{JoinJob, Joining};
use crate::limits::REFUSED_COUNT_MAX;
use crate::pending::Pending;
use crate::prng::Prng;
use crate::publish::Publishing;
use crate::readiness::Readiness;
use crate::record::Stored;
use crate::requests::Requests;
use crate::settings::{Settings, Share};
use crate::signed::{Op, Verified};
use crate::sync::Syncing;
use crate::sync::index::Index;
use crate::sync::lists::Lists;
use crate::timers::Timers;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Everything the reducer knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The fold of the log.
    pub durable: Durable,
    /// What a crash may take.
    pub volatile: Volatile,
}

impl Durable {
    /// Evaluates everything stored, at the end of reading a log: nobody is told what it led to.
    pub fn settle(&mut self) {
        for known in self.namespaces.values_mut() {
            known.space.settle(&mut u32::MAX.clone());
        }
    }
}

impl State {
    /// Whether everything stored is evaluated. Only then can the state be saved: what an op led to
    /// is told when its evaluation ends.
    pub fn is_settled(&self) -> bool {
        self.durable.namespaces.values().all(|known| known.space.is_settled())
    }

    /// Drops what a saved state leaves out, so that the state that goes on and the one that is read
    /// again behave alike to the bit: what is kept there saves work, and while it is made again or
    /// has no room, peers hear `Busy`.
    pub fn forget_caches(&mut self) {
        for desk in self.volatile.desks.values_mut() {
            desk.cuts = Cuts::default();
            desk.order = Index::default();
        }
        self.volatile.lists = Lists::default();
    }
}

/// The fold of the log; only [`crate::evolve`] writes it.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    /// Facts folded into it: each is one record of the log, so this is the number of the last one.
    pub records: u64,
    /// The namespaces this node knows.
    pub namespaces: BTreeMap<NamespaceId, Namespace>,
}

/// What is durable of one namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// As whom this node takes part.
    pub me: MemberId,
    /// Whether it does.
    pub is_open: bool,
    /// The ops, and what follows from them.
    pub space: Space,
    /// Ops of newer rules, as they came.
    pub parked: Vec<Vec<u8>>,
    /// Invitations that this node signed.
    pub issued: Vec<Invitation>,
    /// A join that has not ended.
    pub join: Option<JoinJob>,
    /// Where members could be reached when this node joined.
    pub addresses: Vec<String>,
}

impl Namespace {
    /// An op of it, where it is stored.
    pub fn stored(&self, op: &OpId) -> Option<Stored> {
        let graph = self.space.graph();
        graph.find(op).map(|ix| graph.stored(ix))
    }
}

/// What a crash may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Volatile {
    /// Random numbers of this run.
    pub prng: Prng,
    /// Drawn at the start of this run; told in beacons.
    pub boot: [u8; 16],
    /// Beacons of this run, in all namespaces: the sequence of the last one.
    pub beacons: u64,
    /// Transport key of this node.
    pub peer: PeerKey,
    /// What whoever runs the node chose.
    pub settings: Settings,
    /// Deadlines.
    pub timers: Timers,
    /// What the world owes an answer to.
    pub requests: Requests,
    /// Connected peers and the topics they take part in (NET-4).
    pub peers: BTreeMap<PeerKey, BTreeSet<NamespaceId>>,
    /// What peers may still ask of this node.
    pub budgets: Budgets,
    /// Lists of ops that peers read page by page. They are made again where they are missing, but
    /// whether there is room for one more decides who hears `Busy` (NET-45): so whoever saves a
    /// state and goes on with it forgets them, see [`State::forget_caches`].
    #[borsh(skip)]
    pub lists: Lists,
    /// Work in hand, per namespace.
    pub desks: BTreeMap<NamespaceId, Desk>,
    /// Namespaces whose desk has something to do, each once, in the order of their turns.
    pub busy: VecDeque<NamespaceId>,
}

/// Work in hand of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Desk {
    /// Views at old cuts; saves work and nothing else.
    #[borsh(skip)]
    pub cuts: Cuts,
    /// The order of reconciliation. It is made again where it is missing, but while it is, peers
    /// that ask for ranges hear `Busy`: it is forgotten as [`Volatile::lists`] are.
    #[borsh(skip)]
    pub order: Index,
    /// Ops to be judged, in order.
    pub ready: VecDeque<Arrival>,
    /// The op that was stored and is being evaluated.
    pub settling: Option<Arrival>,
    /// Ops that wait for parents.
    pub pending: Pending,
    /// Ids that were refused lately (A5).
    pub refused: Refused,
    /// What wants to write on our chain, in order.
    pub wishes: VecDeque<Wish>,
    /// Whether a signature for our chain is under way.
    pub is_signing: bool,
    /// Peers that proved who they are.
    pub identities: Identities,
    /// How ready this node and others are.
    pub readiness: Readiness,
    /// Who has what this node wrote.
    pub publishing: Publishing,
    /// Exchanges with peers.
    pub syncing: Syncing,
    /// A join under way.
    pub joining: Option<Joining>,
    /// Joiners that asked us to witness, and their questions, which get one answer.
    pub joiners: BTreeMap<MemberId, Vec<ExchangeId>>,
}

/// An op on its way into the graph.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Arrival {
    /// The op.
    pub op: Verified<Op>,
    /// Where it came from.
    pub source: Source,
}

/// Where an op came from, and who waits for what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Source {
    /// A topic.
    Gossip {
        /// Names the message.
        message: MessageId,
        /// Who forwarded it.
        peer: PeerKey,
    },
    /// A peer that we asked.
    Fetched(PeerKey),
    /// A file.
    Imported,
    /// Ourselves, for this.
    Own(Box<Task>),
}

impl Source {
    /// The peer that sent the op, where one did.
    pub const fn peer(&self) -> Option<PeerKey> {
        match self {
            Self::Gossip { peer, .. } | Self::Fetched(peer) => Some(*peer),
            Self::Imported | Self::Own(_) => None,
        }
    }
}

/// Something to write on our chain, or to sign.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Wish {
    /// A command.
    Command {
        /// Which.
        command: CommandId,
        /// What.
        wish: Command,
    },
    /// A joiner asked to be admitted; who waits for it stands in [`Desk::joiners`].
    Witness {
        /// The invitation with its consent.
        request: JoinRequest,
    },
    /// It is time for an anchor.
    Anchor,
}

/// A wish that is being fulfilled: what is signed, judged and stored now is for it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Task {
    /// The wish.
    pub wish: Wish,
    /// Whether this only joins heads, which are too many for one op; the wish is next (GOV-21).
    pub joins_heads: bool,
}

impl From<Wish> for Task {
    fn from(wish: Wish) -> Self {
        Self { wish, joins_heads: false }
    }
}

/// Ids of ops that were refused lately, bounded: an older one is judged again, to the same end.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Refused {
    ids: BTreeSet<OpId>,
    order: VecDeque<OpId>,
    /// How much room there is.
    #[borsh(skip)]
    pub share: Share,
}

impl Refused {
    /// Whether this id was refused.
    pub fn contains(&self, id: &OpId) -> bool {
        self.ids.contains(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Notes a refusal.
    pub fn insert(&mut self, id: OpId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > self.share.of(REFUSED_COUNT_MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}
