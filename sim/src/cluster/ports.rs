//! The other ports of a node: a network that notes its orders, and keys.

use super::disk::Disk;
use super::life::Life;
use crate::kit::Author;
use folkmoot_core::id::MemberId;
use folkmoot_core::key::OwnSignature;
use folkmoot_effects::net::{NetCommand, NetGone};
use folkmoot_effects::ports::{Net, Signer};
use folkmoot_effects::store::Seq;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The private keys of a node. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Mutex<BTreeMap<MemberId, Author>>>);

impl Keys {
    pub(super) fn add(&self, author: &Author) {
        locked(&self.0).insert(author.id, author.clone());
    }
}

impl Signer for Keys {
    fn sign(&self, member: &MemberId, message: &[u8; 32]) -> Option<OwnSignature> {
        locked(&self.0).get(member).map(|author| author.make(message))
    }
}

/// Nobody else has it: all of this is one thread.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
