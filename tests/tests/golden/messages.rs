//! Every message between nodes.

use super::ops::{request, signed_ops};
use super::{Book, unhex};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::{Precondition, Unauthorised, VoidAtCut};
use folkmoot_core::id::{NamespaceId, OpId};
use folkmoot_core::wire::{Gossip, Heads, OpBytes, Refused, Request, Response};

fn heads(count: u8) -> Heads {
    Heads::truncated((1..=count).map(|at| OpId([at; 32])).collect())
}

fn op_bytes(at: usize) -> OpBytes {
    OpBytes::new(codec::encode(&signed_ops()[at])).unwrap()
}

fn requests() -> Vec<(&'static str, Request)> {
    let namespace = NamespaceId([0xaa; 32]);
    let fetch = |after| Request::Fetch { namespace, want: heads(2), have: heads(1), after };
    vec![
        ("heads.none", Request::Heads { namespace, heads: heads(0) }),
        ("heads", Request::Heads { namespace, heads: heads(3) }),
        ("fetch", fetch(None)),
        ("fetch.after", fetch(Some(OpId([0xbb; 32])))),
        ("join", Request::Join { request: Box::new(request()) }),
    ]
}

/// Every way in which an op is void at its cut.
fn voids() -> Vec<VoidAtCut> {
    let (got, expected) = ([1; 32], [2; 32]);
    let unauthorised = [
        Unauthorised::Signer(Rights::MEMBERS),
        Unauthorised::Inviter(Rights::INVITE),
        Unauthorised::Invitation,
        Unauthorised::Frontier,
        Unauthorised::UsedUp,
        Unauthorised::Revoked,
        Unauthorised::Removed,
        Unauthorised::Left,
        Unauthorised::NotNotary,
    ];
    let preconditions = [
        Precondition::NoSuchGroup,
        Precondition::TooDeep,
        Precondition::Circle,
        Precondition::Root,
        Precondition::NothingAdded,
        Precondition::NoSuchContext,
        Precondition::NotRoot,
        Precondition::NotOwner,
    ];
    let mut voids = vec![
        VoidAtCut::StateHashMismatch { got, expected },
        VoidAtCut::NotSenior,
        VoidAtCut::NothingToTake,
    ];
    voids.extend(unauthorised.map(VoidAtCut::NotAuthorised));
    voids.extend(preconditions.map(VoidAtCut::Precondition));
    voids
}

fn responses() -> Vec<(String, Response)> {
    let page = |ops: &[usize], more| Response::Ops {
        ops: Bounded::truncated(ops.iter().map(|at| op_bytes(*at)).collect()),
        more,
    };
    let mut responses = vec![
        ("heads".to_owned(), Response::Heads(heads(2))),
        ("ops.none".to_owned(), page(&[], false)),
        ("ops".to_owned(), page(&[0, 7], true)),
        ("joined".to_owned(), Response::Joined(op_bytes(11))),
    ];
    for refused in [Refused::UnknownNamespace, Refused::Busy, Refused::Expired] {
        responses.push((format!("refused.{refused:?}"), Response::Refused(refused)));
    }
    for (number, void) in voids().into_iter().enumerate() {
        let refused = Response::Refused(Refused::NotAdmitted(void));
        responses.push((format!("refused.NotAdmitted.{number}"), refused));
    }
    responses
}

#[test]
fn golden_messages() {
    let mut book = Book::new("messages.txt");
    let gossip = Gossip::Op(op_bytes(0));
    book.bytes("gossip.op", gossip.encode());
    for (name, request) in requests() {
        book.bytes(format!("request.{name}"), request.encode());
    }
    for (name, response) in responses() {
        book.bytes(format!("response.{name}"), response.encode());
    }
    let stored = book.close();
    let read = |name: String| unhex(&stored[&name]);
    assert_eq!(Gossip::decode(&read("gossip.op".into())), Ok(gossip));
    for (name, request) in requests() {
        assert_eq!(Request::decode(&read(format!("request.{name}"))), Ok(request), "{name}");
    }
    for (name, response) in responses() {
        assert_eq!(Response::decode(&read(format!("response.{name}"))), Ok(response), "{name}");
    }
}
