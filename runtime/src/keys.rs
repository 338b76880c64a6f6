//! The secret keys of this node: one file each, read by nobody else.
//!
//! An identity is a key per node and namespace. The folder `keys` (0700) holds `node.key`, the
//! transport key, and for each identity `mem1….key`, its secret, and, once it is used, `mem1….for`,
//! which names its namespace. That is noted before a join is tried, so that a retry uses the same
//! identity; for an identity that is made for the join, before the key itself is there.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use folkmoot_core::id::{IdError, MemberId, NamespaceId};
use folkmoot_core::key::OwnSignature;
use zeroize::Zeroizing;

use crate::armor::{armor, unarmor};
use crate::errors::{Class, Failure};

/// Name of the folder under the data folder.
pub const KEYS: &str = "keys";

const NODE_KEY: &str = "node.key";
const SECRET_PREFIX: &str = "secret";

/// Why a key cannot be used. Each message ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others could read it, or put another in its place.
    #[error(
        "{} has mode {mode:o}, so that others than you may use it; look who had access, then \
         `chmod {wanted:o} {}`", path.display(), path.display()
    )]
    OpenToOthers {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It belongs to another user.
    #[error(
        "{} belongs to user {owner}, not to you; run as that user, or take it over with chown",
        path.display()
    )]
    OtherOwner {
        /// The file or folder.
        path: PathBuf,
        /// Id of the user who owns it.
        owner: u32,
    },
    /// It is a symbolic link.
    #[error("{} is a symbolic link; put the key itself there", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// It is a pipe, a device, a folder; or a file where the folder should be.
    #[error("{} is not {wanted}; move it away", path.display())]
    WrongType {
        /// What was found there.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
    },
    /// Its content is not a key, or not the one that its name says.
    #[error(
        "{} does not hold the key of its name ({why}); restore it from a backup", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file of this name exists; it is never overwritten.
    #[error("{} exists already; nothing was written", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// An identity is used for one namespace only.
    #[error("the identity {member} is used for {namespace} already; make one with `moot id new`")]
    Used {
        /// The identity.
        member: MemberId,
        /// What it is used for.
        namespace: NamespaceId,
    },
    /// The operating system refused.
    #[error("could not {verb} {}: {source}; check the disk and the permissions", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes ({0}); no key was made")]
    Random(getrandom::Error),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let (class, code) = match &error {
            KeyError::OpenToOthers { .. } => (Class::Failed, "key-open-to-others"),
            KeyError::OtherOwner { .. } => (Class::Failed, "key-other-owner"),
            KeyError::Symlink { .. } => (Class::Failed, "key-symlink"),
            KeyError::WrongType { .. } => (Class::Failed, "key-wrong-type"),
            KeyError::Damaged { .. } => (Class::Damaged, "key-damaged"),
            KeyError::Exists { .. } => (Class::Failed, "key-exists"),
            KeyError::Used { .. } => (Class::Denied, "key-used"),
            KeyError::Io { .. } => (Class::Storage, "key-io"),
            KeyError::Random(_) => (Class::Failed, "no-randomness"),
        };
        Self::new(class, code, error.to_string())
    }
}

/// The key folder. Secrets are read when first used and wiped from memory when it is dropped.
pub struct Keystore {
    dir: PathBuf,
    used: RwLock<BTreeMap<MemberId, SigningKey>>,
}

impl fmt::Debug for Keystore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Keystore({})", self.dir.display())
    }
}

impl Keystore {
    /// Opens the key folder of a data folder; creates both, where absent, for this user alone.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the key folder may be used by others, or is not a folder.
    pub fn open(home: &Path) -> Result<Self, KeyError> {
        let dir = home.join(KEYS);
        file::private_dir(&dir)?;
        Ok(Self { dir, used: RwLock::new(BTreeMap::new()) })
    }

    /// Makes an identity that is not used for anything yet.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`], or what writing the file met.
    pub fn create(&self) -> Result<MemberId, KeyError> {
        let (member, secret) = new_identity()?;
        write_secret(&self.key_path(&member), &secret)?;
        Ok(member)
    }

    /// Makes an identity that is used for a namespace from the first moment on: what it is for is
    /// noted before the key is there. A kill in between leaves a note without a key, which is
    /// nobody's, and no key that nothing uses.
    ///
    /// # Errors
    ///
    /// As [`Keystore::create`].
    pub fn create_for(&self, namespace: &NamespaceId) -> Result<MemberId, KeyError> {
        let (member, secret) = new_identity()?;
        self.use_for(&member, namespace)?;
        write_secret(&self.key_path(&member), &secret)?;
        Ok(member)
    }

