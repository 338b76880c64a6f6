//! Questions to the world. Each ends exactly once: by its answer, a failure, or its deadline.

use crate::id::{NamespaceId, OpId, PeerKey};
use crate::input::RequestId;
use crate::state::Wish;
use crate::wire::Nonce;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
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
        /// Where.
        namespace: NamespaceId,
        /// With whom.
        peer: PeerKey,
    },
    /// To get a page of ops.
    Fetch {
        /// Where.
        namespace: NamespaceId,
        /// From whom.
        peer: PeerKey,
        /// What we want.
        want: Vec<OpId>,
        /// What we said we have.
        have: Vec<OpId>,
        /// How many ops of the answer were passed over.
        from: u64,
        /// How many were asked for.
        count: u32,
    },
    /// To learn where our sets of ops differ.
    Reconcile {
        /// Where.
        namespace: NamespaceId,
        /// From whom.
        peer: PeerKey,
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

impl Purpose {
    /// The namespace whose peers it asks; none for a signature, which is owed to its wish, and for
    /// an ack, which nobody waits for.
    pub const fn namespace(&self) -> Option<NamespaceId> {
        match self {
            Self::Compare { namespace, .. }
            | Self::Fetch { namespace, .. }
            | Self::Reconcile { namespace, .. }
            | Self::Identify { namespace, .. }
            | Self::Admit { namespace, .. } => Some(*namespace),
            Self::Sign { .. } | Self::Acknowledge => None,
        }
    }
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

    /// Ends all questions to the peers of a namespace, and names them.
    pub fn close_all(&mut self, namespace: NamespaceId) -> Vec<RequestId> {
        let open = self.open.iter();
        let of_namespace = open.filter(|(_, purpose)| purpose.namespace() == Some(namespace));
        let closed: Vec<RequestId> = of_namespace.map(|(id, _)| *id).collect();
        self.open.retain(|_, purpose| purpose.namespace() != Some(namespace));
        closed
    }

    /// The open questions.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId, &Purpose)> {
        self.open.iter()
    }
}
