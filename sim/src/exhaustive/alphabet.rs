//! What people may do in a small world, and the world in which they do it.

#![expect(clippy::many_single_char_names, reason = "the people and groups of small worlds")]

mod places;

use crate::kit::{Author, Stage, add, create, person, remove, restrict};
use folkmoot_core::bounded::{Bytes, Text};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::{Body, SlotWrite, Subject, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::limits::RULES_VERSION;

/// One thing that one person does.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What it is, for people.
    pub name: &'static str,
    /// Who does it.
    pub author: &'static Author,
    /// On which group.
    pub group: GroupId,
    /// What.
    pub body: Body,
}

/// The namespace that every world extends, and the letters to extend it with.
#[derive(Debug)]
pub struct Base {
    /// The namespace with its oracle.
    pub stage: Stage,
    /// Its one head.
    pub head: OpId,
    /// The letters.
    pub letters: Vec<Letter>,
}

/// The people of [`Base::people`]. X and Y are invited.
struct Cast {
    owner: &'static Author,
    first: &'static Author,
    second: &'static Author,
    member: &'static Author,
    x: &'static Author,
    y: &'static Author,
}

impl Base {
    /// Owner O, admin P senior to admin Q, member M; groups G and H below the root.
    pub fn people() -> Self {
        let [owner, first, second, member, x, y] = [0, 1, 2, 3, 4, 5].map(person);
        let cast = Cast { owner, first, second, member, x, y };
        let mut stage = Stage::found(&[owner]);
        let root = stage.root();
        let mut head = stage.genesis();
        let grants = [(first, Rights::ADMIN), (second, Rights::ADMIN), (member, Rights::MEMBER)];
        for (member, rights) in grants {
            head = stage.say(owner, &[head], root, add(member, rights));
        }
        let mut groups = [root; 2];
        for group in &mut groups {
            head = stage.say(owner, &[head], root, create());
            *group = head.into();
        }
        let terms = stage.terms(first, person(9), &[head], root, Rights::MEMBER);
        let invitation = first.invite(terms);
        let letters = letters(&cast, root, groups, &invitation);
        Self { stage, head, letters }
    }
}

fn letters(
    cast: &Cast,
    root: GroupId,
    [g, h]: [GroupId; 2],
    invitation: &Invitation,
) -> Vec<Letter> {
    let Cast { owner: o, first: p, second: q, member: m, x, y } = *cast;
    let rights = Rights::MEMBER | Rights::INVITE;
    let admit =
        |joiner: &Author| Body::MemberJoined { request: joiner.accept(invitation, person(9)) };
    let write = |write| Body::SlotSet { strict: true, write };
    let name = |value: &[u8]| {
        let (subject, key) = (Subject::Group, Text::new("name").unwrap_or_default());
        write(SlotWrite::Metadata { subject, key, value: Bytes::truncated(value.to_vec()) })
    };
    let anchor = |notary| Body::Anchor { rules: RULES_VERSION, notary };
    let under = |new_parent| Body::GroupMoved { new_parent };
    let context = Body::ContextRegistered { application: [7; 32] };
    let revoke = Body::InvitationRevoked { invitation: invitation.clone() };
    let all = vec![
        ("O removes P", o, root, remove(p)),
        ("O removes Q", o, root, remove(q)),
        ("O makes P an admin", o, root, add(p, Rights::ADMIN)),
        ("O removes M", o, root, remove(m)),
        ("O sets default rights", o, root, write(SlotWrite::DefaultRights(rights))),
        ("O anchors", o, root, anchor(None)),
        ("O makes P the notary", o, root, anchor(Some(p.id))),
        ("P removes Q", p, root, remove(q)),
        ("P leaves Q a member's rights", p, root, restrict(q, rights)),
        ("P makes Q an admin", p, root, add(q, Rights::ADMIN)),
        ("P removes Q from G", p, g, remove(q)),
        ("P removes M", p, root, remove(m)),
        ("P makes M an admin", p, root, add(m, Rights::ADMIN)),
        ("P leaves", p, root, Body::MemberLeft),
        ("P anchors", p, root, anchor(None)),
        ("P admits X", p, root, admit(x)),
        ("P revokes the invitation", p, root, revoke),
        ("P names the root", p, root, name(b"p")),
        ("P moves G under H", p, g, under(h)),
        ("P deletes H", p, h, Body::GroupDeleted),
        ("P registers a context in G", p, g, context),
        ("Q removes P", q, root, remove(p)),
        ("Q removes M", q, root, remove(m)),
        ("Q leaves M one right", q, root, restrict(m, Rights::READ)),
        ("Q makes M an admin", q, root, add(m, Rights::ADMIN)),
        ("Q makes P an admin in G", q, g, add(p, Rights::ADMIN)),
        ("Q admits Y", q, root, admit(y)),
        ("Q names the root", q, root, name(b"q")),
        ("Q moves H under G", q, h, under(g)),
        ("Q deletes G", q, g, Body::GroupDeleted),
        ("Q closes G", q, g, write(SlotWrite::Visibility(Visibility::Restricted))),
        ("Q creates a group in G", q, g, create()),
        ("Q leaves", q, root, Body::MemberLeft),
        ("M removes Q", m, root, remove(q)),
        ("M adds X", m, root, add(x, Rights::READ)),
        ("M leaves", m, root, Body::MemberLeft),
    ];
    let letter = |(name, author, group, body)| Letter { name, author, group, body };
    all.into_iter().map(letter).collect()
}
