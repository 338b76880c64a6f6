//! Real nodes for tests: processes of the program under test, each with a data folder of its own.
//!
//! Everything is on 127.0.0.1 and below one temporary folder. Nothing waits for a time to pass:
//! [`until`] asks again until a condition holds, and gives up at a deadline that only a node that
//! hangs would meet. Processes end with the value that stands for them.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "where a test cannot do its work, or the program fails it, the test ends"
)]
#![expect(clippy::indexing_slicing, reason = "a JSON value has null at a key that it has not")]

pub mod crash;
mod files;
mod ground;
mod node;
mod relay;
mod run;

use std::fmt::Display;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use files::{contents, write_private};
pub use ground::{Ground, Seat};
pub use node::{Node, Stage, Transport};
pub use relay::{Relay, Way};
pub use run::{Ran, Refusal, end_node_of, run_within};

/// How long a condition may take that comes true at once on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Asks again until there is an answer; ends the test after [`PATIENCE`], with the last reason why
/// there was none.
///
/// # Panics
///
/// At the deadline.
pub fn until<T, E: Display>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if Instant::now() > deadline => {
                panic!("not within {} s: {what}; {why}", PATIENCE.as_secs())
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Waits until all nodes have the same heads and the same state root in the one namespace that
/// they share, and nothing is pending; gives heads and root.
///
/// # Panics
///
/// When they do not agree in time.
pub fn agree(nodes: &[&Node]) -> Value {
    until("the nodes agree", || {
        let seen: Vec<Value> = nodes.iter().map(|node| node.summit()).collect();
        let same = seen.windows(2).all(|pair| pair.first() == pair.last());
        let first = seen.first().filter(|summit| same && summit["pending"] == 0);
        first.cloned().ok_or_else(|| Value::from(seen.clone()))
    })
}

/// Has one node dial another, and waits until each has the other among its peers.
///
/// # Panics
///
/// When they do not meet in time.
pub fn meet(dialler: &Node, other: &Node) {
    dialler.data(&["connect", &other.address()]);
    for (node, peer) in [(dialler, other.peer()), (other, dialler.peer())] {
        until("the two are connected", || {
            let seen = node.peers();
            if seen.contains(&peer) { Ok(()) } else { Err(seen.join(" ")) }
        });
    }
}

/// The string at a place of an answer.
///
/// # Panics
///
/// When there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} in {value}")).to_owned()
}

/// A port of this machine that nobody uses, for TCP and UDP, outside of the range from which the
/// operating system takes ports by itself: it stays free while its node is down.
///
/// # Panics
///
/// When all are in use.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    /// Below 32,768, where the range of Linux begins.
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 18_000;
    for _ in 0..COUNT {
        // Test processes that run at the same time begin far from each other.
        let begin = std::process::id().wrapping_mul(97);
        let offset = begin.wrapping_add(u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("below 32,768");
        let place = ("127.0.0.1", port);
        if TcpListener::bind(place).is_ok() && UdpSocket::bind(place).is_ok() {
            return port;
        }
    }
    panic!("all ports from {FIRST} on are in use")
}
