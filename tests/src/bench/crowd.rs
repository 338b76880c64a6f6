//! Namespaces of any size, and ops to be written in them.

use super::node::Node;
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::codec;
use folkmoot_core::governance::cuts::Cuts;
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::MemberId;
use folkmoot_core::key::Signature;
use folkmoot_core::limits::{ANCHOR_OPS, RULES_VERSION};
use folkmoot_core::signed::{Op, SignedOp, Verified};
use folkmoot_sim::kit::{self, Author};

/// Seeds of authors from here on are those of members that are added with real keys.
const FRESH: u64 = 1 << 32;

/// A namespace of one owner, its members, and a node that knows it.
pub(super) struct Crowd {
    /// Knows everything that was said.
    pub(super) node: Node,
    /// The owner and notary.
    pub(super) owner: Author,
    /// Other nodes that hear everything.
    followers: Vec<Node>,
    fresh_count: u64,
}

impl Crowd {
    /// A namespace of its owner alone.
    pub(super) fn found() -> Self {
        Self::salted([0; 16])
    }

    /// Another one for each salt.
    pub(super) fn salted(salt: [u8; 16]) -> Self {
        let owner = Author::new(0);
        let genesis = owner.found(&[&owner], salt);
        let mut node = Node::new(genesis.id.into(), MemberId([0xee; 32]));
        node.hear(genesis);
        Self { node, owner, followers: Vec::new(), fresh_count: 0 }
    }

    /// A namespace with so many members beside its owner.
    pub(super) fn of(members: usize) -> Self {
        let mut crowd = Self::found();
        crowd.grow(members);
        crowd
    }

    /// Such a namespace, and a node that heard everything and hears no more.
    pub(super) fn with_listener(members: usize) -> (Self, Node) {
        let mut crowd = Self::found();
        let listener = Node::with(crowd.space(), MemberId([0xdd; 32]));
        crowd.followers.push(listener);
        crowd.grow(members);
        let listener = crowd.followers.pop().expect("it was pushed");
        (crowd, listener)
    }

    /// A namespace that knows what another one does, to go on by itself.
    pub(super) fn branch(&self) -> Self {
        Self {
            node: Node::with(self.space(), MemberId([0xee; 32])),
            owner: self.owner.clone(),
            followers: Vec::new(),
            fresh_count: self.fresh_count,
        }
    }

    /// The namespace.
    pub(super) fn space(&self) -> &Space {
        self.node.space()
    }

    /// An op at the heads, which nobody signs, said to the node.
    pub(super) fn say(&mut self, author: MemberId, body: Body) -> Verified<Op> {
        let op = bare(&draft(self.space(), author, body));
        self.take(op.clone());
        op
    }

    /// Tells the node of an op at its heads, which must be admitted.
    pub(super) fn take(&mut self, op: Verified<Op>) {
        let before = self.space().graph().len();
        for follower in &mut self.followers {
            follower.hear(op.clone());
        }
        self.node.hear(op);
        let graph = self.space().graph();
        assert_eq!((graph.len(), graph.void_at_cut_count()), (before + 1, 0), "op not admitted");
    }

    fn grow(&mut self, members: usize) {
        (0..members).for_each(|number| self.add(stranger(number), Rights::READ));
    }

    /// The owner adds a member, and anchors as a notary does.
    pub(super) fn add(&mut self, member: MemberId, rights: Rights) {
        self.say(self.owner.id, Body::MemberAdded { member, rights });
        self.anchor_if_due();
    }

    /// The anchor that the notary's node would have written by now.
    pub(super) fn anchor_if_due(&mut self) {
        if self.space().since_anchor() >= ANCHOR_OPS {
            self.anchor();
        }
    }

    /// So many additions of members with real keys, signed, one upon the other.
    pub(super) fn sign_additions(&mut self, count: usize) -> Vec<Verified<Op>> {
        (0..count).map(|_| self.sign_addition()).collect()
    }

    fn sign_addition(&mut self) -> Verified<Op> {
        self.fresh_count += 1;
        let member = Author::new(FRESH + self.fresh_count).id;
        let body = Body::MemberAdded { member, rights: Rights::READ };
        let sealed = self.owner.seal(&draft(self.space(), self.owner.id, body));
        let op = kit::unchecked(&sealed, true);
        self.take(op.clone());
        op
    }

    /// Takes the members out again that some additions brought, and anchors.
    pub(super) fn undo(&mut self, additions: &[Verified<Op>]) -> Vec<Verified<Op>> {
        let mut said = Vec::new();
        for op in additions {
            if let Body::MemberAdded { member, .. } = op.payload.body {
                let body = Body::MemberRestricted { member, keep: Rights::NONE };
                said.push(self.say(self.owner.id, body));
            }
        }
        said.push(self.anchor());
        said
    }

    fn anchor(&mut self) -> Verified<Op> {
        self.say(self.owner.id, Body::Anchor { rules: RULES_VERSION, notary: None })
    }
}

/// A member whose key nobody has.
pub(super) fn stranger(number: usize) -> MemberId {
    MemberId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

/// What an author would write on the root group at the heads of `space`.
pub(super) fn draft(space: &Space, author: MemberId, body: Body) -> Payload {
    let namespace = space.graph().namespace().expect("the space has a genesis");
    let person = space.graph().person(&author).expect("the author is known");
    // At the heads there is no old cut to remember.
    let next = space.next_op(&mut Cuts::default(), person, namespace.root());
    Payload {
        rules: RULES_VERSION,
        namespace,
        group: namespace.root(),
        signer: author,
        nonce: next.nonce,
        parents: Bounded::truncated(next.parents),
        state_hash: next.state_hash,
        body,
    }
}

/// An op without a signature, where no signature is looked at.
pub(super) fn bare(payload: &Payload) -> Verified<Op> {
    let signed = SignedOp { payload: codec::encode(payload), signature: Signature([0; 64]) };
    kit::unchecked(&signed, true)
}

/// A description of the group, of so many bytes, in one of 64 slots.
pub(super) fn describe(number: usize, bytes: usize) -> Body {
    let key = Text::new(&format!("property {:02}", number % 64)).expect("a short key");
    let mut value = number.to_le_bytes().to_vec();
    value.resize(bytes.max(value.len()), 0xaa);
    let value = Bytes::truncated(value);
    let write = SlotWrite::Metadata { subject: Subject::Group, key, value };
    Body::SlotSet { strict: false, write }
}
