//! Bytes of peers, turned into inputs: decoded, and every signature checked, once and here.
//!
//! Pure and slow, so it runs before the reducer and beside it, on as many threads as there are. The
//! verdict is the reducer's, also where it can be but one (NET-2).

use crate::codec::CodecError;
use crate::id::{NamespaceId, PeerKey};
use crate::input::{Answer, ExchangeId, Heard, Input, MessageId};
use crate::key::Signers;
use crate::signed::{
    Malformed, Op, Verified, verify_from, verify_pages_from, verify_statement_from,
};
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
    let mut answers = answers_from(signers, &[(bytes, namespace)]);
    answers.pop().unwrap_or(Err(Malformed::Encoding(CodecError::Malformed)))
}

/// As [`answer_from`], for several answers: the ops of all of them are checked in one batch. They
/// are of one peer, for where one signature is wrong all of them take longer.
pub fn answers_from(
    signers: &mut Signers,
    answers: &[(&[u8], NamespaceId)],
) -> Vec<Result<Answer, Malformed>> {
    let responses: Vec<_> = answers.iter().map(|(bytes, _)| Response::decode(bytes)).collect();
    let namespaces = answers.iter().map(|(_, namespace)| *namespace);
    let pages: Vec<_> = responses.iter().map(ops_in).zip(namespaces.clone()).collect();
    let checked = verify_pages_from(signers, &pages);
    let answers = responses.into_iter().zip(namespaces).zip(checked);
    let answers = answers.map(|((response, namespace), ops)| {
        of_response(signers, response.map_err(Malformed::Encoding)?, ops, namespace)
    });
    answers.collect()
}

fn ops_in(response: &Result<Response, CodecError>) -> Vec<&[u8]> {
    match response {
        Ok(Response::Ops { ops, .. }) => ops.iter().map(|op| &**op).collect(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// What a response says; `checked` are the ops in it.
fn of_response(
    signers: &mut Signers,
    response: Response,
    checked: Vec<Result<Verified<Op>, Malformed>>,
    namespace: NamespaceId,
) -> Result<Answer, Malformed> {
    match response {
        Response::Heads { heads, state_root, knows_yours } => {
            Ok(Answer::Heads { heads, state_root, knows_ours: knows_yours })
        }
        Response::Ops { ops, total } => Ok(page(&ops, checked, total)),
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

fn page(page: &[OpBytes], checked: Vec<Result<Verified<Op>, Malformed>>, total: u64) -> Answer {
    let count = page.len() as u64;
    let (mut ops, mut newer, mut refused) = (Vec::with_capacity(page.len()), Vec::new(), None);
    for (checked, bytes) in checked.into_iter().zip(page) {
        match checked {
            Ok(op) => ops.push(op),
            Err(Malformed::NewerRules(_)) => newer.push(bytes.to_vec()),
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    Answer::Ops { ops, count, refused, newer, total }
}
