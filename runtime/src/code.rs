//! The string that a person passes on to invite another: `moot1…`.
//!
//! It holds the signed invitation, the one-time secret, and addresses of the inviter. Secret and
//! addresses are outside the signature; the invitation names the secret's public key.

use ed25519_dalek::{Signer as _, SigningKey};
use folkmoot_core::bounded::{Bounded, Text};
use folkmoot_core::codec;
use folkmoot_core::governance::invitation::{Invitation, JoinRequest, consent, voucher};
use folkmoot_core::id::MemberId;
use folkmoot_core::key::Signature;
use folkmoot_core::time::UnixMillis;
use zeroize::Zeroizing;

use crate::armor::{ArmorError, armor, unarmor};
use crate::errors::{Class, Failure};

/// Most addresses in one invitation.
pub const ADDRESSES_MAX: usize = 8;
/// Longest address, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 256;

/// What every invitation begins with, before a `1`.
pub const PREFIX: &str = "moot";
/// Longest content: an invitation with a full frontier, a secret, and all addresses.
const CODE_BYTES_MAX: usize = 8 * 1024;

type Address = Text<ADDRESS_BYTES_MAX>;
/// Invitation, secret, what all addresses end with, and what each begins with.
type Content = (Invitation, [u8; 32], Address, Bounded<Address, ADDRESSES_MAX>);

/// Why a string is not an invitation that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The string itself.
    #[error("this is not a whole invitation: {0}")]
    Text(#[from] ArmorError),
    /// The checksum fits, but it is not an invitation that this program knows.
    #[error("this invitation was written by another version of the program")]
    Form,
    /// The inviter did not sign it.
    #[error("this invitation is not signed by who it says invites")]
    Signature,
    /// The secret is not the one that was signed for.
    #[error("the secret in this invitation is not the one that it was signed for")]
    Secret,
}

impl From<CodeError> for Failure {
    fn from(error: CodeError) -> Self {
        let code = match &error {
            CodeError::Text(ArmorError::Prefix { .. }) => "invitation-prefix",
            CodeError::Text(ArmorError::Character { .. }) => "invitation-character",
            CodeError::Text(ArmorError::Truncated) => "invitation-truncated",
            CodeError::Text(ArmorError::TooLong) => "invitation-too-long",
            CodeError::Text(ArmorError::Checksum) => "invitation-checksum",
            CodeError::Form => "invitation-form",
            CodeError::Signature => "invitation-signature",
            CodeError::Secret => "invitation-secret",
        };
        let hint = match &error {
            CodeError::Text(_) => "copy it again, from `moot1` to its end",
            CodeError::Form => "compare `moot version` with the inviter's",
            CodeError::Signature | CodeError::Secret => "ask the inviter for a new one",
        };
        Self::new(Class::Usage, code, error.to_string()).hint(hint)
    }
}

/// An invitation with all that is needed to use it.
pub struct Code {
    /// What the inviter signed.
    pub invitation: Invitation,
    /// Where the inviter may be reached: multiaddresses.
    pub addresses: Vec<String>,
    secret: SigningKey,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Code({:?})", self.invitation.terms.id())
    }
}

impl Code {
    /// An invitation with its one-time secret; of the addresses, the first eight that fit.
    pub fn new(invitation: Invitation, secret: SigningKey, addresses: Vec<String>) -> Self {
        let fits = |address: &String| Text::<ADDRESS_BYTES_MAX>::new(address).is_some();
        let addresses = addresses.into_iter().filter(fits).take(ADDRESSES_MAX).collect();
        Self { invitation, addresses, secret }
    }

    /// The string, or `None` where it would be longer than any that is read.
    pub fn encode(&self) -> Option<Zeroizing<String>> {
        // Addresses of one node differ in their beginnings; its name at the end is said once.
        let ending = common_ending(&self.addresses);
        let beginnings = self.addresses.iter().map(|address| address.strip_suffix(ending));
        let beginnings: Option<Vec<Address>> =
            beginnings.map(|beginning| Address::new(beginning?)).collect();
        let beginnings: Bounded<Address, ADDRESSES_MAX> = Bounded::new(beginnings?)?;
        let secret = Zeroizing::new(self.secret.to_bytes());
        let content = (&self.invitation, &*secret, Address::new(ending)?, beginnings);
        let bytes = Zeroizing::new(codec::encode(&content));
        if bytes.len() > CODE_BYTES_MAX { None } else { armor(PREFIX, &bytes) }
    }

