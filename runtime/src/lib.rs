//! The `moot` command: a node, the local API that it serves, and the command line that uses it.
//!
//! A command is one type ([`call::Call`]): its fields are the arguments on the command line, the
//! parameters of its route, and what the node works on. `cli` reads it, [`client`] sends it to
//! the socket of the running node, [`server`] has it answered, [`render`] shows the answer.
//!
//! Invariants:
//! - Data goes to standard output, everything else to standard error.
//! - Text that another member wrote reaches a terminal only through [`render`], which escapes it.
//! - Secrets are in [`keys`] and [`code`] only, are wiped from memory, and have no `Debug`.
//! - Nothing is decided here that the core decides: a refusal is its refusal.

pub mod args;
pub mod armor;
pub mod call;
mod cli;
pub mod client;
pub mod code;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod delivery;
pub mod demo;
pub mod envelope;
pub mod errors;
pub mod home;
pub mod keys;
pub mod port;
pub mod refusal;
pub mod render;
pub mod reply;
pub mod resolve;
pub mod scene;
pub mod server;
pub mod telemetry;
pub mod words;

pub use cli::{main, table};
