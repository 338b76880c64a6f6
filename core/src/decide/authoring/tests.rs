//! Writing where there are more heads than an op may name (GOV-21).

use crate::bounded::Bounded;
use crate::command::{Command, CommandId, Delivery, Outcome, Refusal};
use crate::governance::op::{Body, Payload, Visibility};
use crate::governance::rights::Rights;
use crate::governance::space::Space;
use crate::governance::verdict::{Dropped, Unauthorised, VoidAtCut};
use crate::id::{GroupId, MemberId, NamespaceId, OpId};
use crate::input::Input;
use crate::limits::PARENTS_MAX;
use crate::testing::{Author, Stage, replies, unsigned};
use alloc::string::ToString;
use alloc::vec::Vec;

/// What an op stands on: its parents, and the root of its group there.
struct Ground(Vec<OpId>, [u8; 32]);

/// The node of somebody whom an admin removes and an owner lets in, each from elsewhere.
struct World {
    stage: Stage,
    namespace: NamespaceId,
    owners: [Author; 2],
    admin: Author,
    me: Author,
    /// Where this node has rights.
    groups: Vec<GroupId>,
}

impl World {
    /// It has rights in the root group, or in two others.
    fn new(is_apart: bool) -> Self {
        let [first, second, admin, me] = [1, 2, 3, 4].map(Author::new);
        let (mut stage, namespace) = Stage::found(&[&first, &second]);
        let root = namespace.root();
        let mut create = || {
            let group = Body::GroupCreated { visibility: Visibility::Open };
            GroupId(stage.node.govern(namespace, root, group).0)
        };
        let groups: Vec<GroupId> =
            if is_apart { [create(), create()].into() } else { [root].into() };
        let add = |member, rights| Body::MemberAdded { member, rights };
        stage.node.govern(namespace, root, add(admin.id, Rights::ADMIN));
        for group in &groups {
            stage.node.govern(namespace, *group, add(me.id, Rights::MEMBER));
        }
        let stage = Stage::with_log(&me, &stage.node.log);
        Self { stage, namespace, owners: [first, second], admin, me, groups }
    }

    fn space(&self) -> &Space {
        &self.stage.node.state.durable.namespaces[&self.namespace].space
    }

    fn ground(&self, group: GroupId) -> Ground {
        Ground(self.space().heads(), self.space().group_root(&group))
    }

    /// Hears an op that somebody signed elsewhere.
    fn hear(
        &mut self,
        signer: &Author,
        nonce: u64,
        group: GroupId,
        on: &Ground,
        body: Body,
    ) -> OpId {
        let (parents, state_hash) = (Bounded::truncated(on.0.clone()), on.1);
        let plain = signer.payload(self.namespace, body);
        let op = unsigned(&Payload { group, nonce, parents, state_hash, ..plain });
        let (command, namespace, id) = (CommandId(0), self.namespace, op.id);
        self.stage.give(0, Input::OpsImported { command, namespace, ops: [op].into() });
        assert!(self.space().graph().find(&id).is_some());
        id
    }

    /// The next nonce of the founder.
    fn next(&self) -> u64 {
        let graph = self.space().graph();
        let last = graph.last_of(graph.person(&self.owners[0].id).unwrap());
        graph.node(last.unwrap()).nonce + 1
    }

    /// Hears more ops side by side than an op may name.
    fn widen(&mut self, on: &Ground) {
        let (signer, root) = (self.owners[1].clone(), self.namespace.root());
        for number in 0..=PARENTS_MAX as u64 {
            let application = *blake3::hash(&number.to_le_bytes()).as_bytes();
            self.hear(&signer, 1, root, on, Body::ContextRegistered { application });
        }
        assert!(self.space().heads().len() > PARENTS_MAX);
    }

    /// What becomes of an op of this node.
    fn write(&mut self) -> Outcome {
        let (namespace, delivery) = (self.namespace, Delivery::default());
        let (group, body) = (self.groups[0], Body::Noop);
        let wish = Command::Govern { namespace, group, body, expected_root: None, delivery };
        let (command, effects) = self.stage.command(0, wish);
        let [(answered, outcome)] = &replies(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!(*answered, command);
        outcome.clone()
    }
}

fn restrict(member: MemberId) -> Body {
    Body::MemberRestricted { member, keep: Rights::NONE }
}

#[test]
fn gov_21_the_grant_by_which_an_author_joins_heads_is_in_the_past_of_the_op() {
    let mut world = World::new(false);
    let (owner, me, root) = (world.owners[0].clone(), world.me.id, world.namespace.root());
    world.hear(&owner, world.next(), root, &world.ground(root), restrict(me));
    let removed = world.ground(root);
    world.widen(&removed);
    // Among the last heads, which have no room in the op, one lets it in again.
    let add = Body::MemberAdded { member: me, rights: Rights::MEMBER };
    world.hear(&owner, world.next(), root, &removed, add);
    let outcome = world.write();
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(world.space().heads().len(), 1);
}

#[test]
fn gov_21_what_waits_for_heads_that_its_author_cannot_join_is_refused_and_nothing_is_written() {
    let unauthorised = VoidAtCut::NotAuthorised(Unauthorised::Signer(Rights::NONE));
    assert_eq!(
        unauthorised.to_string(),
        "A10: not authorised at its cut: no grant of the signer gives any right there"
    );
    for (is_apart, why) in [
        (false, Refusal::WouldBeDropped(Dropped::Stranger)),
        (true, Refusal::WouldBeVoid(unauthorised)),
    ] {
        let mut world = World::new(is_apart);
        let (owner, admin) = (world.owners[0].clone(), world.admin.clone());
        let (root, group, me) = (world.namespace.root(), world.groups[0], world.me.id);
        let base = world.ground(root);
        let removal = world.hear(&admin, 1, group, &world.ground(group), restrict(me));
        world.widen(&Ground([removal].into(), world.ground(root).1));
        // The removal comes to nothing, by one of the heads that have no room in the op.
        world.hear(&owner, world.next(), root, &base, restrict(admin.id));
        let before = world.space().graph().len();
        assert_eq!(world.write(), Outcome::Refused(why));
        assert_eq!(world.space().graph().len(), before);
        assert!(world.stage.node.state.volatile.busy.is_empty());
    }
}