    /// The transport key of the node; makes it on first use.
    ///
    /// # Errors
    ///
    /// As [`Keystore::create`], and where the file may not be trusted.
    pub fn transport(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let path = self.dir.join(NODE_KEY);
        if let Some(secret) = read_secret(&path)? {
            return Ok(secret);
        }
        let secret = random()?;
        write_secret(&path, &secret)?;
        Ok(secret)
    }

    /// Whether the key of this identity is here and may be used.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the file may not be trusted.
    pub fn has(&self, member: &MemberId) -> Result<bool, KeyError> {
        if self.read_used(|used| used.contains_key(member)) {
            return Ok(true);
        }
        let path = self.key_path(member);
        let Some(secret) = read_secret(&path)? else { return Ok(false) };
        let key = SigningKey::from_bytes(&secret);
        if key.verifying_key().to_bytes() != member.0 {
            return Err(KeyError::Damaged { path, why: "it is another key".to_owned() });
        }
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        used.insert(*member, key);
        Ok(true)
    }

    /// The signature of `member` over `message`; none where its key is not here or not usable.
    pub fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        match self.has(member) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                tracing::error!(%member, %error, "the key cannot be used");
                return None;
            }
        }
        self.read_used(|used| used.get(member).map(|key| OwnSignature::make(key, message)))
    }

    /// All identities, each with the namespace it is used for.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the folder or one of its files cannot be read.
    pub fn list(&self) -> Result<Vec<(MemberId, Option<NamespaceId>)>, KeyError> {
        let names = file::names(&self.dir)?;
        let members = names.iter().filter_map(|name| name.strip_suffix(".key")?.parse().ok());
        members.map(|member| Ok((member, self.used_for(&member)?))).collect()
    }

    /// The namespace that an identity is used for.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the file that says so cannot be read.
    pub fn used_for(&self, member: &MemberId) -> Result<Option<NamespaceId>, KeyError> {
        let path = self.use_path(member);
        let Some(text) = file::read_private(&path)? else { return Ok(None) };
        let namespace = text.trim_end().parse().map(Some);
        namespace.map_err(|why: IdError| KeyError::Damaged { path, why: why.to_string() })
    }

    /// Notes that an identity is used for a namespace. The same again changes nothing.
    ///
    /// # Errors
    ///
    /// [`KeyError::Used`] where it is used for another one.
    pub fn use_for(&self, member: &MemberId, namespace: &NamespaceId) -> Result<(), KeyError> {
        match self.used_for(member)? {
            Some(old) if old == *namespace => Ok(()),
            Some(old) => Err(KeyError::Used { member: *member, namespace: old }),
            None => file::create_private(&self.use_path(member), &format!("{namespace}\n")),
        }
    }

    /// The identity that is used for a namespace.
    ///
    /// # Errors
    ///
    /// As [`Keystore::list`].
    pub fn identity_for(&self, namespace: &NamespaceId) -> Result<Option<MemberId>, KeyError> {
        let mut all = self.list()?.into_iter();
        Ok(all.find(|(_, used)| used.as_ref() == Some(namespace)).map(|(member, _)| member))
    }

    fn read_used<T>(&self, read: impl FnOnce(&BTreeMap<MemberId, SigningKey>) -> T) -> T {
        read(&self.used.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn key_path(&self, member: &MemberId) -> PathBuf {
        self.dir.join(format!("{member}.key"))
    }

    fn use_path(&self, member: &MemberId) -> PathBuf {
        self.dir.join(format!("{member}.for"))
    }
}

fn new_identity() -> Result<(MemberId, Zeroizing<[u8; 32]>), KeyError> {
    let secret = random()?;
    let member = MemberId(SigningKey::from_bytes(&secret).verifying_key().to_bytes());
    Ok((member, secret))
}

fn write_secret(path: &Path, secret: &[u8; 32]) -> Result<(), KeyError> {
    let text = armor(SECRET_PREFIX, secret).map(|mut text| {
        text.push('\n');
        text
    });
    let too_long = || KeyError::Damaged { path: path.into(), why: "too long".to_owned() };
    file::create_private(path, &text.ok_or_else(too_long)?)
}

fn read_secret(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, KeyError> {
    let damaged = |why: String| KeyError::Damaged { path: path.to_path_buf(), why };
    let Some(text) = file::read_private(path)? else { return Ok(None) };
    let bytes = unarmor(SECRET_PREFIX, text.trim_end(), 32);
    let bytes = bytes.map_err(|error| damaged(error.to_string()))?;
    let secret = <[u8; 32]>::try_from(bytes.as_slice());
    let secret = secret.map_err(|_| damaged(format!("{} bytes, not 32", bytes.len())))?;
    Ok(Some(Zeroizing::new(secret)))
}

/// 32 random bytes of the operating system.
///
/// # Errors
///
/// [`KeyError::Random`] where it has none.
pub fn random() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeyError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
