//! Challenges and who is served, through `step` (attacks 44 and 45).

use crate::command::Command;
use crate::effect::Effect;
use crate::governance::invitation::JoinRequest;
use crate::governance::op::Body;
use crate::governance::rights::Rights;
use crate::id::{OpId, PeerKey};
use crate::input::{Answer, ExchangeId, Input, RequestId};
use crate::receive;
use crate::signed::Malformed;
use crate::statement::{Attested, Hello};
use crate::testing::Author;
use crate::testing::timed::{OWN_PEER, Timed, authors, peer_of};
use crate::time::UnixMillis;
use crate::wire::{Heads, Nonce, Refused, Request, Response};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The challenges among what was done.
fn challenges<'a>(
    effects: impl IntoIterator<Item = &'a Effect>,
) -> Vec<(RequestId, PeerKey, Nonce)> {
    let challenge = |effect: &Effect| {
        let Effect::Ask { request, peer, question } = effect else { return None };
        let Request::Identify { nonce, .. } = question else { return None };
        Some((*request, *peer, *nonce))
    };
    effects.into_iter().filter_map(challenge).collect()
}

/// Meets a peer: the challenge that it gets.
fn challenge(node: &mut Timed, peer: PeerKey) -> (RequestId, Nonce) {
    let effects = node.meet(peer);
    let [(request, challenged, nonce)] = challenges(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(challenged, peer);
    (request, nonce)
}

fn hello(node: &Timed, member: &Author, nonce: Nonce) -> Hello {
    let (namespace, from) = (node.namespace, peer_of(member));
    Hello { namespace, member: member.id, from, to: OWN_PEER, nonce }
}

/// Answers a challenge with bytes, as they come off the wire.
fn answer(
    node: &mut Timed,
    (request, peer): (RequestId, PeerKey),
    (signer, hello): (&Author, Hello),
    pass: Option<JoinRequest>,
) -> Result<(), Malformed> {
    let hello = Attested::by(hello, |_, digest| Some(signer.sign(digest))).unwrap();
    let pass = pass.map(alloc::boxed::Box::new);
    let bytes = Response::Identity { hello, pass }.encode();
    let answer = receive::answer(&bytes, node.namespace)?;
    assert!(matches!(answer, Answer::Identity { .. }));
    node.input(Input::ResponseReceived { request, peer, answer });
    Ok(())
}

/// Meets a member's peer, which proves who it is.
fn introduce(node: &mut Timed, member: &Author, pass: Option<JoinRequest>) {
    let peer = peer_of(member);
    let (request, nonce) = challenge(node, peer);
    let hello = hello(node, member, nonce);
    answer(node, (request, peer), (member, hello), pass).unwrap();
}

/// What a peer hears that asks for heads.
fn hears(node: &mut Timed, peer: PeerKey) -> Result<(), Refused> {
    let request =
        Request::Heads { namespace: node.namespace, heads: Heads::default(), common: None };
    let exchange = ExchangeId(1);
    let effects =
        node.input(Input::RequestReceived { exchange, peer, request, signatures_valid: true });
    let response = effects.iter().find_map(|effect| {
        if let Effect::Respond { response, .. } = effect { Some(response) } else { None }
    });
    match response {
        Some(Response::Heads { .. }) => Ok(()),
        Some(Response::Refused(why)) => Err(why.clone()),
        other => panic!("{other:?}"),
    }
}

/// Whether a peer is served that asks for heads.
fn is_served(node: &mut Timed, peer: PeerKey) -> bool {
    hears(node, peer).is_ok()
}

#[test]
fn a_peer_that_proves_who_it_is_is_known_until_it_goes() {
    let [owner, friend] = authors();
    let peer = peer_of(&friend);
    let mut node = Timed::founder(&owner, &[&friend]);
    assert!(!is_served(&mut node, peer));
    let (request, nonce) = challenge(&mut node, peer);
    node.now = 40;
    let hello = hello(&node, &friend, nonce);
    answer(&mut node, (request, peer), (&friend, hello), None).unwrap();
    let identity = node.desk().identities.get(&peer).unwrap();
    assert_eq!((identity.member, identity.round_trip_ms), (friend.id, 40));
    assert!(node.desk().identities.peers_of(friend.id).eq([peer]));
    assert!(is_served(&mut node, peer));

    let namespace = node.namespace;
    node.input(Input::PeerUnsubscribed { peer, namespace });
    assert_eq!(node.desk().identities.get(&peer), None);
    introduce(&mut node, &friend, None);
    assert!(is_served(&mut node, peer));
    node.input(Input::PeerDisconnected { peer });
    assert_eq!(node.desk().identities.get(&peer), None);
    assert!(!is_served(&mut node, peer));
}

#[test]
fn a_challenge_is_answered_for_its_ends_and_its_nonce_alone() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let (peer, namespace, nonce) = (peer_of(&friend), node.namespace, [3; 16]);
    let request = Request::Identify { namespace, nonce };
    let exchange = ExchangeId(1);
    let effects =
        node.input(Input::RequestReceived { exchange, peer, request, signatures_valid: true });
    let hello = Hello { namespace, member: owner.id, from: OWN_PEER, to: peer, nonce };
    assert_eq!(effects, [Effect::Introduce { exchange, hello, pass: None }]);
}

