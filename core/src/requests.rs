//! Questions to the world. Each ends exactly once: by its answer, a failure, or its deadline.

use crate::id::{NamespaceId, PeerKey};
use crate::input::RequestId;
use crate::state::Task;
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
        /// For what.
        task: Task,
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

impl Purpose {
    /// The namespace whose peers it asks; none for a signature, which is owed to its wish, and for
    /// what nobody waits for.
    pub const fn namespace(&self) -> Option<NamespaceId> {
        match self {
            Self::Compare { exchange }
            | Self::Fetch { exchange, .. }
            | Self::Reconcile { exchange } => Some(exchange.namespace),
            Self::Identify { namespace, .. } | Self::Admit { namespace, .. } => Some(*namespace),
            Self::Sign { .. } | Self::Acknowledge | Self::Tell => None,
        }
    }
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

    /// Ends all questions to the peers of a namespace, and names them.
    pub fn close_all(&mut self, namespace: NamespaceId) -> Vec<RequestId> {
        let open = self.open.iter();
        let of_namespace = open.filter(|(_, purpose)| purpose.namespace() == Some(namespace));
        let closed: Vec<RequestId> = of_namespace.map(|(id, _)| *id).collect();
        self.open.retain(|_, purpose| purpose.namespace() != Some(namespace));
        closed
    }

    /// Ends what is being signed for a namespace: what it was for.
    pub fn close_signing(&mut self, namespace: NamespaceId) -> Vec<(RequestId, Task)> {
        let is_one = |_: &RequestId, purpose: &mut Purpose| {
            let Purpose::Sign { namespace: of, .. } = purpose else { return false };
            *of == Some(namespace)
        };
        let closed = self.open.extract_if(.., is_one).filter_map(|(request, purpose)| {
            if let Purpose::Sign { task, .. } = purpose { Some((request, task)) } else { None }
        });
        closed.collect()
    }

    /// The open questions.
    pub fn iter(&self) -> impl Iterator<Item = (&RequestId, &Purpose)> {
        self.open.iter()
    }
}
