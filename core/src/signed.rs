//! Signed ops, and the type that says one was verified (A1 to A3).

mod form;

pub use form::{invitation_is_well_formed, is_well_formed};

use crate::bounded;
use crate::codec::{self, CodecError};
use crate::digest::{Domain, digest};
use crate::governance::op::{Body, Payload};
use crate::id::{NamespaceId, OpId};
use crate::key::{Claim, OwnSignature, Signature, Signers};
use crate::limits::{OP_BYTES_MAX, RULES_VERSION};
use crate::statement::{Attested, Statement};
use alloc::sync::Arc;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::ops::Deref;
use thiserror::Error;

/// An op as it travels. Received bytes are kept and forwarded as they are.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct SignedOp {
    /// Canonical encoding of a [`Payload`].
    pub payload: Vec<u8>,
    /// By the signer in the payload, over the op's id.
    pub signature: Signature,
}

/// The length of the payload is bounded before there is room for it: for a vector of bytes, borsh
/// would first take a megabyte on the word of whoever wrote a length.
impl BorshDeserialize for SignedOp {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let payload = bounded::bytes(reader, OP_BYTES_MAX)?;
        let signature = Signature::deserialize_reader(reader)?;
        Ok(Self { payload, signature })
    }
}

impl SignedOp {
    /// Id of the op: the signature is outside, so a second one makes no second op (D1).
    pub fn id(&self) -> OpId {
        OpId(digest(Domain::Op, &self.payload))
    }

    /// Id and bytes of the op that `bytes` begin with; `None` where they are too short for it.
    pub fn first_in(bytes: &[u8]) -> Option<(OpId, &[u8])> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let payload = rest.get(..length)?;
        Some((OpId(digest(Domain::Op, payload)), bytes.get(..length.checked_add(SEAL_BYTES)?)?))
    }
}

/// Bytes of a signed op beside its payload: the length of that, and the signature.
const SEAL_BYTES: usize = 4 + 64;

/// Something whose signature and form were checked. Only this module makes one: of bytes from
/// elsewhere by [`verify`], of a payload and a signature that was made here by [`Unsigned::seal`],
/// of records of the own log by [`from_own_log`].
#[derive(Debug, PartialEq, Eq)]
pub struct Verified<T>(Arc<T>);

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Own records only: the log and the flight recorder hold what was verified before.
impl BorshSerialize for Verified<Op> {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.signed.serialize(writer)?;
        self.inner_valid.serialize(writer)
    }
}

impl BorshDeserialize for Verified<Op> {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let refuse = |_| borsh::io::Error::from(borsh::io::ErrorKind::InvalidData);
        let signed = SignedOp::deserialize_reader(reader)?;
        let inner_valid = bool::deserialize_reader(reader)?;
        from_own_log(signed, inner_valid).map_err(refuse)
    }
}

/// The flight recorder again; the signature was checked, and is not kept.
impl<T: Statement> BorshSerialize for Verified<T> {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        T::serialize(self, writer)
    }
}

impl<T: Statement + BorshDeserialize> BorshDeserialize for Verified<T> {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        T::deserialize_reader(reader).map(|statement| Self(Arc::new(statement)))
    }
}

/// A decoded op beside its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Op {
    /// Its id.
    pub id: OpId,
    /// What the author signed.
    pub payload: Payload,
    /// The bytes as received.
    pub signed: SignedOp,
    /// Whether the signatures inside the body are valid; true where there are none (A10).
    pub inner_valid: bool,
}

/// A refusal that blames the sender of the bytes: the same on every node, final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum Malformed {
    /// A1: size, form, canonical encoding, bounds.
    #[error("A1: not a well-formed op: {0}")]
    Encoding(CodecError),
    /// A1: a value that no author may write.
    #[error("A1: not a well-formed op: {0}")]
    Value(Flaw),
    /// A2: an op of another namespace.
    #[error("A2: the op belongs to another namespace than the topic or stream it came by")]
    OtherNamespace,
    /// A2: an op of rules that this node does not know; it is parked, and nobody is blamed.
    #[error("A2: the op is of rules version {0}, newer than this node knows: upgrade it")]
    NewerRules(u16),
    /// A3: key or signature.
    #[error("A3: the signature is not valid")]
    Signature,
}

/// A value that no author may write (A1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize)]
pub enum Flaw {
    /// The version does not exist.
    #[error("this rules version does not exist")]
    Rules,
    /// A grant or invitation of nothing.
    #[error("a grant gives at least one right")]
    EmptyGrant,
    /// A genesis that names a namespace, group or state hash.
    #[error("namespace, group and state hash of a genesis are zero")]
    GenesisFields,
    /// No owner, or one twice.
    #[error("a namespace has 1 to 8 distinct owners")]
    Owners,
    /// An invitation with no use, or too many.
    #[error("an invitation has 1 to 10,000 uses")]
    Uses,
    /// A frontier out of order.
    #[error("the frontier of an invitation is strictly ascending")]
    Frontier,
    /// A key in the body.
    #[error("a key in the body is not canonical, or of small order")]
    Key,
}