#[test]
fn attack_44_a_proof_for_others_of_another_challenge_or_of_our_own_is_none() {
    let [owner, friend, liar] = authors();
    let there = peer_of(&liar);
    let fixture = || {
        let mut node = Timed::founder(&owner, &[&friend, &liar]);
        let (request, nonce) = challenge(&mut node, there);
        let honest = Hello { from: there, ..hello(&node, &friend, nonce) };
        (node, request, honest)
    };
    let (mut node, request, honest) = fixture();
    // The liar cannot sign as the friend.
    let refused = answer(&mut node, (request, there), (&liar, honest), None);
    assert!(matches!(refused, Err(Malformed::Signature)), "{refused:?}");
    // What the friend signed for its own connection, for another challenger, or for another time.
    let elsewhere = peer_of(&friend);
    let changes: [fn(Hello, PeerKey) -> Hello; 4] = [
        |hello, from| Hello { from, ..hello },
        |hello, to| Hello { to, ..hello },
        |hello, _| Hello { nonce: [0; 16], ..hello },
        // Reflected: both ends are exchanged.
        |hello, _| Hello { from: hello.to, to: hello.from, ..hello },
    ];
    for change in changes {
        let (mut node, request, honest) = fixture();
        let stolen = change(honest, elsewhere);
        answer(&mut node, (request, there), (&friend, stolen), None).unwrap();
        assert_eq!(node.desk().identities.get(&there), None);
        assert!(!is_served(&mut node, there));
    }
    // Our own hello, shown to us by the peer that got it.
    let (mut node, request, honest) = fixture();
    let ours = Hello { member: owner.id, from: OWN_PEER, to: there, ..honest };
    answer(&mut node, (request, there), (&owner, ours), None).unwrap();
    assert_eq!(node.desk().identities.get(&there), None);
    // The same with nothing changed counts, once: its nonce does not come again.
    let (mut node, request, honest) = fixture();
    answer(&mut node, (request, there), (&friend, honest.clone()), None).unwrap();
    assert_eq!(node.desk().identities.member(&there), Some(friend.id));
    node.input(Input::PeerDisconnected { peer: there });
    let (request, _) = challenge(&mut node, there);
    answer(&mut node, (request, there), (&friend, honest), None).unwrap();
    assert_eq!(node.desk().identities.get(&there), None);
}

#[test]
fn a_proof_that_failed_is_asked_for_again_after_a_second_and_then_twice_as_long() {
    let [owner, friend] = authors();
    let peer = peer_of(&friend);
    let mut node = Timed::founder(&owner, &[&friend]);
    let (mut request, _) = challenge(&mut node, peer);
    for wait in [1000, 2000, 4000] {
        let start = node.now;
        let answer = Answer::Refused(Refused::UnknownNamespace);
        node.input(Input::ResponseReceived { request, peer, answer });
        let early = node.pass_to(start + wait - 1);
        assert_eq!(challenges(early.iter().map(|(_, effect)| effect)), []);
        let done = node.pass_to(start + wait);
        let again = challenges(done.iter().map(|(_, effect)| effect));
        let [(next, _, _)] = again[..] else { panic!("{again:?}") };
        request = next;
    }
    // Nobody is challenged who is gone.
    node.input(Input::RequestFailed { request });
    node.input(Input::PeerDisconnected { peer });
    let done = node.pass_to(node.now + 100_000);
    assert_eq!(challenges(done.iter().map(|(_, effect)| effect)), []);
}

#[test]
fn a_late_proof_of_one_who_is_gone_is_none() {
    let [owner, friend] = authors();
    let peer = peer_of(&friend);
    let mut node = Timed::founder(&owner, &[&friend]);
    let (request, nonce) = challenge(&mut node, peer);
    node.input(Input::PeerDisconnected { peer });
    let hello = hello(&node, &friend, nonce);
    answer(&mut node, (request, peer), (&friend, hello), None).unwrap();
    assert_eq!(node.desk().identities.get(&peer), None);
}

