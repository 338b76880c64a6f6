//! The other ports of a node: a network that notes its orders, and keys.

use super::disk::Disk;
use super::life::Life;
use crate::kit::Author;
use folkmoot_core::id::MemberId;
use folkmoot_core::key::{OwnSignature, Signers};
use folkmoot_effects::net::{NetCommand, NetGone};
use folkmoot_effects::ports::{Net, Signer};
use folkmoot_effects::store::Seq;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Signatures and ops that a world remembers.
const JUDGED_MAX: usize = 1 << 16;

/// An order to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub command: NetCommand,
    /// How many records were synced when it was given.
    pub synced: Seq,
}

/// A network that notes its orders. Clones are the same.
#[derive(Clone)]
pub(super) struct OrderBook {
    pub(super) orders: Arc<Mutex<Vec<Order>>>,
    pub(super) disk: Disk,
    pub(super) life: Life,
}

impl OrderBook {
    /// Takes the orders so far.
    pub(super) fn take(&self) -> Vec<Order> {
        std::mem::take(&mut locked(&self.orders))
    }
}

impl Net for OrderBook {
    fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        if !self.life.goes_on() {
            return Err(NetGone);
        }
        locked(&self.orders).push(Order { command, synced: self.disk.synced() });
        Ok(())
    }
}

/// What was signed in a world, and what of it was found valid, which is so for every node. Clones
/// are the same.
#[derive(Clone)]
pub(super) struct Judged(Arc<Mutex<Signers>>);

impl Default for Judged {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Signers::remembering(JUDGED_MAX))))
    }
}

impl Judged {
    pub(super) fn signers(&self) -> MutexGuard<'_, Signers> {
        locked(&self.0)
    }
}

/// The private keys of a node. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Mutex<Ring>>);

#[derive(Default)]
struct Ring {
    authors: BTreeMap<MemberId, Author>,
    judged: Judged,
}

impl Keys {
    pub(super) fn add(&self, author: &Author) {
        locked(&self.0).authors.insert(author.id, author.clone());
    }

    /// What is signed with them is known to be valid in this world.
    pub(super) fn join(&self, judged: &Judged) {
        locked(&self.0).judged = judged.clone();
    }
}

impl Signer for Keys {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        let ring = locked(&self.0);
        let own = ring.authors.get(member)?.make(message);
        ring.judged.signers().vouch(&own);
        Some(own)
    }
}

/// Nobody else has it: all of this is one thread.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