/// Checks one op that came by the topic or a stream of `namespace` (A1 to A3).
///
/// # Errors
///
/// [`Malformed`], naming the rule.
pub fn verify(bytes: &[u8], namespace: NamespaceId) -> Result<Verified<Op>, Malformed> {
    verify_from(&mut Signers::default(), bytes, namespace)
}

/// As [`verify`], with what is known of those who signed before.
///
/// # Errors
///
/// [`Malformed`], naming the rule.
pub fn verify_from(
    signers: &mut Signers,
    bytes: &[u8],
    namespace: NamespaceId,
) -> Result<Verified<Op>, Malformed> {
    match read(signers, bytes, namespace)? {
        Read::Known(op) => Ok(op),
        Read::New(op) => {
            let valid = signers.judge(&op.claim());
            op.seal(signers, valid)
        }
    }
}

/// Checks a page of ops at once; element by element the same answers as [`verify`].
pub fn verify_page<B: AsRef<[u8]>>(
    page: &[B],
    namespace: NamespaceId,
) -> Vec<Result<Verified<Op>, Malformed>> {
    verify_page_from(&mut Signers::default(), page, namespace)
}

/// As [`verify_page`], with what is known of those who signed before.
pub fn verify_page_from<B: AsRef<[u8]>>(
    signers: &mut Signers,
    page: &[B],
    namespace: NamespaceId,
) -> Vec<Result<Verified<Op>, Malformed>> {
    let page: Vec<&[u8]> = page.iter().map(AsRef::as_ref).collect();
    verify_pages_from(signers, &[(page, namespace)]).pop().unwrap_or_default()
}

/// As [`verify_page_from`], for several pages in one batch: the more signatures there are, the less
/// each one costs.
pub fn verify_pages_from(
    signers: &mut Signers,
    pages: &[(Vec<&[u8]>, NamespaceId)],
) -> Vec<Vec<Result<Verified<Op>, Malformed>>> {
    let read_page = |(page, namespace): &(Vec<&[u8]>, NamespaceId)| -> Vec<_> {
        page.iter().map(|bytes| read(signers, bytes, *namespace)).collect()
    };
    let pages: Vec<Vec<Result<Read, Malformed>>> = pages.iter().map(read_page).collect();
    let claims: Vec<Claim> = pages.iter().flatten().flatten().filter_map(Read::claim).collect();
    let mut verdicts = signers.judge_page(&claims).into_iter();
    let mut seal_next = |read: Result<Read, Malformed>| match read? {
        Read::Known(op) => Ok(op),
        Read::New(op) => op.seal(signers, verdicts.next().unwrap_or(false)),
    };
    pages.into_iter().map(|page| page.into_iter().map(&mut seal_next).collect()).collect()
}

/// Checks a statement that came by the topic or a stream of `namespace` (NET-1, NET-2).
///
/// # Errors
///
/// [`Malformed::OtherNamespace`] or [`Malformed::Signature`].
pub fn verify_statement<T: Statement>(
    attested: Attested<T>,
    namespace: NamespaceId,
) -> Result<Verified<T>, Malformed> {
    verify_statement_from(&mut Signers::default(), attested, namespace)
}

/// As [`verify_statement`], with what is known of those who signed before.
///
/// # Errors
///
/// As [`verify_statement`].
pub fn verify_statement_from<T: Statement>(
    signers: &mut Signers,
    attested: Attested<T>,
    namespace: NamespaceId,
) -> Result<Verified<T>, Malformed> {
    if attested.statement.namespace() != namespace {
        return Err(Malformed::OtherNamespace);
    }
    if !signers.judge(&attested.claim()) {
        return Err(Malformed::Signature);
    }
    Ok(Verified(Arc::new(attested.statement)))
}

/// Reads a record of our own checksummed log, which was verified before it was written.
///
/// # Errors
///
/// [`Malformed`] where the bytes are not an op at all: the log is damaged.
pub fn from_own_log(signed: SignedOp, inner_valid: bool) -> Result<Verified<Op>, Malformed> {
    let payload = codec::decode(&signed.payload, OP_BYTES_MAX).map_err(Malformed::Encoding)?;
    let id = signed.id();
    Ok(Verified(Arc::new(Op { id, payload, signed, inner_valid })))
}

/// An op of our own before its signature: well-formed, and small enough (A1).
///
/// Its encoding is that of the bytes of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    payload: Payload,
    bytes: Vec<u8>,
    id: OpId,
}

impl Unsigned {
    /// Checks and encodes a payload.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the signed op would not pass A1.
    pub fn new(payload: Payload) -> Result<Self, Malformed> {
        is_well_formed(&payload)?;
        let bytes = codec::encode(&payload);
        let max = OP_BYTES_MAX.saturating_sub(SEAL_BYTES);
        if bytes.len() > max {
            return Err(Malformed::Encoding(codec::too_large(bytes.len(), max)));
        }
        let id = OpId(digest(Domain::Op, &bytes));
        Ok(Self { payload, bytes, id })
    }

