//! Questions to the world. Each ends exactly once: by its answer, a failure, or its deadline.

use crate::id::{NamespaceId, PeerKey};
use crate::input::RequestId;
use crate::state::Wish;
use crate::wire::Nonce;
use alloc::collections::BTreeMap;
use borsh::{BorshDeserialize, BorshSerialize};

/// Why we asked.
#[expect(clippy::large_enum_variant, reason = "few are open at a time")]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Purpose {
    /// To have something signed.
    Sign {
        /// Where; none for a genesis.
        namespace: Option<NamespaceId>,
        /// For whom.
        wish: Wish,
    },
    /// To compare heads.
    Compare {
        /// In which exchange.
        exchange: Exchanging,
    },
    /// To tell a peer what is common, so that it can fetch the rest; its answer is not needed.
    Tell,
    /// To get a page of ops.
    Fetch {
        /// In which exchange.
        exchange: Exchanging,
        /// How many ops of the list were passed over.
        from: u64,
    },
    /// To learn where our sets of ops differ.
    Reconcile {
        /// In which exchange.
        exchange: Exchanging,
    },
    /// To learn who a peer is.
    Identify {
        /// Where.
        namespace: NamespaceId,
        /// Who should prove it.
        peer: PeerKey,
        /// What it must sign.
        nonce: Nonce,
    },
    /// To acknowledge an op.
    Acknowledge,
    /// To be admitted.
    Admit {
        /// Where.
        namespace: NamespaceId,
        /// By whom.
        peer: PeerKey,
    },
}

/// Names an exchange with a peer, as it was when something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Exchanging {
    /// Where.
    pub namespace: NamespaceId,
    /// With whom.
    pub peer: PeerKey,
    /// Changes whenever the exchange begins anew.
    pub number: u64,
}

/// Open questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Requests {
    open: BTreeMap<RequestId, Purpose>,
    next: u64,
}

impl Requests {
    /// Opens a question and names it.
    pub fn open(&mut self, purpose: Purpose) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        self.open.insert(id, purpose);
        id
    }

    /// Ends a question; `None` where it ended before.
    pub fn close(&mut self, id: RequestId) -> Option<Purpose> {
        self.open.remove(&id)
    }

    /// The open questions.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId, &Purpose)> {
        self.open.iter()
    }
}