    /// Reads a string and checks all that can be checked without the network (NET-20): checksum,
    /// the inviter's signature, and that the secret is the one that was signed for. Spaces and
    /// line breaks within it do no harm.
    ///
    /// # Errors
    ///
    /// [`CodeError`]. Expiry is no error: this clock may be wrong, and the witness judges it.
    pub fn decode(text: &str) -> Result<Self, CodeError> {
        let text: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|character| !character.is_whitespace()).collect());
        let bytes = unarmor(PREFIX, &text, CODE_BYTES_MAX)?;
        let content = codec::decode::<Content>(&bytes, CODE_BYTES_MAX);
        let (invitation, secret, ending, beginnings) = content.map_err(|_| CodeError::Form)?;
        let secret = SigningKey::from_bytes(&Zeroizing::new(secret));
        if !invitation.is_signed() {
            return Err(CodeError::Signature);
        }
        if invitation.terms.one_time_key.0 != secret.verifying_key().to_bytes() {
            return Err(CodeError::Secret);
        }
        let whole = |beginning: &Address| format!("{}{}", &**beginning, &*ending);
        let addresses = beginnings.iter().map(whole).collect();
        Ok(Self { invitation, addresses, secret })
    }

    /// The request by which `joiner` uses the invitation. `sign` is asked for the joiner's
    /// consent; none where it has no key.
    pub fn request(
        &self,
        joiner: MemberId,
        sign: impl FnOnce(&[u8; 32]) -> Option<Signature>,
    ) -> Option<JoinRequest> {
        let id = self.invitation.terms.id();
        Some(JoinRequest {
            invitation: self.invitation.clone(),
            joiner,
            signature: sign(&consent(id, joiner))?,
            one_time_signature: Signature(self.secret.sign(&voucher(id, joiner)).to_bytes()),
        })
    }

    /// Whether the invitation is out of date by this machine's clock.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.invitation.terms.expires_at < now
    }
}

/// From the last `/p2p/` on, where all addresses end alike.
fn common_ending(addresses: &[String]) -> &str {
    let first = addresses.first().and_then(|first| first.get(first.rfind("/p2p/")?..));
    let first = first.unwrap_or_default();
    if addresses.iter().all(|address| address.ends_with(first)) { first } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use folkmoot_core::governance::invitation::Terms;
    use folkmoot_core::governance::rights::Rights;
    use folkmoot_core::id::{GroupId, NamespaceId, OpId};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn id(key: &SigningKey) -> MemberId {
        MemberId(key.verifying_key().to_bytes())
    }

    fn signed(one_time: &SigningKey, inviter: &SigningKey) -> Invitation {
        let terms = Terms {
            namespace: NamespaceId([1; 32]),
            group: GroupId([1; 32]),
            inviter: id(&key(1)),
            rights: Rights::MEMBER,
            uses_max: 1,
            expires_at: UnixMillis(1000),
            frontier: Bounded::truncated(vec![OpId([2; 32])]),
            one_time_key: id(one_time),
        };
        let signature = Signature(inviter.sign(&terms.id().0).to_bytes());
        Invitation { terms, signature }
    }

    fn code() -> Code {
        let address = |part: &str| format!("/ip4/192.0.2.1/{part}/p2p/12D3KooW");
        let addresses = vec![address("tcp/4001"), address("udp/4001/quic-v1")];
        Code::new(signed(&key(2), &key(1)), key(2), addresses)
    }

    #[test]
    fn net_20_a_code_round_trips_and_its_requests_are_signed() {
        let text = code().encode().unwrap();
        let read = Code::decode(&text).unwrap();
        assert_eq!(read.invitation, code().invitation);
        assert_eq!(read.addresses, code().addresses);
        assert!(read.is_expired(UnixMillis(1001)) && !read.is_expired(UnixMillis(1000)));
        let joiner = key(3);
        let sign = |message: &[u8; 32]| Some(Signature(joiner.sign(message).to_bytes()));
        assert!(read.request(id(&joiner), sign).unwrap().is_signed());
        assert_eq!(read.request(id(&joiner), |_| None), None);
        let (head, tail) = text.split_at(100);
        assert!(Code::decode(&format!(" {head}\n  {tail}\n")).is_ok());
    }

    #[test]
    fn net_20_every_changed_character_is_noticed() {
        let text = code().encode().unwrap();
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(matches!(Code::decode(&changed), Err(CodeError::Text(_))), "at {at}");
            assert!(matches!(Code::decode(&text[..at]), Err(CodeError::Text(_))), "at {at}");
        }
    }

    #[test]
    fn net_20_a_false_inviter_and_a_false_secret_are_noticed() {
        let forged = Code::new(signed(&key(2), &key(9)), key(2), Vec::new()).encode().unwrap();
        assert_eq!(Code::decode(&forged).unwrap_err(), CodeError::Signature);
        let wrong = Code::new(signed(&key(2), &key(1)), key(8), Vec::new()).encode().unwrap();
        assert_eq!(Code::decode(&wrong).unwrap_err(), CodeError::Secret);
    }

    #[test]
    fn addresses_are_bounded_and_the_secret_does_not_show() {
        let many = vec!["/ip4/192.0.2.1/tcp/1".to_owned(); 20];
        assert_eq!(common_ending(&many), "");
        let code = Code::new(signed(&key(2), &key(1)), key(2), many);
        assert_eq!(Code::decode(&code.encode().unwrap()).unwrap().addresses.len(), ADDRESSES_MAX);
        assert!(format!("{code:?}").len() < 40);
    }
}
