//! Connections: make, refuse, refuse no longer.

use serde::{Deserialize, Serialize};

use crate::call::{Call, Cx, Method};
use crate::errors::{Class, Failure};
use crate::reply::Done;

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

impl Call for Block {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/block";
    type Reply = Done;

    async fn answer(self, cx: &Cx) -> Result<Done, Failure> {
        let peer = cx.peer(&self.peer).await?;
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
        let peer = cx.peer(&self.peer).await?;
        cx.node.unblock(peer).await;
        Ok(Done::new(format!("no longer refusing {peer}")))
    }
}
