//! A namespace whose ops are really signed, as they travel and as a node has them on its disk.

use super::crowd::{Crowd, describe, draft};
use folkmoot_core::codec;
use folkmoot_core::governance::op::Body;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::space::Space;
use folkmoot_core::id::{MemberId, NamespaceId};
use folkmoot_core::key::{Claim, are_valid};
use folkmoot_core::limits::{ANCHOR_OPS, PAGE_OPS_MAX, RULES_VERSION};
use folkmoot_core::signed::{Op, Verified};
use folkmoot_sim::kit::{self, Author};

/// Bytes of what the authors write, about; an op has 250 more.
const VALUE_BYTES: usize = 50;
/// Members for whom nodes run; they write nothing.
pub(super) const WATCHERS: usize = 32;

/// A namespace, and who writes in it.
pub(super) struct History {
    crowd: Crowd,
    /// Every op, parents first.
    pub(super) ops: Vec<Verified<Op>>,
    authors: Vec<Author>,
}

/// A member for whom a node may run.
pub(super) fn watcher(number: usize) -> Author {
    Author::new(1_000_000 + number as u64)
}

impl History {
    /// A namespace with its watchers, who may also add members, and so many authors; one alone is
    /// the owner.
    pub(super) fn of(authors: usize) -> Self {
        Self::salted(0, authors)
    }

    /// As [`History::of`], of another namespace for each salt.
    pub(super) fn salted(salt: u8, authors: usize) -> Self {
        let crowd = Crowd::salted([salt; 16]);
        let genesis = crowd.owner.found(&[&crowd.owner], [salt; 16]);
        let owner = crowd.owner.clone();
        let mut history = Self { crowd, ops: vec![genesis], authors: Vec::new() };
        let rights = Rights::MEMBERS | Rights::INVITE | Rights::READ;
        (0..WATCHERS).for_each(|number| history.add(watcher(number).id, rights));
        if authors == 1 {
            history.authors.push(owner);
            return history;
        }
        for number in 0..authors {
            let author = Author::new(2_000_000 + number as u64);
            history.add(author.id, Rights::METADATA | Rights::READ);
            history.authors.push(author);
        }
        history
    }

    /// One that goes on by itself from here.
    pub(super) fn branch(&self) -> Self {
        Self { crowd: self.crowd.branch(), ops: self.ops.clone(), authors: self.authors.clone() }
    }

    /// What comes of it.
    pub(super) fn space(&self) -> &Space {
        self.crowd.space()
    }

    /// Its id.
    pub(super) fn namespace(&self) -> NamespaceId {
        self.crowd.node.namespace
    }

    /// The owner adds a member.
    pub(super) fn add(&mut self, member: MemberId, rights: Rights) {
        let owner = self.crowd.owner.clone();
        self.say(&owner, Body::MemberAdded { member, rights });
    }

    /// The authors write in turns, `count` ops with the anchors of the owner, or one more.
    pub(super) fn write(&mut self, count: usize) {
        let end = self.ops.len() + count;
        while self.ops.len() < end {
            let number = self.ops.len();
            let Some(author) = self.authors.get(number % self.authors.len()).cloned() else {
                return;
            };
            self.say(&author, describe(number, VALUE_BYTES));
        }
    }

    /// As [`History::write`], where the owner is not there.
    pub(super) fn write_without_anchors(&mut self, count: usize) {
        for _ in 0..count {
            let number = self.ops.len();
            let author = self.authors.get(number % self.authors.len()).cloned();
            let body = describe(number, VALUE_BYTES);
            let author = author.expect("there are authors");
            self.take(author_op(self.space(), &author, body));
        }
    }

    /// Those who go on writing.
    pub(super) fn keep_authors(&mut self, is_kept: impl Fn(usize) -> bool) {
        let authors = std::mem::take(&mut self.authors).into_iter().enumerate();
        self.authors = authors.filter(|(at, _)| is_kept(*at)).map(|(_, author)| author).collect();
    }

    /// Takes in an op of somebody else, which must be admitted.
    pub(super) fn take(&mut self, op: Verified<Op>) {
        self.crowd.take(op.clone());
        self.ops.push(op);
    }

    fn say(&mut self, author: &Author, body: Body) {
        self.take(author_op(self.space(), author, body));
        if self.space().since_anchor() >= ANCHOR_OPS {
            let owner = self.crowd.owner.clone();
            self.say(&owner, Body::Anchor { rules: RULES_VERSION, notary: None });
        }
    }
}

/// What an author writes at the heads, signed.
fn author_op(space: &Space, author: &Author, body: Body) -> Verified<Op> {
    kit::unchecked(&author.seal(&draft(space, author.id, body)), true)
}

/// Ops as they travel.
pub(super) fn wire(ops: &[Verified<Op>]) -> Vec<Vec<u8>> {
    ops.iter().map(|op| codec::encode(&op.signed)).collect()
}

/// What is to be checked of the signatures of ops.
pub(super) fn claims(ops: &[Verified<Op>]) -> Vec<Claim> {
    let claim = |op: &Verified<Op>| Claim {
        key: op.payload.signer,
        message: op.id.0,
        signature: op.signed.signature,
    };
    ops.iter().map(claim).collect()
}

/// Checks signatures page by page, as a node does that fetches them: what nobody can do without.
pub(super) fn check_in_pages(claims: &[Claim]) {
    assert!(claims.chunks(PAGE_OPS_MAX).flat_map(are_valid).all(|is_valid| is_valid));
}
