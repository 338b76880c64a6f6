//! Planted bugs that take more than one setting: what somebody does who should not.

use super::act::Then;
use super::{Bug, Runner, Violation, author, member};
use crate::cluster::{Link, Node, Path};
use crate::kit::{Author, add, create, remove, unchecked};
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::command::Command;
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::NamespaceId;
use folkmoot_core::input::{Heard, Input, MessageId};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::signed::SignedOp;

/// How long one waits for everybody to have everything, in milliseconds.
const SETTLE_MS: u64 = 10_000;

impl Runner<'_> {
    /// What is planted when the namespace is there.
    pub(super) fn plant_at_founding(&mut self, founder: usize, namespace: NamespaceId) {
        if self.bug == Bug::Leak {
            let value = Bytes::truncated(author(founder).secret().to_vec());
            let Some(key) = Text::new("name") else { return };
            let write = SlotWrite::Metadata { subject: Subject::Group, key, value };
            self.write_apart(founder, namespace, Body::SlotSet { strict: false, write });
        }
        if self.bug == Bug::Courier {
            let owners = Bounded::truncated(vec![member(founder)]);
            self.issue(founder, Command::Found { owners }, Then::FoundedOther);
        }
    }

    /// What is planted when the actions are over.
    pub(super) fn plant_at_end(&mut self) -> Result<(), Violation> {
        self.plant_late()?;
        let namespace = self.namespace.filter(|_| self.world.nodes.len() > 1);
        let (Some(namespace), Some(payload)) = (namespace, self.draft(0)) else { return Ok(()) };
        if self.bug == Bug::Gap {
            self.plant_gap(namespace)?;
        }
        if self.bug == Bug::TwoNotaries {
            self.plant_notaries(namespace)?;
        }
        if self.bug == Bug::WrongHash {
            let wrong = Payload { state_hash: [0xaa; 32], ..payload };
            self.say_op(0, &author(0).seal(&wrong));
        } else if self.bug == Bug::Credulous {
            self.write_apart(0, namespace, Body::Noop);
            let forged = Payload { body: create(), ..payload };
            self.believe(namespace, &Author::new(u64::MAX).seal(&forged));
        } else if self.bug == Bug::Downgrade {
            let newer = Payload { rules: RULES_VERSION + 1, body: create(), ..payload };
            self.believe(namespace, &author(0).seal(&newer));
        }
        Ok(())
    }

    /// The second node takes an op that nobody has checked.
    fn believe(&mut self, namespace: NamespaceId, op: &SignedOp) {
        let heard = Ok(Heard::Op(unchecked(op, true)));
        let (message, peer) = (MessageId(u64::MAX), self.world.key_of(0));
        self.world.give(1, Input::GossipReceived { message, peer, namespace, heard });
    }

    fn settle_down(&mut self) -> Result<(), Violation> {
        self.wait(SETTLE_MS)?;
        self.check_finals()
    }

    /// All is well but for the last node, which misses one op and gets the next, and to whose
    /// questions nobody answers any more.
    fn plant_gap(&mut self, namespace: NamespaceId) -> Result<(), Violation> {
        self.relieve();
        self.mend(&Link::default());
        self.settle_down()?;
        let count = self.world.nodes.len();
        let Some(last) = (1..count).rev().find(|at| self.is_honest(*at)) else { return Ok(()) };
        (0..count).filter(|at| *at != last).for_each(|at| self.world.cut(at, last));
        self.write_apart(0, namespace, Body::Noop);
        self.settle_down()?;
        self.connect_without_streams(last);
        self.write_apart(0, namespace, create());
        self.settle_down()
    }

    /// Connects a node with all others; questions and answers do not pass.
    pub(super) fn connect_without_streams(&mut self, at: usize) {
        let link = Link { stream: Path::mute(), ..Link::default() };
        for other in (0..self.world.nodes.len()).filter(|other| *other != at) {
            self.world.impair(at, other, link.clone());
            self.world.impair(other, at, link.clone());
            self.world.connect(at, other);
        }
    }

    /// All is well, and the person of the third node is an admin.
    fn appoint(&mut self, namespace: NamespaceId) -> Result<Author, Violation> {
        let admin = author(2);
        self.relieve();
        self.mend(&Link::default());
        self.settle_down()?;
        self.write_apart(0, namespace, add(&admin, Rights::ADMIN));
        self.settle_down()?;
        Ok(admin)
    }

    /// Where the first node is about to misread what people may: the person of the third node
    /// writes something, the first removes it and does not know, and then both get everything.
    pub(super) fn plant_removal(&mut self) -> Result<(), Violation> {
        let is_on = matches!(self.bug, Bug::Usurp | Bug::Promote);
        let (Some(namespace), true) = (self.namespace, is_on && self.founder == Some(0)) else {
            return Ok(());
        };
        let admin = self.appoint(namespace)?;
        (0..self.world.nodes.len()).filter(|at| *at != 2).for_each(|at| self.world.cut(at, 2));
        self.write_apart(2, namespace, create());
        self.write_apart(0, namespace, remove(&admin));
        self.settle_down()?;
        self.mend(&Link::default());
        self.settle_down()
    }

    /// The notary's key and disk are copied to the second node. One of the two anchors what a
    /// third person wrote; the other one removes that person, and anchors too.
    fn plant_notaries(&mut self, namespace: NamespaceId) -> Result<(), Violation> {
        if self.world.nodes.len() < 3 || self.founder != Some(0) {
            return Ok(());
        }
        let anchor = || Body::Anchor { rules: RULES_VERSION, notary: None };
        let admin = self.appoint(namespace)?;
        let Some(log) = self.world.nodes.first().map(Node::log) else { return Ok(()) };
        self.world.give_key(1, &author(0));
        self.world.restore(1, log);
        (0..self.world.nodes.len()).filter(|at| *at != 1).for_each(|at| self.world.cut(at, 1));
        self.write_apart(2, namespace, add(&Author::new(77), Rights::MEMBER));
        self.write_apart(1, namespace, remove(&admin));
        self.settle_down()?;
        self.write_apart(0, namespace, anchor());
        self.write_apart(1, namespace, anchor());
        self.settle_down()
    }

    /// After everything else was mended.
    pub(super) fn plant_lasting_gap(&mut self) {
        let last = (1..self.world.nodes.len()).rev().find(|at| self.is_honest(*at));
        if let (Some(last), Bug::Gap) = (last, self.bug) {
            self.connect_without_streams(last);
        }
    }
}
