//! Everything that touches the world: the log, the network, clocks, keys and threads.
//!
//! The pure reducer of `folkmoot-core` decides; this crate brings it inputs, makes its events
//! durable and then performs its effects. [`node::start`] puts the parts together:
//!
//! | part | thread | what it does |
//! |---|---|---|
//! | [`net`] | one async task | bytes from and to peers |
//! | [`ingress`] | a few | bytes to verified inputs |
//! | [`driver`] | one | steps the reducer, signs, commits, performs |
//! | [`perform`] | that of the driver, one more | effects; pages of ops for peers that ask |
//! | [`store`] | that of the driver, one more | the durable log; snapshots of the state |
//!
//! All queues between them are bounded. The driver never waits for any of the others: what cannot
//! be handed over is done on its own thread or refused.

pub mod decoders;
pub mod driver;
pub mod ingress;
pub mod net;
pub mod node;
pub mod perform;
pub mod ports;
pub mod recorder;
pub mod replay;
pub mod signer;
pub mod store;
pub mod verify;
pub mod wakeup;
