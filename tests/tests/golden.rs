//! Bytes that may not change, in `tests/golden/schema-1/`.
//!
//! Each file is a list of lines, a name and a value: hex, or the text form of an id. A change of
//! any of them is a change of the protocol or of the log, and needs a new version beside this one,
//! with a folder of its own. `FOLKMOOT_BLESS=1 cargo test -p folkmoot-tests golden` writes the
//! files anew; look at the difference before you believe it.

mod book;
mod core_types;
mod document;
mod log;
mod messages;
mod ops;
mod state;

use book::{Book, hex, unhex};
