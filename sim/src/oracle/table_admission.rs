//! Tables for A4 to A9 and A12; A10 and A11 stand in `table_authority.rs`.

#![expect(clippy::many_single_char_names, reason = "the people of governance section 9")]

use super::Oracle;
use super::cases::{base, cast, group};
use crate::compare::Twin;
use crate::kit::{Stage, add, create, person, remove, restrict, unsigned, verified};
use folkmoot_core::bounded::{Bounded, Bytes, Text};
use folkmoot_core::governance::op::{Body, Payload, SlotWrite, Subject};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{
    Admission, Dropped, Precondition, Unauthorised, VoidAtCut,
};
use folkmoot_core::id::{ContextId, GroupId, NamespaceId, OpId};

fn judge(stage: &Stage, payload: Payload) -> Admission {
    stage.judge(&unsigned(payload, true))
}

fn void(precondition: Precondition) -> Admission {
    Admission::Void(VoidAtCut::Precondition(precondition))
}

#[test]
fn a4_parents() {
    let (mut s, p, h) = base();
    let root = s.root();
    let dropped = Admission::Drop(Dropped::Parents);
    let mut ids = [1, 2].map(|_| OpId::default());
    for (slot, author) in ids.iter_mut().zip([p.a, p.b]) {
        *slot = s.say(author, &[h], root, Body::Noop);
    }
    ids.sort_unstable();
    let [low, high] = ids;
    let mut draft = p.o.draft(&s.oracle, &[h], root, Body::Noop);
    for parents in [vec![], vec![high, low], vec![low, low]] {
        draft.parents = Bounded::truncated(parents);
        assert_eq!(judge(&s, draft.clone()), dropped);
    }
    draft = p.o.draft(&s.oracle, &[low, high], root, Body::Noop);
    assert_eq!(judge(&s, draft), Admission::Admit);
}

#[test]
fn a4_genesis() {
    let dropped = Admission::Drop(Dropped::Parents);
    let p = cast();
    let genesis = p.o.found(&[p.o, p.a], [0; 16]);
    let ours = |payload: Payload| {
        let op = unsigned(payload, true);
        let verdict = Oracle::new(op.id.into()).judge(&op);
        assert_eq!(Twin::default().judge(&op), verdict);
        verdict
    };
    assert_eq!(ours(genesis.payload.clone()), Admission::Admit);
    let elsewhere = Oracle::new(NamespaceId([1; 32]));
    assert_eq!(elsewhere.judge(&genesis), dropped);
    assert_eq!(judge(&Stage::found(&[p.o]), genesis.payload.clone()), dropped, "a second one");
    let by_another = Payload { signer: p.a.id, ..genesis.payload.clone() };
    assert_eq!(ours(by_another), dropped);
    let with_parents =
        Payload { parents: Bounded::truncated(vec![genesis.id]), ..genesis.payload.clone() };
    assert_eq!(ours(with_parents), dropped);
    let late = Payload { nonce: 2, ..genesis.payload.clone() };
    let nonce = Dropped::Nonce { got: 2, expected: 1 };
    assert_eq!(ours(late), Admission::Drop(nonce));
}

#[test]
fn a5_missing_and_refused_parents() {
    let (mut s, p, h) = base();
    let root = s.root();
    let mut draft = p.a.draft(&s.oracle, &[h], root, Body::Noop);
    draft.nonce = 9;
    let refused = verified(s.oracle.namespace(), &p.a.seal(&draft));
    let mut child = p.b.draft(&s.oracle, &[h], root, Body::Noop);
    child.parents = Bounded::truncated(vec![refused.id]);
    let missing = vec![refused.id];
    assert_eq!(judge(&s, child.clone()), Admission::Pending { missing });
    let id = refused.id;
    s.submit(refused);
    assert_eq!(judge(&s, child.clone()), Admission::Drop(Dropped::RefusedParent));
    let mut both = vec![id, OpId([0xff; 32])];
    both.sort_unstable();
    child.parents = Bounded::truncated(both);
    assert_eq!(judge(&s, child), Admission::Drop(Dropped::RefusedParent));
}

#[test]
fn a6_related_parents() {
    let (mut s, p, h) = base();
    let root = s.root();
    let next = s.say(p.a, &[h], root, Body::Noop);
    let beside = s.say(p.c, &[h], root, Body::Noop);
    let both = s.say(p.a, &[next, beside], root, Body::Noop);
    let mut draft = p.b.draft(&s.oracle, &[both], root, Body::Noop);
    for related in [[h, next], [h, both], [next, both], [beside, both]] {
        let mut parents = related.to_vec();
        parents.sort_unstable();
        draft.parents = Bounded::truncated(parents);
        assert_eq!(judge(&s, draft.clone()), Admission::Drop(Dropped::RelatedParents));
    }
}

