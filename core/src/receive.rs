//! Bytes of peers, turned into inputs: decoded, and every signature checked, once and here.
//!
//! Pure and slow, so it runs before the reducer and beside it, on as many threads as there are. The
//! verdict is the reducer's, also where it can be but one (NET-2).

use crate::id::{NamespaceId, PeerKey};
use crate::input::{Answer, ExchangeId, Heard, Input, MessageId};
use crate::key::Signers;
use crate::signed::{Malformed, verify_from, verify_page_from, verify_statement_from};
use crate::wire::{Gossip, OpBytes, Request, Response};
use alloc::vec::Vec;

/// A message that `peer` forwarded on the topic of `namespace` (NET-1). `signers` are those whose
/// messages were checked here before.
pub fn gossip(
    signers: &mut Signers,
    message: MessageId,
    peer: PeerKey,
    namespace: NamespaceId,
    bytes: &[u8],
) -> Input {
    let heard = match Gossip::decode(bytes) {
        Ok(Gossip::Op(op) | Gossip::Again { op, .. }) => match verify_from(signers, &op, namespace)
        {
            Err(Malformed::NewerRules(rules)) => {
                let bytes = op.into_vec();
                return Input::NewerOpReceived { message, peer, namespace, rules, bytes };
            }
            checked => checked.map(Heard::Op),
        },
        Ok(Gossip::Beacon(beacon)) => {
            verify_statement_from(signers, *beacon, namespace).map(Heard::Beacon)
        }
        Ok(Gossip::Probe { namespace: named, .. }) if named != namespace => {
            Err(Malformed::OtherNamespace)
        }
        Ok(Gossip::Probe { nonce, .. }) => Ok(Heard::Probe { nonce }),
        Err(why) => Err(Malformed::Encoding(why)),
    };
    Input::GossipReceived { message, peer, namespace, heard }
}

/// A request of a peer.
///
/// # Errors
///
/// [`Malformed`]: it gets no answer, and its sender is charged.
pub fn request(exchange: ExchangeId, peer: PeerKey, bytes: &[u8]) -> Result<Input, Malformed> {
    request_from(&mut Signers::default(), exchange, peer, bytes)
}

/// As [`request`], with what is known of those who signed before.
///
/// # Errors
///
/// As [`request`].
pub fn request_from(
    signers: &mut Signers,
    exchange: ExchangeId,
    peer: PeerKey,
    bytes: &[u8],
) -> Result<Input, Malformed> {
    let request = Request::decode(bytes).map_err(Malformed::Encoding)?;
    let signatures_valid = match &request {
        Request::Join { request } => signers.judge_once(&request.claims()),
        Request::Ack(ack) => signers.judge(&ack.claim()),
        Request::Heads { .. }
        | Request::Fetch { .. }
        | Request::Identify { .. }
        | Request::Reconcile { .. } => true,
    };
    Ok(Input::RequestReceived { exchange, peer, request, signatures_valid })
}

/// The answer to a question about `namespace`.
///
/// # Errors
///
/// [`Malformed`]: it is as good as none, and its sender is charged.
pub fn answer(bytes: &[u8], namespace: NamespaceId) -> Result<Answer, Malformed> {
    answer_from(&mut Signers::default(), bytes, namespace)
}

/// As [`answer`], with what is known of those who signed before.
///
/// # Errors
///
/// As [`answer`].
pub fn answer_from(
    signers: &mut Signers,
    bytes: &[u8],
    namespace: NamespaceId,
) -> Result<Answer, Malformed> {
    let response = Response::decode(bytes).map_err(Malformed::Encoding)?;
    match response {
        Response::Heads { heads, state_root, knows_yours } => {
            Ok(Answer::Heads { heads, state_root, knows_ours: knows_yours })
        }
        Response::Ops { ops, total } => Ok(page(signers, &ops, total, namespace)),
        Response::Joined(op) => verify_from(signers, &op, namespace).map(Answer::Joined),
        Response::Refused(why) => Ok(Answer::Refused(why)),
        Response::Identity { hello, pass } => {
            let hello = verify_statement_from(signers, hello, namespace)?;
            match pass {
                Some(pass) if !signers.judge_once(&pass.claims()) => Err(Malformed::Signature),
                pass => Ok(Answer::Identity { hello, pass }),
            }
        }
        Response::Ranges(ranges) => Ok(Answer::Ranges(ranges)),
        Response::Noted => Ok(Answer::Noted),
    }
}

fn page(signers: &mut Signers, page: &[OpBytes], total: u64, namespace: NamespaceId) -> Answer {
    let page: Vec<&[u8]> = page.iter().map(|op| &**op).collect();
    let count = page.len() as u64;
    let (mut ops, mut newer, mut refused) = (Vec::new(), Vec::new(), None);
    for (checked, bytes) in verify_page_from(signers, &page, namespace).into_iter().zip(page) {
        match checked {
            Ok(op) => ops.push(op),
            Err(Malformed::NewerRules(_)) => newer.push(bytes.to_vec()),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    Answer::Ops { ops, count, refused, newer, total }
}
