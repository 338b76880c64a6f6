//! Ops that a villain forges at length: each is well signed and at its place, and the last one
//! fails for one reason, or is an anchor that an honest notary would not write.
//!
//! The villain judges them as the product does, in a copy of its own state, so that state hashes
//! and nonces are right. Those whom it adds and removes have keys of its own making.

use super::{Runner, author};
use crate::kit::{Author, add, create, remove};
use crate::scenario::Forgery;
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::codec;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, Terms};
use folkmoot_core::governance::op::{Body, Payload, SlotWrite};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::governance::table::Ix;
use folkmoot_core::id::{ContextId, GroupId, NamespaceId, OpId};
use folkmoot_core::key::Signature;
use folkmoot_core::limits::{DEPTH_MAX, RULES_VERSION};
use folkmoot_core::signed::{SignedOp, verify};
use folkmoot_core::time::UnixMillis;
use std::collections::BTreeSet;

/// Nothing has this id.
const NOWHERE: [u8; 32] = [0xcc; 32];

impl Runner<'_> {
    /// Has a node sign what fails for a reason, and all that this takes.
    pub(super) fn forge(&mut self, at: usize, forgery: Forgery) {
        let Some(mut forger) = self.forger(at) else { return };
        forger.forge(forgery);
        self.secrets = forger.secrets;
        for op in forger.ops {
            self.say_op(at, &op);
        }
    }

    /// Has a node sign something at a cut of long ago, as it would have been right there.
    pub(super) fn forge_at(&mut self, at: usize, parents: &[OpId], body: Body) {
        let Some(mut forger) = self.forger(at) else { return };
        let root = forger.root();
        let payload = forger.draft_at(&author(at), parents, root, body);
        if let Some(payload) = payload {
            self.say_op(at, &author(at).seal(&payload));
        }
    }

    /// Two anchors with one nonce: one at the heads, and one that leaves out all that it can.
    pub(super) fn anchor_twice(&mut self, at: usize) {
        let (Some(mut forger), Some(namespace)) = (self.forger(at), self.namespace) else { return };
        let cuts = [forger.space.heads(), forger.least()];
        let payloads = cuts.map(|parents| forger.draft_anchor(&parents, RULES_VERSION));
        let anchors: Vec<SignedOp> =
            payloads.iter().flatten().map(|payload| author(at).seal(payload)).collect();
        self.say_apart(at, namespace, &anchors);
    }

    /// An anchor that leaves out all that it can.
    pub(super) fn anchor_little(&mut self, at: usize) {
        let Some(mut forger) = self.forger(at) else { return };
        let least = forger.least();
        if let Some(payload) = forger.draft_anchor(&least, RULES_VERSION) {
            self.say_op(at, &author(at).seal(&payload));
        }
    }

    /// An anchor that names rules of the future.
    pub(super) fn anchor_early(&mut self, at: usize) {
        let Some(mut forger) = self.forger(at) else { return };
        let heads = forger.space.heads();
        if let Some(payload) = forger.draft_anchor(&heads, RULES_VERSION + 1) {
            self.say_op(at, &author(at).seal(&payload));
        }
    }

    fn forger(&self, at: usize) -> Option<Forger> {
        let (namespace, space) = (self.namespace?, self.known(at)?.space.clone());
        space.graph().person(&author(at).id).filter(|_| space.is_settled())?;
        let (cuts, me, ops) = (Cuts::default(), author(at), Vec::new());
        Some(Forger { namespace, space, cuts, me, secrets: self.secrets, ops })
    }
}

/// A villain at work.
struct Forger {
    namespace: NamespaceId,
    /// What it had at the beginning, with what it has signed since.
    space: Space,
    cuts: Cuts,
    me: Author,
    /// The last seed that was used for a key.
    secrets: u64,
    /// What it signed, in order.
    ops: Vec<SignedOp>,
}

impl Forger {
    fn root(&self) -> GroupId {
        self.namespace.root()
    }

    /// Somebody whom nobody knows, with a key of the villain's.
    fn puppet(&mut self) -> Author {
        self.secrets += 1;
        Author::new(self.secrets)
    }

