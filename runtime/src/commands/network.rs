//! Peers: list, connect, block, unblock.

use folkmoot_core::id::PeerKey;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::render::{Cell, Page, Show, Tone};
use crate::reply::{Done, short};
use crate::resolve::{Candidate, pick};

/// Connected peers
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Peers {}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its transport key.
    pub id: String,
    /// Where its connections lead.
    pub addresses: Vec<String>,
}

/// Connected peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeersReply {
    /// Each of them.
    pub peers: Vec<Peer>,
}

impl Show for PeersReply {
    fn show(&self, page: &mut Page) {
        let row = |peer: &Peer| {
            vec![Cell(Tone::Strong, short(&peer.id)), peer.addresses.join(" ").into()]
        };
        page.table(&["peer", "addresses"], &self.peers.iter().map(row).collect::<Vec<_>>());
    }
}

impl Call for Peers {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/peers";
    type Reply = PeersReply;

    async fn answer(self, cx: &Cx) -> Result<PeersReply, Failure> {
        let peers = cx.node.peers().into_iter();
        let peers = peers.map(|(id, addresses)| Peer { id: id.to_string(), addresses });
        Ok(PeersReply { peers: peers.collect() })
    }
}

/// Keep a connection with whoever is at an address
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Connect {
    /// A multiaddress, such as /ip4/192.0.2.1/tcp/4001/p2p/…
    pub address: String,
}

impl Call for Connect {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/connect";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        if !self.address.starts_with("/ip4/") && !self.address.starts_with("/ip6/") {
            let message = format!("`{}` is not an address to dial", self.address);
            return Err(Failure::new(Class::Usage, "bad-address", message)
                .hint("write for instance /ip4/192.0.2.1/tcp/4001"));
        }
        cx.node.dial(self.address.clone()).await;
        Ok(Done::new(format!("dialling {}; `moot peers` shows who is connected", self.address)))
    }
}

/// Close the connections of a peer and refuse it from now on
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Block {
    /// Which
    pub peer: String,
}

impl Cx {
    /// The peer that was named: any whole id, or the beginning of a connected one's.
    fn peer(&self, text: &str) -> Result<PeerKey, Failure> {
        if let Ok(peer) = text.parse() {
            return Ok(peer);
        }
        let all = self.node.peers().into_iter();
        let candidates: Vec<_> = all
            .map(|(peer, _)| Candidate { value: peer, id: peer.to_string(), name: None })
            .collect();
        pick("peer", PeerKey::PREFIX, text, &candidates)
    }
}

impl Call for Block {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/block";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        let peer = cx.peer(&self.peer)?;
        cx.node.block(peer).await;
        Ok(Done::new(format!("refusing {peer}")))
    }
}

/// Stop refusing a peer
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Unblock {
    /// Which, by the whole id
    pub peer: String,
}

impl Call for Unblock {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/unblock";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        let peer = cx.peer(&self.peer)?;
        cx.node.unblock(peer).await;
        Ok(Done::new(format!("no longer refusing {peer}")))
    }
}
