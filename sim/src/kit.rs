//! People with deterministic keys who sign real ops, and a stage on which they do it.

#[cfg(test)]
use crate::compare::Twin;
use crate::oracle::Oracle;
use ed25519_dalek::{Signer as _, SigningKey};
use folkmoot_core::bounded::Bounded;
use folkmoot_core::codec;
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, Terms, consent, voucher};
use folkmoot_core::governance::op::{Body, Payload, Visibility};
use folkmoot_core::governance::rights::Rights;
use folkmoot_core::governance::verdict::Admission;
use folkmoot_core::id::{GroupId, MemberId, NamespaceId, OpId};
use folkmoot_core::key::{OwnSignature, Signature};
use folkmoot_core::limits::RULES_VERSION;
use folkmoot_core::signed::{Op, SignedOp, Verified, from_own_log, verify, verify_page};
use folkmoot_core::statement::{Attested, Statement};
use folkmoot_core::time::UnixMillis;
use std::sync::OnceLock;

/// How many people [`person`] knows.
pub const PEOPLE_COUNT: usize = 64;

/// Someone with a key. The same seed is the same key in every run.
#[derive(Clone, Debug)]
pub struct Author {
    key: SigningKey,
    /// The public half.
    pub id: MemberId,
}

/// Author number `at`; numbers wrap at [`PEOPLE_COUNT`].
pub fn person(at: usize) -> &'static Author {
    static PEOPLE: OnceLock<Vec<Author>> = OnceLock::new();
    static NOBODY: OnceLock<Author> = OnceLock::new();
    let people = PEOPLE.get_or_init(|| (0_u64..).take(PEOPLE_COUNT).map(Author::new).collect());
    people.get(at % PEOPLE_COUNT).unwrap_or_else(|| NOBODY.get_or_init(|| Author::new(u64::MAX)))
}

impl Author {
    /// The author whose secret is derived from `seed`.
    pub fn new(seed: u64) -> Self {
        let key = SigningKey::from_bytes(blake3::hash(&seed.to_le_bytes()).as_bytes());
        let id = MemberId(key.verifying_key().to_bytes());
        Self { key, id }
    }

