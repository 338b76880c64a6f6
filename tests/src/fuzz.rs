//! What is tried with any bytes at all: a function for each decoder, for the reducer, for the
//! streams between nodes, and for the local API.
//!
//! Each is a plain function that panics where its property does not hold: nothing panics; what is
//! read is written again as the same bytes; what was refused once is refused always. `cargo fuzz`
//! looks for bytes that break one (`tests/fuzz/`), and the ordinary tests run all of them over
//! [`seeds`] and over the corpora that were found. How much may be allocated is watched by the
//! fuzzer.
#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    clippy::panic,
    reason = "a target panics where its property does not hold"
)]

mod files;
mod messages;
mod script;
pub mod seeds;
mod step;
mod texts;

pub use files::{export, marks, record, recording, snapshot};
pub use messages::{gossip, op, payload, request, response, statement, stream};
pub use step::step;
pub use texts::{api, ids, invitation};

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, under the name that it has for `cargo fuzz`.
pub const TARGETS: [Target; 16] = [
    ("op", op),
    ("payload", payload),
    ("statement", statement),
    ("gossip", gossip),
    ("request", request),
    ("response", response),
    ("stream", stream),
    ("record", record),
    ("snapshot", snapshot),
    ("recording", recording),
    ("marks", marks),
    ("export", export),
    ("invitation", invitation),
    ("ids", ids),
    ("api", api),
    ("step", step),
];
