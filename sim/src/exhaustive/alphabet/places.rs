//! A small world about places: authority that is held above, groups that move away from it, people
//! who were removed or left, and who is the notary.

#![expect(clippy::many_single_char_names, reason = "the people and groups of small worlds")]

use super::{Base, Letter};
use crate::kit::{Author, Stage, add, create, person, remove, restrict};
use folkmoot_core::governance::invitation::Invitation;
use folkmoot_core::governance::op::{Body, SlotWrite, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::id::{GroupId, OpId};
use folkmoot_core::limits::RULES_VERSION;

/// G and H stand below the root, S below G.
struct Groups {
    root: GroupId,
    g: GroupId,
    h: GroupId,
    s: GroupId,
}

impl Base {
    /// Owners O and W, admin P; L an admin of G, K of H; M a member of S. P has removed R from G,
    /// and V has left G. L wrote two invitations to S: one before V left, and one after.
    pub fn places() -> Self {
        let [owner, second, admin, local, other, member, removed, left] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(person);
        let mut stage = Stage::found(&[owner, second]);
        let root = stage.root();
        let mut head = stage.genesis();
        let mut say = |author, group, body| {
            head = stage.say(author, &[head], group, body);
            head
        };
        say(owner, root, add(admin, Rights::ADMIN));
        let [g, h] = [(); 2].map(|()| GroupId::from(say(owner, root, create())));
        let s = say(owner, g, create()).into();
        say(owner, g, add(local, Rights::ADMIN));
        say(owner, h, add(other, Rights::ADMIN));
        say(admin, s, add(member, Rights::MEMBER));
        say(admin, g, add(removed, Rights::MEMBER));
        let early = say(admin, g, add(left, Rights::MEMBER));
        say(admin, g, remove(removed));
        let head = say(left, g, Body::MemberLeft);
        let invite = |known: OpId| {
            let mut terms = stage.terms(local, person(9), &[known], s, Rights::MEMBER);
            terms.uses_max = 2;
            local.invite(terms)
        };
        let invitations = [invite(early), invite(head)];
        let letters = letters(&Groups { root, g, h, s }, &invitations);
        Self { stage, head, letters }
    }
}

fn letters(groups: &Groups, [early, late]: &[Invitation; 2]) -> Vec<Letter> {
    let Groups { root, g, h, s } = *groups;
    let [o, w, p, l, k, m, r, v, x] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(person);
    let admit = |joiner: &Author, invitation| Body::MemberJoined {
        request: joiner.accept(invitation, person(9)),
    };
    let anchor = |notary| Body::Anchor { rules: RULES_VERSION, notary };
    let under = |new_parent| Body::GroupMoved { new_parent };
    let close = SlotWrite::Visibility(Visibility::Restricted);
    let close = Body::SlotSet { strict: true, write: close };
    let all = vec![
        ("O moves S under H", o, s, under(h)),
        ("O removes P", o, root, remove(p)),
        ("O anchors", o, root, anchor(None)),
        ("O makes W the notary", o, root, anchor(Some(w.id))),
        ("W anchors", w, root, anchor(None)),
        ("W removes L from G", w, g, remove(l)),
        ("P moves S under H", p, s, under(h)),
        ("P moves S under G", p, s, under(g)),
        ("P moves G under H", p, g, under(h)),
        ("P moves H under S", p, h, under(s)),
        ("P removes L from S", p, s, remove(l)),
        ("P leaves L a member's rights in S", p, s, restrict(l, Rights::MEMBER)),
        ("P makes L an admin of S", p, s, add(l, Rights::ADMIN)),
        ("P adds R to G", p, g, add(r, Rights::READ)),
        ("P removes M from G", p, g, remove(m)),
        ("P deletes G", p, g, Body::GroupDeleted),
        ("L acts in S", l, s, Body::Noop),
        ("L adds X to S", l, s, add(x, Rights::MEMBER)),
        ("L removes M from S", l, s, remove(m)),
        ("L creates a group in S", l, s, create()),
        ("L closes S", l, s, close.clone()),
        ("L deletes S", l, s, Body::GroupDeleted),
        ("L shuts himself out of S", l, s, remove(l)),
        ("L leaves G", l, g, Body::MemberLeft),
        ("K removes M from S", k, s, remove(m)),
        ("K adds X to S", k, s, add(x, Rights::READ)),
        ("K closes S", k, s, close),
        ("M admits R", m, s, admit(r, late)),
        ("M admits V by the old invitation", m, s, admit(v, early)),
        ("M admits V by the new invitation", m, s, admit(v, late)),
        ("P admits X", p, s, admit(x, late)),
        (
            "P revokes the new invitation",
            p,
            s,
            Body::InvitationRevoked { invitation: late.clone() },
        ),
    ];
    let letter = |(name, author, group, body)| Letter { name, author, group, body };
    all.into_iter().map(letter).collect()
}