    /// The secret half, to see that it is nowhere else.
    pub fn secret(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// A signature over any bytes.
    pub fn endorse(&self, message: &[u8]) -> Signature {
        Signature(self.key.sign(message).to_bytes())
    }

    /// A signature over a digest, with what it was made of.
    pub fn make(&self, message: &[u8; 32]) -> OwnSignature {
        OwnSignature::make(&self.key, message)
    }

    /// Signs a payload, whatever it says.
    pub fn seal(&self, payload: &Payload) -> SignedOp {
        let mut signed =
            SignedOp { payload: codec::encode(payload), signature: Signature([0; 64]) };
        signed.signature = self.endorse(&signed.id().0);
        signed
    }

    /// The genesis of a namespace of `owners`, signed by this author, who should be the first.
    pub fn found(&self, owners: &[&Author], salt: [u8; 16]) -> Verified<Op> {
        let owners = owners.iter().map(|owner| owner.id).collect();
        let signed = self.seal(&Payload {
            rules: RULES_VERSION,
            namespace: NamespaceId::default(),
            group: GroupId::default(),
            signer: self.id,
            nonce: 1,
            parents: Bounded::default(),
            state_hash: [0; 32],
            body: Body::NamespaceCreated { owners: Bounded::truncated(owners), salt },
        });
        verified(signed.id().into(), &signed)
    }

    /// What an honest author writes who knows `known` and its past: parents are its maximal
    /// elements, nonce and state hash are those that A7 and A9 ask for.
    pub fn draft(&self, oracle: &Oracle, known: &[OpId], group: GroupId, body: Body) -> Payload {
        let past = oracle.closed(known);
        Payload {
            rules: RULES_VERSION,
            namespace: oracle.namespace(),
            group,
            signer: self.id,
            nonce: oracle.next_nonce(self.id, &past),
            parents: Bounded::truncated(oracle.maximal(&past)),
            state_hash: oracle.effect(&past).group_root(group),
            body,
        }
    }

    /// [`Author::draft`], signed and verified.
    pub fn sign(
        &self,
        oracle: &Oracle,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> Verified<Op> {
        verified(oracle.namespace(), &self.seal(&self.draft(oracle, known, group, body)))
    }

    /// Signs a statement as whoever it names.
    pub fn attest<T: Statement>(&self, statement: T) -> Attested<T> {
        let signature = self.endorse(&statement.digest());
        Attested { statement, signature }
    }

    /// Signs terms of an invitation.
    pub fn invite(&self, terms: Terms) -> Invitation {
        Invitation { signature: self.endorse(&terms.id().0), terms }
    }

    /// Uses an invitation whose one-time secret is that of `secret`.
    pub fn accept(&self, invitation: &Invitation, secret: &Author) -> JoinRequest {
        let id = invitation.terms.id();
        JoinRequest {
            invitation: invitation.clone(),
            joiner: self.id,
            signature: self.endorse(&consent(id, self.id)),
            one_time_signature: secret.endorse(&voucher(id, self.id)),
        }
    }
}

/// The op in `signed`, through the front door.
///
/// # Panics
///
/// Where the op is not well-formed or not of `namespace`.
#[expect(clippy::expect_used, reason = "the kit signs; what it signs is meant to be well-formed")]
pub fn verified(namespace: NamespaceId, signed: &SignedOp) -> Verified<Op> {
    verify(&codec::encode(signed), namespace).expect("the kit signs well-formed ops")
}

/// A second handle on the same op.
pub fn copied(op: &Verified<Op>) -> Verified<Op> {
    unchecked(&op.signed, op.inner_valid)
}

/// What the kit has signed, without looking at the signature again.
///
/// # Panics
///
/// Where the bytes are not an op.
#[expect(clippy::expect_used, reason = "the kit signs; what it signs is an op")]
pub fn unchecked(signed: &SignedOp, inner_valid: bool) -> Verified<Op> {
    from_own_log(signed.clone(), inner_valid).expect("the kit signs ops")
}

/// Several ops through the front door, as one page.
///
/// # Panics
///
/// Where one is not well-formed or not of `namespace`.
#[expect(clippy::expect_used, reason = "the kit signs; what it signs is meant to be well-formed")]
pub fn verified_page(namespace: NamespaceId, ops: &[Verified<Op>]) -> Vec<Verified<Op>> {
    let page: Vec<Vec<u8>> = ops.iter().map(|op| codec::encode(&op.signed)).collect();
    let verified = verify_page(&page, namespace).into_iter();
    verified.map(|op| op.expect("the kit signs well-formed ops")).collect()
}

/// An op that nobody has signed yet, to ask for a verdict before the work of signing it.
pub fn unsigned(payload: Payload, inner_valid: bool) -> Op {
    let signed = SignedOp { payload: codec::encode(&payload), signature: Signature([0; 64]) };
    Op { id: signed.id(), payload, signed, inner_valid }
}

/// One namespace, the oracle that watches it, and the ops in the order they were written.
#[derive(Debug)]
pub struct Stage {
    /// Judges every op.
    pub oracle: Oracle,
    /// Every op that is a node of the graph, parents first.
    pub log: Vec<Verified<Op>>,
    /// The engine, which has to say the same.
    #[cfg(test)]
    twin: Twin,
}

impl Stage {
    /// A namespace of these owners, with nothing but its genesis.
    ///
    /// # Panics
    ///
    /// Where there is no owner.
    #[expect(clippy::expect_used, reason = "a stage without owners is a mistake in the test")]
    pub fn found(owners: &[&Author]) -> Self {
        let founder = owners.first().expect("a namespace has an owner");
        let genesis = founder.found(owners, [0; 16]);
        let mut stage = Self {
            oracle: Oracle::new(genesis.id.into()),
            log: Vec::new(),
            #[cfg(test)]
            twin: Twin::default(),
        };
        stage.submit(genesis);
        stage
    }

    /// The root group.
    pub fn root(&self) -> GroupId {
        self.oracle.root()
    }

    /// Id of the genesis.
    pub fn genesis(&self) -> OpId {
        OpId(self.root().0)
    }

    /// Hands an op to the oracle and logs it where it becomes a node.
    pub fn submit(&mut self, op: Verified<Op>) -> Admission {
        let admission = self.oracle.add(copied(&op));
        #[cfg(test)]
        self.twin.hear(&op, &admission, &self.oracle);
        let is_node = matches!(admission, Admission::Admit | Admission::Void(_));
        if is_node && !self.log.iter().any(|known| known.id == op.id) {
            self.log.push(op);
        }
        admission
    }

    /// The verdict on an op that is not handed in: that of the oracle, and of the engine.
    #[cfg(test)]
    pub(crate) fn judge(&self, op: &Op) -> Admission {
        let verdict = self.oracle.judge(op);
        assert_eq!(self.twin.judge(op), verdict, "K12: the verdict on {}", op.payload.body.name());
        verdict
    }

    /// Signs an op at the cut `known` and submits it.
    pub fn attempt(
        &mut self,
        author: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> (OpId, Admission) {
        let op = author.sign(&self.oracle, known, group, body);
        (op.id, self.submit(op))
    }

    /// [`Stage::attempt`] of an op that must be admitted.
    ///
    /// # Panics
    ///
    /// Where it is not.
    pub fn say(&mut self, author: &Author, known: &[OpId], group: GroupId, body: Body) -> OpId {
        let name = body.name();
        let (id, admission) = self.attempt(author, known, group, body);
        assert_eq!(admission, Admission::Admit, "{name} by {:?} on {group:?}", author.id);
        id
    }

    /// [`Stage::attempt`], the verdict only.
    pub fn try_it(
        &mut self,
        author: &Author,
        known: &[OpId],
        group: GroupId,
        body: Body,
    ) -> Admission {
        self.attempt(author, known, group, body).1
    }

    /// Direct rights, with every op known.
    pub fn rights(&self, member: &Author, group: GroupId) -> Rights {
        self.oracle.now().rights(member.id, group)
    }

    /// Whether an op is effective, with every op known.
    pub fn is_effective(&self, id: OpId) -> bool {
        self.oracle.now().effective.contains(&id)
    }

    /// Terms by `inviter` for one use on `group`, with what `known` covers as frontier.
    pub fn terms(
        &self,
        inviter: &Author,
        secret: &Author,
        known: &[OpId],
        group: GroupId,
        rights: Rights,
    ) -> Terms {
        Terms {
            namespace: self.oracle.namespace(),
            group,
            inviter: inviter.id,
            rights,
            uses_max: 1,
            expires_at: UnixMillis(u64::MAX),
            frontier: Bounded::truncated(self.oracle.maximal(&self.oracle.closed(known))),
            one_time_key: secret.id,
        }
    }
}

/// A grant of `rights` to `member`.
pub fn add(member: &Author, rights: Rights) -> Body {
    Body::MemberAdded { member: member.id, rights }
}

/// A restriction of `member` to `keep`.
pub fn restrict(member: &Author, keep: Rights) -> Body {
    Body::MemberRestricted { member: member.id, keep }
}

/// A removal of `member`.
pub fn remove(member: &Author) -> Body {
    restrict(member, Rights::NONE)
}

/// A group that members of the groups above may take part in.
pub fn create() -> Body {
    Body::GroupCreated { visibility: Visibility::Open }
}

/// Changes one bit, counted from the beginning and over again behind the end.
pub fn flip(bytes: &mut [u8], bit: u16) {
    let place = usize::from(bit / 8).checked_rem(bytes.len()).unwrap_or_default();
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << (bit % 8);
    }
}
