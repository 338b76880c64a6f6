//! What people and programs type and send: invitations, ids, calls of the local API.

use folkmoot_core::id::{ContextId, GroupId, InvitationId, MemberId, NamespaceId, OpId, PeerKey};
use folkmoot_runtime::armor::armor;
use folkmoot_runtime::call::{Call, Method};
use folkmoot_runtime::code::{Code, PREFIX};
use folkmoot_runtime::commands::join::Join;
use folkmoot_runtime::envelope;
use folkmoot_runtime::server::{Visit, body_of, query_of, visit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::str::FromStr;

/// The text of an invitation, and its content with the checksum that fits it.
pub fn invitation(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        code(text);
    }
    if let Some(text) = armor(PREFIX, bytes) {
        code(&text);
    }
}

fn code(text: &str) {
    let Ok(read) = Code::decode(text) else { return };
    let Some(again) = read.encode() else { return };
    let reread = Code::decode(&again).expect("what is written is read");
    assert_eq!((&reread.invitation, &reread.addresses), (&read.invitation, &read.addresses));
}

/// Every kind of id: what is read is written as the same text, but for capitals.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    id::<OpId>(text);
    id::<NamespaceId>(text);
    id::<GroupId>(text);
    id::<ContextId>(text);
    id::<MemberId>(text);
    id::<InvitationId>(text);
    id::<PeerKey>(text);
}

fn id<T: FromStr + Display>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
}

/// The body of a call, its query, and an answer, for every route: the first byte chooses.
pub fn api(bytes: &[u8]) {
    let Some((route, bytes)) = bytes.split_first() else { return };
    let mut calls = Calls { wanted: usize::from(*route), seen: 0, bytes };
    visit(&mut calls);
    if usize::from(*route) == calls.seen {
        reread(body_of::<Join>(bytes).ok());
    }
    let _ = envelope::open::<serde_json::Value>(bytes);
}

struct Calls<'a> {
    wanted: usize,
    seen: usize,
    bytes: &'a [u8],
}

impl Visit for Calls<'_> {
    fn see<C: Call>(&mut self) {
        let is_wanted = self.wanted == self.seen;
        self.seen += 1;
        if !is_wanted {
            return;
        }
        reread(body_of::<C>(self.bytes).ok());
        if C::METHOD == Method::Get
            && let Ok(query) = str::from_utf8(self.bytes)
        {
            reread(query_of::<C>(&format!("{}?{query}", C::PATH)).ok());
        }
        let _ = envelope::open::<C::Reply>(self.bytes);
    }
}

/// What was understood is understood again from how the client writes it.
fn reread<T: Serialize + DeserializeOwned>(call: Option<T>) {
    let Some(call) = call else { return };
    let written = serde_json::to_vec(&call).expect("a call is JSON");
    let Ok(again) = body_of::<T>(&written) else { panic!("a call that cannot be sent again") };
    let again = serde_json::to_vec(&again).expect("a call is JSON");
    assert_eq!(again, written);
}