#[test]
fn a_removed_member_is_served_and_a_stranger_is_not() {
    let [owner, friend, stranger] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    introduce(&mut node, &friend, None);
    introduce(&mut node, &stranger, None);
    let (member, keep) = (friend.id, Rights::NONE);
    node.govern(Body::MemberRestricted { member, keep });
    // It must be able to learn of its removal.
    assert!(is_served(&mut node, peer_of(&friend)));
    assert!(!is_served(&mut node, peer_of(&stranger)));
}

/// What an admin writes who is away, beside what the others write.
fn written_by(admin: &Author, node: &Timed, body: Body) -> Vec<u8> {
    let mut away = node.clone();
    away.author = admin.clone();
    away.state.durable.namespaces.get_mut(&node.namespace).unwrap().me = admin.id;
    let published = away.govern(body).into_iter().find_map(|effect| {
        if let Effect::Publish { gossip, .. } = effect { Some(gossip.encode()) } else { None }
    });
    published.unwrap()
}

#[test]
fn a_removed_admin_gives_nobody_the_right_to_read_whichever_came_first() {
    for grant_first in [false, true] {
        let [owner, admin, puppet] = authors();
        let mut node = Timed::founder(&owner, &[]);
        let (member, rights) = (admin.id, Rights::ADMIN);
        node.govern(Body::MemberAdded { member, rights });
        introduce(&mut node, &admin, None);
        introduce(&mut node, &puppet, None);
        let removal = Body::MemberRestricted { member: admin.id, keep: Rights::NONE };
        let removal = written_by(&owner, &node, removal);
        let grant = Body::MemberAdded { member: puppet.id, rights: Rights::MEMBER };
        let grant = written_by(&admin, &node, grant);
        let via = peer_of(&admin);
        if grant_first {
            node.gossip(via, &grant);
            assert!(is_served(&mut node, peer_of(&puppet)), "nobody knows better yet");
        }
        node.gossip(via, &removal);
        if !grant_first {
            node.gossip(via, &grant);
        }
        // It is told no more than that; whoever was given nothing is not told that much.
        assert_eq!(hears(&mut node, peer_of(&puppet)), Err(Refused::Ineffective), "{grant_first}");
        assert!(is_served(&mut node, peer_of(&admin)));
        let stranger = Author::new(9);
        introduce(&mut node, &stranger, None);
        assert_eq!(hears(&mut node, peer_of(&stranger)), Err(Refused::Stranger));
    }
}

#[test]
fn one_who_lost_its_rights_is_served_if_somebody_built_on_them() {
    let [owner, admin, friend, witness] = authors();
    let mut node = Timed::founder(&owner, &[&witness]);
    let (member, rights) = (admin.id, Rights::ADMIN);
    node.govern(Body::MemberAdded { member, rights });
    introduce(&mut node, &friend, None);
    let removal = Body::MemberRestricted { member: admin.id, keep: Rights::NONE };
    let removal = written_by(&owner, &node, removal);
    let grant = Body::MemberAdded { member: friend.id, rights: Rights::MEMBER };
    let grant = written_by(&admin, &node, grant);
    let via = peer_of(&admin);
    node.gossip(via, &grant);
    let built_on_it = written_by(&witness, &node, Body::Noop);
    node.gossip(via, &removal);
    assert!(!is_served(&mut node, peer_of(&friend)));
    node.gossip(via, &built_on_it);
    assert!(is_served(&mut node, peer_of(&friend)));
}

/// An invitation of the node's author for `joiner`, until a time, changed by `change`.
fn pass(
    node: &Timed,
    inviter: &Author,
    joiner: &Author,
    change: impl Fn(&mut crate::governance::invitation::Terms),
) -> JoinRequest {
    use crate::governance::invitation::{Invitation, consent, voucher};
    let mut request = inviter.invite(joiner, node.namespace);
    let mut terms = request.invitation.terms;
    change(&mut terms);
    let (id, secret) = (terms.id(), Author::new(u64::MAX));
    request.invitation = Invitation { signature: inviter.sign(&id.0), terms };
    request.signature = joiner.sign(&consent(id, joiner.id));
    request.one_time_signature = secret.sign(&voucher(id, joiner.id));
    assert!(request.is_signed());
    request
}

#[test]
fn net_25_who_holds_an_invitation_is_served_until_it_expires() {
    let [owner, joiner] = authors();
    for (left, served) in [(-1, false), (0, true), (1, true)] {
        let mut node = Timed::founder(&owner, &[]);
        let expires_at = UnixMillis(node.unix().0.checked_add_signed(left).unwrap());
        let pass = pass(&node, &owner, &joiner, |terms| terms.expires_at = expires_at);
        introduce(&mut node, &joiner, Some(pass));
        assert_eq!(is_served(&mut node, peer_of(&joiner)), served, "{left}");
    }
}

