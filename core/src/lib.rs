//! The pure core of Folkmoot: everything that is decided, and nothing that touches the world.
#![no_std]
extern crate alloc;

pub mod bounded;
pub mod budget;
pub mod codec;
pub mod command;
mod decide;
pub mod digest;
pub mod effect;
pub mod event;
pub mod evolve;
pub mod few;
pub mod governance;
pub mod id;
pub mod identities;
pub mod input;
pub mod join;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod pending;
pub mod pmap;
pub mod prng;
pub mod publish;
pub mod query;
pub mod readiness;
pub mod receive;
pub mod record;
pub mod requests;
pub mod settings;
pub mod signed;
pub mod snapshot;
pub mod state;
pub mod statement;
pub mod step;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod time;
pub mod timers;
pub mod wire;