    /// What the author is about to say.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// What is to be signed.
    pub fn id(&self) -> OpId {
        self.id
    }

    /// Joins the op with the signature that was made for it, which therefore needs no check (A3).
    ///
    /// # Errors
    ///
    /// [`Malformed::Signature`] where it was made with another key than that of the op's signer,
    /// or of something else.
    pub fn seal(self, own: &OwnSignature) -> Result<Verified<Op>, Malformed> {
        let Self { payload, bytes, id } = self;
        let fits = own.is_of(&payload.signer, &id.0);
        let signed = SignedOp { payload: bytes, signature: own.signature() };
        Unjudged { signed, payload, id }.seal(&mut Signers::default(), fits)
    }
}

impl BorshSerialize for Unsigned {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.bytes.serialize(writer)
    }
}

impl BorshDeserialize for Unsigned {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let bytes = Vec::<u8>::deserialize_reader(reader)?;
        let payload = codec::decode(&bytes, OP_BYTES_MAX).map_err(Malformed::Encoding);
        let unsigned = payload.and_then(Self::new);
        unsigned.map_err(|_| borsh::io::Error::from(borsh::io::ErrorKind::InvalidData))
    }
}

/// An op whose signature was not judged yet.
struct Unjudged {
    signed: SignedOp,
    payload: Payload,
    id: OpId,
}

/// What was found in bytes that are well-formed.
#[expect(clippy::large_enum_variant, reason = "a node reads hardly any that it knows")]
enum Read {
    New(Unjudged),
    /// An op that was checked before.
    Known(Verified<Op>),
}

impl Read {
    /// What is left to be judged.
    fn claim(&self) -> Option<Claim> {
        match self {
            Self::New(op) => Some(op.claim()),
            Self::Known(_) => None,
        }
    }
}

fn read(signers: &Signers, bytes: &[u8], namespace: NamespaceId) -> Result<Read, Malformed> {
    let signed: SignedOp = codec::decode(bytes, OP_BYTES_MAX).map_err(Malformed::Encoding)?;
    if let Some(op) = signers.recall_op(&signed) {
        belongs(&op.payload, op.id, namespace)?;
        return Ok(Read::Known(op));
    }
    let version = version_of(&signed);
    if version > RULES_VERSION {
        return Err(Malformed::NewerRules(version));
    }
    let payload: Payload =
        codec::decode(&signed.payload, OP_BYTES_MAX).map_err(Malformed::Encoding)?;
    is_well_formed(&payload)?;
    let id = signed.id();
    belongs(&payload, id, namespace)?;
    Ok(Read::New(Unjudged { signed, payload, id }))
}

/// A2: whether it is an op of this namespace.
fn belongs(payload: &Payload, id: OpId, namespace: NamespaceId) -> Result<(), Malformed> {
    let genesis = matches!(payload.body, Body::NamespaceCreated { .. });
    let own = if genesis { NamespaceId::from(id) } else { payload.namespace };
    if own == namespace { Ok(()) } else { Err(Malformed::OtherNamespace) }
}

impl Unjudged {
    fn claim(&self) -> Claim {
        Claim { key: self.payload.signer, message: self.id.0, signature: self.signed.signature }
    }

    /// The op, where its own signature was found valid; those in its body are judged here.
    fn seal(self, signers: &mut Signers, valid: bool) -> Result<Verified<Op>, Malformed> {
        if !valid {
            return Err(Malformed::Signature);
        }
        let Self { signed, payload, id } = self;
        let inner_valid = match &payload.body {
            Body::MemberJoined { request } => signers.judge_once(&request.claims()),
            Body::InvitationRevoked { invitation } => signers.judge_once(&[invitation.claim()]),
            Body::NamespaceCreated { .. }
            | Body::GroupCreated { .. }
            | Body::GroupMoved { .. }
            | Body::GroupDeleted
            | Body::Anchor { .. }
            | Body::Noop
            | Body::MemberAdded { .. }
            | Body::MemberRestricted { .. }
            | Body::MemberLeft
            | Body::SlotSet { .. }
            | Body::ContextRegistered { .. } => true,
        };
        let op = Verified(Arc::new(Op { id, payload, signed, inner_valid }));
        signers.note_op(&op);
        Ok(op)
    }
}

/// Rules version of an op: it stands first, so that newer ones are recognised before their body.
fn version_of(signed: &SignedOp) -> u16 {
    let head = signed.payload.get(..2).and_then(|head| <[u8; 2]>::try_from(head).ok());
    head.map_or(0, u16::from_le_bytes)
}

/// Rules version that the bytes of an op name; 0 where they are none.
pub fn rules_of(bytes: &[u8]) -> u16 {
    codec::decode::<SignedOp>(bytes, OP_BYTES_MAX).map_or(0, |signed| version_of(&signed))
}

#[cfg(test)]
mod tests;
