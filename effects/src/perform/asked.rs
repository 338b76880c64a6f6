//! Questions under way: the ingress checks an answer against what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use folkmoot_core::id::NamespaceId;
use folkmoot_core::input::RequestId;

use crate::ports::locked;

/// The namespaces of questions under way. Clones share them.
///
/// As bounded as the requests in flight: the network ends each of them once.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Mutex<BTreeMap<RequestId, NamespaceId>>>);

impl Asked {
    /// Notes a question before it is sent.
    pub fn note(&self, request: RequestId, namespace: NamespaceId) {
        locked(&self.0).insert(request, namespace);
    }

    /// Takes out a question that has ended; `None` for one that was not asked.
    pub fn end(&self, request: RequestId) -> Option<NamespaceId> {
        locked(&self.0).remove(&request)
    }
}