#[test]
fn a7_one_more_than_in_the_past_wherever_that_ends() {
    let (mut s, p, h) = base();
    let root = s.root();
    let (mut last, mut cuts) = (h, vec![h]);
    for _ in 0..9 {
        last = s.say(p.a, &[last], root, Body::Noop);
        cuts.push(last);
    }
    for (expected, cut) in (1..).zip(cuts) {
        let mut draft = p.a.draft(&s.oracle, &[cut], root, Body::Noop);
        assert_eq!((draft.nonce, judge(&s, draft.clone())), (expected, Admission::Admit));
        for got in [expected - 1, expected + 1] {
            draft.nonce = got;
            let nonce = Dropped::Nonce { got, expected };
            assert_eq!(judge(&s, draft.clone()), Admission::Drop(nonce));
        }
    }
}

#[test]
fn a7_void_ops_count() {
    let (mut s, p, h) = base();
    let root = s.root();
    let (id, verdict) = s.attempt(p.c, &[h], root, add(p.d, Rights::MEMBER));
    assert!(matches!(verdict, Admission::Void(VoidAtCut::NotAuthorised(_))));
    let next = p.c.draft(&s.oracle, &[id], root, Body::Noop);
    assert_eq!(next.nonce, 2);
    assert_eq!(judge(&s, next), Admission::Admit);
}

#[test]
fn a8_strangers() {
    let (mut s, p, h) = base();
    let root = s.root();
    let stranger = Admission::Drop(Dropped::Stranger);
    assert_eq!(s.try_it(p.x, &[h], root, Body::Noop), stranger);
    let gone = s.say(p.a, &[h], root, remove(p.c));
    assert_eq!(s.try_it(p.c, &[gone], root, Body::Noop), stranger);
    // A row in a deleted group is none; a row anywhere else will do.
    let x = s.say(p.o, &[h], root, create());
    let row = s.say(p.o, &[x], group(x), add(p.d, Rights::MEMBER));
    let elsewhere = s.try_it(p.d, &[row], root, Body::Noop);
    let needs = Unauthorised::Signer(Rights::NONE);
    assert_eq!(elsewhere, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    let deleted = s.say(p.o, &[row], group(x), Body::GroupDeleted);
    assert_eq!(s.try_it(p.d, &[deleted], group(x), Body::Noop), stranger);
}

#[test]
fn a9_state_hash() {
    let (s, p, h) = base();
    let mut draft = p.a.draft(&s.oracle, &[h], s.root(), Body::Noop);
    let expected = draft.state_hash;
    let got = [1; 32];
    draft.state_hash = got;
    let mismatch = VoidAtCut::StateHashMismatch { got, expected };
    assert_eq!(judge(&s, draft), Admission::Void(mismatch));
    // Nobody knows the rows of a group that does not exist.
    let nowhere = GroupId([9; 32]);
    let mut draft = p.a.draft(&s.oracle, &[h], nowhere, Body::Noop);
    assert_eq!(draft.state_hash, [0; 32]);
    let needs = Unauthorised::Signer(Rights::NONE);
    assert_eq!(judge(&s, draft.clone()), Admission::Void(VoidAtCut::NotAuthorised(needs)));
    draft.state_hash = got;
    let mismatch = VoidAtCut::StateHashMismatch { got, expected: [0; 32] };
    assert_eq!(judge(&s, draft), Admission::Void(mismatch));
}

#[test]
fn a9_covers_the_groups_above() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let before = s.oracle.now().group_root(group(x));
    let y = s.say(p.o, &[x], root, create());
    assert_eq!(s.oracle.now().group_root(group(x)), before, "a sibling is not covered");
    s.say(p.o, &[y], root, add(p.d, Rights::READ));
    assert_ne!(s.oracle.now().group_root(group(x)), before, "the parent is");
}