    /// The smallest cut at which an own op may stand beside what comes next: the last own op, and
    /// the last anchor.
    fn least(&self) -> Vec<OpId> {
        let graph = self.space.graph();
        let own = graph.person(&self.me.id).and_then(|me| graph.last_of(me));
        let tip = self.space.view().anchors().last().copied();
        let least: Vec<Ix> = own.into_iter().chain(tip).collect();
        let genesis = OpId(self.namespace.0);
        if least.is_empty() {
            return vec![genesis];
        }
        least.iter().map(|ix| graph.node(*ix).id).collect()
    }

    /// What an author would sign who knows these ops and their past, and nothing else.
    fn draft_at(
        &mut self,
        who: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> Option<Payload> {
        let Self { space, cuts, .. } = self;
        let graph = space.graph();
        let known: BTreeSet<Ix> = known.iter().filter_map(|id| graph.find(id)).collect();
        let is_top = |ix: &&Ix| !known.iter().any(|other| graph.is_past(**ix, *other));
        let parents: Vec<Ix> = known.iter().filter(is_top).copied().collect();
        let cut = graph.closure(&parents);
        let nonce = graph.next_nonce(graph.person(&who.id), &cut);
        let mut work = u32::MAX;
        let view = cuts.view_at(graph, space.view(), space.frontier(), &cut, &mut work)?;
        let place = graph.group(&group);
        let state_hash = place.map_or([0; 32], |place| view.group_root(graph, place));
        let mut parents: Vec<OpId> = parents.iter().map(|ix| graph.node(*ix).id).collect();
        parents.sort_unstable();
        Some(Payload {
            rules: RULES_VERSION,
            namespace: self.namespace,
            group,
            signer: who.id,
            nonce,
            parents: Bounded::truncated(parents),
            state_hash,
            body,
        })
    }

    fn draft_anchor(&mut self, known: &[OpId], rules: u16) -> Option<Payload> {
        let (me, root) = (self.me.clone(), self.root());
        self.draft_at(&me, known, root, Body::Anchor { rules, notary: None })
    }

    /// Signs a payload, and goes on from there.
    fn take(&mut self, who: &Author, payload: &Payload) -> Option<OpId> {
        let signed = who.seal(payload);
        let op = verify(&codec::encode(&signed), self.namespace).ok()?;
        self.space.admit(&mut self.cuts, &op);
        self.ops.push(signed);
        Some(op.id)
    }

    /// Has somebody sign at the heads and its own last op.
    fn say(&mut self, who: &Author, group: GroupId, body: Body) -> Option<OpId> {
        let graph = self.space.graph();
        let own = graph.person(&who.id).and_then(|who| graph.last_of(who));
        let own = own.map(|ix| graph.node(ix).id);
        let known: Vec<OpId> = self.space.heads().into_iter().chain(own).collect();
        let payload = self.draft_at(who, &known, group, body)?;
        self.take(who, &payload)
    }

    /// The villain itself signs.
    fn write(&mut self, group: GroupId, body: Body) -> Option<OpId> {
        let me = self.me.clone();
        self.say(&me, group, body)
    }

    /// A new group.
    fn found(&mut self, above: GroupId) -> Option<GroupId> {
        self.write(above, create()).map(GroupId::from)
    }

    /// An invitation for one, and its secret.
    fn invitation(&mut self, inviter: &Author, frontier: Vec<OpId>) -> (Invitation, Author) {
        let secret = self.puppet();
        let terms = Terms {
            namespace: self.namespace,
            group: self.root(),
            inviter: inviter.id,
            rights: Rights::MEMBER,
            uses_max: 1,
            expires_at: UnixMillis(u64::MAX),
            frontier: Bounded::truncated(frontier),
            one_time_key: secret.id,
        };
        (inviter.invite(terms), secret)
    }

    /// The villain witnesses a join.
    fn admit(&mut self, joiner: &Author, (invitation, secret): &(Invitation, Author)) {
        let request = joiner.accept(invitation, secret);
        self.write(self.root(), Body::MemberJoined { request });
    }

    fn forge(&mut self, forgery: Forgery) -> Option<()> {
        match forgery {
            Forgery::Unsigned
            | Forgery::Inviter
            | Forgery::Frontier
            | Forgery::UsedUp
            | Forgery::Revoked
            | Forgery::Removed
            | Forgery::Left => self.forge_join(forgery),
            Forgery::NoGroup | Forgery::Deep | Forgery::Circle | Forgery::Root | Forgery::Moved => {
                self.forge_group(forgery)?;
            }
            Forgery::Senior => {
                self.write(self.root(), remove(&author(0)));
            }
            Forgery::Nothing => {
                let nobody = self.puppet();
                self.write(self.root(), remove(&nobody));
            }
            Forgery::Again => {
                let puppet = self.puppet();
                for _ in 0..2 {
                    self.write(self.root(), add(&puppet, Rights::MEMBER));
                }
            }
            Forgery::NoContext => {
                let write = SlotWrite::ContextDetached(ContextId(NOWHERE));
                self.write(self.root(), Body::SlotSet { strict: false, write });
            }
            Forgery::NotRoot => {
                let group = self.found(self.root())?;
                let (key, value) = (Text::new("policy")?, Bytes::default());
                let write = SlotWrite::Policy { key, value };
                self.write(group, Body::SlotSet { strict: false, write });
            }
            Forgery::NotOwner => {
                let notary = Some(self.puppet().id);
                self.write(self.root(), Body::Anchor { rules: RULES_VERSION, notary });
            }
        }
        Some(())
    }

    /// Joins that A10 does not let pass.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no matter of this")]
    fn forge_join(&mut self, forgery: Forgery) {
        let (root, me, joiner) = (self.root(), self.me.clone(), self.puppet());
        let genesis = vec![OpId(self.namespace.0)];
        let host = if forgery == Forgery::Inviter { self.puppet() } else { me };
        let frontier = if forgery == Forgery::Frontier { vec![OpId(NOWHERE)] } else { genesis };
        let invited = self.invitation(&host, frontier);
        match forgery {
            Forgery::Unsigned => {
                let (invitation, secret) = &invited;
                let signature = Signature([7; 64]);
                let request = JoinRequest { signature, ..joiner.accept(invitation, secret) };
                self.write(root, Body::MemberJoined { request });
                return;
            }
            Forgery::UsedUp => {
                let first = self.puppet();
                self.admit(&first, &invited);
            }
            Forgery::Revoked => {
                let invitation = invited.0.clone();
                self.write(root, Body::InvitationRevoked { invitation });
            }
            Forgery::Removed => {
                self.write(root, add(&joiner, Rights::MEMBER));
                self.write(root, remove(&joiner));
            }
            Forgery::Left => {
                self.write(root, add(&joiner, Rights::MEMBER));
                self.say(&joiner, root, Body::MemberLeft);
            }
            _ => {}
        }
        self.admit(&joiner, &invited);
    }

    /// What the tree of groups does not let pass.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no matter of this")]
    fn forge_group(&mut self, forgery: Forgery) -> Option<()> {
        let mut below = self.found(self.root())?;
        let moved = |new_parent| Body::GroupMoved { new_parent };
        match forgery {
            Forgery::NoGroup => {
                self.write(below, moved(GroupId(NOWHERE)));
            }
            Forgery::Root => {
                self.write(self.root(), moved(below));
            }
            Forgery::Circle => {
                let inner = self.found(below)?;
                self.write(below, moved(inner));
            }
            Forgery::Moved => {
                let (inner, elsewhere) = (self.found(below)?, self.found(self.root())?);
                let puppet = self.puppet();
                let appointed = self.write(below, add(&puppet, Rights::ADMIN))?;
                self.write(inner, moved(elsewhere));
                let payload = self.draft_at(&puppet, &[appointed], inner, create())?;
                self.take(&puppet, &payload);
            }
            _ => {
                for _ in 1..DEPTH_MAX {
                    below = self.found(below)?;
                }
            }
        }
        Some(())
    }
}