#[test]
fn an_invitation_by_one_who_may_not_invite_opens_nothing() {
    let [owner, friend, joiner, stranger] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let (member, rights) = (friend.id, Rights::READ);
    node.govern(Body::MemberAdded { member, rights });
    for inviter in [&friend, &stranger] {
        let pass = pass(&node, inviter, &joiner, |_| ());
        introduce(&mut node, &joiner, Some(pass));
        assert!(!is_served(&mut node, peer_of(&joiner)));
        node.input(Input::PeerDisconnected { peer: peer_of(&joiner) });
    }
    // Rights that the inviter has not, a group that is not, and one that is another's to show.
    let there = peer_of(&joiner);
    let elsewhere = crate::id::GroupId([4; 32]);
    let nowhere = pass(&node, &owner, &joiner, |terms| terms.group = elsewhere);
    introduce(&mut node, &joiner, Some(nowhere));
    assert!(!is_served(&mut node, there));
    node.input(Input::PeerDisconnected { peer: there });
    let others = pass(&node, &owner, &stranger, |_| ());
    introduce(&mut node, &joiner, Some(others));
    assert_eq!(node.desk().identities.get(&there), None);
}

#[test]
fn an_invitation_that_is_used_up_or_revoked_opens_nothing_for_others() {
    let [owner, first, second] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let late = pass(&node, &owner, &second, |_| ());
    introduce(&mut node, &second, Some(late));
    assert!(is_served(&mut node, peer_of(&second)));
    // The witness admits another by the same invitation.
    let request = pass(&node, &owner, &first, |_| ());
    introduce(&mut node, &first, Some(request.clone()));
    let (exchange, peer) = (ExchangeId(9), peer_of(&first));
    let request = Request::Join { request: Box::new(request) };
    node.input(Input::RequestReceived { exchange, peer, request, signatures_valid: true });
    assert!(is_served(&mut node, peer));
    assert!(!is_served(&mut node, peer_of(&second)));

    let mut node = Timed::founder(&owner, &[]);
    let request = pass(&node, &owner, &second, |_| ());
    let invitation = request.invitation.clone();
    introduce(&mut node, &second, Some(request));
    assert!(is_served(&mut node, peer_of(&second)));
    node.govern(Body::InvitationRevoked { invitation });
    assert!(!is_served(&mut node, peer_of(&second)));
}

#[test]
fn net_26_who_may_not_read_with_an_invitation_is_told_why_by_one_who_knows() {
    let [owner, joiner, stranger] = authors();
    let mut node = Timed::founder(&owner, &[]);
    let known = crate::bounded::Bounded::truncated(node.heads());
    let unknown = crate::bounded::Bounded::truncated(alloc::vec![OpId([9; 32])]);
    for (frontier, is_informed) in [(known, true), (unknown, false)] {
        let late = pass(&node, &owner, &joiner, |terms| {
            (terms.expires_at, terms.frontier) = (UnixMillis(1), frontier.clone());
        });
        introduce(&mut node, &joiner, Some(late));
        let why = if is_informed { Refused::Expired } else { Refused::Stranger };
        assert_eq!(hears(&mut node, peer_of(&joiner)), Err(why));
        let by_nobody = pass(&node, &stranger, &joiner, |terms| terms.frontier = frontier.clone());
        introduce(&mut node, &joiner, Some(by_nobody));
        let why = hears(&mut node, peer_of(&joiner)).unwrap_err();
        assert_eq!(matches!(why, Refused::NotAdmitted(_)), is_informed, "{why:?}");
    }
}

#[test]
fn who_takes_part_no_longer_knows_nobody() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let (request, _) = challenge(&mut node, peer_of(&friend));
    let namespace = node.namespace;
    node.command(Command::Close { namespace });
    node.input(Input::RequestFailed { request });
    assert!(!node.state.volatile.desks.contains_key(&namespace));
}

#[test]
fn net_3_a_peer_that_comes_and_goes_is_challenged_once_a_second_and_in_the_end() {
    let [owner, friend] = authors();
    let mut node = Timed::founder(&owner, &[&friend]);
    let (peer, namespace) = (peer_of(&friend), node.namespace);
    let mut seen = 0;
    for _ in 0..1000 {
        let effects = node.meet(peer);
        seen += challenges(&effects).len();
        node.input(Input::PeerUnsubscribed { peer, namespace });
    }
    assert_eq!(seen, 32);
    // Reconnecting earns no more, and others are none the poorer.
    node.input(Input::PeerDisconnected { peer });
    assert_eq!(challenges(&node.meet(peer)), []);
    assert_eq!(challenges(&node.meet(peer_of(&owner))).len(), 1);
    let done = node.pass_to(node.now + 1000);
    let later = challenges(done.iter().map(|(_, effect)| effect));
    assert!(later.iter().any(|(_, challenged, _)| *challenged == peer), "{later:?}");
}
