//! Identities: make one, show all. Works on the key folder; needs no node.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::errors::Failure;
use crate::keys::Keystore;
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::short;

/// A new identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdNewReply {
    /// Its id, to be handed to whoever founds the namespace.
    pub id: String,
}

impl Show for IdNewReply {
    fn show(&self, page: &mut Page) {
        page.line(&self.id);
    }
}

/// Makes an identity for a namespace to come.
///
/// # Errors
///
/// When the key folder cannot be used.
pub fn new(home: &Path) -> Result<IdNewReply, Failure> {
    Ok(IdNewReply { id: Keystore::open(home)?.create()?.to_string() })
}

/// One identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub id: String,
    /// The namespace it is used for; none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// All identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdShowReply {
    /// Each of them.
    pub identities: Vec<Identity>,
}

impl Show for IdShowReply {
    fn show(&self, page: &mut Page) {
        if self.identities.is_empty() {
            page.line("no identity yet: `moot ns create` and `moot join` make one");
            return;
        }
        let row = |identity: &Identity| {
            let used = identity.namespace.as_deref().map_or_else(|| "-".to_owned(), short);
            vec![Cell(Tone::Strong, identity.id.clone()), used.into()]
        };
        let rows: Vec<_> = self.identities.iter().map(row).collect();
        page.table(&["identity", "namespace"], &rows);
    }
}

/// All identities of a data folder.
///
/// # Errors
///
/// When the key folder cannot be used.
pub fn show(home: &Path) -> Result<IdShowReply, Failure> {
    let all = Keystore::open(home)?.list()?.into_iter();
    let identities = all.map(|(member, namespace)| Identity {
        id: member.to_string(),
        namespace: namespace.map(|namespace| namespace.to_string()),
    });
    Ok(IdShowReply { identities: identities.collect() })
}