#[test]
fn a12_groups() {
    let (mut s, p, h) = base();
    let root = s.root();
    let moved = |new_parent| Body::GroupMoved { new_parent };
    let x = s.say(p.o, &[h], root, create());
    let y = s.say(p.o, &[x], group(x), create());
    let mut attempt = |on, body| s.try_it(p.o, &[y], on, body);
    assert_eq!(attempt(root, moved(group(x))), void(Precondition::Root));
    assert_eq!(attempt(group(x), moved(group(x))), void(Precondition::Circle));
    assert_eq!(attempt(group(x), moved(group(y))), void(Precondition::Circle));
    assert_eq!(attempt(group(x), moved(GroupId([9; 32]))), void(Precondition::NoSuchGroup));
    // Nobody holds anything above the root (ruling 4).
    let needs = Unauthorised::Signer(Rights::DELETE_SUBGROUPS);
    let deletion = attempt(root, Body::GroupDeleted);
    assert_eq!(deletion, Admission::Void(VoidAtCut::NotAuthorised(needs)));
    let in_the_root = attempt(group(y), moved(root));
    assert_eq!(in_the_root, Admission::Admit);
}

#[test]
fn a12_depth() {
    let (mut s, p, h) = base();
    let root = s.root();
    let side = s.say(p.o, &[h], root, create());
    let below = s.say(p.o, &[side], group(side), create());
    let (mut head, mut deepest) = (below, root);
    let mut path = vec![root];
    for _ in 1..16 {
        head = s.say(p.o, &[head], deepest, create());
        deepest = group(head);
        path.push(deepest);
    }
    assert_eq!(s.try_it(p.o, &[head], deepest, create()), void(Precondition::TooDeep));
    let mut move_under =
        |to: usize| s.try_it(p.o, &[head], group(side), Body::GroupMoved { new_parent: path[to] });
    assert_eq!(move_under(14), void(Precondition::TooDeep));
    assert_eq!(move_under(13), Admission::Admit);
}

#[test]
fn a12_a_grant_adds_something_to_the_direct_row() {
    let (mut s, p, h) = base();
    let root = s.root();
    let nothing = void(Precondition::NothingAdded);
    assert_eq!(s.try_it(p.a, &[h], root, add(p.c, Rights::READ)), nothing);
    assert_eq!(s.try_it(p.a, &[h], root, add(p.o, Rights::ADMIN)), nothing);
    assert_eq!(s.try_it(p.a, &[h], root, add(p.c, Rights::INVITE)), Admission::Admit);
    let x = s.say(p.o, &[h], root, create());
    let inherited = s.try_it(p.a, &[x], group(x), add(p.c, Rights::READ));
    assert_eq!(inherited, Admission::Admit, "an inherited right is not a row");
    let part = s.say(p.a, &[h], root, restrict(p.c, Rights::READ));
    assert_eq!(s.try_it(p.a, &[part], root, add(p.c, Rights::MEMBER)), Admission::Admit);
}

#[test]
fn a12_what_acts_on_the_root_only() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let anchor = |notary| Body::Anchor { rules: 1, notary };
    let policy = Body::SlotSet {
        strict: false,
        write: SlotWrite::Policy { key: Text::default(), value: Bytes::default() },
    };
    assert_eq!(s.try_it(p.o, &[x], group(x), anchor(None)), void(Precondition::NotRoot));
    assert_eq!(s.try_it(p.o, &[x], group(x), policy.clone()), void(Precondition::NotRoot));
    assert_eq!(s.try_it(p.o, &[x], root, policy), Admission::Admit);
    assert_eq!(s.try_it(p.o, &[x], root, anchor(Some(p.a.id))), void(Precondition::NotOwner));
    assert_eq!(s.try_it(p.o, &[x], root, anchor(Some(p.o.id))), Admission::Admit);
}

#[test]
fn a12_contexts() {
    let (mut s, p, h) = base();
    let root = s.root();
    let x = s.say(p.o, &[h], root, create());
    let made = s.say(p.c, &[x], group(x), Body::ContextRegistered { application: [0; 32] });
    let context = ContextId::from(made);
    let write = |write| Body::SlotSet { strict: false, write };
    let rights = Rights::READ;
    let writes = |context| {
        [
            write(SlotWrite::ContextDetached(context)),
            write(SlotWrite::ContextRights { context, member: person(3).id, rights }),
            write(SlotWrite::Metadata {
                subject: Subject::Context(context),
                key: Text::default(),
                value: Bytes::default(),
            }),
        ]
    };
    let missing = void(Precondition::NoSuchContext);
    for body in writes(context) {
        assert_eq!(s.try_it(p.o, &[made], group(x), body.clone()), Admission::Admit);
        assert_eq!(s.try_it(p.o, &[made], root, body.clone()), missing, "of another group");
        assert_eq!(s.try_it(p.o, &[x], group(x), body), missing, "not registered yet");
    }
    let [detach, ..] = writes(context);
    let detached = s.say(p.a, &[made], group(x), detach);
    for body in writes(context) {
        assert_eq!(s.try_it(p.o, &[detached], group(x), body), missing, "detached");
    }
}
